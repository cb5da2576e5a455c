"""What a platform said: in one line, short, and without the channel's secrets.

`redaction` has the rule for the log, in which too short a part would blacken what others say. An answer is about one
channel: here shorter parts are hidden, and few forms looked for, since each answer is looked through.
"""

import base64
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from yarl import URL

from bridge.settings import ChannelSettings, secrets_in

MAX_SAID = 300  # characters kept of an answer
SHORTEST = 4  # characters: replacing anything shorter would spoil every other word
VEIL = "<secret>"


def spellings_of(settings: ChannelSettings) -> tuple[str, ...]:
    """Give every text that an answer must not show, the longest first: each secret, and its telling parts."""
    found = {text for _, secret in secrets_in(settings) for text in _spellings(secret.reveal())}
    return tuple(sorted((text for text in found if len(text) >= SHORTEST), key=lambda text: (-len(text), text)))


def clean(text: str, secrets: Iterable[str]) -> str:
    """Replace the secrets, then shorten: never the other way round, which could leave half of one."""
    for secret in secrets:
        if secret in text:
            text = text.replace(secret, VEIL)
    text = text[: 8 * MAX_SAID]
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else " " for letter in text)
    line = " ".join(text.split())
    return line if len(line) <= MAX_SAID else f"{line[: MAX_SAID - 1]}…"


def _spellings(secret: str) -> Iterator[str]:
    """Give a secret as it may come back: whole, its words, a URL's parts, decoded, with JSON's escaped slashes."""
    parts = [secret, *(word for word in secret.split() if len(word) >= 8), *_url_parts(secret)]
    for part in parts:
        yield from (part, unquote(part), part.replace("/", "\\/"))


def _url_parts(text: str) -> Iterator[str]:
    try:
        url = URL(text, encoded=True)
    except ValueError:
        return
    if not url.host:
        return
    if len(url.raw_path_qs) >= 8:
        yield url.raw_path_qs
    yield from (part for part in url.raw_parts if _is_telling(part))
    yield from (value for _, _, value in (pair.partition("=") for pair in url.raw_query_string.split("&")) if value[5:])
    if url.raw_password:
        yield url.raw_password
        for encoding in ("utf-8", "latin-1"):  # RFC 7617, and aiohttp
            yield base64.b64encode(f"{url.user}:{url.password}".encode(encoding, "replace")).decode()


def _is_telling(part: str) -> bool:
    """Tell a token in a path from a word such as `services`."""
    return len(part) >= 16 or (len(part) >= 8 and any(letter.isdigit() for letter in part))
