"""What a batch of callbacks comes to: pure helpers of the store's verbs."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bridge.alarm import Callback, Reading, ReadingKind
from bridge.clock import milliseconds
from bridge.episode import Episode, Known
from bridge.message import Verdict
from bridge.store import rows
from bridge.store.work import Judgement, Result


def keys_of(callbacks: Iterable[Callback]) -> list[str]:
    """Give the alarm keys of a batch, each once."""
    return list({callback.reading.alarm.key for callback in callbacks if callback.reading.alarm is not None})


def folded(known: Known, changed: Sequence[Episode]) -> Known:
    """Give what is known after some of it changed, oldest first."""
    if not known and len(changed) == 1:
        return (changed[0],)
    by_id = {episode.id: episode for episode in (*known, *changed)}
    return tuple(sorted(by_id.values(), key=lambda episode: episode.started_at))


def unreadable(callback: Callback, error: Exception) -> Callback:
    """Give the callback as one that nobody can read: the store could not take what it says."""
    reading = Reading(
        kind=ReadingKind.UNRECOGNISED,
        session_id="",
        problem=f"the store could not take what it says ({type(error).__name__})",
    )
    return Callback(body=callback.body, received_at=callback.received_at, reading=reading)


def bare(result: Result, error: Exception) -> Result:
    """Give the result without what was said and sent: the store could not take that."""
    said = f"the store could not take the answer ({type(error).__name__})"
    verdict = None if result.verdict is None else Verdict(answer=result.verdict.answer, said=said)
    return replace(result, verdict=verdict, note=said, sent="")


def callback_row(callback_id: int, callback: Callback, judgement: Judgement) -> rows.Row:
    """Give a callback's row: its bytes as they came, and what was made of them."""
    return {
        "id": callback_id,
        "received_at": milliseconds(callback.received_at),
        "body": callback.body,
        "outcome": str(judgement.outcome),
        "reason": rows.clean(str(judgement.reason)),
        "session_id": rows.clean(callback.reading.session_id),
        "episode_id": judgement.episode_id,
    }
