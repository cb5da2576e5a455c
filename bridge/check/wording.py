"""What Jinja and Python say of a template's mistake, in the words of whoever wrote the template. Pure."""

import re
from collections.abc import Callable, Mapping

from bridge.configuration.problems import did_you_mean
from bridge.rendering.digest import DigestView
from bridge.rendering.view import AlarmView

# What a template is given.
NAMES = ("alarm", "state", "step", "route", "channel", "delivery_id", "event_id", "callback", "events", "digest")
OF_CONFIG = ("name", "template", "links", "vars", "mention", "type")
KNOWN = {"Alarm": AlarmView.names(), "Digest": DigestView.names(), "Policy": ["name", "alarms", "states"]}
KINDS = {  # what Python calls the values that templates see
    **dict.fromkeys(("str", "Setting", "Mention", "Markup"), "a text"),
    **dict.fromkeys(("int", "float"), "a number"),
    **dict.fromkeys(("list", "tuple"), "a list"),
    "datetime": "a time",
    "timedelta": "a duration",
    "bool": "true or false",
    "dict": "a mapping",
    "NoneType": "nothing",
}
TO_NUMBER = '; "| float" makes a number of a text'
Words = Callable[[re.Match[str]], str]


def in_words(said: str) -> str:
    """Name what is wrong as the template names it, with the nearest name there is; else say what was said."""
    for pattern, words in WORDS.items():
        found = pattern.search(said)
        if found:
            return words(found)
    return said.removesuffix(".")


def _lacks(found: re.Match[str]) -> str:
    known = KNOWN.get(found[1], OF_CONFIG)
    return f'{found[1].lower()} has no "{found[2]}"{did_you_mean(found[2], known)}'


def _unknown(found: re.Match[str]) -> str:
    return f'nothing is called "{found[1]}"{did_you_mean(found[1], NAMES)}'


def _no_operator(sign: str, one: str, other: str) -> str:
    kinds = (_kind(one), _kind(other))
    hint = TO_NUMBER if set(kinds) == {"a text", "a number"} else ""
    return f'there is no "{sign}" of {kinds[0]} and {kinds[1]}{hint}'


def _kind(name: str) -> str:
    return KINDS.get(name.rpartition(".")[2], name)


WORDS: Mapping[re.Pattern[str], Words] = {
    re.compile(r"'[\w.]*?(\w+)View object' has no attribute '(\w+)'"): _lacks,
    re.compile(r"'(\w+)' is undefined"): _unknown,
    re.compile(r"'([\w.]+) object' has no attribute '(\w+)'"): lambda found: f'{_kind(found[1])} has no "{found[2]}"',
    re.compile(r"'(\S+)' not supported between instances of '([\w.]+)' and '([\w.]+)'"): (
        lambda found: _no_operator(found[1], found[2], found[3])
    ),
    re.compile(r"unsupported operand type\(s\) for (\S+): '([\w.]+)' and '([\w.]+)'"): (
        lambda found: _no_operator(found[1], found[2], found[3])
    ),
    re.compile(r'can only concatenate (\w+) \(not "([\w.]+)"\) to \w+'): (
        lambda found: f'{_no_operator("+", found[1], found[2])}; "~" joins both as texts'
    ),
    re.compile(r"'([\w.]+)' object is not callable"): lambda found: f"{_kind(found[1])} cannot be called: leave () out",
    re.compile(r"'([\w.]+)' object is not iterable"): lambda found: f"{_kind(found[1])} is no list",
}
