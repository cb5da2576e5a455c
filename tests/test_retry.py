"""When a delivery is tried again, or never: every verdict, and the waits."""

from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.alarm import State
from bridge.message import Answer, DeliveryState, Step, Verdict
from bridge.retry import (
    Move,
    backoff_seconds,
    is_its_own,
    is_too_late,
    next_move,
    next_pause_seconds,
    probe_seconds,
)
from tests.fakes.deliveries import a_delivery
from tests.fakes.virtual import START

SUPERSEDED = DeliveryState.SUPERSEDED


def move(answer, *, delivery=None, strikes=0, **verdict):
    said = Verdict(answer=answer, said="why", **verdict)
    return next_move(delivery or a_delivery(), said, Random(1), strikes=strikes)


def a_move(state, **changes):
    return Move(state=state, **{"step": Step.POST, "plain": False, "note": "why", **changes})


def test_what_was_sent_is_done():
    assert move(Answer.SENT) == a_move(DeliveryState.SENT, note="")


@pytest.mark.parametrize("answer", [Answer.RETRY, Answer.AMBIGUOUS])
@pytest.mark.parametrize("seconds", [0, 0.5, 30, 86400])
def test_what_was_not_taken_waits_as_the_platform_asks(answer, seconds):
    assert move(answer, after_seconds=seconds) == a_move(DeliveryState.WAITING, wait_seconds=seconds, pauses=True)


@pytest.mark.parametrize("answer", [Answer.RETRY, Answer.AMBIGUOUS])
def test_unless_the_platform_says_how_long_the_wait_doubles_with_each_attempt(answer):
    waits = [move(answer, delivery=a_delivery(attempts=attempts)).wait_seconds for attempts in range(12)]
    expected = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert all(abs(wait / wanted - 1) <= 0.1 for wait, wanted in zip(waits, expected, strict=True))
    assert max(waits) <= 300


def test_a_platform_that_says_at_once_for_ever_is_taken_at_its_word_ten_times():
    waits = [
        move(Answer.RETRY, delivery=a_delivery(attempts=count), after_seconds=0).wait_seconds for count in range(13)
    ]
    assert waits[:10] == [0] * 10
    assert waits[10:] == pytest.approx([1, 2, 4], rel=0.1)
    assert move(Answer.RETRY, delivery=a_delivery(attempts=50), after_seconds=5).wait_seconds == 5


def test_waits_are_not_all_alike():
    random = Random(1)
    waits = {backoff_seconds(1, random) for _ in range(50)}
    assert len(waits) == 50
    assert 0.9 <= min(waits) < 0.93
    assert 1.07 < max(waits) <= 1.1


@given(st.integers(-5, 10**9), st.integers())
def test_no_number_of_failures_makes_a_wait_that_is_too_long_or_none(failures, seed):
    assert 0.9 <= backoff_seconds(failures, Random(seed)) <= 300
    assert 300 <= probe_seconds(failures) <= 3600
    assert 1 <= next_pause_seconds(failures) <= 30


def test_a_broken_channel_is_tried_after_5_minutes_and_more_and_more_seldom_up_to_an_hour():
    assert [probe_seconds(failures) for failures in range(1, 8)] == [300, 600, 1200, 2400, 3600, 3600, 3600]


def test_a_machines_channel_pauses_for_a_second_and_longer_with_each_trial_that_fails_up_to_half_a_minute():
    assert [next_pause_seconds(failures) for failures in range(8)] == [1, 1, 2, 4, 8, 16, 30, 30]


def test_a_verdict_that_allows_so_many_attempts_makes_a_dead_letter_of_the_last():
    allowed = [move(Answer.RETRY, delivery=a_delivery(attempts=attempts), tries=3).state for attempts in range(2)]
    assert allowed == [DeliveryState.WAITING, DeliveryState.WAITING]
    last = a_delivery(attempts=2, step=Step.UPDATE, plain=True)
    assert move(Answer.RETRY, delivery=last, tries=3) == a_move(DeliveryState.DEAD, step=Step.UPDATE, plain=True)


def test_a_rejected_message_is_tried_once_more_as_plain_text_where_that_helps():
    assert move(Answer.REJECTED, plain_helps=True) == a_move(DeliveryState.WAITING, plain=True)
    plain = a_delivery(plain=True)
    assert move(Answer.REJECTED, plain_helps=True, delivery=plain) == a_move(DeliveryState.DEAD, plain=True)
    assert move(Answer.REJECTED) == a_move(DeliveryState.DEAD)


@pytest.mark.parametrize("step", [Step.UPDATE, Step.THREAD, Step.BROADCAST])
def test_what_has_lost_its_message_becomes_a_new_one(step):
    assert move(Answer.GONE, delivery=a_delivery(step=step)) == a_move(DeliveryState.WAITING, forget_message=True)


def test_what_had_no_room_in_a_message_goes_with_it():
    assert move(Answer.GONE, delivery=a_delivery(step=Step.REST)) == a_move(SUPERSEDED, step=Step.REST)


def test_a_post_has_no_message_to_lose():
    assert move(Answer.GONE) == a_move(DeliveryState.DEAD)


def test_a_broken_channel_keeps_the_message_waiting():
    assert move(Answer.BROKEN) == a_move(DeliveryState.WAITING, breaks=True)


def test_a_verdict_that_may_break_the_channel_does_so_when_enough_alarms_got_it():
    assert move(Answer.REJECTED, breaks_after=3, strikes=2) == a_move(DeliveryState.DEAD)
    assert move(Answer.REJECTED, breaks_after=3, strikes=3) == a_move(DeliveryState.WAITING, breaks=True)


@given(st.sampled_from(Answer), st.sampled_from(Step), st.booleans(), st.booleans(), st.none() | st.floats(0, 86400))
def test_only_what_was_sent_is_ever_sent_and_every_other_end_has_its_reason(answer, step, plain, helps, after):
    made = move(answer, delivery=a_delivery(step=step, plain=plain), plain_helps=helps, after_seconds=after)
    assert (made.state is DeliveryState.SENT) is (answer is Answer.SENT)
    is_left = answer is Answer.GONE and step is Step.REST
    assert made.state in ({SUPERSEDED} if is_left else {DeliveryState.SENT, DeliveryState.WAITING, DeliveryState.DEAD})
    assert made.note == ("" if answer is Answer.SENT else "why")
    assert made.plain or not plain


@pytest.mark.parametrize(
    ("answer", "attempts", "state", "after", "expected"),
    [
        (Answer.RETRY, 1, State.TRIGGERED, None, True),
        (Answer.AMBIGUOUS, 7, State.RECOVERED, None, True),
        (Answer.RETRY, 0, State.TRIGGERED, None, False),
        (Answer.RETRY, 1, State.TRIGGERED, 0, False),
        (Answer.RETRY, 1, State.DIGEST, None, False),
        (Answer.REJECTED, 1, State.TRIGGERED, None, False),
    ],
    ids=["again", "again and again", "for the first time", "the platform asks", "a digest", "not for a while"],
)
def test_a_failure_is_about_one_message_where_that_failed_before(answer, attempts, state, after, expected):
    delivery, said = (
        a_delivery(attempts=attempts, state_told=state),
        Verdict(answer=answer, said="", after_seconds=after),
    )
    assert is_its_own(delivery, said, next_move(delivery, said, Random(1), strikes=0)) is expected


def test_a_message_is_given_up_after_its_time_and_not_a_moment_before():
    day = timedelta(hours=24)
    delivery = a_delivery(due_at=START + timedelta(days=9))
    assert not is_too_late(delivery, START + day, day)
    assert is_too_late(delivery, START + day + timedelta(milliseconds=1), day)
