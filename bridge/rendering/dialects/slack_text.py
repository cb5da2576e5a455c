"""Slack's texts: how a value is written in mrkdwn, in plain text, in a link, in real Markdown.

Slack knows three escapes (`&amp;` `&lt;` `&gt;`) and none for its formatting characters: a word joiner
on both sides, which takes no room on the screen, keeps them from opening and closing anything.
"""

import re
from collections.abc import Callable, Iterable, Mapping

from bridge.rendering.dialects.pieces import Piece, pieces, units
from bridge.rendering.draft import TOKEN, Draft, Mention, Setting
from bridge.rendering.visible import whole

JOINER = "\u2060"
MAX_LINK = 2000  # units of an address in a plain text: longer ones are cut as any value
ENTITY = re.compile(r"<([^\s<>][^<>\n]*)>")  # what a template writes for a link or a mention
# These begin with their letters and look behind them afterwards, which Python finds twenty times as fast.
# Inside a word, as in cpu_usage, signs do nothing.
FORMAT = re.compile(r"[*_~`](?:(?<![^\W_].)[*_~`]*|[*_~`]*(?![^\W_])|(?<=`)`*)")
LINKS = re.compile(r"[:@#.](?:(?<=:)(?=//)|(?<=[@#])(?=\w)|(?<=\w\.)(?=[^\W\d_]{2}))")  # what Slack would link unasked
# Some readers see a line begin behind a bold star, too.
QUOTE = re.compile(r"&gt;(?:(?<=^&gt;)|(?<=[*_~]&gt;))", re.MULTILINE)
EMOJI = re.compile(r":(?=(?:[\w+'-]*[a-z][\w+'-]*|100|1234):)")
MARKDOWN = re.compile(r"[\\`*_{}\[\]()#+\-.!|~>]")
URL = re.compile(r"(?:https?://|mailto:)[^\s<>|]+")
WEB = re.compile(r"https?://[^\s<>|]+")
WEB_HOST = re.compile(r"https?://[^\s<>|/?#]+[/?#]")  # the beginning of an address that leads where it says
HOST = re.compile(rf"{WEB_HOST.pattern}|mailto:")
NAMED = re.compile(r"[A-Za-z0-9_.^-]+")  # a user, group or channel, from the config
UNSAFE_IN_URL = re.compile(r"[\x00-\x20<>|\"\\^`{}\x7f-\x9f\s]")


def plain(text: str) -> str:
    """Write a value where Slack parses nothing."""
    return whole(text).replace("\0", "\ufffd")


def mrkdwn(text: str) -> str:
    """Write a value in a mrkdwn object that links nothing unasked (`verbatim`)."""
    text = plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = FORMAT.sub(rf"{JOINER}\g<0>{JOINER}", text)
    return EMOJI.sub(f":{JOINER}", text)


def unquoted(text: str) -> str:
    """Keep values that begin with `>` from quoting their line; a template's own `>` still does."""
    return QUOTE.sub(rf"{JOINER}\g<0>", text)


def loose(text: str) -> str:
    """Write a value in a mrkdwn text in which Slack looks for links by itself."""
    return LINKS.sub(rf"\g<0>{JOINER}", mrkdwn(text))


def markdown(text: str) -> str:
    """Write a value in a `markdown` block, which is real Markdown."""
    text = MARKDOWN.sub(r"\\\g<0>", plain(text).replace("&", "&amp;"))
    return LINKS.sub(rf"\g<0>{JOINER}", text.replace("<", "&lt;").replace("\\>", "&gt;"))


def url(text: str) -> str:
    """Write a value inside an address: what would end it is percent-encoded."""
    return UNSAFE_IN_URL.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), plain(text).strip())


def address(text: str, draft: Draft, write: Callable[[str], str]) -> str:
    """Write an address with its values; empty where it is none.

    A value stands behind the host, or is itself an http or https address that ends in front of what
    follows: it can choose no other scheme, and make no other host of a known one's beginning.
    """
    parts = list(pieces(text.strip(), draft, write))
    written = [piece.written for piece in parts]
    received = next((place for place, piece in enumerate(parts) if _is_received(piece)), None)
    if received is not None:
        known = max(received, 1)
        begins = "".join(written[:known])
        is_alone = known == len(parts) and WEB.fullmatch(begins)
        if not is_alone and not (HOST if received else WEB_HOST).match(begins + "".join(written[known:])[:1]):
            return ""
    return "".join(written) if URL.fullmatch("".join(written)) else ""


def _is_received(piece: Piece) -> bool:
    return piece.is_value and not isinstance(piece.text, Setting)


def _url_in_entity(text: str) -> str:
    return url(text).replace("&", "&amp;")


def parts(text: str, draft: Draft, write: Callable[[str], str]) -> Iterable[Piece]:
    """Take a mrkdwn text apart: entities stay whole, and what a value would make of one is undone."""
    end = 0
    for match in ENTITY.finditer(text):
        yield from _words(text[end : match.start()], draft, write)
        if TOKEN.search(match[0]) or match[1].startswith("|"):  # a bar first: the address was absent
            yield from _entity(match[1], draft, write)
        else:
            yield Piece(match[0], is_whole=True)
        end = match.end()
    yield from _words(text[end:], draft, write)


def plain_parts(said: str, links: Mapping[str, str]) -> Iterable[Piece]:
    """Take the built-in plain text apart: an address that is meant to be a link has no joiner in it."""
    held = ""
    for line in re.split(r"(?<=\n)", said):
        address = links.get(line.rstrip("\n"), "")
        if WEB.fullmatch(address) and units(link := f"<{_url_in_entity(address)}>") <= MAX_LINK:
            yield Piece(held, loose, is_value=True)
            title, _, held = line.rpartition(address)
            yield Piece(title, loose, is_value=True)  # by itself: what is too long is shortened at its end
            yield Piece(link, is_whole=True)
        else:
            held += line
    yield Piece(held, loose, is_value=True)


def _words(text: str, draft: Draft, write: Callable[[str], str]) -> Iterable[Piece]:
    for piece in pieces(text, draft, write):
        yield Piece(piece.text, is_whole=True) if isinstance(piece.text, Mention) else piece


def _entity(inner: str, draft: Draft, write: Callable[[str], str]) -> Iterable[Piece]:
    target, bar, label = inner.partition("|")
    if not target:
        yield from _words(label, draft, write)
        return
    shown = _plain_label(label, draft, write)
    leads_to = _target(target, draft)
    if leads_to:
        yield Piece(f"<{leads_to}{bar}{shown}>", is_whole=True)
    else:
        yield Piece(draft.expanded(label or target), write, is_value=True)


def _plain_label(label: str, draft: Draft, write: Callable[[str], str]) -> str:
    written = "".join(piece.written for piece in pieces(label, draft, write))
    return " ".join(written.replace("|", "¦").split())


def _target(target: str, draft: Draft) -> str:
    """Give an entity's address with its values written in; empty where they make a mention or no address of it."""
    values = [draft.value_of(token) for token in TOKEN.findall(target)]
    if target[0] in "@#!":
        if all(isinstance(value, Setting) and NAMED.fullmatch(value) for value in values):
            return draft.expanded(target)
        return "" if values else target
    return address(target, draft, _url_in_entity)
