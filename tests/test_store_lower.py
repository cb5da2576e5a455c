"""What the store keeps of attempts, messages, pauses and queues, and gives back."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.alarm import State
from bridge.attempt import ended
from bridge.clock import EPOCH, milliseconds
from bridge.episode import Given, Phase
from bridge.message import Answer, DeliveryState, Step, Verdict, Why
from bridge.store import OVER_UNHEARD, ChannelState, Pause, QueueLength, Result, Told, Unsure
from bridge.store.ahead import begin_now
from bridge.store.handing import Handed
from bridge.store.lower import (
    read_channel_states,
    read_message,
    read_over_unheard,
    read_pauses,
    read_queues,
    read_unsure,
    write_channel,
    write_pause,
    write_results,
)
from tests.fakes.shelf import FAR, Shelf
from tests.fakes.virtual import START

RECEIPT = {"channel": "C1", "ts": "1.1"}
OTHER = {"channel": "C1", "ts": "2.2"}
LATER = START + timedelta(seconds=1)
SENT, WAITING, DEAD, SUPERSEDED = (
    DeliveryState.SENT,
    DeliveryState.WAITING,
    DeliveryState.DEAD,
    DeliveryState.SUPERSEDED,
)


@pytest.fixture
def shelf():
    with Shelf() as made:
        yield made


def a_delivery(shelf, number=1, state=State.TRIGGERED, **more):
    """Put a delivery of an episode of its own there."""
    episode = shelf.episode(number, Given(channel="ops"), key=str(number))
    return shelf.delivery(episode + 2, shelf.event(episode + 1, episode, state), **more)


def a_digest(shelf, **more):
    """Put a digest there, and a delivery of an alarm that it tells of."""
    digest = shelf.delivery(9 * FAR + 1, shelf.event(9 * FAR, 0, State.DIGEST), **more)
    member = a_delivery(shelf, state=State.TRIGGERED)
    shelf.connection.exec_driver_sql(
        f"UPDATE deliveries SET state = 'digested', digest = {9 * FAR} WHERE id = {member.id}"
    )
    return digest


def came_to(delivery, receipt=None, **changes):
    values = {
        "delivery": delivery,
        "state": SENT,
        "made_at": LATER,
        "due_at": LATER,
        "step": delivery.step,
        "attempts": 1,
        "verdict": Verdict(answer=Answer.SENT, said="ok", status=200, receipt=receipt),
        **changes,
    }
    return Result(**values)


def finish(shelf, *results):
    return write_results(shelf.connection, results, shelf.ids, shelf.writes)


def test_what_an_attempt_came_to_is_kept_with_its_answer(shelf):
    delivery, due_at = a_delivery(shelf, step=Step.UPDATE), START + timedelta(seconds=31)
    refused = Verdict(answer=Answer.REJECTED, said="invalid\x00 blocks", status=200)
    result = came_to(
        delivery,
        verdict=refused,
        state=WAITING,
        attempts=3,
        due_at=due_at,
        note="invalid\x00 blocks",
        why=Why.WENT_ROUND,
        plain=True,
        sent="CPU\x00",
        step=Step.POST,
    )
    assert finish(shelf, result) == []
    assert shelf.rows("SELECT state, attempts, due_at, note, why, step, plain FROM deliveries") == [
        ("waiting", 3, milliseconds(due_at), "invalid\ufffd blocks", "went_round", "post", 1)
    ]
    assert shelf.rows("SELECT id, delivery_id, made_at, answer, status, said, sent FROM attempts") == [
        (1_000_001, delivery.id, milliseconds(LATER), "rejected", 200, "invalid\ufffd blocks", "CPU\ufffd")
    ]


def test_what_ended_without_a_call_has_no_attempt_and_what_ended_with_it_is_kept_too(shelf):
    first, second = a_delivery(shelf), a_delivery(shelf, 2)
    also = (ended(second, SUPERSEDED, "with it", now=START),)
    finish(shelf, came_to(first, verdict=None, state=DEAD, note="late", also=also))
    assert shelf.rows("SELECT state, note FROM deliveries ORDER BY id") == [("dead", "late"), ("superseded", "with it")]
    assert shelf.rows("SELECT count(*) FROM attempts") == [(0,)]


# messages


def message(shelf, delivery, channel="ops"):
    return read_message(shelf.connection, delivery.event.episode_id, channel)


def test_the_newest_message_of_an_episode_is_known_in_its_channel(shelf):
    delivery = a_delivery(shelf)
    assert message(shelf, delivery) is None
    finish(shelf, came_to(delivery, RECEIPT))
    assert message(shelf, delivery) == Told(receipt=RECEIPT, event_id=delivery.event.id)
    assert message(shelf, delivery, "dba") is None
    assert read_message(shelf.connection, 0, "ops") is None
    assert shelf.rows("SELECT channel, event_id, created_at FROM messages") == [
        ("ops", delivery.event.id, milliseconds(LATER))
    ]
    finish(shelf, came_to(delivery, OTHER))
    assert message(shelf, delivery) == Told(receipt=OTHER, event_id=delivery.event.id)


def test_a_message_that_was_updated_is_the_same_message(shelf):
    delivery = a_delivery(shelf)
    finish(shelf, came_to(delivery, RECEIPT))
    finish(shelf, came_to(delivery, RECEIPT))
    assert shelf.rows("SELECT count(*) FROM messages") == [(1,)]


def test_a_message_that_is_gone_is_forgotten_in_its_channel_alone(shelf):
    ops = a_delivery(shelf)
    dba = shelf.delivery(ops.id + 1, ops.event, channel="dba")
    finish(shelf, came_to(ops, RECEIPT), came_to(dba, OTHER))
    finish(shelf, came_to(ops, verdict=Verdict(answer=Answer.GONE, said="gone"), forget_message=True))
    assert message(shelf, ops) is None
    assert message(shelf, dba, "dba") == Told(receipt=OTHER, event_id=ops.event.id)


def test_a_platform_that_says_nothing_of_a_message_leaves_none_to_change(shelf):
    delivery = a_delivery(shelf)
    finish(shelf, came_to(delivery))
    assert message(shelf, delivery) is None
    assert shelf.rows("SELECT count(*) FROM messages") == [(0,)]


def test_a_message_of_no_alarm_is_kept_and_is_nobodys(shelf):
    finish(shelf, came_to(shelf.delivery(2, shelf.event(1, 0, State.UNRECOGNISED)), RECEIPT))
    assert shelf.rows("SELECT count(*) FROM messages") == [(1,)]
    assert shelf.rows("SELECT count(*) FROM message_episodes") == [(0,)]


# digests


def test_a_digest_that_was_told_is_the_message_of_all_that_it_told_of(shelf):
    finish(shelf, came_to(a_digest(shelf), RECEIPT))
    assert read_message(shelf.connection, FAR, "ops") == Told(receipt=RECEIPT, event_id=9 * FAR, is_digest=True)


def test_a_digest_is_known_also_of_a_chat_that_says_nothing_of_it(shelf):
    finish(shelf, came_to(a_digest(shelf)))
    assert shelf.rows("SELECT event_id, receipt FROM messages") == [(9 * FAR, "{}")]
    assert shelf.rows("SELECT episode_id FROM message_episodes") == [(FAR,)]
    assert read_message(shelf.connection, FAR, "ops") is None
    assert read_unsure(shelf.connection, 9 * FAR + 1, "ops") is None


def test_a_digest_found_without_a_call_is_known_as_well(shelf):
    finish(shelf, came_to(a_digest(shelf), verdict=None))
    assert shelf.rows("SELECT receipt FROM messages") == [("{}",)]


@pytest.mark.parametrize("changes", [{"state": WAITING}, {"step": Step.THREAD}], ids=["it waits", "an answer"])
def test_a_digest_that_is_no_new_message_tells_of_nobody(changes, shelf):
    finish(shelf, came_to(a_digest(shelf), RECEIPT, **changes))
    assert shelf.rows("SELECT count(*) FROM messages") == [(0,)]


def test_a_digest_that_is_not_to_be_lets_all_wait_again(shelf):
    digest = a_digest(shelf)
    ordinary = a_delivery(shelf, 2)
    finish(shelf, came_to(digest, verdict=None, state=SUPERSEDED, dissolves=True), came_to(ordinary, RECEIPT))
    assert shelf.rows("SELECT state, digest FROM deliveries ORDER BY id") == [
        ("waiting", None),
        ("sent", None),
        ("superseded", None),
    ]
    assert message(shelf, ordinary) is not None


def test_the_message_that_a_digest_answers_is_forgotten_when_it_is_gone(shelf):
    digest = a_digest(shelf)
    finish(shelf, came_to(digest, RECEIPT))
    finish(shelf, came_to(digest, verdict=Verdict(answer=Answer.GONE, said="gone"), state=WAITING, forget_message=True))
    assert read_message(shelf.connection, FAR, "ops") is None


# who has more to tell


def test_who_has_more_to_tell_is_given_first_who_takes_over_then_whose_thread_gets_the_rest(shelf):
    moved, told, plain = a_delivery(shelf), a_delivery(shelf, 2), a_delivery(shelf, 3)
    handed = finish(
        shelf,
        came_to(told, RECEIPT, rest=2),
        came_to(moved, verdict=None, state=DeliveryState.MOVED, handed_to="dba", because="401"),
        came_to(plain, OTHER),
    )
    assert handed == [Handed(to="dba"), Handed(to="ops")]
    assert finish(shelf, came_to(told, RECEIPT, rest=2)) == []  # its thread has the rest already


def test_what_goes_to_the_fallback_with_another_one_is_given_to_it_as_well(shelf):
    episode = shelf.episode(1, Given(channel="ops"))
    trigger = shelf.delivery(episode + 2, shelf.event(episode + 1, episode))
    repeat = shelf.delivery(3 * FAR + 1, shelf.event(3 * FAR, episode, State.REPEAT))
    note = "handed to dba: ops is broken: 401"
    moved = {"state": DeliveryState.MOVED, "verdict": None, "note": note, "handed_to": "dba", "because": "401"}
    handed = finish(shelf, came_to(trigger, along=(came_to(repeat, **moved),), **moved))
    assert handed == [Handed(to="dba"), Handed(to="dba")]
    assert shelf.rows("SELECT channel, event_id, state FROM deliveries ORDER BY channel, event_id") == [
        ("dba", episode + 1, "waiting"),
        ("dba", 3 * FAR, "waiting"),
        ("ops", episode + 1, "moved"),
        ("ops", 3 * FAR, "moved"),
    ]


# what is read before an attempt


def over_unheard(shelf, phase=Phase.RECOVERED, channel="ops", **delivery):
    episode = shelf.episode(1, phase=phase)
    shelf.delivery(episode + 2, shelf.event(episode + 1, episode), **delivery)
    return read_over_unheard(shelf.connection, episode, channel)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, True),
        ({"phase": Phase.OPEN}, False),
        ({"channel": "dba"}, False),
        ({"state": SENT}, False),
        ({"state": SUPERSEDED, "columns": {"why": "over_unheard"}}, True),
        ({"state": SUPERSEDED, "note": OVER_UNHEARD}, False),
    ],
    ids=["it waits", "open", "elsewhere", "told", "left out for this", "with its words alone"],
)
def test_an_alarm_is_over_of_which_a_channel_never_had_the_trigger(given, expected, shelf):
    assert over_unheard(shelf, **given) is expected


def test_an_attempt_without_an_answer_may_have_arrived_beside_the_newest_message_of_its_channel(shelf):
    delivery = a_delivery(shelf)
    assert read_unsure(shelf.connection, delivery.id, "ops") is None
    finish(shelf, came_to(delivery, state=WAITING, verdict=Verdict(answer=Answer.AMBIGUOUS, said="cut off")))
    assert read_unsure(shelf.connection, delivery.id, "ops") == Unsure(made_at=LATER, beside=None)
    assert read_unsure(shelf.connection, delivery.id + 1, "ops") is None
    finish(shelf, came_to(a_delivery(shelf, 2), RECEIPT))
    assert read_unsure(shelf.connection, delivery.id, "ops") == Unsure(made_at=LATER, beside=RECEIPT)
    assert read_unsure(shelf.connection, delivery.id, "dba") == Unsure(made_at=LATER, beside=None)


# pauses


@pytest.mark.parametrize(
    "state",
    [
        ChannelState(name="ops", paused_until=EPOCH),
        ChannelState(
            name="ops",
            paused_until=START,
            failures=3,
            broken_since=START - timedelta(hours=1),
            mark="mark",
            reason="401",
            mended_at=START - timedelta(days=1),
            paused_at=START - timedelta(minutes=1),
        ),
    ],
    ids=["at ease", "broken"],
)
def test_a_pause_is_read_as_it_was_kept_and_the_newest_counts(state, shelf):
    other = ChannelState(name="dba", paused_until=START)
    write_channel(shelf.connection, other)
    write_channel(shelf.connection, ChannelState(name="ops", paused_until=START + timedelta(days=1), reason="older"))
    write_channel(shelf.connection, state)
    assert read_channel_states(shelf.connection) == {"ops": state, "dba": other}


def test_the_words_of_a_pause_are_made_fit_for_a_database(shelf):
    write_channel(shelf.connection, ChannelState(name="ops", paused_until=START, reason="a\x00b"))
    assert read_channel_states(shelf.connection)["ops"].reason == "a\ufffdb"


def test_the_pause_of_a_budget_is_read_as_it_was_kept_until_it_is_over(shelf):
    first = Pause(name="room C1", until=START + timedelta(seconds=30), begun_at=START)
    write_pause(shelf.connection, first)
    longer = replace(first, until=START + timedelta(seconds=60))
    write_pause(shelf.connection, longer)
    assert read_pauses(shelf.connection) == {"room C1": longer}
    other = Pause(name="app", until=START + timedelta(hours=1), begun_at=START + timedelta(seconds=59))
    write_pause(shelf.connection, other)
    assert read_pauses(shelf.connection) == {"room C1": longer, "app": other}
    write_pause(shelf.connection, replace(other, begun_at=START + timedelta(seconds=60)))
    assert list(read_pauses(shelf.connection)) == ["app"]


# what began under a clock that was ahead


def test_a_pause_that_is_yet_to_begin_begins_now_and_is_as_long_as_it_was(shelf):
    ahead, minute = START + timedelta(days=30), timedelta(minutes=1)
    write_channel(shelf.connection, ChannelState(name="ops", paused_until=ahead + minute, paused_at=ahead))
    write_channel(shelf.connection, ChannelState(name="dba", paused_until=START + minute, paused_at=START - minute))
    write_pause(shelf.connection, Pause(name="room C1", until=ahead + minute, begun_at=ahead))
    for _ in range(2):
        begin_now(shelf.connection, START)
        states = read_channel_states(shelf.connection)
        assert {name: (state.paused_at, state.paused_until) for name, state in states.items()} == {
            "ops": (START, START + minute),
            "dba": (START - minute, START + minute),
        }
        (pause,) = read_pauses(shelf.connection).values()
        assert (pause.begun_at, pause.until) == (START, START + minute)


@pytest.mark.parametrize(
    ("made_at", "due_at", "is_due_at"),
    [(30, 30.5, 0.5), (-1, 0.5, 0.5), (30, -1, -1), (30, None, 30.5)],
    ids=["it will have been tried", "it was", "it is due", "it is over"],
)
def test_what_will_have_been_tried_waits_from_now_on_as_long_as_it_was_to(made_at, due_at, is_due_at, shelf):
    day = timedelta(days=1)
    state, due_at = (WAITING, due_at) if due_at is not None else (DEAD, 30.5)
    delivery = a_delivery(shelf)
    for days in (-2, made_at):
        failed = Verdict(answer=Answer.RETRY, said="503")
        result = came_to(delivery, state=state, verdict=failed, made_at=START + days * day, due_at=START + due_at * day)
        write_results(shelf.connection, [result], shelf.ids, shelf.writes)
    begin_now(shelf.connection, START)
    ((kept,),) = shelf.rows("SELECT due_at FROM deliveries")
    assert kept == milliseconds(START + is_due_at * day)


# queues


def test_a_queue_is_as_old_as_its_oldest_callback_that_waits(shelf):
    assert read_queues(shelf.connection) == {}
    for number in (1, 2, 3):
        episode = shelf.episode(number, key=str(number))
        event = shelf.event(episode + 1, episode, received_at=START + timedelta(minutes=number))
        shelf.delivery(episode + 2, event, state=SENT if number == 1 else WAITING)
    shelf.delivery(episode + 3, event, channel="dba")
    assert read_queues(shelf.connection) == {
        "ops": QueueLength(waiting=2, oldest=START + timedelta(minutes=2)),
        "dba": QueueLength(waiting=1, oldest=START + timedelta(minutes=3)),
    }


def test_what_a_person_put_back_waits_since_then(shelf):
    put_back = {"replayed_at": milliseconds(START + timedelta(hours=5))}
    episode = shelf.episode(1)
    event = shelf.event(episode + 1, episode)
    shelf.delivery(episode + 2, event, columns=put_back)
    assert read_queues(shelf.connection) == {"ops": QueueLength(waiting=1, oldest=START + timedelta(hours=5))}
    later = shelf.event(episode + 10, episode, received_at=START + timedelta(hours=1))
    shelf.delivery(episode + 11, later)
    assert read_queues(shelf.connection) == {"ops": QueueLength(waiting=2, oldest=START + timedelta(hours=1))}


def test_what_nothing_is_known_of_any_more_is_counted_all_the_same(shelf):
    delivery = a_delivery(shelf)
    shelf.connection.exec_driver_sql(f"DELETE FROM events WHERE id = {delivery.event.id}")
    assert read_queues(shelf.connection) == {"ops": QueueLength(waiting=1, oldest=None)}
