"""What a Slack message had no room for, whole, as answers in its thread."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from bridge.message import Message
from bridge.rendering.dialects import slack_text
from bridge.rendering.dialects.pieces import CUT, chunks, units
from bridge.rendering.draft import Draft

SECTION = 2000  # units: 3,000 have room, and what keeps lines from being quotations takes some
SECTIONS = 5  # in a message: 12,000 units in all have room
TEXT = 4000  # units of the text that a lock screen shows
PLAIN = 3500  # units of a plain answer: 4,000 have room, and it says what it is
MOST = 10  # messages: a callback of a megabyte would hold up the others for minutes
WORDS = {"en": "What the message had no room for, in full", "zh": "消息中放不下的内容，全文如下"}


def rest(message: Mapping[str, Any], draft: Draft) -> tuple[Message, ...]:
    """Write each text that a message shortened, whole, in as many answers as it takes."""
    sections = list(islice(_sections(draft), SECTIONS * MOST + 1))
    if len(sections) > SECTIONS * MOST:
        sections = [*sections[: SECTIONS * MOST - 1], f"{sections[SECTIONS * MOST - 1]}{CUT}"]
    parts = [sections[start : start + SECTIONS] for start in range(0, len(sections), SECTIONS)]
    return tuple(_answer(message, part, number, len(parts), draft) for number, part in enumerate(parts, 1))


def plain_rest(said: str, links: Mapping[str, str], plain: str, language: str) -> tuple[Message, ...]:
    """Write the built-in plain text whole, where it had no room in the `plain` that goes out."""
    if CUT not in plain or not _is_cut(said, links, plain):
        return ()
    chunked = chunks(slack_text.plain_parts(said, links), PLAIN)
    parts = list(islice((slack_text.unquoted(part.strip()) for part in chunked), MOST + 1))
    if len(parts) > MOST:
        parts = [*parts[: MOST - 1], f"{parts[MOST - 1]}{CUT}"]
    texts = [f"{_words(language, number, len(parts))}\n{part}" for number, part in enumerate(parts, 1)]
    return tuple(Message(text=text, plain=text) for text in texts)


def _is_cut(said: str, links: Mapping[str, str], plain: str) -> bool:
    if units(said.strip()) > units(plain):  # writing only adds: what is huge need not be written to know it
        return True
    whole = slack_text.unquoted("".join(piece.written for piece in slack_text.plain_parts(said, links)).strip())
    return not plain.startswith(whole)


def said_in(node: Any) -> Iterator[str]:
    """Give the texts of a block or field, as the template wrote them; a button's label is missed by nobody."""
    if isinstance(node, list):
        for item in node:
            yield from said_in(item)
    elif isinstance(node, dict) and node.get("type") != "button":
        text = node.get("text")
        if isinstance(text, str) and text.strip():
            yield text
        yield from said_in([item for item in node.values() if isinstance(item, dict | list)])


def _sections(draft: Draft) -> Iterator[str]:
    """Give the texts in pieces of a section each, short ones together."""
    held = ""
    for said in _said(draft):
        if held and units(held) + 1 + units(said) > SECTION:
            yield held
            held = said
        else:
            held = f"{held}\n{said}" if held else said
    if held:
        yield held


def _said(draft: Draft) -> Iterator[str]:
    for text in draft.left_out:
        for chunk in chunks(slack_text.parts(text.strip(), draft, slack_text.mrkdwn), SECTION):
            if said := slack_text.unquoted(chunk.strip()):
                yield said


def _answer(message: Mapping[str, Any], sections: list[str], number: int, of: int, draft: Draft) -> Message:
    words = _words(draft.language, number, of)
    text = f"{words} · {message.get('text', '')}"
    if units(text) > TEXT:
        text = words
    head = {"type": "context", "elements": [_mrkdwn(words)]}
    blocks = [head, *({"type": "section", "text": _mrkdwn(section)} for section in sections)]
    metadata = {"metadata": message["metadata"]} if "metadata" in message else {}
    return Message(
        text=text, plain="\n\n".join([words, *sections]), payload={"text": text, "blocks": blocks, **metadata}
    )


def _words(language: str, number: int, of: int) -> str:
    return WORDS[language] + (f" ({number}/{of})" if of > 1 else "")


def _mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}
