"""The kinds of channels: one file, one template set, one line here, one page in `docs/channels`, one test file."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, TextIO

from bridge.channels import slack, slack_identity, slack_webhook, terminal, webhook
from bridge.channels.http import HttpSettings, open_session
from bridge.channels.kind import Channel, Finding, Introduction, Kind, Linked, Searched, Tools
from bridge.channels.mark import mark_of, name_of
from bridge.message import Message

KINDS: dict[str, Kind] = {
    "terminal": terminal.KIND,
    "webhook": webhook.KIND,
    "slack_webhook": slack_webhook.KIND,
    "slack": slack.KIND,
}

INTRODUCTIONS: Mapping[str, Callable[[Any, Tools, Message], Awaitable[Introduction]]] = {
    "slack": slack_identity.introduce
}


def tools_of(environ: Mapping[str, str], out: TextIO, clock: Callable[[], datetime]) -> Tools:
    """Give what channels may have of the world."""
    return Tools(
        session=lambda settings: open_session(settings, environ=environ), clock=clock, out=out, environ=environ
    )


__all__ = [
    "INTRODUCTIONS",
    "KINDS",
    "Channel",
    "Finding",
    "HttpSettings",
    "Introduction",
    "Kind",
    "Linked",
    "Searched",
    "Tools",
    "mark_of",
    "name_of",
    "open_session",
    "tools_of",
]
