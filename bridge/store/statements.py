"""Every statement, with a name and a sentence."""

from sqlalchemy import and_, bindparam, case, delete, exists, func, insert, literal_column, or_, select, text, update

from bridge.store.schema import (
    NEAR,
    attempts,
    callbacks,
    channels,
    deliveries,
    episodes,
    events,
    facts,
    message_episodes,
    messages,
    pauses,
)

# The conditions of partial indexes (`schema`), word by word: SQLite uses an index for nothing else.
NOT_SENT = attempts.c.answer != literal_column("'sent'")  # beside the answer that is wanted
NO_TRIGGER = literal_column("events.state") != literal_column("'triggered'")
NOT_AT_ONCE = text(f"deliveries.id > deliveries.event_id + {NEAR}")  # handed over, or put back under an id of its own
CAME_LATER = text(  # than what began its episode
    "callbacks.episode_id > 0 AND "
    f"(callbacks.id > callbacks.episode_id OR callbacks.id < callbacks.episode_id - {NEAR})"
)
IS_WORK = deliveries.c.state.in_([literal_column("'waiting'"), literal_column("'begun'")])

# The upper half -------------------------------------------------------------------------------------

MOST_KNOWN = 300  # episodes of one alarm that are looked at: one every 5 minutes for a day has 288
newest_episodes = (
    select(
        episodes.c.id,
        func.row_number().over(partition_by=episodes.c.key, order_by=episodes.c.id.desc()).label("place"),
    )
    .where(episodes.c.key.in_(bindparam("keys", expanding=True)))
    .subquery()
)
known_episodes = (  # what is known of the alarms of a batch, without what is too old to matter
    select(episodes)
    .where(episodes.c.id.in_(select(newest_episodes.c.id).where(newest_episodes.c.place <= MOST_KNOWN)))
    .order_by(episodes.c.started_at)
)
add_callback = insert(callbacks)
add_episode = insert(episodes)
add_event = insert(events)
# stay empty at first: a value for every row costs the hot path
RARE = {"replayed_at", "digest", "part", "handed_to", "why"}
add_delivery = insert(deliveries).values(
    {column.name: bindparam(column.name) for column in deliveries.c if column.name not in RARE}
)
LIFE = [
    column.name
    for column in episodes.c
    if column.name not in {"id", "number", "key", "policy_id", "policy_name", "subject", "object_id"}
]
change_episode = (  # all that changes in an episode's life
    update(episodes).where(episodes.c.id == bindparam("id_")).values({name: bindparam(f"{name}_") for name in LIFE})
)
highest_id = {table.name: select(func.max(table.c.id)) for table in (callbacks, events, deliveries, attempts, messages)}
highest_number = select(func.max(episodes.c.number))
quiet_episodes = (  # open, and not heard of since the bridge had received for so long
    select(episodes)
    .where(episodes.c.phase == literal_column("'open'"), episodes.c.receiving_seconds <= bindparam("before"))
    .order_by(episodes.c.id)
    .limit(bindparam("most"))
)
own_alarms = (  # the bridge's own that are open, with what was last told of them
    select(callbacks.c.body, callbacks.c.received_at)
    .join(episodes, episodes.c.callback_id == callbacks.c.id)
    .where(episodes.c.phase == literal_column("'open'"), episodes.c.kind == literal_column("'bridge'"))
    .order_by(episodes.c.id)
)
open_episodes = select(func.count()).select_from(episodes).where(episodes.c.phase == literal_column("'open'"))

# The lower half -------------------------------------------------------------------------------------

A_DELIVERY = (  # all that a message needs of it
    deliveries.c.id,
    deliveries.c.event_id,
    deliveries.c.channel,
    deliveries.c.route,
    deliveries.c.step,
    deliveries.c.plain,
    deliveries.c.state.label("delivery_state"),
    deliveries.c.attempts,
    deliveries.c.due_at,
    deliveries.c.note,
    deliveries.c.why,
    deliveries.c.instead_of,
    deliveries.c.replayed_at,
    deliveries.c.part,
    events.c.state.label("event_state"),
    events.c.episode_id,
    events.c.callback_id,
    events.c.created_at,
    events.c.received_at,
    events.c.occurred_at,
    events.c.started_at,
    events.c.recovered_at,
    events.c.repeat_count,
    events.c.severity,
    events.c.previous_severity,
    events.c.again,
    events.c.unheard,
    events.c.successor,
    events.c.cause,
    episodes.c.number,
    episodes.c.key,
    episodes.c.kind,
    callbacks.c.body,
)
waiting_deliveries = (  # one page of a channel's queue
    select(*A_DELIVERY)
    .join(events, events.c.id == deliveries.c.event_id)
    .join(episodes, episodes.c.id == events.c.episode_id, isouter=True)
    .join(callbacks, callbacks.c.id == events.c.callback_id, isouter=True)
    .where(deliveries.c.channel == bindparam("channel"), deliveries.c.id > bindparam("after"), IS_WORK)
    .order_by(deliveries.c.id)
    .limit(bindparam("most"))
)
begin_delivery = (  # said before a step is made that a second time would show twice
    update(deliveries).where(deliveries.c.id == bindparam("id_")).values(state=literal_column("'begun'"))
)
finish_delivery = (  # what became of an attempt
    update(deliveries)
    .where(deliveries.c.id == bindparam("id_"))
    .values({name: bindparam(f"{name}_") for name in ("state", "attempts", "due_at", "note", "step", "plain")})
    .values(why=literal_column("''"))
)
say_why = (  # of few: a value for every row costs the hot path
    update(deliveries).where(deliveries.c.id == bindparam("id_")).values(why=bindparam("why_"))
)
add_attempt = insert(attempts)
add_message = insert(messages)
link_message = insert(message_episodes)
message_of_episode = (  # the newest message of an episode in a channel
    select(messages.c.receipt, messages.c.event_id, events.c.state)
    .join(events, events.c.id == messages.c.event_id, isouter=True)
    .join(message_episodes, message_episodes.c.message_id == messages.c.id)
    .where(message_episodes.c.episode_id == bindparam("episode_id"), messages.c.channel == bindparam("channel"))
    .order_by(messages.c.id.desc())
    .limit(1)
)
messages_of_channel = select(messages.c.id).where(messages.c.channel == bindparam("channel_"))
forget_message = delete(message_episodes).where(
    message_episodes.c.episode_id == bindparam("episode_id_"), message_episodes.c.message_id.in_(messages_of_channel)
)
IS_OVER = and_(  # and came once: of a later life the trigger is not beside the episode
    episodes.c.phase.in_([literal_column(f"'{phase}'") for phase in ("recovered", "replaced", "expired")]),
    ~episodes.c.again,
)
news, telling = events.alias("news"), deliveries.alias("telling")
was_told_since = exists().where(  # of an episode: it was open again before this end
    news.c.episode_id == episodes.c.id,
    news.c.state != literal_column("'triggered'"),  # as in the index
    telling.c.id.between(news.c.id, news.c.id + NEAR),
    telling.c.event_id == news.c.id,
    telling.c.channel == bindparam("channel"),
    telling.c.state == literal_column("'sent'"),
)
waits_untold = exists().where(  # the call of a trigger that was not made, nor may have been
    deliveries.c.id.between(events.c.id, events.c.id + NEAR),
    deliveries.c.event_id - events.c.id == 0,  # a difference: SQLite would read all of the table by an equation
    deliveries.c.channel == bindparam("channel"),
    or_(
        deliveries.c.state.in_([literal_column(f"'{state}'") for state in ("waiting", "moved")]),
        deliveries.c.why == literal_column("'over_unheard'"),
        and_(  # a digest that waits is to tell of it
            deliveries.c.state == literal_column("'digested'"),
            deliveries.c.digest.in_(bindparam("digests", expanding=True)),
        ),
    ),
    func.coalesce(deliveries.c.replayed_at, events.c.created_at) <= bindparam("until"),
    ~exists().where(  # it may have been told
        attempts.c.delivery_id == deliveries.c.id,
        NOT_SENT,
        attempts.c.answer == literal_column("'ambiguous'"),
    ),
)
was_told = exists().where(  # of a trigger: what waits of it a person has told again
    telling.c.id.between(events.c.id, events.c.id + NEAR),
    telling.c.event_id - events.c.id == 0,
    telling.c.channel == bindparam("channel"),
    telling.c.state == literal_column("'sent'"),
)
over_unheard = select(episodes.c.id).where(  # episodes that are over, and of which a channel has not even the trigger
    episodes.c.id.in_(bindparam("episodes", expanding=True)),
    IS_OVER,
    ~was_told_since,
    exists().where(
        events.c.id.between(episodes.c.id, episodes.c.id + NEAR),
        events.c.episode_id - episodes.c.id == 0,
        events.c.state == literal_column("'triggered'"),
        waits_untold,
        ~was_told,
    ),
)
ambiguous_attempt = (  # the newest of a delivery: it may have arrived
    select(attempts.c.made_at)
    .where(
        attempts.c.delivery_id == bindparam("delivery_id"),
        NOT_SENT,
        attempts.c.answer == literal_column("'ambiguous'"),
    )
    .order_by(attempts.c.id.desc())
    .limit(1)
)
newest_receipt = (  # in a channel
    select(messages.c.receipt)
    .where(messages.c.channel == bindparam("channel"), messages.c.receipt != literal_column("'{}'"))
    .order_by(messages.c.id.desc())
    .limit(1)
)
why_gone = (  # what a platform said of the message that a delivery was to change or answer
    select(attempts.c.said)
    .where(
        attempts.c.delivery_id == bindparam("delivery_id"),
        NOT_SENT,
        attempts.c.answer == literal_column("'gone'"),
    )
    .order_by(attempts.c.id.desc())
    .limit(1)
)
episode_by_id = select(episodes).where(episodes.c.id == bindparam("id_"))
channel_states = select(channels)
forget_channel = delete(channels).where(channels.c.name == bindparam("name_"))
add_channel = insert(channels)
all_pauses = select(pauses)
forget_pauses = delete(pauses).where(or_(pauses.c.name == bindparam("name_"), pauses.c.until <= bindparam("now_")))
add_pause = insert(pauses)
queues = (  # how much waits for each channel, and since when
    select(
        deliveries.c.channel,
        func.count(),
        func.min(case((deliveries.c.replayed_at.is_(None), deliveries.c.event_id))),
        func.min(deliveries.c.replayed_at),
    )
    .where(IS_WORK)
    .group_by(deliveries.c.channel)
)
event_times = select(events.c.id, events.c.received_at).where(events.c.id.in_(bindparam("ids", expanding=True)))

# Facts --------------------------------------------------------------------------------

fact = select(facts.c.value).where(facts.c.name == bindparam("name_"))
forget_fact = delete(facts).where(facts.c.name == bindparam("name_"))
add_fact = insert(facts)
