"""Budgets that channels share, since the platform counts their calls together."""

import asyncio
import re
from typing import Any

import pytest

from bridge.message import Answer, Step, Verdict
from tests.fakes.scripted import Scripted, a_verdict, scripted
from tests.fakes.spine import a_body, a_spine
from tests.fakes.virtual import virtual

CONFIG = """
server: {auth: off}
channels:
  one: {type: slack, token: xoxb-made-up, channel: "%s", rate: "%s"}
  two: {type: slack, token: %s, channel: "%s", rate: "%s"}
default_channels: [one, two]
"""
SAME_ROOM = CONFIG % ("#ops", "60/min", "xoxb-made-up", "ops", "60/min")
SAME_APP = CONFIG % ("#ops", "100/s", "xoxb-made-up", "#dba", "100/s")
OTHER_APP = CONFIG % ("#ops", "100/s", "xoxb-other", "#dba", "100/s")
LIMITED = a_verdict(Answer.RETRY, after_seconds=30.0, throttled=True)


def of(number, session="a", **changes):
    return a_body(sessionId=session, object={"dimensions": {"unInstanceId": f"ins-{number}"}}, **changes)


def repeat(number):
    return of(number, "b", durationTime=600)


async def take(spine, *bodies):
    return await asyncio.gather(*(spine.take(body) for body in bodies))


class Timed(Scripted):
    """Says on one clock for all when each step was made."""

    def __init__(self, clock, made):
        super().__init__(clock, self.answer)
        self.made = made
        self.limited = set()  # steps whose next call is too much

    def answer(self, call):
        self.made.append((round(self._clock.monotonic(), 2), self, call.step))
        if call.step in self.limited:
            self.limited.discard(call.step)
            return LIMITED
        return Verdict(answer=Answer.SENT, said="ok", receipt={"channel": "C1", "ts": call.delivery_id})


def times(made, *steps):
    found = [at for at, _channel, step in made if step in steps]
    return [round(at - found[0], 1) for at in found]


def two(clock):
    made: list[Any] = []
    one, other = Timed(clock, made), Timed(clock, made)
    return made, one, other, scripted(clock, {"one": one, "two": other})


@virtual
async def test_two_channels_into_one_room_share_its_one_message_a_second(tmp_path, clock):
    made, _one, _other, change = two(clock)
    async with a_spine(tmp_path, SAME_ROOM, clock, change=change) as spine:
        await take(spine, *(of(number) for number in range(4)))
        await spine.settle(20)
        assert times(made, Step.POST) == [0, 0, 0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(("config", "seconds"), [(SAME_APP, 10.8), (OTHER_APP, 3.6)])
@virtual
async def test_updates_of_one_app_share_50_a_minute_and_those_of_two_do_not(config, seconds, tmp_path, clock):
    made, _one, _other, change = two(clock)
    async with a_spine(tmp_path, config, clock, change=change) as spine:
        await take(spine, *(of(number) for number in range(6)))
        await spine.settle(20)
        await take(spine, *(repeat(number) for number in range(6)))
        await spine.settle(60)
        updates = times(made, Step.UPDATE)
        assert len(updates) == 12
        assert updates[-1] == pytest.approx(seconds, abs=0.1)


@virtual
async def test_too_many_updates_hold_up_updates_everywhere_and_posts_in_their_own_channel_alone(tmp_path, clock):
    made, one, other, change = two(clock)
    async with a_spine(tmp_path, SAME_APP, clock, change=change) as spine:
        await take(spine, of(1))
        await spine.settle(20)
        one.limited.add(Step.UPDATE)
        await take(spine, repeat(1))
        await spine.settle(1)
        begun = clock.monotonic()
        await take(spine, of(2))
        await spine.settle(60)
        later = [(channel, step, round(at - begun)) for at, channel, step in made if at >= begun]
        assert (other, Step.POST, 0) in later
        assert [at for channel, step, at in later if channel is one] == [29, 29]
        # The other channel's update was made before Slack said that it was too much, or waits as long.
        assert [at for channel, step, at in later if channel is other and step is Step.UPDATE] in ([], [29])


@virtual
async def test_a_room_that_has_too_much_is_left_alone_by_all_its_channels_as_long_as_it_asks(tmp_path, clock):
    made, one, other, change = two(clock)
    async with a_spine(tmp_path, SAME_ROOM, clock, change=change) as spine:
        one.limited.add(Step.POST)
        await take(spine, of(1))
        await spine.settle(5)
        await take(spine, of(2))
        await spine.settle(60)
        begun = next(at for at, channel, _step in made if channel is one)
        after = [round(at - begun) for at, _channel, _step in made if at > begun]
        assert len([1 for _at, channel, _step in made if channel is other]) == 2
        assert min(after) >= 30


@pytest.mark.parametrize(
    ("config", "body", "limited"), [(SAME_ROOM, of(2), Step.POST), (SAME_APP, repeat(1), Step.UPDATE)]
)
@virtual
async def test_what_has_too_much_is_left_alone_by_all_its_channels_after_a_restart_too(
    config, body, limited, tmp_path, clock
):
    made, one, other, change = two(clock)
    async with a_spine(tmp_path, config, clock, change=change) as spine:
        await take(spine, of(1))
        await spine.settle(5)
        other.seconds = lambda _call: 60.0  # it is cut off by the restart
        one.limited.add(limited)
        await take(spine, body)
        await spine.settle(5)
    other.seconds = lambda _call: 0.0
    begun = max(at for at, channel, step in made if channel is one and step is limited)
    async with a_spine(tmp_path, config, clock, change=change) as spine:
        await take(spine, of(3))
        await spine.settle(120)
    after = [at - begun for at, _channel, step in made if at > begun and step is limited]
    assert min(after) >= 29.9
    assert {channel for at, channel, step in made if at > begun and step is limited} == {one, other}


@virtual
async def test_what_is_kept_of_a_shared_pause_tells_no_token_and_is_gone_once_another_is_kept(tmp_path, clock):
    _made, one, _other, change = two(clock)
    async with a_spine(tmp_path, SAME_ROOM, clock, change=change) as spine:
        for number in (1, 2):
            one.limited.add(Step.POST)
            await take(spine, of(number))
            await spine.settle(120)
        ((name, until, begun_at),) = spine.rows("SELECT * FROM pauses")
        assert re.fullmatch("[0-9a-f]{32}", name)
        assert until - begun_at == 30_000
