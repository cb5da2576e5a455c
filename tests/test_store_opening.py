"""Opening the database: made, migrated, or refused in words. All of it holds for root as well."""

import os
import shutil
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from structlog.testing import capture_logs

from bridge.clock import SystemClock
from bridge.store import StoreError, engines, opening
from bridge.store.lock import Lock
from bridge.store.migrating import migrate
from bridge.store.opening import open_store
from bridge.store.schema import metadata
from bridge.store.versions import MIGRATIONS, newest_version, versions_of

NEWER = """
revision = "9999"
down_revision = "NEWEST"


def upgrade():
    from alembic import op

    op.execute("CREATE TABLE acknowledgements (id INTEGER PRIMARY KEY)")
    op.execute("UPDATE facts SET value = value || ' and migrated' WHERE name = 'mark'")
""".replace("NEWEST", newest_version())


@pytest.fixture
def store_path(tmp_path):
    return tmp_path / "alarm-bridge.db"


@pytest.fixture
def opened(store_path):
    """Open the store, look at it, and close it."""

    def open_and_close(path=store_path):
        store = open_store(path, SystemClock(), Random(1))
        store.close()
        return path

    return open_and_close


@pytest.fixture
def newer(tmp_path, monkeypatch):
    """The migrations of a bridge that does not exist yet."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder)
    file = folder / "versions" / "9999_newer.py"
    file.write_text(NEWER)

    def begin():
        monkeypatch.setattr(opening, "MIGRATIONS", folder)
        return file

    return begin


@pytest.fixture
def older(tmp_path, store_path):
    """Make a store as a bridge left it that had the migrations up to this one and no later."""

    def make(version):
        folder = tmp_path / "old migrations"
        shutil.copytree(MIGRATIONS, folder)
        for file in (folder / "versions").glob("0*.py"):
            if file.name[:4] > version:
                file.unlink()
        engine = engines.engine(store_path, "IMMEDIATE")
        migrate(engine, folder)
        engine.dispose()

    return make


def run(path, *statements):
    with closing(sqlite3.connect(path)) as connection:
        found = [connection.execute(statement).fetchall() for statement in statements]
        connection.commit()
    return found[-1]


def refused(opened, path):
    with pytest.raises(StoreError) as caught:
        opened(path)
    assert "Traceback" not in str(caught.value)
    return str(caught.value).replace(str(path), "FILE")


def test_a_new_database_has_the_tables_of_the_schema_and_nothing_else(opened, store_path):
    opened()
    engine = engines.engine(store_path, "DEFERRED")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        names = {row[0] for row in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")}
    engine.dispose()
    assert names == {*metadata.tables, "alembic_version"}


@pytest.mark.parametrize("begin", ["IMMEDIATE", "DEFERRED"])
def test_every_connection_is_durable_and_its_transactions_begin_as_told(opened, store_path, begin):
    engine = engines.engine(opened(), begin)
    with engine.connect() as connection:
        said = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")}
        assert said == {"journal_mode": "wal", "synchronous": 2}
        with closing(sqlite3.connect(store_path, timeout=0)) as other:
            if begin == "IMMEDIATE":
                with pytest.raises(sqlite3.OperationalError, match="locked"):
                    other.execute("BEGIN IMMEDIATE")
            else:
                other.execute("BEGIN IMMEDIATE")
    engine.dispose()


def test_an_empty_file_is_a_new_database(opened, store_path):
    store_path.touch()
    opened()
    assert run(store_path, "SELECT version_num FROM alembic_version") == [(newest_version(),)]


def test_the_files_of_the_migrations_are_named_for_their_numbers_in_the_order_in_which_they_are_run():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    last_first = ScriptDirectory.from_config(config).walk_revisions()
    assert [*reversed(versions_of(MIGRATIONS))] == [one.revision for one in last_first]


def test_what_is_up_to_date_is_opened_without_the_library_of_migrations(opened, monkeypatch):
    opened()
    monkeypatch.setattr(opening, "MIGRATE", "alembic:no_such_name")
    opened()


def test_a_store_is_opened_again_as_often_as_wanted(opened):
    for _ in range(3):
        opened()


def test_a_path_may_have_any_letters(opened, tmp_path):
    folder = tmp_path / "a b % 值'\"#&"
    folder.mkdir()
    opened(folder / "告警 %20.db")
    assert sorted(path.name for path in folder.iterdir()) == ["告警 %20.db"]


def test_an_older_database_is_migrated_with_what_is_in_it(opened, store_path, newer):
    opened()
    run(store_path, "INSERT INTO facts VALUES ('mark', 'kept')")
    newer()
    opened()
    assert run(store_path, "SELECT version_num FROM alembic_version") == [("9999",)]
    assert run(store_path, "SELECT value FROM facts WHERE name = 'mark'") == [("kept and migrated",)]


ROUND = "dba handed it on, and nobody took it: ops is broken: 401"
LEFT_OUT = "it was over before the channel was mended, which never had its trigger"


@pytest.mark.parametrize(
    ("state", "note", "handed_to", "why"),
    [
        ("moved", "handed to dba: ops is broken: 401: handed to help", "dba", ""),
        ("waiting", ROUND, "", "went_round"),
        ("begun", ROUND, "", "went_round"),
        ("dead", f"given up after 1 day: {ROUND}", "", ""),
        ("superseded", LEFT_OUT, "", "over_unheard"),
        ("superseded", "a newer update waits", "", ""),
        ("waiting", "instead of ops, which is broken: handed to dba: 401", "", ""),
        ("sent", "", "", ""),
    ],
    ids=["moved", "came round", "begun", "given up", "left out", "superseded", "taken over", "sent"],
)
def test_what_the_notes_of_an_older_store_decided_is_read_off_them_once(
    state, note, handed_to, why, opened, older, store_path
):
    older("0006")
    columns = "id, event_id, channel, route, step, plain, state, attempts, due_at, note"
    run(
        store_path, f"INSERT INTO deliveries ({columns}) VALUES (1, 1, 'ops', '', 'post', 0, '{state}', 0, 0, '{note}')"
    )
    opened()
    assert run(store_path, "SELECT state, note, handed_to, why FROM deliveries") == [(state, note, handed_to, why)]


def test_a_migration_that_fails_leaves_the_database_as_it_was(opened, store_path, newer):
    opened()
    newer().write_text(NEWER + '    op.execute("INSERT INTO nowhere VALUES (1)")\n')
    said = refused(opened, store_path)
    assert said == "FILE cannot be used: no such table: nowhere"
    assert run(store_path, "SELECT name FROM sqlite_master WHERE name = 'acknowledgements'") == []
    assert run(store_path, "SELECT version_num FROM alembic_version") == [(newest_version(),)]


def test_a_newer_database_is_refused_in_words(opened, store_path, newer, monkeypatch):
    newer()
    opened()
    monkeypatch.setattr(opening, "MIGRATIONS", MIGRATIONS)
    before = store_path.read_bytes()
    assert refused(opened, store_path) == (
        "FILE was written by a newer alarm-bridge (its tables are 9999); use that one again, or a new store"
    )
    assert store_path.read_bytes() == before


@pytest.mark.parametrize(
    "tables",
    [
        ["CREATE TABLE invoices (id INTEGER)"],
        ["CREATE TABLE events (id INTEGER)"],
        ["CREATE TABLE users (id INTEGER)", "CREATE TABLE alembic_version (version_num TEXT)",
         "INSERT INTO alembic_version VALUES ('8a7f2c')"],
        ["CREATE TABLE users (id INTEGER)", "CREATE TABLE alembic_version (version_num TEXT)",
         "INSERT INTO alembic_version VALUES ('8a7f2c'), ('99aa00')"],
    ],
    ids=["other tables", "a table of the same name", "another program's migrations", "several of them"],
)  # fmt: skip
def test_a_foreign_database_is_refused_in_words_and_not_touched(opened, store_path, tables):
    run(store_path, *tables)
    before = store_path.read_bytes()
    assert refused(opened, store_path) == "FILE is a database of another program; give alarm-bridge a store of its own"
    assert store_path.read_bytes() == before
    assert [path.name for path in store_path.parent.iterdir()] == [store_path.name]


def test_what_is_not_a_database_is_refused_in_words_and_not_touched(opened, store_path):
    store_path.write_bytes(b"my diary\n" * 1000)
    assert refused(opened, store_path) == "FILE is not a database; move it away, or give alarm-bridge another store"
    assert store_path.read_bytes() == b"my diary\n" * 1000


def test_a_damaged_database_is_refused_in_words(opened, store_path):
    opened()
    content = bytearray(store_path.read_bytes())
    content[100:4096] = os.urandom(3996)
    store_path.write_bytes(content)
    assert (
        refused(opened, store_path) == "FILE is damaged; restore it from a backup, or give alarm-bridge another store"
    )


@pytest.mark.parametrize("place", ["a folder", "nowhere", "below a file"])
def test_what_cannot_be_opened_is_refused_in_words(opened, tmp_path, place):
    path = {"a folder": tmp_path, "nowhere": tmp_path / "no" / "x.db", "below a file": tmp_path / "file" / "x.db"}[
        place
    ]
    (tmp_path / "file").touch()
    assert refused(opened, path) == (
        "FILE cannot be opened: check that it is a file that this user may write, in a folder that exists"
    )


def test_a_store_that_another_program_holds_is_refused_in_words(opened, store_path, monkeypatch):
    monkeypatch.setattr(opening, "BUSY_SECONDS", 0.01)
    monkeypatch.setattr(opening, "engine", partial(engines.engine, wait_seconds=0.01))
    opened()
    with closing(sqlite3.connect(store_path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert refused(opened, store_path) == "FILE is locked by another program"
    opened()


# the lock


def test_a_second_bridge_is_refused_in_words_and_may_serve_when_the_first_has_ended(store_path):
    with Lock(store_path):
        with pytest.raises(StoreError) as caught:
            Lock(store_path)
        assert str(caught.value) == (
            f"another alarm-bridge serves from {store_path}; stop it first, or give this one a store of its own"
        )
    with Lock(store_path):
        pass
    assert [path.name for path in store_path.parent.iterdir()] == ["alarm-bridge.db.lock"]


def test_two_bridges_with_stores_of_their_own_do_not_meet(tmp_path):
    with Lock(tmp_path / "a.db"), Lock(tmp_path / "b.db"):
        pass


@pytest.mark.parametrize(("place", "reason"), [("no", "No such file or directory"), ("file", "Not a directory")])
def test_a_folder_that_cannot_be_used_is_said_in_words(tmp_path, place, reason):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError) as caught:
        Lock(tmp_path / place / "x.db")
    assert str(caught.value) == f"the store's folder cannot be used: {tmp_path / place}: {reason}"


def test_a_folder_of_the_system_that_takes_no_files_is_said_in_words():
    with pytest.raises(StoreError, match=r"^the store's folder cannot be used: /proc: "):
        Lock(Path("/proc/alarm-bridge.db"))


def test_nothing_is_logged_and_no_connection_stays_open_when_a_store_is_refused(opened, store_path):
    store_path.write_bytes(b"my diary\n" * 1000)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with capture_logs() as logs:
        refused(opened, store_path)
    assert logs == []
    assert len(list(Path("/proc/self/fd").iterdir())) == before
