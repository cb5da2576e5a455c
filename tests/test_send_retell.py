"""Callbacks told anew: present times, sessions of their own, other states."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import samples, sources
from bridge.alarm import ROUTED, State
from bridge.sending.retell import (
    Latest,
    begin,
    go_on,
    is_alarm,
    life_of,
    read_body,
    shift_template,
    write_body,
)

NOW = datetime(2026, 3, 1, 18, 30, 15, 900_000, tzinfo=UTC)  # 02:30:15 of the next day in UTC+8
TODAY = "2026-03-02"
ALARMS = [name for name in samples.names() if not name.startswith(("template", "verification"))]
TENCENT = [name for name in ALARMS if "cloudevents" not in name]


def body_of(name):
    return json.loads(samples.body(name))


def begun(name, *, now=NOW, latest=None, state=None):
    return begin(body_of(name), now=now, session="S1", latest=latest or Latest(), state=state)


def alarm(body, now=NOW):
    return sources.read(write_body(body), now).alarm


def test_a_sample_begins_now_on_the_wall_clock_of_china_with_a_session_of_its_own():
    old = body_of("capture-2021-cvm-memory-triggered")
    assert begun("capture-2021-cvm-memory-triggered") == old | {
        "sessionId": "S1",
        "firstOccurTime": f"{TODAY} 02:30:15",
    }


def test_a_sample_that_had_lasted_for_a_while_begins_anew_so_that_no_time_lies_ahead():
    assert begun("doc-2019-metric-triggered")["durationTime"] == 0
    assert begun("doc-2019-metric-triggered")["firstOccurTime"] == f"{TODAY} 02:30:15"


def test_times_inside_the_policy_stay_there():
    old = body_of("doc-2017-metric-triggered")
    times = {"firstOccurTime": f"{TODAY} 02:30:15", "durationTime": 0}
    assert begun("doc-2017-metric-triggered") == old | {
        "sessionId": "S1",
        "alarmPolicyInfo": old["alarmPolicyInfo"] | times,
    }


def test_a_firing_sample_with_a_recovery_time_keeps_it_as_far_from_its_beginning():
    new = begun("doc-2023-metric-triggered-with-a-recover-time")
    assert (new["firstOccurTime"], new["recoverTime"]) == (f"{TODAY} 02:30:15", f"{TODAY} 03:20:15")
    assert new["alarmStatus"] == "1"


def test_a_recovered_sample_ends_now_and_lasted_as_long_as_it_did():
    new = begun("capture-2020-mysql-cpu-recovered")
    assert (new["firstOccurTime"], new["recoverTime"], new["durationTime"]) == (
        f"{TODAY} 02:26:15",
        f"{TODAY} 02:30:15",
        240,
    )


def test_a_recovery_that_does_not_say_when_still_does_not():
    new = begun("capture-2021-cvm-cpuload-recovered-no-recover-time")
    assert (new["firstOccurTime"], new["recoverTime"], new["alarmStatus"]) == (f"{TODAY} 02:30:15", "0", "0")


def test_a_cloudevent_gets_milliseconds_and_an_id_of_its_own():
    old = body_of("doc-2022-cloudevents")
    assert begun("doc-2022-cloudevents") == old | {"id": "S1", "time": 1772389815000}


@pytest.mark.parametrize("name", ALARMS)
def test_each_sample_stays_the_same_alarm_in_every_state(name):
    key = alarm(body_of(name)).key
    first = begun(name)
    told = [first, *(begun(name, state=state) for state in ROUTED)]
    told += [go_on(first, now=NOW, session="S2", state=state) for state in ROUTED if state != "triggered"]
    assert {alarm(body).key for body in told} == {key}


@pytest.mark.parametrize("name", ALARMS)
def test_each_sample_sent_twice_within_a_second_makes_two_episodes(name):
    latest = Latest().and_then(life_of(begun(name)))
    first, second = begun(name), begun(name, latest=latest)
    assert alarm(second).started_at == alarm(first).started_at + timedelta(seconds=1)
    assert alarm(second).occurred_at >= alarm(first).occurred_at


@pytest.mark.parametrize("name", TENCENT)
def test_a_repeat_is_300_seconds_on(name):
    first = begun(name, state=State.TRIGGERED)
    repeat = go_on(first, now=NOW, session="S2", state=State.REPEAT)
    assert alarm(repeat).started_at == alarm(first).started_at
    assert alarm(repeat).duration_seconds == 300
    assert alarm(go_on(repeat, now=NOW, session="S3", state=State.REPEAT)).duration_seconds == 600
    assert (alarm(repeat).session_id, alarm(repeat).status) == ("S2", "firing")


@pytest.mark.parametrize("name", ALARMS)
def test_a_recovery_ends_the_episode_now(name):
    first = begun(name, state=State.TRIGGERED)
    ended = alarm(go_on(first, now=NOW + timedelta(seconds=90), session="S2", state=State.RECOVERED))
    assert ended.status == "recovered"
    assert ended.occurred_at == NOW.replace(microsecond=0) + timedelta(seconds=90)
    if name in TENCENT:
        assert (ended.recovered_at, ended.duration_seconds) == (ended.occurred_at, 90)


def test_a_recovery_comes_a_minute_after_a_repeat_that_is_still_to_come():
    repeat = go_on(begun("doc-2019-metric-triggered"), now=NOW, session="S2", state=State.REPEAT)
    ended = go_on(repeat, now=NOW, session="S3", state=State.RECOVERED)
    assert (ended["recoverTime"], ended["durationTime"], ended["alarmStatus"]) == (f"{TODAY} 02:36:15", 360, 0)


def test_types_stay_as_they_were():
    body = body_of("capture-2021-cvm-memory-triggered") | {"durationTime": "0"}
    first = begin(body, now=NOW, session="S1", latest=Latest())
    assert go_on(first, now=NOW, session="S2", state=State.REPEAT)["durationTime"] == "300"
    assert go_on(first, now=NOW, session="S2", state=State.RECOVERED)["alarmStatus"] == "0"


def test_an_escalation_raises_the_level_in_the_field_and_in_the_alert_id():
    body = body_of("capture-2021-cvm-memory-triggered") | {"alertId": "old_Remind", "alarmLevel": "Remind"}
    first = begin(body, now=NOW, session="S1", latest=Latest())
    assert (first["alertId"], first["alarmLevel"]) == ("S1_Remind", "Remind")
    risen = go_on(first, now=NOW, session="S2", state=State.ESCALATED)
    assert (risen["alertId"], risen["alarmLevel"], risen["durationTime"]) == ("S2_Serious", "Serious", 300)


@pytest.mark.parametrize("name", ALARMS)
def test_every_sample_can_escalate(name):
    first = begun(name, state=State.TRIGGERED)
    assert alarm(go_on(first, now=NOW, session="S2", state=State.ESCALATED)).severity == "serious"


def test_an_alert_id_without_a_level_is_the_session():
    body = body_of("capture-2021-cvm-memory-triggered") | {"alertId": "old"}
    assert begin(body, now=NOW, session="S1", latest=Latest())["alertId"] == "S1"


def test_a_recovered_sample_can_be_told_as_triggered():
    new = begun("capture-2020-mysql-cpu-recovered", state=State.TRIGGERED)
    assert (new["alarmStatus"], new["recoverTime"], new["durationTime"]) == ("1", "0", 0)


def test_a_recovery_of_what_was_never_sent_lasted_for_one_notification():
    new = begun("doc-2019-metric-triggered", state=State.RECOVERED)
    assert new["durationTime"] == 500
    new = begun("capture-2021-cvm-memory-triggered", state=State.RECOVERED)
    assert (new["alarmStatus"], new["firstOccurTime"], new["recoverTime"], new["durationTime"]) == (
        "0",
        f"{TODAY} 02:25:15",
        f"{TODAY} 02:30:15",
        300,
    )


def test_a_template_body_moves_to_the_present_and_keeps_its_distances():
    old = body_of("template-body-recovered")
    assert shift_template(old, now=NOW) == old | {
        "first_trigger_time": f"{TODAY} 01:53:15",
        "trigger_time": f"{TODAY} 02:29:15",
        "recovery_time": f"{TODAY} 02:30:15",
    }


def test_a_body_without_times_stays():
    assert shift_template({"msg": "verify"}, now=NOW) == {"msg": "verify"}


def test_a_body_is_written_as_one_line_of_utf_8_unless_it_cannot_be():
    assert write_body({"a": "磁盘"}) == '{"a": "磁盘"}'.encode()
    assert write_body({"a": "\ud800"}) == b'{"a": "\\ud800"}'


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_none(body):
    assert read_body(body) is None


WORDS = (
    st.none() | st.integers() | st.text(max_size=8) | st.sampled_from(["9999-12-31 23:59:59", "0001-01-01 00:00:00"])
)
KEYS = ["alarmStatus", "firstOccurTime", "durationTime", "recoverTime", "alertId", "time", "status", "alarmLevel"]
BODIES = st.builds(
    lambda top, nested, kind: {**top, **kind, "alarmPolicyInfo": nested},
    st.dictionaries(st.sampled_from(KEYS), WORDS),
    st.none() | st.just([]) | st.dictionaries(st.sampled_from(KEYS), WORDS),
    st.sampled_from([{}, {"specversion": "1.0"}]),
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(body=BODIES, state=st.sampled_from([None, *ROUTED]))
def test_whatever_a_file_holds_can_be_told_in_every_state(body, state):
    first = begin(body, now=NOW, session="S1", latest=Latest().and_then(life_of(body)), state=state)
    told = go_on(first, now=NOW, session="S2", state=state) if state else first
    assert is_alarm(told)
    assert json.loads(write_body(told)) == told
