"""When all that waits for a chat is looked at, what the store is then asked, and what people are told of it."""

from dataclasses import replace
from datetime import timedelta
from math import inf
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.alarm import State
from bridge.attempt import ended
from bridge.clock import EPOCH
from bridge.condition import Condition
from bridge.digesting import TOLD_BY_NOTHING, Crowd, Waiting
from bridge.message import Answer, DeliveryState, Step
from bridge.metrics import Metrics
from bridge.queue import Queue
from bridge.store import ChannelState, Merged, StoreUnavailable
from bridge.storm import Storm
from bridge.trouble import Trouble
from tests.fakes.deliveries import a_delivery
from tests.fakes.scripted import a_verdict, counted
from tests.fakes.virtual import START

CALM = Merged(upto=50, is_storm=False, is_all=True)
STORM = Merged(upto=50, is_storm=True, is_all=True, digested=21, has_digests=True)


def is_loud(_route, state, severity, _kind):
    return severity == "serious" and state is State.TRIGGERED


class Outbox:
    """A store that says what merging came to, in turn, and keeps what it was asked."""

    def __init__(self, *merged):
        self.merged, self.asked = list(merged), []

    async def merge(self, merging):
        self.asked.append(merging)
        came_to = self.merged.pop(0) if self.merged else CALM
        if isinstance(came_to, Exception):
            raise came_to
        return came_to


class Told:
    """A reporter that writes down what it is told."""

    def __init__(self):
        self.told = []

    def trouble(self, trouble, about="", words=""):
        self.told.append((trouble, about, words))

    def over(self, trouble, about=""):
        self.told.append((trouble, about))


class Subject:
    """A storm of the chat `ops`, its queue, and all that it is given."""

    def __init__(self, clock, *merged, chat=True, over=20, threads=True, fallback=None):
        self.clock, self.outbox, self.told = clock, Outbox(*merged), Told()
        self.metrics = Metrics(channels=["ops"])
        post: Any = SimpleNamespace(
            name="ops",
            chat=chat,
            digest_over=over,
            threads=threads,
            fallback=fallback,
            give_up_after=timedelta(hours=24),
            urgency=is_loud,
        )
        given: Any = (post, self.outbox)
        self.storm = Storm(*given, clock=clock, metrics=self.metrics, reporter=self.told)
        self.queue = Queue(self._nothing, clock)

    async def _nothing(self, _after):
        return []

    def wait(self, count):
        """Let so many more wait."""
        first = len(self.queue.lanes) + 1
        for number in range(first, first + count):
            self.queue.lanes.add(a_delivery(number, key=str(number)), self.clock.now())

    @property
    def seconds(self):
        return self.storm.seconds_to_look(self.queue)

    async def look(self):
        with capture_logs() as lines:
            await self.storm.look(self.queue)
        return [line["event"] for line in lines]

    async def look_where_due(self, *, is_idle=True, hands_over=False, pause=0.0, is_broken=False, mended_at=None):
        condition: Any = SimpleNamespace(
            hands_over=hands_over,
            pause_seconds=lambda: pause,
            is_broken=is_broken,
            mended_at=mended_at,
        )
        await self.storm.look_where_due(self.queue, condition, is_idle=is_idle)
        return len(self.outbox.asked)


@pytest.mark.parametrize(
    ("fallback", "leaves_out"), [(None, True), ("here", False)], ids=["without a fallback", "with one"]
)
async def test_while_a_broken_chat_is_tried_only_what_nobody_else_would_be_told_is_left_out(
    fallback, leaves_out, clock
):
    ops = Subject(clock, fallback=fallback)
    await ops.look_where_due(is_broken=True)
    assert [merging.mended_at for merging in ops.outbox.asked] == [clock.now() if leaves_out else None]


@pytest.mark.parametrize(("merged", "looks"), [(STORM, 2), (CALM, 1)], ids=["a digest waits", "none does"])
async def test_once_the_chat_is_mended_its_digest_is_looked_at_again_and_once(merged, looks, clock):
    ops = Subject(clock, merged, STORM, STORM, fallback="here")
    await ops.look_where_due(is_broken=True)
    mended_at = clock.now()
    for _ in range(3):
        await clock.sleep(1.0)
        await ops.look_where_due(mended_at=mended_at)
    assert [merging.mended_at for merging in ops.outbox.asked] == [None, mended_at][:looks]


async def test_a_mending_that_is_yet_to_come_since_the_clock_was_set_back_leaves_nothing_out(clock):
    ops = Subject(clock)
    mended_at = clock.now() + timedelta(hours=1)
    state = ChannelState(name="ops", paused_until=EPOCH, mended_at=mended_at)
    given: Any = {"keep": None, "metrics": ops.metrics, "reporter": ops.told}
    condition = Condition(state, clock=clock, pauses_at=1, fallback=None, **given)
    await ops.storm.look_where_due(ops.queue, condition, is_idle=True)
    assert [merging.mended_at for merging in ops.outbox.asked] == [None]


@pytest.mark.parametrize("settings", [{"chat": False}, {"over": 0}])
def test_what_makes_no_digests_is_never_looked_at_and_says_that_none_are_made(settings, clock):
    ops = Subject(clock, **settings)
    ops.wait(100)
    assert ops.seconds == inf
    assert ops.told.told == [(Trouble.DIGESTING, "ops")]


async def test_what_waits_from_before_a_restart_is_looked_at_once(clock):
    ops = Subject(clock)
    assert ops.seconds == 0
    assert ops.told.told == []
    assert await ops.look_where_due() == 1
    assert ops.seconds == inf


async def test_more_than_may_wait_are_looked_at_a_second_after_the_last_look_at_the_earliest(clock):
    ops = Subject(clock)
    await ops.look()
    ops.wait(20)
    assert ops.seconds == inf
    ops.wait(1)
    assert ops.seconds == 1
    assert await ops.look_where_due() == 1
    clock.forward(seconds=1)
    assert ops.seconds == 0
    assert await ops.look_where_due() == 2


async def test_where_a_digest_may_be_answered_two_that_wait_are_looked_at_and_one_is_not(clock):
    ops = Subject(clock, Merged(upto=50, is_storm=False, is_all=True, has_digests=True))
    await ops.look()
    clock.forward(seconds=1)
    ops.wait(1)
    assert ops.seconds == inf
    ops.wait(1)
    assert ops.seconds == 0


async def test_in_a_storm_only_what_came_since_the_last_look_or_was_put_back_makes_another(clock):
    ops = Subject(clock, STORM)
    await ops.look()
    clock.forward(seconds=1)
    ops.wait(30)
    assert ops.seconds == inf
    ops.queue.news()
    assert ops.seconds == 0
    ops.queue.beyond = False
    ops.queue.stale = True
    assert ops.seconds == 0


async def test_nothing_is_looked_at_while_a_call_is_under_way_or_the_channel_pauses(clock):
    ops = Subject(clock)
    assert await ops.look_where_due(is_idle=False) == 0
    assert await ops.look_where_due(pause=0.5) == 0
    assert await ops.look_where_due(pause=-0.5) == 1


async def test_a_storm_reads_what_was_looked_at_and_ends_with_the_first_look_that_finds_none(clock):
    ops = Subject(clock, STORM, CALM)
    assert await ops.look() == ["merged what waits", "digests begin"]
    assert (ops.queue.upto, ops.queue.stale, ops.storm.is_on) == (50, False, True)
    assert await ops.look() == ["digests end"]
    assert (ops.queue.upto, ops.storm.is_on) == (None, False)
    assert await ops.look() == []
    assert ops.told.told == [
        (Trouble.DIGESTING, "ops", "more than 20 events wait"),
        (Trouble.DIGESTING, "ops"),
        (Trouble.DIGESTING, "ops"),
    ]


async def test_while_all_that_waits_is_merged_nothing_is_read_or_taken(clock):
    ops = Subject(clock)
    seen = []

    async def merge(_merging):
        seen.append((ops.queue.upto, ops.queue.stale, ops.queue.beyond))
        return CALM

    outbox: Any = ops.outbox
    outbox.merge = merge
    ops.queue.beyond = True
    await ops.look()
    assert seen == [(0, True, False)]


async def test_a_store_that_fails_leaves_a_storm_as_it_was_and_is_asked_again_a_second_later(clock):
    ops = Subject(clock, STORM, StoreUnavailable("disk full"))
    await ops.look()
    assert await ops.look() == ["what waits cannot be merged"]
    assert (ops.queue.upto, ops.queue.more, ops.storm.is_on) == (50, True, True)
    assert ops.seconds == 1


async def test_what_was_merged_before_the_store_failed_is_not_told_as_it_was(clock):
    ops = Subject(clock, replace(CALM, is_all=False, superseded=2), StoreUnavailable("disk full"))
    ops.wait(25)
    await ops.look()
    assert len(ops.queue.lanes) == 25
    await ops.queue.load(idle=True)
    assert len(ops.queue.lanes) == 0


async def test_what_was_merged_is_counted_and_people_are_told_of_dead_letters(clock):
    first = Merged(upto=0, is_storm=True, is_all=False, superseded=2, digested=3)
    ops = Subject(clock, first, Merged(upto=50, is_storm=False, is_all=True, digested=4, dead=5))
    assert await ops.look() == ["merged what waits"] * 2
    assert counted(ops.metrics, "ops") == {"superseded": 2, "digested": 7, "dead": 5}
    assert ops.told.told[0] == (Trouble.DEAD_LETTERS, "ops", "5 messages: given up after 1 day, 0:00:00")
    assert len(ops.told.told) == 2


@pytest.mark.parametrize(("threads", "step"), [(True, Step.THREAD), (False, Step.POST)])
async def test_the_store_is_asked_for_a_digest_that_goes_in_five_seconds(threads, step, clock):
    ops = Subject(clock, threads=threads)
    await ops.look()
    (asked,) = ops.outbox.asked
    assert (asked.channel, asked.now, asked.due_at - asked.now) == ("ops", clock.now(), timedelta(seconds=5))
    assert (asked.answers, asked.give_up_after) == (step, timedelta(hours=24))


def a_digest_told(ops, state=DeliveryState.SENT):
    ops.storm.note(ended(a_delivery(state_told=State.DIGEST), state, "", now=ops.clock.now()))


@pytest.mark.parametrize(("passed", "wait"), [(0, 30), (10, 20), (25, 5), (60, 5)])
async def test_digests_are_half_a_minute_apart(passed, wait, clock):
    ops = Subject(clock)
    a_digest_told(ops)
    clock.forward(seconds=passed)
    await ops.look()
    assert ops.outbox.asked[0].due_at - clock.now() == timedelta(seconds=wait)


async def test_a_digest_that_was_told_makes_a_look_at_what_waits_now_and_one_that_waits_does_not(clock):
    ops = Subject(clock)
    await ops.look()
    clock.forward(seconds=1)
    a_digest_told(ops, DeliveryState.WAITING)
    assert ops.seconds == inf
    a_digest_told(ops)
    assert ops.seconds == 0


async def singles(ops):
    """Count the urgent alarms of a storm that may go singly now."""
    await ops.look()
    crowd = Crowd(
        waiting=[
            Waiting(
                id=number,
                event_id=number,
                episode_id=number,
                key=str(number),
                state=State.TRIGGERED,
                step=Step.POST,
                severity="serious",
            )
            for number in range(1, 31)
        ],
        told={},
        members={},
        digests=frozenset(),
    )
    return 30 - len(ops.outbox.asked[-1].plan(crowd).digested[TOLD_BY_NOTHING])


def went(ops, *, severity="serious", answer=Answer.SENT):
    """Note an attempt at a trigger, or that none was made."""
    delivery = a_delivery()
    delivery = replace(delivery, event=replace(delivery.event, severity=severity))
    result = ended(delivery, DeliveryState.SENT, "", now=ops.clock.now())
    ops.storm.note(replace(result, verdict=a_verdict(answer)) if answer else result)


async def test_ten_urgent_ones_a_minute_go_singly(clock):
    ops = Subject(clock)
    assert await singles(ops) == 10
    for _ in range(3):
        went(ops)
    went(ops, severity="warn")
    went(ops, answer=None)
    clock.forward(seconds=30)
    went(ops)
    assert await singles(ops) == 6
    clock.forward(seconds=29)
    assert await singles(ops) == 6
    clock.forward(seconds=1)
    assert await singles(ops) == 9
    for _ in range(12):
        went(ops)
    assert await singles(ops) == 0


def test_what_is_urgent_goes_first_in_a_chat_alone(clock):
    delivery = a_delivery()
    loud = replace(delivery, event=replace(delivery.event, severity="serious"))
    assert Subject(clock).storm.is_urgent(loud)
    assert not Subject(clock).storm.is_urgent(delivery)
    assert not Subject(clock, chat=False).storm.is_urgent(loud)


async def test_a_channel_that_hands_over_leaves_its_storm_to_the_other(clock):
    ops = Subject(clock, STORM)
    await ops.look()
    assert await ops.look_where_due(hands_over=True) == 1
    assert (ops.storm.is_on, ops.queue.upto) == (False, None)
    assert ops.told.told[-1] == (Trouble.DIGESTING, "ops")
    clock.forward(seconds=1)
    assert ops.seconds == 0


async def test_a_channel_that_hands_over_without_a_storm_goes_on_reading(clock):
    ops = Subject(clock)
    await ops.look()
    ops.wait(1)
    await ops.look_where_due(hands_over=True)
    assert len(ops.queue.lanes) == 1
    clock.forward(seconds=1)
    assert ops.seconds == inf


def test_a_bridge_that_begins_with_its_machine_looks_at_once():
    just_begun: Any = SimpleNamespace(monotonic=lambda: 0.0, now=lambda: START)
    assert Subject(just_begun).seconds == 0
