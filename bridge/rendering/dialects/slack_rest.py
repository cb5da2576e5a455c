"""What a Slack message had no room for, whole, as answers in its thread."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from bridge.message import Message
from bridge.rendering.dialects import slack_text
from bridge.rendering.dialects.pieces import CUT, chunks
from bridge.rendering.draft import Draft

SECTION = 2000  # units: 3,000 have room, and what keeps lines from being quotations takes some
SECTIONS = 5  # in a message: 12,000 units in all have room
MOST = 10  # messages: a callback of a megabyte would hold up the others for minutes
WORDS = {"en": "What the message had no room for, in full", "zh": "消息中放不下的内容，全文如下"}


def rest(message: Mapping[str, Any], draft: Draft) -> tuple[Message, ...]:
    """Write each text that a message shortened, whole, in as many answers as it takes."""
    sections = list(islice(_sections(draft), SECTIONS * MOST + 1))
    if len(sections) > SECTIONS * MOST:
        sections = [*sections[: SECTIONS * MOST - 1], f"{sections[SECTIONS * MOST - 1]}{CUT}"]
    parts = [sections[start : start + SECTIONS] for start in range(0, len(sections), SECTIONS)]
    return tuple(_answer(message, part, number, len(parts), draft) for number, part in enumerate(parts, 1))


def _sections(draft: Draft) -> Iterator[str]:
    for text in draft.left_out:
        for chunk in chunks(slack_text.parts(text.strip(), draft, slack_text.mrkdwn), SECTION):
            if said := slack_text.unquoted(chunk.strip()):
                yield said


def _answer(message: Mapping[str, Any], sections: list[str], number: int, of: int, draft: Draft) -> Message:
    words = WORDS[draft.language] + (f" ({number}/{of})" if of > 1 else "")
    text = f"{words} · {message.get('text', '')}"
    head = {"type": "context", "elements": [_mrkdwn(words)]}
    blocks = [head, *({"type": "section", "text": _mrkdwn(section)} for section in sections)]
    metadata = {"metadata": message["metadata"]} if "metadata" in message else {}
    return Message(
        text=text, plain="\n\n".join([words, *sections]), payload={"text": text, "blocks": blocks, **metadata}
    )


def _mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}
