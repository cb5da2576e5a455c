"""Text that is safe to show: the ways in which a secret may come to stand in a line, and control characters.

A library may quote it for a URL, dump it as JSON, put it into a header in base64, or name only a part of a secret URL.
Whoever replaces all of these forms, the longest first, shows none.
"""

import base64
import json
import re
from collections.abc import Collection, Iterable, Iterator
from urllib.parse import quote, quote_plus, unquote, urlsplit

SHORTEST = 4  # characters; shorter ones would blacken ordinary words
MOST_KEPT = 500  # secrets of configs before
TELLING = 16  # characters of a secret URL's path, query, or a part of the path that make it a secret of its own
VALUE = 8  # the same of a value in the query
# What could begin a line, move the cursor or turn the direction of writing: C0 and C1, and Unicode's own.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """Write control characters as JSON does, so that a text can neither begin a line nor move the cursor."""
    if text.isprintable():  # no control character is, and this is seen three times faster
        return text
    return CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def with_older(new: Collection[str], older: Iterable[str]) -> list[str]:
    """Give the secrets of a config and of those before, which may still be said somewhere; the oldest are forgotten."""
    kept = [secret for secret in older if secret not in new]
    return [*kept[-MOST_KEPT:], *new]


def forms_of(secrets: Iterable[str]) -> tuple[str, ...]:
    """Give every form of every secret, the longest first. Secrets under four characters have none."""
    texts = {text for secret in secrets for text in _texts(secret) if len(text) >= SHORTEST}
    forms = {form for text in texts for form in _written(text) if len(form) >= SHORTEST}
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))


def probes_of(forms: Iterable[str]) -> tuple[str, ...]:
    """Give the forms that hold no other form: a line without any of these is without all."""
    probes: list[str] = []
    for form in sorted(forms, key=len):
        if not any(probe in form for probe in probes):
            probes.append(form)
    return tuple(probes)


def _texts(secret: str) -> set[str]:
    """Give the secret and what of it may be shown alone: a line of a key, what a URL keeps secret."""
    texts = {secret, *(line.strip() for line in secret.splitlines()), *_of_url(secret)}
    return texts | {unquote(text) for text in texts}


def _of_url(text: str) -> Iterator[str]:
    """Give a URL's password, its path and query and the keys in them; nothing of what is no URL."""
    try:
        url = urlsplit(text)
    except ValueError:
        return
    if not (url.scheme and url.netloc):
        return
    yield url.password or ""
    path = f"{url.path}?{url.query}" if url.query else url.path
    yield from (part for part in (path, url.path, url.query, *url.path.split("/")) if len(part) >= TELLING)
    values = (pair.partition("=")[2] for pair in url.query.split("&"))
    yield from (value for value in values if len(value) >= VALUE)


def _written(text: str) -> set[str]:
    ways = {text, repr(text)[1:-1], *_in_json(text)}
    ways |= {form for way in ways for form in _in_json(way)}  # JSON, or a repr, in a line that is JSON
    ways |= {clean(way) for way in ways}
    data = text.encode("utf-8", "surrogatepass")
    in_url = {quote(data, safe=""), quote(data), quote_plus(data), quote(data, safe=":/?&=@+,;!$'()*")}
    return ways | in_url | _in_base64(data) | _in_base64(text.encode("latin-1", "replace"))  # as aiohttp's Basic


def _in_json(text: str) -> set[str]:
    return {json.dumps(text, ensure_ascii=False)[1:-1], json.dumps(text)[1:-1]}


def _in_base64(data: bytes) -> set[str]:
    """Give what base64 makes of it wherever it begins: with none, one or two bytes of others before it."""
    forms = set()
    for before, cut in ((0, 0), (1, 2), (2, 3)):
        coded = base64.b64encode(bytes(before) + data).decode().rstrip("=")
        whole = (before + len(data)) % 3 == 0
        form = coded[cut:] if whole else coded[cut:-1]  # the last character may hold bits of what follows
        forms |= {form, form.replace("+", "-").replace("/", "_")}
    return forms
