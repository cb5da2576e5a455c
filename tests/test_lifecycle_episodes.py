"""What becomes of an episode after each decision."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.alarm import Alarm, Status
from bridge.episode import Episode, Given, Heard, Phase
from bridge.lifecycle import Decision, Outcome, Row, advance

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HEARD = Heard(fingerprint="known", received_at=START + 11 * MINUTE)
KNOWN = Episode(
    id=1,
    number=2,
    key="key",
    phase=Phase.OPEN,
    started_at=START,
    heard_at=START + 10 * MINUTE,
    counted_at=START + 11 * MINUTE,
    alert_id="first",
    severity="warn",
    repeat_count=3,
    heard=(HEARD,),
    given={"ops": Given(channel="ops")},
    callback_id=9,
    receiving_seconds=100,
)
FIRING = Alarm(
    status=Status.FIRING,
    key="key",
    started_at=START,
    occurred_at=START + 15 * MINUTE,
    received_at=START + 16 * MINUTE,
    alert_id="second",
    severity="serious",
    fingerprints=("delivery", "body"),
    kind="event",
)
RECOVERY = replace(FIRING, status=Status.RECOVERED)
NEWLY_HEARD = tuple(Heard(fingerprint=each, received_at=FIRING.received_at) for each in FIRING.fingerprints)


def became(outcome: Outcome, known: Episode | None, alarm: Alarm, **decision: Any) -> Episode:
    """Give the episode after a decision; which row said so does not matter."""
    judged = Decision(outcome=outcome, row=Row.NEW, episode=known, **decision)
    return advance(judged, alarm, new_id=7, new_number=8, receiving_seconds=500)[0]


def test_a_trigger_begins_an_open_episode():
    assert became(Outcome.TRIGGERED, None, FIRING) == Episode(
        id=7,
        number=8,
        key="key",
        phase=Phase.OPEN,
        started_at=START,
        heard_at=START + 15 * MINUTE,
        counted_at=START + 16 * MINUTE,
        alert_id="second",
        severity="serious",
        kind="event",
        heard=NEWLY_HEARD,
        receiving_seconds=500,
    )


def test_a_trigger_without_a_first_occurrence_begins_when_it_was_received():
    alarm = replace(FIRING, started_at=None, occurred_at_is_guess=True)
    begun = became(Outcome.TRIGGERED, None, alarm)
    assert (begun.started_at, begun.heard_at, begun.heard_at_is_guess) == (alarm.received_at, alarm.occurred_at, True)


def test_a_trigger_without_a_state_is_closed_at_once():
    assert became(Outcome.TRIGGERED, None, replace(FIRING, status=Status.STATELESS)).phase is Phase.CLOSED


def test_a_recovery_not_heard_before_begins_a_recovered_episode():
    begun = became(Outcome.RECOVERED, None, RECOVERY, unheard=True)
    assert (begun.phase, begun.started_at, begun.recovered_at) == (Phase.RECOVERED, START, RECOVERY.occurred_at)
    undated = became(Outcome.RECOVERED, None, replace(RECOVERY, started_at=None), unheard=True)
    assert undated.started_at == undated.recovered_at == RECOVERY.occurred_at


def test_a_repeat_counts_and_moves_what_was_last_heard():
    assert became(Outcome.REPEAT, KNOWN, FIRING) == replace(
        KNOWN,
        heard_at=START + 15 * MINUTE,
        counted_at=START + 16 * MINUTE,
        alert_id="second",
        severity="serious",
        repeat_count=4,
        heard=(HEARD, *NEWLY_HEARD),
        receiving_seconds=500,
    )


def test_an_escalation_moves_what_was_last_heard_and_is_no_repeat():
    assert became(Outcome.ESCALATED, KNOWN, FIRING) == replace(became(Outcome.REPEAT, KNOWN, FIRING), repeat_count=3)


def test_what_was_last_heard_never_moves_back():
    early = replace(FIRING, occurred_at=START + 5 * MINUTE, occurred_at_is_guess=True)
    after = became(Outcome.ESCALATED, KNOWN, early)
    assert (after.heard_at, after.heard_at_is_guess) == (KNOWN.heard_at, False)


def test_a_repeat_of_the_same_moment_leaves_what_was_last_heard_as_it_was():
    same = replace(FIRING, occurred_at=KNOWN.heard_at, occurred_at_is_guess=True)
    after = became(Outcome.REPEAT, KNOWN, same)
    assert (after.heard_at, after.heard_at_is_guess) == (KNOWN.heard_at, False)


@pytest.mark.parametrize("guess", [False, True])
def test_whether_the_moment_last_heard_is_a_guess_goes_with_it(guess):
    known = replace(KNOWN, heard_at_is_guess=not guess)
    assert became(Outcome.REPEAT, known, replace(FIRING, occurred_at_is_guess=guess)).heard_at_is_guess is guess


@pytest.mark.parametrize("phase", [Phase.REPLACED, Phase.EXPIRED, Phase.CLOSED])
def test_a_repeat_reopens_an_ended_episode(phase):
    after = became(Outcome.REPEAT, replace(KNOWN, phase=phase), FIRING)
    assert (after.phase, after.repeat_count, after.again) == (Phase.OPEN, 4, False)


def test_an_episode_triggered_again_starts_counting_anew():
    known = replace(KNOWN, phase=Phase.RECOVERED, recovered_at=START + 12 * MINUTE)
    assert became(Outcome.TRIGGERED, known, FIRING, again=True) == replace(
        became(Outcome.REPEAT, KNOWN, FIRING), repeat_count=0, again=True
    )


def test_a_recovery_ends_the_episode_and_leaves_the_rest_as_it_was():
    assert became(Outcome.RECOVERED, KNOWN, RECOVERY) == replace(
        KNOWN, phase=Phase.RECOVERED, recovered_at=RECOVERY.occurred_at, heard=(HEARD, *NEWLY_HEARD)
    )


@pytest.mark.parametrize("guess", [False, True])
def test_of_a_recovered_episode_the_guess_is_the_moment_of_its_recovery(guess):
    known = replace(KNOWN, heard_at_is_guess=not guess)
    after = became(Outcome.RECOVERED, known, replace(RECOVERY, occurred_at_is_guess=guess))
    assert after.heard_at_is_guess is guess


def test_a_duplicate_leaves_its_fingerprints_and_shows_that_the_alarm_lasts():
    expected = replace(KNOWN, heard=(HEARD, *NEWLY_HEARD), receiving_seconds=500)
    assert became(Outcome.DUPLICATE, KNOWN, FIRING) == expected


@pytest.mark.parametrize(
    ("outcome", "alarm"),
    [(Outcome.STALE, FIRING), (Outcome.STALE, RECOVERY), (Outcome.DUPLICATE, RECOVERY)],
)
def test_what_is_stale_or_a_second_recovery_leaves_its_fingerprints_alone(outcome, alarm):
    assert became(outcome, KNOWN, alarm) == replace(KNOWN, heard=(HEARD, *NEWLY_HEARD))


def test_a_resend_keeps_the_time_at_which_the_delivery_was_first_heard():
    known = replace(KNOWN, heard=NEWLY_HEARD)
    later = replace(FIRING, received_at=FIRING.received_at + MINUTE)
    assert became(Outcome.DUPLICATE, known, later).heard == NEWLY_HEARD


def test_what_was_heard_a_day_ago_is_forgotten():
    late = replace(FIRING, received_at=HEARD.received_at + timedelta(days=1))
    assert [each.fingerprint for each in became(Outcome.REPEAT, KNOWN, late).heard] == ["delivery", "body"]
    just_before = replace(late, received_at=late.received_at - timedelta(microseconds=1))
    assert [each.fingerprint for each in became(Outcome.REPEAT, KNOWN, just_before).heard] == [
        "known",
        "delivery",
        "body",
    ]


def test_an_alarm_that_never_stops_talking_keeps_the_latest_600_fingerprints():
    known = KNOWN
    for number in range(700):
        known = became(Outcome.DUPLICATE, known, replace(FIRING, fingerprints=(str(number),)))
    assert len(known.heard) == 600
    assert (known.heard[0].fingerprint, known.heard[-1].fingerprint) == ("100", "699")


@pytest.mark.parametrize("known", [None, KNOWN])
def test_an_episode_of_which_people_are_told_keeps_the_channels_that_have_it_and_the_callback_that_says_so(known):
    decision = Decision(outcome=Outcome.REPEAT if known else Outcome.TRIGGERED, row=Row.NEW, episode=known)
    given = {"dba": Given(channel="dba")}
    after, _ = advance(decision, FIRING, new_id=7, new_number=8, receiving_seconds=500, callback_id=11, given=given)
    assert (after.callback_id, after.given) == (11, given)


def test_an_episode_of_which_nobody_is_told_stays_with_whom_it_was_given_to():
    after = became(Outcome.DUPLICATE, KNOWN, FIRING)
    assert (after.callback_id, after.given) == (9, KNOWN.given)


def test_replaced_episodes_change_their_phase_alone():
    decision = Decision(outcome=Outcome.TRIGGERED, row=Row.NEW, replaced=(KNOWN,))
    begun, replaced = advance(decision, FIRING, new_id=7, new_number=8, receiving_seconds=500)
    assert begun.id == 7
    assert replaced == (replace(KNOWN, phase=Phase.REPLACED),)
