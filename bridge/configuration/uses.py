"""What the config asks of channels that their kinds cannot do: mentions, template sets, steps, digests."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bridge.channels import KINDS, Kind
from bridge.configuration.problems import KeyPath, did_you_mean
from bridge.configuration.source import Source
from bridge.configuration.tree import ListNode, MapNode, Node, Scalar, get
from bridge.rendering import builtin_templates
from bridge.web.settings import Address

# Slack, "Formatting message text" (2026); a name may follow the id.
SLACK_MENTION = re.compile(r"<(!here|!channel|!everyone|@[UW]\w+|!subteam\^S\w+)(\|[^<>]*)?>")
NO_MENTION = "mentions nobody in Slack, which takes <!here>, <!channel>, <!everyone>, <@U…> and <!subteam^S…>"
GROUPS = ("here", "channel", "everyone")
SLACK_HOSTS = ("hooks.slack.com", "hooks.slack-gov.com")
SAYS_NO_IN_200 = {  # host → platform, and the key of its answers that is 0 where a message was taken
    "qyapi.weixin.qq.com": ("WeCom", "errcode"),
    "oapi.dingtalk.com": ("DingTalk", "errcode"),
    "open.feishu.cn": ("Feishu", "code"),
    "open.larksuite.com": ("Lark", "code"),
}
STEP_KEYS = ("on_repeat", "on_recovered")
Kinds = Mapping[str, Kind]  # of each channel whose type is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A channel or a route, and the channels that its settings reach."""

    path: KeyPath
    node: Node
    channels: tuple[str, ...]


def check_uses(source: Source, templates: Path | None) -> None:
    """Note mentions that mention nobody and template sets that are not there; warn of steps that cannot be."""
    kinds = _kinds(source)
    sets = template_sets([builtin_templates(), *([templates] if templates else [])])
    for place in _places(source, kinds):
        _check_template(source, place, kinds, sets)
        _check_mentions(source, place, kinds)
        for key in STEP_KEYS:
            _check_steps(source, place, key, kinds)
    for name, kind in kinds.items():
        _check_host(source, name)
        over = source.get("channels", name, "digest_over")
        if not kind.chat and isinstance(over, Scalar) and over.text != "0":
            source.warn(("channels", name, "digest_over"), "changes nothing: only chats are told in digests")


def template_sets(roots: Iterable[Path]) -> dict[str, set[str]]:
    """Give the formats of each set of templates in these directories."""
    sets: dict[str, set[str]] = {}
    formats = {form for kind in KINDS.values() for form in kind.formats}
    for file in (each for root in roots for each in root.glob("[!.]*/*.j2")):
        found = {form for form in formats if file.name.endswith(f".{form}.j2")}
        if found:
            sets.setdefault(file.parent.name, set()).update(found)
    return sets


def _kinds(source: Source) -> Kinds:
    section = source.get("channels")
    names = section.entries if isinstance(section, MapNode) else ()
    types = {name: source.get("channels", name, "type") for name in names}
    return {name: KINDS[node.text] for name, node in types.items() if isinstance(node, Scalar) and node.text in KINDS}


def _places(source: Source, kinds: Kinds) -> Iterator[Place]:
    for name in kinds:
        node = source.get("channels", name)
        if node:
            yield Place(path=("channels", name), node=node, channels=(name,))
    yield from _routes(source.get("routes"), ("routes",), _texts(source.get("default_channels")))


def _routes(node: Node | None, path: KeyPath, inherited: tuple[str, ...]) -> Iterator[Place]:
    """Give each route with its own channels and those of its children."""
    for number, route in enumerate(node.items if isinstance(node, ListNode) else ()):
        own = get(route, "channels")
        channels = _texts(own) if isinstance(own, ListNode) else inherited
        below = list(_routes(get(route, "routes"), (*path, number, "routes"), channels))
        reached = dict.fromkeys([*channels, *(name for place in below for name in place.channels)])
        yield Place(path=(*path, number), node=route, channels=tuple(reached))
        yield from below


def _texts(node: Node | None) -> tuple[str, ...]:
    items = node.items if isinstance(node, ListNode) else ()
    return tuple(item.text for item in items if isinstance(item, Scalar))


def _check_template(source: Source, place: Place, kinds: Kinds, sets: Mapping[str, set[str]]) -> None:
    node, path = get(place.node, "template"), (*place.path, "template")
    if not isinstance(node, Scalar) or not node.text:
        return
    if node.text not in sets:
        source.wrong(path, f"no template set has this name{did_you_mean(node.text, sets)}")
        return
    takes = {form for name in place.channels if name in kinds for form in kinds[name].formats}
    if takes and not takes & sets[node.text]:
        source.warn(path, f"the set has no template that its channels take: {', '.join(sorted(takes))}")


def _check_mentions(source: Source, place: Place, kinds: Kinds) -> None:
    if not any(kinds[name].dialect == "slack" for name in place.channels if name in kinds):
        return
    states = get(place.node, "mention")
    for state, entry in states.entries.items() if isinstance(states, MapNode) else ():
        for number, text in enumerate(_texts(entry.node)):
            if not SLACK_MENTION.fullmatch(text):
                group = next((name for name in GROUPS if text.strip("<@!>") == name), "")
                hint = f'; write "<!{group}>"' if group else ""
                source.wrong((*place.path, "mention", state, number), f"{NO_MENTION}{hint}")


def _check_steps(source: Source, place: Place, key: str, kinds: Kinds) -> None:
    can = {step for name in place.channels if name in kinds for step in kinds[name].steps}
    if any(wrong[: len(place.path) + 1] == (*place.path, key) for wrong in source.wrong_paths):
        return
    for number, text in enumerate(_texts(get(place.node, key))):
        if can and text not in can:
            what = "its channel cannot" if len(place.channels) == 1 else "none of its channels can"
            source.warn((*place.path, key, number), f"{what} do this: a new message is posted instead")


def _check_host(source: Source, name: str) -> None:
    """Warn of an incoming webhook that is not Slack's, and of addresses whose 200 means nothing by itself."""
    kind, url = source.get("channels", name, "type"), source.get("channels", name, "url")
    if not isinstance(kind, Scalar) or not isinstance(url, Scalar):
        return
    try:
        host = urlsplit(url.text).hostname or ""
    except ValueError:
        return
    path = ("channels", name, "url")
    is_loopback = Address(host=host, port=0).is_loopback  # somebody tries things out
    if kind.text == "slack_webhook" and host and host not in SLACK_HOSTS and not is_loopback:
        source.warn(path, "is not on hooks.slack.com: only Slack's answers are understood")
    if kind.text == "webhook" and host in SAYS_NO_IN_200 and source.get("channels", name, "success") is None:
        platform, key = SAYS_NO_IN_200[host]
        source.warn(path, f"{platform} answers 200 to what it refuses, too: add success: {{json: {key}, equals: 0}}")
