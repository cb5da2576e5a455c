"""Who has an alarm after a broken channel handed over its news, and when it may hand over at all."""

from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

import pytest

from bridge.alarm import State
from bridge.attempt import ended
from bridge.episode import Given
from bridge.message import DeliveryState, Step, Why
from bridge.store.handing import comes, goes_with, is_circle, is_told, taken_over
from tests.fakes.deliveries import a_delivery
from tests.fakes.virtual import START

WAITING, SENT, MOVED, DEAD = DeliveryState.WAITING, DeliveryState.SENT, DeliveryState.MOVED, DeliveryState.DEAD
OPS, DBA, HELP = Given(channel="ops", route="cvm"), Given(channel="dba", route="db"), Given(channel="help")
LATER = START + timedelta(hours=1)


class Call(NamedTuple):
    """A call of one event, as the store knows it."""

    id: int
    channel: str
    state: DeliveryState
    handed_to: str = ""


def handed(*given, state=State.TRIGGERED, **event):
    """Give who has an episode, in order, after `ops` handed an event of it to `dba`."""
    delivery = a_delivery(state_told=state, route="cvm")
    delivery = replace(delivery, event=replace(delivery.event, **event))
    result = replace(ended(delivery, MOVED, "", now=START), handed_to="dba")
    return [*taken_over({one.channel: one for one in given}, result).values()]


def test_who_takes_over_the_trigger_has_the_alarm_in_place_of_the_broken_channel():
    assert handed(OPS, HELP) == [HELP, Given(channel="dba", route="cvm", instead_of="ops")]


def test_who_takes_over_a_recovery_whose_trigger_was_never_heard_has_it_so_as_well():
    assert handed(OPS, state=State.RECOVERED, unheard=True) == [Given(channel="dba", route="cvm", instead_of="ops")]


@pytest.mark.parametrize("state", [State.REPEAT, State.ESCALATED, State.RECOVERED])
def test_a_channel_that_had_the_trigger_keeps_the_alarm(state):
    assert handed(OPS, state=state) == [OPS, Given(channel="dba", route="cvm")]


def test_a_channel_that_never_had_the_alarm_does_not_get_it_by_a_later_event():
    assert handed(OPS, replace(HELP, instead_of="ops"), state=State.REPEAT) == [
        replace(HELP, instead_of="ops"),
        Given(channel="dba", route="cvm", instead_of="ops"),
    ]


def test_who_takes_over_from_a_fallback_takes_over_from_all_before_it():
    assert handed(replace(OPS, instead_of="help,far")) == [
        Given(channel="dba", route="cvm", instead_of="help,far,ops"),
    ]


def test_who_has_the_alarm_already_keeps_its_route():
    assert handed(OPS, DBA) == [replace(DBA, instead_of="ops")]
    assert handed(OPS, DBA, state=State.REPEAT) == [OPS, DBA]
    assert handed(OPS, replace(DBA, instead_of="far,ops")) == [replace(DBA, instead_of="far,ops")]


def test_the_time_of_the_last_repeat_goes_with_the_alarm_and_the_later_one_counts():
    early, late = replace(OPS, repeated_at=START), replace(DBA, repeated_at=LATER)
    assert handed(early) == [Given(channel="dba", route="cvm", repeated_at=START, instead_of="ops")]
    assert handed(early, late)[0].repeated_at == LATER
    assert handed(replace(OPS, repeated_at=LATER), replace(DBA, repeated_at=START))[0].repeated_at == LATER
    assert handed(early, DBA)[0].repeated_at == START
    assert handed(OPS, late)[0].repeated_at == LATER


DELIVERY = a_delivery(5)


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([Call(5, "ops", WAITING)], False),
        ([Call(5, "ops", WAITING), Call(6, "dba", WAITING)], True),
        ([Call(4, "dba", SENT)], True),
        ([Call(4, "dba", MOVED, "far")], False),
        ([Call(4, "dba", DEAD)], False),
        ([Call(4, "ops", MOVED, "dba")], True),
        ([Call(4, "ops", MOVED, "far")], False),
        ([Call(4, "ops", WAITING, "dba")], False),
        ([Call(5, "ops", MOVED, "dba")], False),
        ([Call(6, "ops", MOVED, "dba")], False),
    ],
    ids=[
        "by nothing",
        "by its own that waits",
        "by its own that was sent",
        "by none: it handed on its own",
        "by none: its own is a dead letter",
        "by a step that was handed over before",
        "by none: that went elsewhere",
        "by none: that was not handed over",
        "by none: that is this one",
        "by none: that comes later",
    ],
)
def test_a_fallback_is_told_of_an_event_anyway(calls, expected):
    assert is_told(calls, DELIVERY, "dba") is expected


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([], False),
        ([Call(4, "ops", WAITING)], True),
        ([Call(4, "ops", SENT)], False),
        ([Call(4, "ops", DEAD)], False),
        ([Call(4, "ops", MOVED, "far")], False),
        ([Call(4, "dba", WAITING)], True),
        ([Call(4, "dba", SENT)], True),
        ([Call(4, "dba", DEAD)], True),
        ([Call(4, "dba", MOVED, "far")], False),
        ([Call(4, "dba", DeliveryState.SUPERSEDED)], False),
        ([Call(4, "far", WAITING)], False),
    ],
    ids=[
        "nobody",
        "it waits, and will be handed over",
        "told where it came from",
        "a dead letter where it came from",
        "gone elsewhere",
        "it waits",
        "told",
        "a dead letter",
        "handed on",
        "skipped",
        "waits elsewhere",
    ],
)
def test_an_end_comes_to_a_fallback_where_it_has_it_or_the_channel_that_hands_over_has_it_still(calls, expected):
    assert comes(calls, DELIVERY, "dba") is expected


ROUND = [Call(3, "ops", MOVED, "dba"), Call(4, "dba", MOVED, "ops")]


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([Call(5, "ops", WAITING)], False),
        ([*ROUND, Call(5, "ops", WAITING)], True),
        ([*ROUND[:1], Call(4, "dba", WAITING), Call(5, "ops", WAITING)], False),
        ([*ROUND[:1], Call(4, "dba", MOVED, "far"), Call(6, "far", SENT)], False),
        ([*ROUND[:1], Call(4, "dba", MOVED, "far"), Call(6, "far", MOVED, "ops")], True),
        ([*ROUND[1:], Call(5, "ops", WAITING)], False),
    ],
    ids=["first", "round", "the fallback has it", "the next has it", "round by three", "not handed from here before"],
)
def test_a_circle_is_where_nobody_took_what_was_handed_on(calls, expected):
    assert is_circle(calls, DELIVERY, "dba") is expected


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({}, True),
        ({"state_told": State.RECOVERED, "step": Step.THREAD}, True),
        ({"episode_id": 2}, False),
        ({"step": Step.REST}, False),
        ({"why": Why.WENT_ROUND}, False),
        ({"state": DeliveryState.BEGUN}, False),
        ({"state_told": State.TRIGGERED}, False),
        ({"number": 4}, False),
    ],
    ids=[
        "a repeat",
        "an end",
        "of another episode",
        "the rest of a message",
        "what came round",
        "begun",
        "a trigger",
        "an older event",
    ],
)
def test_what_follows_in_its_episode_goes_to_the_fallback_with_what_is_handed_over(other, expected):
    assert goes_with(DELIVERY, a_delivery(**{"number": 6, "state_told": State.REPEAT} | other)) is expected


def test_the_second_call_of_an_event_and_what_made_its_alarm_fire_again_go_with_it():
    again = a_delivery(6)
    assert goes_with(DELIVERY, replace(again, event=replace(again.event, again=True)))
    first = replace(DELIVERY, event=replace(DELIVERY.event, state=State.REPEAT))
    assert goes_with(first, replace(first, id=6))


def test_with_what_is_of_no_alarm_nothing_goes():
    assert not goes_with(a_delivery(5, episode_id=0), a_delivery(6, episode_id=0, state_told=State.REPEAT))
