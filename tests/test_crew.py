"""Other settings while the bridge runs: who posts to a channel, and when the next one may."""

import asyncio
from dataclasses import replace

import pytest

from bridge.channels import KINDS
from bridge.message import Answer, Verdict
from bridge.store import StoreUnavailable
from tests.fakes.scripted import Scripted, a_verdict
from tests.fakes.spine import a_body, a_spine
from tests.fakes.virtual import virtual

CONFIG = """
server: {auth: off}
channels:
  %s
routes:
  - match: {product: none}
    channels: []
default_channels: [%s]
"""


@pytest.fixture(autouse=True)
def no_blocking_call_on_a_loop():
    """Let rendering compile its templates on the loop, once, when the first message needs it."""


def config(default="tickets", **urls):
    channels = [
        f"{name}: {{type: webhook, url: 'http://127.0.0.1:9/{name}/{path}', on_recovered: [post]}}"
        for name, path in urls.items()
    ]
    return CONFIG % ("\n  ".join(channels or ["other: {type: terminal}"]), default)


@pytest.fixture
def opened(monkeypatch, clock_of_the_loop):
    """Let each channel that is opened be a scripted one, listed by the path of its address: its name, and what tells its settings apart."""
    opened: dict[str, list[Scripted]] = {}

    def open_scripted(settings, _tools):
        channel = Scripted(clock_of_the_loop)
        opened.setdefault(settings.address.path.removeprefix("/"), []).append(channel)
        return channel

    monkeypatch.setitem(KINDS, "webhook", replace(KINDS["webhook"], open=open_scripted))
    return opened


@pytest.fixture
def clock_of_the_loop():
    class Clock:
        """The running loop's."""

        def monotonic(self):
            return asyncio.get_running_loop().time()

    return Clock()


def of(number=1, session="a", **changes):
    return a_body(sessionId=session, object={"dimensions": {"unInstanceId": f"ins-{number}"}}, **changes)


def recovery(number=1):
    return of(number, "r", alarmStatus="0", durationTime=60, recoverTime="2021-05-11 20:32:00")


def states(spine):
    return [state for (state,) in spine.rows("SELECT state FROM deliveries ORDER BY id")]


@virtual
async def test_a_channel_that_is_the_same_keeps_its_worker_its_connections_and_its_queue(tmp_path, clock, opened):
    async with a_spine(tmp_path, config(tickets="a"), clock) as spine:
        worker = spine.workers["tickets"]
        await spine.renew(config(tickets="a", more="b"))
        await spine.take(of())
        await spine.settle(1)
        assert spine.workers["tickets"] is worker
        assert len(opened["tickets/a"]) == 1
        assert not opened["tickets/a"][0].is_closed
        assert states(spine) == ["sent"]


@virtual
async def test_a_new_route_and_a_new_channel_hold_for_the_next_callback(tmp_path, clock, opened):
    async with a_spine(tmp_path, config(tickets="a"), clock) as spine:
        await spine.renew(config("more", tickets="a", more="b"))
        await spine.take(of())
        await spine.settle(1)
        assert len(opened["more/b"][0].calls) == 1
        assert opened["tickets/a"][0].calls == []


@virtual
async def test_the_words_of_a_message_are_those_of_the_config_in_force_when_it_is_posted(tmp_path, clock, opened):
    text = config(tickets="a").replace("product: none}", "product: cvm}").replace("channels: []", "channels: [tickets]")
    async with a_spine(tmp_path, text + "language: en\n", clock) as spine:
        await spine.renew(text.replace("- match", "- name: mine\n    match"))
        await spine.take(of())
        await spine.settle(1)
        assert opened["tickets/a"][0].calls[0].message.payload["route"] == "mine"


@virtual
async def test_another_worker_begins_when_what_was_under_way_is_answered_and_stored_and_goes_on_in_order(
    tmp_path, clock, opened
):
    async with a_spine(tmp_path, config(tickets="a"), clock) as spine:
        opened["tickets/a"][0].seconds = lambda _call: 600
        await asyncio.gather(*(spine.take(of(number)) for number in range(6)))
        await spine.take(recovery(0))
        await spine.settle(10)
        await spine.renew(config(tickets="b"))
        await spine.settle(500)
        (old,), (new,) = opened["tickets/a"], opened["tickets/b"]
        assert (len(old.calls), len(new.calls)) == (4, 0)
        await spine.settle(100)
        assert (len(old.calls), old.is_closed) == (4, True)
        assert [call.state for call in new.calls] == ["triggered", "triggered", "recovered"]
        assert states(spine) == ["sent"] * 7
        assert spine.rows("SELECT count(*) FROM attempts") == [(7,)]


@virtual
async def test_another_worker_waits_until_the_store_has_the_last_result_of_the_one_before(
    tmp_path, clock, opened, monkeypatch
):
    async with a_spine(tmp_path, config(tickets="a"), clock) as spine:
        write = spine.store.fill

        def fails(connection, work, judge):
            if work.results and not mended:
                raise StoreUnavailable("the disk is full")
            return write(connection, work, judge)

        mended = []
        monkeypatch.setattr(spine.store, "fill", fails)
        await spine.take(of())
        await spine.settle(5)
        await spine.renew(config(tickets="b"))
        await spine.settle(60)
        assert "tickets/b" not in opened or not opened["tickets/b"][0].calls
        assert states(spine) == ["waiting"]
        mended.append(True)
        await spine.settle(5)
        assert states(spine) == ["sent"]
        assert opened["tickets/b"][0].calls == []


@virtual
async def test_of_several_changes_during_one_call_only_the_newest_is_worked_by(tmp_path, clock, opened):
    async with a_spine(tmp_path, config(tickets="a"), clock) as spine:
        opened["tickets/a"][0].seconds = lambda _call: 60
        await spine.take(of(1))
        await spine.settle(1)
        for path in ("b", "c", "a", "d"):
            await spine.renew(config(tickets=path))
        await spine.take(of(2))
        await spine.settle(100)
        assert {path: sum(len(one.calls) for one in channels) for path, channels in opened.items()} == {
            "tickets/a": 1,
            "tickets/b": 0,
            "tickets/c": 0,
            "tickets/d": 1,
        }


@virtual
async def test_what_waits_for_a_channel_that_is_gone_stays_until_it_is_there_again(tmp_path, clock, opened):
    async with a_spine(tmp_path, config(tickets="a"), clock) as spine:
        opened["tickets/a"][0].answers = lambda _call: a_verdict(Answer.RETRY)
        await spine.take(of(1))
        await spine.settle(1)
        await spine.renew(config("other"))
        await spine.settle(3600)
        assert dict(spine.workers).keys() == {"other"}
        assert states(spine) == ["waiting"]
        assert 'queue_waiting{channel="tickets"}' not in spine.metrics.text().decode()
        await spine.renew(config(tickets="a"))
        await spine.settle(5)
        assert states(spine) == ["sent"]
        assert len(opened["tickets/a"]) == 2


@virtual
async def test_a_channel_that_breaks_with_its_last_call_is_no_trouble_once_it_is_gone(tmp_path, clock, opened):
    async with a_spine(tmp_path, config(tickets="a"), clock) as spine:
        opened["tickets/a"][0].answers = lambda _call: a_verdict(Answer.BROKEN)
        opened["tickets/a"][0].seconds = lambda _call: 60
        await spine.take(of(1))
        await spine.settle(1)
        await spine.renew(config("other"))
        await spine.settle(100)
        assert spine.logged("the channel is broken")
        assert spine.troubles.lasting == []


@virtual
async def test_a_channel_that_returns_during_its_last_call_is_not_posted_to_by_two(tmp_path, clock, opened):
    async with a_spine(tmp_path, config(tickets="a"), clock) as spine:
        opened["tickets/a"][0].seconds = lambda _call: 60
        await asyncio.gather(*(spine.take(of(number)) for number in range(5)))
        await spine.settle(1)
        await spine.renew(config("other"))
        await spine.settle(1)
        await spine.renew(config(tickets="a"))
        await spine.settle(50)
        assert [len(channel.calls) for channel in opened["tickets/a"]] == [4, 0]
        await spine.settle(20)
        assert [len(channel.calls) for channel in opened["tickets/a"]] == [4, 1]
        assert states(spine) == ["sent"] * 5


@virtual
async def test_a_pause_goes_on_under_other_settings(tmp_path, clock, opened):
    async with a_spine(tmp_path, chat(config(tickets="a")), clock) as spine:
        opened["tickets/a"][0].answers = lambda _call: Verdict(answer=Answer.RETRY, said="429", after_seconds=600)
        await spine.take(of())
        await spine.settle(1)
        await spine.renew(chat(config(tickets="b")))
        await spine.settle(500)
        assert opened["tickets/b"][0].calls == []
        await spine.settle(150)
        assert len(opened["tickets/b"][0].calls) == 1


@virtual
async def test_a_broken_channel_with_other_settings_is_tried_at_once_and_is_mended_when_it_takes_something(
    tmp_path, clock, opened
):
    async with a_spine(tmp_path, config(tickets="a"), clock) as spine:
        opened["tickets/a"][0].answers = lambda _call: a_verdict(Answer.BROKEN)
        await spine.take(of())
        await spine.settle(1)
        assert spine.workers["tickets"].condition.is_broken
        await spine.renew(config(tickets="b"))
        await spine.settle(1)
        assert not spine.workers["tickets"].condition.is_broken
        assert states(spine) == ["sent"]
        assert len(spine.logged("the channel is mended")) == 1
        assert spine.rows("SELECT broken_since FROM channels") == [(None,)]


@virtual
async def test_a_stop_during_a_change_waits_8_seconds_as_ever(tmp_path, clock, opened):
    async with a_spine(tmp_path, config(tickets="a"), clock) as spine:
        opened["tickets/a"][0].seconds = lambda _call: 3600
        await spine.take(of())
        await spine.settle(1)
        await spine.renew(config(tickets="b"))
        begun = clock.monotonic()
    assert clock.monotonic() - begun == pytest.approx(8, abs=0.1)
    assert states(spine) == ["waiting"]
    assert opened["tickets/b"][0].calls == []


@virtual
async def test_a_worker_that_fails_ends_the_crew_with_its_error(tmp_path, clock, opened, monkeypatch):
    async with a_spine(tmp_path, config(tickets="a"), clock, workers=False) as spine:
        running = asyncio.create_task(spine.parts.crew.run())
        await spine.settle(1)

        async def broken():
            raise ZeroDivisionError

        monkeypatch.setattr(spine.workers["tickets"], "_load", broken)
        spine.workers["tickets"].wake()
        with pytest.raises(ZeroDivisionError):
            await running


def chat(text):
    """Let a failure pause the channel as a whole."""
    KINDS["webhook"] = replace(KINDS["webhook"], chat=True)
    return text
