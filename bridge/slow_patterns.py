r"""Regular expressions that take any text in a time that its length alone bounds. Pure.

Python's own matcher tries one way after the other, and `(a|aa)+b` has twice as many ways for every
letter or two: one value would stop the bridge. So it is given what is simple. All else is followed in
all ways at once, a character at a time, as Thompson's machines do (1968). What repeats a repeat with
nothing between, such as `(a+)+b`, is hardly meant, and refused.
"""

import re
from collections.abc import Callable, Iterable
from functools import partial
from math import inf, prod
from re import _compiler as compiler  # type: ignore[attr-defined]  # the standard library's own:
from re import _constants as codes  # type: ignore[attr-defined]  # there is no public way to take a pattern apart
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

TAKEN = frozenset({codes.LITERAL, codes.NOT_LITERAL, codes.ANY, codes.IN})  # each is one character
REPEATS = frozenset({codes.MAX_REPEAT, codes.MIN_REPEAT})
ALL_REPEATS = REPEATS | {codes.POSSESSIVE_REPEAT}
MANY = 16  # repeats that are as good as without end
LENGTH = 1024  # characters of the longest text
MAX_WAYS = 16 * LENGTH**2  # through a text that Python's matcher may try: a tenth of a second
MAX_STEPS = 1000  # of a machine, each of which may be tried at each character

Test = Callable[[str, int], object]  # whether a step may be taken at this place of a text


class SlowPatternError(ValueError):
    """The expression might take for ever."""


class Step:
    """A place in a machine: what must stand there, if anything, and where it goes on."""

    __slots__ = ("after", "takes", "test")

    def __init__(self, after: Iterable["Step"] = (), *, test: Test | None = None, takes: bool = False) -> None:
        self.after = list(after)
        self.test = test
        self.takes = takes  # a character


def whole_match(text: str, flags: int) -> Callable[[str], object]:
    """Make the function that matches a whole text, of LENGTH at most; raise re.error or SlowPatternError."""
    pattern = re.compile(text, flags)
    tree = parser.parse(text, flags)
    if _explodes(tree):
        raise SlowPatternError("it repeats what itself repeats, such as (a+)+; one repeat is enough")
    if _ways(tree) <= MAX_WAYS:
        return pattern.fullmatch
    last = Step()
    return partial(_reaches, _Machine().sequence(tree, last, tree.state.flags), last)


def _explodes(items: Any) -> bool:
    for code, argument in items:
        if code in REPEATS and argument[1] >= MANY and _is_vague(argument[2]):
            return True
        if any(_explodes(part) for part in _parts(code, argument)):
            return True
    return False


def _is_vague(body: Any) -> bool:
    """Whether a repeated part holds a repeat without end, and no character that each round must have."""
    return _repeats(body) and not any(code in TAKEN - {codes.ANY} for code, _ in _flat(body))


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
    if code in ALL_REPEATS | {codes.SUBPATTERN}:
        return [argument[-1]]
    if code in {codes.BRANCH, codes.ASSERT, codes.ASSERT_NOT}:
        return list(argument[1]) if code is codes.BRANCH else [argument[1]]
    if code is codes.GROUPREF_EXISTS:
        return [part for part in argument[1:] if part]
    return [argument] if code is codes.ATOMIC_GROUP else []


def _ways(items: Any) -> float:
    """Give how many ways there may be through the longest text; endless where they are too many."""
    found = prod(_ways_of(code, argument) for code, argument in items)
    return found if found <= MAX_WAYS else inf


def _ways_of(code: Any, argument: Any) -> float:
    inside = [_ways(part) for part in _parts(code, argument)]
    if code in ALL_REPEATS:
        return _ways_of_repeat(*argument[:2], *inside)
    if code in {codes.BRANCH, codes.GROUPREF_EXISTS}:
        return sum(inside)
    return LENGTH if code is codes.GROUPREF else prod(inside)


def _ways_of_repeat(least: int, most: int, inside: float) -> float:
    if most < MANY:
        return inside**most * (most - least + 1)
    if inside > 1:
        return inf
    return 1 if least == most else LENGTH


def _reaches(first: Step, last: Step, text: str) -> bool:
    """Say whether the machine is at its last step after the last character."""
    here = _opened([first], text, 0)
    for place in range(len(text)):
        taken = [after for step in here if step.test and step.test(text, place) for after in step.after]
        here = _opened(taken, text, place + 1)
        if not here:
            return False
    return last in here


def _opened(steps: list[Step], text: str, place: int) -> list[Step]:
    """Follow what takes no character; give the steps that do, and the last one, each once."""
    seen = set(steps)
    waiting, found = list(seen), []
    while waiting:
        step = waiting.pop()
        if step.takes or not step.after:
            found.append(step)
        elif step.test is None or step.test(text, place):
            fresh = [after for after in step.after if after not in seen]
            seen.update(fresh)
            waiting += fresh
    return found


class _Machine:
    """Builds steps from the end to the beginning."""

    def __init__(self) -> None:
        self._size = 0

    def sequence(self, items: Iterable[Any], after: Step, flags: int) -> Step:
        """Give the first step of what is followed by `after`."""
        for item in reversed(list(items)):
            after = self._item(item, after, flags)
        return after

    def _item(self, item: Any, after: Step, flags: int) -> Step:
        code, argument = item
        if code in TAKEN or code is codes.AT:
            return self._step([after], test=_test(item, flags), takes=code in TAKEN)
        if code is codes.SUBPATTERN:
            _, added, removed, inside = argument
            return self.sequence(inside, after, (flags | added) & ~removed)
        if code is codes.BRANCH:
            return self._step([self.sequence(part, after, flags) for part in argument[1]])
        if code in REPEATS:
            return self._repeat(argument, after, flags)
        raise SlowPatternError("beside so many repeats it may look neither around nor back")

    def _repeat(self, argument: Any, after: Step, flags: int) -> Step:
        least, most, inside = argument
        first = after
        if most == codes.MAXREPEAT:
            first = self._step([after])
            first.after.append(self.sequence(inside, first, flags))
        else:
            for _ in range(most - least):
                first = self._step([after, self.sequence(inside, first, flags)])
        for _ in range(least):
            first = self.sequence(inside, first, flags)
        return first

    def _step(self, after: list[Step], *, test: Test | None = None, takes: bool = False) -> Step:
        self._size += 1
        if self._size > MAX_STEPS:
            raise SlowPatternError("it repeats too much")
        return Step(after, test=test, takes=takes)


def _test(item: Any, flags: int) -> Test:
    """Let Python's own matcher say what one item takes: cases of letters and classes are its own."""
    alone = parser.SubPattern(parser.State(), [item])
    alone.state.flags = flags
    test: Test = compiler.compile(alone, flags).match
    return test
