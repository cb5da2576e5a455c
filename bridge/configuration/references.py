"""Names that refer to other names, and matches: checked on the tree, whatever else is wrong."""

from collections.abc import Iterator

from bridge.configuration.problems import KeyPath, did_you_mean
from bridge.configuration.source import Source
from bridge.configuration.tree import ListNode, MapNode, Node, Scalar, get
from bridge.configuration.values import is_null
from bridge.configuration.yaml_tree import QUOTE_IT
from bridge.matching import FIELDS, MAPPINGS, MatchError, compile_condition, field_name
from bridge.routing import route_name
from bridge.settings import Record, is_off
from bridge.web.settings import Address, ConsoleSettings, ServerSettings, address


def check_references(source: Source) -> None:
    """Note each name that nothing bears, each match that cannot be understood, and open listeners."""
    channels = source.get("channels")
    names = list(channels.entries) if isinstance(channels, MapNode) else []
    _check_names(source, source.get("default_channels"), ("default_channels",), names)
    taken: dict[str, int] = {}
    for path, name, node in walk(source.get("routes"), ("routes",)):
        _check_names(source, get(node, "channels"), (*path, "channels"), names)
        _check_given(source, node, path)
        _check_match(source, get(node, "match"), (*path, "match"))
        _check_name(source, (*path, "name") if get(node, "name") else path, name, taken)
    _check_fallbacks(source, names)
    _check_listeners(source)


def walk(node: Node | None, path: KeyPath, parent: str = "") -> Iterator[tuple[KeyPath, str, MapNode]]:
    """Give path, name and node of each route, children after their parent."""
    for place, route in enumerate(node.items if isinstance(node, ListNode) else ()):
        if isinstance(route, MapNode):
            own = get(route, "name")
            name = route_name(own.text if isinstance(own, Scalar) else None, place + 1, parent)
            yield (*path, place), name, route
            yield from walk(get(route, "routes"), (*path, place, "routes"), name)


def _check_names(source: Source, node: Node | None, path: KeyPath, known: list[str]) -> None:
    for place, item in enumerate(node.items if isinstance(node, ListNode) else ()):
        if isinstance(item, Scalar):
            _check_channel(source, item, (*path, place), known)


def _check_channel(source: Source, item: Scalar, path: KeyPath, known: list[str]) -> None:
    if item.text not in known:
        listed = ", ".join(known) if known else "there are none"
        source.wrong(path, f"no channel has this name{did_you_mean(item.text, known) or f' ({listed})'}")


def _check_name(source: Source, path: KeyPath, name: str, taken: dict[str, int]) -> None:
    line = source.line(path)
    if name in taken:
        source.wrong(path, f"another route has this name, in line {taken[name]}")
    taken.setdefault(name, line)


def _check_given(source: Source, route: MapNode, path: KeyPath) -> None:
    """Refuse `match:` and `channels:` with nothing behind them: they would take, or be sent, everything."""
    for key, words in (("match", "leave it out to match everything"), ("channels", "[] is nowhere")):
        node = get(route, key)
        if node is not None and is_null(node):
            source.wrong((*path, key), f"has no value; {words}")


def _check_match(source: Source, match: Node | None, path: KeyPath) -> None:
    if not isinstance(match, MapNode):
        return
    for key, entry in match.entries.items():
        try:
            field_name(key)
        except MatchError as error:
            known = [*FIELDS, *(f"{head}.{key.partition('.')[2]}" for head in MAPPINGS if "." in key)]
            hint = f"; write {key}.KEY" if key in MAPPINGS else did_you_mean(key, known)
            source.wrong((*path, key), f"{error}{hint}")
            continue
        _check_condition(source, key, entry.node, (*path, key))


def _check_condition(source: Source, field: str, node: Node, path: KeyPath) -> None:
    """Check the texts one by one, so that the mistake's own line is named."""
    if isinstance(node, ListNode) and not node.sign:
        for place, item in enumerate(node.items):
            _check_text(source, field, item, (*path, place))
        if not node.items:
            source.wrong(path, "must not be an empty list: nothing would match it")
    else:
        _check_text(source, field, node, path)


def _check_text(source: Source, field: str, node: Node, path: KeyPath) -> None:
    if node.sign:
        source.wrong(path, QUOTE_IT.format(node.sign))
    elif is_null(node):
        source.wrong(path, 'has no value; "" matches a field that is absent or empty')
    elif not isinstance(node, Scalar):
        source.wrong(path, "must be a text or a list of texts")
    else:
        try:
            compile_condition(field, [node.text])
        except MatchError as error:
            source.wrong(path, str(error))


def _check_fallbacks(source: Source, names: list[str]) -> None:
    targets: dict[str, str] = {}
    for name in names:
        node = source.get("channels", name, "fallback")
        if isinstance(node, Scalar):
            _check_channel(source, node, ("channels", name, "fallback"), names)
            targets[name] = node.text
    for name in names:
        if name in _after(name, targets):
            source.wrong(("channels", name, "fallback"), "leads back to this channel: name another, or none")


def _after(name: str, targets: dict[str, str]) -> list[str]:
    """Follow the fallbacks from a channel, as far as they are new."""
    seen: list[str] = []
    while name in targets and targets[name] not in seen:
        name = targets[name]
        seen.append(name)
    return seen


def _check_listeners(source: Source) -> None:
    """Refuse a console that strangers reach, and two listeners in one place."""
    console, public = _listens(source, "console", ConsoleSettings), _listens(source, "server", ServerSettings)
    if console is None:
        return
    auth = source.get("console", "auth")
    if not console.is_loopback and (auth is None or (isinstance(auth, Scalar) and is_off(auth.text))):
        source.wrong(("console", "auth"), "tokens or basic are needed, since console.listen is not on loopback")
    if public is not None and console.meets(public):
        own = source.get("console", "listen") is not None
        path, other = ("console", f"server.listen ({public})") if own else ("server", f"console.listen ({console})")
        source.wrong((path, "listen"), f"meets {other}: each needs a port of its own")


def _listens(source: Source, name: str, settings: type[Record]) -> Address | None:
    """Give where a listener is to listen; None where it is off, or no address."""
    node = source.get(name, "listen")
    if node is None or is_null(node):
        default: Address = settings.model_fields["listen"].default
        return default
    if not isinstance(node, Scalar) or is_off(node.text):
        return None
    try:
        return address(node.text)
    except ValueError:
        return None
