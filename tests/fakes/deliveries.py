"""Deliveries made by hand."""

from datetime import datetime
from typing import Any

from bridge.alarm import State
from bridge.episode import Event
from bridge.message import Delivery, Step
from tests.fakes.virtual import START


def a_delivery(number: int = 1, *, key: str = "alarm", **changes: Any) -> Delivery:
    """Give a delivery; `state_told`, `episode_id`, `kind` and `created_at` are its event's."""
    created_at: datetime = changes.pop("created_at", START)
    event = Event(
        id=number * 1000,
        state=changes.pop("state_told", State.TRIGGERED),
        episode_id=changes.pop("episode_id", 1),
        number=1,
        key=key,
        kind=changes.pop("kind", "metric"),
        callback_id=1,
        created_at=created_at,
        received_at=created_at,
        occurred_at=created_at,
    )
    given: dict[str, Any] = {"channel": "ops", "step": Step.POST, "event": event, "due_at": created_at, **changes}
    return Delivery(id=number, **given)
