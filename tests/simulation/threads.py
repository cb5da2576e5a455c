"""What stands in Slack around an alarm's message: in its thread what it had no room for, in it where the one before stands."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from tests.simulation.chat import KEPT, REFUSED, TAKEN, Request
from tests.simulation.evidence import Evidence, named
from tests.simulation.excuses import GIVEN_UP
from tests.simulation.model import News
from tests.simulation.telling import is_unsure

GONE_WORDS = "message_not_found"
Thread = tuple[str, int]  # channel, the episode


def rests(seen: Evidence) -> Iterator[str]:
    """What a message had no room for comes whole, once an alarm, in the thread of one of its messages."""
    answers = list(_answers(seen))
    for thread, made in answers:
        if thread is None:
            yield f"rest: {made.channel} was told what a message had no room for in a thread of no alarm: {made.ts}"
    whole, owed = _told(answers), _owed(seen)
    notes = {one.mark: "".join(one.note) for one in seen.history.scenario.told if one.is_long}
    for thread, rows in owed.items():
        lost = [one for one in rows if one[4] != "sent" and not _is_out_of_reach(seen, one)]
        if lost:
            yield f"rest: {thread[0]} was not told what a message had no room for: {lost[0]}"
        mark = seen.stored[str(rows[0][0])][0]
        if all(one[4] == "sent" for one in rows) and notes.get(mark, mark) not in whole[thread]:
            yield f"rest: {thread[0]} was not told all of what a message had no room for"
    for made in _shortened(seen):
        thread = _thread_of(seen, made)
        if thread and thread not in owed and not seen.broken[made.channel]:  # who was broken may have lost the alarm
            yield f"rest: {made.channel} was told {made.state} {made.mark} shortened, and nothing in its thread"
    yield from _twice(seen, answers)


def _twice(seen: Evidence, answers: list[tuple[Thread | None, Request]]) -> Iterator[str]:
    """Find parts that were told twice, but for those that were unsure or asked for."""
    wished = Counter(_episode_at(seen, one) for one in _rows(seen) if str(one[0]) in seen.replayed)
    told = Counter((thread, made.part) for thread, made in answers)
    unsure = Counter((thread, made.part) for thread, made in answers if is_unsure(seen, made))
    for (thread, part), times in told.items():
        if times > 1 + unsure[thread, part] + wished[thread]:
            yield f"rest: {thread and thread[0]} was told part {part} {times} times"


def links(seen: Evidence) -> Iterator[str]:
    """A message of an alarm that comes again says where the one before stands, and no other says so of itself."""
    messages = _messages(seen)
    for made in _told_in_slack(seen):
        thread, news = _thread_of(seen, made), seen.news.get((made.mark, made.state))
        if thread is None or news is None:
            continue
        before = [one for one in messages[thread] if one.at < made.at]
        is_wished = seen.was_replayed(made)  # then it is about the newest message
        came_again = any(one.again and (is_wished or one.rank <= news.rank) for one in seen.life(news))
        if made.before and (not came_again or made.before not in {one.ts for one in before}):
            yield f"linked: {made.channel} was told {named(news)} with {made.before}, which tells of something else"
        known = [one for one in before if one.fared == TAKEN and one.event and not is_unsure(seen, one)]
        is_new = news.again and made.step == "post" and not is_wished
        if is_new and not made.before and known and not (seen.history.met["vanished"] or seen.broken[made.channel]):
            yield f"linked: {made.channel} was told {named(news)} without {known[-1].ts}, its message before"


def _told_in_slack(seen: Evidence) -> Iterator[Request]:
    """Give what a channel took in its own template's words: in them alone there is a link."""
    slack = {name for name, plan in seen.plan.channels.items() if plan.type == "slack"}
    made = (one for one in seen.history.requests if one.channel in slack and one.fared in KEPT)
    return (one for one in made if one.event.isdecimal() and not one.part and one.state != "digest")


def _shortened(seen: Evidence) -> Iterator[Request]:
    """Give the messages that are known to have come, and had no room for all of it."""
    long = {one.mark for one in seen.history.scenario.told if one.is_long}
    for made in _told_in_slack(seen):
        is_message = made.step in {"post", "update"} and made.fared == TAKEN
        if is_message and made.mark in long and not is_unsure(seen, made):
            yield made


def _messages(seen: Evidence) -> dict[Thread, list[Request]]:
    """Give the messages of each alarm in each channel, those of digests that tell of it as well."""
    found: dict[Thread, list[Request]] = defaultdict(list)
    for made in seen.history.requests:
        if made.fared not in KEPT or made.step != "post":
            continue
        told = [(mark, state) for state, mark in made.members] or [(made.mark, made.state)]
        for news in (seen.news[one] for one in told if one in seen.news):
            for episode in _told_of(seen, made, news):
                found[made.channel, episode].append(made)
    return found


def _told_of(seen: Evidence, made: Request, news: News) -> set[int]:
    """Give the episodes that a message tells of; a digest names an alarm once, in its newest state."""
    if made.state != "digest":
        return {id(news.episode)} if news.episode else set()
    before = (one for one in seen.model.news if one.key == news.key and one.rank <= news.rank)
    return {id(one.episode) for one in before if one.episode}


def _answers(seen: Evidence) -> Iterator[tuple[Thread | None, Request]]:
    """Give what was told of what messages had no room for, each with the alarm in whose thread it stands."""
    threads = {(thread[0], one.ts): thread for thread, some in _messages(seen).items() for one in some}
    for made in seen.history.requests:
        if made.part and made.fared in KEPT:
            yield threads.get((made.channel, made.ts)), made


def _told(answers: list[tuple[Thread | None, Request]]) -> dict[Thread | None, str]:
    parts: dict[Thread | None, dict[int, str]] = defaultdict(dict)
    for thread, made in answers:
        parts[thread].setdefault(made.part, made.whole)  # told again it may begin elsewhere: it says how late it is
    return defaultdict(str, {thread: "".join(some[one] for one in sorted(some)) for thread, some in parts.items()})


def _rows(seen: Evidence) -> Iterator[Any]:
    return (one for one in seen.history.deliveries if one[3] == "rest")


def _owed(seen: Evidence) -> dict[Thread, list[Any]]:
    """Give the deliveries of what messages had no room for, by alarm; a replay is a wish, and no debt."""
    owed: dict[Thread, list[Any]] = defaultdict(list)
    for one in _rows(seen):
        thread = _episode_at(seen, one)
        if thread is not None and str(one[0]) not in seen.replayed:
            owed[thread].append(one)
    return owed


def _episode_at(seen: Evidence, row: Any) -> Thread | None:
    news = seen.news.get(seen.stored[str(row[0])])
    return (row[2], id(news.episode)) if news and news.episode else None


def _thread_of(seen: Evidence, made: Request) -> Thread | None:
    news = seen.news.get((made.mark, made.state))
    return (made.channel, id(news.episode)) if news and news.episode else None


def _is_out_of_reach(seen: Evidence, row: Any) -> bool:
    """Whether there was no thread to tell it in, no room in a storm, or it is a dead letter that people know of."""
    channel, state, note = row[2], row[4], row[6]
    if state == "dead":
        refused = any(one.part and one.fared == REFUSED for one in seen.history.requests if one.channel == channel)
        return refused or note.startswith(GIVEN_UP)
    return {
        "too much waits": seen.plan.channels[channel].digest_over > 0,
        "the thread it belongs to is out of reach": bool(seen.broken[channel]),
        "there is no message whose thread could hold it": True,
    }.get(note, GONE_WORDS in note and bool(seen.history.met["vanished"]))
