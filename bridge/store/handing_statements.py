"""The statements about what another channel takes over, each with a name and a sentence."""

from sqlalchemy import and_, bindparam, func, literal_column, select, union_all, update

from bridge.alarm import ENDINGS
from bridge.store.schema import NEAR, callbacks, deliveries, episodes, events
from bridge.store.statements import A_DELIVERY, CAME_LATER, NO_TRIGGER, NOT_AT_ONCE

TELLS = deliveries.c.state.in_([literal_column(f"'{state}'") for state in ("waiting", "begun", "sent", "digested")])
TRIGGERED_AGAIN = and_(  # by a callback of an episode that had recovered
    CAME_LATER,
    callbacks.c.outcome == literal_column("'triggered'"),
    events.c.callback_id - callbacks.c.id == 0,  # a difference: by an equation SQLite would begin with all events
    literal_column("events.state") == literal_column("'triggered'"),
)

calls = union_all(  # all calls of an event: those made with it, and what was handed over
    *(
        select(deliveries.c.id, deliveries.c.channel, deliveries.c.state, deliveries.c.handed_to).where(
            deliveries.c.event_id == bindparam("event_id_"), where
        )
        for where in (deliveries.c.id.between(bindparam("event_id_"), bindparam("event_id_") + NEAR), NOT_AT_ONCE)
    )
)
follow = union_all(  # events of an episode, from one on: those that are no trigger, and what made it fire again
    select(events.c.id).where(
        events.c.episode_id == bindparam("episode"), NO_TRIGGER, events.c.id >= bindparam("event_id_")
    ),
    select(events.c.id)
    .join(callbacks, events.c.id.between(callbacks.c.id, callbacks.c.id + NEAR))
    .where(callbacks.c.episode_id == bindparam("episode"), TRIGGERED_AGAIN, events.c.id >= bindparam("event_id_")),
)
left_behind = (  # what else waits of an episode for a channel, from an event on: `goes_with` says which of it goes
    select(*A_DELIVERY)
    .join(events, events.c.id == deliveries.c.event_id)
    .join(episodes, episodes.c.id == events.c.episode_id)
    .join(callbacks, callbacks.c.id == events.c.callback_id, isouter=True)
    .where(
        deliveries.c.id.in_(
            union_all(
                *(
                    select(deliveries.c.id)
                    .join(events, events.c.id == deliveries.c.event_id)
                    .where(
                        events.c.id.in_(follow),
                        deliveries.c.channel == bindparam("channel"),
                        deliveries.c.state == literal_column("'waiting'"),
                        where,
                    )
                    for where in (deliveries.c.id.between(events.c.id, events.c.id + NEAR), NOT_AT_ONCE)
                )
            )
        ),
        deliveries.c.id != bindparam("id_"),
    )
    .order_by(deliveries.c.id)
)
move = (  # a fallback channel has it now
    update(deliveries)
    .where(deliveries.c.id == bindparam("id_"))
    .values(state=literal_column("'moved'"), note=bindparam("note_"), handed_to=bindparam("to_"))
)
stay = (  # it is not handed over after all
    update(deliveries)
    .where(deliveries.c.id == bindparam("id_"))
    .values(state=literal_column("'waiting'"), note=bindparam("note_"), why=literal_column("'went_round'"))
    .values(handed_to=literal_column("''"))
)
mine = select(episodes.c.id).where(episodes.c.key == bindparam("key"), episodes.c.id >= bindparam("episode"))
later = union_all(  # events of an alarm: no triggers, the triggers of later episodes, and what made one fire again
    select(events.c.id, events.c.state).where(
        events.c.episode_id.in_(mine), NO_TRIGGER, events.c.id > bindparam("event_id_")
    ),
    select(events.c.id, events.c.state)
    .join(callbacks, events.c.id.between(callbacks.c.id, callbacks.c.id + NEAR))
    .where(callbacks.c.episode_id.in_(mine), TRIGGERED_AGAIN, events.c.id > bindparam("event_id_")),
    select(events.c.id, events.c.state)
    .join(episodes, events.c.id.between(episodes.c.id, episodes.c.id + NEAR))
    .where(
        episodes.c.key == bindparam("key"),
        episodes.c.id > bindparam("episode"),
        events.c.id > bindparam("event_id_"),
        events.c.episode_id == episodes.c.id,
        events.c.state == literal_column("'triggered'"),
    ),
).cte("later")
to_the_channel = (
    select(deliveries.c.id)
    .where(deliveries.c.event_id == later.c.id, deliveries.c.channel == bindparam("to"), TELLS)
    .correlate(later)
    .limit(1)
)
told_of = func.coalesce(  # at once, or handed over
    to_the_channel.where(deliveries.c.id.between(later.c.id, later.c.id + NEAR)).scalar_subquery(),
    to_the_channel.where(NOT_AT_ONCE).scalar_subquery(),
)
newer_news = (  # the delivery by which a channel has news of an alarm that is newer than an event
    select(told_of.label("id"))
    .where(later.c.state.in_(bindparam("states", expanding=True)), told_of.is_not(None))
    .order_by(later.c.id.desc())
    .limit(1)
)
ending = (  # the event that ended an episode last
    select(events.c.id)
    .where(
        events.c.episode_id == bindparam("episode"),
        NO_TRIGGER,
        events.c.state.in_(sorted(ENDINGS)),
        events.c.id > bindparam("event_id_"),
    )
    .order_by(events.c.id.desc())
    .limit(1)
)
