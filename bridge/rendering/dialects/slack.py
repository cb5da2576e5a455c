"""Slack's messages: a value is written by where it lands, shortened by its field, and dropped where it left nothing.

Limits from Slack's block reference and slack-sdk's models (2026): section 3,000, field 2,000, header
150, 50 blocks; about 13,200 characters of blocks are refused with msg_blocks_too_long; chat.update
refuses a `text` of more than 4,000.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bridge.rendering.dialects import slack_text
from bridge.rendering.dialects.pieces import Piece, fit, has_no_room, pieces, units, water_level
from bridge.rendering.dialects.slack_rest import said_in
from bridge.rendering.dialects.structured import number
from bridge.rendering.draft import TOKEN, Draft, Setting

MAX_TEXT = 4000
MAX_BLOCKS = 50
MAX_TOTAL = 12_000  # of all blocks together
KEPT = 150  # of each text where all together are too long
MAX_DEFAULT = 3000
LABEL = 75  # of a button: what it has no room for is missed by nobody
LIMITS = {  # by the type of what holds a text, and the key it stands under
    ("header", "text"): 150, ("section", "text"): 3000, ("section", "fields"): 2000, ("context", "elements"): 2000,
    ("button", "text"): 75, ("button", "value"): 2000, ("button", "accessibility_label"): 75,
    ("image", "alt_text"): 2000, ("image", "title"): 2000, ("markdown", "text"): 12_000,
}  # fmt: skip
COUNTS = {("section", "fields"): 10, ("context", "elements"): 10, ("actions", "elements"): 25}
ADDRESSES = frozenset({"url", "image_url", "thumb_url", "title_url", "title_link", "author_link", "video_url"})
MENTIONING = frozenset({"user", "usergroup", "broadcast", "channel", "team"})  # elements of rich text
NEEDED = {  # by the type of a block or element: without it Slack refuses the message
    "header": "text", "context": "elements", "actions": "elements", "markdown": "text", "button": "url",
    "link": "url", "image": "image_url", "rich_text": "elements", "rich_text_section": "elements",
    "rich_text_list": "elements", "rich_text_quote": "elements", "rich_text_preformatted": "elements",
}  # fmt: skip
OBEYED = frozenset({"link_names", "parse"})  # would let Slack look for mentions in values
DROPPED = object()


def text(rendered: str, draft: Draft) -> str:
    """Write a message that is mrkdwn text alone."""
    parts = list(slack_text.parts(rendered.strip(), draft, slack_text.loose))
    said = fitted(parts, MAX_TEXT)
    if has_no_room(parts, said, MAX_TEXT):
        draft.left_out.append(rendered)
    return said


def fitted(parts: list[Piece], limit: int) -> str:
    """Write pieces within a limit, no line of them becoming a quotation by its first character."""
    said = slack_text.unquoted(fit(parts, limit).strip())
    excess = units(said) - limit
    return said if excess <= 0 else slack_text.unquoted(fit(parts, limit - excess).strip())


def plain(said: str, links: Mapping[str, str], mention: tuple[str, ...]) -> str:
    """Write the built-in plain text, and mention whom the config says."""
    room = MAX_TEXT - sum(units(name) + 1 for name in mention)
    parts = list(slack_text.plain_parts(said, links))
    return "\n".join(part for part in (fitted(parts, room), " ".join(mention)) if part)


def payload(tree: Any, draft: Draft, plain: str) -> Mapping[str, Any]:
    """Write a message's arguments; raise ValueError where the tree is none."""
    if not isinstance(tree, dict):
        raise ValueError("the JSON is no object")  # noqa: TRY004 - a template's mistake, told in words
    walk = _Walk(draft)
    message = walk.message(tree)
    if sum(walk.sizes) > MAX_TOTAL:
        walk = _Walk(draft, shares(walk.sizes, MAX_TOTAL))
        message = walk.message(tree)
    if walk.left_out or message.keys() & {"blocks", "attachments"}:  # what these show whole, the text need not
        draft.left_out = walk.left_out
    if not message.get("text"):
        message["text"] = plain
    return message


def shares(sizes: list[int], room: int) -> list[int]:
    """Share the room of a message among its texts: what stands first matters most, and each keeps its beginning."""
    least = min(KEPT, water_level(sizes, room))
    shared = [min(size, least) for size in sizes]
    rest = room - sum(shared)
    for place, size in enumerate(sizes):
        more = min(size - shared[place], rest)
        shared[place] += more
        rest -= more
    return shared


class _Walk:
    """One way through a message's tree; `room` is what each text may take, in their order."""

    def __init__(self, draft: Draft, room: Iterable[int] = ()) -> None:
        self._draft = draft
        self._room = iter(room)
        self._blocks_left = MAX_BLOCKS
        self.sizes: list[int] = []  # of the texts in blocks
        self.left_out: list[str] = []  # texts that had no room

    def message(self, tree: dict[str, Any]) -> dict[str, Any]:
        """Write the top level."""
        message: dict[str, Any] = {}
        for key, item in _named(tree):
            if key == "text" and isinstance(item, str):
                message[key] = text(item, self._draft)
            elif key == "attachments" and isinstance(item, list):
                written = (self._attachment(entry) for entry in item)
                message[key] = [entry for entry in written if entry is not DROPPED]
            elif key == "blocks" and isinstance(item, list):
                message[key] = self._blocks(item)
            elif key not in OBEYED:
                message[key] = self._node(item, "", key)
        return {key: item for key, item in message.items() if item is not DROPPED and item not in ([], "")}

    def _blocks(self, items: list[Any]) -> list[Any]:
        kept = self._kept(items, "", "blocks", self._blocks_left)
        self._blocks_left -= len(kept)
        return kept

    def _kept(self, items: list[Any], holder: str, key: str, most: int) -> list[Any]:
        """Write so many items of a list; what the others say is left out."""
        kept: list[Any] = []
        for item in items:
            if len(kept) == most:
                self.left_out += said_in(item)
            elif (written := self._node(item, holder, key)) is not DROPPED:
                kept.append(written)
        return kept

    def _attachment(self, entry: Any) -> Any:
        if not isinstance(entry, dict):
            return self._node(entry, "attachment", "")
        written = {
            key: self._blocks(item) if key == "blocks" and isinstance(item, list) else self._legacy(item, key)
            for key, item in _named(entry)
        }
        kept = {key: item for key, item in written.items() if item is not DROPPED and item != []}
        return kept if kept.keys() - {"color"} else DROPPED

    def _legacy(self, item: Any, key: str) -> Any:
        """Write what stands in an attachment: Slack reads mrkdwn in most of it."""
        if isinstance(item, list):
            return [part for part in (self._legacy(entry, key) for entry in item) if part is not DROPPED]
        if isinstance(item, dict):
            parts = {name: self._legacy(entry, name) for name, entry in _named(item)}
            return {name: part for name, part in parts.items() if part is not DROPPED}
        if not isinstance(item, str) or key in ADDRESSES or key == "color":
            return self._node(item, "attachment", key)
        return self._fitted(item, slack_text.loose, MAX_DEFAULT)

    def _node(self, node: Any, holder: str, key: str) -> Any:
        if isinstance(node, str):
            return self._string(node, holder, key)
        if isinstance(node, list):
            return self._list(node, holder, key)
        if isinstance(node, dict):
            return self._object(node, holder, key)
        return number(node)

    def _list(self, node: list[Any], holder: str, key: str) -> Any:
        written = self._kept(node, holder, key, COUNTS.get((holder, key), len(node)))
        return written if written or not (node or (holder, key) in COUNTS) else DROPPED

    def _object(self, node: dict[str, Any], holder: str, key: str) -> Any:
        kind = self._written(str(node.get("type", "")), slack_text.plain)
        if kind in {"mrkdwn", "plain_text"} and isinstance(node.get("text"), str):
            return self._text_object(node, kind, LIMITS.get((holder, key), MAX_DEFAULT))
        if kind in MENTIONING and not self._is_ours([item for name, item in node.items() if name != "type"]):
            return DROPPED
        written = {name: self._node(item, kind, name) for name, item in _named(node)}
        kept = {name: item for name, item in written.items() if item is not DROPPED}
        return kept if _is_whole(kind, kept, lost=len(kept) < len(written)) else DROPPED

    def _text_object(self, node: dict[str, Any], kind: str, limit: int) -> Any:
        if kind == "plain_text":
            said = self._fitted(node["text"], slack_text.plain, limit)
            return {**_flags(node), "type": kind, "text": said} if said else DROPPED
        is_loose = node.get("verbatim") is False
        said = self._fitted(node["text"], slack_text.loose if is_loose else slack_text.mrkdwn, limit, is_mrkdwn=True)
        return {**_flags(node), "type": kind, "text": said, "verbatim": not is_loose} if said else DROPPED

    def _string(self, text: str, holder: str, key: str) -> Any:
        if key in ADDRESSES:
            return self._address(text)
        if holder == "markdown" and key == "text":
            return self._fitted(text, slack_text.markdown, LIMITS[holder, key])
        if holder and key == "text":  # rich text: parsed by nobody
            return self._fitted(text, slack_text.plain, MAX_DEFAULT)
        return fit(list(pieces(text, self._draft, slack_text.plain)), LIMITS.get((holder, key), MAX_DEFAULT)).strip()

    def _is_ours(self, node: Any) -> bool:
        """Whether a part of the tree is the template's and the config's alone."""
        return all(
            isinstance(self._draft.value_of(token), Setting)
            for token in TOKEN.findall(json.dumps(node, ensure_ascii=False))
        )

    def _address(self, text: str) -> Any:
        if text and not TOKEN.search(text):
            return text
        address = slack_text.address(text, self._draft, slack_text.url)
        return address if address and units(address) <= MAX_DEFAULT else DROPPED

    def _written(self, text: str, write: Callable[[str], str]) -> str:
        if not TOKEN.search(text):
            return text
        return "".join(piece.written for piece in pieces(text, self._draft, write)).strip()

    def _fitted(self, text: str, write: Callable[[str], str], limit: int, *, is_mrkdwn: bool = False) -> str:
        split = slack_text.parts if is_mrkdwn or write is slack_text.loose else pieces
        parts, room = list(split(text.strip(), self._draft, write)), min(limit, next(self._room, limit))
        said = fitted(parts, room)
        if limit > LABEL and has_no_room(parts, said, room):
            self.left_out.append(text)
        self.sizes.append(units(said))
        return said


def _named(node: dict[str, Any]) -> list[tuple[str, Any]]:
    """Give an object's items but those that a value names: it could name what Slack obeys."""
    return [(name, item) for name, item in node.items() if not TOKEN.search(name)]


def _flags(node: dict[str, Any]) -> dict[str, Any]:
    """Give a text object without what is neither its type, its text, nor true or false: a token may stand there."""
    return {key: item for key, item in node.items() if key in {"type", "text"} or isinstance(item, bool)}


def _is_whole(kind: str, node: dict[str, Any], *, lost: bool) -> bool:
    """Say whether Slack would take what is left of a block or element."""
    if kind == "section":
        return bool(node.get("text") or node.get("fields"))
    if kind == "button" and not lost:
        return bool(node.get("text"))
    if kind == "image" and not lost:
        return True
    return kind not in NEEDED or bool(node.get(NEEDED[kind]))
