"""Looking for a message whose answer never came: by the delivery's id, which stands in its metadata.

It takes a scope that nothing else needs (channels:history, in private channels groups:history). Without
it Slack says so once, and is not asked again. Where looking fails for a reason that passes, nothing is known yet.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bridge.channels.answers import FAILURES, judge_failure, judge_status
from bridge.channels.kind import Finding
from bridge.channels.slack_answers import UNREADABLE, receipt_of, words
from bridge.channels.slack_codes import Meaning, meaning_of
from bridge.message import Answer, Call, Receipt, Step

PERMALINK = "chat.getPermalink"
HISTORY, REPLIES = "conversations.history", "conversations.replies"
EVENT_TYPE = "alarm_bridge"  # of our metadata, as the built-in templates have it
MOST_PAGES = 5
PAGE = 200  # messages
EARLIER = timedelta(minutes=5)  # than our own clock says: Slack's may differ
ID = re.compile(r"[CGD][A-Z0-9]{8,}")
# What will not change while the token is the same.
FORBIDDEN = frozenset({"missing_scope", "not_allowed_token_type", "no_permission", "unknown_method"})
PASSING = frozenset({Meaning.LIMITED, Meaning.SLOW, Meaning.PASSING, Meaning.UNSURE})


class Search:
    """Looks for messages in one Slack channel; `after` reads a Retry-After."""

    def __init__(self, channel: str, after: Callable[[str | None], float | None]) -> None:
        self._channel, self._after = channel, after
        self._forbidden = ""  # what Slack said when it was asked for the first time

    async def find(self, client: AsyncWebClient, call: Call, since: datetime, beside: Receipt | None) -> Finding:
        """Look for the message of a call; `beside` is another one in the same channel, whose id it tells."""
        if self._forbidden:
            return Finding(said=self._forbidden)
        room = call.receipt["channel"] if call.receipt else self._room(beside)
        if not room:
            return Finding(said="the channel's id is not known yet")
        asked = {"channel": room, "oldest": f"{(since - EARLIER).timestamp():.6f}", "limit": PAGE}
        if call.receipt and call.step is not Step.POST:
            asked["ts"] = call.receipt["ts"]
        try:
            return await self._looked(client, call, asked)
        except SlackApiError as error:
            return self._refused(error.response)
        except UNREADABLE as error:
            return Finding(said=f"no answer: {type(error).__name__}")
        except FAILURES as error:
            verdict = judge_failure(error, seconds=0, may_have_arrived=False)
            return Finding(said=f"no answer: {type(error).__name__}", is_open=verdict.answer is Answer.RETRY)

    def _room(self, beside: Receipt | None) -> str:
        """Give the channel's id: Slack takes no name here."""
        if ID.fullmatch(self._channel):
            return self._channel
        return beside["channel"] if beside else ""

    async def _looked(self, client: AsyncWebClient, call: Call, asked: Mapping[str, Any]) -> Finding:
        method, cursor = REPLIES if "ts" in asked else HISTORY, ""
        for _ in range(MOST_PAGES):
            more = {"cursor": cursor} if cursor else {}
            answer = await client.api_call(method, data={**asked, **more, "include_all_metadata": "true"})
            for message in _messages(answer.data):
                named = _named_by(message)
                if named.get("delivery_id") == call.delivery_id and isinstance(message.get("ts"), str):
                    receipt = receipt_of(asked["channel"], message["ts"], call) if call.step is Step.POST else None
                    return Finding(said="found", is_found=True, receipt=receipt, event_id=named.get("event_id", ""))
            cursor = _cursor(answer.data)
            if not cursor:
                return Finding(said="not there")
        return Finding(said=f"not among the {MOST_PAGES * PAGE} newest")

    def _refused(self, response: Any) -> Finding:
        status = getattr(response, "status_code", None) or response.status
        data = getattr(response, "data", None)
        after_seconds = self._after(response.headers.get("Retry-After"))
        if not isinstance(data, Mapping) or not isinstance(code := data.get("error"), str):
            is_open = judge_status(status, "").answer is Answer.RETRY
            return Finding(said=f"{status} without a word of Slack's", is_open=is_open, after_seconds=after_seconds)
        said = words(status, data)
        if code in FORBIDDEN:
            self._forbidden = said
        is_open = meaning_of(code, is_plain=True) in PASSING
        return Finding(said=said, is_open=is_open, after_seconds=after_seconds)


async def permalink(client: AsyncWebClient, receipt: Receipt) -> str:
    """Ask for the address of a message, which takes no scope; empty where Slack gives none."""
    try:
        asked = {"channel": receipt["channel"], "message_ts": receipt["ts"]}
        answer = await client.api_call(PERMALINK, data=asked)
        address = answer.data.get("permalink") if isinstance(answer.data, Mapping) else None
    except (SlackApiError, *UNREADABLE, *FAILURES):
        return ""
    return address if isinstance(address, str) and address.startswith(("https://", "http://")) else ""


def metadata_of(call: Call) -> dict[str, Any]:
    """Give the metadata by which a message that a template gave none is found: ids alone."""
    ids = {"episode_id": call.episode_id, "event_id": call.event_id, "delivery_id": call.delivery_id}
    if call.message.payload is not None or not call.delivery_id:
        return {}
    return {
        "metadata": {
            "event_type": EVENT_TYPE,
            "event_payload": {name: one for name, one in ids.items() if one.strip("0")},
        }
    }


def _messages(data: Any) -> Iterator[Mapping[str, Any]]:
    messages = data.get("messages")
    return (one for one in messages if isinstance(one, Mapping)) if isinstance(messages, list) else iter(())


def _named_by(message: Mapping[str, Any]) -> Mapping[str, str]:
    """Give the ids that a message's metadata names; none where it is none of the bridge's."""
    metadata = message.get("metadata")
    if not isinstance(metadata, Mapping) or metadata.get("event_type") != EVENT_TYPE:
        return {}
    payload = metadata.get("event_payload")
    return {str(name): str(one) for name, one in payload.items()} if isinstance(payload, Mapping) else {}


def _cursor(data: Any) -> str:
    metadata = data.get("response_metadata")
    return str(metadata.get("next_cursor") or "") if isinstance(metadata, Mapping) else ""
