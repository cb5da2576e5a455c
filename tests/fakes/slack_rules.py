"""What Slack refuses in a message: arguments, sizes and counts, as its documentation has them (2026).

Lengths are counted in UTF-16 units, the strictest reading of "characters".
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

MAX_POSTED_TEXT = 40_000  # longer ones are truncated
MAX_UPDATED_TEXT = 4_000  # longer ones are refused
MAX_BLOCKS = 50
MAX_BLOCK_CONTENT = 13_000  # of all blocks together: refused between 13,172 and 13,297
MAX_ATTACHMENTS = 100

CONTENT = {
    "text",
    "blocks",
    "attachments",
    "metadata",
    "link_names",
    "parse",
    "markdown_text",
    "reply_broadcast",
    "channel",
    "as_user",
}
POST_ARGUMENTS = CONTENT | {"mrkdwn", "username", "icon_emoji", "icon_url", "thread_ts", "unfurl_links", "unfurl_media"}
UPDATE_ARGUMENTS = CONTENT | {"ts", "file_ids"}
HISTORY_ARGUMENTS = {"channel", "cursor", "include_all_metadata", "inclusive", "latest", "limit", "oldest"}
BOOLEANS = {"link_names", "reply_broadcast", "mrkdwn", "unfurl_links", "unfurl_media", "as_user"}

Complaints = Iterator[str]


class RefusedError(Exception):
    """Slack says no: the code, and what it adds."""

    def __init__(self, code: str, *messages: str) -> None:
        super().__init__(code)
        self.code = code
        self.messages = messages


def units(text: str) -> int:
    """Count UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def check_arguments(arguments: Mapping[str, Any], allowed: set[str]) -> None:
    """Refuse unknown arguments and wrong types."""
    unknown = sorted(arguments.keys() - allowed)
    if unknown:
        raise RefusedError("invalid_arg_name", f"unknown arguments: {', '.join(unknown)}")
    for name in arguments.keys() & BOOLEANS:
        if not isinstance(arguments[name], bool):
            raise RefusedError("invalid_arguments", f"{name} must be true or false")
    if "text" in arguments and not isinstance(arguments["text"], str):
        raise RefusedError("invalid_arguments", "text must be a text")


def check_content(arguments: Mapping[str, Any], *, is_update: bool) -> None:
    """Refuse a message that says nothing, or says it badly."""
    text, blocks, attachments = (arguments.get(name) for name in ("text", "blocks", "attachments"))
    if not text and not blocks and not attachments:
        raise RefusedError("no_text")
    if is_update and units(text or "") > MAX_UPDATED_TEXT:
        raise RefusedError("msg_too_long")
    if attachments is not None:
        check_attachments(attachments)
    if blocks is not None:
        check_blocks(blocks)


def check_attachments(attachments: Any) -> None:
    if not isinstance(attachments, list) or not all(isinstance(one, dict) for one in attachments):
        raise RefusedError("invalid_attachments")
    if len(attachments) > MAX_ATTACHMENTS:
        raise RefusedError("too_many_attachments")
    for index, attachment in enumerate(attachments):
        if "blocks" in attachment:
            check_blocks(attachment["blocks"], f"/attachments/{index}/blocks")
        if units(str(attachment.get("footer", ""))) > 300:
            raise RefusedError("invalid_attachments", "footer: no more than 300 characters")


def check_blocks(blocks: Any, where: str = "/blocks") -> None:
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise RefusedError("invalid_blocks_format")
    complaints = (
        [] if len(blocks) <= MAX_BLOCKS else [f"no more than {MAX_BLOCKS} items allowed [json-pointer:{where}]"]
    )
    for index, block in enumerate(blocks):
        complaints += [f"{what} [json-pointer:{where}/{index}]" for what in complain(block)]
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    if len(set(ids)) < len(ids):
        complaints.append("block_id is not unique")
    if complaints:
        raise RefusedError("invalid_blocks", *(f"[ERROR] {what}" for what in complaints))
    if sum(_content(block) for block in blocks) > MAX_BLOCK_CONTENT:
        raise RefusedError("msg_blocks_too_long")


def complain(block: Mapping[str, Any]) -> Complaints:
    """Say what is wrong with one block."""
    rule = BLOCKS.get(str(block.get("type")))
    if rule is None:
        yield f"unsupported type: {block.get('type')}"
        return
    names, check = rule
    extra = sorted(block.keys() - names - {"type", "block_id"})
    if extra:
        yield f"additional properties are not allowed: {', '.join(extra)}"
    if units(str(block.get("block_id", ""))) > 255:
        yield "block_id: must be less than 256 characters"
    yield from check(block)


def _section(block: Mapping[str, Any]) -> Complaints:
    fields = block.get("fields", [])
    if "text" not in block and not fields:
        yield "section needs text or fields"
    if "fields" in block and not fields:
        yield "fields: no fewer than 1 items allowed"
    if "text" in block:
        yield from _text(block["text"], limit=3000, where="text")
    if len(fields) > 10:
        yield "fields: no more than 10 items allowed"
    for field in fields:
        yield from _text(field, limit=2000, where="fields")


def _header(block: Mapping[str, Any]) -> Complaints:
    yield from _text(block.get("text"), limit=150, where="text", only="plain_text")


def _context(block: Mapping[str, Any]) -> Complaints:
    elements = block.get("elements", [])
    if not 1 <= len(elements) <= 10:
        yield "elements: 1 to 10 items allowed"
    for element in elements:
        if element.get("type") == "image":
            yield from _image(element)
        else:
            yield from _text(element, limit=3000, where="elements")


def _actions(block: Mapping[str, Any]) -> Complaints:
    elements = block.get("elements", [])
    if not 1 <= len(elements) <= 25:
        yield "elements: 1 to 25 items allowed"
    for element in elements:
        if element.get("type") != "button":
            yield f"unsupported element: {element.get('type')}"
            continue
        yield from _text(element.get("text"), limit=75, where="button text", only="plain_text")
        for name, limit in (("value", 2000), ("url", 3000), ("action_id", 255)):
            if units(str(element.get(name, ""))) > limit:
                yield f"{name}: must be less than {limit + 1} characters"
        if element.get("style", "primary") not in {"primary", "danger"}:
            yield "style: must be primary or danger"


def _image(block: Mapping[str, Any]) -> Complaints:
    for name, limit in (("image_url", 3000), ("alt_text", 2000)):
        if not 1 <= units(str(block.get(name, ""))) <= limit:
            yield f"{name}: 1 to {limit} characters"


def _markdown(block: Mapping[str, Any]) -> Complaints:
    if not 1 <= units(str(block.get("text", ""))) <= 12_000:
        yield "text: 1 to 12000 characters"


def _rich_text(block: Mapping[str, Any]) -> Complaints:
    if not block.get("elements"):
        yield "elements: at least 1 item"


def _nothing(_block: Mapping[str, Any]) -> Complaints:
    yield from ()


def _text(value: Any, *, limit: int, where: str, only: str = "") -> Complaints:
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        yield f"{where}: must be a text object"
        return
    kind = value.get("type")
    if kind not in {"plain_text", "mrkdwn"} or (only and kind != only):
        yield f"{where}: type must be {only or 'plain_text or mrkdwn'}"
    if not 1 <= units(value["text"]) <= limit:
        yield f"{where}: must be more than 0 and less than {limit + 1} characters"
    extra = value.keys() - {"type", "text", "emoji" if kind == "plain_text" else "verbatim"}
    if extra:
        yield f"{where}: additional properties are not allowed: {', '.join(sorted(extra))}"


BLOCKS: dict[str, tuple[set[str], Callable[[Mapping[str, Any]], Complaints]]] = {
    "section": ({"text", "fields", "accessory", "expand"}, _section),
    "header": ({"text"}, _header),
    "context": ({"elements"}, _context),
    "actions": ({"elements"}, _actions),
    "image": ({"image_url", "alt_text", "title"}, _image),
    "markdown": ({"text"}, _markdown),
    "rich_text": ({"elements"}, _rich_text),
    "divider": (set(), _nothing),
}


def _content(value: Any) -> int:
    """Count the letters of everything a block shows."""
    if isinstance(value, dict):
        own = units(value["text"]) if isinstance(value.get("text"), str) else 0
        return own + sum(_content(item) for item in value.values() if isinstance(item, dict | list))
    if isinstance(value, list):
        return sum(_content(item) for item in value)
    return 0


def mentions(text: str) -> list[str]:
    """Find what notifies somebody or names a channel: <!here>, <@U…>, <#C…>."""
    return re.findall(r"<[!@#][^>]*>", text)
