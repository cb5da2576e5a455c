"""What stands in for a secret whose variable is not set or whose file cannot be read here, where nobody needs it.

Commands that only read the store, or show a message, need no token: a person who is woken at night has a
shell without the bridge's environment, and may have no right to read its secrets.
"""

from collections.abc import Iterator, Mapping

from bridge.configuration.environment import REFERENCE
from bridge.configuration.problems import KeyPath
from bridge.configuration.tree import ListNode, MapNode, Node, Scalar

ALONE = {  # by the key of a secret: what its settings take for right
    "token": "xoxb-unset",
    "url": "https://unset.invalid/",
    "proxy": "http://unset.invalid:9",
    "secret": f"whsec_{'A' * 32}",
}
IN_TEXT = "unset"
SECRETS = frozenset({*ALONE, "tokens", "username", "password", "headers"})


def stand_ins(root: Node, environ: Mapping[str, str]) -> dict[str, str]:
    """Give a value to each variable that is not set and that nothing but secrets is made of."""
    found: dict[str, str] = {}
    elsewhere: set[str] = set()
    for path, text in _texts(root, ()):
        key = next((str(part) for part in reversed(path) if part in SECRETS), "")
        for reference in REFERENCE.finditer(text):
            name = reference[1]
            if name and name not in environ and reference[2] is None:
                found[name] = ALONE.get(key, IN_TEXT) if reference[0] == text else IN_TEXT
                elsewhere.update(() if key else (name,))
    return {name: value for name, value in found.items() if name not in elsewhere}


def stand_in_at(path: KeyPath) -> str:
    """Give what stands in for the secret at a path."""
    return ALONE.get(_key_of(path), IN_TEXT)


def _key_of(path: KeyPath) -> str:
    return next((str(part) for part in reversed(path) if part in SECRETS), "")


def _texts(node: Node, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(node, MapNode):
        for key, entry in node.entries.items():
            yield from _texts(entry.node, (*path, key))
    elif isinstance(node, ListNode):
        for place, item in enumerate(node.items):
            yield from _texts(item, (*path, place))
    elif isinstance(node, Scalar):
        yield path, node.text
