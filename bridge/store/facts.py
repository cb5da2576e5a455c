"""Single things that a restart must not forget."""

from sqlalchemy import Connection

from bridge.clock import milliseconds, moment
from bridge.store import statements
from bridge.store.work import Notices


def read_notices(connection: Connection) -> Notices:
    """Read how far the announcing of unrecognised callbacks is."""
    text = connection.execute(statements.fact, {"name_": "unrecognised"}).scalar()
    if not text:
        return Notices()
    at, waiting, callback_id = map(int, text.split())
    return Notices(announced_at=moment(at), waiting=waiting, callback_id=callback_id)


def write_notices(connection: Connection, notices: Notices) -> None:
    """Write it."""
    at = milliseconds(notices.announced_at) if notices.announced_at else 0
    write_fact(connection, "unrecognised", f"{at} {notices.waiting} {notices.callback_id}")


def receiving_seconds(connection: Connection) -> int:
    """Read how long the bridge has been receiving in all its life."""
    return int(connection.execute(statements.fact, {"name_": "receiving_seconds"}).scalar() or 0)


def last_number(connection: Connection) -> int:
    """Read the last number that was given to an episode, as far as some of them were deleted since."""
    return int(connection.execute(statements.fact, {"name_": "last_number"}).scalar() or 0)


def write_fact(connection: Connection, name: str, value: str) -> None:
    """Write one thing that a restart must not forget."""
    connection.execute(statements.forget_fact, {"name_": name})
    connection.execute(statements.add_fact, {"name": name, "value": value})
