"""Why a channel need not have been told: it refused, a later message told it as well, or somebody heard it in its place."""

from tests.simulation.chat import GONE, LIMITED, TAKEN, Request
from tests.simulation.evidence import CHATS, ENDS, Evidence
from tests.simulation.model import Model, News

NEEDLESS = {"repeat", "replaced"}  # as updates of what a digest told of
SUPERSEDED = "superseded"
GIVEN_UP = "given up after"
IN_A_DIGEST = "told in a digest: delivery "
OVER_UNHEARD = "it was over before the channel was mended, which never had its trigger"
DRAINING = 60.0  # seconds: a chat that is mended takes one a second of what waits
MOST_BEFORE = 3  # younger ones go by turns with those that were tried before


def is_excused(seen: Evidence, news: News, channel: str) -> bool:
    """Whether it was refused for good, or there was nothing to update."""
    machine = seen.plan.channels[channel].type == "webhook"
    if seen.refused(channel, news) or was_given_up(seen, news, channel) or _was_repeated(seen, news, channel):
        return True
    if not machine and (_is_merged(seen, news, channel) or is_digested(seen, news, channel)):
        return True
    if news.steps[channel] == ("update",) and news.state in {"replaced", "expired"}:
        gone = any(one.fared == GONE for one in seen.made(channel, news))
        return gone or not _has_message(seen, news, channel)
    return not machine and _was_over(seen, news, channel)


def is_told_elsewhere(seen: Evidence, news: News, channel: str) -> bool:
    """Whether somebody was told in its place, or will not be: he refused it, or it was over before he was mended."""
    for place in seen.places(channel)[1:]:
        if _was_heard(seen, news, place):
            return True
        if news.state in ENDS and _was_handed(seen, news, place) and not seen.model.calls_at_the_end(news, place):
            return True  # who has the alarm by now is silent at its end
        is_news = news.state not in {"replaced", "expired"} or news.steps.get(channel) != ("update",)
        is_chat = seen.plan.channels[place].type in CHATS
        if is_chat and (_was_over(seen, news, place) or not is_news or _is_with_its_trigger(seen, news, place)):
            return True
        if was_given_up(seen, news, place):
            return True
        if _knows_better(seen, news, channel, place):
            return True
    return False


def _knows_better(seen: Evidence, news: News, channel: str, place: str) -> bool:
    """Whether the bridge says that it skipped it, and who takes the channel's place was told newer news of the alarm."""
    if SUPERSEDED not in seen.fates[channel, news.mark, news.state]:
        return False
    later = [one for one in seen.model.news if one.key == news.key and one.rank > news.rank and one.state != "repeat"]
    repeats = [one for one in seen.model.news if one.key == news.key and one.rank > news.rank and one.state == "repeat"]
    newer = later if news.state == "escalated" else later + repeats
    return any(_was_heard(seen, one, place) for one in newer)


def _was_repeated(seen: Evidence, news: News, channel: str) -> bool:
    """Whether the bridge made no call, and the route's interval had another repeat, which came in another one's place."""
    route = dict(Model(news.plan).routed(news.key[0])).get(channel)
    if news.state != "repeat" or route is None or seen.fates[channel, news.mark, news.state]:
        return False
    since = news.at - route.repeat_interval * 1000
    before = [one for one in seen.life(news) if one.state == "repeat" and since < one.at and one.rank < news.rank]
    others = [one for one in before if channel not in one.steps]
    gave_up = _gave_up_its_trigger(seen, news, channel)
    handed_on = [one for one in before if gave_up or "moved" in seen.fates[channel, one.mark, one.state]]
    return any(_was_heard(seen, one, channel) for one in others) or any(
        _was_heard(seen, one, place) for one in handed_on for place in seen.places(channel)[1:]
    )


def _gave_up_its_trigger(seen: Evidence, news: News, channel: str) -> bool:
    """Whether another one took the alarm's trigger over from a channel, and has the alarm in its place since."""
    triggers = (one for one in seen.life(news) if one.state == "triggered")
    return any("moved" in seen.fates[channel, one.mark, one.state] for one in triggers)


def _was_handed(seen: Evidence, news: News, channel: str) -> bool:
    """Whether a channel was given the alarm's trigger, however it took that: a dead letter is known of, too."""
    before = [one for one in seen.life(news) if one.state == "triggered"]
    return any(_was_heard(seen, one, channel) or was_given_up(seen, one, channel) for one in before)


def _was_heard(seen: Evidence, news: News, channel: str) -> bool:
    return bool(seen.kept(channel, news) or seen.refused(channel, news)) or is_digested(seen, news, channel)


def _was_over(seen: Evidence, news: News, channel: str) -> bool:
    """Whether an alarm came and went before the channel, which was broken, took anything again, or got to it."""
    life = seen.life(news)
    first = [one for one in life if one.state == "triggered"][:1]
    if not first or not any(one.state in ENDS for one in life) or seen.kept(channel, first[0]):
        return False
    is_said = OVER_UNHEARD in seen.fates[channel, news.mark, news.state]
    return any(
        first[0].at <= until * 1000 + seen.moved
        and news.at <= (until + (_draining(seen, until) if is_said else 0.0)) * 1000 + seen.moved
        for _, until in seen.broken[channel]
    )


def _draining(seen: Evidence, since: float) -> float:
    """Give the seconds that what waits for a mended chat may take, with those in which a platform wants no calls."""
    limited: list[Request] = [one for one in seen.history.requests if one.fared == LIMITED and one.wall >= since]
    return DRAINING + sum(one.wait for one in limited)


def is_digested(seen: Evidence, news: News, channel: str) -> bool:
    """Whether a digest told of it, or of what came after it; what a digest told of is not updated."""
    for told in seen.told_in_digests(channel):
        if told.key == news.key and (  # an alarm is counted once
            told.rank >= news.rank or (news.steps.get(channel) == ("update",) and news.state in NEEDLESS)
        ):
            return True
    return False


def _is_merged(seen: Evidence, news: News, channel: str) -> bool:
    """Whether a later message to a chat told it as well: its recovery in a trigger's place, or a newer update."""
    if _is_with_its_trigger(seen, news, channel):
        return True
    for one in seen.life(news):
        if one.rank <= news.rank:
            continue
        answered = seen.kept(channel, one) + seen.refused(channel, one)
        is_answered = answered or was_given_up(seen, one, channel)  # of that it is known: a dead letter
        if one.state in {"triggered", "escalated"} and news.state != "repeat":
            return False
        newer = one.state in ENDS or news.state not in ENDS
        if is_answered and newer and news.steps[channel] == ("update",) and news.state != "escalated":
            return True
    return False


def _is_with_its_trigger(seen: Evidence, news: News, channel: str) -> bool:
    """Whether the alarm's recovery stands in its trigger's place, and tells all between."""
    for one in seen.life(news):
        if one.rank <= news.rank:
            continue
        answered = seen.kept(channel, one) + seen.refused(channel, one)
        if one.state == "recovered" and any(_is_together(seen, made, news) for made in answered):
            return True
        if one.state in {"triggered", "escalated"} and news.state != "repeat":
            return False
    return False


def _is_together(seen: Evidence, made: Request, news: News) -> bool:
    """Whether a message that tells of a recovery stands in the place of the alarm's trigger, or later news of it."""
    if not made.delivery:  # a plain text does not say
        return made.step == "post"
    trigger = seen.news.get(seen.stored.get(made.delivery, ("", "")))
    return made.step == "post" and trigger is not None and trigger.state == "triggered" and trigger.rank <= news.rank


def _has_message(seen: Evidence, news: News, channel: str) -> bool:
    before = [one for one in seen.life(news) if one.rank < news.rank]
    posted = (made for one in before for made in seen.made(channel, one) if made.step == "post")
    return (
        any(one.fared == TAKEN and (one.wall * 1000 <= news.at or not seen.was_replayed(one)) for one in posted)
        and not (seen.history.met["vanished"])
    )


def was_given_up(seen: Evidence, news: News, channel: str) -> bool:
    """Whether it waited for longer than anything may wait: the channel failed, or the config did not have it."""
    notes = seen.fates[channel, news.mark, news.state]
    digests = [seen.notes.get(one.removeprefix(IN_A_DIGEST), "") for one in notes if one.startswith(IN_A_DIGEST)]
    if any(one.startswith(GIVEN_UP) for one in (*notes, *digests)):
        return not _was_overtaken(seen, news, channel)
    limit = seen.plan.give_up_after * 1000 - seen.moved
    return any(
        begins * 1000 >= news.at - seen.moved and ends * 1000 - news.at >= limit
        for begins, ends in _gone(seen, channel)
    )


def _was_overtaken(seen: Evidence, news: News, channel: str) -> bool:
    """Whether a chat took younger news while this was still to be told: then this could have been told, too."""
    plan = seen.plan.channels[channel]
    if (
        plan.type not in CHATS or plan.digest_over
    ):  # elsewhere each alarm waits for itself, or what is urgent goes first
        return bool(seen.kept(channel, news))
    until = news.at / 1000 + seen.plan.give_up_after - seen.moved / 1000
    taken = (one for one in seen.history.requests if one.channel == channel and one.fared == TAKEN and one.wall < until)
    known = (seen.news.get((one.mark, one.state)) for one in taken)
    younger = {(one.mark, one.state) for one in known if one and one.rank > news.rank and one.key != news.key}
    return sum(state != "escalated" and ":" not in mark for mark, state in younger) > MOST_BEFORE


def _gone(seen: Evidence, channel: str) -> list[tuple[float, float]]:
    """Give from when till when no config in force had a channel, by the wall clock."""
    spans, since = [], None
    for one in seen.history.configs:
        is_there = channel in seen.history.scenario.plans[one.plan].channels
        if not is_there and since is None:
            since = one.wall
        elif is_there and since is not None:
            spans.append((since, one.wall))
            since = None
    return spans if since is None else [*spans, (since, float("inf"))]
