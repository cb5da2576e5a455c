"""A wheel in an environment of its own, used from another directory, is the whole bridge."""

import json
import os
import re
import signal
import site
import subprocess
import sys
import threading
import urllib.request
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SAMPLE = "capture-2021-cvm-memory-triggered"
READY_SECONDS = 20.0
CONFIG = """
server: {listen: 127.0.0.1:0, auth: off}
console: {listen: off}
store: sqlite:///here.db
channels: {here: {type: terminal}}
default_channels: [here]
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    place = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(place)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    (path,) = place.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def command(wheel, tmp_path_factory):
    """Install the wheel into a new environment, which sees the dependencies of this one, and give its command."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, with_pip=False, symlinks=True)
    (own,) = place.glob("lib/python*/site-packages")
    (own / "dependencies.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    install = ["--python", str(place / "bin" / "python"), "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", *install], check=True)
    return place / "bin" / "alarm-bridge"


@pytest.fixture
def elsewhere(tmp_path):
    (tmp_path / "config.yaml").write_text(CONFIG)
    return tmp_path


def environment(home):
    return {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_STATE_HOME": str(home / "state"), "LC_ALL": "C.UTF-8"}


def run(command, elsewhere, *arguments):
    done = subprocess.run(
        [command, *arguments],
        cwd=elsewhere,
        env=environment(elsewhere),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


def test_all_that_is_not_python_travels_inside(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    wanted = {f"bridge/{path.relative_to(ROOT)}" for path in (ROOT / "templates").rglob("*.j2")}
    wanted |= {str(path.relative_to(ROOT)) for path in (ROOT / "bridge").rglob("*.json")}
    wanted |= {str(path.relative_to(ROOT)) for path in (ROOT / "bridge" / "store" / "migrations").rglob("*.py")}
    wanted |= {"bridge/py.typed"}
    assert len(wanted) > 30
    assert wanted - inside == set()
    assert {name.split("/")[0] for name in inside} == {"bridge", *(n.split("/")[0] for n in inside if "dist-info" in n)}


def test_the_samples_are_listed(command, elsewhere):
    code, out, err = run(command, elsewhere, "samples")
    assert (code, err) == (0, "")
    assert out.count("\n") == len(list((ROOT / "bridge" / "samples").glob("*.json")))


def test_the_config_is_checked_with_the_built_in_templates(command, elsewhere):
    code, out, err = run(command, elsewhere, "check")
    assert code == 0, out + err


def test_it_runs_its_own_code_and_templates(command, elsewhere):
    python = command.with_name("python")
    program = "import bridge, bridge.rendering as r; print(bridge.__file__); print(r.builtin_templates())"
    code, out, err = run(python, elsewhere, "-c", program)
    assert (code, err) == (0, "")
    package = Path(out.split("\n")[0]).parent
    assert ROOT not in package.parents
    assert Path(out.split("\n")[1]) == package / "templates"


def test_it_serves(command, elsewhere):
    with subprocess.Popen(
        [command, "serve"],
        cwd=elsewhere,
        env=environment(elsewhere),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as serving:
        assert serving.stdout is not None
        killer = threading.Timer(READY_SECONDS, serving.kill)  # only where it hangs: nothing below waits for it
        killer.start()
        try:
            address = serving_at(serving)
            with urllib.request.urlopen(f"http://{address}/readyz", timeout=5) as answer:
                assert (answer.status, answer.read().strip()) == (200, b"ok")
            code, _, err = run(command, elsewhere, "send", "--url", f"http://{address}/callback", SAMPLE)
            assert code == 0, err
            policy = json.loads((ROOT / "bridge" / "samples" / f"{SAMPLE}.json").read_text())["alarmPolicyInfo"]
            shown = ""
            while policy["policyName"] not in shown and (line := serving.stdout.readline()):
                shown += line
            assert policy["policyName"] in shown
            serving.send_signal(signal.SIGINT)
            assert serving.wait() == 0
        finally:
            killer.cancel()
            serving.kill()
    assert (elsewhere / "here.db").exists()


def serving_at(serving):
    """Read the log until the bridge says where it listens."""
    said = ""
    for line in serving.stderr:
        said += line
        if re.search(r'"event":"serving"', line):
            return json.loads(line)["callbacks"]
    raise AssertionError(said)
