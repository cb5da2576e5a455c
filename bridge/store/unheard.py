"""What came and went while a chat was broken: it never had the trigger, and is not told of it once it is mended."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from bridge.alarm import State
from bridge.clock import milliseconds
from bridge.message import DeliveryState
from bridge.store import digest_statements, statements

OVER_UNHEARD = "it was over before the channel was mended, which never had its trigger"
FOREVER = 2**62
MOST = 5000  # episodes asked for at once: SQLite takes 32,766 values


def among(
    connection: Connection,
    episodes: Collection[int],
    channel: str,
    *,
    until: int = FOREVER,
    digests: Collection[int] = (),
) -> set[int]:
    """Give the episodes that are over whose trigger came until then, and waits: by itself, or in these digests."""
    values = {"channel": channel, "until": until, "digests": list(digests)}
    found: set[int] = set()
    wanted = sorted(episodes)
    for first in range(0, len(wanted), MOST):
        part = {**values, "episodes": wanted[first : first + MOST]}
        found |= set(connection.execute(statements.over_unheard, part).scalars())
    return found


def waiting(connection: Connection, channel: str, found: Sequence[Any], mended_at: datetime | None) -> list[int]:
    """Give the deliveries, among what waits for a chat and what its waiting digests tell, of which it need not hear."""
    if mended_at is None:
        return []
    until = milliseconds(mended_at)
    digests = [row.event_id for row in found if row.event_state == State.DIGEST and _is_untold(connection, row)]
    told = connection.execute(digest_statements.over_members, {"digests": digests}).all() if digests else []
    waits = [row for row in found if row.episode_id and row.created_at <= until and row.state == DeliveryState.WAITING]
    over = among(connection, {row.episode_id for row in (*waits, *told)}, channel, until=until, digests=digests)
    return [row.id for row in (*waits, *told) if row.episode_id in over]


def _is_untold(connection: Connection, digest: Any) -> bool:
    """Say whether nobody can have read a digest yet."""
    if digest.state != DeliveryState.WAITING or digest.replayed_at is not None:
        return False
    return connection.execute(statements.ambiguous_attempt, {"delivery_id": digest.id}).first() is None
