"""Which waiting deliveries of one alarm become one message."""

from typing import Any

import pytest

from bridge.alarm import State
from bridge.merging import newer_update, together, told_with
from bridge.message import Step
from tests.fakes.deliveries import a_delivery

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


def test_updates_of_two_episodes_are_of_two_messages():
    first = a_delivery(1, state_told=REPEAT, step=UPDATE, episode_id=1)
    assert newer_update(first, [a_delivery(2, state_told=REPEAT, step=UPDATE, episode_id=2)]) is None


def test_a_trigger_is_told_with_its_recovery_and_what_lies_between():
    first, *behind = lane((TRIGGERED, POST), (REPEAT, UPDATE), (RECOVERED, UPDATE), (RECOVERED, THREAD))
    assert numbers(told_with(first, behind)) == [2, 3, 4]
    told = together(first, told_with(first, behind))
    assert (told.id, told.step, told.event, told.together) == (1, POST, behind[-1].event, True)


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


def test_what_follows_the_recovery_has_its_own_message():
    first, *behind = lane((TRIGGERED, POST), (RECOVERED, UPDATE), (TRIGGERED, POST), (RECOVERED, UPDATE))
    assert numbers(told_with(first, behind)) == [2]
