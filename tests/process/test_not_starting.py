"""What keeps `serve` from starting is said in words, and it ends with 1."""

import asyncio
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass

import pytest

from tests.fakes.serving import LOOPBACK, serve_raw
from tests.process.running import ROOT, write_config

CONFIGS = ROOT / "tests" / "configs"
HERE = {"channels": {"here": {"type": "terminal"}}}


def reason(bridge):
    """Give the reason in the one line that says why it cannot serve."""
    (line,) = bridge.logged("the bridge cannot serve", level="critical")
    return line["reason"]


async def refused(runner, place, *, before=(), **config):
    """Serve from a directory of its own; give the reason for which that cannot be."""
    place.mkdir(exist_ok=True)
    bridge = await runner.start(write_config(place, HERE | config), before=before)
    assert await bridge.ended(seconds=20) == 1, bridge.latest
    assert bridge.out == []
    assert not bridge.logged("serving")
    return reason(bridge)


async def test_every_mistake_of_a_config_is_named_before_it_ends(runner, tmp_path):
    shutil.copy(CONFIGS / "everything-at-once.yaml", tmp_path)
    words = (CONFIGS / "everything-at-once.txt").read_text()
    commands = [runner.run(name, "-c", "everything-at-once.yaml") for name in ("serve", "check")]
    (served, *serving), (checked, out, err) = await asyncio.gather(*commands)
    assert (served, serving) == (1, ["", words])
    assert (checked, out) == (1, "")
    assert err.startswith(words)


async def test_an_address_that_cannot_be_had_is_said_in_words(runner, tmp_path):
    async def nobody(reader, writer):
        await reader.read()

    async with serve_raw(nobody) as port:
        own = {"listen": "127.0.0.1:0"}
        taken = {"listen": f"{LOOPBACK}:{port}"}
        elsewhere = {"listen": "192.0.2.1:8080", "auth": "off"}  # RFC 5737: nobody's
        words = await asyncio.gather(
            refused(runner, tmp_path / "server", server={**taken, "auth": "off"}, console=own),
            refused(runner, tmp_path / "console", server={**own, "auth": "off"}, console=taken),
            refused(runner, tmp_path / "elsewhere", server=elsewhere, console=own),
        )
    used = "Address already in use; stop what listens there, or give server.listen or console.listen another port"
    assert [*words] == [
        f"cannot listen on 127.0.0.1:{port}: {used}",
        f"cannot listen on 127.0.0.1:{port}: {used}",
        "cannot listen on 192.0.2.1:8080: Cannot assign requested address",
    ]


async def test_a_second_serve_on_the_same_store_is_refused_and_the_first_goes_on(runner, tmp_path):
    first = await runner.serve(HERE)
    second = await runner.start(tmp_path / "config.yaml")
    assert await second.ended(seconds=20) == 1
    assert reason(second) == (
        f"another alarm-bridge serves from {tmp_path}/alarm-bridge.db; stop it first, or give this one a store of its own"
    )
    assert (await first.get("/readyz")) == (200, "ok")
    await first.kill()
    third = await runner.serve(tmp_path / "config.yaml")  # a lock does not outlive its holder
    assert await third.terminate() == 0


def a_text(file):
    file.write_text("this is a letter to my grandmother, not a database. " * 40)


def a_directory(file):
    file.mkdir()


def of_another_program(file):
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE recipes (name TEXT)")


def newer(file):
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        database.execute("INSERT INTO alembic_version VALUES ('9999')")
        database.execute("CREATE TABLE episodes (id INTEGER)")
        database.commit()


def cut_off(file):
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        database.execute("INSERT INTO alembic_version VALUES ('0001')")
        database.commit()
    os.truncate(file, 4096)


WRONG_FILES = {
    a_text: "{file} is not a database; move it away, or give alarm-bridge another store",
    a_directory: "{file} cannot be opened: check that it is a file that this user may write, in a folder that exists",
    of_another_program: "{file} is a database of another program; give alarm-bridge a store of its own",
    newer: "{file} was written by a newer alarm-bridge (its tables are 9999); use that one again, or a new store",
    cut_off: "{file} is damaged; restore it from a backup, or give alarm-bridge another store",
}


async def test_a_file_that_is_no_store_of_ours_is_said_in_words_and_left_as_it_is(runner, tmp_path):
    async def said_of(spoil):
        place = tmp_path / spoil.__name__
        place.mkdir()
        file = place / "alarm-bridge.db"
        spoil(file)
        before = None if file.is_dir() else file.read_bytes()
        words = await refused(runner, place)
        assert before is None or file.read_bytes() == before
        return words.replace(str(file), "{file}")

    said = await asyncio.gather(*map(said_of, WRONG_FILES))
    assert dict(zip(WRONG_FILES, said, strict=True)) == WRONG_FILES


async def test_a_folder_that_is_not_there_is_said_in_words(runner, tmp_path):
    bridge = await runner.start({**HERE, "store": "sqlite:///nowhere/alarm-bridge.db"})
    assert await bridge.ended(seconds=20) == 1
    assert reason(bridge) == f"the store's folder cannot be used: {tmp_path}/nowhere: No such file or directory"


def without_privileges():
    """Give what starts a command that may read and write only what its user may."""
    if os.getuid() != 0:
        return ()
    found = shutil.which("setpriv")
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("root may read everything, and there is no setpriv")
    return (found, "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """A file and its folder, with the rights that their owner has."""

    file: int
    folder: int
    said: str


RIGHTS = (
    Locked(
        file=0o000,
        folder=0o700,
        said="{file} cannot be opened: check that it is a file that this user may write, in a folder that exists",
    ),
    Locked(file=0o400, folder=0o700, said="{file} may not be written by this user"),
    Locked(file=0o600, folder=0o500, said="the store's folder cannot be used: {folder}: Permission denied"),
)


async def test_what_this_user_may_not_use_is_said_in_words(runner, tmp_path):
    async def said_of(rights):
        place = tmp_path / f"{rights.file:o}-{rights.folder:o}"
        folder = place / "store"
        folder.mkdir(parents=True)
        file = folder / "alarm-bridge.db"
        with closing(sqlite3.connect(file)) as database:
            database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        file.chmod(rights.file)
        folder.chmod(rights.folder)
        try:
            words = await refused(runner, place, before=without_privileges(), store="sqlite:///store/alarm-bridge.db")
        finally:
            folder.chmod(0o700)
        return words.replace(str(file), "{file}").replace(str(folder), "{folder}")

    assert await asyncio.gather(*map(said_of, RIGHTS)) == [rights.said for rights in RIGHTS]


async def test_a_store_that_another_program_has_locked_is_said_in_words(runner, tmp_path):
    file = tmp_path / "alarm-bridge.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert await refused(runner, tmp_path) == f"{file} is locked by another program"
