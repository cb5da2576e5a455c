"""`explain`: one alarm's or callback's life."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Annotated, Any

import typer

from bridge.commands.configs import DEFAULT_CONFIG, ConfigFile
from bridge.commands.list_alarms import alarm_json, show
from bridge.commands.listing import MOST, AsJson, Desk, desk, say_json
from bridge.commands.output import BOLD, DIM, WRONG_USAGE, aligned, fail, paint, say, visible
from bridge.store.entries import AlarmEntry, CallbackEntry
from bridge.store.happened import Life
from bridge.store.lives import SEARCHED, Lives
from bridge.store.lock import is_served
from bridge.story import Routed, Words, alarms_named, lines, names_of, record_of, routed
from bridge.story.next import Now

INDENT = "  "
NOTHING = (
    "nothing of this id is stored: no alarm, session, object, policy, callback or delivery; "
    f"nor is it an object's name in the last {SEARCHED:,} callbacks"
)
TIMES = 19  # columns


def explain(
    *,
    id_: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="The short id that a message shows; a session, object, instance or policy, by id or by name; "
            "or the id of a callback or delivery.",
        ),
    ],
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Tell one alarm's life: what came, what was decided and why, who was told, what happens next.

    Of an object, a policy or a session that had several alarms, all are
    listed and the newest is told. Routes answer as the config is today.
    """
    if not id_.strip():
        fail("give an id: the short one that a message shows, or a session's, an object's or a policy's", WRONG_USAGE)
    with desk(config) as at:
        lives = Lives(at.asking.connection)
        alarms = lives.named(id_.strip(), MOST)
        found = [] if alarms else lives.alone(id_.strip())
        alarms = alarms or ([] if found else alarms_named(lives, id_.strip(), MOST))
        found = found or [lives.life(one) for one in alarms[:1]]
        if not found:
            fail(f"{visible(id_)}: {NOTHING}")
        words = _words(at, found[0])
        if as_json:
            say_json(_as_json(at, alarms, found, words))
        else:
            _print(at, alarms, found, words)


def _words(at: Desk, life: Life) -> Words:
    @lru_cache
    def answer(callback: CallbackEntry) -> Routed | None:
        return routed(callback, at.config.routes, at.config.channels, at.asking.body)

    now = Now(
        at=datetime.now(UTC),
        served=is_served(at.config.store),
        channels=at.config.channels,
        states=life.channels,
    )
    named = partial(names_of, body=at.asking.body)
    return Words(now=now, time=at.time, zone=at.zone.key, routed=answer, named=named)


def _print(at: Desk, alarms: list[AlarmEntry], found: list[Life], words: Words) -> None:
    if len(alarms) > 1:
        show(at, alarms, "")
        say(
            paint(
                f"{len(alarms)} alarms; the newest:"
                if len(alarms) < MOST
                else f"the newest {MOST}; of these the newest:",
                DIM,
            )
        )
        say()
    for life in found:
        for text in _lines(at, life, words):
            say(text)
    if not words.now.served:
        say(paint(f"No bridge serves {at.config.store} now.", BOLD))


def _lines(at: Desk, life: Life, words: Words) -> Iterator[str]:
    first = True
    for line in lines(life, words):
        text = aligned(line.text)
        time = paint(at.time(line.at), DIM) if line.at else " " * TIMES
        is_head = life.alarm is not None and line.at is None and line.depth == 0
        yield (
            paint(text, BOLD) if first and is_head else text if is_head else f"{time}{INDENT * (line.depth + 1)}{text}"
        )
        first = False


def _as_json(at: Desk, alarms: list[AlarmEntry], found: list[Life], words: Words) -> dict[str, Any]:
    return {
        "alarms": [alarm_json(at, one) for one in alarms],
        "served": words.now.served,
        "lives": [
            {"alarm": life.alarm.alarm if life.alarm else None, **record_of(life, words, at.iso)} for life in found
        ],
    }
