"""What travels between the bridge and its edge arrives as it was sent."""

import marshal
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest

from bridge import samples, sources
from bridge.alarm import Alarm, State
from bridge.clock import moment
from bridge.edge.packing import (
    pack_delivery,
    pack_reading,
    pack_verdict,
    unpack_event,
    unpack_reading,
    unpack_verdict,
)
from bridge.edge.wire import VERSION
from bridge.episode import Cause, Event
from bridge.message import Answer, Delivery, Step, Verdict

NOW = datetime(2026, 11, 27, 8, 0, 0, 123000, tzinfo=UTC)
FOR_MESSAGES = {"raw", "operator", "threshold", "value", "unit", "period", "duration_seconds", "details", "url"}
ODD = [
    b"",
    b"{}",
    b"no JSON",
    b'{"alarmObjInfo": {"dimensions": {"a": NaN, "b": 1e400, "c": 99999999999999999999, "d": "\\ud800"}}}',
    b'{"alarmObjInfo": {"dimensions": {"a": {"b": [1, 2.5, null, true, "\\u0000"]}}}, "sessionId": 7}',
    b'{"alarmPolicyInfo": {"policyName": "\xff"}, "alarmStatus": "-"}',
]


def travelled(value):
    return marshal.loads(marshal.dumps(value, VERSION))


@pytest.mark.parametrize("body", [*map(samples.body, samples.names()), *ODD])
def test_a_reading_arrives_but_for_what_only_its_message_says(body):
    reading = sources.read(body, NOW)
    arrived = unpack_reading(*travelled(pack_reading(reading)))
    assert replace(arrived, alarm=None) == replace(reading, alarm=None)
    assert (arrived.alarm is None) == (reading.alarm is None)
    if reading.alarm is not None:
        for name in {field.name for field in fields(Alarm)} - FOR_MESSAGES:
            assert getattr(arrived.alarm, name) == getattr(reading.alarm, name), name


def test_what_only_a_message_says_is_there_and_empty():
    reading = sources.read(samples.body("capture-2021-cvm-memory-triggered"), NOW)
    arrived = unpack_reading(*travelled(pack_reading(reading)))
    said = {name: getattr(arrived.alarm, name) for name in FOR_MESSAGES}
    assert said == {
        **dict.fromkeys(("operator", "threshold", "value", "unit", "url"), ""),
        **dict.fromkeys(("raw", "period", "duration_seconds")),
        "details": {},
    }


@pytest.mark.parametrize("state", State)
def test_an_event_arrives_but_for_what_made_it(state):
    event = Event(
        id=2**62,
        state=state,
        episode_id=2**61,
        number=7,
        key="k" * 32,
        kind="metric",
        callback_id=2**60,
        created_at=NOW,
        received_at=NOW - timedelta(milliseconds=1),
        occurred_at=NOW - timedelta(days=9000),
        started_at=NOW - timedelta(days=300_000),
        recovered_at=None,
        repeat_count=3,
        severity="warn",
        previous_severity="remind",
        again=True,
        unheard=True,
        successor=8,
        cause=Cause.TIMER,
    )
    delivery = Delivery(
        id=2**62 + 1, channel="desk", step=Step.POST, event=event, due_at=NOW, route="a/1",
        instead_of="ops: gone", together=True, follows="200 gone",
    )  # fmt: skip
    written, *rest = travelled(pack_delivery(delivery))
    assert unpack_event(*written) == replace(event, cause=Cause.CALLBACK)
    assert rest == [2**62 + 1, "a/1", "ops: gone", True, "200 gone"]


@pytest.mark.parametrize("answer", Answer)
def test_a_verdict_arrives(answer):
    verdict = Verdict(
        answer=answer, said="503 Süß", after_seconds=1.5, status=503, plain_helps=True, breaks_after=3, tries=2,
        calls=2, throttled=True, without="a button",
    )  # fmt: skip
    assert unpack_verdict(*travelled(pack_verdict(verdict))) == verdict


@pytest.mark.parametrize("kept", [0, 1, 999, 2**42 - 1, 2**42, 2**42 + 1, -1, -62135596800000, 253402300799999])
def test_a_moment_is_the_same_however_far_away(kept):
    assert moment(kept) == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=kept)
