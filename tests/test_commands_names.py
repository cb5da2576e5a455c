"""The commands name an alarm's object as its messages do, and find an alarm by such a name."""

import re
import sqlite3
from contextlib import closing

import pytest

from tests.fakes.asked import asked
from tests.fakes.spine import sample

MEMORY = "capture-2021-cvm-memory-triggered"
OBJECT = "shop-sg-batch-02 (ins-b6y3n0wd)"


async def two_alarms(spine):
    await spine.take(sample(MEMORY))
    await spine.take(sample("capture-2021-mysql-cpu-triggered"))
    await spine.settle(60)


@pytest.fixture(scope="module")
def asking(tmp_path_factory):
    return asked(tmp_path_factory.mktemp("names"), two_alarms)


@pytest.fixture(scope="module")
def short_id(asking):
    (found,) = [one["id"] for one in asking.json("alarms") if one["object_id"].startswith("e38a4b71")]
    return found


@pytest.mark.parametrize("list_", ["alarms", "callbacks", "deliveries"])
def test_a_list_names_the_object_as_the_message_does(asking, short_id, list_):
    (line,) = [line for line in asking(list_).stdout.splitlines() if f"{short_id}  " in line]
    assert f"  {OBJECT}  " in line
    assert "e38a4b71" not in line


def test_alarms_names_what_is_watched_as_the_message_does(asking):
    assert f"  MemoryUtilization  {OBJECT}" in asking("alarms").stdout


@pytest.mark.parametrize(
    "name",
    ["ins-b6y3n0wd", "shop-sg-batch-02", OBJECT, "172.21.0.14#4230981", "e38a4b71-02cd-45f6-b8a9-71d5c2f06e94"],
)
def test_an_alarm_is_explained_by_each_name_of_its_object(asking, short_id, name):
    result = asking("explain", name)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[0] == f"{short_id}  MemoryUtilization · {OBJECT} · Default"


def test_a_policy_is_found_by_its_name_with_all_its_alarms(asking, short_id):
    result = asking("explain", "Default")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "\n2 alarms; the newest:\n" in result.stdout
    assert re.search(rf"^{short_id}  ", result.stdout, re.MULTILINE)


@pytest.mark.parametrize("part", ["ins-b6y3", "shop-sg", "policyName", "0", "%"])
def test_a_part_of_a_name_and_what_is_no_name_find_nothing(asking, part):
    result = asking("explain", part)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"{part}: nothing of this id is stored")


def test_an_object_is_looked_for_by_name_in_the_last_callbacks_alone_and_by_its_id_in_all(asking, monkeypatch):
    monkeypatch.setattr("bridge.store.lives.SEARCHED", 1)
    assert asking("explain", "ins-b6y3n0wd").stderr.startswith("ins-b6y3n0wd: nothing of this id is stored")
    assert asking("explain", "e38a4b71-02cd-45f6-b8a9-71d5c2f06e94").exit_code == 0


def test_where_the_callback_is_gone_the_ids_of_the_store_stand(asking, short_id):
    with closing(sqlite3.connect(asking.place / "alarm-bridge.db")) as store, store:
        store.execute("UPDATE callbacks SET body = x''")
    assert f"  mem_usage{' ' * 3}" in asking("alarms").stdout
    assert "e38a4b71-02cd-45f6-b8a9-71d5c2f06e94" in asking("alarms").stdout
    assert asking("explain", short_id).stdout.startswith(f"{short_id}  mem_usage · e38a4b71-")
