"""Slack by bot token: posts, answers in the thread, and updates what it posted, through slack-sdk.

slack-sdk is left no choice of its own: it neither tries again (a POST lost on the way would be made
twice), nor follows redirects, nor looks for a proxy, nor logs.
"""

import logging
import re
from collections.abc import Hashable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from yarl import URL

from bridge.channels.answers import FAILURES
from bridge.channels.http import HttpSettings, Writing, parse_url
from bridge.channels.kind import Finding, Kind, Tools
from bridge.channels.line import Line, unusable
from bridge.channels.slack_answers import UNREADABLE, judge_wordless, taken, without_fault, words
from bridge.channels.slack_codes import Meaning, meaning_of, verdict_of
from bridge.channels.slack_search import Search, metadata_of, permalink
from bridge.channels.slack_webhook import arguments_of, not_slack, without_it
from bridge.clock import EPOCH
from bridge.message import Answer, Call, Message, Receipt, Step, Verdict
from bridge.settings import DigestOver, OptionalRate, Rate, RecoveredSteps, RepeatSteps, Secret

POST = "chat.postMessage"
UPDATE = "chat.update"
ASK = "auth.test"
ASKING = Call(step=Step.POST, message=Message(text="", plain=""), delivery_id="", sent_at=EPOCH)  # as it is judged
UPDATES_A_SECOND = 50 / 60  # tier 3 of Slack's limits
UPDATABLE = ("text", "blocks", "attachments", "metadata")  # what chat.update takes of a message's arguments
SILENT = logging.CRITICAL + 1  # slack-sdk's debug lines hold messages, headers and the proxy's password


def _token(secret: Secret) -> Secret:
    text = secret.reveal().strip()
    if re.search(r"[^!-~]", text):
        raise ValueError("must be a token without blanks")
    if text.startswith("xapp-"):
        raise ValueError('must be a bot token ("xoxb-…"), not an app-level token')
    return Secret(text)


def _conversation(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"#?[^\s#@<>]+", value.strip()):
        raise ValueError('must be a channel such as "#ops" (quoted: # begins a comment in YAML) or "C0123456789"')
    return value.strip()


def _api_url(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("must be a URL")  # noqa: TRY004 - pydantic shows ValueErrors only
    parse_url(value)
    return value if value.endswith("/") else f"{value}/"


class SlackSettings(HttpSettings):
    """A channel of type `slack`."""

    keep_alive = False  # an idle connection may be closed while a message goes out: was it taken?

    type: Literal["slack"] = "slack"
    token: Annotated[Secret, AfterValidator(_token)]
    channel: Annotated[str, BeforeValidator(_conversation)]
    api_url: Annotated[str, BeforeValidator(_api_url)] = "https://slack.com/api/"
    on_repeat: RepeatSteps = (Step.UPDATE,)
    on_recovered: RecoveredSteps = (Step.UPDATE, Step.THREAD)
    rate: OptionalRate = Rate(1.0)
    digest_over: DigestOver = 20

    @property
    def address(self) -> URL:
        """Where Slack's methods are."""
        return URL(self.api_url)

    @property
    def room(self) -> Hashable:
        """Slack counts posts by app and room."""
        return (self.api_url, self.token, self.channel.removeprefix("#"))

    @property
    def methods(self) -> Mapping[Step, tuple[Hashable, float]]:
        """Slack counts updates by app and workspace."""
        return {Step.UPDATE: ((self.api_url, self.token, UPDATE), UPDATES_A_SECOND)}


class Slack:
    """Posts to one Slack channel as the bot of one token."""

    def __init__(self, settings: SlackSettings, tools: Tools) -> None:
        self._settings = settings
        self._line = Line(settings, tools)
        self._client: AsyncWebClient | None = None
        self._search = Search(settings.channel, self._line.after)
        self._id = ""  # of the config's channel, once Slack has said it

    async def post(self, call: Call) -> Verdict:
        """Make the call's step and judge the answer."""
        if call.step is not Step.POST and call.receipt is None:
            return Verdict(answer=Answer.GONE, said="there is no message to update or answer")
        verdict, refusal = await self._made(*method_of(call, self._settings.channel), call)
        is_plain = call.message.payload is None
        if (is_plain or verdict.plain_helps) and (better := without_fault(call, refusal)):
            second, _ = await self._made(*method_of(better, self._settings.channel), better)
            verdict = without_it(second, verdict, self._line)
        if call.step is Step.POST and verdict.receipt:
            self._id = verdict.receipt["channel"]
        return verdict

    async def find(self, call: Call, since: datetime, beside: Receipt | None) -> Finding:
        """Look for what a call posted, where the token's scopes allow it."""
        try:
            client = self._open()
        except ValueError as error:
            return Finding(said=str(error))
        finding = await self._search.find(client, call, since, beside)
        return replace(finding, said=self._line.clean(finding.said))

    async def link(self, receipt: Receipt) -> str:
        """Give the address of a message."""
        try:
            return await permalink(self._open(), receipt)
        except ValueError:
            return ""

    async def ask(self) -> Verdict:
        """Ask whether the token is taken, without posting; of the channel that says nothing."""
        return (await self._made(ASK, {}, ASKING))[0]

    async def _made(self, method: str, arguments: dict[str, Any], call: Call) -> tuple[Verdict, Any]:
        """Make one call; give its verdict, and what Slack said where that was no."""
        try:
            client = self._open()
        except ValueError as error:
            return unusable(error), None
        writing, refusal = Writing(), None
        try:
            answer = await client.api_call(method, json=arguments)
        except SlackApiError as error:
            refusal = getattr(error.response, "data", None)
            verdict = self._judge(error.response, call)
        except UNREADABLE:
            verdict = not_slack(200, "200 that cannot be read", is_page=False)
        except FAILURES as error:
            verdict = self._line.failed(error, may_have_arrived=writing.begun)
        else:
            verdict = taken(answer.data, call)
        return replace(verdict, said=self._line.clean(verdict.said)), refusal

    def wire(self, call: Call) -> Mapping[str, Any]:
        """Give the method's arguments; a step without a message to update or answer is shown as a post."""
        if call.receipt is None:
            call = replace(call, step=Step.POST)
        return method_of(call, self._settings.channel)[1]

    async def close(self) -> None:
        """Close the connections."""
        await self._line.close()
        self._client = None

    def _open(self) -> AsyncWebClient:
        if self._client is None:
            self._client = open_client(self._settings, self._line)
        return self._client

    def _judge(self, response: Any, call: Call) -> Verdict:
        """Judge a refusal: by Slack's code where there is one, whatever the status; else by the status."""
        status = getattr(response, "status_code", None) or response.status
        data = getattr(response, "data", None)
        after_seconds = self._line.after(response.headers.get("Retry-After"))
        if isinstance(data, Mapping) and isinstance(code := data.get("error"), str) and code:
            meaning = meaning_of(code, is_plain=call.message.payload is None)
            if meaning is Meaning.DESTINATION and self._is_elsewhere(call):
                meaning = Meaning.GONE
            return verdict_of(meaning, words(status, data), status=status, after_seconds=after_seconds, step=call.step)
        return judge_wordless(status, response.headers.get("Content-Type", ""), after_seconds)

    def _is_elsewhere(self, call: Call) -> bool:
        """Say whether the message stands in what may be another channel than today's config names."""
        return call.receipt is not None and call.receipt["channel"] not in {self._settings.channel, self._id}


def open_client(settings: SlackSettings, line: Line) -> AsyncWebClient:
    """Open slack-sdk's client on the line's session."""
    silence = logging.getLogger(f"{__name__}.sdk")
    silence.setLevel(SILENT)
    client = AsyncWebClient(
        settings.token.reveal(),
        base_url=settings.api_url,
        session=line.session(),
        retry_handlers=[],
        logger=silence,
    )
    client.proxy = None  # it found HTTPS_PROXY by itself, deaf to NO_PROXY; the session has the right one
    return client


def method_of(call: Call, channel: str) -> tuple[str, dict[str, Any]]:
    """Give the method and its arguments for a step."""
    said = arguments_of(call.message) | metadata_of(call)
    if call.step is Step.POST or call.receipt is None:
        return POST, {"channel": channel, **said}
    place = {"channel": call.receipt["channel"]}
    if call.step is Step.UPDATE:
        return UPDATE, {**place, "ts": call.receipt["ts"], "parse": "none", **_replacing(said)}
    answer = {**place, "thread_ts": call.receipt["ts"], **said}
    return POST, {**answer, "reply_broadcast": True} if call.step is Step.BROADCAST else answer


def _replacing(said: Mapping[str, Any]) -> dict[str, Any]:
    """Name blocks and attachments, those that there are not, too: chat.update may keep what is not named."""
    return {"blocks": [], "attachments": [], **{name: said[name] for name in UPDATABLE if name in said}}


KIND = Kind(
    settings=SlackSettings,
    open=Slack,
    steps=frozenset({Step.POST, Step.UPDATE, Step.THREAD, Step.BROADCAST}),
    formats=("slack.json", "mrkdwn"),
    dialect="slack",
    chat=True,
    idempotent=False,
    one_by_one=True,
)
