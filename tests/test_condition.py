"""How a channel is: at ease, pausing or broken."""

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from structlog.testing import capture_logs

from bridge.clock import EPOCH, SystemClock
from bridge.condition import MOST_FAILURES, Condition, no_longer_than_asked, restored
from bridge.edge.link import LOST, SILENT
from bridge.message import Answer, Verdict
from bridge.metrics import Metrics
from bridge.retry import next_move
from bridge.store import ChannelState
from bridge.trouble import Trouble
from tests.fakes.deliveries import a_delivery
from tests.fakes.virtual import START

HOUR = timedelta(hours=1)


class Still(SystemClock):
    """A clock that stands until it is moved."""

    def __init__(self):
        self.time, self.elapsed = START, 0.0

    def now(self):
        return self.time

    def monotonic(self):
        return self.elapsed

    def forward(self, seconds):
        self.time += timedelta(seconds=seconds)
        self.elapsed += seconds

    def set_back(self, hours):
        self.time -= timedelta(hours=hours)


class Steady(Random):
    """Randomness without surprises."""

    def uniform(self, a, b):
        return (a + b) / 2


class Subject:
    """A condition that is told of verdicts as a worker tells it, and what it stored."""

    def __init__(self, *, chat=True, state=None, fallback=None):
        self.clock, self.kept, self.metrics = Still(), [], Metrics(channels=["ops"])
        self.told = []
        self.condition = Condition(
            restored("ops", "mark", state),
            keep=self._keep,
            clock=self.clock,
            metrics=self.metrics,
            pauses_at=1 if chat else MOST_FAILURES,
            fallback=fallback,
            reporter=self,
        )

    def trouble(self, trouble, about="", words=""):
        self.told.append((trouble, about, words))

    def over(self, trouble, about=""):
        self.told.append((trouble, about))

    async def _keep(self, state):
        self.kept.append(state)

    async def hear(self, answer, *, key="alarm", attempts=0, **more):
        verdict = Verdict(answer=answer, said=f"it said {answer}", **more)
        delivery = a_delivery(key=key, attempts=attempts)
        strikes = self.condition.strikes(delivery, verdict)
        with capture_logs():
            await self.condition.learn(verdict, next_move(delivery, verdict, Steady(), strikes=strikes))
        return self.condition.pause_seconds()

    @property
    def is_broken(self):
        shown = b'alarm_bridge_channel_broken{channel="ops"} 1.0' in self.metrics.text()
        assert shown is self.condition.is_broken
        return shown


async def test_a_chat_pauses_as_a_whole_when_a_message_fails_and_remembers_it():
    ops = Subject()
    assert await ops.hear(Answer.RETRY) == 1
    assert await ops.hear(Answer.AMBIGUOUS, attempts=1) == 2
    assert [state.failures for state in ops.kept] == [1, 2]
    assert ops.kept[-1].paused_until == START + timedelta(seconds=2)
    assert ops.kept[-1].reason == "it said ambiguous"
    assert not ops.is_broken


async def test_a_pause_ends_with_its_time_or_with_a_message_that_is_taken():
    ops = Subject()
    await ops.hear(Answer.RETRY, after_seconds=30)
    ops.clock.forward(30)
    assert ops.condition.pause_seconds() == 0
    assert await ops.hear(Answer.SENT) == 0
    assert ops.kept[-1] == ChannelState(name="ops", paused_until=EPOCH, mark="mark")


async def test_a_machines_channel_pauses_only_after_ten_failures_in_a_row():
    tickets = Subject(chat=False)
    for _ in range(MOST_FAILURES - 1):
        assert await tickets.hear(Answer.RETRY) <= 0
    assert await tickets.hear(Answer.RETRY) == 1
    tickets = Subject(chat=False)
    for _ in range(MOST_FAILURES - 1):
        await tickets.hear(Answer.RETRY)
    await tickets.hear(Answer.SENT)
    assert await tickets.hear(Answer.RETRY) <= 0
    assert tickets.kept == []


async def test_why_an_endpoint_takes_nothing_is_known_from_the_first_failure_until_it_takes_something():
    tickets = Subject(chat=False)
    await tickets.hear(Answer.RETRY)
    assert tickets.condition.state.reason == "it said retry"
    await tickets.hear(Answer.AMBIGUOUS)
    assert tickets.condition.state.reason == "it said ambiguous"
    await tickets.hear(Answer.SENT)
    assert (tickets.condition.state.reason, tickets.kept) == ("", [])


@pytest.mark.parametrize("lost", [LOST, SILENT], ids=["killed", "silent"])
async def test_calls_that_were_lost_with_the_edge_say_nothing_of_the_endpoint(lost):
    ops = Subject(chat=False)
    for number in range(MOST_FAILURES):
        delivery = a_delivery(key=str(number))
        await ops.condition.learn(lost, next_move(delivery, lost, Steady(), strikes=0))
    assert (ops.kept, ops.condition.state.failures) == ([], 0)


async def test_each_further_trial_that_fails_makes_a_machines_pause_twice_as_long():
    tickets = Subject(chat=False)
    for _ in range(MOST_FAILURES - 1):
        await tickets.hear(Answer.RETRY)
    waits = []
    for _ in range(6):
        waits.append(await tickets.hear(Answer.RETRY))
        tickets.clock.forward(waits[-1])
    assert waits == [1, 2, 4, 8, 16, 30]


async def test_a_pause_is_not_cut_short_by_another_that_was_under_way():
    tickets = Subject(chat=False)
    for _ in range(MOST_FAILURES - 1):
        await tickets.hear(Answer.RETRY)
    assert await tickets.hear(Answer.RETRY, after_seconds=60) == 60
    assert await tickets.hear(Answer.RETRY) == 60
    assert await tickets.hear(Answer.RETRY, after_seconds=0) == 60
    assert await tickets.hear(Answer.RETRY, after_seconds=90) == 90


async def test_a_platform_that_says_at_once_is_asked_at_once():
    ops = Subject()
    assert await ops.hear(Answer.RETRY, after_seconds=0) <= 0


async def test_a_broken_channel_is_tried_after_5_minutes_then_10_and_20_up_to_an_hour():
    ops = Subject()
    waits = []
    for _ in range(6):
        waits.append(await ops.hear(Answer.BROKEN))
        ops.clock.forward(waits[-1])
    assert waits == [300, 600, 1200, 2400, 3600, 3600]
    assert ops.is_broken
    assert {state.broken_since for state in ops.kept} == {START}
    assert {state.reason for state in ops.kept} == {"it said broken"}


async def test_what_was_under_way_when_the_channel_broke_is_no_further_trial():
    tickets = Subject(chat=False)
    assert [await tickets.hear(Answer.BROKEN) for _ in range(8)] == [300] * 8
    tickets.clock.forward(300)
    assert await tickets.hear(Answer.BROKEN) == 600


async def test_a_broken_channel_is_mended_by_a_message_that_is_taken():
    ops = Subject()
    await ops.hear(Answer.BROKEN)
    ops.clock.forward(300)
    await ops.hear(Answer.SENT)
    assert not ops.is_broken
    assert ops.kept[-1] == ChannelState(name="ops", paused_until=EPOCH, mark="mark", mended_at=ops.clock.now())
    assert await ops.hear(Answer.BROKEN) == 300


@pytest.mark.parametrize("answer", [Answer.RETRY, Answer.AMBIGUOUS])
async def test_a_broken_channel_that_cannot_be_reached_is_still_broken(answer):
    ops = Subject()
    await ops.hear(Answer.BROKEN)
    ops.clock.forward(300)
    assert await ops.hear(answer) == 1
    assert ops.is_broken
    ops.clock.forward(1)
    assert await ops.hear(answer, after_seconds=0) <= 0
    assert ops.is_broken
    assert await ops.hear(Answer.BROKEN) == 600
    assert ops.kept[-1].broken_since == START


@pytest.mark.parametrize(
    ("pause", "said"),
    [(timedelta(minutes=5), "the channel is still broken"), (timedelta(0), "the broken channel is tried at once")],
)
async def test_a_channel_that_was_left_broken_says_whether_it_waits_or_is_tried_at_once(pause, said):
    state = ChannelState(
        name="ops",
        paused_until=START + pause if pause else EPOCH,
        paused_at=START,
        mark="mark",
        failures=1,
        broken_since=START,
        reason="200 channel_not_found",
    )
    with capture_logs() as logs:
        Subject(state=state)
    assert [(line["event"], line["next_try_seconds"]) for line in logs] == [(said, pause.total_seconds())]


async def test_a_refused_message_neither_mends_nor_pauses():
    ops = Subject()
    await ops.hear(Answer.BROKEN)
    ops.clock.forward(300)
    assert await ops.hear(Answer.REJECTED) <= 0
    assert await ops.hear(Answer.GONE) <= 0
    assert ops.is_broken


async def test_the_same_verdict_for_three_alarms_in_a_row_breaks_the_channel():
    ops = Subject()
    for key, expected in (("a", False), ("a", False), ("b", False), ("b", False), ("c", True)):
        await ops.hear(Answer.REJECTED, key=key, breaks_after=3)
        assert ops.is_broken is expected


@pytest.mark.parametrize("between", [Answer.SENT, Answer.REJECTED])
async def test_an_answer_between_them_begins_the_count_anew(between):
    ops = Subject()
    for key in "ab":
        await ops.hear(Answer.REJECTED, key=key, breaks_after=3)
    await ops.hear(between)
    for key in "cd":
        await ops.hear(Answer.REJECTED, key=key, breaks_after=3)
    assert not ops.is_broken
    await ops.hear(Answer.REJECTED, key="e", breaks_after=3)
    assert ops.is_broken


@pytest.mark.parametrize("between", [Answer.RETRY, Answer.AMBIGUOUS, Answer.GONE])
async def test_what_is_no_answer_about_the_message_does_not(between):
    ops = Subject()
    for key in "ab":
        await ops.hear(Answer.REJECTED, key=key, breaks_after=3)
    await ops.hear(between)
    await ops.hear(Answer.REJECTED, key="c", breaks_after=3)
    assert ops.is_broken


async def test_a_channel_broken_so_needs_no_three_more_after_a_restart():
    state = ChannelState(name="ops", paused_until=START, failures=2, broken_since=START, mark="mark", reason="403")
    ops = Subject(state=state)
    assert ops.is_broken
    assert await ops.hear(Answer.REJECTED, key="a", breaks_after=3) == 1200


def test_a_pause_from_before_holds_and_a_broken_channel_whose_settings_changed_is_tried_at_once():
    broken = ChannelState(name="ops", paused_until=START, failures=4, broken_since=START, mark="mark", reason="401")
    assert restored("ops", "mark", broken) is broken
    tried = ChannelState(name="ops", paused_until=EPOCH, broken_since=START, mark="other", reason="401")
    assert restored("ops", "other", broken) == tried
    paused = ChannelState(name="ops", paused_until=START, failures=4, mark="mark", reason="429")
    assert restored("ops", "other", paused) == replace(paused, mark="other")
    assert restored("ops", "mark", None) == ChannelState(name="ops", paused_until=EPOCH, mark="mark")


async def test_a_channel_that_was_broken_under_other_settings_is_mended_by_the_first_message_taken():
    state = ChannelState(name="ops", paused_until=EPOCH, broken_since=START, mark="mark", reason="401")
    ops = Subject(state=state)
    await ops.hear(Answer.SENT)
    assert not ops.is_broken
    assert ops.kept == [ChannelState(name="ops", paused_until=EPOCH, mark="mark", mended_at=ops.clock.now())]


@pytest.mark.parametrize("answer", [Answer.RETRY, Answer.BROKEN])
async def test_a_clock_that_is_set_back_prolongs_no_pause(answer):
    ops = Subject()
    seconds = await ops.hear(answer)
    ops.clock.set_back(hours=8)
    assert ops.condition.pause_seconds() == seconds
    ops.clock.forward(seconds)
    assert ops.condition.pause_seconds() == 0
    again = await ops.hear(answer, attempts=1)
    assert ops.kept[-1].paused_until == ops.clock.now() + timedelta(seconds=again)


@pytest.mark.parametrize("answer", [Answer.RETRY, Answer.BROKEN])
async def test_it_is_kept_when_a_pause_began(answer):
    subject = Subject()
    await subject.hear(answer, after_seconds=60)
    assert [state.paused_at for state in subject.kept] == [subject.clock.now()]


async def test_a_pause_from_before_is_no_longer_than_a_platform_is_believed():
    state = ChannelState(name="ops", paused_until=START + timedelta(days=400), mark="mark", reason="429")
    assert Subject(state=state).condition.pause_seconds() == timedelta(days=1).total_seconds()


async def test_a_pause_from_before_is_no_longer_than_it_was_though_the_clock_was_set_back_before_a_restart():
    before = Subject()
    await before.hear(Answer.RETRY, after_seconds=60)
    (kept,) = before.kept
    after = Subject(state=replace(kept, paused_until=kept.paused_until + timedelta(hours=1), paused_at=START + HOUR))
    assert after.condition.pause_seconds() == 60
    late = Subject(state=replace(kept, paused_until=kept.paused_until - timedelta(seconds=45), paused_at=START - HOUR))
    assert late.condition.pause_seconds() == 15


async def test_a_pause_that_began_under_a_clock_far_ahead_holds_for_the_next_worker_as_well():
    ahead = ChannelState(name="ops", paused_until=START + HOUR + HOUR / 60, paused_at=START + HOUR, mark="mark")
    before = Subject(state=ahead)
    after = Subject(state=before.condition.state)
    assert (before.condition.pause_seconds(), after.condition.pause_seconds()) == (60, 60)


async def test_what_came_until_a_channel_was_mended_came_while_it_was_broken():
    ops = Subject()
    assert not ops.condition.was_broken(START)
    await ops.hear(Answer.BROKEN)
    assert not ops.condition.was_broken(START)
    ops.clock.forward(300)
    mended_at = ops.clock.now()
    await ops.hear(Answer.SENT)
    assert ops.condition.was_broken(START)
    assert ops.condition.was_broken(mended_at)
    assert not ops.condition.was_broken(mended_at + timedelta(milliseconds=1))


async def test_a_channel_that_was_mended_by_a_clock_that_is_set_back_hides_nothing_of_what_comes_then():
    ops = Subject(state=ChannelState(name="ops", paused_until=EPOCH, mark="mark", mended_at=START + timedelta(days=1)))
    assert not ops.condition.was_broken(START)
    ops.clock.forward(86400)
    assert ops.condition.was_broken(START)


async def test_when_a_channel_was_mended_is_known_after_a_later_pause_as_well():
    ops = Subject(state=ChannelState(name="ops", paused_until=EPOCH, mark="mark", mended_at=START))
    await ops.hear(Answer.RETRY)
    await ops.hear(Answer.SENT)
    assert ops.kept[-1] == ChannelState(name="ops", paused_until=EPOCH, mark="mark", mended_at=START)


async def test_a_channel_that_is_gone_is_no_trouble_any_more():
    ops = Subject()
    await ops.hear(Answer.BROKEN)
    ops.told.clear()
    ops.condition.leave()
    assert ops.told == [(Trouble.CHANNEL_BROKEN, "ops"), (Trouble.DIGESTING, "ops")]


async def test_a_channel_is_well_until_something_fails_and_again_once_something_is_taken():
    ops = Subject()
    assert ops.condition.is_well is True
    await ops.hear(Answer.RETRY)
    assert ops.condition.is_well is False
    await ops.hear(Answer.SENT)
    assert ops.condition.is_well is True
    await ops.hear(Answer.BROKEN)
    assert ops.condition.is_well is False


def test_a_channel_that_broke_under_other_settings_is_not_well_before_something_is_taken():
    broken = ChannelState(name="ops", paused_until=START, failures=3, broken_since=START, mark="other")
    assert Subject(state=broken).condition.is_well is False


async def test_dead_letters_among_refusals_that_broke_the_channel_are_pardoned_once_and_oldest_first():
    ops = Subject()
    letters = [a_delivery(number, key=key) for number, key in ((3, "a"), (2, "b"))]
    for letter in letters:
        await ops.hear(Answer.REJECTED, key=letter.event.key, breaks_after=3)
        ops.condition.bury(letter)
    ops.condition.bury(a_delivery(1, key="of another refusal"))
    assert ops.condition.pardoned() == []
    await ops.hear(Answer.REJECTED, key="c", breaks_after=3)
    assert [letter.id for letter in ops.condition.pardoned()] == [2, 3]
    assert ops.condition.pardoned() == []


async def test_people_are_told_when_a_channel_breaks_and_when_it_is_mended():
    ops = Subject()
    assert ops.told == [(Trouble.CHANNEL_BROKEN, "ops")]
    await ops.hear(Answer.BROKEN)
    ops.clock.forward(300)
    await ops.hear(Answer.SENT)
    assert ops.told[1:] == [
        (Trouble.CHANNEL_BROKEN, "ops", "it said broken"),
        (Trouble.CHANNEL_BROKEN, "ops"),
    ]


async def test_a_broken_channel_hands_over_while_it_is_not_to_be_tried_where_it_has_a_fallback():
    ops, alone = Subject(fallback="dba"), Subject()
    await ops.hear(Answer.RETRY)
    assert not ops.condition.hands_over
    for channel in (ops, alone):
        await channel.hear(Answer.BROKEN)
    assert (ops.condition.hands_over, alone.condition.hands_over) == (True, False)
    ops.clock.forward(300)
    assert not ops.condition.hands_over


async def test_a_pause_from_before_ends_with_a_message_that_is_taken_though_nothing_failed_since():
    ops = Subject(state=ChannelState(name="ops", paused_until=START, mark="mark"))
    await ops.hear(Answer.SENT)
    assert ops.kept == [ChannelState(name="ops", paused_until=EPOCH, mark="mark")]
    await ops.hear(Answer.SENT)
    assert len(ops.kept) == 1


async def paused_machine():
    tickets = Subject(chat=False)
    for _ in range(MOST_FAILURES):
        await tickets.hear(Answer.RETRY)
    assert tickets.condition.pause_seconds() == 1
    return tickets


@pytest.mark.parametrize("after", [None, 0.25, 1.0])
async def test_what_was_under_way_when_a_machine_paused_and_asks_for_no_more_changes_nothing(after):
    tickets = await paused_machine()
    kept = list(tickets.kept)
    await tickets.hear(Answer.RETRY, after_seconds=after)
    tickets.clock.forward(0.5)
    await tickets.hear(Answer.RETRY)
    assert (tickets.kept, tickets.condition.pause_seconds()) == (kept, 0.5)


async def test_what_was_under_way_and_asks_for_more_prolongs_the_pause_and_is_no_further_trial():
    tickets = await paused_machine()
    assert await tickets.hear(Answer.RETRY, after_seconds=90) == 90
    assert [state.failures for state in tickets.kept] == [MOST_FAILURES] * 2


async def test_a_refused_message_changes_nothing_in_a_channel_whose_pause_is_over():
    ops = Subject()
    await ops.hear(Answer.RETRY)
    ops.clock.forward(5)
    await ops.hear(Answer.REJECTED)
    assert len(ops.kept) == 1


async def test_a_pause_of_no_time_is_none():
    ops = Subject()
    await ops.hear(Answer.RETRY, after_seconds=0)
    assert ops.kept[-1].paused_until is EPOCH


async def test_a_channel_stays_broken_for_the_reason_for_which_it_broke():
    ops = Subject()
    await ops.hear(Answer.BROKEN)
    ops.clock.forward(299.5)
    assert await ops.hear(Answer.BROKEN) == 0.5
    ops.clock.forward(0.5)
    await ops.hear(Answer.RETRY)
    assert ops.kept[-1].reason == "it said broken"


async def test_a_channel_that_had_failed_before_it_broke_is_first_tried_after_five_minutes():
    ops = Subject()
    for _ in range(2):
        await ops.hear(Answer.RETRY, after_seconds=0)
    assert await ops.hear(Answer.BROKEN) == 300


async def test_a_wall_clock_that_is_set_forward_ends_a_pause_sooner_and_a_second_back_is_no_matter():
    ops = Subject()
    await ops.hear(Answer.BROKEN)
    ops.clock.time += timedelta(seconds=0.5)
    assert ops.condition.pause_seconds() == 299.5
    ops.clock.time += timedelta(seconds=100)
    assert ops.condition.pause_seconds() == 199.5
    ops.clock.time = START - timedelta(seconds=1)
    assert ops.condition.pause_seconds() == 301


async def test_of_one_alarm_a_thousand_dead_letters_are_remembered():
    ops = Subject()
    for key in "ab":
        await ops.hear(Answer.REJECTED, key=key, breaks_after=3)
    for number in range(1, 1002):
        ops.condition.bury(a_delivery(number, key="a"))
    await ops.hear(Answer.REJECTED, key="c", breaks_after=3)
    pardoned = ops.condition.pardoned()
    assert (len(pardoned), pardoned[0].id) == (1000, 2)


async def test_a_channel_that_was_left_broken_says_to_a_tenth_of_a_second_when_it_is_tried():
    until = START + timedelta(seconds=61.26)
    state = ChannelState(name="ops", paused_until=until, paused_at=START, mark="mark", broken_since=START)
    with capture_logs() as logs:
        Subject(state=state)
    assert [line["next_try_seconds"] for line in logs] == [61.3]


@pytest.mark.parametrize(("began", "remembered"), [(-10, -10), (3600, 0)], ids=["before", "by a clock that was ahead"])
def test_a_pause_is_remembered_from_when_it_began_which_is_never_later_than_now(began, remembered):
    paused_at = START + timedelta(seconds=began)
    state = ChannelState(name="ops", paused_until=paused_at + HOUR, paused_at=paused_at, mark="mark")
    assert no_longer_than_asked(state, START).paused_at == START + timedelta(seconds=remembered)
