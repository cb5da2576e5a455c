"""What a platform would refuse of a rendered message, in words; shortening by field was done before."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

MAX_BLOCKS = 50  # Slack's block reference (2026)
MAX_TOTAL = 13_000  # characters of all blocks; with more Slack answers msg_blocks_too_long
MAX_ATTACHMENTS = 100
TYPES = (  # of blocks, Slack's block reference (2026); another one may be new, unless it is nearly one of these
    "actions", "context", "context_actions", "divider", "file", "header", "image", "input", "markdown", "rich_text",
    "section", "table", "video",
)  # fmt: skip


def refusal(dialect: str, payload: Mapping[str, Any] | None) -> str:
    """Say why the platform would not take the message as it is; empty where it would."""
    if dialect != "slack" or payload is None:
        return ""
    return next(_slack(payload), "")


def _slack(payload: Mapping[str, Any]) -> Iterator[str]:
    blocks, attachments = payload.get("blocks", []), payload.get("attachments", [])
    if not isinstance(blocks, list) or not isinstance(attachments, list):
        yield "blocks and attachments must be lists"
        return
    blocks = [*blocks, *(block for one in attachments if isinstance(one, dict) for block in _blocks_of(one))]
    if len(blocks) >= MAX_BLOCKS:
        yield f"makes {MAX_BLOCKS} blocks or more; Slack takes {MAX_BLOCKS}, and the rest is left out"
    if len(attachments) > MAX_ATTACHMENTS:
        yield f"makes more than {MAX_ATTACHMENTS} attachments, which Slack refuses"
    for block in blocks:
        wrong = _block(block)
        if wrong:
            name = (
                f"its {block['type']} block" if isinstance(block, dict) and block.get("type") else "one of its blocks"
            )
            yield f"Slack would refuse {name}: {wrong}"
    if sum(map(_size, blocks)) > MAX_TOTAL:
        yield f"makes blocks of more than {MAX_TOTAL} characters, which Slack refuses"


def _blocks_of(attachment: Mapping[str, Any]) -> list[Any]:
    blocks = attachment.get("blocks", [])
    return blocks if isinstance(blocks, list) else ["no list"]


def _block(block: Any) -> str:
    if not isinstance(block, dict) or not isinstance(block.get("type"), str):
        return "it must be an object with a type"
    text = block.get("text")
    if block["type"] in {"section", "header"} and text is not None and not isinstance(text, dict):
        return "its text must be an object with type and text"
    if block["type"] == "header" and (text or {}).get("type") != "plain_text":
        return "a header's text must be of the type plain_text"
    try:
        parsed = Block.parse(block)
        if parsed:
            parsed.validate_json()
        elif block["type"] not in TYPES and (near := get_close_matches(block["type"], TYPES, n=1, cutoff=0.8)):
            return f'no block is of this type; did you mean "{near[0]}"?'
    except (SlackObjectFormationError, TypeError, ValueError, AttributeError, LookupError) as error:
        return str(error)
    return ""


def _size(node: Any) -> int:
    if isinstance(node, dict):
        return sum(len(item) if key == "text" and isinstance(item, str) else _size(item) for key, item in node.items())
    return sum(map(_size, node)) if isinstance(node, list) else 0
