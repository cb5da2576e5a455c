"""A message that Slack refused, without what Slack names as its fault. Pure.

Slack names it by a JSON pointer among the messages of its answer, as in `[ERROR] must be less than 3001
characters [json-pointer:/blocks/3/text/text]`, or by the code alone. What it does not name is not
guessed at: plain text comes next.
"""

import copy
import re
from collections.abc import Iterable, Mapping
from typing import Any

POINTER = re.compile(r"\[json-pointer:([^\]]*)\]")
LESS_THAN = re.compile(r"less than (\d{1,6}) character")
MAX_BLOCKS = 50
MAX_ATTACHMENTS = 20
MAX_TEXT = 3000  # characters of `text`, where it was too long
MAX_CONTENT = 8000  # characters in all blocks, where they were too long: Slack's limit is said nowhere
RICH = frozenset({"blocks", "attachments"})
PARTS = frozenset({"fields", "elements"})  # lists of which one item can be done without
METADATA = frozenset({"invalid_metadata_format", "invalid_metadata_schema", "metadata_too_large"})

Payload = dict[str, Any]


def mended(payload: Mapping[str, Any], code: str, messages: Iterable[str]) -> Payload | None:
    """Give the message without its fault; None where that is not named, or plain text would say more."""
    better = copy.deepcopy(dict(payload))
    faults = [(found[1], message) for message in messages for found in POINTER.finditer(message)]
    if faults:
        # From the end: what is taken out of a list moves what comes after it.
        for pointer, message in sorted(faults, key=_order, reverse=True):
            _without(better, pointer, message)
    else:
        _mend_by_code(better, code)
    better = _without_what_is_empty(better)
    shown = RICH if payload.keys() & RICH else {"text"}
    return better if better != payload and better.keys() & shown else None


def _order(fault: tuple[str, str]) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in _parts(fault[0])]


def _parts(pointer: str) -> list[str]:
    parts = [part for part in pointer.split("/") if part]
    return ["blocks", *parts] if parts and parts[0].isdecimal() else parts


def _without(payload: Payload, pointer: str, message: str) -> None:
    """Shorten the text at fault where Slack says to what, else take out the smallest thing that can be missed."""
    parts = _parts(pointer)
    if parts[:1] == ["blocks"] and parts[1:2] and _at(payload, parts[:2]) is None:
        parts = ["attachments", "0", *parts]  # Slack counts from where the blocks stand
    limit = LESS_THAN.search(message)
    holder, found = _at(payload, parts[:-1]), _at(payload, parts)
    if limit and isinstance(found, str) and isinstance(holder, dict):
        holder[parts[-1]] = cut(found, int(limit[1]) - 1)
    elif isinstance(found, list) and parts[-1] == "blocks":
        del found[min(MAX_BLOCKS, max(len(found) - 1, 0)) :]
    else:
        _take_out(payload, parts)


def _take_out(payload: Payload, parts: list[str]) -> None:
    for end in range(len(parts), 0, -1):
        holder = _at(payload, parts[: end - 1])
        name = parts[end - 1]
        if isinstance(holder, list) and name.isdecimal() and int(name) < len(holder):
            if parts[end - 2] not in PARTS or len(holder) > 1:
                del holder[int(name)]
                return
        elif end == 1:
            payload.pop(name, None)


def _at(node: Any, parts: list[str]) -> Any:
    for part in parts:
        if isinstance(node, dict):
            node = node.get(part)
        elif isinstance(node, list) and part.isdecimal() and int(part) < len(node):
            node = node[int(part)]
        else:
            return None
    return node


def _mend_by_code(payload: Payload, code: str) -> None:
    if code in METADATA:
        payload.pop("metadata", None)
    elif code == "msg_too_long" and isinstance(payload.get("text"), str):
        payload["text"] = cut(payload["text"], MAX_TEXT)
    elif code == "too_many_attachments" and isinstance(payload.get("attachments"), list):
        del payload["attachments"][MAX_ATTACHMENTS:]
    elif code == "msg_blocks_too_long":
        room = MAX_CONTENT
        attachments = payload.get("attachments")
        for holder in (payload, *(attachments if isinstance(attachments, list) else ())):
            room = _shortened(_at(holder, ["blocks"]), room)


def _shortened(blocks: Any, room: int) -> int:
    """Leave out the last blocks for which there is no room; the first stays. Give the room that is left."""
    if not isinstance(blocks, list):
        return room
    for place, block in enumerate(blocks):
        room -= _size(block)
        if room < 0 and place:
            del blocks[place:]
            return 0
    return max(room, 0)


def _size(node: Any) -> int:
    if isinstance(node, str):
        return len(node)
    return sum(map(_size, node.values() if isinstance(node, dict) else node)) if isinstance(node, dict | list) else 0


def _without_what_is_empty(payload: Payload) -> Payload:
    """Leave out lists of which nothing is left, and attachments of which nothing is shown."""
    attachments = payload.get("attachments")
    if isinstance(attachments, list):
        payload["attachments"] = [one for one in attachments if not isinstance(one, dict) or one.get("blocks") != []]
    return {name: value for name, value in payload.items() if value != [] or name not in RICH}


def cut(text: str, limit: int) -> str:
    """Shorten a text, in UTF-16 units, without cutting an entity such as `&amp;` or `<https://…|…>` in half."""
    units = text.encode("utf-16-le", "surrogatepass")
    if len(units) <= 2 * limit:
        return text
    kept = units[: 2 * max(limit - 1, 0)].decode("utf-16-le", "ignore")
    if kept.rfind("<") > kept.rfind(">"):
        kept = kept[: kept.rfind("<")]
    return re.sub(r"&[a-z]{0,3}$", "", kept) + "…"
