"""What is written when a broken channel's delivery is handed over: to whom, with what, and of whom the alarm is then."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.alarm import State
from bridge.attempt import ended
from bridge.clock import milliseconds
from bridge.episode import Given, Phase
from bridge.message import DeliveryState, Step
from bridge.store.handing import Handed, hand_over
from tests.fakes.shelf import FAR, Shelf
from tests.fakes.virtual import START

WAITING, SENT, MOVED, DEAD = DeliveryState.WAITING, DeliveryState.SENT, DeliveryState.MOVED, DeliveryState.DEAD
TRIGGERED, REPEAT, RECOVERED, ESCALATED = State.TRIGGERED, State.REPEAT, State.RECOVERED, State.ESCALATED
OPS = Given(channel="ops", route="cvm")
LATER = START + timedelta(minutes=7)
MOVED_ROW = "SELECT channel, event_id, state, note FROM deliveries WHERE id > 1000000 ORDER BY id"


@pytest.fixture
def shelf():
    with Shelf() as made:
        yield made


def moved(shelf, number, event, *, along=(), because="401", **more):
    """Give a delivery of `ops` that was just written as handed to `dba`, and let that take it over."""
    note = "handed to dba: ops is broken: 401"
    delivery = shelf.delivery(number, event, state=MOVED, note=note, route="cvm", **more)
    result = replace(ended(delivery, MOVED, note, now=LATER), handed_to="dba", because=because, along=along)
    return hand_over(shelf.connection, result, shelf.ids)


def who_has_it(shelf):
    return shelf.rows("SELECT given FROM episodes ORDER BY id")[0][0]


def test_a_fallback_gets_a_new_message_of_its_own_that_says_in_whose_place_and_why(shelf):
    event = shelf.event(FAR + 1, shelf.episode(1, OPS))
    handed = moved(shelf, FAR + 2, event, step=Step.UPDATE, plain=True, attempts=3)
    assert handed == [Handed(to="dba")]
    columns = "channel, event_id, route, step, plain, state, attempts, due_at, note, instead_of"
    assert shelf.rows(f"SELECT {columns} FROM deliveries WHERE id = 1000001") == [
        (
            "dba",
            FAR + 1,
            "cvm",
            "post",
            0,
            "waiting",
            0,
            milliseconds(LATER),
            "instead of ops, which is broken: 401",
            "ops: 401",
        )
    ]
    assert who_has_it(shelf) == '[["dba","cvm",null,"ops"]]'


def test_a_fallback_of_a_fallback_says_in_whose_place_the_first_stood(shelf):
    event = shelf.event(FAR + 1, shelf.episode(1, OPS))
    moved(shelf, FAR + 2, event, instead_of="far: its room is gone")
    assert shelf.rows("SELECT note, instead_of FROM deliveries WHERE channel = 'dba'") == [
        ("instead of ops, which is broken: 401", "far: its room is gone")
    ]


def test_what_is_of_no_episode_is_handed_over_as_well(shelf):
    assert moved(shelf, FAR + 2, shelf.event(FAR + 1, 0, State.UNRECOGNISED)) == [Handed(to="dba")]
    assert [row[0] for row in shelf.rows(MOVED_ROW)] == ["dba"]


def test_a_fallback_that_is_told_anyway_has_the_alarm_and_gets_nothing_more(shelf):
    event = shelf.event(FAR + 1, shelf.episode(1, OPS))
    shelf.delivery(FAR + 3, event, channel="dba", state=SENT)
    assert moved(shelf, FAR + 2, event) == [Handed()]
    assert shelf.rows(MOVED_ROW) == []
    assert who_has_it(shelf) == '[["dba","cvm",null,"ops"]]'


def test_a_channel_that_had_the_event_and_was_to_tell_it_again_keeps_the_alarm(shelf):
    event = shelf.event(FAR + 1, shelf.episode(1, OPS))
    shelf.delivery(FAR + 2, event, state=SENT)
    moved(shelf, 3 * FAR, event)
    assert who_has_it(shelf) == '[["ops","cvm",null,""],["dba","cvm",null,""]]'


@pytest.mark.parametrize(("because", "said"), [("401", " 401"), ("", "")])
def test_what_came_round_stays_where_it_is_and_says_so(shelf, because, said):
    event = shelf.event(FAR + 1, shelf.episode(1, OPS))
    shelf.delivery(FAR + 2, event, state=MOVED, columns={"handed_to": "dba"})
    shelf.delivery(3 * FAR, event, channel="dba", state=MOVED, columns={"handed_to": "ops"})
    assert moved(shelf, 5 * FAR, event, because=because) == [Handed(back="ops")]
    assert shelf.rows("SELECT id, note, handed_to, why FROM deliveries WHERE state = 'waiting'") == [
        (5 * FAR, f"dba handed it on, and nobody took it: ops is broken:{said}", "", "went_round")
    ]
    assert who_has_it(shelf) == '[["ops","cvm",null,""]]'


def test_of_other_events_nothing_is_known_here(shelf):
    episode = shelf.episode(1, OPS)
    shelf.delivery(FAR + 2, shelf.event(FAR + 1, episode), channel="dba", state=SENT)
    assert moved(shelf, 3 * FAR, shelf.event(3 * FAR - 1, episode, REPEAT)) == [Handed(to="dba")]


@pytest.mark.parametrize(
    ("told", "newer", "state", "is_newer"),
    [
        (TRIGGERED, REPEAT, SENT, True),
        (REPEAT, RECOVERED, WAITING, True),
        (TRIGGERED, REPEAT, DEAD, False),
        (TRIGGERED, State.DIGEST, SENT, False),
        (ESCALATED, REPEAT, SENT, False),
        (ESCALATED, ESCALATED, SENT, True),
        (ESCALATED, RECOVERED, SENT, True),
    ],
)
def test_what_is_older_than_news_that_the_fallback_has_is_not_told_there(shelf, told, newer, state, is_newer):
    episode = shelf.episode(1, OPS)
    event, later = shelf.event(FAR + 1, episode, told), shelf.event(3 * FAR, episode, newer)
    shelf.delivery(3 * FAR + 1, later, channel="dba", state=state)
    assert moved(shelf, FAR + 2, event) == [Handed() if is_newer else Handed(to="dba")]
    if is_newer:
        assert shelf.rows(f"SELECT state, note, why FROM deliveries WHERE id = {FAR + 2}") == [
            ("superseded", f"dba has newer news of it already: delivery {3 * FAR + 1}", "")
        ]
        assert shelf.rows(MOVED_ROW) == []


@pytest.mark.parametrize(
    ("key", "channel", "place", "is_newer"),
    [("a", "dba", 3, True), ("b", "dba", 3, False), ("a", "far", 3, False), ("a", "dba", 1, False)],
    ids=["its next episode", "another alarm", "another channel", "the episode before"],
)
def test_only_a_later_episode_of_the_same_alarm_in_the_same_channel_is_newer_news(shelf, key, channel, place, is_newer):
    episode, other = shelf.episode(2, OPS), shelf.episode(place, key=key)
    shelf.delivery(other + 2, shelf.event(other + 1, other), channel=channel, state=SENT)
    assert moved(shelf, episode + 2, shelf.event(episode + 1, episode)) == [Handed() if is_newer else Handed(to="dba")]


def test_that_an_alarm_fired_again_after_its_recovery_is_newer_news_than_that(shelf):
    episode = shelf.episode(1, OPS)
    recovered, again = shelf.event(2 * FAR, episode, RECOVERED), shelf.triggered_again(3 * FAR, episode)
    shelf.delivery(3 * FAR + 2, again, channel="dba", state=SENT)
    assert moved(shelf, 5 * FAR, recovered) == [Handed()]
    assert moved(shelf, 6 * FAR, again) == [Handed()]  # it is told of that
    assert shelf.rows(MOVED_ROW) == []


def over(shelf, told=TRIGGERED, phase=Phase.RECOVERED):
    """Put an episode there that is over; give an event of it that `ops` never told, and its end."""
    episode = shelf.episode(1, OPS, phase=phase)
    return shelf.event(FAR + 1, episode, told), shelf.event(5 * FAR, episode, RECOVERED)


def test_news_of_an_alarm_that_is_over_is_handed_over_with_its_end(shelf):
    event, _ = over(shelf)
    assert moved(shelf, FAR + 2, event) == [Handed(to="dba")]
    note = "instead of ops, which is broken: 401"
    assert shelf.rows(MOVED_ROW) == [
        ("dba", FAR + 1, "waiting", note),
        ("dba", 5 * FAR, "waiting", note),
    ]


def test_the_last_of_several_ends_is_handed_over(shelf):
    event, _ = over(shelf)
    shelf.event(7 * FAR, FAR, State.CLOSED)
    moved(shelf, FAR + 2, event)
    assert [row[1] for row in shelf.rows(MOVED_ROW)] == [FAR + 1, 7 * FAR]


def test_an_alarm_that_is_open_again_is_handed_over_without_an_end(shelf):
    event, _ = over(shelf, phase=Phase.OPEN)
    moved(shelf, FAR + 2, event)
    assert [row[1] for row in shelf.rows(MOVED_ROW)] == [FAR + 1]


def test_an_alarm_that_is_over_without_an_end_that_anybody_is_told_of_is_handed_over_by_itself(shelf):
    event = shelf.event(FAR + 1, shelf.episode(1, OPS, phase=Phase.CLOSED))
    moved(shelf, FAR + 2, event)
    assert [row[1] for row in shelf.rows(MOVED_ROW)] == [FAR + 1]


def test_an_end_is_handed_over_without_another(shelf):
    event, _ = over(shelf, told=RECOVERED)
    moved(shelf, FAR + 2, event)
    assert [row[1] for row in shelf.rows(MOVED_ROW)] == [FAR + 1]


def test_an_end_that_waits_here_goes_along(shelf):
    event, end = over(shelf)
    waiting = shelf.delivery(5 * FAR + 1, end)
    known = ended(waiting, MOVED, "", now=LATER)
    assert moved(shelf, FAR + 2, event, along=(known,)) == [Handed(to="dba"), Handed(to="dba")]
    note = "instead of ops, which is broken: 401"
    assert shelf.rows(MOVED_ROW) == [("dba", FAR + 1, "waiting", note), ("dba", 5 * FAR, "waiting", note)]
    assert (
        shelf.rows(f"SELECT state, note, handed_to FROM deliveries WHERE id IN ({FAR + 2}, {waiting.id})")
        == [("moved", "handed to dba: ops is broken: 401", "dba")] * 2
    )


def test_what_made_an_alarm_fire_again_goes_along_with_what_was_before_and_after(shelf):
    episode = shelf.episode(1, OPS)
    recovered, again = shelf.event(2 * FAR, episode, RECOVERED), shelf.triggered_again(3 * FAR, episode)
    repeat = shelf.event(4 * FAR, episode, REPEAT)
    known = [ended(shelf.delivery(event.id + 1, event), MOVED, "", now=LATER) for event in (again, repeat)]
    assert moved(shelf, 2 * FAR + 1, recovered, along=known) == [Handed(to="dba")] * 3
    assert [row[1:3] for row in shelf.rows(MOVED_ROW)] == [
        (event.id, "waiting") for event in (recovered, again, repeat)
    ]


def test_a_channel_of_which_more_went_along_than_it_knew_reads_again(shelf):
    event, end = over(shelf)
    shelf.delivery(5 * FAR + 1, end)
    assert moved(shelf, FAR + 2, event) == [Handed(to="dba"), Handed(to="dba"), Handed(back="ops")]


def test_a_channel_of_which_something_stays_that_it_thought_had_gone_along_reads_again(shelf):
    event = shelf.event(FAR + 1, shelf.episode(1, OPS))
    stays = shelf.delivery(3 * FAR, event)  # a trigger that a person has told again
    known = ended(stays, MOVED, "", now=LATER)
    assert moved(shelf, FAR + 2, event, along=(known,)) == [Handed(to="dba"), Handed(back="ops")]
    assert shelf.rows(f"SELECT state FROM deliveries WHERE id = {stays.id}") == [("waiting",)]


@pytest.mark.parametrize(
    "of",
    [
        {"channel": "far"},
        {"state": DeliveryState.BEGUN},
        {"state": SENT},
        {"step": Step.REST},
        {"columns": {"why": "went_round"}},
    ],
    ids=["another channel's", "begun", "told", "the rest of a message", "what came round"],
)
def test_this_does_not_go_along(of, shelf):
    episode = shelf.episode(1, OPS)
    event, later = shelf.event(FAR + 1, episode), shelf.event(5 * FAR, episode, REPEAT)
    shelf.delivery(5 * FAR + 1, later, **of)
    assert moved(shelf, FAR + 2, event) == [Handed(to="dba")]
    assert [row[1] for row in shelf.rows(MOVED_ROW)] == [FAR + 1]


def test_neither_what_is_older_nor_what_is_of_another_episode_goes_along(shelf):
    episode, other = shelf.episode(1, OPS), shelf.episode(3)
    shelf.delivery(FAR + 2, shelf.event(FAR + 1, episode, REPEAT))
    shelf.delivery(3 * FAR + 2, shelf.event(3 * FAR + 1, other, REPEAT))
    assert moved(shelf, 2 * FAR + 1, shelf.event(2 * FAR, episode, REPEAT)) == [Handed(to="dba")]


def test_for_a_hand_over_no_table_is_looked_through(shelf):
    event, end = over(shelf)
    shelf.delivery(5 * FAR + 1, end)
    assert shelf.looked_through(lambda: moved(shelf, FAR + 2, event)) == []
