"""The lower half: whether each channel was told what it must be told, in order, once, and nothing else."""

from collections.abc import Iterator
from typing import Any

from tests.simulation.chat import KEPT, TAKEN, Request
from tests.simulation.evidence import ENDS, Evidence, named, shown
from tests.simulation.excuses import is_digested, is_excused, is_told_elsewhere, was_given_up
from tests.simulation.model import News

STORING_SECONDS = 10.0  # for a result or a pause to reach a disk that is well


def room(seen: Evidence) -> Iterator[str]:
    """Nobody hears what is not for him."""
    expected = {
        (channel, one.mark, one.state)
        for one in seen.model.news
        for first in (seen.given(one) if one.state in ENDS else one.steps)
        for channel in ([first] if first in one.steps else []) + seen.places(first)[1:]
    }
    for place in seen.requests.keys() - expected:
        yield f"room: {place} was told, and should not have been"


def told(seen: Evidence) -> Iterator[str]:
    """Everybody hears what is for him, or somebody in his place, and no call of it is made twice."""
    for news in seen.model.news:
        for channel, steps in news.steps.items():
            kept = seen.kept(channel, news)
            if not kept and not is_excused(seen, news, channel) and not is_told_elsewhere(seen, news, channel):
                yield f"told: {channel} was never told {named(news)}"
            wished = seen.replays[channel, news.mark, news.state]
            if len(kept) > len(steps) + wished + sum(is_unsure(seen, one) for one in kept):
                yield f"twice: {channel} was told {named(news)} {len(kept)} times: {shown(kept)}"


def is_unsure(seen: Evidence, request: Request) -> bool:
    """Whether the bridge cannot know that a message was taken."""
    if request.fared != TAKEN:
        return True
    kill = next((one for one in seen.history.kills if one.life == request.life), None)
    if kill is None:
        return False
    return request.delivery in kill.work or (not request.delivery and kill.at - request.at < STORING_SECONDS)


def endings(seen: Evidence) -> Iterator[str]:
    """Who took the trigger in another one's place gets the ending."""
    for news in seen.model.news:
        if news.state != "recovered" or news.episode is None:
            continue
        for channel in seen.plan.channels:
            life = [one for one in seen.life(news) if one.rank < news.rank]
            triggers = [one for one in life if one.state == "triggered" and one.steps and channel not in one.steps]
            took = [made for one in triggers[-1:] for made in seen.kept(channel, one)]
            if (
                not took
                or _is_told_by_the_last(seen, news, channel, took)
                or not seen.model.calls_at_the_end(news, channel)
            ):
                continue
            fared = seen.kept(channel, news) or seen.refused(channel, news) or was_given_up(seen, news, channel)
            if not fared and not is_told_elsewhere(seen, news, channel) and not is_digested(seen, news, channel):
                yield f"ending: {channel} took the trigger, and was never told {named(news)}"


def _is_told_by_the_last(seen: Evidence, news: News, channel: str, took: list[Request]) -> bool:
    """Whether the trigger was told again when the alarm had ended anew, and that end was told behind it."""
    ends = [one for one in seen.life(news) if one.state in ENDS and one.rank > news.rank]
    begun = min(one.wall for one in took)
    return any(begun * 1000 >= one.at and seen.kept(channel, one) for one in ends)


def order(seen: Evidence) -> Iterator[str]:
    """Per alarm and channel what is told comes in order."""
    latest: dict[Any, Any] = {}
    for request in seen.history.requests:
        news = seen.news.get((request.mark, request.state))
        if request.fared not in KEPT or news is None or request.state == "unrecognised" or request.part:
            continue
        if seen.was_replayed(request):
            continue
        before = latest.get((request.channel, news.key))
        if before is None or news.rank >= before.rank:
            if request.fared == TAKEN or request.delivery not in seen.dead:  # else the bridge knows of nobody who heard
                latest[request.channel, news.key] = news
        elif request.channel in news.steps or not _may_be_late(seen, news, before):
            yield f"order: {request.channel} heard {named(news)} after {before.state} {before.mark}"


def _may_be_late(seen: Evidence, news: News, before: News) -> bool:
    """Whether what comes in another one's place may come after something newer.

    An escalation is never skipped for a repeat. And a broken channel hands over all that waits of an episode at once:
    where an older episode was heard of in the midst of a newer one's life, that one's end overtakes it.
    """
    is_within = before.episode is not news.episode and any(one.rank < news.rank for one in seen.life(before))
    return is_within or (news.state == "escalated" and before.state == "repeat")
