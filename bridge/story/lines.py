"""A life as lines to be read from top to bottom: times at the left, what follows from what is indented."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from bridge.episode import Phase
from bridge.rendering.words import duration_words
from bridge.store.entries import AlarmEntry, CallbackEntry
from bridge.store.happened import AttemptEntry, Carried, Life, RequestEntry, ToldEvent
from bridge.story.hearing import Routed
from bridge.story.names import Names
from bridge.story.next import Now, next_of_alarm, next_of_delivery

CAUSES = {"timer": "by the clock", "request": "a command asked for it"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What the story is told with."""

    now: Now
    time: Callable[[datetime], str]
    zone: str  # of these times
    routed: Callable[[CallbackEntry], Routed | None]
    named: Callable[[AlarmEntry], Names]


@dataclass(frozen=True, slots=True)
class Line:
    """One line: when, how deep, and what."""

    at: datetime | None
    depth: int
    text: str


def lines(life: Life, words: Words) -> Iterator[Line]:
    """Tell a life."""
    if life.alarm is not None:
        yield from _head(life.alarm, words)
    yield from _story(life, words)
    yield from _next(life)


def _head(alarm: AlarmEntry, words: Words) -> Iterator[Line]:
    names = words.named(alarm)
    about = " · ".join(filter(None, (names.subject, names.object, alarm.policy_name or alarm.policy_id)))
    yield Line(None, 0, f"{alarm.alarm}  {about}")
    end = words.now.at if alarm.phase is Phase.OPEN else alarm.recovered_at
    lasted = f", {duration_words(end - alarm.started_at, 'en')}" if end else ""
    severity = f", {alarm.severity}" if alarm.severity else ""
    repeats = (
        f", repeated {alarm.repeat_count} time{'' if alarm.repeat_count == 1 else 's'}" if alarm.repeat_count else ""
    )
    yield Line(
        None, 0, f"{alarm.phase}, began {words.time(alarm.started_at)} ({words.zone}){lasted}{severity}{repeats}"
    )


def _story(life: Life, words: Words) -> Iterator[Line]:
    """Tell callbacks, each with what followed; then what followed from no callback; all in the order of time."""
    told = {one.event.id: one for one in life.told}
    parts: list[tuple[datetime, int, list[Line]]] = []
    shown: Routed | None = None
    for callback in life.callbacks:
        mine = [one for one in told.values() if _is_of(one, callback)]
        answer = words.routed(callback)
        parts.append((callback.received_at, callback.id, list(_callback(callback, answer, anew=answer != shown))))
        shown = answer or shown
        for one in mine:
            parts[-1][2].extend(_event(told.pop(one.event.id), words, alone=False))
    parts += [(one.event.created_at, one.event.id, list(_event(one, words, alone=True))) for one in told.values()]
    parts += [(one.created_at, 0, list(_request(one, words, 0))) for one in life.requests]
    for _, _, part in sorted(parts, key=lambda each: each[:2]):
        yield from part


def _is_of(told: ToldEvent, callback: CallbackEntry) -> bool:
    """Say whether an event is what the callback told; an ending that another one caused names it, too."""
    if callback.outcome == "unrecognised":
        return True
    return told.event.callback_id == callback.id and told.event.state == callback.outcome


def _callback(callback: CallbackEntry, answer: Routed | None, *, anew: bool) -> Iterator[Line]:
    session = f", session {callback.session_id}" if callback.session_id else ""
    yield Line(callback.received_at, 0, f"came in (callback {callback.id}{session})")
    yield Line(None, 1, f"{callback.outcome}: {callback.reason}")
    if answer is None:
        return
    if answer.answers:
        yield from _routes(answer, anew=anew)
    if answer.left_out and anew:
        told = ", ".join(answer.channels) or "nobody"
        yield Line(None, 1, f"{answer.left_out} is left out, since that is what it is about; told instead: {told}")


def _routes(answer: Routed, *, anew: bool) -> Iterator[Line]:
    yield Line(None, 1, "routes, as the config is today:" if anew else "routes, as the config is today: as above")
    width = max(len(one.name) for one in answer.answers)
    for one in answer.answers if anew else ():
        yield Line(None, 2, f"{'yes' if one.matched else 'no ':3}  {one.name:<{width}}  {one.why}")
    if anew and not any(one.matched for one in answer.answers):
        named = ", ".join(filter(None, (answer.left_out, *answer.channels))) or "which are none"
        yield Line(None, 2, f"none matches: default_channels, {named}")


def _event(told: ToldEvent, words: Words, *, alone: bool) -> Iterator[Line]:
    event = told.event
    if alone:
        why = CAUSES.get(event.cause, "")
        follows = f"by {event.successor}, which began later" if event.successor else why
        yield Line(event.created_at, 0, f"{event.state}{': ' + follows if follows else ''}")
    if not told.deliveries:
        yield Line(None, 1, "nobody is told of it")
    for carried in told.deliveries:
        yield from _delivery(carried, words)


def _delivery(carried: Carried, words: Words) -> Iterator[Line]:
    delivery = carried.delivery
    by = f"by route {delivery.route}, " if delivery.route else "by default_channels, "
    by = "" if delivery.told == "digest" else by  # its alarms may have come by different routes
    note = f": {delivery.note}" if delivery.note else ""
    yield Line(
        None, 1, f"{delivery.channel}: {delivery.step} of {delivery.told}, {by}delivery {delivery.id}: "
        f"{delivery.state}{note}"
    )  # fmt: skip
    happened = [(one.made_at, list(_attempt(one))) for one in carried.attempts]
    happened += [(one.created_at, list(_request(one, words, 2))) for one in carried.requests]
    for _, part in sorted(happened, key=lambda each: each[0]):
        yield from part
    if follows := next_of_delivery(carried, words.now):
        yield Line(None, 2, f"next: {follows}")
    for one in carried.digest:
        yield from _delivery(one, words)


def _attempt(attempt: AttemptEntry) -> Iterator[Line]:
    yield Line(attempt.made_at, 2, f"attempt: {attempt.answer}, the answer was: {attempt.said}")


def _request(request: RequestEntry, words: Words, depth: int) -> Iterator[Line]:
    done = (
        f"{words.time(request.done_at)}: {request.answer}" if request.done_at else "it waits for a bridge that serves"
    )
    yield Line(request.created_at, depth, f"{request.who} asked to {request.what} it; {done}")


def _next(life: Life) -> Iterator[Line]:
    follows = next_of_alarm(life.alarm, life.silent_seconds) if life.alarm else ""
    if follows:
        yield Line(None, 0, f"next: {follows}")
