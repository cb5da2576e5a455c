"""A text whose values are still tokens: taken apart, each piece written for its place, fitted into a limit."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from bridge.rendering.draft import TOKEN, Draft

CUT = "…"
FENCE = "```"
LEAST = 12  # units that a shortened value keeps; below that the end of the text goes instead


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text. `write` escapes it; what is `whole` is never cut."""

    text: str
    write: Callable[[str], str] = str
    is_value: bool = False
    is_whole: bool = False

    @property
    def written(self) -> str:
        """The piece as it goes out."""
        return self.write(self.text)


def pieces(text: str, draft: Draft, write: Callable[[str], str]) -> Iterable[Piece]:
    """Take a text apart into the template's words and the values between them."""
    end = 0
    for match in TOKEN.finditer(text):
        if match.start() > end:
            yield Piece(text[end : match.start()])
        yield Piece(draft.value_of(match[0]), write, is_value=True)
        end = match.end()
    if end < len(text):
        yield Piece(text[end:])


def units(text: str) -> int:
    """Count UTF-16 units: the strictest reading of "characters"."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def fit(parts: list[Piece], limit: int) -> str:
    """Write the pieces within a limit: long values are shortened first, to one level; then the end is cut."""
    parts = [replace(piece, text=piece.text[: limit + 1]) if len(piece.text) > limit else piece for piece in parts]
    text = "".join(piece.written for piece in parts)
    if units(text) <= limit:
        return text
    values = [units(piece.written) for piece in parts if piece.is_value and not piece.is_whole]
    level = max(LEAST, water_level(values, limit - units(text) + sum(values)))
    return _kept([_shortened(piece, level) for piece in parts], limit)


def has_no_room(parts: list[Piece], said: str, limit: int) -> bool:
    """Say whether what was said is less than what the pieces are."""
    if CUT not in said:
        return False
    return sum(len(piece.text) for piece in parts) > limit or units("".join(piece.written for piece in parts)) > limit


def chunks(parts: Iterable[Piece], limit: int) -> Iterator[str]:
    """Write the pieces whole, in texts of at most so many units; what is never cut and too long is left out."""
    taken, room = "", limit
    for piece in parts:
        left = piece
        while left.text:
            if len(left.text) <= room and (size := units(left.written)) <= room:
                taken, room = taken + left.written, room - size
                break
            kept = "" if left.is_whole else beginning(left, room)
            if not kept and not taken:
                break
            yield taken + (left.write(kept) if kept else "")
            taken, room = "", limit
            left = replace(left, text=left.text[len(kept) :].lstrip() if kept else left.text)
    if taken:
        yield taken


def water_level(sizes: list[int], room: int) -> int:
    """Find the greatest size to which the large ones must come down so that all together have room."""
    rest = sorted(sizes)
    while rest and rest[0] * len(rest) <= room:
        room -= rest.pop(0)
    return max(room, 0) // len(rest) if rest else max(room, max(sizes, default=0))


def _shortened(piece: Piece, level: int) -> Piece:
    if not piece.is_value or piece.is_whole or units(piece.written) <= level:
        return piece
    return replace(piece, text=beginning(piece, level - len(CUT)) + CUT)


def beginning(piece: Piece, room: int) -> str:
    """Give as much of a piece as has room when it is written: never half of an entity or a surrogate pair."""
    low, high = 0, max(0, min(len(piece.text), room))  # each letter takes one unit or more
    kept = piece.text[:high].rstrip()
    if units(piece.write(kept)) <= room:
        return kept
    while low < high:
        middle = (low + high + 1) // 2
        if units(piece.write(piece.text[:middle].rstrip())) <= room:
            low = middle
        else:
            high = middle - 1
    return piece.text[:low].rstrip()


def _kept(parts: list[Piece], limit: int) -> str:
    """Keep pieces from the beginning while they have room; a code span that the template opened is closed."""
    if sum(units(piece.written) for piece in parts) <= limit:
        return "".join(piece.written for piece in parts)
    taken: list[str] = []
    own = ""  # of what is kept, the template's words
    room = limit - len(CUT) - (len(FENCE) if any("`" in piece.text for piece in parts if not piece.is_value) else 0)
    for piece in parts:
        size = units(piece.written)
        last = size > room
        kept = ("" if piece.is_whole else beginning(piece, room)) if last else piece.text
        taken.append(piece.write(kept))
        own += "" if piece.is_value else kept
        if last:
            break
        room -= size
    return "".join(taken).rstrip() + CUT + _closing(own)


def _closing(own: str) -> str:
    """Give what ends the code span that a text leaves open."""
    if own.count(FENCE) % 2:
        return FENCE
    return "`" if own.count("`") % 2 else ""
