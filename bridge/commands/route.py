"""`route`: which channels a callback would go to, and why."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from bridge.alarm import ROUTED, State
from bridge.commands.callbacks import OneCallback, StateAmong, read_callback
from bridge.commands.configs import DEFAULT_CONFIG, ConfigFile, load_config
from bridge.commands.hearing import Hearing, hear, is_verification
from bridge.commands.output import DIM, GREEN, paint, say, say_json, visible
from bridge.config import Config
from bridge.routing import RouteAnswer


def route(
    *,
    callback: OneCallback,
    config: ConfigFile = DEFAULT_CONFIG,
    state: Annotated[
        State | None,
        typer.Option(
            metavar="STATE",
            parser=StateAmong(*ROUTED),
            autocompletion=StateAmong(*ROUTED).complete,
            help="triggered, repeat, escalated or recovered. Unless given, a firing callback counts as triggered.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say which routes match a callback, and why, as though its alarm had never been heard of."""
    settings = load_config(config, secrets=False).config
    hearing = hear(read_callback(callback).body, state, datetime.now(UTC))
    channels, answers = _routed(settings, hearing)
    if as_json:
        say_json(_as_json(hearing, channels, answers))
    else:
        _print(hearing, channels, answers)


def _routed(config: Config, hearing: Hearing) -> tuple[list[str], list[RouteAnswer]]:
    """Give the channels and each route's answer; routes are not asked about what is no alarm."""
    if hearing.alarm is not None:
        chosen = config.routes.choose(hearing.alarm, hearing.state)
        return [choice.channel for choice in chosen], config.routes.explain(hearing.alarm, hearing.state)
    why = "not asked: a check of the URL" if is_verification(hearing) else "not asked: the callback is no alarm"
    channels = [] if is_verification(hearing) else list(dict.fromkeys(config.default_channels))
    return channels, [RouteAnswer(name=route.name, matched=False, why=why) for route in config.routes.all]


def _as_json(hearing: Hearing, channels: list[str], answers: list[RouteAnswer]) -> dict[str, Any]:
    routes = [{"name": answer.name, "matched": answer.matched, "why": answer.why} for answer in answers]
    return {"state": _state(hearing), "channels": channels, "routes": routes}


def _state(hearing: Hearing) -> str:
    return "verification" if is_verification(hearing) else hearing.state.value


def _print(hearing: Hearing, channels: list[str], answers: list[RouteAnswer]) -> None:
    say(f"{_state(hearing)}: {', '.join(channels) or 'posted nowhere'}{_by_default(hearing, answers)}")
    if hearing.reading.problem:
        say(f"  {hearing.reading.problem}")
    width = max((len(answer.name) for answer in answers), default=0)
    for answer in answers:
        yes_or_no = paint("yes", GREEN) if answer.matched else paint("no ", DIM)
        say(f"  {yes_or_no}  {answer.name:<{width}}  {visible(answer.why)}")


def _by_default(hearing: Hearing, answers: list[RouteAnswer]) -> str:
    if is_verification(hearing) or any(answer.matched for answer in answers):
        return ""
    return " (default_channels: no route matches)" if hearing.alarm else " (default_channels: it is no alarm)"
