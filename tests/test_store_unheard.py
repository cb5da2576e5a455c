"""What a chat that was broken need not be told, on tables in memory."""

from datetime import timedelta

import pytest

from bridge.alarm import State
from bridge.clock import milliseconds
from bridge.episode import Phase
from bridge.message import Answer, DeliveryState, Verdict
from bridge.store import digest_statements, unheard
from bridge.store.unheard import among, waiting
from tests.fakes.shelf import FAR, Shelf
from tests.fakes.virtual import START
from tests.test_store_digests import DIGEST, digest_waits
from tests.test_store_lower import came_to, finish

HOUR = timedelta(hours=1)


@pytest.fixture
def shelf():
    with Shelf() as made:
        yield made


def unheard_of(shelf, mended_at=START + HOUR):
    found = shelf.connection.execute(digest_statements.waiting, {"channel": "ops", "most": 100}).all()
    return waiting(shelf.connection, "ops", found, mended_at)


def an_alarm(shelf, number=1, *, phase=Phase.RECOVERED, again=False, **delivery):
    """Let an alarm be over whose trigger waits."""
    episode = shelf.episode(number, key=f"k{number}", phase=phase, again=again)
    return shelf.delivery(episode + 2, shelf.event(episode + 1, episode), **delivery)


def in_a_digest(shelf):
    return an_alarm(shelf, state=DeliveryState.DIGESTED, columns={"digest": DIGEST})


@pytest.mark.parametrize("phase", [Phase.RECOVERED, Phase.REPLACED, Phase.EXPIRED])
def test_what_waits_of_an_alarm_that_is_over_need_not_be_told(phase, shelf):
    trigger = an_alarm(shelf, phase=phase)
    assert unheard_of(shelf) == [trigger.id]


@pytest.mark.parametrize("phase", [Phase.OPEN, Phase.CLOSED])
def test_what_is_open_or_was_closed_by_a_person_is_told(phase, shelf):
    an_alarm(shelf, phase=phase)
    assert unheard_of(shelf) == []


@pytest.mark.parametrize("mended_at", [None, START - HOUR])
def test_all_is_told_by_a_chat_that_was_not_broken_since_it_came(mended_at, shelf):
    an_alarm(shelf)
    assert unheard_of(shelf, mended_at) == []


def test_what_a_person_has_told_again_since_is_told(shelf):
    an_alarm(shelf, columns={"replayed_at": milliseconds(START + 2 * HOUR)})
    assert unheard_of(shelf) == []


def test_what_a_digest_is_to_tell_of_an_alarm_that_is_over_need_not_be_told(shelf):
    digest_waits(shelf)
    trigger = in_a_digest(shelf)
    assert unheard_of(shelf) == [trigger.id]


def test_what_a_digest_tells_that_a_person_wants_again_is_told(shelf):
    digest_waits(shelf, replayed_at=milliseconds(START))
    in_a_digest(shelf)
    assert unheard_of(shelf) == []


def test_what_a_digest_may_have_told_is_told(shelf):
    digest = digest_waits(shelf)
    in_a_digest(shelf)
    cut_off = Verdict(answer=Answer.AMBIGUOUS, said="cut off")
    finish(shelf, came_to(digest, state=DeliveryState.WAITING, verdict=cut_off))
    assert unheard_of(shelf) == []


def test_the_end_of_what_was_told_is_told(shelf):
    episode = shelf.episode(1, phase=Phase.RECOVERED)
    shelf.delivery(episode + 2, shelf.event(episode + 1, episode), state=DeliveryState.SENT)
    shelf.delivery(episode + 4, shelf.event(episode + 3, episode, State.RECOVERED))
    assert unheard_of(shelf) == []


LEFT_OUT = {"state": DeliveryState.SUPERSEDED, "columns": {"why": "over_unheard"}}


def an_end(shelf):
    """Let an alarm end whose trigger the chat was not told, since it was over before."""
    an_alarm(shelf, **LEFT_OUT)
    return shelf.delivery(5 * FAR + 1, shelf.event(5 * FAR, FAR, State.RECOVERED))


def test_the_end_of_what_was_left_out_is_left_out(shelf):
    end = an_end(shelf)
    assert unheard_of(shelf) == [end.id]


def test_an_alarm_that_came_again_gets_its_end_though_its_first_life_was_left_out(shelf):
    an_alarm(shelf, again=True, **LEFT_OUT)
    shelf.delivery(3 * FAR + 1, shelf.event(3 * FAR, FAR, again=True), state=DeliveryState.SENT)
    shelf.delivery(5 * FAR + 1, shelf.event(5 * FAR, FAR, State.RECOVERED))
    assert unheard_of(shelf) == []


@pytest.mark.parametrize(
    ("told", "is_left_out"),
    [({}, False), ({"channel": "dba"}, True), ({"state": DeliveryState.SUPERSEDED}, True)],
    ids=["there", "elsewhere", "left out as well"],
)
def test_an_alarm_that_was_told_when_it_was_open_again_gets_its_end(told, is_left_out, shelf):
    end = an_end(shelf)
    shelf.delivery(3 * FAR + 1, shelf.event(3 * FAR, FAR, State.REPEAT), **{"state": DeliveryState.SENT, **told})
    assert unheard_of(shelf) == [end.id] * is_left_out


@pytest.mark.parametrize("count", [1, 2, 300])
def test_to_find_it_no_table_is_read_from_its_beginning(count, shelf):
    assert shelf.looked_through(lambda: among(shelf.connection, range(1, count + 1), "ops")) == []


def test_what_came_at_the_moment_of_mending_need_not_be_told(shelf):
    trigger = an_alarm(shelf)
    assert unheard_of(shelf, START) == [trigger.id]


def test_what_a_digest_is_to_tell_is_told_where_it_came_after_the_mending(shelf):
    digest_waits(shelf)
    in_a_digest(shelf)
    assert unheard_of(shelf, START - HOUR) == []


def test_what_was_begun_may_have_been_told_and_is_told(shelf):
    episode = shelf.episode(1, phase=Phase.RECOVERED)
    shelf.delivery(episode + 2, shelf.event(episode + 1, episode))
    shelf.delivery(episode + 4, shelf.event(episode + 3, episode, State.REPEAT), state=DeliveryState.BEGUN)
    assert unheard_of(shelf) == [episode + 2]


def test_more_alarms_than_a_statement_takes_are_asked_for_one_part_after_the_other(shelf, monkeypatch):
    monkeypatch.setattr(unheard, "MOST", 1)
    triggers = [an_alarm(shelf, number) for number in (1, 2, 3)]
    assert unheard_of(shelf) == [trigger.id for trigger in triggers]


def test_what_was_told_and_waits_to_be_told_again_is_told_with_its_end(shelf):
    trigger = an_alarm(shelf, state=DeliveryState.SENT)
    shelf.delivery(trigger.id + 2, trigger.event, columns={"replayed_at": milliseconds(START)})
    shelf.delivery(trigger.id + 4, shelf.event(trigger.id + 3, trigger.event.episode_id, State.RECOVERED))
    assert unheard_of(shelf) == []
