"""What commands ask `serve` to do: rows that a command writes from its own process, and waits for.

`serve` alone changes anything else (`carrying`), so that there is one writer of what is known.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Connection, Engine, bindparam, func, insert, literal_column, select

from bridge.clock import milliseconds
from bridge.episode import Phase
from bridge.message import DeliveryState
from bridge.store.engines import engine
from bridge.store.happened import RequestEntry, request_entry
from bridge.store.schema import requests


class What(StrEnum):
    """What can be asked for."""

    REPLAY = "replay"  # a delivery: send it again
    JUDGE = "judge"  # an unrecognised callback: read it again
    CLOSE = "close"  # an open alarm: it is over


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One thing that a person asks for."""

    what: What
    subject: int


IS_UNDONE = requests.c.done_at.is_(literal_column("NULL"))
undone = select(requests).where(IS_UNDONE).order_by(requests.c.id).limit(bindparam("most"))
same_undone = select(requests.c.id).where(
    requests.c.subject == bindparam("subject_"), requests.c.what == bindparam("what_"), IS_UNDONE
)


class Requests:
    """The requests of one store, as a command writes them and looks for their answers."""

    def __init__(self, *, writing: Engine, reading: Engine) -> None:
        self._writing = writing
        self._reading = reading

    def ask(self, wishes: Iterable[Wish], *, who: str, now: datetime) -> list[int]:
        """Write requests; one that waits already for the same thing is taken instead. Give their ids, in order."""
        with self._writing.begin() as connection:
            last = int(connection.execute(select(func.max(requests.c.id))).scalar() or 0)
            given: list[int] = []
            for wish in wishes:
                waiting = connection.execute(same_undone, {"subject_": wish.subject, "what_": wish.what.value}).scalar()
                if waiting is None:
                    last += 1
                    _add(connection, last, wish, who, now)
                given.append(last if waiting is None else int(waiting))
            return given

    def answers(self, ids: Sequence[int]) -> list[RequestEntry]:
        """Read requests; one whose answer is older than the retention is gone."""
        with self._reading.connect() as connection:
            rows = connection.execute(select(requests).where(requests.c.id.between(min(ids), max(ids))))
            return [request_entry(row) for row in rows if row.id in set(ids)]

    def close(self) -> None:
        """Let go of the database."""
        self._writing.dispose()
        self._reading.dispose()


def open_requests(path: Path) -> Requests:
    """Open the store for writing requests."""
    return Requests(writing=engine(path, "IMMEDIATE"), reading=engine(path, "DEFERRED"))


def _add(connection: Connection, id_: int, wish: Wish, who: str, now: datetime) -> None:
    row = {
        "id": id_,
        "what": wish.what.value,
        "subject": wish.subject,
        "who": who,
        "created_at": milliseconds(now),
        "done_at": None,
        "changed": False,
        "answer": "",
        "result": 0,
    }
    connection.execute(insert(requests), row)


def why_not_replay(state: str | None, note: str = "") -> str:
    """Say why a delivery cannot be sent again; empty where it can be."""
    if state is None:
        return "no delivery has this id"
    if state in {DeliveryState.SENT, DeliveryState.DEAD}:
        return ""
    if state in {DeliveryState.WAITING, DeliveryState.BEGUN}:
        return "it is under way already"
    return f"there is nothing to send again: it is {state}{': ' + note if note else ''}"


def why_not_judge(outcome: str | None) -> str:
    """Say why a callback cannot be judged again; empty where it can be."""
    if outcome is None:
        return "no callback has this id"
    return "" if outcome == "unrecognised" else f"it was understood: {outcome}"


def why_not_close(phase: str | None) -> str:
    """Say why an alarm cannot be closed; empty where it can be."""
    if phase is None:
        return "no alarm has this id"
    return "" if phase == Phase.OPEN else f"it is {phase} already"
