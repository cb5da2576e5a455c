"""What is written of digests: who waits, what a look at it all makes of them, and what each digest tells."""

from datetime import timedelta

import pytest

from bridge.alarm import State
from bridge.clock import milliseconds
from bridge.digesting import NAMED, TOLD_BY_NOTHING, Plan, Waiting
from bridge.episode import Phase
from bridge.message import Count, DeliveryState, Step
from bridge.store import digests
from bridge.store.digests import Merging, an_episode, dissolve, forget, link, merge, read_digest
from bridge.store.lower import write_results
from bridge.store.unheard import OVER_UNHEARD
from tests.fakes.shelf import FAR, Shelf
from tests.fakes.virtual import START
from tests.test_store_lower import RECEIPT, came_to

SENT, BEGUN, DIGESTED = DeliveryState.SENT, DeliveryState.BEGUN, DeliveryState.DIGESTED
DAY = timedelta(hours=24)
SOON = START + timedelta(seconds=5)
DIGEST = 50 * FAR  # the event of a digest


class Planner:
    """A plan made beforehand; keeps the crowd that it is made for."""

    def __init__(self, **plan):
        self.plan = Plan(**{"superseded": {}, "digested": {}, "is_storm": False, **plan})

    def __call__(self, crowd):
        self.crowd = crowd
        return self.plan


@pytest.fixture
def shelf():
    with Shelf() as made:
        yield made


def look(shelf, answers=Step.THREAD, now=START, mended_at=None, **plan):
    """Merge what waits by this plan; give what came of it, and the crowd that was planned for."""
    planner = Planner(**plan)
    merging = Merging(
        channel="ops",
        plan=planner,
        now=now,
        due_at=SOON,
        answers=answers,
        give_up_after=DAY,
        mended_at=mended_at,
    )
    return merge(shelf.connection, merging, shelf.ids), planner.crowd


def waits(shelf, number=1, state=State.TRIGGERED, **more):
    """Let an event of an episode of its own wait; keywords are the episode's, the event's and the delivery's."""
    names = ("policy_id", "policy_name", "subject", "kind", "key")
    search = {name: more.pop(name) for name in names if name in more}
    event_more = {name: more.pop(name) for name in ("severity", "created_at") if name in more}
    episode = shelf.episode(number, **{"key": f"k{number}", **search})
    return shelf.delivery(episode + 2, shelf.event(episode + 1, episode, state, **event_more), **more)


def digest_waits(shelf, event_id=DIGEST, answered=None, replayed_at=None):
    event = shelf.event(event_id, 0, State.DIGEST)
    return shelf.delivery(event_id + 1, event, columns={"digest": answered, "replayed_at": replayed_at})


# who waits


def test_what_waits_for_the_channel_is_known_as_far_as_it_matters(shelf):
    waits(shelf, 1, kind="event", severity="serious", route="cvm", step=Step.UPDATE)
    waits(shelf, 2, state=State.REPEAT)
    waits(shelf, 3, channel="dba")
    _, crowd = look(shelf)
    assert crowd.waiting == [
        Waiting(
            id=FAR + 2,
            event_id=FAR + 1,
            episode_id=FAR,
            key="k1",
            state=State.TRIGGERED,
            step=Step.UPDATE,
            kind="event",
            route="cvm",
            severity="serious",
        ),
        Waiting(id=2 * FAR + 2, event_id=2 * FAR + 1, episode_id=2 * FAR, key="k2", state=State.REPEAT, step=Step.POST),
    ]
    assert (crowd.told, crowd.members, crowd.digests) == ({}, {}, frozenset())


def test_what_is_of_no_alarm_waits_without_a_key_and_a_kind(shelf):
    shelf.delivery(2, shelf.event(1, 0, State.UNRECOGNISED))
    (one,) = look(shelf)[1].waiting
    assert (one.episode_id, one.key, one.kind) == (0, "", "")


@pytest.mark.parametrize(("older", "is_late"), [(timedelta(), False), (timedelta(milliseconds=1), True)])
def test_what_is_older_than_it_may_wait_is_late(older, is_late, shelf):
    waits(shelf, created_at=START - DAY - older)
    assert [one.is_late for one in look(shelf)[1].waiting] == [is_late]


def test_what_a_person_put_back_is_as_old_as_that(shelf):
    waits(shelf, created_at=START - 2 * DAY, columns={"replayed_at": milliseconds(START)})
    assert [one.is_late for one in look(shelf)[1].waiting] == [False]


def test_what_was_begun_may_have_been_told(shelf):
    shelf.delivery(FAR + 2, shelf.event(FAR + 1, shelf.episode(1)), state=BEGUN)
    assert [one.is_begun for one in look(shelf)[1].waiting] == [True]


def test_digests_that_wait_are_known_by_what_they_answer_with_the_alarms_that_they_tell_of(shelf):
    digest_waits(shelf)
    digest_waits(shelf, DIGEST + FAR, answered=700)
    for number, digest in ((1, DIGEST), (2, DIGEST + FAR)):
        shelf.delivery(
            number * FAR + 2,
            shelf.event(number * FAR + 1, shelf.episode(number, key=f"k{number}")),
            state=DIGESTED,
            columns={"digest": digest},
        )
    _, crowd = look(shelf)
    assert crowd.waiting == []
    assert crowd.digests == {TOLD_BY_NOTHING, 700}
    assert crowd.members == {"k1": TOLD_BY_NOTHING, "k2": 700}


def test_a_digest_that_a_person_put_back_takes_up_nothing(shelf):
    digest_waits(shelf, replayed_at=milliseconds(START))
    merged, crowd = look(shelf)
    assert (crowd.digests, crowd.waiting, merged.is_storm) == (frozenset(), [], False)


def told_by_message(shelf, number, **more):
    """Let a message of its own tell an alarm."""
    delivery = waits(shelf, number, **more)
    write_results(shelf.connection, [came_to(delivery, RECEIPT)], shelf.ids, shelf.writes)
    return delivery


def told_by_digest(shelf, *numbers):
    """Let a digest tell of episodes that are there."""
    digest = digest_waits(shelf)
    for number in numbers:
        shelf.connection.exec_driver_sql(
            f"UPDATE deliveries SET state = 'digested', digest = {DIGEST} WHERE event_id = {number * FAR + 1}"
        )
    write_results(shelf.connection, [came_to(digest, RECEIPT)], shelf.ids, shelf.writes)


def test_the_newest_message_says_whether_a_digest_told_of_an_alarm(shelf):
    told_by_message(shelf, 1)
    waits(shelf, 2)
    waits(shelf, 3)
    told_by_digest(shelf, 2, 3)
    last = shelf.delivery(3 * FAR + 9, shelf.event(3 * FAR + 8, 3 * FAR, State.REPEAT))
    write_results(shelf.connection, [came_to(last, {"ts": "9"})], shelf.ids, shelf.writes)
    waits(shelf, 4)
    for number in (1, 2, 3):
        shelf.delivery(number * FAR + 20, shelf.event(number * FAR + 19, number * FAR, State.RECOVERED))
    _, crowd = look(shelf)
    assert crowd.told == {2 * FAR: DIGEST}


def test_what_a_digest_told_elsewhere_says_nothing_here(shelf):
    waits(shelf, 1)
    told_by_digest(shelf, 1)
    shelf.connection.exec_driver_sql("UPDATE messages SET channel = 'dba'")
    shelf.delivery(FAR + 20, shelf.event(FAR + 19, FAR, State.RECOVERED))
    assert look(shelf)[1].told == {}


# what a look makes of them


def states(shelf):
    return shelf.rows("SELECT id, state, note FROM deliveries ORDER BY id")


def test_a_look_that_finds_nothing_to_do_changes_nothing(shelf):
    waits(shelf)
    merged, _ = look(shelf)
    assert (merged.upto, merged.is_storm, merged.is_all, merged.has_digests) == (1_000_001, False, True, False)
    assert (merged.superseded, merged.digested, merged.dead) == (0, 0, 0)
    assert states(shelf) == [(FAR + 2, "waiting", "")]


def test_what_came_round_is_told_in_a_digest_and_waits_for_its_fallback_again_if_that_dissolves(shelf):
    waits(shelf, columns={"why": "went_round"})
    look(shelf, digested={TOLD_BY_NOTHING: (FAR + 2,)})
    dissolve(shelf.connection, 1_000_001)
    assert shelf.rows(f"SELECT state, note, why FROM deliveries WHERE id = {FAR + 2}") == [("waiting", "", "")]


def test_what_need_not_be_said_and_what_is_too_old_ends_with_its_reason(shelf):
    for number in (1, 2, 3):
        waits(shelf, number)
    merged, _ = look(shelf, superseded={FAR + 2: "a newer update waits"}, late=(2 * FAR + 2,))
    assert states(shelf) == [
        (FAR + 2, "superseded", "a newer update waits"),
        (2 * FAR + 2, "dead", "given up after 1 day, 0:00:00: too much waited"),
        (3 * FAR + 2, "waiting", ""),
    ]
    assert (merged.superseded, merged.dead, merged.digested) == (1, 1, 0)


@pytest.mark.parametrize(
    ("mended_at", "state"), [(START, "superseded"), (None, "waiting")], ids=["mended", "never broken"]
)
def test_what_came_and_went_while_the_chat_was_broken_is_left_out(mended_at, state, shelf):
    episode = shelf.episode(1, phase=Phase.RECOVERED)
    shelf.delivery(episode + 2, shelf.event(episode + 1, episode))
    look(shelf, mended_at=mended_at)
    note, why = (OVER_UNHEARD, "over_unheard") if state == "superseded" else ("", "")
    assert shelf.rows("SELECT state, note, why FROM deliveries") == [(state, note, why)]


def test_a_digest_that_begins_is_an_event_and_one_delivery_and_waits_a_little(shelf):
    waits(shelf, 1)
    waits(shelf, 2)
    later = START + timedelta(hours=1)
    merged, _ = look(shelf, now=later, digested={TOLD_BY_NOTHING: (FAR + 2, 2 * FAR + 2)}, is_storm=True)
    assert (merged.is_storm, merged.digested, merged.has_digests) == (True, 2, True)
    note = "told in a digest: delivery 1000002"
    assert states(shelf) == [
        (FAR + 2, "digested", note),
        (2 * FAR + 2, "digested", note),
        (1_000_002, "waiting", ""),
    ]
    assert shelf.rows("SELECT DISTINCT digest FROM deliveries WHERE state = 'digested'") == [(1_000_001,)]
    columns = "state, episode_id, callback_id, created_at, received_at, occurred_at, cause"
    at = milliseconds(later)
    assert shelf.rows(f"SELECT {columns} FROM events WHERE id = 1000001") == [("digest", 0, 0, at, at, at, "timer")]
    columns = "channel, event_id, step, due_at, digest"
    assert shelf.rows(f"SELECT {columns} FROM deliveries WHERE id = 1000002") == [
        ("ops", 1_000_001, "post", milliseconds(SOON), None)
    ]
    assert merged.upto == 1_000_003


@pytest.mark.parametrize("answers", [Step.THREAD, Step.POST])
def test_an_answer_to_a_digest_goes_at_once_and_knows_what_it_answers(answers, shelf):
    waits(shelf)
    merged, _ = look(shelf, answers=answers, digested={700: (FAR + 2,)})
    assert (merged.is_storm, merged.has_digests) == (False, True)
    assert shelf.rows("SELECT step, due_at, digest FROM deliveries WHERE id = 1000002") == [
        (str(answers), milliseconds(START), 700)
    ]


def test_a_digest_that_waits_takes_up_what_comes_and_is_as_new_as_that(shelf):
    digest_waits(shelf)
    waits(shelf, 60)
    later = START + timedelta(minutes=1)
    merged, _ = look(shelf, now=later, digested={TOLD_BY_NOTHING: (60 * FAR + 2,)})
    assert merged.is_storm
    assert shelf.rows("SELECT id, digest, note FROM deliveries WHERE state = 'digested'") == [
        (60 * FAR + 2, DIGEST, f"told in a digest: delivery {DIGEST + 1}")
    ]
    assert shelf.rows("SELECT id, created_at FROM events WHERE state = 'digest'") == [(DIGEST, milliseconds(later))]


def test_a_digest_that_takes_up_what_comes_waits_no_longer_than_a_new_one_though_the_clock_was_set_back(shelf):
    due_later, due_sooner = (
        shelf.delivery(event + 1, shelf.event(event, 0, State.DIGEST), due_at=due_at, columns={"digest": answered})
        for event, due_at, answered in ((DIGEST, SOON + timedelta(hours=1), None), (DIGEST + FAR, START, 700))
    )
    for number in (1, 2):
        waits(shelf, number)
    look(shelf, digested={TOLD_BY_NOTHING: (FAR + 2,), 700: (2 * FAR + 2,)}, is_storm=True)
    due = dict(shelf.rows(f"SELECT id, due_at FROM deliveries WHERE id IN ({due_later.id}, {due_sooner.id})"))
    assert due == {due_later.id: milliseconds(SOON), due_sooner.id: milliseconds(START)}


def test_a_digest_that_waits_is_a_storm_though_nothing_came(shelf):
    digest_waits(shelf)
    assert look(shelf)[0].is_storm


def test_it_is_known_that_there_are_digests_to_answer(shelf):
    waits(shelf, 1)
    told_by_digest(shelf, 1)
    assert look(shelf)[0].has_digests


@pytest.mark.parametrize(
    ("plan", "is_all"),
    [
        ({}, True),
        ({"superseded": {FAR + 2: "x"}}, False),
        ({"late": (FAR + 2,)}, False),
        ({"digested": {TOLD_BY_NOTHING: (FAR + 2,)}}, False),
    ],
    ids=["nothing changed", "superseded", "dead", "digested"],
)
def test_there_is_more_to_look_at_where_as_many_as_are_looked_at_wait_and_some_went(plan, is_all, shelf, monkeypatch):
    monkeypatch.setattr(digests, "BATCH", 2)
    for number in (1, 2, 3):
        waits(shelf, number)
    merged, crowd = look(shelf, **plan)
    assert (len(crowd.waiting), merged.is_all) == (2, is_all)


def test_all_was_looked_at_where_fewer_wait(shelf, monkeypatch):
    monkeypatch.setattr(digests, "BATCH", 2)
    waits(shelf)
    assert look(shelf, superseded={FAR + 2: "x"})[0].is_all


# what a digest tells


def tells(shelf, number, state=State.TRIGGERED, **more):
    """Let the digest tell of an event."""
    delivery = waits(shelf, number, state=state, **more)
    shelf.connection.exec_driver_sql(
        f"UPDATE deliveries SET state = 'digested', digest = {DIGEST} WHERE id = {delivery.id}"
    )


def told(shelf, *routes):
    return read_digest(shelf.connection, DIGEST, routes)


def test_a_digest_counts_alarms_by_policy_state_route_and_severity(shelf):
    for number in (1, 2):
        tells(shelf, number, policy_name="CPU", policy_id="p-1", severity="serious", route="cvm")
    tells(shelf, 3, policy_name="CPU", policy_id="p-1", severity="serious", state=State.RECOVERED)
    waits(shelf, 4, policy_name="CPU", policy_id="p-1")
    assert sorted(told(shelf).counts, key=lambda one: one.alarms) == [
        Count(policy="CPU (p-1)", state=State.RECOVERED, route="", severity="serious", alarms=1),
        Count(policy="CPU (p-1)", state=State.TRIGGERED, route="cvm", severity="serious", alarms=2),
    ]


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ({"policy_name": "CPU", "policy_id": "p-1", "subject": "cpu_usage"}, "CPU (p-1)"),
        ({"policy_name": "CPU", "subject": "cpu_usage"}, "CPU"),
        ({"policy_id": "p-1", "subject": "cpu_usage"}, "p-1"),
        ({"subject": "cpu_usage"}, "cpu_usage"),
    ],
)
def test_a_policy_is_called_by_its_name_and_id_as_far_as_they_are_known_else_by_what_it_watches(columns, named, shelf):
    tells(shelf, 1, **columns)
    assert [one.policy for one in told(shelf).counts] == [named]


def test_the_worst_of_a_digest_come_first_and_those_that_are_urgent_before_them(shelf):
    tells(shelf, 1, severity="warning")
    tells(shelf, 2, severity="warning", route="loud")
    tells(shelf, 3, state=State.RECOVERED, severity="serious")
    tells(shelf, 4, severity="serious")
    assert [one.event.episode_id // FAR for one in told(shelf, "loud").worst] == [4, 2, 1, 3]
    assert [one.event.episode_id // FAR for one in told(shelf).worst] == [4, 2, 1, 3]
    tells(shelf, 5, severity="warning")
    assert [one.event.episode_id // FAR for one in told(shelf, "loud").worst] == [4, 2, 5, 1, 3]
    assert [one.event.episode_id // FAR for one in told(shelf).worst] == [4, 5, 2, 1, 3]


def test_a_digest_names_fifty(shelf):
    for number in range(1, NAMED + 3):
        tells(shelf, number)
    assert (len(told(shelf).worst), sum(one.alarms for one in told(shelf).counts)) == (50, 52)


# its message


def episodes_of_messages(shelf):
    return shelf.rows("SELECT episode_id, message_id FROM message_episodes ORDER BY 1, 2")


def test_the_message_of_a_digest_is_that_of_each_alarm_that_has_none_in_the_channel(shelf):
    told_by_message(shelf, 1)
    ((_, first),) = episodes_of_messages(shelf)
    tells(shelf, 2)
    shelf.connection.exec_driver_sql(
        f"UPDATE deliveries SET state = 'digested', digest = {DIGEST} WHERE id = {FAR + 2}"
    )
    link(shelf.connection, DIGEST, 777, "ops")
    assert episodes_of_messages(shelf) == [(FAR, first), (2 * FAR, 777)]
    link(shelf.connection, DIGEST, 888, "dba")
    assert (FAR, 888) in episodes_of_messages(shelf)


def test_the_message_that_is_gone_is_forgotten_in_its_channel_alone(shelf):
    told_by_message(shelf, 1)
    shelf.connection.exec_driver_sql(
        f"UPDATE deliveries SET state = 'digested', digest = {DIGEST} WHERE id = {FAR + 2}"
    )
    forget(shelf.connection, DIGEST, "dba")
    assert len(episodes_of_messages(shelf)) == 1
    forget(shelf.connection, DIGEST + 1, "ops")
    assert len(episodes_of_messages(shelf)) == 1
    forget(shelf.connection, DIGEST, "ops")
    assert episodes_of_messages(shelf) == []


def test_one_of_its_episodes_stands_for_a_digest(shelf):
    assert an_episode(shelf.connection, DIGEST) == 0
    tells(shelf, 1)
    assert an_episode(shelf.connection, DIGEST) == FAR


def test_what_a_digest_would_have_told_waits_again(shelf):
    tells(shelf, 1)
    dissolve(shelf.connection, DIGEST + 1)
    assert shelf.rows("SELECT state, digest FROM deliveries") == [("digested", DIGEST)]
    dissolve(shelf.connection, DIGEST)
    assert shelf.rows("SELECT state, digest, note FROM deliveries") == [("waiting", None, "")]
