"""Who the bot of a token is: the workspace, the bot, and what its scopes allow (auth.test, 2026)."""

from collections.abc import Mapping
from typing import Any

from slack_sdk.errors import SlackApiError

from bridge.channels.answers import FAILURES
from bridge.channels.kind import Introduction, Tools
from bridge.channels.line import Line
from bridge.channels.slack import SlackSettings, open_client
from bridge.channels.slack_answers import UNREADABLE
from bridge.message import Message

NEEDED = "chat:write"
TO_DISGUISE, DISGUISE = "chat:write.customize", ("username", "icon_emoji", "icon_url")  # of a template
UNINVITED = "chat:write.public"
TO_LOOK = {"C": "channels:read", "G": "groups:read"}  # by the first letter of a conversation's id
TO_FIND = frozenset({"channels:history", "groups:history"})  # in public channels, in private ones


async def introduce(settings: SlackSettings, tools: Tools, message: Message) -> Introduction:
    """Ask Slack who the token's bot is, and whether it is in the channel, as far as its scopes allow.

    `message` is to be posted there: it may need a scope of its own.
    """
    line = Line(settings, tools)
    try:
        client = open_client(settings, line)
        answer = await client.api_call("auth.test")
        scopes = _scopes(answer.headers)
        lines = [_who(answer.data if isinstance(answer.data, Mapping) else {}), _may_write(scopes)]
        lines += [_may_disguise(scopes, message.payload or {})]
        lines += [await _membership(client, settings.channel, scopes), _may_find(scopes)]
        return Introduction(lines=tuple(line.clean(text) for text in lines if text))
    except SlackApiError as error:
        code = error.response.get("error") if isinstance(error.response.data, Mapping) else ""
        return Introduction(lines=(), problem=line.clean(f"auth.test: {code or 'an answer that is not Slack’s'}"))
    except UNREADABLE:
        return Introduction(lines=(), problem="auth.test: an answer that is not Slack’s")
    except FAILURES as error:
        said = line.failed(error, may_have_arrived=False).said
        return Introduction(lines=(), problem=line.clean(f"auth.test: {said}"))
    finally:
        await line.close()


def _who(data: Mapping[str, Any]) -> str:
    team = data.get("team") or data.get("team_id") or "unnamed"
    place = f" ({data['url']})" if data.get("url") else ""
    return f"workspace {team}{place}, bot {data.get('user') or data.get('user_id') or 'unnamed'}"


def _scopes(headers: Mapping[str, Any]) -> frozenset[str] | None:
    """Read the token's scopes; None where Slack does not tell."""
    given = next((value for name, value in headers.items() if name.lower() == "x-oauth-scopes"), None)
    if given is None:
        return None
    text = ",".join(given) if isinstance(given, list) else str(given)
    return frozenset(scope.strip() for scope in text.split(",") if scope.strip())


def _may_write(scopes: frozenset[str] | None) -> str:
    if scopes is None:
        return "scopes: Slack does not name them"
    if NEEDED not in scopes:
        return f"scopes: {NEEDED} is missing: add it under OAuth & Permissions and install the app again"
    return f"scopes: {NEEDED} is there"


def _may_disguise(scopes: frozenset[str] | None, payload: Mapping[str, Any]) -> str:
    """Say what a template's own name and icon need, where it has any."""
    wanted = " and ".join(f"`{name}`" for name in DISGUISE if payload.get(name))
    if scopes is None or not wanted or TO_DISGUISE in scopes:
        return ""
    return f"{TO_DISGUISE} is missing, which {wanted} of the template needs: add it and install the app again"


def _may_find(scopes: frozenset[str] | None) -> str:
    """Say what becomes of a message whose answer is lost."""
    if scopes is None:
        return ""
    if found := sorted(scopes & TO_FIND):
        return f"a message whose answer is lost is looked for before it is posted again ({', '.join(found)})"
    return "a message whose answer is lost is posted again: channels:history, which nothing else needs, is missing"


async def _membership(client: Any, channel: str, scopes: frozenset[str] | None) -> str:
    """Say whether the bot is in the channel: of an id alone that can be asked, and with a scope alone."""
    unchecked = f"whether the bot is in {channel} was not checked"
    wanted = TO_LOOK.get(channel[:1])
    if wanted is None or channel.startswith("#"):
        return f"{unchecked}: Slack is asked by id alone, such as C0123456789, and this is a name"
    if scopes is not None and wanted not in scopes:
        return f"{unchecked}: the scope {wanted} is missing, which nothing else needs"
    try:
        answer = await client.api_call("conversations.info", data={"channel": channel})
    except SlackApiError as error:
        return f"{unchecked}: {error.response.get('error')}"
    found = answer.data.get("channel") if isinstance(answer.data, Mapping) else None
    if not isinstance(found, Mapping):
        return f"{unchecked}: Slack does not say"
    return _seat(found, channel, scopes or frozenset())


def _seat(found: Mapping[str, Any], channel: str, scopes: frozenset[str]) -> str:
    name = found.get("name") or channel
    if found.get("is_member"):
        return f"the bot is in #{name}"
    if UNINVITED in scopes and not found.get("is_private"):
        return f"the bot is not in #{name}, and may post there all the same ({UNINVITED})"
    return f"the bot is not in #{name}: /invite it there"
