"""What the bridge says of its work, and what it never says."""

import asyncio
import base64
import inspect
import io
import json
import logging
import os
import re
import subprocess
import sys
import textwrap
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bridge.logs import begin, configure
from bridge.redaction import MOST_KEPT, forms_of, probes_of, with_older

log = structlog.get_logger()
TOKEN = "xoxb-12345-abcde/+=&ü"
PASSWORD = 'p"a\\ss w\u0007rd'
HOOK = "https://hooks.example.com/services/T0001/B0002/xyzxyzxyzxyz?key=value-of-the-key"
KEY = "-----BEGIN KEY-----\nMIIBOgIBAAJBAKj34GkxFhD9\n-----END KEY-----"
SECRETS = (TOKEN, PASSWORD, HOOK, KEY)


@pytest.fixture(autouse=True)
def standard_logging_as_before():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


@pytest.fixture
def out():
    return io.StringIO()


def lines(out):
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_call_is_one_line_of_json_that_begins_with_time_level_and_event(out):
    configure(stream=out, as_json=True, level="info")
    log.info("callback", outcome="triggered", alarm="k7m2", channels=2, seconds=0.25, route=None)
    (line,) = lines(out)
    assert list(line) == ["time", "level", "event", "outcome", "alarm", "channels", "seconds", "route"]
    assert datetime.fromisoformat(line.pop("time")).tzname() == "UTC"
    assert line == {
        "level": "info",
        "event": "callback",
        "outcome": "triggered",
        "alarm": "k7m2",
        "channels": 2,
        "seconds": 0.25,
        "route": None,
    }


def test_a_person_reads_a_short_line(out):
    configure(stream=out, as_json=False, level="info")
    log.warning("attempt", channel="ops", said="try again later", seconds=0.5)
    clock, rest = out.getvalue().split(" ", 1)
    assert re.fullmatch(r"\d\d:\d\d:\d\d", clock)
    assert rest == 'warning attempt channel=ops said="try again later" seconds=0.5\n'


def test_a_person_reads_a_list_as_its_items(out):
    configure(stream=out, as_json=False, level="info")
    log.info("callback", channels=["ops", "dba"], others=["ops"], nobody=[])
    assert out.getvalue().split(" ", 1)[1] == 'info    callback channels="ops, dba" others=ops nobody=""\n'


def test_colours_are_for_terminals_alone(out):
    configure(stream=out, as_json=False, colours=True, level="info")
    log.error("attempt", channel="ops")
    assert "\x1b[31merror  \x1b[0m attempt \x1b[2mchannel=\x1b[0mops\n" in out.getvalue()
    plain = io.StringIO()
    configure(stream=plain, as_json=False, colours=False, level="info")
    log.error("attempt", channel="ops")
    assert "\x1b" not in plain.getvalue()


@pytest.mark.parametrize(
    ("is_terminal", "environ", "begins"),
    [(True, {}, "\x1b"), (True, {"NO_COLOR": ""}, "\x1b"), (True, {"NO_COLOR": "1"}, "[0-9]"), (False, {}, "{")],
    ids=["a terminal", "an empty NO_COLOR", "NO_COLOR", "a file"],
)
def test_a_terminal_is_read_by_a_person_and_all_else_by_machines(is_terminal, environ, begins, monkeypatch, out):
    monkeypatch.setattr(out, "isatty", lambda: is_terminal)
    begin(out, environ, level="info", secrets=["made-up-secret"])
    log.info("callback", about="made-up-secret")
    assert re.match(begins, out.getvalue())
    assert "<secret>" in out.getvalue()


def test_where_the_output_was_closed_nothing_is_said():
    begin(None, {}, level="info", secrets=[])
    log.info("callback")


@pytest.mark.parametrize(
    ("level", "ours", "theirs"),
    [
        ("debug", ["debug", "info", "warning", "error", "critical"], ["debug", "info", "warning", "error", "critical"]),
        ("info", ["info", "warning", "error", "critical"], ["warning", "error", "critical"]),
        ("warning", ["warning", "error", "critical"], ["warning", "error", "critical"]),
        ("error", ["error", "critical"], ["error", "critical"]),
        ("critical", ["critical"], ["critical"]),
    ],
)
def test_less_than_the_level_is_not_said_and_libraries_say_warnings_alone_unless_at_debug(out, level, ours, theirs):
    configure(stream=out, as_json=True, level=level)
    for name in ("debug", "info", "warning", "error", "critical"):
        getattr(log, name)("ours")
        getattr(logging.getLogger("slack_sdk.web"), name)("theirs")
    assert [line["level"] for line in lines(out) if line["event"] == "ours"] == ours
    assert [line["level"] for line in lines(out) if line["event"] == "theirs"] == theirs


def test_what_was_bound_once_is_on_every_line(out):
    configure(stream=out, as_json=True, level="info")
    mine = log.bind(alarm="k7m2")
    mine.info("one")
    mine.info("two", alarm="other")
    assert [line["alarm"] for line in lines(out)] == ["k7m2", "other"]


def test_a_field_may_be_named_as_an_argument_of_the_logger_is(out):
    configure(stream=out, as_json=True, level="info")
    log.info("callback", fields=1, method_name="post", level="own", _logger="mine")
    (line,) = lines(out)
    assert (line["fields"], line["method_name"], line["level"], line["_logger"]) == (1, "post", "own", "mine")


def test_a_logger_in_use_can_be_captured_and_writes_again_afterwards(out):
    configure(stream=out, as_json=True, level="info")
    log.info("before")
    with capture_logs() as captured:
        log.warning("during", channel="ops")
        log.bind(alarm="k7m2").info("bound")
    log.info("after")
    assert captured == [
        {"event": "during", "channel": "ops", "log_level": "warning"},
        {"event": "bound", "alarm": "k7m2", "log_level": "info"},
    ]
    assert [line["event"] for line in lines(out)] == ["before", "after"]


def test_what_was_bound_is_redacted_and_keeps_its_exception(out):
    configure(stream=out, as_json=True, level="info", secrets=SECRETS)
    mine = log.bind(peer=TOKEN)
    try:
        raise RuntimeError(HOOK)
    except RuntimeError:
        mine.exception("delivery")
    (line,) = lines(out)
    assert line["peer"] == "<secret>"
    assert line["exception"].endswith("RuntimeError: <secret>")


def test_a_line_says_the_millisecond_in_which_it_was_said(out):
    configure(stream=out, as_json=True, level="info")
    begun = datetime.now(UTC)
    for _ in range(4):
        log.info("callback")
        log.info("callback")
        said = time.time_ns() // 10**6
        while time.time_ns() // 10**6 == said:
            pass
    ended = datetime.now(UTC)
    times = [datetime.fromisoformat(line["time"]) for line in lines(out)]
    assert begun - timedelta(milliseconds=1) < times[0] <= times[-1] <= ended
    assert times == sorted(times)
    assert len(set(times)) >= 4
    assert all(re.fullmatch(r"[-0-9]{10}T[:0-9]{8}\.\d{3}\+00:00", line["time"]) for line in lines(out))


def test_libraries_and_warnings_go_the_same_way(out):
    configure(stream=out, as_json=True, level="debug")
    logging.getLogger("alembic.runtime.migration").info("Running upgrade %s -> %s", "", "0001")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn(f"old {TOKEN}", DeprecationWarning, stacklevel=1)
    first, second = lines(out)
    assert (first["event"], first["logger"]) == ("Running upgrade  -> 0001", "alembic.runtime.migration")
    assert (second["level"], second["logger"]) == ("warning", "py.warnings")


def test_a_library_that_formats_wrongly_is_heard_all_the_same(out):
    logging.getLogger().handlers[:] = []  # pytest's own raises
    configure(stream=out, as_json=True, level="info")
    logging.getLogger("theirs").error("%d of %d", "one")
    assert lines(out)[0]["event"] == "%d of %d"


def test_the_access_log_is_off(out):
    configure(stream=out, as_json=True, level="debug")
    logging.getLogger("aiohttp.access").info("POST /callback/%s", TOKEN)
    assert out.getvalue() == ""


def test_an_exception_is_told_with_its_traceback_in_the_same_line(out):
    configure(stream=out, as_json=True, level="info", secrets=SECRETS)
    try:
        raise RuntimeError(f"refused {TOKEN}\nand {HOOK}")
    except RuntimeError as error:
        log.exception("delivery")
        log.error("delivery", exc_info=error)
        logging.getLogger("asyncio").exception("Task failed")
    first, second, third = lines(out)
    for line in (first, second, third):
        assert line["exception"].startswith("Traceback (most recent call last):\n")
        assert line["exception"].endswith("RuntimeError: refused <secret>\nand <secret>")
        assert line["level"] == "error"
    assert third["logger"] == "asyncio"


def test_a_traceback_is_indented_for_a_person_and_forges_no_line(out):
    configure(stream=out, as_json=False, level="info", secrets=[KEY])
    try:
        raise RuntimeError(f"one\n12:00:00 info forged\r\x1b[2Jtwo {KEY}")
    except RuntimeError:
        log.exception("delivery")
    first, *others = out.getvalue().removesuffix("\n").split("\n")
    assert first.endswith(" error   delivery")
    assert {line[:6] for line in others} == {"    | "}
    assert "\x1b" not in out.getvalue()
    assert "MIIB" not in out.getvalue()


def test_no_traceback_where_there_is_no_exception(out):
    configure(stream=out, as_json=True, level="info")
    log.exception("delivery")
    assert lines(out)[0]["exception"] == ""


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize(
    "shown",
    [
        str,
        lambda secret: {"headers": {"Authorization": f"Bearer {secret}"}},
        lambda secret: [secret, secret],
        lambda secret: json.dumps({"text": secret}),
        lambda secret: json.dumps({"text": secret}, ensure_ascii=False),
        repr,
        lambda secret: f"/callback?token={quote(secret, safe='')}",
        lambda secret: f"/callback/{quote(secret)}",
        lambda secret: base64.b64encode(secret.encode()).decode(),
        lambda secret: base64.b64encode(f"tencent:{secret}".encode()).decode(),
        lambda secret: base64.b64encode(f"a:{secret}!".encode()).decode(),
        lambda secret: base64.urlsafe_b64encode(f"ab:{secret}??".encode()).decode(),
    ],
    ids=[
        "text",
        "header",
        "list",
        "json",
        "json-unescaped",
        "repr",
        "query",
        "path",
        "b64",
        "b64-1",
        "b64-2",
        "b64-url",
    ],
)
@pytest.mark.parametrize("secret", SECRETS, ids=["token", "password", "hook", "key"])
def test_no_secret_gets_into_a_line_however_it_is_written(out, secret, shown, as_json):
    configure(stream=out, as_json=as_json, level="debug", secrets=SECRETS)
    log.info("at the end " + secret, shown=shown(secret), after=1)
    logging.getLogger("slack_sdk").debug("sending %s", shown(secret))
    for form in (
        secret,
        quote(secret, safe=""),
        base64.b64encode(secret.encode()).decode()[:-4],
        secret[: len(secret) // 2],
    ):
        assert form not in out.getvalue()
        assert json.dumps(form)[1:-1] not in out.getvalue()
    assert out.getvalue().count("<secret>") >= 3
    if as_json:
        assert [line["level"] for line in lines(out)] == ["info", "debug"]


@pytest.mark.parametrize(
    "part",
    [
        "/services/T0001/B0002/xyzxyzxyzxyz",
        "key=value-of-the-key",
        "value-of-the-key",
        "a-key-of-16-chars",
        "8%20signs",
        "8 signs",
    ],
)
def test_a_part_of_a_secret_url_is_a_secret(out, part):
    secrets = (*SECRETS, "https://hooks.example.com/a-key-of-16-chars/send?n=1&k=8%20signs")
    configure(stream=out, as_json=True, level="info", secrets=secrets)
    log.info("404", path=part)
    assert lines(out)[0]["path"] == "<secret>"


def test_the_password_of_a_url_is_a_secret_and_its_short_path_is_not(out):
    configure(stream=out, as_json=True, level="info", secrets=["http://me:pass1234@proxy.example.com/hook"])
    log.info("proxy", said="me refused pass1234 at /hook")
    assert lines(out)[0]["said"] == "me refused <secret> at /hook"


def test_secrets_too_short_to_tell_from_words_are_left(out):
    configure(stream=out, as_json=True, level="info", secrets=["", "a", "on", "abc", "word"])
    log.info("on abc word")
    assert lines(out)[0]["event"] == "on abc <secret>"


def test_the_longer_of_two_secrets_goes_first(out):
    configure(stream=out, as_json=True, level="info", secrets=["abcd", "abcdefgh"])
    log.info("abcdefgh")
    assert lines(out)[0]["event"] == "<secret>"


def test_secrets_of_configs_before_stay_secrets_and_the_oldest_are_forgotten_but_never_a_new_one():
    assert with_older({"b", "c"}, ["a", "b"])[0] == "a"
    assert sorted(with_older({"b", "c"}, ["a", "b"])) == ["a", "b", "c"]
    older = [str(number) for number in range(MOST_KEPT + 2)]
    assert with_older({"new"}, older) == [*older[2:], "new"]
    assert set(with_older(set(older), ["before"])) == {"before", *older}


def test_secrets_are_replaced_while_loggers_are_in_use(out):
    hide = configure(stream=out, as_json=True, level="info", secrets=["old-secret"])
    log.info("old-secret new-secret")
    hide(["new-secret"])
    log.info("old-secret new-secret")
    logging.getLogger("theirs").error("old-secret new-secret")
    assert [line["event"] for line in lines(out)] == [
        "<secret> new-secret",
        "old-secret <secret>",
        "old-secret <secret>",
    ]


@given(secret=st.text(min_size=4, max_size=30), before=st.text(max_size=10), after=st.text(max_size=10))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_any_text_can_be_a_secret_and_the_line_stays_json(secret, before, after):
    out = io.StringIO()
    configure(stream=out, as_json=True, level="info", secrets=[secret])
    log.info("callback", value=f"{before}{secret}{after}")
    (text,) = out.getvalue().split("\n")[:-1]
    assert all(form not in text for form in forms_of([secret]) if form not in "<secret>" and len(form) > 8)
    if not set(secret) & set('"\\,:{}[]') and secret not in text.replace("<secret>", ""):
        json.loads(text)


@given(value=st.text() | st.binary() | st.integers() | st.floats() | st.dictionaries(st.integers(), st.text()))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_no_value_forges_a_line_or_moves_the_cursor(value):
    for as_json in (True, False):
        out = io.StringIO()
        configure(stream=out, as_json=as_json, level="info")
        log.info("callback", value=value)
        assert len(out.getvalue().splitlines()) == 1
        assert "\x1b" not in out.getvalue()
        if as_json:
            assert json.loads(out.getvalue())["event"] == "callback"


class Fails:
    def __str__(self):
        raise RuntimeError("no")

    __repr__ = __str__


def nested(depth):
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize(
    "value", ["\ud800", 2**70, Fails(), [Fails()], nested(5000), {"\ud800": 1}, {(1, 2): 3}, {1: 2}, object]
)
def test_a_value_that_json_cannot_say_is_no_reason_to_say_nothing(out, value, as_json):
    configure(stream=out, as_json=as_json, level="info")
    log.info("callback", value=value, outcome="stale")
    assert "callback" in out.getvalue()
    assert "stale" in out.getvalue()
    assert out.getvalue().count("\n") == 1
    if as_json:
        assert lines(out)[0]["outcome"] == "stale"


def test_an_odd_value_changes_nothing_of_its_neighbours(out):
    configure(stream=out, as_json=True, level="info")
    log.info("callback", session="\ud800", channels=["here"], tried=2)
    (line,) = lines(out)
    assert (line["session"], line["channels"], line["tried"]) == ("\ud800", ["here"], 2)


def test_lone_surrogates_reach_a_real_file_escaped(tmp_path):
    with (tmp_path / "log").open("w", encoding="utf-8") as stream:
        configure(stream=stream, as_json=False, level="info")
        log.info("callback", value="\ud800 告警")
    assert (tmp_path / "log").read_text(encoding="utf-8").endswith('value="\\ud800 告警"\n')


def test_a_line_longer_than_a_pipe_arrives_whole():
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as source, ThreadPoolExecutor() as threads:
        told = threads.submit(source.readline)
        with os.fdopen(writer, "w") as stream:
            configure(stream=stream, as_json=True, level="info")
            log.info("callback", value="x" * 300_000)
        assert len(json.loads(told.result(timeout=10))["value"]) == 300_000


def test_a_stream_that_was_closed_stops_nobody():
    stream = io.StringIO()
    configure(stream=stream, as_json=True, level="info")
    stream.close()
    log.info("callback")
    logging.getLogger("asyncio").error("callback")
    configure(stream=None, as_json=True, level="info")
    log.info("callback")


@pytest.mark.parametrize("redirect", ["2>&-", "2>/dev/full", "2> >(exit 0)"])
def test_a_broken_stderr_neither_stops_the_program_nor_changes_its_exit_code(redirect, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent("""
        import logging, sys, time, structlog
        from bridge.logs import configure
        configure(stream=sys.stderr, as_json=True, level="info")
        for number in range(200):
            structlog.get_logger().info("callback", number=number, text="x" * 1000)
            logging.getLogger("asyncio").error("callback")
        print("done")
        """)
    )
    result = subprocess.run(
        ["bash", "-c", f'"$0" "$1" {redirect}', sys.executable, program],
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        stdout=subprocess.PIPE,
        check=False,
        timeout=30,
    )
    assert (result.returncode, result.stdout) == (0, b"done\n")


async def test_a_task_whose_exception_nobody_fetched_is_logged_without_the_secret(out):
    configure(stream=out, as_json=True, level="info", secrets=SECRETS)

    async def fail():
        raise RuntimeError(TOKEN)

    task = asyncio.ensure_future(fail())
    await asyncio.wait([task])
    del task
    await asyncio.sleep(0)  # the lines of a turn are written at its end
    assert TOKEN not in out.getvalue()
    assert lines(out)[0]["logger"] == "asyncio"
    assert "RuntimeError: <secret>" in lines(out)[0]["exception"]


class Writes(io.StringIO):
    """A stream that knows in how many pieces it was written."""

    def __init__(self):
        super().__init__()
        self.pieces = []

    def write(self, text):
        self.pieces.append(text)
        return super().write(text)


def events(out):
    return [line["event"] for line in lines(out)]


async def test_the_lines_of_one_turn_of_the_loop_are_written_in_one_piece():
    out = Writes()
    configure(stream=out, as_json=True, level="info")
    for turn in (("a", "b", "c"), ("d", "e", "f")):
        for event in turn:
            log.info(event)
        await asyncio.sleep(0)
    assert events(out) == ["a", "b", "c", "d", "e", "f"]
    assert [piece.count("\n") for piece in out.pieces] == [3, 3]


async def test_a_thread_writes_at_once_and_after_what_the_loop_said_before_it(out):
    configure(stream=out, as_json=True, level="info")
    log.info("loop, before")
    with ThreadPoolExecutor(1) as thread:
        thread.submit(log.info, "thread").result()
    assert events(out) == ["loop, before", "thread"]
    log.info("loop, after")
    await asyncio.sleep(0)
    assert events(out) == ["loop, before", "thread", "loop, after"]


def last_words():
    """Log in the turn in which the loop ends: what that leaves for the next turn never runs."""
    loop = asyncio.new_event_loop()
    loop.call_soon(loop.stop)
    loop.call_soon(log.info, "the last turn")
    loop.run_forever()
    loop.close()


def test_what_was_said_in_a_loop_that_is_gone_comes_before_what_is_said_after_it(out):
    configure(stream=out, as_json=True, level="info")
    last_words()
    log.info("afterwards")
    assert events(out) == ["the last turn", "afterwards"]


def test_what_was_said_in_a_loop_that_is_gone_does_not_silence_the_next_loop(out):
    async def speak():
        log.info("the next loop")

    configure(stream=out, as_json=True, level="info")
    last_words()
    asyncio.run(speak())
    assert events(out) == ["the last turn", "the next loop"]


def test_what_was_said_before_the_stream_changed_is_in_the_old_one(out):
    configure(stream=out, as_json=True, level="info")
    last_words()
    configure(stream=io.StringIO(), as_json=True, level="info")
    assert events(out) == ["the last turn"]


def test_what_was_said_in_the_last_turn_of_the_loop_is_written_when_the_program_ends(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import asyncio, sys, structlog\n"
        "from bridge.logs import configure\n"
        "log = structlog.get_logger()\n"
        "configure(stream=sys.stderr, as_json=True, level='info')\n" + inspect.getsource(last_words) + "last_words()\n"
    )
    environ = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    result = subprocess.run([sys.executable, program], env=environ, stderr=subprocess.PIPE, check=True, timeout=30)
    assert [json.loads(line)["event"] for line in result.stderr.splitlines()] == ["the last turn"]


def test_no_line_is_lost_and_no_threads_order_changed_while_many_write(out):
    configure(stream=out, as_json=True, level="info")

    def speak(name):
        for number in range(500):
            log.info("callback", name=name, number=number)

    async def speak_in_a_loop():
        for number in range(500):
            log.info("callback", name="loop", number=number)
            if number % 7 == 0:
                await asyncio.sleep(0)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(3) as threads:
            said = [threads.submit(speak, name) for name in ("one", "two")]
            said.append(threads.submit(asyncio.run, speak_in_a_loop()))
        for each in said:
            each.result()
    finally:
        sys.setswitchinterval(interval)
    told = lines(out)
    for name in ("one", "two", "loop"):
        assert [line["number"] for line in told if line["name"] == name] == list(range(500))


def test_a_stream_that_logs_while_it_is_written_to_stops_nobody():
    class Talks(io.StringIO):
        def write(self, text):
            if "first" in text:
                log.info("within")
            return super().write(text)

    out = Talks()
    configure(stream=out, as_json=True, level="info")
    log.info("first")
    assert events(out) == ["first", "within"]


@given(
    secrets=st.lists(st.text(alphabet='ab/+ü"', min_size=4, max_size=8), max_size=4),
    text=st.text('ab/+ü"', max_size=30),
)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_a_line_without_any_probe_is_without_any_form(secrets, text):
    forms = forms_of(secrets)
    probes = probes_of(forms)
    assert set(probes) <= set(forms)
    assert any(probe in text for probe in probes) == any(form in text for form in forms)
