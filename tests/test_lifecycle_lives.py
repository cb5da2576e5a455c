"""Lives of alarms, made from captures by changing session, status, level and times alone."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from bridge import samples
from bridge.alarm import Alarm
from bridge.episode import Known, Phase
from bridge.lifecycle import Decision, Row, advance, decide
from bridge.sources import read
from bridge.store.recording import folded

CAPTURES = ["capture-2020-cvm-disk-triggered", "capture-2021-cvm-memory-triggered", "capture-2021-mysql-cpu-triggered"]
FIRST = datetime(2021, 5, 11, 12, 31, tzinfo=UTC)  # 20:31 in China
LATENCY = 93  # seconds, as captured in 2020
ALL_DAY = 86400


def china(seconds: int) -> str:
    """Write the time some seconds after FIRST as Tencent does."""
    return f"{FIRST + timedelta(hours=8, seconds=seconds):%Y-%m-%d %H:%M:%S}"


@dataclass
class Life:
    """One alarm's callbacks, in the order in which they arrive, and what each was taken for."""

    capture: str
    known: Known = ()
    told: list[str] = field(default_factory=list)
    last: Decision | None = None

    def hears(self, session: str, *, at: int, first: int = 0, heard: int | None = None, **changes: object) -> Decision:
        """Hear a firing callback: `at`, `first` and `heard` (received) are seconds after FIRST."""
        body = {"sessionId": session, "alarmStatus": "1", "firstOccurTime": china(first), "durationTime": at - first}
        return self._judge(body | changes, at + LATENCY if heard is None else heard)

    def recovers(
        self, session: str, *, at: int, first: int = 0, heard: int | None = None, **changes: object
    ) -> Decision:
        body = {"sessionId": session, "alarmStatus": "0", "firstOccurTime": china(first), "durationTime": at - first}
        return self._judge(body | {"recoverTime": china(at)} | changes, at + LATENCY if heard is None else heard)

    def _judge(self, changes: dict[str, object], heard: int) -> Decision:
        body = orjson.loads(samples.body(self.capture)) | changes
        alarm: Alarm | None = read(orjson.dumps(body), FIRST + timedelta(seconds=heard)).alarm
        assert alarm is not None
        decision = decide(self.known, alarm)
        number = len(self.known) + 1
        episode, replaced = advance(decision, alarm, new_id=number, new_number=number, receiving_seconds=heard)
        self.known = folded(self.known, (*replaced, episode))
        self.told.append(decision.outcome.value)
        self.last = decision
        return decision

    @property
    def phases(self) -> list[Phase]:
        return [episode.phase for episode in self.known]


@pytest.fixture(params=CAPTURES)
def life(request) -> Life:
    return Life(capture=request.param)


def test_trigger_resend_daily_repeat_and_a_recovery_with_another_session(life):
    life.hears("a", at=0)
    life.hears("a", at=0, heard=LATENCY + 6)
    life.hears("b", at=ALL_DAY)
    life.recovers("c", at=101_340)
    life.recovers("c", at=101_340, heard=101_500)
    assert life.told == ["triggered", "duplicate", "repeat", "recovered", "duplicate"]
    (episode,) = life.known
    assert (episode.phase, episode.repeat_count) == (Phase.RECOVERED, 1)
    assert episode.started_at == FIRST
    assert episode.recovered_at == FIRST + timedelta(seconds=101_340)


def test_a_late_resend_never_reopens_an_alarm(life):
    life.hears("a", at=0)
    life.recovers("b", at=600)
    life.hears("a", at=0, heard=700)
    life.hears("other template", at=300, heard=701)
    assert life.told == ["triggered", "recovered", "duplicate", "stale"]
    assert life.phases == [Phase.RECOVERED]


def test_a_resend_with_a_body_of_its_own_is_known_by_session_status_duration_and_level(life):
    life.hears("a", at=0)
    decision = life.hears("a", at=0, heard=120, policyDetailURL="https://example.com/r/1")
    assert decision.row is Row.RESENT


def test_the_same_alarm_by_two_templates_at_once_is_told_once(life):
    life.hears("a", at=0)
    life.hears("b", at=0)
    life.hears("c", at=300)
    life.hears("d", at=300)
    assert life.told == ["triggered", "duplicate", "repeat", "duplicate"]


def test_a_recovery_not_heard_of_before_is_told_and_its_late_trigger_is_stale(life):
    decision = life.recovers("b", at=600)
    assert (decision.row, decision.unheard) == (Row.UNHEARD, True)
    life.hears("a", at=0, heard=800)
    life.hears("c", at=9000, first=9000)
    assert life.told == ["recovered", "stale", "triggered"]
    assert life.phases == [Phase.RECOVERED, Phase.OPEN]


def test_a_level_that_rises_escalates_and_one_that_falls_does_not(life):
    for session, at, level in [("s", 0, "Remind"), ("s", 300, "Warn"), ("s", 600, "Serious"), ("s", 900, "Warn")]:
        life.hears(session, at=at, alertId=f"{session}_{level}")
    life.hears("s", at=1200, alertId="s_Serious")
    assert life.told == ["triggered", "escalated", "escalated", "repeat", "escalated"]
    assert life.known[0].severity == "serious"


def test_several_levels_of_one_moment_share_a_session_and_escalate_once_each(life):
    for level in ("Remind", "Serious", "Warn", "Serious"):
        life.hears("s", at=0, alertId=f"s_{level}")
    assert life.told == ["triggered", "escalated", "duplicate", "duplicate"]


def test_a_new_life_replaces_the_one_whose_recovery_never_came(life):
    life.hears("a", at=0)
    decision = life.hears("b", at=7200, first=7200)
    assert [episode.id for episode in decision.replaced] == [1]
    life.recovers("c", at=7800, first=7200)
    assert life.told == ["triggered", "triggered", "recovered"]
    assert life.phases == [Phase.REPLACED, Phase.RECOVERED]


def test_a_replaced_life_that_goes_on_is_open_again_and_its_late_resend_is_not(life):
    life.hears("a", at=0)
    life.hears("b", at=7200, first=7200)
    life.hears("x", at=0, heard=7300)
    life.hears("c", at=7500)
    life.recovers("d", at=7600)
    assert life.told == ["triggered", "triggered", "stale", "repeat", "recovered"]
    assert life.phases == [Phase.RECOVERED, Phase.OPEN]


def test_an_older_life_that_arrives_after_the_next_began_is_stale(life):
    life.hears("b", at=7200, first=7200)
    life.hears("a", at=0, heard=7400)
    life.hears("c", at=7500, first=0)
    assert life.told == ["triggered", "stale", "triggered"]
    assert life.phases == [Phase.OPEN, Phase.OPEN]


def test_an_alarm_that_fires_after_its_recovery_with_the_same_first_occurrence_is_triggered_again(life):
    life.hears("a", at=0)
    life.hears("b", at=300)
    life.recovers("c", at=600)
    decision = life.hears("d", at=900)
    assert decision.again
    life.recovers("e", at=1200)
    assert life.told == ["triggered", "repeat", "recovered", "triggered", "recovered"]
    assert (life.known[0].repeat_count, life.known[0].again) == (0, True)


def test_a_sender_whose_duration_never_moves_repeats_every_5_minutes(life):
    for session, heard in [("a", 0), ("b", 60), ("c", 299), ("d", 300), ("e", 500), ("f", 600)]:
        life.hears(session, at=0, heard=heard)
    assert life.told == ["triggered", "duplicate", "duplicate", "repeat", "duplicate", "repeat"]


def test_an_alarm_without_times_lives_by_the_times_received(life):
    without = {"firstOccurTime": "0", "durationTime": None, "recoverTime": "0"}
    for session, heard in [("a", 0), ("b", 60), ("c", 300), ("d", 599), ("e", 600)]:
        life.hears(session, at=0, heard=heard, **without)
    life.recovers("f", at=0, heard=700, **without)
    life.recovers("g", at=0, heard=710, **without)
    assert life.told == ["triggered", "duplicate", "repeat", "duplicate", "repeat", "recovered", "duplicate"]
    life.hears("h", at=0, heard=800, **without)
    assert life.told[-1] == "triggered"
    assert life.phases == [Phase.RECOVERED, Phase.OPEN]


def test_a_repeat_reopens_an_alarm_that_has_expired(life):
    life.hears("a", at=0, heard=0)
    life.hears("b", at=ALL_DAY, heard=ALL_DAY)
    (episode,) = life.known
    life.known = (replace(episode, phase=Phase.EXPIRED),)
    life.hears("b2", at=ALL_DAY, heard=ALL_DAY + 26 * 3600)
    life.hears("c", at=3 * ALL_DAY)
    assert life.told == ["triggered", "repeat", "stale", "repeat"]
    assert life.phases == [Phase.OPEN]


def test_a_resend_shows_that_an_alarm_lasts(life):
    life.hears("a", at=0, heard=0)
    life.hears("a", at=0, heard=3600)
    assert life.told == ["triggered", "duplicate"]
    assert life.known[0].receiving_seconds == 3600


def test_the_captured_pair_of_repeat_and_recovery_is_one_alarm():
    life = Life(capture="capture-2020-mysql-cpu-recovered")
    life.hears("a", at=0, recoverTime="0")
    life.recovers("b", at=240)
    assert life.told == ["triggered", "recovered"]


def test_an_event_recovers_by_a_callback_of_its_own():
    life = Life(capture="doc-2022-event-triggered-no-policy-id")
    life.hears("a", at=0)
    life.hears("b", at=0, heard=LATENCY + 1)
    life.recovers("c", at=600)
    assert life.told == ["triggered", "duplicate", "recovered"]


def test_an_event_without_a_state_is_told_once_and_is_over():
    life = Life(capture="doc-2022-eventbridge-event")
    life.hears("a", at=0, alarmStatus="-")
    life.hears("b", at=0, alarmStatus="-", heard=LATENCY + 1)
    life.hears("c", at=60, first=60, alarmStatus="-")
    assert life.told == ["triggered", "duplicate", "triggered"]
    assert life.phases == [Phase.CLOSED, Phase.CLOSED]


def test_a_cloud_events_recovery_ends_the_open_one_that_began_before_it():
    life = Life(capture="doc-2022-cloudevents")
    milliseconds = 1_620_736_260_000
    life._judge({"id": "a", "time": milliseconds}, heard=0)
    decision = life._judge({"id": "b", "time": milliseconds + 60_000, "status": "0"}, heard=70)
    assert decision.row is Row.RECOVERED_OPEN
    life._judge({"id": "c", "time": milliseconds + 60_000, "status": "0"}, heard=80)
    assert life.told == ["triggered", "recovered", "stale"]
