"""From the tree to what a settings record takes, guided by the record.

Where a record wants a text, a number stays as it is written; where it wants a secret, `{file: PATH}`
is read; where it wants a path, it is relative to the config file.
"""

import errno
import re
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from bridge.configuration.environment import Complain
from bridge.configuration.problems import KeyPath, beside, reason
from bridge.configuration.stand_ins import stand_in_at
from bridge.configuration.tree import ListNode, MapNode, Node, Scalar
from bridge.settings import Record, Secret

MAX_SECRET = 65_536  # bytes of a secret's file
MAY_BE_EMPTY = frozenset({("server", "verification_code"), ("heartbeat", "url")})  # empty means none
INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")  # YAML 1.2, core schema, 10.3.2
LONGEST_NUMBER = 100  # characters: Python reads no number of more than 4,300 digits, and nobody means one
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
NULLS = frozenset({"", "~", "null", "Null", "NULL"})
BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """Turns nodes into values; `base` is the config file's directory."""

    base: Path
    complain: Complain
    needs_secrets: bool = True  # else something stands in for those whose file cannot be read
    files: set[Path] = field(default_factory=set)  # that were read

    def build(self, node: Node, annotation: Any, path: KeyPath = ()) -> Any:
        """Give what pydantic is to check; what cannot be read is complained of."""
        kinds = _kinds(annotation)
        item = next((get_args(kind)[0] for kind in kinds if get_origin(kind) in {tuple, list, Sequence}), Any)
        if isinstance(node, ListNode):
            return [self.build(each, item, (*path, place)) for place, each in enumerate(node.items)]
        kinds += _kinds(item)  # one thing may stand in place of a list of one
        if isinstance(node, MapNode):
            return self._mapping(node, kinds, path)
        return self._scalar(node, kinds, path) if isinstance(node, Scalar) else None

    def _mapping(self, node: MapNode, kinds: list[Any], path: KeyPath) -> Any:
        if Secret in kinds and list(node.entries) == ["file"]:
            return self._from_file(node.entries["file"].node, path)
        record = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Record)), None)
        if record is None:
            item = next((get_args(kind)[1] for kind in kinds if get_origin(kind) in {Mapping, dict}), Any)
            return {key: self.build(each.node, item, (*path, key)) for key, each in node.entries.items()}
        fields = {field.alias or name: field for name, field in record.model_fields.items()}
        return {
            key: self.build(each.node, _annotation(fields.get(key)), (*path, key))
            for key, each in node.entries.items()
            if not is_null(each.node) or key not in fields
        }

    def _scalar(self, node: Scalar, kinds: list[Any], path: KeyPath) -> Any:
        if is_null(node):
            return None
        if Secret in kinds:
            return self._secret(node, path)
        if Path in kinds:
            return beside(self.base, node.text)
        if str in kinds or any(get_origin(kind) is Literal for kind in kinds):
            return node.text
        return typed(node)

    def _secret(self, node: Scalar, path: KeyPath) -> Any:
        if node.plain and BOOLEANS.get(node.text) is False:
            return False  # for a proxy: `off` and `false` are alike
        if not node.text and path not in MAY_BE_EMPTY:
            names = " and ".join(dict.fromkeys(node.variables))
            self.complain(path, f"is empty, as the environment variable {names} is" if names else "must not be empty")
        return Secret(node.text)

    def _from_file(self, node: Node, path: KeyPath) -> Secret:
        """Read a secret's file without the newline at its end."""
        text, wrong = "", ""
        try:
            text = self._content(node)
        except OSError as error:
            if not self.needs_secrets:
                return Secret(stand_in_at(path))
            wrong = _unreadable(node, error)
        except ValueError as error:
            wrong = "the file is not UTF-8 text" if isinstance(error, UnicodeError) else str(error)
        if not text and not wrong and path not in MAY_BE_EMPTY:
            wrong = "the file is empty"
        if wrong:
            self.complain(path, wrong)
        return Secret(text)

    def _content(self, node: Node) -> str:
        if not isinstance(node, Scalar) or is_null(node) or not node.text:
            raise ValueError("must be the path of a file")
        path = beside(self.base, node.text)
        self.files.add(path)
        with path.open("rb") as file:
            content = file.read(MAX_SECRET + 1)
        if len(content) > MAX_SECRET:
            raise ValueError(f"the file is larger than {MAX_SECRET} bytes")
        return content.decode().rstrip("\r\n")


def _unreadable(node: Node, error: OSError) -> str:
    """Say which file cannot be read; a name that is no whole path may be the secret itself, in the wrong place."""
    variables = node.variables if isinstance(node, Scalar) else ()
    text = node.text if isinstance(node, Scalar) and not variables else ""
    if text.startswith(("/", "~/")):
        return f"the file {text} cannot be read: {reason(error)}"
    whose = f" that {' and '.join(dict.fromkeys(variables))} names" if variables else ""
    from_where = "; its path begins at the config file's directory" if text and error.errno == errno.ENOENT else ""
    return f"the file{whose} cannot be read: {reason(error)}{from_where}"


def is_null(node: Node) -> bool:
    """Say whether nothing is given: `key:`, `key: ~` or `key: null`."""
    return isinstance(node, Scalar) and node.plain and node.text in NULLS


def typed(node: Scalar) -> Any:
    """Give a scalar's value by YAML 1.2's core schema, where `no` and `1_000` are texts; endless numbers are, too."""
    if not node.plain or len(node.text) > LONGEST_NUMBER:
        return node.text
    if node.text in BOOLEANS:
        return BOOLEANS[node.text]
    if INTEGER.fullmatch(node.text):
        return int(node.text, 0 if node.text[:2] in {"0x", "0o"} else 10)
    return float(node.text) if FLOAT.fullmatch(node.text) else node.text


def _annotation(field: FieldInfo | None) -> Any:
    return field.annotation if field else Any


def _kinds(annotation: Any) -> list[Any]:
    """Give what an annotation allows, each by itself: unions opened, metadata dropped."""
    if get_origin(annotation) is Annotated:
        return _kinds(get_args(annotation)[0])
    if get_origin(annotation) in {Union, types.UnionType}:
        return [kind for each in get_args(annotation) for kind in _kinds(each)]
    return [annotation]
