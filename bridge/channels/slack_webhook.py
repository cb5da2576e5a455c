"""Slack's incoming webhooks: post a message, hear `ok` or one word of why not."""

import re
from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator
from yarl import URL

from bridge.channels.answers import FAILURES, judge_status
from bridge.channels.encoding import json_bytes
from bridge.channels.http import HttpSettings, Writing, parse_url
from bridge.channels.kind import Kind, Tools
from bridge.channels.line import Line, unusable
from bridge.channels.mending import mended
from bridge.channels.slack_codes import WEBHOOK_CODES, meaning_of, verdict_of
from bridge.message import Answer, Call, Message, Step, Verdict
from bridge.settings import DigestOver, OptionalRate, Rate, RecoveredSteps, RepeatSteps, Secret

# What a template may say in a message. The rest is the channel's to say (channel, thread_ts), or would
# let data mention people (link_names, parse).
ARGUMENTS = (
    "text",
    "blocks",
    "attachments",
    "metadata",
    "mrkdwn",
    "username",
    "icon_emoji",
    "icon_url",
    "unfurl_links",
    "unfurl_media",
)
QUIET = {"unfurl_links": False, "unfurl_media": False}  # an alarm's links need no preview
WORKFLOWS = ("/triggers/", "/workflows/")


def _incoming_webhook(secret: Secret) -> Secret:
    if parse_url(secret.reveal()).path.startswith(WORKFLOWS):
        raise ValueError("is the URL of a workflow, which takes no messages: an incoming webhook is needed")
    return secret


class SlackWebhookSettings(HttpSettings):
    """A channel of type `slack_webhook`."""

    keep_alive = False  # an idle connection may be closed while a message goes out: was it taken?

    type: Literal["slack_webhook"] = "slack_webhook"
    url: Annotated[Secret, AfterValidator(_incoming_webhook)]
    on_repeat: RepeatSteps = ()
    on_recovered: RecoveredSteps = (Step.POST,)
    rate: OptionalRate = Rate(1.0)
    digest_over: DigestOver = 20

    @property
    def address(self) -> URL:
        """The webhook's address."""
        return URL(self.url.reveal(), encoded=True)

    @property
    def room(self) -> Hashable:
        """A webhook posts to one room."""
        return (self.type, self.url)


class SlackWebhook:
    """Posts to one incoming webhook, which posts to one Slack channel."""

    def __init__(self, settings: SlackWebhookSettings, tools: Tools) -> None:
        self._line = Line(settings, tools)
        self._address = settings.address

    async def post(self, call: Call) -> Verdict:
        """Post the message and judge the answer; a message whose fault is named goes out once more without it."""
        verdict, word = await self._made(call)
        payload = mended(call.message.payload or {}, word, ()) if verdict.plain_helps else None
        if payload:
            second, _ = await self._made(replace(call, message=replace(call.message, payload=payload)))
            verdict = without_it(second, verdict, self._line)
        return verdict

    async def _made(self, call: Call) -> tuple[Verdict, str]:
        """Make one call; give its verdict, and the word that Slack said."""
        try:
            session = self._line.session()
            body = json_bytes(self.wire(call))
        except ValueError as error:
            return unusable(error), ""
        writing = Writing()
        try:
            async with session.post(
                self._address, data=body, headers={"Content-Type": "application/json; charset=utf-8"}
            ) as response:
                answer = (await response.read()).decode("utf-8", "replace")
        except FAILURES as error:
            return self._line.failed(error, may_have_arrived=writing.begun), ""
        after_seconds = self._line.after(response.headers.get("Retry-After"))
        verdict = judge(response.status, answer, after_seconds, is_plain=call.message.payload is None)
        return replace(verdict, said=self._line.clean(verdict.said)), _word(answer)

    def wire(self, call: Call) -> Mapping[str, Any]:
        """Give the message's arguments."""
        return arguments_of(call.message)

    async def close(self) -> None:
        """Close the connections."""
        await self._line.close()


def arguments_of(message: Message) -> dict[str, Any]:
    """Give what a Slack message says: the payload's arguments, or the text alone."""
    if message.payload is None:
        return {**QUIET, "text": message.text}
    given = {name: message.payload[name] for name in ARGUMENTS if message.payload.get(name) is not None}
    if not given.keys() & {"text", "blocks", "attachments"}:
        given["text"] = message.text
    return {**QUIET, **given}


def without_it(second: Verdict, first: Verdict, line: Line) -> Verdict:
    """Give the verdict on a message that went out without what Slack refused at first."""
    without = line.clean(f"without what Slack refused: {first.said}")
    return replace(second, said=f"{second.said}; {without}", calls=2, without=without)


def judge(status: int, answer: str, after_seconds: float | None, *, is_plain: bool) -> Verdict:
    """Judge an answer: taken is 200 with `ok`, or with JSON whose `ok` is true; nothing else."""
    word = _word(answer)
    said = f"{status} {answer}".strip()
    if status == 200 and word == "ok":
        return Verdict(answer=Answer.SENT, said=said, status=status)
    if word in WEBHOOK_CODES:
        meaning = WEBHOOK_CODES[word]
    elif word and status in {200, 400}:
        meaning = meaning_of(word, is_plain=is_plain)
    elif 200 <= status < 300:
        return not_slack(status, said, is_page="<" in answer)
    else:
        return judge_status(status, said, after_seconds)
    return verdict_of(meaning, said, status=status, after_seconds=after_seconds, step=Step.POST)


def not_slack(status: int, said: str, *, is_page: bool) -> Verdict:
    """Judge a 2xx that is no answer of Slack's.

    A page is somebody else's (a log-in, a proxy): Slack never saw the message. Half an answer may be
    Slack's own, cut off.
    """
    if is_page:
        return Verdict(answer=Answer.RETRY, said=f"a page that is not Slack's: {said}", status=status)
    return Verdict(answer=Answer.AMBIGUOUS, said=f"not an answer that Slack gives: {said}", status=status)


def _word(answer: str) -> str:
    """Read Slack's one word from plain text or JSON; empty where there is none."""
    text = answer.strip()
    try:
        read = orjson.loads(text)
    except orjson.JSONDecodeError:
        read = text
    if isinstance(read, dict):
        text = "ok" if read.get("ok") is True else str(read.get("error", ""))
    elif not isinstance(read, str):
        text = ""
    return text if re.fullmatch(r"[a-z][a-z0-9_]{1,63}", text) else ""


KIND = Kind(
    settings=SlackWebhookSettings,
    open=SlackWebhook,
    steps=frozenset({Step.POST}),
    formats=("slack.json", "mrkdwn"),
    dialect="slack",
    sets=("slack",),
    chat=True,
    idempotent=False,
    one_by_one=True,
)
