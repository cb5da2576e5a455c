"""Draw Slack messages as a page in Slack's manner: enough of Block Kit for the built-in messages."""

import html
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

READER = ZoneInfo("Asia/Shanghai")
ENTITY = re.compile(r"<([^<>]+)>")
DATE = re.compile(r"!date\^(\d+)\^([^|]*)")
DAY = re.compile(r"@(\d{4}-\d\d-\d\d)@")  # until it is known how the reader writes one
BOLD = re.compile(r"(?<!\w)\*([^*\n]+)\*(?!\w)")
STRUCK = re.compile(r"(?<!\w)~([^~\n]+)~(?!\w)")
ITALIC = re.compile(r"(?<!\w)_([^_\n]+)_(?!\w)")
CODE = re.compile(r"`([^`\n]+)`")


def page(title: str, theme: str, css: str, messages: Iterable[Mapping[str, Any]]) -> str:
    """Draw all messages on one page; the title's language decides how dates are written."""
    drawn = DAY.sub(_day_zh if " zh " in title else _day_en, "".join(map(_message, messages)))
    head = f'<meta charset="utf-8"><style>{css}</style>'
    return f'<!doctype html>{head}<body class="{theme}"><h1>{html.escape(title)}</h1><main>{drawn}</main>'


def _day_en(found: re.Match[str]) -> str:
    return f"{date.fromisoformat(found[1]):%b %-d, %Y}"


def _day_zh(found: re.Match[str]) -> str:
    return f"{date.fromisoformat(found[1]):%Y年%-m月%-d日}"


def _message(payload: Mapping[str, Any]) -> str:
    top = "".join(map(_block, payload.get("blocks", ())))
    below = "".join(
        f'<div class="attachment" style="border-color:{html.escape(one.get("color", "#ddd"))}">'
        f"{''.join(map(_block, one.get('blocks', ())))}</div>"
        for one in payload.get("attachments", ())
    )
    who = '<div class="who"><b>Alarm Bridge</b> <span class="app">APP</span><span>15:00</span></div>'
    lock = f'<div class="lock">🔔 {mrkdwn(payload["text"])}</div>'
    shown = top + below or f'<div class="section">{mrkdwn(payload["text"])}</div>'
    return f'<article><div class="face">☁</div><div class="message">{lock}{who}{shown}</div></article>'


def _block(block: Mapping[str, Any]) -> str:
    kind = block["type"]
    if kind == "rich_text":
        return "".join(f"<pre>{html.escape(_inner(one))}</pre>" for one in block["elements"])
    if kind == "section":
        fields = "".join(f"<div>{_text(one)}</div>" for one in block.get("fields", ()))
        said = f'<div class="section">{_text(block["text"])}</div>' if "text" in block else ""
        return said + (f'<div class="fields">{fields}</div>' if fields else "")
    if kind == "actions":
        inner = "".join(f'<span class="button">{_text(one["text"])}</span>' for one in block["elements"])
    elif kind == "context":
        inner = " &nbsp; ".join(map(_text, block["elements"]))
    else:
        inner = _text(block["text"]) if "text" in block else ""
    return f'<div class="{kind}">{inner}</div>'


def _inner(element: Mapping[str, Any]) -> str:
    return "".join(part.get("text", "") for part in element["elements"])


def _text(text: Mapping[str, Any]) -> str:
    said: str = text["text"]
    return mrkdwn(said) if text["type"] == "mrkdwn" else html.escape(said).replace("\n", "<br>")


def mrkdwn(text: str) -> str:
    """Draw what Slack reads in mrkdwn."""
    made = ENTITY.sub(lambda match: _entity(html.unescape(match[1])), text)
    for pattern, tag in ((CODE, "code"), (BOLD, "b"), (STRUCK, "s"), (ITALIC, "i")):
        made = pattern.sub(rf"<{tag}>\1</{tag}>", made)
    return made.replace("\n", "<br>")


def _entity(inner: str) -> str:
    target, _, label = inner.partition("|")
    if time := DATE.match(target):
        moment = datetime.fromtimestamp(int(time[1]), READER)
        words = {"date_short_pretty": f"@{moment:%Y-%m-%d}@", "time": f"{moment:%H:%M}"}
        said = re.sub(r"\{(\w+)\}", lambda name: words.get(name[1], name[0]), time[2])
        return f"<span>{html.escape(said)}</span>"
    if target[0] in "!@#":
        return f'<span class="mention">@{html.escape(label or target.lstrip("!@#"))}</span>'
    return f"<a>{html.escape(label or target)}</a>"
