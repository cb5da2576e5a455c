"""A life as records for a program: the same things that the lines tell."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from bridge.store.entries import CallbackEntry
from bridge.store.happened import AttemptEntry, Carried, Life, RequestEntry, ToldEvent
from bridge.story.hearing import Routed
from bridge.story.lines import Words
from bridge.story.next import next_of_alarm, next_of_delivery

Iso = Callable[[datetime | None], str | None]


def record_of(life: Life, words: Words, iso: Iso) -> dict[str, Any]:
    """Give a life; ids are texts, since they are larger than what JavaScript counts with."""
    return {
        "callbacks": [_callback(one, words.routed(one), iso) for one in life.callbacks],
        "events": [_told(one, words, iso) for one in life.told],
        "requests": [_request(one, iso) for one in life.requests],
        "next": next_of_alarm(life.alarm, life.silent_seconds) if life.alarm else "",
    }


def _callback(callback: CallbackEntry, answer: Routed | None, iso: Iso) -> dict[str, Any]:
    routes = None if answer is None else [asdict(one) for one in answer.answers]
    return {
        "id": str(callback.id),
        "received_at": iso(callback.received_at),
        "session_id": callback.session_id,
        "outcome": callback.outcome,
        "reason": callback.reason,
        "routes_today": routes,
        "channels_today": None if answer is None else list(answer.channels),
        "left_out_today": (answer and answer.left_out) or None,
    }


def _told(told: ToldEvent, words: Words, iso: Iso) -> dict[str, Any]:
    event = told.event
    return {
        "id": str(event.id),
        "state": event.state,
        "callback_id": str(event.callback_id) if event.callback_id else None,
        "created_at": iso(event.created_at),
        "cause": event.cause,
        "successor": event.successor or None,
        "deliveries": [_carried(one, words, iso) for one in told.deliveries],
    }


def _carried(carried: Carried, words: Words, iso: Iso) -> dict[str, Any]:
    delivery = carried.delivery
    return {
        "id": str(delivery.id),
        "channel": delivery.channel,
        "route": delivery.route or None,
        "step": delivery.step,
        "state": delivery.state,
        "note": delivery.note,
        "due_at": iso(delivery.due_at),
        "attempts": [_attempt(one, iso) for one in carried.attempts],
        "requests": [_request(one, iso) for one in carried.requests],
        "digest": [_carried(one, words, iso) for one in carried.digest],
        "next": next_of_delivery(carried, words.now),
    }


def _attempt(attempt: AttemptEntry, iso: Iso) -> dict[str, Any]:
    return {
        "made_at": iso(attempt.made_at),
        "answer": attempt.answer,
        "status": attempt.status,
        "said": attempt.said,
        "sent": attempt.sent,
    }


def _request(request: RequestEntry, iso: Iso) -> dict[str, Any]:
    return {
        "what": request.what,
        "who": request.who,
        "created_at": iso(request.created_at),
        "done_at": iso(request.done_at),
        "changed": request.changed,
        "answer": request.answer,
    }
