"""What Slack's Web API answers: a yes with its receipt, a no in words, and no word at all. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bridge.channels.answers import judge_status
from bridge.channels.mending import mended
from bridge.channels.slack_webhook import not_slack
from bridge.message import BEFORE, Answer, Call, Receipt, Step, Verdict

# What slack-sdk raises on a 200 that is JSON and no object, or no letters, or nested too deeply.
UNREADABLE = (AttributeError, TypeError, LookupError, UnicodeDecodeError, RecursionError)

OF_APPS_ALONE = "metadata_must_be_sent_from_app"  # the token of a user posts as well, without metadata


def taken(data: Any, call: Call) -> Verdict:
    """Judge a yes, and keep where the message stands."""
    receipt: Receipt | None = None
    is_kept = call.step in {Step.POST, Step.UPDATE}
    if is_kept and isinstance(data.get("ts"), str) and isinstance(data.get("channel"), str):
        receipt = receipt_of(data["channel"], data["ts"], call)
    return Verdict(answer=Answer.SENT, said=words(200, data), status=200, receipt=receipt)


def receipt_of(channel: str, ts: str, call: Call) -> Receipt:
    """Give where a message stands."""
    return {"channel": channel, "ts": ts, **({BEFORE: call.before} if call.before else {})}


def words(status: int, data: Mapping[str, Any]) -> str:
    """Tell an answer in a line: the code, and what Slack adds to it."""
    said = [str(data.get("error") or data.get("warning") or "ok"), *_messages(data)]
    said += [f"{name} {data[name]}" for name in ("needed", "provided") if data.get(name)]
    return f"{status} {'; '.join(said)}"


def without_fault(call: Call, refusal: Any) -> Call | None:
    """Give the call without what a refusal names as its fault, where it names any; a plain one without its ids."""
    if not isinstance(refusal, Mapping):
        return None
    code, messages = str(refusal.get("error")), _messages(refusal)
    if call.message.payload is None:
        better = mended({"text": call.message.text, "metadata": {}}, code, messages)
        is_named = code == OF_APPS_ALONE or (better is not None and "metadata" not in better)
        return replace(call, delivery_id="") if is_named and call.delivery_id else None
    payload = mended(call.message.payload, code, messages)
    return replace(call, message=replace(call.message, payload=payload)) if payload else None


def _messages(data: Mapping[str, Any]) -> list[str]:
    metadata = data.get("response_metadata")
    messages = metadata.get("messages") if isinstance(metadata, Mapping) else None
    return [str(message) for message in messages] if isinstance(messages, list) else []


def judge_wordless(status: int, content_type: str, after_seconds: float | None) -> Verdict:
    """Judge an answer that has no code: by its status."""
    if 200 <= status < 300:
        return not_slack(status, f"{status} {content_type}".strip(), is_page="html" in content_type)
    verdict = judge_status(status, f"{status} without a word of Slack's", after_seconds)
    # 500 is where Slack says fatal_error: part of it may be done. Gateways answer the others.
    return replace(verdict, answer=Answer.AMBIGUOUS) if status == 500 else verdict
