"""The tables. What happened is a record: nothing here is only in memory.

Times are milliseconds since 1970, ids 63-bit integers that rise with time. The constraints' names
follow one convention, so that a migration can name them on any database. What an index holds is said here
to SQLite alone: the migrations, which make the tables, say it to PostgreSQL too, but a dialect that is
named here is imported by each command, and took a fifteenth of its time.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=CONVENTION)


class Bytes(LargeBinary):
    """Bytes that go to the driver as they are: both drivers take them without a wrapper."""

    def bind_processor(self, dialect: Dialect) -> None:  # noqa: ARG002 - the library's signature
        """Change nothing on the way."""
        return


Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite's rowid is an INTEGER PRIMARY KEY and nothing else

NEAR = 1000  # ids: what a transaction makes of one callback follows it this closely
LATER = text(f"episode_id > 0 AND (id > episode_id OR id < episode_id - {NEAR})")
NO_TRIGGER = text("state <> 'triggered'")
NOT_AT_ONCE = text(f"id > event_id + {NEAR}")
NOT_SENT = text("answer <> 'sent'")

callbacks = Table(
    "callbacks",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("received_at", BigInteger, nullable=False),
    Column("body", Bytes, nullable=False),  # as received
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False),  # why it ended so, in words
    Column("session_id", Text, nullable=False),
    Column("episode_id", BigInteger, nullable=False),  # 0: no alarm
    # What is where its id says needs no index: this one and three below hold the others alone (docs/decisions,
    # *Indexes on the exceptions*).
    Index("ix_callbacks_later", "episode_id", sqlite_where=LATER),
)

episodes = Table(
    "episodes",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("number", Integer, nullable=False, unique=True),  # makes the short id
    Column("key", Text, nullable=False),
    Column("phase", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("policy_id", Text, nullable=False),  # from here to object_id: for searching
    Column("policy_name", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("heard_at", BigInteger, nullable=False),
    Column("heard_at_is_guess", Boolean, nullable=False),
    Column("counted_at", BigInteger, nullable=False),
    Column("alert_id", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("recovered_at", BigInteger),
    Column("repeat_count", Integer, nullable=False),
    Column("again", Boolean, nullable=False),
    Column("heard", Bytes, nullable=False),  # fingerprints of the last day, 16 bytes each with its time
    Column("given", Text, nullable=False),  # JSON: the channels that were told
    Column("callback_id", BigInteger, nullable=False),
    Column("receiving_seconds", BigInteger, nullable=False),
    Index(None, "key"),
    Index("ix_episodes_open", "id", sqlite_where=text("phase = 'open'")),
)

events = Table(
    "events",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),
    Column("episode_id", BigInteger, nullable=False),  # 0: no alarm
    Column("callback_id", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("occurred_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("recovered_at", BigInteger),
    Column("repeat_count", Integer, nullable=False),
    Column("severity", Text, nullable=False),
    Column("previous_severity", Text, nullable=False),
    Column("again", Boolean, nullable=False),
    Column("unheard", Boolean, nullable=False),
    Column("successor", Integer, nullable=False),
    Column("cause", Text, nullable=False),
    Index("ix_events_no_trigger", "episode_id", sqlite_where=NO_TRIGGER),
)

WORK = text("state IN ('waiting', 'begun')")
IN_A_DIGEST = text("digest IS NOT NULL")
UNTOLD = text("why = 'untold'")

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("event_id", BigInteger, nullable=False),
    Column("channel", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("plain", Boolean, nullable=False),  # the platform refused the rich message
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
    Column("replayed_at", BigInteger),  # when a person put it back into its queue
    Column("instead_of", Text, nullable=False, server_default=""),  # a broken channel and why: "ops: invalid_auth"
    Column("digest", BigInteger),  # the digest's event that tells of it; of a digest, the one that it answers
    Column("part", Integer),  # of what a message had no room for: 1, 2, …; of a plain one -1, -2, …
    Column("handed_to", Text, nullable=False, server_default=""),  # of what was moved: the channel that has it now
    Column("why", Text, nullable=False, server_default=""),  # what of its note decides anything (`message.Why`)
    Index("ix_deliveries_work", "channel", "id", sqlite_where=WORK),
    Index("ix_deliveries_not_at_once", "event_id", sqlite_where=NOT_AT_ONCE),
    Index("ix_deliveries_digest", "digest", sqlite_where=IN_A_DIGEST),
    Index("ix_deliveries_untold", "channel", sqlite_where=UNTOLD),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("delivery_id", BigInteger, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("answer", Text, nullable=False),  # the verdict
    Column("status", Integer),  # HTTP
    Column("said", Text, nullable=False),  # the platform's own words
    Column("sent", Text, nullable=False),  # the message's text
    Index("ix_attempts_not_sent", "delivery_id", sqlite_where=NOT_SENT),
)

messages = Table(
    "messages",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("channel", Text, nullable=False),
    Column("event_id", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("receipt", Text, nullable=False),  # JSON, read by the channel's own file alone
)

message_episodes = Table(
    "message_episodes",
    metadata,
    Column("episode_id", BigInteger, nullable=False),
    Column("message_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("episode_id", "message_id"),
)

channels = Table(
    "channels",
    metadata,
    Column("name", Text, primary_key=True),
    Column("paused_until", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False),  # in a row: the back-off's step
    Column("broken_since", BigInteger),
    Column("mark", Text, nullable=False),  # of the settings it broke with: changed ones are tried at once
    Column("reason", Text, nullable=False),
    Column("mended_at", BigInteger),  # what waited then is told only where its alarm is open
    Column("paused_at", BigInteger),  # when the pause began
)

pauses = Table(  # of what platforms count together, whichever channels draw on it
    "pauses",
    metadata,
    Column("name", Text, primary_key=True),
    Column("until", BigInteger, nullable=False),
    Column("begun_at", BigInteger, nullable=False),
)

facts = Table(
    "facts",
    metadata,
    Column("name", Text, primary_key=True),  # receiving_seconds, unrecognised, …
    Column("value", Text, nullable=False),
)

UNDONE = text("done_at IS NULL")

requests = Table(  # what commands ask `serve` to do: written by them, carried out by it
    "requests",
    metadata,
    Column("id", Id, primary_key=True),
    Column("what", Text, nullable=False),  # replay, judge, close
    Column("subject", BigInteger, nullable=False),  # the id of the delivery, callback or episode
    Column("who", Text, nullable=False),  # user@host
    Column("created_at", BigInteger, nullable=False),
    Column("done_at", BigInteger),
    Column("changed", Boolean, nullable=False),  # whether it came to anything
    Column("answer", Text, nullable=False),  # in words
    Column("result", BigInteger, nullable=False),  # the id of what it made; 0: nothing new
    Index("ix_requests_undone", "id", sqlite_where=UNDONE),
    Index(None, "subject"),
)
