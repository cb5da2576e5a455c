"""A mark of a channel's settings: it changes with any of them, secrets and certificates too, and tells none."""

import hashlib
from collections.abc import Hashable, Mapping
from contextlib import suppress

from pydantic import BaseModel

from bridge.settings import ChannelSettings, Secret


def mark_of(settings: ChannelSettings) -> str:
    """Give the mark; `ca_file` is read for it."""
    mark = hashlib.blake2b(repr(_revealed(settings)).encode(errors="surrogatepass"), digest_size=16)
    if settings.ca_file:
        with suppress(OSError):  # whoever opens it says so
            mark.update(settings.ca_file.read_bytes())
    return mark.hexdigest()


def name_of(budget: Hashable) -> str:
    """Name what a platform counts together, without the secrets that it is counted by."""
    return hashlib.blake2b(repr(_revealed(budget)).encode(errors="surrogatepass"), digest_size=16).hexdigest()


def _revealed(value: object) -> object:
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, BaseModel):
        return {name: _revealed(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {str(key): _revealed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_revealed(item) for item in value]
    return value
