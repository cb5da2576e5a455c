"""The table: one test for each row and each clause. What becomes of the episode is in `test_lifecycle_episodes`."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.alarm import Alarm, Status
from bridge.episode import Episode, Heard, Phase
from bridge.lifecycle import Decision, Outcome, Row, decide

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ENDED = (Phase.REPLACED, Phase.EXPIRED, Phase.CLOSED)


def after(minutes: float) -> datetime:
    return START + minutes * MINUTE


def episode(**changes: Any) -> Episode:
    """Give an open episode that began at START and was heard of once, 10 minutes on."""
    known = Episode(
        id=1,
        number=1,
        key="key",
        phase=Phase.OPEN,
        started_at=START,
        heard_at=after(10),
        counted_at=after(11),
        alert_id="first",
    )
    return replace(known, **changes)


def recovered(**changes: Any) -> Episode:
    return episode(phase=Phase.RECOVERED, recovered_at=after(20), **changes)


def alarm(**changes: Any) -> Alarm:
    """Give a firing callback of the episode that began at START, of the moment last heard."""
    told: dict[str, Any] = {
        "status": Status.FIRING,
        "key": "key",
        "started_at": START,
        "occurred_at": after(10),
        "received_at": after(30),
        "alert_id": "second",
        "fingerprints": ("new",),
    }
    return Alarm(**told | changes)


def recovery(**changes: Any) -> Alarm:
    return alarm(**{"status": Status.RECOVERED, "occurred_at": after(25)} | changes)


def stateless(**changes: Any) -> Alarm:
    return alarm(status=Status.STATELESS, **changes)


def decided(*known: Episode, of: Alarm) -> tuple[Outcome, Row, Episode | None]:
    decision = decide(known, of)
    return decision.outcome, decision.row, decision.episode


# the same delivery


@pytest.mark.parametrize("known", [episode(), recovered(), *(episode(phase=phase) for phase in ENDED)])
@pytest.mark.parametrize("heard", [alarm(occurred_at=after(99)), recovery(), stateless()])
def test_the_same_delivery_in_the_last_day_is_a_duplicate_whatever_it_says(known, heard):
    known = replace(known, heard=(Heard(fingerprint="new", received_at=after(11)),))
    assert decided(known, of=heard) == (Outcome.DUPLICATE, Row.RESENT, known)


def test_any_one_fingerprint_makes_a_delivery_the_same():
    known = episode(heard=(Heard(fingerprint="body", received_at=after(11)),))
    assert decide((known,), alarm(fingerprints=("delivery", "body"))).row is Row.RESENT
    assert decide((known,), alarm(fingerprints=("delivery", "other"))).row is not Row.RESENT


def test_a_delivery_is_known_again_for_less_than_a_day():
    known = episode(heard=(Heard(fingerprint="new", received_at=START),))
    late = alarm(occurred_at=after(1440), received_at=after(1440))
    assert decide((known,), replace(late, received_at=after(1440) - timedelta(microseconds=1))).row is Row.RESENT
    assert decide((known,), late).row is Row.LATER


def test_a_delivery_that_was_received_out_of_order_is_the_same_too():
    known = episode(heard=(Heard(fingerprint="new", received_at=after(31)),))
    assert decide((known,), alarm(received_at=after(30))).row is Row.RESENT


def test_a_delivery_of_an_earlier_episode_is_noted_on_the_one_it_belongs_to():
    old = recovered(heard=(Heard(fingerprint="new", received_at=after(11)),))
    new = episode(id=2, started_at=after(21))
    assert decided(old, new, of=alarm(started_at=None)) == (Outcome.DUPLICATE, Row.RESENT, new)
    assert decided(old, new, of=recovery(started_at=None)) == (Outcome.DUPLICATE, Row.RESENT, old)
    assert decided(old, new, of=alarm(started_at=after(21))) == (Outcome.DUPLICATE, Row.RESENT, new)


# stateless


@pytest.mark.parametrize("known", [episode(), recovered(), *(episode(phase=phase) for phase in ENDED)])
def test_a_callback_without_a_state_of_a_known_episode_is_a_duplicate(known):
    assert decided(known, of=stateless()) == (Outcome.DUPLICATE, Row.STATELESS_KNOWN, known)


def test_a_callback_without_a_state_of_an_unknown_episode_is_triggered_and_replaces_nothing():
    expected = Decision(outcome=Outcome.TRIGGERED, row=Row.STATELESS)
    assert decide((), stateless()) == expected
    assert decide((episode(),), stateless(started_at=after(1))) == expected
    assert decide((episode(),), stateless(started_at=after(-1))) == expected


def test_a_callback_without_state_or_first_occurrence_belongs_to_the_open_episode():
    assert decide((episode(),), stateless(started_at=None)).row is Row.STATELESS_KNOWN
    assert decide((recovered(),), stateless(started_at=None)).row is Row.STATELESS


# firing: this episode is open


@pytest.mark.parametrize(("before", "now"), [("", "remind"), ("remind", "warn"), ("warn", "serious"), ("", "serious")])
@pytest.mark.parametrize("moment", [after(5), after(10), after(15)])
def test_a_severity_that_rose_escalates_whatever_the_moment(before, now, moment):
    known = episode(severity=before)
    assert decided(known, of=alarm(severity=now, occurred_at=moment)) == (Outcome.ESCALATED, Row.ROSE, known)


@pytest.mark.parametrize(("before", "now"), [("serious", "warn"), ("warn", "warn"), ("remind", "")])
def test_a_severity_that_fell_or_stayed_is_no_escalation(before, now):
    assert decide((episode(severity=before),), alarm(severity=now, occurred_at=after(15))).row is Row.LATER


def test_a_later_moment_is_a_repeat():
    known = episode()
    later = alarm(occurred_at=after(10) + timedelta(microseconds=1))
    assert decided(known, of=later) == (Outcome.REPEAT, Row.LATER, known)


@pytest.mark.parametrize(
    ("known", "heard"),
    [
        (episode(), {"occurred_at_is_guess": True}),
        (episode(heard_at_is_guess=True), {}),
        (episode(heard_at_is_guess=True), {"occurred_at_is_guess": True}),
    ],
)
def test_where_a_moment_is_a_guess_later_means_5_minutes_or_more(known, heard):
    assert decide((known,), alarm(occurred_at=after(15), **heard)).row is Row.LATER
    just_before = after(15) - timedelta(microseconds=1)
    assert decide((known,), alarm(occurred_at=just_before, **heard)).row is Row.NOTHING_NEW


def test_the_same_moment_by_another_session_is_a_repeat_after_5_minutes():
    known = episode()
    assert decided(known, of=alarm(received_at=after(16))) == (Outcome.REPEAT, Row.SAME_MOMENT, known)
    too_soon = alarm(received_at=after(16) - timedelta(microseconds=1))
    assert decided(known, of=too_soon) == (Outcome.DUPLICATE, Row.NOTHING_NEW, known)


@pytest.mark.parametrize(
    "heard", [{"alert_id": "first"}, {"occurred_at": after(9)}, {"occurred_at": after(0), "received_at": after(2000)}]
)
def test_anything_else_of_an_open_episode_is_a_duplicate(heard):
    known = episode()
    assert decided(known, of=alarm(**heard)) == (Outcome.DUPLICATE, Row.NOTHING_NEW, known)


def test_a_firing_callback_without_a_first_occurrence_belongs_to_the_newest_open_episode():
    old, new = episode(), episode(id=2, started_at=after(5))
    late = episode(id=3, started_at=after(8), phase=Phase.CLOSED)
    heard = alarm(started_at=None, occurred_at=after(30), occurred_at_is_guess=True)
    assert decided(old, new, late, of=heard) == (Outcome.REPEAT, Row.LATER, new)


# firing: this episode has recovered


def test_an_episode_that_fires_after_its_recovery_is_triggered_again():
    known = recovered()
    heard = alarm(occurred_at=after(20) + timedelta(microseconds=1))
    assert decide((known,), heard) == Decision(outcome=Outcome.TRIGGERED, row=Row.AGAIN, episode=known, again=True)


@pytest.mark.parametrize("moment", [after(0), after(10), after(20)])
def test_a_late_resend_never_reopens_an_alarm(moment):
    known = recovered()
    assert decided(known, of=alarm(occurred_at=moment)) == (Outcome.STALE, Row.LATE_RESEND, known)


@pytest.mark.parametrize(("known", "guess"), [(recovered(), True), (recovered(heard_at_is_guess=True), False)])
def test_where_a_moment_is_a_guess_after_the_recovery_means_5_minutes_or_more(known, guess):
    just_before = after(25) - timedelta(microseconds=1)
    assert decide((known,), alarm(occurred_at=just_before, occurred_at_is_guess=guess)).row is Row.LATE_RESEND
    assert decide((known,), alarm(occurred_at=after(25), occurred_at_is_guess=guess)).row is Row.AGAIN


# firing: this episode was replaced, expired or closed


@pytest.mark.parametrize("phase", ENDED)
def test_an_ended_episode_that_is_heard_of_later_is_a_repeat(phase):
    known = episode(phase=phase)
    assert decided(known, of=alarm(occurred_at=after(11))) == (Outcome.REPEAT, Row.REOPENED, known)


@pytest.mark.parametrize("phase", ENDED)
@pytest.mark.parametrize("heard", [{}, {"occurred_at": after(9)}, {"severity": "serious"}])
def test_anything_else_of_an_ended_episode_is_stale(phase, heard):
    known = episode(phase=phase)
    assert decided(known, of=alarm(**heard)) == (Outcome.STALE, Row.LATE_OF_ENDED, known)


def test_where_a_moment_is_a_guess_an_ended_episode_reopens_after_5_minutes():
    known = episode(phase=Phase.CLOSED, heard_at_is_guess=True)
    assert decide((known,), alarm(occurred_at=after(14))).row is Row.LATE_OF_ENDED
    assert decide((known,), alarm(occurred_at=after(15))).row is Row.REOPENED


# firing: an unknown episode


def test_the_first_callback_of_an_alarm_triggers():
    assert decide((), alarm()) == Decision(outcome=Outcome.TRIGGERED, row=Row.NEW)


def test_the_latest_episode_replaces_the_open_ones():
    old, ended, open_too = episode(), recovered(id=2, started_at=after(1)), episode(id=3, started_at=after(2))
    decision = decide((old, ended, open_too), alarm(started_at=after(3)))
    assert decision == Decision(outcome=Outcome.TRIGGERED, row=Row.NEW, replaced=(open_too, old))


def test_what_spoke_before_the_next_episode_began_is_stale():
    newest = episode(id=2, started_at=after(100))
    known = (episode(started_at=after(11)), newest)
    assert decided(*known, of=alarm(occurred_at=after(10))) == (Outcome.STALE, Row.SUPERSEDED, newest)
    assert decide(known, alarm(occurred_at=after(11))).row is Row.EARLIER


def test_an_earlier_episode_triggers_beside_the_later_one():
    known = (episode(started_at=after(5)), episode(id=2, started_at=after(100)))
    assert decide(known, alarm()) == Decision(outcome=Outcome.TRIGGERED, row=Row.EARLIER)


def test_without_a_first_occurrence_an_episode_begins_when_it_was_received():
    heard = alarm(started_at=None, occurred_at=after(30), occurred_at_is_guess=True)
    assert decide((recovered(),), heard) == Decision(outcome=Outcome.TRIGGERED, row=Row.NEW)
    same_moment = recovered(started_at=after(30))
    assert decide((same_moment,), heard).episode == same_moment
    assert decide((recovered(started_at=after(31)),), heard).row is Row.SUPERSEDED


# recovered


@pytest.mark.parametrize("phase", [Phase.OPEN, *ENDED])
def test_a_recovery_ends_its_episode_unless_it_ended_so_before(phase):
    known = episode(phase=phase)
    assert decided(known, of=recovery()) == (Outcome.RECOVERED, Row.RECOVERED, known)


def test_a_second_recovery_is_a_duplicate():
    known = recovered()
    assert decided(known, of=recovery()) == (Outcome.DUPLICATE, Row.RECOVERED_BEFORE, known)


def test_a_recovery_of_an_unknown_episode_ends_the_newest_open_one_that_began_no_later():
    first, second, later = episode(), episode(id=2, started_at=after(5)), episode(id=3, started_at=after(16))
    heard = recovery(started_at=after(15))
    assert decided(first, second, later, of=heard) == (Outcome.RECOVERED, Row.RECOVERED_OPEN, second)
    assert decide((episode(),), recovery(started_at=after(-1))).row is Row.UNHEARD


def test_a_recovery_without_a_first_occurrence_ends_the_newest_open_episode_that_began_by_then():
    first, second = episode(), episode(id=2, started_at=after(25))
    heard = recovery(started_at=None)
    assert decided(first, second, of=heard) == (Outcome.RECOVERED, Row.RECOVERED_OPEN, second)
    assert decide((first, replace(second, started_at=after(26))), heard).episode == first


def test_a_recovery_without_a_first_occurrence_is_a_duplicate_where_the_newest_episode_has_recovered():
    known = recovered()
    assert decided(known, of=recovery(started_at=None)) == (Outcome.DUPLICATE, Row.RECOVERED_NEWEST, known)
    closed = episode(id=2, started_at=after(1), phase=Phase.CLOSED)
    assert decide((known, closed), recovery(started_at=None)).row is Row.UNHEARD


@pytest.mark.parametrize("moment", [after(19), after(20)])
def test_a_recovery_of_an_unknown_episode_is_stale_where_one_at_the_time_or_later_is_known(moment):
    known = recovered()
    assert decided(known, of=recovery(started_at=after(5), occurred_at=moment)) == (
        Outcome.STALE,
        Row.RECOVERED_LATER,
        known,
    )


def test_a_later_recovery_of_an_unknown_episode_is_told_as_not_heard_before():
    expected = Decision(outcome=Outcome.RECOVERED, row=Row.UNHEARD, unheard=True)
    assert decide((), recovery()) == expected
    assert decide((), recovery(started_at=None)) == expected
    assert decide((recovered(),), recovery(started_at=after(5), occurred_at=after(20.1))) == expected


@pytest.mark.parametrize("phase", ENDED)
def test_an_unknown_recovery_does_not_end_an_episode_that_is_over(phase):
    assert decide((episode(phase=phase),), recovery(started_at=after(5))).row is Row.UNHEARD


# the rows themselves


def test_each_row_has_words_of_its_own_that_do_not_say_the_outcome_again():
    for row in Row:
        assert not row.endswith(tuple(Outcome))
        assert "episode" not in row
    assert len({str(row) for row in Row}) == len(Row) == 20
