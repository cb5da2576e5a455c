"""What a config may say but hardly means: warnings."""

from collections.abc import Iterable, Mapping

from bridge.configuration.covering import CLOSED, covers, takes_nothing
from bridge.configuration.problems import KeyPath, did_you_mean
from bridge.configuration.references import walk
from bridge.configuration.source import Source
from bridge.configuration.tree import ListNode, MapNode, Node, Scalar, get
from bridge.matching import compile_condition
from bridge.routing import Route, Routes
from bridge.settings import ChannelSettings
from bridge.web.settings import Auth, ConsoleSettings, ServerSettings

MIN_TOKEN = 16  # characters; fewer can be guessed


def suspect(source: Source, routes: Routes, channels: Mapping[str, ChannelSettings]) -> None:
    """Warn of routes and channels that do nothing."""
    paths = {name: path for path, name, _node in walk(source.get("routes"), ("routes",))}
    _suspect_covered(source, routes.tree, paths)
    _suspect_impossible(source)
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
        if any(map(takes_nothing, route.conditions)):
            continue  # that is said by itself, and what takes nothing covers nothing
        cover = next((each for each in above if covers(each.conditions, route.conditions)), None)
        if cover:
            shown = _shown(source, cover, paths[cover.name])
            source.warn(paths[route.name], f"can never match: {shown} above takes all that it would")
        if not route.goes_on:
            above.append(route)
        _suspect_covered(source, route.children, paths)


def _suspect_impossible(source: Source) -> None:
    """Warn of what no alarm says in a field that has few values, a text at a time."""
    for path, _name, route in walk(source.get("routes"), ("routes",)):
        match = get(route, "match")
        for field, entry in match.entries.items() if isinstance(match, MapNode) else ():
            if field in CLOSED:
                _suspect_texts(source, field, entry.node, (*path, "match", field))


def _suspect_texts(source: Source, field: str, node: Node, path: KeyPath) -> None:
    listed = isinstance(node, ListNode)
    texts = [item.text for item in (node.items if isinstance(node, ListNode) else [node]) if isinstance(item, Scalar)]
    *others, last = [str(value) or '""' for value in CLOSED[field]]
    known = f"{', '.join(others)} or {last}"
    wrong = [place for place, text in enumerate(texts) if takes_nothing(compile_condition(field, [text]))]
    for place in wrong:
        hint = did_you_mean(texts[place].removeprefix("="), filter(None, CLOSED[field]))
        where = (*path, place) if listed else path
        source.warn(where, f"can never match: no route sees this {field}, only {known}{hint}")
    if not wrong and takes_nothing(compile_condition(field, texts)):
        source.warn(path, f"can never match: whether the {field} is {known}, it is not taken")


def _shown(source: Source, route: Route, path: KeyPath) -> str:
    """Name a route, or its line: its name by position counts from 1, the path before it from 0."""
    return f'"{route.name}"' if source.get(*path, "name") else f"the route in line {source.line(path)}"


def _suspect_bare(source: Source) -> None:
    for path, _name, node in walk(source.get("routes"), ("routes",)):
        if len(path) == 2 and not get(node, "channels") and not get(node, "routes"):
            source.warn(path, "has neither channels nor routes: what it matches goes to default_channels")
