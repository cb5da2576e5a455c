"""What becomes of all that waits for a chat, when it is more than people can read one by one. Pure.

| waits                                                   | becomes                                              |
| an update, and a newer one of the same message          | superseded                                           |
| news of alarms that a digest told of, by an update      | superseded: a digest is never changed                |
| endings of several alarms that one digest told of       | one answer to that digest                            |
| more than `digest_over` events: what is urgent          | stays, and goes first, as far as its minute allows   |
| all else then                                           | one digest, and while that waits what comes after it |
| what a message had no room for                          | superseded                                           |
| what waited for longer than `give_up_after`             | a dead letter                                        |

Nothing overtakes an event of its own alarm: all that waits of an alarm stays or is digested as one,
and while a digest waits that tells of an alarm, what comes of this alarm goes into the same digest.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bridge.alarm import BRIDGE, LOUD, SERIOUS, State
from bridge.message import ANSWERS, Step
from bridge.record import record

NAMED = 50  # alarms that a digest tells in full
TOLD_BY_NOTHING = 0  # in place of the digest that is answered: the digest that begins


@record
class Waiting:
    """A delivery that waits, as far as one must know it to merge it."""

    id: int
    event_id: int
    episode_id: int
    key: str
    state: State
    step: Step
    kind: str = "metric"
    route: str = ""
    severity: str = ""
    is_late: bool = False  # given up by now
    is_begun: bool = False  # it may have been told: it has to be found out


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """All that waits, oldest first, and what digests told and will tell."""

    waiting: Sequence[Waiting]
    told: Mapping[int, int]  # episode → the digest whose message is its newest
    members: Mapping[str, int]  # alarm key → what the waiting digest that tells of it answers
    digests: frozenset[int]  # what each waiting digest answers: TOLD_BY_NOTHING or another digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What becomes of a crowd; what is not named stays as it is."""

    superseded: Mapping[int, str]  # delivery → why
    late: tuple[int, ...] = ()  # dead letters
    digested: Mapping[int, tuple[int, ...]]  # what the digest answers → deliveries; answers come first
    is_storm: bool  # a digest waits, or will


Urgent = Callable[[Waiting], bool]


def plan(crowd: Crowd, *, digest_over: int, urgent: Urgent, budget: int) -> Plan:
    """Say what becomes of all that waits; `budget` is how many urgent ones may still go singly this minute."""
    rest = [one for one in crowd.waiting if one.step is Step.REST and not one.is_begun]
    lanes = _by_alarm(one for one in crowd.waiting if one.step is not Step.REST or one.is_begun)
    superseded = {one: why for lane in lanes.values() for one, why in _superseded(lane, crowd.told)}
    late = tuple(one.id for lane in lanes.values() for one in lane if one.is_late and one.id not in superseded)
    ended = superseded.keys() | set(late)
    left = {key: [one for one in lane if one.id not in ended] for key, lane in lanes.items()}
    is_storm = TOLD_BY_NOTHING in crowd.digests or _events(left, crowd) > digest_over
    if is_storm:
        superseded |= {one.id: "too much waits" for one in rest}
    single = _single(left, crowd.members, urgent, budget) if is_storm else frozenset[str]()
    digested = _digested({key: lane for key, lane in left.items() if key not in single}, crowd, is_storm=is_storm)
    ordered = sorted(digested.items(), key=lambda pair: (pair[0] == TOLD_BY_NOTHING, pair[0]))
    return Plan(
        superseded=superseded,
        late=late,
        digested={answered: tuple(ids) for answered, ids in ordered},
        is_storm=is_storm,
    )


def is_urgent(state: State, severity: str, kind: str, *, mentions: bool, route_says_so: bool) -> bool:
    """Say whether an event goes first: what mentions somebody, and news that is serious or called urgent."""
    if mentions or state is State.ESCALATED:
        return True
    return state in LOUD and (severity == SERIOUS or kind == BRIDGE or route_says_so)


def _by_alarm(waiting: Iterable[Waiting]) -> dict[str, list[Waiting]]:
    """Give what may be merged by alarm, in order; of no alarm are announcements, at most one a minute."""
    lanes: dict[str, list[Waiting]] = {}
    for one in waiting:
        if one.episode_id:
            lanes.setdefault(one.key, []).append(one)
    return {key: lane for key, lane in lanes.items() if not any(one.is_begun for one in lane)}


def _superseded(lane: Sequence[Waiting], told: Mapping[int, int]) -> Iterator[tuple[int, str]]:
    """Find what need not be said, from the newest back."""
    newest: Waiting | None = None  # update of the message that is looked at
    ending: Waiting | None = None
    answered = {one.event_id for one in lane if one.step in ANSWERS}
    for one in reversed(lane):
        if one.step is Step.POST or (newest is not None and newest.episode_id != one.episode_id):
            newest = ending = None
        if one.step is not Step.UPDATE:
            continue
        newer = ending if one.state.ends else newest
        needless = one.event_id in answered or not one.state.ends or one.state is State.REPLACED
        if one.episode_id in told and needless:
            yield one.id, "a digest told of it, and a digest is never changed"
        elif newer is not None and newer.event_id >= one.event_id and one.state is not State.ESCALATED:
            yield one.id, f"a newer update waits: delivery {newer.id}"
        newest = newer_of(newest, one)
        ending = newer_of(ending, one) if one.state.ends else ending


def newer_of(newest: Waiting | None, one: Waiting) -> Waiting:
    """Give the one that tells what is newer: what a person has told again waits behind it."""
    return one if newest is None or one.event_id > newest.event_id else newest


def _single(
    lanes: Mapping[str, Sequence[Waiting]], members: Mapping[str, int], urgent: Urgent, budget: int
) -> frozenset[str]:
    """Choose the alarms whose deliveries go singly: the urgent ones that came first, as far as the budget goes."""
    single = set()
    for key, lane in lanes.items():
        if key not in members and len(lane) <= budget and any(map(urgent, lane)):
            single.add(key)
            budget -= len(lane)
    return frozenset(single)


def _events(lanes: Mapping[str, Sequence[Waiting]], crowd: Crowd) -> int:
    """Count the events that wait; all that becomes one answer to an earlier digest is one."""
    answers = _digested(lanes, crowd, is_storm=False)
    answered = {one for ids in answers.values() for one in ids}
    return len(answers) + len({one.event_id for lane in lanes.values() for one in lane if one.id not in answered})


def _digested(lanes: Mapping[str, Sequence[Waiting]], crowd: Crowd, *, is_storm: bool) -> dict[int, list[int]]:
    """Say which deliveries each digest tells of, by what that digest answers."""
    digested: dict[int, list[int]] = {}
    for lane in lanes.values():
        target = _target(lane, crowd, is_storm=is_storm) if lane else None
        if target is not None:
            digested.setdefault(target, []).extend(one.id for one in lane)
    if is_storm:
        return digested
    return {target: ids for target, ids in digested.items() if _is_worth_it(target, ids, lanes, crowd)}


def _target(lane: Sequence[Waiting], crowd: Crowd, *, is_storm: bool) -> int | None:
    """Say which digest tells of an alarm, by what that digest answers; None: it is told by itself."""
    member = crowd.members.get(lane[0].key)
    if member is not None:
        return member
    digests = {crowd.told.get(one.episode_id) if one.state.ends else None for one in lane}
    if len(digests) == 1 and (answered := digests.pop()) is not None:
        return answered
    return TOLD_BY_NOTHING if is_storm else None


def _is_worth_it(target: int, ids: Sequence[int], lanes: Mapping[str, Sequence[Waiting]], crowd: Crowd) -> bool:
    """Say whether endings become one answer though few wait: where they are of several alarms."""
    wanted = set(ids)
    alarms = sum(1 for lane in lanes.values() if lane and lane[0].id in wanted)
    return alarms > 1 or target in crowd.digests
