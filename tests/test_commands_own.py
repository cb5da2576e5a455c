"""What the commands show of the bridge's own alarms: the same as of every other."""

import asyncio

import pytest

from bridge.trouble import Trouble
from tests.fakes.asked import asked


async def a_broken_channel(spine):
    """A channel that breaks, and another trouble that is over again."""
    telling = asyncio.create_task(spine.troubles.run())
    spine.troubles.trouble(Trouble.CHANNEL_BROKEN, "ops", "200 invalid_auth")
    await spine.settle(5)
    spine.troubles.trouble(Trouble.DIGESTING, "ops", "25 alarms wait")
    await spine.settle(5)
    spine.troubles.over(Trouble.DIGESTING, "ops")
    await spine.settle(5)
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)


@pytest.fixture(scope="module")
def trouble(tmp_path_factory):
    return asked(tmp_path_factory.mktemp("trouble"), a_broken_channel)


@pytest.mark.parametrize(
    ("match", "outcomes"),
    [
        ("kind=bridge", ["recovered", "triggered", "triggered"]),
        ("event=channel_broken", ["triggered"]),
        ("dimensions.channel=ops", ["recovered", "triggered", "triggered"]),
        ("severity=remind", ["recovered", "triggered"]),
        ("policy_name=!alarm-bridge", []),
    ],
)
def test_its_callbacks_are_listed_and_matched(trouble, match, outcomes):
    assert [entry["outcome"] for entry in trouble.json("callbacks", "--match", match)] == outcomes


def test_what_is_wrong_is_among_the_open_alarms(trouble):
    (entry,) = trouble.json("alarms")
    assert (entry["policy_name"], entry["object"], entry["object_id"]) == ("alarm-bridge", "ops", "ops")
    assert (entry["subject"], entry["name"]) == ("Channel broken", "channel_broken")
    assert entry["given"] == ["here"]


def test_its_life_is_explained_by_its_short_id(trouble):
    (entry,) = trouble.json("alarms")
    said = trouble("explain", entry["id"])
    assert said.exit_code == 0, said.stderr
    assert "Channel broken" in said.stdout
    assert "here" in said.stdout


async def a_config_refused(spine):
    """A trouble that is about no channel."""
    telling = asyncio.create_task(spine.troubles.run())
    spine.troubles.trouble(Trouble.RELOAD_FAILED, "", "config.yaml:1:1: is empty")
    await spine.settle(5)
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)


def test_what_is_about_no_object_is_listed_by_what_it_is(tmp_path):
    asking = asked(tmp_path, a_config_refused)
    assert asking("callbacks").stdout.splitlines()[1].endswith("New config refused                a new alarm")


async def the_only_channel_broken(spine):
    """The channel breaks to which its own alarm would go."""
    telling = asyncio.create_task(spine.troubles.run())
    spine.troubles.trouble(Trouble.CHANNEL_BROKEN, "here", "the output is closed")
    await spine.settle(5)
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)


def test_the_channel_that_it_is_about_is_left_out_and_its_life_says_so(tmp_path):
    trouble = asked(tmp_path, the_only_channel_broken)
    (came,) = trouble.json("callbacks")
    assert came["reason"].endswith("told nowhere: the channel that it is about is left out, and there is no other")
    lines = [line.strip() for line in trouble("explain", came["alarm"]).stdout.splitlines()]
    assert lines[7:10] == [
        "none matches: default_channels, here",
        "here is left out, since that is what it is about; told instead: nobody",
        "nobody is told of it",
    ]
    (life,) = trouble.json("explain", came["alarm"])["lives"]
    (callback,) = life["callbacks"]
    assert (callback["channels_today"], callback["left_out_today"]) == ([], "here")


FALLBACK = "  ops: {type: terminal}\nrou", "  ops: {type: terminal, fallback: here}\nrou"


def test_its_life_names_the_fallback_that_is_told_instead(tmp_path):
    trouble = asked(tmp_path, a_broken_channel)
    config = trouble.place / "config.yaml"
    config.write_text(
        config.read_text().replace(*FALLBACK).replace("default_channels: [here]", "default_channels: [ops]")
    )
    (entry,) = trouble.json("alarms")
    assert (
        "ops is left out, since that is what it is about; told instead: here" in trouble("explain", entry["id"]).stdout
    )
