"""What a message had no room for waits for its thread: a delivery a part, once an episode and channel."""

import pytest

from bridge.alarm import State
from bridge.clock import milliseconds
from bridge.episode import Given
from bridge.message import DeliveryState, Step
from bridge.store.rest import enqueue
from tests.fakes.shelf import FAR, Shelf
from tests.test_store_lower import LATER, came_to


@pytest.fixture
def shelf():
    with Shelf() as made:
        yield made


def told(shelf, *given, rest=2, episode=None, **more):
    """Let `ops` be told of an event by a message that had no room for some parts."""
    event = shelf.event(FAR + 1, shelf.episode(1, *given) if episode is None else episode)
    state = DeliveryState.SENT
    delivery = shelf.delivery(FAR + 2, event, state=state, **more)
    return enqueue(shelf.connection, came_to(delivery, rest=rest), shelf.ids)


PARTS = (
    "SELECT id, channel, event_id, route, step, state, attempts, plain, due_at, note, part, replayed_at FROM deliveries"
)


@pytest.mark.parametrize(
    ("rest", "parts"), [(2, [1, 2]), (1, [1]), (-2, [-1, -2])], ids=["two", "one", "of its plain text"]
)
def test_each_part_is_a_delivery_of_its_own_that_is_due_at_once(rest, parts, shelf):
    put_back = {"replayed_at": milliseconds(LATER)}
    assert told(
        shelf, Given(channel="ops"), rest=rest, step=Step.UPDATE, route="cvm", attempts=3, plain=True, columns=put_back
    )
    note, at = f"what delivery {FAR + 2} had no room for", milliseconds(LATER)
    assert shelf.rows(f"{PARTS} WHERE id > 1000000 ORDER BY id") == [
        (1_000_000 + place, "ops", FAR + 1, "cvm", "rest", "waiting", 0, 0, at, note, part, None)
        for place, part in enumerate(parts, 1)
    ]


def test_it_is_kept_that_the_thread_has_them_and_of_the_others_nothing_changes(shelf):
    assert told(shelf, Given(channel="ops", route="cvm"), Given(channel="dba"))
    assert shelf.rows("SELECT given FROM episodes") == [('[["ops","cvm",null,"",true],["dba","",null,""]]',)]


@pytest.mark.parametrize(
    ("given", "episode"),
    [([], None), ([Given(channel="ops", has_rest=True)], None), ([], 0)],
    ids=["the channel has not the alarm", "the thread has them", "of no alarm"],
)
def test_nothing_more_is_to_be_told_where(given, episode, shelf):
    assert not told(shelf, *given, episode=episode)
    assert shelf.rows(f"{PARTS} WHERE id > 1000000") == []


def test_what_a_recovery_in_its_triggers_place_had_no_room_for_is_the_recoverys(shelf):
    trigger = shelf.delivery(FAR + 2, shelf.event(FAR + 1, shelf.episode(1, Given(channel="ops"))))
    repeat, recovery = (
        came_to(shelf.delivery(number * FAR + 1, shelf.event(number * FAR, FAR, state)))
        for number, state in ((3, State.REPEAT), (5, State.RECOVERED))
    )
    assert enqueue(shelf.connection, came_to(trigger, rest=1, also=(repeat, recovery)), shelf.ids)
    assert shelf.rows("SELECT event_id, note FROM deliveries WHERE id > 1000000") == [
        (5 * FAR, f"what delivery {FAR + 2} had no room for")
    ]
