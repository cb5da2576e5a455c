"""What becomes of all that waits for a chat: who stays, who is digested, and that nothing is dropped or overtakes."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.alarm import State
from bridge.digesting import TOLD_BY_NOTHING, Crowd, Waiting, is_urgent, plan
from bridge.message import Step

POST, UPDATE, THREAD = Step.POST, Step.UPDATE, Step.THREAD
TRIGGERED, REPEAT, RECOVERED, ESCALATED = State.TRIGGERED, State.REPEAT, State.RECOVERED, State.ESCALATED
DIGEST = 900  # one that was told


def waits(*those: Any) -> list[Waiting]:
    """Give deliveries in order: key, state, step, and what else they have."""
    return [
        Waiting(
            **{"id": number, "event_id": number * 10, "episode_id": ord(key), "key": key, "state": state, "step": step}
            | (more[0] if more else {})
        )
        for number, (key, state, step, *more) in enumerate(those, 1)
    ]


def many(count, **more):
    return [
        Waiting(id=one, event_id=one * 10, episode_id=one, key=f"k{one}", state=TRIGGERED, step=POST, **more)
        for one in range(1, count + 1)
    ]


def planned(waiting, *, over=20, budget=10, told=(), members=(), digests=(), urgent="serious"):
    crowd = Crowd(waiting=waiting, told=dict(told), members=dict(members), digests=frozenset(digests))
    return plan(crowd, digest_over=over, urgent=lambda one: one.severity == urgent, budget=budget)


def test_as_many_as_may_wait_are_told_one_by_one():
    made = planned(many(20))
    assert (made.is_storm, made.digested, made.superseded) == (False, {}, {})


def test_one_more_and_all_of_them_are_one_digest():
    made = planned(many(21))
    assert made.is_storm
    assert made.digested == {TOLD_BY_NOTHING: tuple(range(1, 22))}


def test_two_calls_of_one_event_are_one_event():
    calls = [("a", RECOVERED, UPDATE, {"event_id": 7}), ("a", RECOVERED, THREAD, {"event_id": 7})]
    assert not planned(waits(*calls), over=1).is_storm


def test_what_is_superseded_does_not_make_a_storm():
    made = planned(waits(*[("a", REPEAT, UPDATE)] * 30))
    assert not made.is_storm
    assert made.superseded == dict.fromkeys(range(1, 30), "a newer update waits: delivery 30")


def test_what_a_person_has_told_again_makes_no_newer_update_needless():
    crowd = waits(("a", RECOVERED, UPDATE), ("a", REPEAT, UPDATE), ("a", RECOVERED, UPDATE, {"event_id": 5}))
    assert planned(crowd).superseded == {}
    crowd = waits(*[("a", RECOVERED, UPDATE)] * 3, ("a", RECOVERED, UPDATE, {"event_id": 5}))
    assert planned(crowd).superseded == dict.fromkeys((1, 2), "a newer update waits: delivery 3")


def test_what_a_message_had_no_room_for_makes_no_storm_and_is_left_out_in_one():
    rest = [
        Waiting(id=one, event_id=one, episode_id=one, key=f"r{one}", state=TRIGGERED, step=Step.REST)
        for one in (50, 51)
    ]
    assert planned([*many(20), *rest]).superseded == {}
    made = planned([*many(21), *rest])
    assert made.superseded == {50: "too much waits", 51: "too much waits"}
    assert made.digested == {TOLD_BY_NOTHING: tuple(range(1, 22))}


def test_while_a_digest_waits_all_that_comes_goes_into_it():
    made = planned(many(1), digests=[TOLD_BY_NOTHING])
    assert made.digested == {TOLD_BY_NOTHING: (1,)}


def test_urgent_ones_stay_as_far_as_the_minute_allows_and_the_others_head_the_digest():
    waiting = many(15, severity="serious") + [
        Waiting(id=one, event_id=one * 10, episode_id=one, key=f"k{one}", state=TRIGGERED, step=POST)
        for one in range(16, 31)
    ]
    made = planned(waiting, budget=4)
    assert made.digested == {TOLD_BY_NOTHING: tuple(range(5, 31))}


def test_an_urgent_one_whose_alarm_is_in_the_digest_that_waits_goes_there_too():
    (one,) = waits(("a", ESCALATED, THREAD, {"severity": "serious"}))
    made = planned([one], members={"a": TOLD_BY_NOTHING}, digests=[TOLD_BY_NOTHING])
    assert made.digested == {TOLD_BY_NOTHING: (1,)}


def test_what_waits_before_an_urgent_one_of_its_alarm_stays_with_it():
    crowd = waits(
        ("a", TRIGGERED, POST), ("a", ESCALATED, THREAD, {"severity": "serious"}), *[("b", REPEAT, POST)] * 25
    )
    assert planned(crowd).digested == {TOLD_BY_NOTHING: tuple(range(3, 28))}


def test_endings_of_several_alarms_of_one_digest_are_one_answer_though_few_wait():
    crowd = waits(("a", RECOVERED, THREAD), ("b", RECOVERED, THREAD), ("c", RECOVERED, THREAD))
    made = planned(crowd, told={ord("a"): DIGEST, ord("b"): DIGEST})
    assert not made.is_storm
    assert made.digested == {DIGEST: (1, 2)}


def test_many_endings_of_one_digest_are_one_answer_and_no_storm_for_who_has_a_message_of_its_own():
    crowd = many(30) + waits(("z", RECOVERED, UPDATE), ("z", RECOVERED, THREAD))
    crowd = [replace(one, id=place, event_id=place, state=RECOVERED) for place, one in enumerate(crowd, 1)]
    made = planned(crowd, told=dict.fromkeys(range(1, 31), DIGEST))
    assert not made.is_storm
    assert made.digested == {DIGEST: tuple(range(1, 31))}


def test_urgent_endings_of_one_digest_are_one_answer_as_well():
    made = planned(
        waits(*((key, RECOVERED, THREAD, {"severity": "serious"}) for key in "ab")),
        told={ord("a"): DIGEST, ord("b"): DIGEST},
    )
    assert made.digested == {DIGEST: (1, 2)}


def test_the_oldest_digest_is_answered_first():
    told = {ord("a"): DIGEST + 1, ord("b"): DIGEST + 1, ord("c"): DIGEST, ord("d"): DIGEST}
    made = planned(waits(*((key, RECOVERED, THREAD) for key in "abcd")), told=told)
    assert [*made.digested.items()] == [(DIGEST, (3, 4)), (DIGEST + 1, (1, 2))]


def test_an_update_before_a_new_message_of_its_alarm_is_made_whatever_waits_behind_that():
    assert planned(waits(("a", REPEAT, UPDATE), ("a", TRIGGERED, POST), ("a", REPEAT, UPDATE))).superseded == {}


def test_of_updates_that_tell_one_event_the_last_is_made():
    again = {"event_id": 7}
    assert planned(waits(*[("a", REPEAT, UPDATE, again)] * 3)).superseded == dict.fromkeys(
        (1, 2), "a newer update waits: delivery 3"
    )


def test_why_an_update_of_what_a_digest_told_is_left_out():
    made = planned(waits(("a", REPEAT, UPDATE)), told={ord("a"): DIGEST})
    assert made.superseded == {1: "a digest told of it, and a digest is never changed"}


def test_news_of_what_a_digest_told_that_is_no_ending_answers_it_not():
    told = {ord("a"): DIGEST, ord("b"): DIGEST}
    made = planned(waits(("a", REPEAT, POST), ("b", REPEAT, POST)), told=told)
    assert made.digested == {}
    made = planned(waits(("a", REPEAT, POST), ("b", REPEAT, POST)), told=told, over=1)
    assert made.digested == {TOLD_BY_NOTHING: (1, 2)}


def test_a_single_ending_answers_the_digest_by_itself():
    assert planned(waits(("a", RECOVERED, THREAD)), told={ord("a"): DIGEST}).digested == {}
    among_others = waits(("a", RECOVERED, THREAD), ("b", TRIGGERED, POST), ("c", REPEAT, UPDATE))
    assert planned(among_others, told={ord("a"): DIGEST}).digested == {}


def test_a_single_ending_joins_the_answer_that_waits():
    made = planned(waits(("a", RECOVERED, THREAD)), told={ord("a"): DIGEST}, digests=[DIGEST])
    assert made.digested == {DIGEST: (1,)}


def test_answers_go_before_a_digest_that_begins():
    crowd = waits(*[("a", TRIGGERED, POST)] * 21, ("b", RECOVERED, THREAD))
    assert list(planned(crowd, told={ord("b"): DIGEST}).digested) == [DIGEST, TOLD_BY_NOTHING]


@pytest.mark.parametrize(
    ("calls", "superseded"),
    [
        ([("a", REPEAT, UPDATE)], [1]),
        ([("a", RECOVERED, UPDATE, {"event_id": 7}), ("a", RECOVERED, THREAD, {"event_id": 7})], [1]),
        ([("a", RECOVERED, UPDATE)], []),
        ([("a", State.REPLACED, UPDATE)], [1]),
    ],
    ids=["news", "an ending that is answered", "an ending that is only updated", "a replacement"],
)
def test_an_update_of_what_a_digest_told_is_left_out_unless_it_is_the_only_word_of_an_ending(calls, superseded):
    assert list(planned(waits(*calls), told={ord("a"): DIGEST}).superseded) == superseded


def test_what_may_have_been_told_and_all_of_its_alarm_is_left_alone():
    crowd = waits(("a", TRIGGERED, POST, {"is_begun": True}), ("a", RECOVERED, UPDATE), *[("b", REPEAT, POST)] * 25)
    assert planned(crowd).digested == {TOLD_BY_NOTHING: tuple(range(3, 28))}


def test_what_was_given_up_is_a_dead_letter():
    made = planned(many(30, is_late=True))
    assert made.late == tuple(range(1, 31))
    assert not made.digested


def test_announcements_of_what_was_not_understood_stay():
    crowd = [*many(30), Waiting(id=31, event_id=310, episode_id=0, key="", state=State.UNRECOGNISED, step=POST)]
    assert 31 not in planned(crowd).digested[TOLD_BY_NOTHING]


@pytest.mark.parametrize(
    ("state", "severity", "kind", "more", "expected"),
    [
        (TRIGGERED, "serious", "metric", {}, True),
        (TRIGGERED, "warn", "metric", {}, False),
        (REPEAT, "serious", "metric", {}, False),
        (RECOVERED, "serious", "metric", {}, False),
        (ESCALATED, "warn", "metric", {}, True),
        (TRIGGERED, "remind", "bridge", {}, True),
        (TRIGGERED, "", "metric", {"route_says_so": True}, True),
        (RECOVERED, "", "metric", {"route_says_so": True}, False),
        (RECOVERED, "", "metric", {"mentions": True}, True),
    ],
)
def test_urgent_is_news_that_is_serious_or_called_so_an_escalation_and_a_mention(state, severity, kind, more, expected):
    said = {"mentions": False, "route_says_so": False} | more
    assert is_urgent(state, severity, kind, **said) is expected


DELIVERIES: Any = st.builds(
    dict,
    key=st.sampled_from("abcdef"),
    state=st.sampled_from([TRIGGERED, REPEAT, ESCALATED, RECOVERED, State.EXPIRED, State.REPLACED]),
    step=st.sampled_from([POST, UPDATE, THREAD]),
    severity=st.sampled_from(["", "serious"]),
    is_begun=st.sampled_from([False] * 19 + [True]),
    same_event=st.booleans(),
)


@st.composite
def crowds(draw):
    waiting: list[Waiting] = []
    for number, one in enumerate(draw(st.lists(DELIVERIES, max_size=40)), 1):
        last = waiting[-1] if waiting else None
        same = one.pop("same_event") and last is not None and last.key == one["key"] and last.state is one["state"]
        event = last.event_id if same and last else number * 10
        waiting.append(Waiting(id=number, event_id=event, episode_id=ord(one["key"]), **one))
    told = {ord(key): DIGEST for key in draw(st.sets(st.sampled_from("abc")))}
    digests = draw(st.sets(st.sampled_from([TOLD_BY_NOTHING, DIGEST])))
    members = {key: draw(st.sampled_from(sorted(digests))) for key in draw(st.sets(st.sampled_from("bcd"))) if digests}
    return Crowd(waiting=waiting, told=told, members=members, digests=frozenset(digests))


@settings(max_examples=400)
@given(crowds(), st.integers(1, 25), st.integers(0, 10))
def test_nothing_overtakes_is_dropped_or_told_by_two(crowd, over, budget):
    made = plan(crowd, digest_over=over, urgent=lambda one: one.severity == "serious", budget=budget)
    into = {one: target for target, ids in made.digested.items() for one in ids}
    fates = Counter([*made.superseded, *made.late, *into])
    assert not fates or max(fates.values()) == 1
    stays = 0
    for key in {one.key for one in crowd.waiting}:
        lane = [one for one in crowd.waiting if one.key == key]
        if any(one.is_begun for one in lane):
            assert not any(one.id in fates for one in lane)
            continue
        left = [one for one in lane if one.id not in made.superseded]
        targets = {into.get(one.id) for one in left}
        assert len(targets) <= 1  # all that waits of an alarm stays, or is told by one digest
        if key in crowd.members and left:
            assert targets == {crowd.members[key]}  # and by that which tells of it already
        stays += len(left) if targets == {None} else 0
        for one in lane:
            if one.id in made.superseded and one.state.ends and one.state is not State.REPLACED:
                assert any(is_told_by(one, other, crowd) for other in left)
    if made.is_storm:
        assert stays <= budget
    begun = {one.key for one in crowd.waiting if one.is_begun}
    left_over = [one for one in crowd.waiting if one.id not in made.superseded and one.key not in begun]
    if made.is_storm:
        assert TOLD_BY_NOTHING in crowd.digests or len({one.event_id for one in left_over}) > over
    else:
        assert TOLD_BY_NOTHING not in crowd.digests
        assert len({one.event_id for one in left_over if one.id not in into}) + len(made.digested) <= over


def is_told_by(ending, other, crowd):
    """Say whether one that is left tells an ending that is left out."""
    if ending.episode_id in crowd.told and other.event_id == ending.event_id:
        return other.step is THREAD
    return other.id > ending.id and other.state.ends and other.step is UPDATE
