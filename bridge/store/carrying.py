"""Carrying out what commands ask for, inside the writer's transaction.

Each request is carried out by itself: one that fails is answered with why, and changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, bindparam, insert, select, update

from bridge import sources
from bridge.alarm import Callback
from bridge.clock import milliseconds, moment
from bridge.store import rows, statements
from bridge.store.failures import raise_if_unavailable
from bridge.store.happened import RequestEntry, request_entry
from bridge.store.jobs import Job, Jobs
from bridge.store.requests import What, undone, why_not_close, why_not_judge, why_not_replay
from bridge.store.schema import callbacks, deliveries, episodes, requests
from bridge.store.work import Done, Judge, Judgement

MOST = 100  # requests in one transaction

log = structlog.get_logger()
answer = (
    update(requests)
    .where(requests.c.id == bindparam("id_"))
    .values({name: bindparam(f"{name}_") for name in ("done_at", "changed", "answer", "result")})
)
put_back = (
    update(deliveries)
    .where(deliveries.c.id == bindparam("id_"))
    .values({name: bindparam(f"{name}_") for name in ("state", "attempts", "plain", "due_at", "note", "replayed_at")})
)
read_anew = (
    update(callbacks)
    .where(callbacks.c.id == bindparam("id_"))
    .values({name: bindparam(f"{name}_") for name in ("outcome", "reason", "session_id", "episode_id")})
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOutcome:
    """What one request came to."""

    changed: bool
    answer: str
    result: int = 0  # the id of what it made
    judgements: Sequence[Judgement] = ()
    returned: frozenset[str] = field(default=frozenset())


def carry_out(store: Jobs, judge: Judge, now: datetime) -> Job:
    """Make the job that carries out what waits."""

    def job(connection: Connection) -> Done:
        waiting = [request_entry(row) for row in connection.execute(undone, {"most": MOST})]
        outcomes = [_carried(store, judge, connection, request, now) for request in waiting]
        return Done(
            judgements=[judgement for one in outcomes for judgement in one.judgements],
            returned=frozenset().union(*(one.returned for one in outcomes)),
            count=len(outcomes),
        )

    return job


def _carried(store: Jobs, judge: Judge, connection: Connection, request: RequestEntry, now: datetime) -> RequestOutcome:
    """Carry one out and write its answer."""
    point = connection.begin_nested()
    try:
        outcome = _do(store, judge, connection, request, now)
        point.commit()
    except Exception as error:
        point.rollback()
        raise_if_unavailable(error)
        log.exception("a request failed", request=request.id, what=request.what)
        outcome = RequestOutcome(changed=False, answer=f"the bridge failed: {type(error).__name__}")
    log.info("request", what=request.what, subject=request.subject, who=request.who, answer=outcome.answer)
    values = {
        "id_": request.id,
        "done_at_": milliseconds(now),
        "changed_": outcome.changed,
        "answer_": rows.clean(outcome.answer),
        "result_": outcome.result,
    }
    connection.execute(answer, values)
    return outcome


def _do(store: Jobs, judge: Judge, connection: Connection, request: RequestEntry, now: datetime) -> RequestOutcome:
    if request.what == What.REPLAY:
        return _replay(store, connection, request, now)
    if request.what == What.JUDGE:
        return _judge(store, judge, connection, request)
    if request.what == What.CLOSE:
        return _close(store, judge, connection, request)
    return RequestOutcome(changed=False, answer=f"this bridge does not know how to {request.what}")


def _replay(store: Jobs, connection: Connection, request: RequestEntry, now: datetime) -> RequestOutcome:
    """Put a dead letter back as it was; send what was sent anew, under an id of its own."""
    row = _row(connection, deliveries, request.subject)
    if why_not := why_not_replay(row and row.state, row.note if row else ""):
        return RequestOutcome(changed=False, answer=why_not)
    waiting = {
        "state": "waiting",
        "attempts": 0,
        "plain": False,
        "due_at": milliseconds(now),
        "note": f"{request.who} asked for it",
        "replayed_at": milliseconds(now),
    }
    returned = frozenset({row.channel})
    if row.state == "dead":
        connection.execute(put_back, {"id_": row.id} | {f"{name}_": value for name, value in waiting.items()})
        return RequestOutcome(changed=True, answer=f"put back into the queue of {row.channel}", returned=returned)
    fresh = store.ids.next()
    connection.execute(insert(deliveries), {**row._mapping, **waiting, "id": fresh})  # noqa: SLF001 - its public name
    words = f"sent again to {row.channel} as delivery {fresh}"
    return RequestOutcome(changed=True, answer=words, result=fresh, returned=returned)


def _judge(store: Jobs, judge: Judge, connection: Connection, request: RequestEntry) -> RequestOutcome:
    """Read a body again that nobody could, and let it take the path of every other."""
    row = _row(connection, callbacks, request.subject)
    if why_not := why_not_judge(row and row.outcome):
        return RequestOutcome(changed=False, answer=why_not)
    received_at = moment(row.received_at)
    reading = sources.read(row.body, received_at)
    if reading.alarm is None:
        return RequestOutcome(changed=False, answer=f"this bridge cannot read it either: {reading.problem}")
    callback = Callback(body=row.body, received_at=received_at, reading=reading)
    found = connection.execute(statements.known_episodes, {"keys": [reading.alarm.key]})
    judgement = judge.alarm(tuple(rows.episode_of(one) for one in found), callback, row.id, store.ids)
    store.write_judgements(connection, [judgement])
    values = {
        "id_": row.id,
        "outcome_": judgement.outcome,
        "reason_": rows.clean(f"{judgement.reason}; read again, as {request.who} asked"),
        "session_id_": rows.clean(reading.session_id),
        "episode_id_": judgement.episode_id,
    }
    connection.execute(read_anew, values)
    words = f"{judgement.outcome}; {_told(judgement)}"
    return RequestOutcome(changed=True, answer=words, result=_event(judgement), judgements=[judgement])


def _close(store: Jobs, judge: Judge, connection: Connection, request: RequestEntry) -> RequestOutcome:
    row = _row(connection, episodes, request.subject)
    if why_not := why_not_close(row and row.phase):
        return RequestOutcome(changed=False, answer=why_not)
    judgement = judge.closed(rows.episode_of(row), store.ids)
    store.write_judgements(connection, [judgement])
    words = f"closed; {_told(judgement)}"
    return RequestOutcome(changed=True, answer=words, result=_event(judgement), judgements=[judgement])


def _row(connection: Connection, table: Any, id_: int) -> Any:
    return connection.execute(select(table).where(table.c.id == id_)).first()


def _event(judgement: Judgement) -> int:
    return judgement.events[-1].id if judgement.events else 0


def _told(judgement: Judgement) -> str:
    channels = list(dict.fromkeys(one.channel for one in judgement.deliveries))
    if channels:
        return f"{', '.join(channels)} {'is' if len(channels) == 1 else 'are'} told"
    _, _, why = judgement.reason.partition("; told nowhere: ")
    return f"nobody is told{': ' + why if why else ''}"
