"""The config of `make run` as it stands, tried as its last line says: what a newcomer sees in the terminal."""

import re
import shlex
import socket
import sys
from contextlib import closing

from tests.fakes.serving import LOOPBACK, free_port
from tests.process.running import ROOT, until

SAMPLES = ("capture-2021-cvm-memory-triggered", "doc-2019-event-triggered", "capture-2021-mysql-cpu-triggered")
PORTS = (8080, 8081)
MEMORY = """\
▲ Triggered · MemoryUtilization · shop-sg-batch-02 (ins-b6y3n0wd)
  Value       90.683 %, threshold > 90 %
  Since       TIME +08:00
  Policy      Default (policy-w0k4d7sr)
  Product     CVM · Cloud Virtual Machine
  Region      Singapore (sg)
  Dimensions  name 172.21.0.14#4230981
  Id          ID
"""
PING = """\
▲ Triggered · ping不可达 · ins-pftdvqa2
  Since       TIME +08:00
  Policy      teset (policy-n4exeh88)
  Product     CVM · 云服务器-基础监控
  Region      Guangzhou (gz)
  Dimensions  deviceLanIp 172.21.0.17 · deviceWanIp 118.89.233.99 · uniqVpcId vpc-ilrwkcbw
  Id          ID
"""
MYSQL = """\
  Policy      Default (policy-m5c8t1zu)
  Product     CDB-MySQL-MASTER
  Region      Singapore (sg)
  Id          ID
"""
MYSQL_OBJECT = "cpu_use_rate · cdb-r7w2k0hp(instance name:shop-sg-db-03,IP:172.21.4.33:3306)"
TRIGGERED = f"""\
▲ Triggered · {MYSQL_OBJECT}
  Value       100, threshold > 80
  Since       TIME +08:00
{MYSQL}"""
REPEAT = f"""\
↻ Still firing · {MYSQL_OBJECT}
  Value       100, threshold > 80
  Since       TIME +08:00, for 5 min
  Repeats     1
{MYSQL}"""
RECOVERED = f"""\
✔ Recovered · {MYSQL_OBJECT}
  Value       100, threshold > 80
  From        TIME +08:00 to TIME +08:00, 6 min
{MYSQL}"""


def normalised(lines):
    """Give what a terminal shows, with times and short ids replaced."""
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", "\n".join(lines) + "\n")
    return re.sub(r"(?m)^(  Id +)\w{6}$", r"\1ID", text)


def are_free(ports):
    """Say whether nobody listens there."""
    for port in ports:
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                return False
    return True


def example(place):
    """Copy the example config, since its store stands beside it. Only where its ports are taken they are others."""
    text = (ROOT / "config.example.yaml").read_text()
    if not are_free(PORTS):
        assert "  listen: 127.0.0.1:8080\n" in text
        assert "  #listen: 127.0.0.1:8081\n" in text
        text = text.replace(":8080\n", f":{free_port()}\n", 1).replace("#listen: 127.0.0.1:8081", "listen: 127.0.0.1:0")
    path = place / "config.example.yaml"
    path.write_text(text)
    return path


async def test_three_samples_a_repeat_and_a_recovery_are_shown_as_five_messages(runner, tmp_path):
    bridge = await runner.serve(example(tmp_path))
    words = shlex.split(bridge.serving["next"])
    starter, (verb, *options, sample) = words[: words.index("send")], words[words.index("send") :]
    assert starter in (["alarm-bridge"], [sys.executable, "-m", "bridge"])  # whichever can be typed here
    assert sample == SAMPLES[0]
    code, out, err = await runner.run(verb, *options, *SAMPLES)
    assert (code, err) == (0, "")
    assert re.sub(r'"sessionId": "\w{24}"', '"sessionId": "…"', out) == "".join(
        f'{sample} (triggered): 200 {{"sessionId": "…", "retCode": 0}}\n' for sample in SAMPLES
    )
    for state in ("repeat", "recovered"):
        code, out, err = await runner.run(verb, *options, "--state", state)
        assert (code, err) == (0, "")
        assert out.startswith(f"{SAMPLES[-1]} ({state}): 200 ")
    await until(lambda: len(bridge.logged("attempt", becomes="sent")) == 5, "five messages are printed")
    assert normalised(bridge.out) == f"{MEMORY}\n{PING}\n{TRIGGERED}\n{REPEAT}\n{RECOVERED}\n"
    assert await bridge.terminate() == 0
    assert {line["level"] for line in bridge.logged("attempt") + bridge.logged("callback")} == {"info"}
