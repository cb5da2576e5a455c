"""Users' regular expressions, matched by RE2: in time that grows with the value alone, whatever the expression. Pure.

Python's own `re` tries one way after another, and `(aa*)+b` has more of them than anybody can wait
for. RE2 follows all ways at once, one letter at a time, and takes no expression for which it could not.
"""

from collections.abc import Callable

import re2

MAX_BYTES = 1024 * 1024  # an expression's program and states: bounds what one letter of a value can cost
REFUSED = (  # how RE2's words begin, and what a person should hear
    ("invalid perl operator: (?", 'it looks ahead or behind, or the like; "!~…" says what must not match'),
    ("bad repetition operator", "it repeats a repeat, as in a**"),
    ("pattern too large", "it is too large"),
)


class PatternError(ValueError):
    """The text is no regular expression that is known here; the words say why."""


def compile_pattern(text: str, *, fold: bool) -> Callable[[str], bool]:
    """Make the function that says whether a whole value matches; `fold`: without regard to case."""
    options = re2.Options()
    options.dot_nl = True
    options.case_sensitive = not fold
    options.never_capture = True
    options.max_mem = MAX_BYTES
    options.log_errors = False
    try:
        fullmatch = re2.compile(_bytes(text), options).fullmatch
    except re2.error as error:
        raise PatternError(_words(error.args[0])) from None
    return lambda value: fullmatch(_bytes(value)) is not None


def _bytes(text: str) -> bytes:
    """Encode; half a surrogate pair, which JSON can hold and UTF-8 cannot, becomes a question mark."""
    return text.encode("utf-8", "replace")


def _words(said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    for beginning, words in REFUSED:
        if text.startswith(beginning):
            return words
    return text
