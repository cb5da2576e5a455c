"""A payload as bytes of JSON that every reader can read."""

import json
import math
from collections.abc import Mapping
from typing import Any

import orjson


def json_bytes(payload: Mapping[str, Any]) -> bytes:
    """Write a payload; raise TypeError, ValueError or RecursionError where JSON has no words for it.

    orjson refuses numbers beyond 64 bits and lone surrogates, which callbacks hold: these take the
    slow way. Not a number and infinity become null, as orjson has it.
    """
    try:
        return orjson.dumps(payload)
    except orjson.JSONEncodeError:
        return json.dumps(_without_nan(payload), separators=(",", ":"), allow_nan=False).encode("ascii")


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
