"""What a config may say but hardly means: warnings."""

from collections.abc import Iterable, Mapping

from bridge.configuration.covering import covers
from bridge.configuration.problems import KeyPath
from bridge.configuration.references import walk
from bridge.configuration.source import Source
from bridge.configuration.tree import get
from bridge.routing import Route, Routes
from bridge.settings import ChannelSettings
from bridge.web.settings import Auth, ConsoleSettings, ServerSettings

MIN_TOKEN = 16  # characters; fewer can be guessed


def suspect(source: Source, routes: Routes, channels: Mapping[str, ChannelSettings]) -> None:
    """Warn of routes and channels that do nothing."""
    paths = {name: path for path, name, _node in walk(source.get("routes"), ("routes",))}
    _suspect_covered(source, routes.tree, paths)
    _suspect_bare(source)
    used = {name for route in routes.all for name in route.channels} | set(routes.default_channels)
    used |= {settings.fallback for settings in channels.values() if settings.fallback}
    for name in channels:
        if name not in used:
            source.warn(("channels", name), "nobody uses this channel: no route, default_channels or fallback names it")
    if not routes.default_channels:
        source.warn(("default_channels",), "is empty: what no route matches is posted nowhere")


def suspect_access(source: Source, server: ServerSettings, console: ConsoleSettings) -> None:
    """Warn of listeners that are open, and of tokens that can be guessed."""
    if server.auth is None and not server.listen.is_loopback:
        source.warn(("server", "auth"), f"is off, and {server.listen} is not loopback: whoever reaches it may post")
    for section, auth in (("server", server.auth), ("console", console.auth)):
        for place, token in enumerate(auth.tokens if isinstance(auth, Auth) else ()):
            if len(token.reveal()) < MIN_TOKEN:
                source.warn(
                    (section, "auth", "tokens", place), f"is shorter than {MIN_TOKEN} characters: easy to guess"
                )


def _suspect_covered(source: Source, routes: Iterable[Route], paths: Mapping[str, KeyPath]) -> None:
    above: list[Route] = []
    for route in routes:
        cover = next((each for each in above if covers(each.conditions, route.conditions)), None)
        if cover:
            shown = _shown(source, cover, paths[cover.name])
            source.warn(paths[route.name], f"can never match: {shown} above takes all that it would")
        if not route.goes_on:
            above.append(route)
        _suspect_covered(source, route.children, paths)


def _shown(source: Source, route: Route, path: KeyPath) -> str:
    """Name a route, or its line: its name by position counts from 1, the path before it from 0."""
    return f'"{route.name}"' if source.get(*path, "name") else f"the route in line {source.line(path)}"


def _suspect_bare(source: Source) -> None:
    for path, _name, node in walk(source.get("routes"), ("routes",)):
        if len(path) == 2 and not get(node, "channels") and not get(node, "routes"):
            source.warn(path, "has neither channels nor routes: what it matches goes to default_channels")
