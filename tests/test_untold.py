"""Dead letters of which a process that ended had no time to tell."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.alarm import BRIDGE, State
from bridge.attempt import revived
from bridge.digesting import Plan
from bridge.episode import short_id
from bridge.message import Answer, DeliveryState, Step
from bridge.sources.own import Own, callback_of
from bridge.store import Judgement, untold
from bridge.store.digests import Merging, merge
from bridge.store.lower import write_results
from bridge.store.requests import What
from bridge.trouble import Trouble
from tests.fakes import asked
from tests.fakes.scripted import SENT, Scripted, a_verdict, scripted
from tests.fakes.shelf import FAR, Shelf
from tests.fakes.spine import a_spine
from tests.fakes.virtual import START, virtual
from tests.test_requests import request
from tests.test_store_lower import came_to
from tests.test_troubles import CONFIG, own

REFUSED = a_verdict(Answer.REJECTED, said="400 No")
TOLD = "triggered dead_letters ops"
OVER = "recovered dead_letters ops"
HOUR = 4000  # seconds: what nobody sees the end of is over after one


def a_bridge(tmp_path, clock, verdict=REFUSED, *, is_killed=False):
    """Run a bridge whose chat `ops` answers so; a killed one never comes to tell of its own troubles."""
    chats = {"ops": Scripted(clock, lambda _: verdict), "here": Scripted(clock)}
    return a_spine(tmp_path, CONFIG, clock, change=scripted(clock, chats), own_alarms=not is_killed)


async def dies(spine, name="ins-a"):
    """Let a letter die; give its alarm's short id."""
    short_id = (await spine.take(asked.of(name))).events[0].short_id
    await spine.settle(60)
    return short_id


@virtual
async def test_a_dead_letter_is_told_by_the_next_process_where_its_own_had_no_time_and_once(tmp_path, clock):
    async with a_bridge(tmp_path, clock, is_killed=True) as spine:
        short_id = await dies(spine)
        assert own(spine) == []
    async with a_bridge(tmp_path, clock) as spine:
        await spine.settle(5)
        assert own(spine) == [TOLD]
        assert spine.troubles.lasting[0]["reason"] == f"{short_id} triggered: 400 No"
    async with a_bridge(tmp_path, clock) as spine:
        await spine.settle(HOUR)
        assert own(spine) == [TOLD, OVER]
    async with a_bridge(tmp_path, clock) as spine:
        await spine.settle(60)
        assert own(spine) == [TOLD, OVER]


@virtual
async def test_it_is_told_though_one_was_told_before_and_the_clock_was_set_back_since(tmp_path, clock):
    async with a_bridge(tmp_path, clock) as spine:
        await dies(spine)
        await spine.settle(HOUR)
        assert own(spine) == [TOLD, OVER]
    clock.shift -= timedelta(hours=2)
    async with a_bridge(tmp_path, clock, is_killed=True) as spine:
        await dies(spine, "ins-b")
    async with a_bridge(tmp_path, clock) as spine:
        await spine.settle(5)
        assert own(spine) == [TOLD, OVER, TOLD]


@virtual
async def test_those_that_died_while_one_was_known_are_known_with_it(tmp_path, clock):
    async with a_bridge(tmp_path, clock) as spine:
        for name in ("ins-a", "ins-b"):
            await dies(spine, name)
    async with a_bridge(tmp_path, clock) as spine:
        await spine.settle(HOUR)
    async with a_bridge(tmp_path, clock) as spine:
        await spine.settle(60)
        assert own(spine) == [TOLD, OVER]


@virtual
async def test_one_that_a_person_put_back_meanwhile_is_not_told(tmp_path, clock):
    async with a_bridge(tmp_path, clock, is_killed=True) as spine:
        await dies(spine)
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        (letter,) = spine.rows("SELECT id FROM deliveries WHERE state = 'dead'")
        await request(spine, What.REPLAY, *letter)
        assert [state for (state,) in spine.rows("SELECT state FROM deliveries")] == ["waiting"]
    async with a_bridge(tmp_path, clock, SENT) as spine:
        await spine.settle(60)
        assert own(spine) == []


@virtual
async def test_nobody_is_told_of_the_bridges_own(tmp_path, clock):
    chats = {name: Scripted(clock, lambda _: REFUSED) for name in ("ops", "here")}
    for _ in range(2):
        async with a_spine(tmp_path, CONFIG, clock, change=scripted(clock, chats), own_alarms=True) as spine:
            if not own(spine):
                await dies(spine)
            await spine.settle(60)
            assert [state for (state,) in spine.rows("SELECT state FROM deliveries")] == ["dead", "dead"]
            assert own(spine) == [TOLD]


@pytest.fixture
def shelf():
    with Shelf() as made:
        yield made


def a_letter(shelf, number=1, kind="", **more):
    """Let a delivery wait, of an alarm of its own."""
    event = shelf.event(number * FAR + 1, shelf.episode(number, key=f"k{number}", kind=kind))
    return shelf.delivery(number * FAR + 2, replace(event, kind=kind), **more)


def end(shelf, letter, state=DeliveryState.DEAD):
    write_results(shelf.connection, [came_to(letter, state=state, note="400 No")], shelf.ids, shelf.writes)


def of(channel, outcome="triggered", *, is_over=False, trouble=Trouble.DEAD_LETTERS, events=("told",)):
    """Give the judgement of one of the bridge's own alarms."""
    said = Own(trouble=trouble, about=channel, since=START, at=START, is_over=is_over)
    return Judgement(outcome=outcome, reason="", alarm=callback_of(said).reading.alarm, events=events)


def test_each_channel_is_told_once_of_its_newest_in_the_words_of_a_dead_letter(shelf):
    for number, channel in enumerate(("ops", "ops", "dba"), 1):
        end(shelf, a_letter(shelf, number, channel=channel))
    end(shelf, a_letter(shelf, 4), DeliveryState.SENT)
    words = [(channel, f"{short_id(number)} triggered: 400 No") for channel, number in (("ops", 2), ("dba", 3))]
    assert sorted(untold.read(shelf.connection)) == sorted(words)


def test_one_that_is_of_no_alarm_is_told_too(shelf):
    end(shelf, shelf.delivery(2, shelf.event(1, 0, State.UNRECOGNISED)))
    assert untold.read(shelf.connection) == [("ops", "unrecognised: 400 No")]


def test_one_that_waits_again_since_its_channel_is_broken_is_not_told(shelf):
    letter = a_letter(shelf)
    end(shelf, letter)
    write_results(shelf.connection, [revived(letter, now=START)], shelf.ids, shelf.writes)
    assert untold.read(shelf.connection) == []
    assert shelf.rows("SELECT state, why FROM deliveries") == [("waiting", "")]


@pytest.mark.parametrize(
    ("judgement", "is_untold"),
    [
        (of("ops"), False),
        (of("ops", "repeat"), False),
        (of("ops", "recovered", is_over=True), False),
        (of("ops", "stale", is_over=True, events=()), False),
        (of("ops", "stale", events=()), True),
        (of("dba"), True),
        (of("ops", trouble=Trouble.QUEUE_OLD), True),
        (Judgement(outcome="unrecognised", reason=""), True),
    ],
)
def test_letters_are_known_when_the_alarm_of_their_channel_is_stored(judgement, is_untold, shelf):
    end(shelf, a_letter(shelf))
    untold.heard(shelf.connection, [judgement])
    assert [channel for channel, _ in untold.read(shelf.connection)] == ["ops"] * is_untold


def test_what_waited_too_long_in_a_storm_is_told_but_not_the_bridges_own(shelf):
    late = [a_letter(shelf, number, kind).id for number, kind in ((1, ""), (2, BRIDGE))]
    merging = Merging(
        channel="ops",
        plan=lambda _: Plan(superseded={}, digested={}, is_storm=False, late=tuple(late)),
        now=START,
        due_at=START,
        answers=Step.POST,
        give_up_after=timedelta(days=1),
    )
    merge(shelf.connection, merging, shelf.ids)
    words = f"{short_id(1)} triggered: given up after 1 day, 0:00:00: too much waited"
    assert untold.read(shelf.connection) == [("ops", words)]


def test_of_the_deliveries_only_the_index_of_these_is_looked_through(shelf):
    index = "deliveries USING INDEX ix_deliveries_untold"
    assert shelf.looked_through(lambda: untold.read(shelf.connection)) == [f"SCAN {index}"]
    hear = untold.hear.compile(shelf.connection)
    plan = shelf.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {hear}", ("", "ops")).all()
    assert [row[3] for row in plan] == [f"SEARCH {index} (channel=?)"]
