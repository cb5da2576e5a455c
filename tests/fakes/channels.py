"""What tests of channels share: calls, tools, and channels that are closed again."""

import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, TextIO

from bridge.alarm import State
from bridge.channels import KINDS, Channel, Tools, open_session
from bridge.message import Call, Message, Receipt, Step

NOW = datetime(2026, 11, 3, 8, 0, 0, tzinfo=UTC)


def a_message(words: str = "CPU is high", /, **payload: Any) -> Message:
    """Make a message; with keywords, one whose payload they are."""
    return Message(text=words, plain=f"plain: {words}", payload=payload or None)


def a_call(
    message: Message | None = None,
    *,
    step: Step = Step.POST,
    receipt: Receipt | None = None,
    delivery_id: str = "42",
    state: State | None = State.TRIGGERED,
) -> Call:
    """Make a call."""
    return Call(
        step=step,
        message=message or a_message(),
        delivery_id=delivery_id,
        sent_at=NOW,
        receipt=receipt,
        state=state,
    )


def some_tools(*, environ: Mapping[str, str] | None = None, out: TextIO | None = None) -> Tools:
    """Make tools with a clock that stands at NOW and an environment that is empty unless given."""
    return Tools(
        session=partial(open_session, environ=environ or {}),
        clock=lambda: NOW,
        out=out or io.StringIO(),
        environ=environ or {},
    )


@asynccontextmanager
async def a_channel(kind: str, *, tools: Tools | None = None, **settings: Any) -> AsyncIterator[Channel]:
    """Open a channel of a kind with these settings; close it at the end."""
    known = KINDS[kind]
    channel = known.open(known.settings.model_validate({"type": kind, **settings}), tools or some_tools())
    try:
        yield channel
    finally:
        await channel.close()
