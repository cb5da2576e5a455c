"""What the tests of rendering share: tellings to render, templates in a directory, a small parser of Slack's entities."""

import html
import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from bridge import samples, sources
from bridge.alarm import Alarm, State, Status
from bridge.channels import KINDS
from bridge.episode import Event
from bridge.rendering import ChannelView, Renderer, RouteView, Telling
from bridge.rendering.dialects.slack_text import JOINER

SHANGHAI = ZoneInfo("Asia/Shanghai")
RECEIVED_AT = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
FORMATS = {
    "terminal": (("txt",), "terminal"),
    "webhook": (("json", "txt"), "json"),
    "slack": (("slack.json", "mrkdwn"), "slack"),
    "slack_webhook": (("slack.json", "mrkdwn"), "slack"),
}
OUR_TIME = re.compile(
    r"!date\^\d{9,10}\^(\{date_short_pretty\} )?\{time\}\|[0-9UTC:+ -]{23,26}"
)  # what the built-in messages say times by
ENTITY = re.compile(r"<([^\s<>][^\n<>]*)>")  # what Slack takes for a link or a mention


def channel(kind="terminal", **changes: Any) -> ChannelView:
    formats, dialect = FORMATS[kind]
    sets = (kind, *KINDS[kind].sets)
    given: dict[str, Any] = {
        "name": "ops",
        "type": kind,
        "timezone": SHANGHAI,
        "formats": formats,
        "dialect": dialect,
        "sets": sets,
    }
    return ChannelView(**(given | changes))


def alarm_of(body: bytes, language: str = "en") -> Alarm:
    reading = sources.read(body, RECEIVED_AT)
    if reading.alarm:
        return reading.alarm
    unread = {"problem": reading.problem_zh if language == "zh" else reading.problem}
    return Alarm(status=Status.STATELESS, received_at=RECEIVED_AT, occurred_at=RECEIVED_AT, kind="", details=unread)


def event_of(alarm: Alarm, state: State | None = None, **changes: Any) -> Event:
    told = State.RECOVERED if alarm.status is Status.RECOVERED else State.TRIGGERED
    told = state or (told if alarm.kind else State.UNRECOGNISED)
    given: dict[str, Any] = {
        "id": 7,
        "state": told,
        "episode_id": 0 if told is State.UNRECOGNISED else 5,
        "number": 0 if told is State.UNRECOGNISED else 77,
        "key": alarm.key,
        "callback_id": 3,
        "created_at": RECEIVED_AT,
        "received_at": RECEIVED_AT,
        "occurred_at": alarm.occurred_at,
        "started_at": alarm.started_at,
        "recovered_at": alarm.recovered_at if told is State.RECOVERED else None,
        "severity": alarm.severity,
    }
    return Event(**(given | changes))


def telling_of(
    sample="capture-2020-cvm-disk-triggered",
    kind="terminal",
    *,
    state=None,
    route=None,
    body=None,
    event=None,
    **changes,
) -> Telling:
    body = samples.body(sample) if body is None else body
    alarm = alarm_of(body, changes.get("language", "en"))
    return Telling(
        event=event_of(alarm, state, **(event or {})),
        alarm=alarm,
        body=body,
        delivery_id="9",
        channel=channel(kind, **changes),
        route=RouteView(**(route or {})),
    )


def with_alarm(telling: Telling, **changes) -> Telling:
    return replace(telling, alarm=replace(telling.alarm, **changes))


@cache
def builtin() -> Renderer:
    """Give the renderer of the built-in templates, compiled once for all tests."""
    return Renderer()


def write(folder, files: dict[str, str]):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def rendered(folder, text: str, telling: Telling, *, form: str | None = None, strict=False, **more: str):
    """Render one template of the telling's set; `more` are other files, `/` and `.` written `__` and `_`."""
    kind, state = telling.channel.type, telling.event.state
    files = {f"{kind}/{state}.{form or telling.channel.formats[0]}.j2": text}
    files |= {name.replace("__", "/") + ".j2": other for name, other in more.items()}
    return Renderer(write(folder, files)).render(telling, strict=strict)


def payload_of(telling: Telling) -> dict[str, Any]:
    """Render with the built-in templates, and give what goes over the wire."""
    payload = builtin().render(telling).payload
    assert payload is not None
    return dict(payload)


def texts_in(node) -> list[str]:
    """List every text of a payload."""
    if isinstance(node, str):
        return [node]
    if isinstance(node, dict):
        return [text for item in node.values() for text in texts_in(item)]
    return [text for item in node for text in texts_in(item)] if isinstance(node, list) else []


def entities_in(node) -> list[str]:
    """List what Slack would take for links and mentions in the texts that it parses."""
    if isinstance(node, list):
        return [entity for item in node for entity in entities_in(item)]
    if not isinstance(node, dict):
        return []
    is_parsed = node.get("type") in {None, "mrkdwn"}
    own = ENTITY.findall(node["text"]) if is_parsed and isinstance(node.get("text"), str) else []
    return own + [entity for key, item in node.items() if key != "text" or not own for entity in entities_in(item)]


def foreign_entities_in(node) -> list[str]:
    """List the links and mentions in a built-in message, which writes no links, and its own times only in one form."""
    return [entity for entity in entities_in(node) if not OUR_TIME.fullmatch(entity)]


def blocks_of(payload) -> list[dict[str, Any]]:
    """List all blocks of a message, those of its attachments too."""
    below = [block for one in payload.get("attachments", []) for block in one["blocks"]]
    return [*payload.get("blocks", []), *below]


def shown(text: str) -> str:
    """Give what a reader sees of a mrkdwn text."""
    return html.unescape(text.replace(JOINER, ""))
