"""Every text that no output may hold."""

from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from bridge.settings import secrets_in

OFF = "off"  # a proxy's "none"
SHORT = 8  # characters: a shorter value of a header is hardly a secret, and hiding it would garble all else
KEY = 16  # characters: so long a part of a URL's path is a key


def secret_texts(*records: object) -> frozenset[str]:
    """Collect the texts of all secrets, and the keys and passwords inside their URLs."""
    secrets = (pair for record in records for pair in secrets_in(record))
    texts = (secret.reveal() for key, secret in secrets if key != "headers" or len(secret.reveal()) >= SHORT)
    return frozenset(each for text in texts for each in (text, *_inside_url(text)) if each and each != OFF)


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
