"""How the platforms were treated: at their pace, and left alone for as long as they asked."""

from collections.abc import Iterator

from tests.simulation.chat import BROKEN, LIMITED, Request
from tests.simulation.evidence import CHATS, Evidence
from tests.simulation.telling import STORING_SECONDS

ROOMS = (("ops", "dba"), ("hook",))  # channels that are counted together
BURST = 3  # of what is counted together: so many at once, and one of each channel that waited for the disk
EVERY = 1.0  # seconds: then one in so long, of the calls into a room
UPDATE_EVERY = 60 / 50  # and of the updates of one app, which all channels of it share
MOST_IN_A_ROW = 12
PROBE_SECONDS = 300.0


def pace(seen: Evidence) -> Iterator[str]:
    """A chat gets no more than it takes: calls into a room, and updates by an app."""
    for room in ROOMS:
        made = [one for one in seen.history.requests if one.channel in room]
        updates = [one for one in made if one.step == "update"]
        yield from list(_too_many(room, made, "calls", EVERY))[:1]
        yield from list(_too_many(room, updates, "updates", UPDATE_EVERY))[:1]


def _too_many(room: tuple[str, ...], made: list[Request], what: str, every: float) -> Iterator[str]:
    at_once = BURST + len(room)
    for number, first in enumerate(made):
        for count, last in enumerate(made[number + at_once : number + MOST_IN_A_ROW], at_once + 1):
            is_one_life = (last.life, last.config) == (first.life, first.config)
            if is_one_life and count > at_once + (last.at - first.at) / every + 0.1:
                yield f"pace: {' and '.join(room)} got {count} {what} from {first.at:.2f} to {last.at:.2f}"


def shared(seen: Evidence) -> Iterator[str]:
    """What a channel was asked to wait for, the others wait for that draw on the same budget, also after a restart."""
    for room in ROOMS:
        asked: dict[bool, Request] = {}  # by whether updates are meant
        for request in (one for one in seen.history.requests if one.channel in room):
            before = asked.get(request.step == "update")
            if before and before.channel != request.channel:
                passed = max(request.wall - before.wall, request.at - before.at)
                if passed < before.wait - 0.05 and not _is_forgiven(seen, before, request):
                    yield (
                        f"shared: {before.channel} was asked at {before.wall:.1f} to wait for {before.wait:g} s, "
                        f"and {request.channel} called at {request.wall:.1f}"
                    )
            if request.fared == LIMITED:
                asked[request.step == "update"] = request


def waits(seen: Evidence) -> Iterator[str]:
    """Nobody is called before the time that he asked for, also by the bridge's next life."""
    for channel, plan in seen.plan.channels.items():
        wait, asked = 0.0, None
        for request in (one for one in seen.history.requests if one.channel == channel):
            if asked is not None:
                whole = plan.type in CHATS or asked.fared == BROKEN or asked.delivery == request.delivery
                passed = max(request.wall - asked.wall, request.at - asked.at)
                if whole and passed < wait - 0.05 and not _is_forgiven(seen, asked, request):
                    yield (
                        f"waits: {channel} asked at {asked.wall:.1f} ({asked.fared}) to be left alone for {wait:g} s, "
                        f"and was called at {request.wall:.1f}"
                    )
            asks = request.wait if request.fared == LIMITED else PROBE_SECONDS if request.fared == BROKEN else 0.0
            if asks:
                wait, asked = asks, request


def _is_forgiven(seen: Evidence, asked: Request, request: Request) -> bool:
    """Whether the answer may not have reached the bridge, or the disk, before the bridge was killed."""
    if request.config > asked.config + (request.life - asked.life):
        return True  # its settings may have changed: then it is tried at once
    if request.life == asked.life:
        return request.at - asked.at < 1.0  # it was under way
    kill = next(one for one in seen.history.kills if one.life == asked.life)
    return kill.at - asked.at < STORING_SECONDS or any(
        begun < kill.at and asked.at < over + STORING_SECONDS for begun, over in seen.history.full
    )
