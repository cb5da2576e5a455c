"""Every text that no output may hold."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel

from bridge.settings import Secret

OFF = "off"  # a proxy's "none"
SHORT = 8  # characters: a shorter value of a header is hardly a secret, and hiding it would garble all else
KEY = 16  # characters: so long a part of a URL's path is a key


def secret_texts(*records: object) -> frozenset[str]:
    """Collect the texts of all secrets, and the keys and passwords inside their URLs."""
    return frozenset(text for record in records for text in _texts(record) if text and text != OFF)


def _texts(value: Any, *, header: bool = False) -> Iterator[str]:
    if isinstance(value, Secret):
        if not header or len(value.reveal()) >= SHORT:
            yield value.reveal()
            yield from _inside_url(value.reveal())
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _texts(getattr(value, name), header=name == "headers")
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each, header=header)
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for each in value:
            yield from _texts(each, header=header)


def _inside_url(text: str) -> Iterator[str]:
    """Give a URL's password, the long parts of its path, and the long values of its query."""
    if "://" not in text:
        return
    try:
        url = urlsplit(text)
    except ValueError:
        return
    if url.password:
        yield url.password
        yield unquote(url.password)
    yield from (part for part in url.path.split("/") if len(part) >= KEY)
    yield from (pair.partition("=")[2] for pair in url.query.split("&") if len(pair.partition("=")[2]) >= SHORT)
