"""The table again, written as one predicate a row, which shares no code with `decide`: they always agree."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.alarm import SEVERITIES, Alarm, Status
from bridge.episode import Episode, Heard, Known, Phase
from bridge.lifecycle import Outcome, Row, advance, decide
from bridge.store.recording import folded

START = datetime(2026, 1, 1, tzinfo=UTC)
FIVE = timedelta(minutes=5)
DAY = timedelta(hours=24)


# The predicates. `k` is what is known, `a` the alarm; `this(k, a)` is the episode, as a list of one or none.


def this(k: Known, a: Alarm) -> list[Episode]:
    if a.started_at is not None:
        return [e for e in k if e.started_at == a.started_at][-1:]
    if a.status == "recovered":
        return []
    return ([e for e in k if e.phase == "open"] or [e for e in k if e.started_at == a.received_at])[-1:]


def first(k: Known, a: Alarm) -> datetime:
    """Give an alarm's first occurrence; it began when it was received where there is none."""
    return a.received_at if a.started_at is None else a.started_at


def is_in(k: Known, a: Alarm, *phases: str) -> bool:
    return any(e.phase in phases for e in this(k, a))


def is_later(a: Alarm, moment: datetime, *, guess: bool) -> bool:
    return (a.occurred_at >= moment + FIVE) if guess or a.occurred_at_is_guess else (a.occurred_at > moment)


def firing(k: Known, a: Alarm, *phases: str) -> bool:
    return a.status == "firing" and (is_in(k, a, *phases) if phases else not this(k, a))


def heard_later(k: Known, a: Alarm) -> bool:
    return any(is_later(a, e.heard_at, guess=e.heard_at_is_guess) for e in this(k, a))


def recovered_by(k: Known, a: Alarm) -> bool:
    """Whether the newest episode has recovered."""
    return bool(k) and k[-1].phase == "recovered"


OVER = ("replaced", "expired", "closed")
TABLE: list[tuple[Row, Callable[[Known, Alarm], bool]]] = [
    (
        Row.RESENT,
        lambda k, a: any(
            h.received_at > a.received_at - DAY and h.fingerprint in a.fingerprints for e in k for h in e.heard
        ),
    ),
    (Row.STATELESS_KNOWN, lambda k, a: a.status == "stateless" and bool(this(k, a))),
    (Row.STATELESS, lambda k, a: a.status == "stateless"),
    (
        Row.ROSE,
        lambda k, a: (
            firing(k, a, "open")
            and ["", "remind", "warn", "serious"].index(a.severity)
            > ["", "remind", "warn", "serious"].index(this(k, a)[0].severity)
        ),
    ),
    (Row.LATER, lambda k, a: firing(k, a, "open") and heard_later(k, a)),
    (
        Row.SAME_MOMENT,
        lambda k, a: (
            firing(k, a, "open")
            and this(k, a)[0].heard_at == a.occurred_at
            and this(k, a)[0].alert_id != a.alert_id
            and this(k, a)[0].counted_at + FIVE <= a.received_at
        ),
    ),
    (Row.NOTHING_NEW, lambda k, a: firing(k, a, "open")),
    (
        Row.AGAIN,
        lambda k, a: (
            firing(k, a, "recovered")
            and any(is_later(a, e.recovered_at or START, guess=e.heard_at_is_guess) for e in this(k, a))
        ),
    ),
    (Row.LATE_RESEND, lambda k, a: firing(k, a, "recovered")),
    (Row.REOPENED, lambda k, a: firing(k, a, *OVER) and heard_later(k, a)),
    (Row.LATE_OF_ENDED, lambda k, a: firing(k, a, *OVER)),
    (
        Row.SUPERSEDED,
        lambda k, a: (
            firing(k, a)
            and a.occurred_at < min((e.started_at for e in k if e.started_at > first(k, a)), default=a.occurred_at)
        ),
    ),
    (Row.EARLIER, lambda k, a: firing(k, a) and any(e.started_at > first(k, a) for e in k)),
    (Row.NEW, firing),
    (Row.RECOVERED, lambda k, a: is_in(k, a, "open", *OVER)),
    (Row.RECOVERED_BEFORE, lambda k, a: is_in(k, a, "recovered")),
    (
        Row.RECOVERED_OPEN,
        lambda k, a: any(
            e.phase == "open" and e.started_at <= (a.occurred_at if a.started_at is None else a.started_at) for e in k
        ),
    ),
    (Row.RECOVERED_NEWEST, lambda k, a: a.started_at is None and recovered_by(k, a)),
    (
        Row.RECOVERED_LATER,
        lambda k, a: any(e.phase == "recovered" and (e.recovered_at or START) >= a.occurred_at for e in k),
    ),
    (Row.UNHEARD, lambda k, a: True),
]
TELLING = {
    **dict.fromkeys((Row.STATELESS, Row.AGAIN, Row.EARLIER, Row.NEW), Outcome.TRIGGERED),
    **dict.fromkeys((Row.LATER, Row.SAME_MOMENT, Row.REOPENED), Outcome.REPEAT),
    **dict.fromkeys((Row.RECOVERED, Row.RECOVERED_OPEN, Row.UNHEARD), Outcome.RECOVERED),
    Row.ROSE: Outcome.ESCALATED,
}
LATE = {Row.LATE_RESEND, Row.LATE_OF_ENDED, Row.SUPERSEDED, Row.RECOVERED_LATER}
OUTCOMES = {row: TELLING.get(row, Outcome.STALE if row in LATE else Outcome.DUPLICATE) for row in Row}


# What is known and heard: few moments, so that they often meet.


def moment(chance: Random) -> datetime:
    return START + chance.choice([0, 1, 2, 5, 6, 7, 10, 12]) * timedelta(minutes=1)


def an_episode(chance: Random, number: int) -> Episode:
    phase = chance.choice([Phase.OPEN, Phase.OPEN, Phase.RECOVERED, Phase.RECOVERED, *Phase])
    heard = Heard(fingerprint=chance.choice("abcdefgh"), received_at=moment(chance) - chance.choice([0, 1, 1]) * DAY)
    return Episode(
        id=number,
        number=number,
        key="key",
        phase=phase,
        started_at=moment(chance),
        heard_at=moment(chance),
        heard_at_is_guess=chance.random() < 0.3,
        counted_at=moment(chance),
        alert_id=chance.choice(["", "s", "t"]),
        severity=chance.choice(SEVERITIES),
        recovered_at=moment(chance) if phase is Phase.RECOVERED else None,
        heard=(heard,) if chance.random() < 0.4 else (),
    )


def some_known(chance: Random) -> Known:
    episodes = [an_episode(chance, number) for number in range(1, chance.choice([1, 2, 2, 3, 4]))]
    return tuple(sorted(episodes, key=lambda episode: episode.started_at))


def an_alarm(chance: Random) -> Alarm:
    return Alarm(
        status=chance.choice([Status.FIRING, Status.FIRING, Status.RECOVERED, Status.RECOVERED, Status.STATELESS]),
        key="key",
        started_at=moment(chance) if chance.random() < 0.7 else None,
        occurred_at=moment(chance),
        occurred_at_is_guess=chance.random() < 0.3,
        received_at=moment(chance),
        alert_id=chance.choice(["", "s", "t"]),
        severity=chance.choice(SEVERITIES),
        fingerprints=(chance.choice("abcdefgh"), chance.choice("ijklmnop")),
    )


def row_of(known: Known, alarm: Alarm) -> Row:
    """Give the first row whose predicate holds."""
    return next(row for row, holds in TABLE if holds(known, alarm))


def agreed(known: Known, alarm: Alarm) -> Row:
    """Assert that both tables agree, and what holds of every decision."""
    decision = decide(known, alarm)
    assert decision.row is row_of(known, alarm)
    assert decision.outcome is OUTCOMES[decision.row]
    assert decision.again == (decision.row is Row.AGAIN)
    assert decision.unheard == (decision.row is Row.UNHEARD)
    assert decision.episode is None or decision.episode in known
    silent = decision.outcome in {Outcome.DUPLICATE, Outcome.STALE}
    assert decision.episode is not None or not silent
    open_before = {episode.id for episode in known if episode.phase is Phase.OPEN}
    assert {episode.id for episode in decision.replaced} == (open_before if decision.row is Row.NEW else set())
    return decision.row


def test_the_predicates_name_every_row_once_in_the_tables_order():
    assert [row for row, _ in TABLE] == list(Row)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.randoms(use_true_random=False))
def test_exactly_one_row_holds_for_every_pair(chance):
    agreed(some_known(chance), an_alarm(chance))


def test_every_row_is_reached_and_both_tables_agree_on_20000_pairs():
    chance = Random(20260101)
    reached = {agreed(some_known(chance), an_alarm(chance)) for _ in range(20_000)}
    assert reached == set(Row)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.randoms(use_true_random=False))
def test_the_same_callback_a_second_time_changes_nothing_that_is_told(chance):
    known, alarm = some_known(chance), an_alarm(chance)
    decision = decide(known, alarm)
    episode, replaced = advance(decision, alarm, new_id=99, new_number=99, receiving_seconds=0)
    after = folded(known, (*replaced, episode))
    assert decide(after, alarm).row is Row.RESENT
    assert [each.started_at for each in after] == sorted(each.started_at for each in after)
    assert len(after) == len(known) + (decision.episode is None)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.randoms(use_true_random=False))
def test_whatever_is_heard_an_episode_stays_in_one_sound_state(chance):
    known: Known = ()
    for number in range(1, 12):
        alarm = an_alarm(chance)
        decision = decide(known, alarm)
        assert decision.row is row_of(known, alarm)
        episode, replaced = advance(decision, alarm, new_id=number, new_number=number, receiving_seconds=number)
        known = folded(known, (*replaced, episode))
        assert all((each.phase is Phase.RECOVERED) == (each.recovered_at is not None) for each in known)
        if decision.row is Row.NEW:
            assert [each.id for each in known if each.phase is Phase.OPEN] == [number]


def test_what_comes_late_says_so_and_no_other_row_does():
    assert {row for row in Row if row.startswith("it came late: ")} == LATE


def test_a_new_alarm_says_whether_one_that_was_open_is_replaced():
    new = Alarm(
        status=Status.FIRING, key="key", started_at=START + FIVE, occurred_at=START + FIVE, received_at=START + FIVE
    )
    before = Episode(id=1, number=1, key="key", phase=Phase.OPEN, started_at=START, heard_at=START, counted_at=START)
    assert decide((), new).why == "a new alarm"
    assert decide((before,), new).why == "a new alarm; what was open of it before is replaced"
