"""Random variations of bodies, texts and requests. All randomness is an argument: a seed makes the same again."""

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

TEXTS = (
    "",
    " ",
    "0",
    "-",
    "None",
    "nan",
    "1e999",
    "9" * 400,
    "\x00",
    "\u202e\u2066",
    "\ud800",
    "￾𝔘𝔫𝔦",
    "磁盘利用率 > 10 %",
    "a" * 10_000,
    "\n" * 300,
    "<!channel> <@U1> <https://example.com|x> &amp; `*_~",
    '"}]}',
    "{{ 7 * 7 }}{% for x in y %}",
    "${HOME}",
    "%s %(a)s {0} {a.__class__}",
    "'; DROP TABLE callbacks; --",
    "2021-05-11 20:31:00",
    "0000-00-00 00:00:00",
    "9999-12-31 23:59:59",
    "2021-13-45T99:99:99Z",
    "-00:00",
    "١٢٣",
    "1_000",
    "0x10",
    "true",
)
NUMBERS: tuple[Any, ...] = (
    0,
    -1,
    1,
    2**31,
    2**53 + 1,
    2**63,
    2**70,
    -(2**70),
    1e308,
    5e-324,
    -0.0,
    float("nan"),
    float("inf"),
)
OTHERS: tuple[Any, ...] = (None, True, False, [], {}, [[]], [{}], {"": ""}, [None, 1, "a"])
KEYS = (
    "alarmStatus",
    "alarmObjInfo",
    "alarmPolicyInfo",
    "conditions",
    "dimensions",
    "firstOccurTime",
    "sessionId",
    "",
    "\x00",
    "a" * 300,
)
MOST_NODES = 5  # changed in one body


def mutated_body(bodies: Sequence[bytes], random: Random) -> bytes:
    """Give a body that is nearly one of these: other values, other shapes, or other bytes."""
    body = random.choice(bodies)
    for change in random.choices((of_values, of_bytes, of_identity), weights=(6, 2, 4), k=random.choice((1, 1, 1, 2))):
        body = change(body, random)
    return body


def of_identity(body: bytes, random: Random) -> bytes:
    """Change what tells one alarm from another, so that lives of alarms go on."""
    content = _loaded(body)
    if not isinstance(content, dict):
        return body
    content["alarmStatus"] = random.choice(("0", "1", "1", 1, "-"))
    content["sessionId"] = f"fuzz-{random.randrange(10_000)}"
    content["durationTime"] = random.choice((0, 60, 300, 3600, 86400))
    target = content.get("alarmObjInfo")
    if isinstance(target, dict):
        target["dimensions"] = {"unInstanceId": f"ins-{random.randrange(2000)}"}
    return json.dumps(content).encode("utf-8", "surrogatepass")


def of_values(body: bytes, random: Random) -> bytes:
    """Change some values, keys and shapes of a JSON body."""
    content = _loaded(body)
    for _ in range(random.randint(1, MOST_NODES)):
        content = _changed(content, random)
    return json.dumps(content, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")


def of_bytes(body: bytes, random: Random) -> bytes:
    """Flip, cut, double and insert bytes."""
    for _ in range(random.choice((1, 1, 2, 8))):
        place, length = random.randrange(len(body) + 1), random.choice((1, 1, 4, 64))
        way = random.randrange(5)
        middle = (
            random.randbytes(length),
            b"",
            body[place : place + length] * 2,
            random.choice((b"\x00", b'"', b"{", b"[", b"\\u", b"\xff", b"\xed\xa0\x80", b",")) * length,
            bytes(byte ^ (1 << random.randrange(8)) for byte in body[place : place + length]),
        )[way]
        body = body[:place] + middle + (b"" if random.random() < 0.02 else body[place + length :])
    return body


def random_body(random: Random) -> bytes:
    """Give a body that has nothing to do with an alarm."""
    ways: tuple[Callable[[], bytes], ...] = (
        lambda: random.randbytes(random.choice((0, 1, 30, 3000))),
        lambda: json.dumps(_value(random, 4)).encode("utf-8", "surrogatepass"),
        lambda: b"[" * random.choice((10, 1000, 100_000)),
        lambda: b'{"a":' * random.choice((10, 1000, 20_000)),
        lambda: json.dumps({"msg": _value(random, 1)}).encode("utf-8", "surrogatepass"),
        lambda: json.dumps({"alarmObjInfo": _value(random, 2), "alarmPolicyInfo": _value(random, 2)}).encode(
            "utf-8", "surrogatepass"
        ),
        lambda: json.dumps({"specversion": "1.0", "type": _text(random), "data": _value(random, 3)}).encode(
            "utf-8", "surrogatepass"
        ),
    )
    return random.choice(ways)()


def mutated_text(text: str, pieces: Sequence[str], random: Random) -> str:
    """Give a config that is nearly this one: lines changed, moved, doubled, taken away or from another."""
    lines = text.splitlines(keepends=True) or [""]
    for _ in range(random.choice((1, 1, 2, 5))):
        place = random.randrange(len(lines))
        way = random.randrange(7)
        if way == 0:
            del lines[place]
        elif way == 1:
            lines.insert(place, random.choice(pieces))
        elif way == 2:
            lines[place] = lines[place].replace(
                ":", random.choice((": !", "::", ": [", ": &a", ": *a", ": |", ":\n")), 1
            )
        elif way == 3:
            key, _, _ = lines[place].partition(":")
            lines[place] = f"{key}: {random.choice(TEXTS)!r}\n"
        elif way == 4:
            lines[place] = " " * random.randrange(9) + lines[place].lstrip()
        elif way == 5:
            lines[place] = of_bytes(lines[place].encode(), random).decode("utf-8", "replace")
        else:
            lines.insert(random.randrange(len(lines)), lines[place])
        lines = lines or [""]
    return "".join(lines)


def _loaded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")[:2000]


def _changed(node: Any, random: Random) -> Any:
    """Walk down to a random place and change it."""
    if isinstance(node, dict) and node and random.random() < 0.85:
        key = random.choice(list(node))
        way = random.random()
        if way < 0.1:
            return {name: item for name, item in node.items() if name != key}
        if way < 0.15:
            return {**node, random.choice(KEYS): node[key]}
        return {**node, key: _changed(node[key], random)}
    if isinstance(node, list) and node and random.random() < 0.85:
        place = random.randrange(len(node))
        return [*node[:place], _changed(node[place], random), *node[place + random.choice((0, 1, 1, 1)) :]]
    if isinstance(node, str) and node and random.random() < 0.4:
        place = random.randrange(len(node) + 1)
        return node[:place] + _text(random)[:200] + node[place:]
    return random.choice(([node], {"a": node}, _value(random, 1), _value(random, 1), _value(random, 2)))


def _value(random: Random, depth: int) -> Any:
    kind = random.random()
    if depth and kind < 0.25:
        return [_value(random, depth - 1) for _ in range(random.randrange(4))]
    if depth and kind < 0.5:
        return {_text(random)[:40]: _value(random, depth - 1) for _ in range(random.randrange(4))}
    return random.choice((_text(random), random.choice(NUMBERS), random.choice(OTHERS)))


def _text(random: Random) -> str:
    if random.random() < 0.7:
        return random.choice(TEXTS)
    return "".join(
        chr(random.choice((random.randrange(128), random.randrange(0x3000), random.randrange(0x10000))))
        for _ in range(random.randrange(20))
    )
