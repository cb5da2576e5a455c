"""What a user may ask who did not start the bridge: all that its files let them, and in words where they do not."""

import subprocess
import sys
from contextlib import contextmanager

import pytest

from tests.fakes.asked import asked, of
from tests.process.running import ROOT
from tests.process.test_not_starting import without_privileges


@pytest.fixture
def place(tmp_path):
    """A config, and beside it the folder of a store in which one alarm is open; no bridge runs."""

    async def happens(spine):
        await spine.take(of("ins-a"))

    asking = asked(tmp_path, happens)
    (short_id,) = (one["id"] for one in asking.json("alarms"))
    folder = tmp_path / "store"
    folder.mkdir()
    (tmp_path / "alarm-bridge.db").rename(folder / "alarm-bridge.db")
    with (tmp_path / "config.yaml").open("a") as file:
        file.write("\nstore: sqlite:///store/alarm-bridge.db\n")
    (tmp_path / "id").write_text(short_id)
    return tmp_path


@contextmanager
def rights(place, *, file=0o400, folder=0o500):
    store = place / "store"
    (store / "alarm-bridge.db").chmod(file)
    store.chmod(folder)
    try:
        yield
    finally:
        store.chmod(0o700)


def said(place, command, *arguments):
    """Run a command as a user whom rights bind; give its code and what it said."""
    line = [
        *without_privileges(),
        sys.executable,
        "-m",
        "bridge",
        command,
        "-c",
        str(place / "config.yaml"),
        *arguments,
    ]
    result = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    return result.returncode, result.stdout, result.stderr.replace(str(place), "HERE")


def test_who_may_read_the_store_alone_is_answered_while_no_bridge_runs(place):
    short_id = (place / "id").read_text()
    with rights(place):
        code, out, err = said(place, "alarms")
        assert (code, err) == (0, "")
        assert out.splitlines()[1].startswith(short_id)
        assert [file.name for file in (place / "store").iterdir()] == ["alarm-bridge.db"]
        assert said(place, "close", short_id) == (
            1, "", "HERE/store/alarm-bridge.db may not be written by this user: ask as the user that serves\n"
        )  # fmt: skip


@pytest.mark.parametrize("taken", [{"file": 0o000}, {"folder": 0o000}], ids=["file", "folder"])
def test_who_may_not_read_the_store_hears_whom_to_ask_as(place, taken):
    with rights(place, **taken):
        assert said(place, "alarms") == (
            1, "", "HERE/store/alarm-bridge.db may not be read by this user: ask as the user that serves\n"
        )  # fmt: skip


def test_a_config_that_may_not_be_read_is_said_as_every_mistake_in_one(place):
    (place / "config.yaml").chmod(0o000)
    assert said(place, "alarms") == (1, "", "HERE/config.yaml: cannot be read: permission denied\n")
