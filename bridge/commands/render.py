"""`render`: exactly what would be posted for a callback, and where."""

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from bridge.alarm import State
from bridge.channels import KINDS, tools_of
from bridge.commands.callbacks import OneCallback, StateAmong, read_callback
from bridge.commands.configs import DEFAULT_CONFIG, ConfigFile, complete_channel, load_config
from bridge.commands.hearing import NUMBER, TOLD, Hearing, event_of, hear, is_verification
from bridge.commands.output import BOLD, PROBLEM, WRONG_USAGE, complain, fail, paint, say, say_json, spell_json
from bridge.composing import channel_view, route_view
from bridge.config import Config
from bridge.configuration.problems import did_you_mean
from bridge.message import Call, Message, Step
from bridge.planning import plan_of, steps_for
from bridge.rendering import Renderer, Telling
from bridge.rereading import alarm_of
from bridge.routing import Choice
from bridge.settings import ChannelSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """What one channel would be sent; no payload where it stays silent."""

    channel: str
    type: str
    payload: Mapping[str, Any] | None
    problem: str = ""  # of the template: the payload is then the plain text


def render(
    *,
    callback: OneCallback,
    config: ConfigFile = DEFAULT_CONFIG,
    channel: Annotated[
        str,
        typer.Option(
            metavar="NAME", show_default=False, autocompletion=complete_channel, help="Print this channel's alone."
        ),
    ] = "",
    state: Annotated[
        State | None,
        typer.Option(
            metavar="STATE",
            parser=StateAmong(*TOLD),
            autocompletion=StateAmong(*TOLD).complete,
            help=f"One of {', '.join(TOLD)}. Unless given, a firing callback counts as triggered. "
            "Times stay as received.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print exactly what would be posted for a callback, as though its alarm had never been heard of."""
    settings = load_config(config, secrets=False).config
    _check_channel(channel, settings)
    hearing = hear(read_callback(callback).body, state, datetime.now(UTC))
    postings = [each for each in _postings(settings, hearing) if channel in {"", each.channel}]
    if as_json:
        say_json([_as_json(posting) for posting in postings if posting.payload is not None])
    else:
        _print(postings)
    if not postings:
        complain(_nowhere(hearing, channel, settings))
    if _complain_of_templates(postings):
        raise typer.Exit(PROBLEM)


def _check_channel(name: str, config: Config) -> None:
    if name and name not in config.channels:
        hint = did_you_mean(name, config.channels) or f"; there are: {', '.join(config.channels) or 'none'}"
        fail(f"--channel {name}: the config has no channel of that name{hint}", WRONG_USAGE)


def _postings(config: Config, hearing: Hearing) -> Iterator[Posting]:
    renderer = Renderer(config.templates)
    for choice in _chosen(config, hearing):
        settings = config.channels[choice.channel]
        if not _speaks(settings, choice, hearing):
            yield Posting(channel=choice.channel, type=settings.type, payload=None)
            continue
        message = renderer.render(_telling(config, hearing, choice, settings))
        payload = _wire(settings, message, hearing)
        yield Posting(channel=choice.channel, type=settings.type, payload=payload, problem=message.problem)


def _chosen(config: Config, hearing: Hearing) -> tuple[Choice, ...]:
    if is_verification(hearing):
        return ()
    if hearing.alarm is None:
        return tuple(Choice(channel=name, route=None) for name in dict.fromkeys(config.default_channels))
    return config.routes.choose(hearing.alarm, hearing.routed_as)


def _speaks(settings: ChannelSettings, choice: Choice, hearing: Hearing) -> bool:
    """Say whether the channel posts anything in this state."""
    kind = hearing.alarm.kind if hearing.alarm else ""
    return bool(steps_for(hearing.state, plan_of(settings), choice.route, kind=kind))


def _telling(config: Config, hearing: Hearing, choice: Choice, settings: ChannelSettings) -> Telling:
    event = event_of(hearing)
    channel = channel_view(choice.channel, settings, config.language, config.timezone)
    return Telling(
        event=event,
        alarm=alarm_of(hearing.body, event, channel.language),
        body=hearing.body,
        delivery_id=str(NUMBER),
        channel=channel,
        route=route_view(choice.route, settings.mention, hearing.state),
    )


def _wire(settings: ChannelSettings, message: Message, hearing: Hearing) -> Mapping[str, Any]:
    """Give what the channel would send for one post; nothing is connected."""
    tools = tools_of(os.environ, sys.stdout, lambda: hearing.received_at)
    call = Call(
        step=Step.POST,
        message=message,
        delivery_id=str(NUMBER),
        sent_at=hearing.received_at,
        event_id=str(NUMBER),
        episode_id=str(NUMBER),
        state=hearing.state,
    )
    return KINDS[settings.type].open(settings, tools).wire(call)


def _as_json(posting: Posting) -> dict[str, Any]:
    return {"channel": posting.channel, "type": posting.type, "payload": posting.payload}


def _print(postings: list[Posting]) -> None:
    for number, posting in enumerate(postings):
        say(("\n" if number else "") + paint(f"── {posting.channel} ({posting.type})", BOLD))
        say("stays silent in this state" if posting.payload is None else _readable(posting.payload))


def _readable(payload: Mapping[str, Any]) -> str:
    """Print a text that is all there is as it is, and anything more as JSON."""
    if set(payload) == {"text"} and isinstance(payload["text"], str):
        return payload["text"]
    return spell_json(payload)


def _nowhere(hearing: Hearing, channel: str, config: Config) -> str:
    if is_verification(hearing):
        return "a check of the callback URL is never announced"
    others = ", ".join(choice.channel for choice in _chosen(config, hearing))
    if not channel or not others:
        return "the routes give it to no channel; `alarm-bridge route` says why"
    return f"the routes give it to {others}, and not to {channel}; `alarm-bridge route` says why"


def _complain_of_templates(postings: list[Posting]) -> bool:
    problems = list(dict.fromkeys(posting.problem for posting in postings if posting.problem))
    for problem in problems:
        complain(problem)
    return bool(problems)
