"""Every built-in sample in every state that it can be told in."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bridge import samples, sources
from bridge.alarm import BRIDGE, Alarm, ReadingKind, State
from bridge.episode import Event
from bridge.message import Count
from bridge.sources import own
from bridge.trouble import Trouble

NOW = datetime(2026, 1, 1, tzinfo=UTC)  # the samples are older than that
STATES = (State.TRIGGERED, State.REPEAT, State.RECOVERED, State.ESCALATED, State.EXPIRED, State.CLOSED, State.REPLACED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A callback and what happened."""

    sample: str
    body: bytes
    alarm: Alarm | None
    event: Event
    digest: tuple[Count, ...] = ()  # what a digest counts, the sample being the worst
    is_brief: bool = False  # told by an answer to the alarm's own message


def situations() -> Iterator[Situation]:
    """Give each sample in each state, with and without what a state may have; then the bridge's own alarms."""
    for name in samples.names():
        body = samples.body(name)
        reading = sources.read(body, NOW)
        if reading.kind is not ReadingKind.VERIFICATION:
            events = _events(reading.alarm) if reading.alarm else _unrecognised()
            told = [Situation(sample=name, body=body, alarm=reading.alarm, event=event) for event in events]
            yield from told
            yield from (replace(one, is_brief=True) for one in told if one.event.episode_id)
        if reading.alarm:
            yield Situation(
                sample=name, body=body, alarm=reading.alarm, event=_event(State.DIGEST), digest=_counts(reading.alarm)
            )
    yield from _own()


def _own() -> Iterator[Situation]:
    """Give each of the bridge's own alarms as it begins, lasts and is over."""
    for trouble in Trouble:
        for state in (State.TRIGGERED, State.REPEAT, State.RECOVERED):
            said = own.Own(trouble=trouble, about="ops", words="404", since=NOW, at=NOW, is_over=state.ends)
            body = own.body_of(said)
            event = replace(_event(state), kind=BRIDGE, episode_id=1, number=1, started_at=NOW)
            told = Situation(sample=f"the bridge's own {trouble}", body=body, alarm=own.read(body, NOW), event=event)
            yield from (told, replace(told, is_brief=True))


def _counts(alarm: Alarm) -> tuple[Count, ...]:
    """Count many alarms of more policies than are counted by name."""
    most = Count(policy=alarm.policy_name or alarm.subject, state=State.TRIGGERED, alarms=9000)
    others = (Count(policy=f"policy {number}", state=state, alarms=1) for number in range(30) for state in STATES)
    return (most, *others)


def _events(alarm: Alarm) -> Iterator[Event]:
    plain = replace(
        _event(State.TRIGGERED),
        key=alarm.key,
        episode_id=1,
        number=1,
        occurred_at=alarm.occurred_at,
        started_at=alarm.started_at or alarm.occurred_at,
        severity=alarm.severity,
    )
    for state in STATES:
        yield replace(plain, state=state)
    yield replace(plain, again=True, severity="serious")
    yield replace(plain, state=State.REPEAT, repeat_count=3)
    yield replace(plain, state=State.ESCALATED, severity="serious", previous_severity="warn")
    yield replace(plain, state=State.RECOVERED, recovered_at=NOW, repeat_count=3)
    yield replace(plain, state=State.RECOVERED, recovered_at=NOW, started_at=None, unheard=True)
    yield replace(plain, state=State.REPLACED, successor=2)


def _unrecognised() -> Iterator[Event]:
    yield _event(State.UNRECOGNISED)
    yield replace(_event(State.UNRECOGNISED), repeat_count=3)


def _event(state: State) -> Event:
    return Event(
        id=1,
        state=state,
        episode_id=0,
        number=0,
        key="",
        callback_id=1,
        created_at=NOW,
        received_at=NOW,
        occurred_at=NOW,
    )
