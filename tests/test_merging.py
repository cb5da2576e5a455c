"""Which waiting deliveries of one alarm become one message."""

from dataclasses import replace
from typing import Any

import pytest

from bridge.alarm import Alarm, State, Status
from bridge.merging import in_place_of, newer_update, together, told_by, told_with
from bridge.message import Step
from tests.fakes.deliveries import a_delivery
from tests.fakes.virtual import START

POST, UPDATE, THREAD = Step.POST, Step.UPDATE, Step.THREAD
TRIGGERED, REPEAT, RECOVERED, ESCALATED = State.TRIGGERED, State.REPEAT, State.RECOVERED, State.ESCALATED


def lane(*events: Any) -> Any:
    """Give the deliveries of one alarm, by state and step."""
    return [a_delivery(number, state_told=state, step=step) for number, (state, step) in enumerate(events, 1)]


def numbers(deliveries):
    return [one.id for one in deliveries]


def test_of_waiting_updates_of_one_message_the_newest_stands():
    first, second, newest, answer = lane((REPEAT, UPDATE), (REPEAT, UPDATE), (RECOVERED, UPDATE), (RECOVERED, THREAD))
    assert newer_update(first, [second, newest, answer]) == newest
    assert newer_update(newest, [answer]) is None
    assert newer_update(first, [second]) == second
    *_, closed = lane(*[(State.CLOSED, UPDATE)] * 4)
    assert newer_update(newest, [closed]) == closed


@pytest.mark.parametrize(
    "events",
    [
        [(REPEAT, UPDATE)],
        [(REPEAT, THREAD), (REPEAT, UPDATE)],
        [(ESCALATED, UPDATE), (REPEAT, UPDATE)],
        [(RECOVERED, UPDATE), (REPEAT, UPDATE)],
        [(RECOVERED, UPDATE), (TRIGGERED, POST), (RECOVERED, UPDATE)],
        [(REPEAT, UPDATE), (REPEAT, THREAD)],
    ],
    ids=["alone", "an answer", "an escalation", "an ending", "of another message", "before an answer"],
)
def test_no_other_update_is_left_out(events):
    first, *behind = lane(*events)
    assert newer_update(first, behind) is None


def test_what_a_person_has_told_again_makes_no_newer_update_needless():
    again, ending, newest = lane((RECOVERED, UPDATE), (RECOVERED, UPDATE), (RECOVERED, UPDATE))
    assert newer_update(ending, [replace(again, id=9)]) is None
    assert newer_update(ending, [newest, replace(again, id=9)]) == newest
    assert newer_update(again, [ending, replace(again, id=9)]) == ending
    assert newer_update(again, [replace(again, id=9)]) == replace(again, id=9)


def test_updates_of_two_episodes_are_of_two_messages():
    first = a_delivery(1, state_told=REPEAT, step=UPDATE, episode_id=1)
    assert newer_update(first, [a_delivery(2, state_told=REPEAT, step=UPDATE, episode_id=2)]) is None


def test_a_trigger_is_told_with_its_recovery_and_what_lies_between():
    first, *behind = lane((TRIGGERED, POST), (REPEAT, UPDATE), (RECOVERED, UPDATE), (RECOVERED, THREAD))
    assert numbers(told_with(first, behind)) == [2, 3, 4]
    told = together(first, told_with(first, behind))
    assert (told.id, told.step, told.event, told.together) == (1, POST, behind[-1].event, True)


def test_what_is_told_together_is_read_from_the_recoverys_own_body():
    alarm = Alarm(status=Status.RECOVERED, received_at=START, occurred_at=START)
    trigger = a_delivery(1, body=b"trigger")
    recovery = a_delivery(2, state_told=RECOVERED, step=UPDATE, body=b"recovery", alarm=alarm)
    told = together(trigger, [recovery])
    assert (told.body, told.alarm) == (b"recovery", alarm)


@pytest.mark.parametrize(
    "events",
    [
        [(TRIGGERED, POST)],
        [(TRIGGERED, POST), (REPEAT, UPDATE)],
        [(TRIGGERED, POST), (ESCALATED, UPDATE), (ESCALATED, THREAD), (RECOVERED, UPDATE)],
        [(TRIGGERED, POST), (State.EXPIRED, UPDATE)],
        [(REPEAT, POST), (RECOVERED, POST)],
        [(ESCALATED, THREAD), (RECOVERED, THREAD)],
    ],
    ids=["alone", "still firing", "escalated between", "expired", "a repeat", "an escalation"],
)
def test_nothing_else_is_told_together(events):
    first, *behind = lane(*events)
    assert told_with(first, behind) == ()


@pytest.mark.parametrize(("event", "told"), [(2, [2]), (3, [2, 3, 4]), (1, []), (9, [])])
def test_a_message_that_was_made_before_tells_all_up_to_the_event_it_names(event, told):
    _, *behind = lane((TRIGGERED, POST), (REPEAT, UPDATE), (RECOVERED, UPDATE), (RECOVERED, THREAD))
    events = [replace(one, event=replace(one.event, id=id_)) for one, id_ in zip(behind, (2, 3, 3), strict=True)]
    assert numbers(told_by(events, str(event))) == told


def test_what_follows_the_recovery_has_its_own_message():
    first, *behind = lane((TRIGGERED, POST), (RECOVERED, UPDATE), (TRIGGERED, POST), (RECOVERED, UPDATE))
    assert numbers(told_with(first, behind)) == [2]


def test_a_trigger_is_not_told_with_a_recovery_before_it_that_a_person_has_told_again():
    again, trigger, recovery = lane((RECOVERED, UPDATE), (TRIGGERED, POST), (RECOVERED, UPDATE))
    assert told_with(trigger, [replace(again, id=9)]) == ()
    assert told_with(trigger, [recovery, replace(again, id=9)]) == (recovery,)


RECEIPT = {"channel": "C1", "ts": "1.1"}
UNCHANGED = "a digest told of it, and a digest is never changed"


def after_a_digest(state, step, *behind):
    """Give what becomes of a call about an alarm that a digest told of; what waits behind it is of the same event."""
    one = a_delivery(1, state_told=state, step=step)
    return in_place_of(one, RECEIPT, [replace(a_delivery(2, step=step), event=one.event) for step in behind])


@pytest.mark.parametrize("step", [THREAD, Step.BROADCAST])
def test_an_answer_to_an_alarm_that_a_digest_told_of_answers_the_digest(step):
    assert after_a_digest(RECOVERED, step) == (step, RECEIPT, "")


def test_an_escalation_of_an_alarm_that_a_digest_told_of_is_a_message_of_its_own():
    assert after_a_digest(ESCALATED, THREAD) == (POST, None, "")


@pytest.mark.parametrize("state", [RECOVERED, State.EXPIRED, State.CLOSED])
def test_an_ending_that_would_be_told_by_an_update_alone_answers_the_digest(state):
    assert after_a_digest(state, UPDATE) == (THREAD, RECEIPT, "")
    assert after_a_digest(state, UPDATE, POST) == (THREAD, RECEIPT, "")


@pytest.mark.parametrize("answer", [THREAD, Step.BROADCAST])
def test_an_update_is_left_out_where_an_answer_of_the_same_event_waits(answer):
    assert after_a_digest(RECOVERED, UPDATE, answer) == (UPDATE, None, UNCHANGED)


def test_an_answer_of_another_event_does_not_tell_an_ending():
    one, *behind = lane((RECOVERED, UPDATE), (REPEAT, THREAD))
    assert in_place_of(one, RECEIPT, behind) == (THREAD, RECEIPT, "")


@pytest.mark.parametrize("state", [REPEAT, State.REPLACED])
def test_news_by_an_update_is_left_out_where_a_digest_told_of_the_alarm(state):
    assert after_a_digest(state, UPDATE) == (UPDATE, None, UNCHANGED)
