"""One channel's worker by itself, over a queue in memory: what it takes, when, and what it does with how that ended."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bridge.alarm import State
from bridge.clock import EPOCH
from bridge.condition import MOST_FAILURES
from bridge.message import Answer, DeliveryState, Message
from bridge.pace import Spacing
from bridge.store import PAGE, ChannelState, Merged, StoreUnavailable
from tests.fakes.deliveries import a_delivery
from tests.fakes.desk import Desk
from tests.fakes.scripted import SENT, Scripted, a_verdict, counted, in_turn
from tests.fakes.virtual import START, virtual

MACHINE = {"chat": False, "one_by_one": False, "idempotent": True, "threads": False}
RETRY = a_verdict(Answer.RETRY)
BROKEN = a_verdict(Answer.BROKEN)
BROKEN_STATE = ChannelState(
    name="ops", paused_until=START + timedelta(minutes=10), failures=1, broken_since=START, mark="mark", reason="401"
)


def of(number, **changes):
    """Give a delivery of an alarm of its own."""
    return a_delivery(number, **{"key": str(number), "episode_id": number, "body": b"{}", **changes})


def ofs(first, last, **changes):
    return [of(number, **changes) for number in range(first, last + 1)]


def numbers(channel):
    return [int(text) for text in channel.told()]


# how much at once, how fast, and in which order


@virtual
async def test_a_chat_gets_one_message_at_a_time_however_well_it_goes(clock):
    channel = Scripted(clock, seconds=0.1)
    async with Desk(clock, channel, digest_over=0) as desk:
        desk.memory.add(*ofs(1, 40))
        await desk.runs(10)
        assert (channel.most, numbers(channel)) == (1, [*range(1, 41)])


@virtual
async def test_a_machine_gets_four_at_once_and_more_as_long_as_it_goes_well(clock):
    channel = Scripted(clock, seconds=0.1)
    async with Desk(clock, channel, **MACHINE) as desk:
        desk.memory.add(*ofs(1, 40))
        await desk.runs(0.05)
        assert channel.most == 4
        await desk.runs(10)
        assert channel.most == 9  # one more after 4, 9, 15, 22 and 30 that went well
        assert sorted(numbers(channel)) == [*range(1, 41)]


@virtual
async def test_what_was_answered_is_under_way_until_it_is_on_disk(clock):
    channel = Scripted(clock)
    async with Desk(clock, channel, **MACHINE) as desk:
        desk.memory.lasts = 5.0
        desk.memory.add(*ofs(1, 40))
        await desk.runs(4.9)
        assert len(channel.calls) == 8  # four, and each of the tasks a second one while fewer than four were answered
        await desk.runs(0.2)
        assert len(channel.calls) > 8


@virtual
async def test_a_rate_of_its_own_holds_with_bursts_of_three(clock):
    channel = Scripted(clock)
    async with Desk(clock, channel, rate=0.5, digest_over=0) as desk:
        desk.memory.add(*ofs(1, 6))
        await desk.runs(10)
        assert channel.times == [0, 0, 0, 2, 4, 6]


@virtual
async def test_a_room_that_others_share_is_one_budget_with_them(clock):
    room, channel = Spacing(0.5), Scripted(clock)
    room.take(clock.monotonic())
    room.take(clock.monotonic())
    async with Desk(clock, channel, rate=1.0, room=room, digest_over=0) as desk:
        desk.memory.add(*ofs(1, 3))
        await desk.runs(10)
        assert channel.times == [0, 2, 4]


@virtual
async def test_a_channel_without_a_rate_does_not_wait_for_the_room_that_others_share(clock):
    channel = Scripted(clock)
    async with Desk(clock, channel, rate=None, room=Spacing(0.5), digest_over=0) as desk:
        desk.memory.add(*ofs(1, 6))
        await desk.runs(1)
        assert channel.times == [0] * 6


@virtual
async def test_what_ended_without_a_call_takes_nothing_of_the_rate(clock):
    channel = Scripted(clock)
    late = {"created_at": START - timedelta(hours=25), "due_at": START}
    async with Desk(clock, channel, rate=0.5, digest_over=0) as desk:
        desk.memory.add(*ofs(1, 9, **late), *ofs(10, 12))
        await desk.runs(1)
        assert numbers(channel) == [10, 11, 12]
        assert desk.memory.states() == ["dead"] * 9 + ["sent"] * 3


@pytest.mark.parametrize(("chat", "first"), [(True, 5), (False, 1)], ids=["chat", "machine"])
@virtual
async def test_what_is_urgent_goes_first_in_a_chat(chat, first, clock):
    channel = Scripted(clock)
    async with Desk(clock, channel, chat=chat) as desk:
        desk.memory.add(*ofs(1, 4), of(5, route="loud"))
        await desk.runs()
        assert numbers(channel)[0] == first


@virtual
async def test_all_that_waits_of_an_alarm_is_told_in_order_each_when_the_one_before_is_on_disk(clock):
    channel = Scripted(clock, seconds=1)
    async with Desk(clock, channel, **MACHINE) as desk:
        desk.memory.lasts = 1.0
        desk.memory.add(*ofs(1, 3, key="a", episode_id=1))
        await desk.runs(10)
        assert (numbers(channel), channel.times) == ([1, 2, 3], [0, 2, 4])


# how it hears of work


@virtual
async def test_what_is_handed_over_is_told_at_once_and_not_read(clock):
    channel = Scripted(clock)
    async with Desk(clock, channel, **MACHINE) as desk:
        await desk.runs()
        reads = desk.memory.reads
        desk.memory.add(of(1))
        desk.worker.offer([of(1)])
        await clock.sleep(0)
        assert (numbers(channel), desk.memory.reads) == ([1], reads)


@virtual
async def test_what_is_handed_over_and_cannot_be_taken_is_read_at_once(clock):
    channel = Scripted(clock)
    async with Desk(clock, channel, **MACHINE) as desk:
        await desk.runs()
        desk.memory.add(of(1, body=None))
        desk.worker.offer([of(1, body=None)])
        await clock.sleep(0.1)
        assert numbers(channel) == [1]


@virtual
async def test_what_was_written_is_read_as_soon_as_the_worker_is_told_and_else_half_a_minute_later(clock):
    channel = Scripted(clock)
    async with Desk(clock, channel) as desk:
        await desk.runs()
        await desk.write(of(1))
        await clock.sleep(0.1)
        assert numbers(channel) == [1]
        desk.memory.add(of(2))
        await clock.sleep(29)
        assert numbers(channel) == [1]
        await clock.sleep(2)
        assert numbers(channel) == [1, 2]


@virtual
async def test_an_idle_worker_looks_at_the_disk_twice_a_minute(clock):
    async with Desk(clock, Scripted(clock)) as desk:
        await desk.runs(3600)
        assert desk.memory.reads in {120, 121}


@virtual
async def test_what_a_person_put_back_is_read_once_nothing_is_under_way_and_nothing_is_begun_before(clock):
    channel = Scripted(clock, seconds=10)
    async with Desk(clock, channel, **MACHINE) as desk:
        desk.memory.add(of(1), of(2))
        await desk.runs(5)
        desk.memory.add(of(3, key="2"))
        desk.memory.add(replace(of(1), state=DeliveryState.WAITING))
        desk.worker.read_again()
        await clock.sleep(4)
        assert numbers(channel) == [1, 2]
        await clock.sleep(2)
        assert numbers(channel) == [1, 2, 3]


@virtual
async def test_what_a_person_put_back_goes_before_what_is_younger_and_was_read_already(clock):
    channel = Scripted(clock, seconds=10)
    async with Desk(clock, channel) as desk:
        desk.memory.add(*ofs(2, 4))
        await desk.runs(5)
        desk.memory.add(of(1))
        desk.worker.read_again()
        await clock.sleep(40)
        assert numbers(channel) == [2, 1, 3, 4]


@virtual
async def test_a_worker_rests_while_as_much_as_may_be_is_under_way(clock):
    channel = Scripted(clock, seconds=1000)
    async with Desk(clock, channel) as desk:
        desk.memory.add(of(1), of(2))
        await desk.runs(600)
        assert desk.memory.reads < 30


@virtual
async def test_what_waits_is_read_page_by_page_and_told_once_and_in_order(clock):
    channel = Scripted(clock)
    async with Desk(clock, channel, digest_over=0) as desk:
        desk.memory.add(*ofs(1, 2 * PAGE + 1))
        await desk.runs()
        assert numbers(channel) == [*range(1, 2 * PAGE + 2)]


@virtual
async def test_nothing_goes_sooner_because_something_wakes_the_worker(clock):
    channel = Scripted(clock, in_turn(SENT, SENT, a_verdict(Answer.RETRY, after_seconds=19.0)))
    async with Desk(clock, channel, rate=0.1, digest_over=0) as desk:
        desk.memory.add(*ofs(1, 5))
        for _ in range(41):
            await desk.runs(0.5)
            desk.worker.wake()
        assert (numbers(channel), channel.times) == ([1, 2, 3, 3, 4], [0, 0, 0, 19, 20])


@virtual
async def test_a_machine_that_has_too_much_to_do_gets_fewer_at_once_as_soon_as_it_says_so(clock):
    channel = Scripted(clock, lambda _: a_verdict(Answer.RETRY, throttled=True))
    channel.seconds = lambda call: float(call.message.text)
    async with Desk(clock, channel, **MACHINE) as desk:
        desk.memory.add(*ofs(1, 8, attempts=10))
        at_once = []
        for _ in range(6):
            await desk.runs(0.5)
            at_once.append(channel.under_way.total())
            await desk.runs(0.5)
        assert at_once == [4, 3, 2, 1, 1, 1]


# what becomes of an attempt


@pytest.mark.parametrize(
    ("chat", "told", "states"), [(True, [1], ["sent", "superseded"]), (False, [1, 2], ["sent", "sent"])]
)
@virtual
async def test_a_trigger_whose_alarm_is_over_is_one_message_with_its_end_in_a_chat(chat, told, states, clock):
    channel = Scripted(clock)
    async with Desk(clock, channel, chat=chat) as desk:
        both = {"key": "1", "episode_id": 1}
        desk.memory.add(of(1, **both), of(2, state_told=State.RECOVERED, **both))
        await desk.runs()
        assert (numbers(channel), desk.memory.states()) == (told, states)


@virtual
async def test_what_is_to_be_tried_again_is_though_another_call_is_under_way_and_the_disk_was_slow(clock):
    channel = Scripted(
        clock, lambda call: a_verdict(Answer.RETRY, after_seconds=2.0) if call.message.text == "1" else SENT
    )
    channel.seconds = lambda call: 100.0 if call.message.text == "2" else 0.0
    async with Desk(clock, channel, **MACHINE) as desk:
        desk.memory.lasts = 0.5
        desk.memory.add(of(1), of(2))
        await desk.runs(3)
        assert (numbers(channel), channel.times) == ([1, 2, 1], [0, 0, 2])


@virtual
async def test_what_failed_is_tried_again_when_it_is_due_and_holds_up_nobody_else_at_a_machine(clock):
    answers = {"1": [a_verdict(Answer.RETRY, after_seconds=7.0)]}
    channel = Scripted(clock, lambda call: (answers.get(call.message.text) or [SENT]).pop())
    async with Desk(clock, channel, **MACHINE) as desk:
        desk.memory.add(of(1), of(2), of(3, key="1"))
        await desk.runs(10)
        assert (numbers(channel), channel.times) == ([1, 2, 1, 3], [0, 0, 7, 7])


@virtual
async def test_a_chat_that_fails_pauses_as_a_whole(clock):
    channel = Scripted(clock, in_turn(a_verdict(Answer.RETRY, after_seconds=7.0)))
    async with Desk(clock, channel) as desk:
        desk.memory.add(of(1), of(2))
        await desk.runs(10)
        assert (numbers(channel), channel.times) == ([1, 1, 2], [0, 7, 7])


@virtual
async def test_a_machine_pauses_as_a_whole_after_so_many_failures_in_a_row(clock):
    channel = Scripted(clock, lambda _: a_verdict(Answer.RETRY, after_seconds=100.0))
    async with Desk(clock, channel, **{**MACHINE, "one_by_one": True}) as desk:
        desk.memory.add(*ofs(1, 40))
        await desk.runs(90)
        assert len(channel.calls) == MOST_FAILURES


@virtual
async def test_an_attempt_is_counted_and_people_hear_of_a_dead_letter(clock):
    channel = Scripted(clock, in_turn(SENT, a_verdict(Answer.REJECTED)))
    async with Desk(clock, channel) as desk:
        desk.memory.add(of(1), of(2))
        await desk.runs()
        assert counted(desk.metrics, "ops") == {"sent": 1, "rejected": 1, "dead": 1}
        assert [words for trouble, words in desk.reporter.told if trouble == "dead_letters"] == [
            f"{of(2).event.short_id} triggered: it said rejected"
        ]


@virtual
async def test_a_result_that_cannot_be_stored_is_made_anew_a_minute_later(clock):
    channel = Scripted(clock)
    async with Desk(clock, channel, **MACHINE) as desk:
        desk.memory.trouble = StoreUnavailable("the store failed")
        desk.memory.add(of(1), of(2, key="1"))
        with capture_logs() as logs:
            await desk.runs(59)
        assert [(line["event"], line["channel"]) for line in logs if line["log_level"] == "error"] == [
            ("a result could not be stored", "ops")
        ]
        assert numbers(channel) == [1]
        desk.memory.trouble = None
        await clock.sleep(2)
        assert (numbers(channel), channel.times) == ([1, 1, 2], [0, 60, 60])


@virtual
async def test_a_store_that_fails_before_the_call_is_asked_again_a_second_later(clock):
    channel = Scripted(clock)
    async with Desk(clock, channel) as desk:
        desk.memory.add(of(1), of(2, key="1"))
        await desk.runs(0.1)
        desk.memory.deliveries.clear()
        desk.memory.add(of(3))
        desk.worker.wake()
        desk.memory.fails = True
        await clock.sleep(60)
        assert numbers(channel) == [1, 2]
        assert desk.memory.reads < 10
        desk.memory.fails = False
        await clock.sleep(30)
        assert numbers(channel) == [1, 2, 3]


@virtual
async def test_what_could_not_be_begun_takes_nothing_of_the_rate(clock):
    channel = Scripted(clock)
    async with Desk(clock, channel, rate=0.1) as desk:
        desk.memory.add(*ofs(1, 4))
        await desk.runs(5)
        desk.memory.fails = True
        await clock.sleep(30)
        desk.memory.fails = False
        await clock.sleep(1.1)
        assert len(channel.calls) == 4


# a wall clock that is set back


@virtual
async def test_a_machine_is_left_alone_as_it_asked_though_the_clock_was_set_back_after_the_alarm_came(clock):
    channel = Scripted(clock, in_turn(a_verdict(Answer.RETRY, after_seconds=60.0)))
    async with Desk(clock, channel, **MACHINE) as desk:
        desk.memory.add(of(1))
        clock.shift = -timedelta(hours=1)
        await desk.runs(200)
        assert channel.times == [0, 60]


@virtual
async def test_a_machine_is_not_left_alone_for_longer_where_the_clock_is_set_back_meanwhile(clock):
    channel = Scripted(clock, in_turn(a_verdict(Answer.RETRY, after_seconds=60.0)))
    async with Desk(clock, channel, **MACHINE) as desk:
        desk.memory.add(of(1))
        await desk.runs(10)
        clock.shift = -timedelta(hours=1)
        await clock.sleep(200)
        first, second = channel.times
        assert (first, 60 <= second <= 90) == (0, True)  # what passes until the next look at the clock is not known


@virtual
async def test_a_store_that_fails_is_asked_again_a_second_later_though_the_clock_was_set_back(clock):
    channel = Scripted(clock)
    async with Desk(clock, channel) as desk:
        desk.memory.add(*ofs(1, 2, key="1"))
        desk.memory.lasts = 2.0
        await desk.runs(1)
        desk.memory.fails = True
        clock.shift = -timedelta(hours=1)
        await clock.sleep(5)
        desk.memory.fails = False
        await clock.sleep(1.1)
        assert numbers(channel) == [1, 2]


# broken channels


@virtual
async def test_a_channel_that_was_broken_before_the_restart_is_tried_when_its_pause_is_over(clock):
    channel = Scripted(clock)
    async with Desk(clock, channel, state=BROKEN_STATE) as desk:
        desk.memory.add(of(1))
        await desk.runs(599)
        assert numbers(channel) == []
        assert ("channel_broken", "401") in desk.reporter.told
        await clock.sleep(2)
        assert numbers(channel) == [1]
        assert ("channel_broken", "over") in desk.reporter.told


@virtual
async def test_other_settings_are_tried_at_once(clock):
    channel = Scripted(clock)
    async with Desk(clock, channel, state=BROKEN_STATE, mark="other") as desk:
        desk.memory.add(of(1))
        await desk.runs()
        assert numbers(channel) == [1]


@virtual
async def test_other_settings_are_taken_at_their_word_where_nothing_waits(clock):
    async with Desk(clock, Scripted(clock), state=BROKEN_STATE, mark="other") as desk:
        await desk.runs()
        assert not desk.worker.condition.is_broken


@virtual
async def test_a_broken_machine_is_tried_with_one_message_the_oldest(clock):
    channel = Scripted(clock, lambda _: BROKEN, seconds=1)
    state = replace(BROKEN_STATE, paused_until=EPOCH)
    async with Desk(clock, channel, state=state, **MACHINE) as desk:
        desk.memory.add(of(1, attempts=1), *ofs(2, 9))
        await desk.runs(10)
        assert numbers(channel) == [1]


@virtual
async def test_a_broken_channel_with_a_fallback_hands_over_all_that_waits_at_once(clock):
    channel = Scripted(clock)
    async with Desk(clock, channel, state=BROKEN_STATE, fallback="dba", rate=0.1, **MACHINE) as desk:
        held = {"due_at": START + timedelta(minutes=5), "attempts": 1}
        desk.memory.add(*ofs(1, 20), of(21, **held))
        await desk.runs(0.5)
        assert desk.memory.states() == ["moved"] * 21
        assert {result.handed_to for result in desk.memory.results} == {"dba"}


@virtual
async def test_what_is_handed_over_leaves_the_others_of_its_room_no_more_than_before(clock):
    room = Spacing(0.1)
    async with Desk(clock, Scripted(clock), state=BROKEN_STATE, fallback="dba", rate=0.1, room=room) as desk:
        for _ in range(4):
            room.take(clock.monotonic())
        desk.memory.add(*ofs(1, 20))
        await desk.runs(0.5)
        assert desk.memory.states() == ["moved"] * 20
        assert room.wait_seconds(clock.monotonic()) == 19.5


@virtual
async def test_what_waits_behind_another_of_its_alarm_is_handed_over_with_it(clock):
    async with Desk(clock, Scripted(clock), state=BROKEN_STATE, fallback="dba", **MACHINE) as desk:
        desk.memory.add(of(1), of(2, key="1", episode_id=1, state_told=State.REPEAT))
        await desk.runs()
        (result,) = desk.memory.results
        assert [one.delivery.id for one in (result, *result.along)] == [1, 2]


@virtual
async def test_dead_letters_wait_again_when_the_channel_turns_out_to_be_broken(clock):
    channel = Scripted(clock, lambda _: a_verdict(Answer.REJECTED, breaks_after=3))
    async with Desk(clock, channel) as desk:
        desk.memory.add(*ofs(1, 4))
        await desk.runs()
        assert numbers(channel) == [1, 2, 3]
        assert desk.memory.states() == ["waiting"] * 4
        channel.answers = lambda _: SENT
        await clock.sleep(400)
        assert sorted(numbers(channel)[3:]) == [1, 2, 3, 4]


class Asked(Scripted):
    """A channel that can be asked; it says yes when it is mended."""

    verdict = BROKEN
    asked = 0

    async def ask(self):
        self.asked += 1
        return self.verdict


@virtual
async def test_a_channel_that_can_be_asked_is_asked_before_anything_is_posted(clock):
    channel = Asked(clock)
    state = replace(BROKEN_STATE, paused_until=START + timedelta(seconds=100))
    async with Desk(clock, channel, state=state) as desk:
        desk.memory.add(of(1))
        await desk.runs(99)
        assert channel.asked == 0
        await clock.sleep(2)
        assert (channel.asked, numbers(channel)) == (1, [])
        channel.verdict = SENT
        await clock.sleep(1300)
        assert (channel.asked, numbers(channel)) == (2, [1])


# storms


@virtual
async def test_more_than_may_wait_is_looked_at_before_any_of_it_goes_and_a_storm_lets_go_what_was_looked_at(clock):
    channel = Scripted(clock, seconds=1)
    async with Desk(clock, channel, digest_over=3) as desk:
        await desk.runs()
        desk.memory.storm = Merged(upto=3, is_storm=True, is_all=True)
        await desk.write(*ofs(1, 5))
        await clock.sleep(10)
        assert numbers(channel) == [1, 2, 3]


@pytest.mark.parametrize(("call", "disk"), [(10.0, 0.0), (0.0, 10.0)], ids=["a call", "its result"])
@virtual
async def test_nothing_is_merged_while_something_is_under_way(call, disk, clock):
    channel = Scripted(clock, seconds=call)
    async with Desk(clock, channel, digest_over=1) as desk:
        desk.memory.lasts = disk
        desk.memory.add(of(1))
        await desk.runs()
        for number in range(2, 10):
            await desk.write(of(number))
            await clock.sleep(1)
        looks = len(desk.memory.merged)
        await clock.sleep(2)
        assert (looks, len(desk.memory.merged)) == (1, 2)


# the end, and others' questions


@virtual
async def test_a_stop_finishes_what_is_under_way_begins_nothing_more_and_closes_the_channel(clock):
    channel = Scripted(clock, seconds=5)
    async with Desk(clock, channel) as desk:
        desk.memory.lasts = 0.5
        desk.memory.add(*ofs(1, 3))
        await desk.runs(1)
        await desk.worker.stop(8)
        assert (numbers(channel), desk.memory.states()) == ([1], ["sent", "waiting", "waiting"])
        assert channel.is_closed
        assert desk.is_over


@virtual
async def test_a_stop_cuts_off_what_is_late_and_leaves_it_on_disk(clock):
    channel = Scripted(clock, seconds=50)
    async with Desk(clock, channel) as desk:
        desk.memory.add(of(1))
        await desk.runs(1)
        began = clock.monotonic()
        await desk.worker.stop(8)
        assert clock.monotonic() - began == pytest.approx(8, abs=0.01)
        assert (desk.memory.results, channel.is_closed, channel.under_way.total()) == ([], True, 0)


class Stubborn(Scripted):
    """A channel that goes on though it is told to leave off."""

    async def post(self, call):
        try:
            return await super().post(call)
        except asyncio.CancelledError:
            await asyncio.sleep(100)
            raise


@virtual
async def test_a_stop_waits_a_second_for_a_call_that_cannot_be_cut_off(clock):
    channel = Stubborn(clock, seconds=50)
    async with Desk(clock, channel) as desk:
        desk.memory.add(of(1))
        await desk.runs(1)
        began = clock.monotonic()
        await desk.worker.stop(8)
        assert clock.monotonic() - began == pytest.approx(9, abs=0.01)


@virtual
async def test_a_stop_waits_a_second_for_the_disk_and_without_a_limit_as_long_as_it_takes(clock):
    for limit, seconds, kept in ((8, 1.0, 0), (None, 29.0, 1)):
        channel = Scripted(clock)
        async with Desk(clock, channel) as desk:
            desk.memory.lasts = 30.0
            desk.memory.add(of(1))
            await desk.runs(1)
            began = clock.monotonic()
            await desk.worker.stop(limit)
            assert clock.monotonic() - began == pytest.approx(seconds, abs=0.01)
            assert (len(desk.memory.results), channel.is_closed) == (kept, True)


@virtual
async def test_a_worker_says_in_what_it_is_stuck(clock):
    async with Desk(clock, Scripted(clock, seconds=1e9)) as desk:
        await clock.sleep(121)
        assert desk.worker.stuck() == "the worker has not turned for 121 s"
        desk.memory.add(of(1))
        await desk.runs(900)
        assert desk.worker.stuck() == ""
        await clock.sleep(1)
        assert desk.worker.stuck() == "a call has been under way for 901 s"
        desk.worker.end()
        await clock.sleep(1000)
        assert desk.worker.stuck() == "a call has been under way for 1901 s"


@virtual
async def test_a_worker_that_has_nothing_to_do_is_not_stuck(clock):
    async with Desk(clock, Scripted(clock)) as desk:
        desk.memory.add(of(1))
        await desk.runs(5000)
        assert desk.worker.stuck() == ""
        desk.worker.end()
        await clock.sleep(5000)
        assert desk.worker.stuck() == ""


@virtual
async def test_a_worker_works_by_new_words_from_the_next_attempt_on(clock):
    channel = Scripted(clock)
    async with Desk(clock, channel) as desk:
        await desk.runs()
        desk.worker.renew(
            replace(desk.worker.post, render=lambda _: Message(text="mended", plain="mended"), digest_over=2)
        )
        await desk.write(of(1))
        await clock.sleep(1)
        assert channel.told() == ["mended"]
        await desk.write(*ofs(2, 4))
        await clock.sleep(1)
        assert len(desk.memory.merged) == 2


def fail(_delivery):
    raise KeyError("made up")


@virtual
async def test_a_fault_of_the_bridges_own_in_a_delivery_is_logged_and_ends_no_worker(clock, monkeypatch):
    channel = Scripted(clock)
    async with Desk(clock, channel) as desk:
        monkeypatch.setattr(desk.worker._pardon, "grant", fail)
        desk.memory.add(of(1))
        with capture_logs() as logs:
            await desk.runs(1)
        assert [(line["event"], line["channel"]) for line in logs if line["log_level"] == "error"] == [
            ("a delivery failed", "ops")
        ]
