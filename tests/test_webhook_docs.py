"""docs/channels/webhook.md: the example is the product's, every field is explained, and the snippet verifies."""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bridge.alarm import State
from bridge.channels.webhook import sign
from tests.test_rendering_support import payload_of, telling_of

PAGE = Path(__file__).parent.parent.joinpath("docs", "channels", "webhook.md").read_text("utf-8")
KEY, OTHER = b"a-key-of-thirty-two-bytes-length", b"another-key-of-thirty-two-bytes!"
TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "text or null": (str, type(None)),
    "time": (str,),
    "time or null": (str, type(None)),
    "number": (int,),
    "number or null": (int, type(None)),
    "true or false": (bool,),
    "object": (dict,),
    "object or null": (dict, type(None)),
    "anything": (object,),
}


def secret(key):
    return "whsec_" + base64.b64encode(key).decode()


def block(language):
    found = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert len(found) == 1
    return found[0]


def example():
    """Make what the page shows: the recovery of an alarm that the bridge heard of, five seconds after it."""
    event = {
        "id": 1684143504097483021,
        "episode_id": 1684143252439417256,
        "received_at": datetime(2020, 11, 23, 9, 40, 5, tzinfo=UTC),
    }
    telling = telling_of(
        "capture-2020-mysql-cpu-recovered", "webhook", name="tickets", route={"name": "databases"}, event=event
    )
    return payload_of(replace(telling, delivery_id="1684143504097483022"))


def table(head):
    """Give field → type of the table with this head."""
    rows = PAGE.split(f"\n| {head} | type | what it is |\n| --- | --- | --- |\n")[1].split("\n\n")[0].splitlines()
    cells = [re.split(r" *\| *", row.strip("| ")) for row in rows]
    return {name: kind for names, kind, *_ in cells for name in re.findall(r"`(\w+)`", names)}


def test_the_example_is_what_the_bridge_makes_of_the_sample():
    assert json.loads(block("json")) == example()


def test_every_field_of_the_envelope_is_explained_in_its_order_and_no_other():
    assert list(table("field")) == list(example())
    assert sorted(table("field of `alarm`")) == sorted(example()["alarm"])


@pytest.mark.parametrize(
    "telling",
    [telling_of(kind="webhook"), telling_of("doc-2022-cloudevents", "webhook"), telling_of(kind="webhook", body=b"<")],
)
def test_each_field_is_of_the_type_that_the_page_says(telling):
    payload = payload_of(telling)
    for head, values in (("field", payload), ("field of `alarm`", payload["alarm"])):
        for name, kind in table(head).items():
            assert isinstance(values[name], TYPES[kind]), name


def test_every_state_is_named():
    row = next(line for line in PAGE.splitlines() if line.startswith("| `state` |"))
    assert set(re.findall(r"`(\w+)`", row)) - {"state"} == set(State) - {State.DIGEST}


def test_the_snippet_gives_the_envelope_where_the_signature_is_right_and_nothing_else():
    given: dict[str, Any] = {}
    exec(block("python"), given)
    envelope_of: Callable[[str, dict[str, str], bytes], dict[str, Any] | None] = given["envelope_of"]
    body = json.dumps(example()).encode()
    now = str(int(datetime.now(UTC).timestamp()))
    headers = {"Webhook-Id": "42", "Webhook-Timestamp": now, "Webhook-Signature": sign((KEY,), "42", now, body)}

    assert envelope_of(secret(KEY), headers, body) == example()
    assert envelope_of(secret(OTHER), headers, body) is None
    assert envelope_of(secret(KEY), headers, body + b" ") is None
    assert envelope_of(secret(KEY), headers | {"Webhook-Timestamp": str(int(now) - 301)}, body) is None
