"""What is seen of the files that config and templates are made of: whether anything changed.

Contents are compared, not times: a file may be touched, or written again as it was.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from bridge.configuration.problems import is_folder
from bridge.rendering.library import templates_below

MOST_BYTES = 16 * 1024**2  # of one file

Sight = Mapping[str, str]  # file → mark of what is in it


def look(files: Iterable[Path]) -> Sight:
    """See what is in these files now; a folder is one of templates. What cannot be read is seen as that."""
    seen = {}
    for file in sorted(files):
        if is_folder(file):
            seen[str(file)] = "a folder"
            for name, source in templates_below(file):
                seen[f"{file}/{name}"] = _mark((source.text + source.problem).encode("utf-8", "surrogatepass"))
        else:
            seen[str(file)] = _seen(file)
    return seen


def is_template(seen: str) -> bool:
    """Say whether something seen is a template, by its name."""
    return seen.endswith(".j2")


def _seen(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return _mark(opened.read(MOST_BYTES))
    except (OSError, ValueError) as error:  # the latter for a name that no file can have
        return f"{type(error).__name__}"


def _mark(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
