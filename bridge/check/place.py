"""Whether the store can be where the config puts it, found as `serve` would find it, but without making a file."""

import os
from collections.abc import Mapping
from pathlib import Path

from bridge.config import SQLITE, ConfigError, Problem, TopSettings
from bridge.configuration.problems import reason
from bridge.configuration.source import read
from bridge.configuration.tree import Scalar


def check_place(path: Path, environ: Mapping[str, str]) -> list[Problem]:
    """Say why the store of a config file cannot be used by this user; nothing where it can, or is wrong itself."""
    try:
        source = read(path, environ)
    except ConfigError:
        return []
    node = source.get("store")
    text = node.text if isinstance(node, Scalar) else str(TopSettings.model_fields["store"].default)
    given = SQLITE.fullmatch(text)
    words = unusable(source.base / given[1]) if given else ""
    known = len(source.problems)
    if words:
        source.wrong(("store",), words)
    return source.problems[known:]


def unusable(file: Path) -> str:
    """Say why a database file cannot be opened or made; empty where it can."""
    try:
        return _unusable(file, file.parent)
    except OSError as error:
        return f"{file} cannot be used: {reason(error)}"


def _unusable(file: Path, folder: Path) -> str:
    if not folder.exists():
        return f"the folder {folder} does not exist: make it, or name another one"
    if not folder.is_dir():
        return f"{folder} is no folder: name another one"
    if file.is_dir():
        return f"{file} is a folder; the store is a file"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"this user may not write in the folder {folder}"
    if file.exists() and not os.access(file, os.R_OK | os.W_OK):
        return f"this user may not write {file}"
    return ""
