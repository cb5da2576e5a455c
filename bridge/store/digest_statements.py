"""The statements about digests, each with a name and a sentence."""

from sqlalchemy import and_, bindparam, case, delete, exists, func, insert, literal, literal_column, select, update

from bridge.alarm import ENDINGS, SERIOUS, SEVERITIES, State
from bridge.store.schema import callbacks, deliveries, episodes, events, message_episodes, messages
from bridge.store.statements import A_DELIVERY, IS_OVER, IS_WORK

EMPTY = literal_column("''", deliveries.c.note.type)
DIGESTED = deliveries.c.state == literal_column("'digested'")
OF_DIGEST = and_(deliveries.c.digest == bindparam("digest"), DIGESTED)

waiting = (  # what waits for a channel, as far as one must know it to merge it
    select(
        deliveries.c.id,
        deliveries.c.event_id,
        deliveries.c.route,
        deliveries.c.step,
        deliveries.c.state,
        deliveries.c.digest,
        deliveries.c.replayed_at,
        events.c.state.label("event_state"),
        events.c.episode_id,
        events.c.severity,
        func.coalesce(deliveries.c.replayed_at, events.c.created_at).label("created_at"),
        episodes.c.key,
        episodes.c.kind,
    )
    .join(events, events.c.id == deliveries.c.event_id)
    .join(episodes, episodes.c.id == events.c.episode_id, isouter=True)
    .where(deliveries.c.channel == bindparam("channel"), IS_WORK)
    .order_by(deliveries.c.id)
    .limit(bindparam("most"))
)
members = (  # the alarms that digests tell of
    select(episodes.c.key, deliveries.c.digest)
    .join(events, events.c.id == deliveries.c.event_id)
    .join(episodes, episodes.c.id == events.c.episode_id)
    .where(deliveries.c.digest.in_(bindparam("digests", expanding=True)), DIGESTED)
    .distinct()
)
over_members = (  # what digests are to tell of alarms that are over
    select(deliveries.c.id, events.c.episode_id)
    .join(events, events.c.id == deliveries.c.event_id)
    .join(episodes, episodes.c.id == events.c.episode_id)
    .where(deliveries.c.digest.in_(bindparam("digests", expanding=True)), DIGESTED, IS_OVER)
)
messages_of = (  # the messages of episodes in a channel
    select(message_episodes.c.episode_id, message_episodes.c.message_id, messages.c.event_id, events.c.state)
    .join(messages, messages.c.id == message_episodes.c.message_id)
    .join(events, events.c.id == messages.c.event_id)
    .where(
        message_episodes.c.episode_id.in_(bindparam("episodes", expanding=True)),
        messages.c.channel == bindparam("channel"),
    )
)
any_digest = select(literal(1)).where(deliveries.c.digest.is_not(None)).limit(1)
end = (  # without an attempt
    update(deliveries)
    .where(deliveries.c.id == bindparam("id_"))
    .values(state=bindparam("state_"), note=bindparam("note_"), why=bindparam("why_"), handed_to=EMPTY)
)
digest = (  # a digest tells of it
    update(deliveries)
    .where(deliveries.c.id == bindparam("id_"))
    .values(state=literal_column("'digested'"), digest=bindparam("digest_"), note=bindparam("note_"), why=EMPTY)
)
answer = (  # it answers another digest
    update(deliveries).where(deliveries.c.id == bindparam("id_")).values(digest=bindparam("digest_"))
)
renew = (  # it tells of something new
    update(events).where(events.c.id == bindparam("id_")).values(created_at=bindparam("now"))
)
sooner = (  # a digest that waits goes no later than one that begins now
    update(deliveries)
    .where(deliveries.c.id == bindparam("id_"), deliveries.c.due_at > bindparam("due_"))
    .values(due_at=bindparam("due_"))
)
dissolve = (  # what it would tell of waits again
    update(deliveries)
    .where(deliveries.c.digest == bindparam("digest_"), DIGESTED)
    .values(state=literal_column("'waiting'"), digest=None, note=EMPTY)
)

told = (  # each alarm of a digest, its newest state in the first place
    select(
        deliveries.c.id,
        deliveries.c.event_id,
        deliveries.c.route,
        events.c.state,
        events.c.severity,
        episodes.c.policy_id,
        episodes.c.policy_name,
        episodes.c.subject,
        func.row_number()
        .over(partition_by=episodes.c.key, order_by=(events.c.id.desc(), deliveries.c.id.desc()))
        .label("place"),
    )
    .join(events, events.c.id == deliveries.c.event_id)
    .join(episodes, episodes.c.id == events.c.episode_id)
    .where(OF_DIGEST)
    .cte("told")
)
ALIKE = (
    told.c.policy_id,
    told.c.policy_name,
    case((and_(told.c.policy_id == "", told.c.policy_name == ""), told.c.subject), else_="").label("subject"),
    told.c.state,
    told.c.severity,
    told.c.route,
)
counts = (  # how many of them, by what they have in common
    select(*ALIKE, func.count().label("alarms")).where(told.c.place == 1).group_by(*ALIKE)
)
IS_URGENT = (
    (told.c.severity == SERIOUS)
    | (told.c.state == State.ESCALATED.value)
    | told.c.route.in_(bindparam("routes", expanding=True))
)
worst = (  # the worst of them: what lasts, what is urgent, by severity, the newest first
    select(*A_DELIVERY)
    .join(told, told.c.id == deliveries.c.id)
    .join(events, events.c.id == deliveries.c.event_id)
    .join(episodes, episodes.c.id == events.c.episode_id)
    .join(callbacks, callbacks.c.id == events.c.callback_id, isouter=True)
    .where(told.c.place == 1)
    .order_by(
        case((told.c.state.in_(sorted(ENDINGS)), 1), else_=0),
        case((IS_URGENT, 0), else_=1),
        case({name: -rank for rank, name in enumerate(SEVERITIES)}, value=told.c.severity, else_=0),
        deliveries.c.event_id.desc(),
    )
    .limit(bindparam("most"))
)
episodes_of = select(events.c.episode_id).join(deliveries, deliveries.c.event_id == events.c.id).where(OF_DIGEST)
an_episode = episodes_of.limit(1)
told_before = exists().where(
    message_episodes.c.episode_id == events.c.episode_id,
    message_episodes.c.message_id == messages.c.id,
    messages.c.channel == bindparam("channel_"),
)
link = (  # of those episodes that have no message yet
    insert(message_episodes).from_select(
        ["episode_id", "message_id"], episodes_of.add_columns(bindparam("message")).where(~told_before).distinct()
    )
)
forget = delete(message_episodes).where(
    message_episodes.c.episode_id.in_(episodes_of),
    message_episodes.c.message_id.in_(select(messages.c.id).where(messages.c.channel == bindparam("channel_"))),
)
