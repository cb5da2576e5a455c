r"""Regular expressions that may take for ever: a repeat without end within another. Pure.

`(a+)+b` tries every way of parting a run of the letter a, twice as many for each letter more; one
value would stop the bridge. What parts the inner repeats by a letter of its own, as in
`(\w+\.)*example`, is quick.
"""

from re import _constants as codes  # type: ignore[attr-defined]  # the standard library's own parser:
from re import _parser as parser  # type: ignore[attr-defined]  # there is no public way to look into a pattern
from typing import Any

REPEATS = frozenset({codes.MAX_REPEAT, codes.MIN_REPEAT})
MANY = 16  # repeats that are as good as without end


def is_slow(pattern: str, flags: int = 0) -> bool:
    """Say whether a pattern, which compiles, repeats something that itself repeats, with no letter between."""
    return _explodes(parser.parse(pattern, flags))


def _explodes(items: Any) -> bool:
    for code, argument in items:
        if code in REPEATS and argument[1] >= MANY and _is_vague(argument[2]):
            return True
        if any(_explodes(part) for part in _parts(code, argument)):
            return True
    return False


def _is_vague(body: Any) -> bool:
    """Whether a repeated part holds a repeat without end, and no letter that each round must have."""
    return _repeats(body) and not any(code is codes.LITERAL for code, _ in _flat(body))


def _repeats(items: Any) -> bool:
    return any(
        (code in REPEATS and argument[1] >= MANY) or any(_repeats(part) for part in _parts(code, argument))
        for code, argument in items
    )


def _flat(items: Any) -> list[tuple[Any, Any]]:
    """Give what each round must have, groups opened."""
    found: list[tuple[Any, Any]] = []
    for code, argument in items:
        found += _flat(argument[-1]) if code is codes.SUBPATTERN else [(code, argument)]
    return found


def _parts(code: Any, argument: Any) -> list[Any]:
    """Give the patterns within an item."""
    if code in REPEATS:
        return [argument[2]]
    if code is codes.SUBPATTERN:
        return [argument[-1]]
    if code is codes.BRANCH:
        return list(argument[1])
    if code in {codes.ASSERT, codes.ASSERT_NOT}:
        return [argument[1]]
    if code is codes.ATOMIC_GROUP:
        return [argument]
    return []
