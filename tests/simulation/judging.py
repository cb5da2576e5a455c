"""Whether a run kept the promises: each that it broke, in a sentence that begins with its name."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from tests.simulation.chat import BROKEN, GONE, KEPT, LIMITED, REFUSED, RICH, TAKEN, Request, own_mark
from tests.simulation.model import Model, News
from tests.simulation.scenario import BEGAN, Plan, Told

EXPIRY = 25 * 3600 * 1000  # ms: 26 hours, counted in steps of an hour at night
AT_ONCE, EVERY = 4, 1.0  # of a chat: so many at once (one that waited for the disk, and a burst), then one in so long
PROBE_SECONDS = 300.0
STORING_SECONDS = 10.0  # for a result or a pause to reach a disk that is well
CHATS = {"slack", "slack_webhook"}
NEEDLESS = {"repeat", "replaced"}  # as updates of what a digest told of
ENDS = {"recovered", "expired", "closed", "replaced"}


class Verdict:
    """What is wrong with a run."""

    def __init__(self, history: Any) -> None:
        self.history = history
        self.plan: Plan = history.scenario.plan
        self.model = Model(self.plan)
        self.wrong: list[str] = []
        self._told = {one.body(): one for one in history.scenario.told}
        self._requests: dict[tuple[str, str, str], list[Request]] = defaultdict(list)
        for request in history.requests:
            if request.state == "digest":
                continue
            self._requests[request.channel, request.mark, request.state].append(request)

    def find(self) -> list[str]:
        """Look at everything."""
        self._hear()
        self._news = {(one.mark, one.state): one for one in self.model.news}
        self._stored = self._deliveries()
        self._broken = {name: self._breaks(name) for name in self.plan.channels}
        for check in (
            self._ended_well,
            self._kept,
            self._room,
            self._told_all,
            self._endings,
            self._known,
            self._order,
            self._pace,
            self._waits,
        ):
            self.wrong += check()
        return self.wrong

    # -- the upper half

    def _hear(self) -> None:
        """Let the model hear what was stored, and compare what became of it."""
        stored = [(one[0], "callback", one) for one in self.history.callbacks]
        ends = [(one[0], "event", one) for one in self.history.events if one[1] in {"expired", "unrecognised"}]
        marks = {one[0]: self._said(one[2]).mark for one in self.history.callbacks}
        strange = counted = 0
        for number, what, row in sorted(stored + ends, key=lambda one: one[0]):
            self.model.plan = self._plan_at(number)
            if what == "callback":
                told = self._said(row[2])
                if told.status == "?":
                    strange += 1
                    continue
                outcome = self.model.hear(told, row[1] - _began())
                if outcome != row[3]:
                    self.wrong.append(f"decided: callback {told.mark} is {row[3]}, not {outcome} ({row[4]})")
                    return
            elif row[1] == "unrecognised":
                counted += 1 + row[7]
                self.model.announce(marks[row[8]])
            else:
                self._expire(row)
        if strange != counted:
            self.wrong.append(f"announced: {counted} of {strange} bodies that are no alarm")

    def _plan_at(self, number: int) -> Plan:
        """Give the config that was in force when the bridge gave an id."""
        plans = [plan for last, plan in self.history.configs if last < number]
        chosen: Plan = self.history.scenario.plans[plans[-1] if plans else 0]
        return chosen

    def _said(self, body: bytes) -> Told:
        """Give what a stored body says; one of the bridge's own is read from itself."""
        told: Told = self._told.setdefault(bytes(body), None) or _own(json.loads(body))
        self._told[bytes(body)] = told
        return told

    def _deliveries(self) -> dict[str, tuple[int, str]]:
        """Give rank and state of what each delivery in the store tells."""
        ranks = {(one.mark, one.state): one.rank for one in self.model.news}
        marks = {one[0]: self._said(one[2]).mark for one in self.history.callbacks}
        events = {one[0]: (marks.get(one[8], ""), one[1]) for one in self.history.events}
        return {str(one[0]): (ranks.get(events[one[1]], 0), events[one[1]][1]) for one in self.history.deliveries}

    def _expire(self, row: Any) -> None:
        episode = self.model.expire((row[5], row[4]), row[6] - _began(), row[3] - _began())
        if episode is None:
            self.wrong.append(f"expired: {row[4]} was not open")
        elif row[3] - _began() - episode.received_at < EXPIRY - self._moved():
            self.wrong.append(f"expired: {row[4]} too early")

    def _moved(self) -> float:
        steps: list[tuple[float, float]] = self.history.steps
        return sum(abs(by) for _, by in steps) * 1000

    def _kept(self) -> Iterator[str]:
        """Each answer of 200 has its callback on disk."""
        rows = Counter(self._said(one[2]).serial for one in self.history.callbacks)
        for serial, times in Counter(serial for serial, _ in self.history.acknowledged).items():
            if rows[serial] < times:
                yield f"lost: callback {serial} was acknowledged {times} times and stored {rows[serial]} times"

    def _ended_well(self) -> Iterator[str]:
        for failure in self.history.failures:
            yield f"failed: {failure}"
        if not self.history.settled:
            left = [one for one in self.history.deliveries if one[4] in {"waiting", "begun"}]
            yield f"settles: {len(left)} deliveries are still work at the end, first {left[:1]}, open {self.history.open}"

    # -- the lower half

    def _room(self) -> Iterator[str]:
        """Nobody hears what is not for him."""
        expected = {
            (channel, one.mark, one.state)
            for one in self.model.news
            for first in (self._given(one) if one.state in ENDS else one.steps)
            for channel in ([first] if first in one.steps else []) + self._places(first)[1:]
        }
        for place in self._requests.keys() - expected:
            yield f"room: {place} was told, and should not have been"

    def _given(self, news: News) -> set[str]:
        """Give the channels that were to be told of an alarm before, or are now."""
        return {name for one in self.model.news if one.episode is news.episode for name in one.steps}

    def _told_all(self) -> Iterator[str]:
        for news in self.model.news:
            for channel, steps in news.steps.items():
                made = self._requests[channel, news.mark, news.state]
                kept = [one for one in made if one.fared in KEPT]
                if (
                    not kept
                    and not self._is_excused(news, channel, made)
                    and not self._is_told_elsewhere(news, channel)
                ):
                    yield f"told: {channel} was never told {_named(news)}"
                if len(kept) > len(steps) + sum(map(self._is_unsure, kept)):
                    yield f"twice: {channel} was told {_named(news)} {len(kept)} times: {_shown(kept)}"

    def _breaks(self, channel: str) -> list[tuple[float, float]]:
        """Give from when till when a channel was broken, by the wall clock."""
        spans: list[tuple[float, float]] = []
        since = None
        for one in self.history.requests:
            if one.channel != channel:
                continue
            if one.fared == BROKEN:
                since = one.wall if since is None else since
            elif one.fared == TAKEN and since is not None:
                spans.append((since, one.wall))
                since = None
        return spans if since is None else [*spans, (since, float("inf"))]

    def _endings(self) -> Iterator[str]:
        """Who took the trigger in another one's place gets the ending."""
        for news in self.model.news:
            if news.state != "recovered" or news.episode is None:
                continue
            for channel in self.plan.channels:
                life = [one for one in self.model.news if one.episode is news.episode and one.rank < news.rank]
                triggers = [one for one in life if one.state == "triggered" and one.steps and channel not in one.steps]
                took = [made for one in triggers[-1:] for made in self._requests[channel, one.mark, one.state]]
                if not any(made.fared in KEPT for made in took) or not self.model.calls_at_the_end(news, channel):
                    continue
                told = self._requests[channel, news.mark, news.state]
                fared = any(made.fared in KEPT | {REFUSED, RICH} for made in told)
                elsewhere = self._is_told_elsewhere(news, channel) or self._is_digested(news, channel)
                if not fared and not elsewhere:
                    yield f"ending: {channel} took the trigger, and was never told {_named(news)}"

    def _known(self) -> Iterator[str]:
        """People hear of dead letters and of broken channels."""
        said = {(told.policy, told.watched) for told in self._told.values() if told.own and told.status == "1"}
        own = {one[0] for one in self.history.events if one[9] == "bridge"}  # no circles: those end in the log
        for name in {one[2] for one in self.history.deliveries if one[4] == "dead" and one[1] not in own}:
            if ("dead_letters", name) not in said:
                yield f"known: {name} has dead letters of which nobody was told"
        for name in {one.channel for one in self.history.requests if one.fared == BROKEN}:
            if ("channel_broken", name) not in said:
                yield f"known: {name} was broken, and nobody was told"

    def _is_excused(self, news: News, channel: str, made: list[Request]) -> bool:
        """Whether it was refused for good, or there was nothing to update."""
        machine = self.plan.channels[channel].type == "webhook"
        if any(one.fared == REFUSED or (one.fared == RICH and machine) for one in made):
            return True
        if not machine and (self._is_merged(news, channel) or self._is_digested(news, channel)):
            return True
        if news.steps[channel] == ("update",) and news.state in {"replaced", "expired"}:
            return any(one.fared == GONE for one in made) or not self._has_message(news, channel)
        return self._gave_up(channel) or (not machine and self._was_over(news, channel))

    def _places(self, channel: str) -> list[str]:
        """Give a channel and, where it was broken, who takes its place, and so on."""
        places = [channel]
        while self._broken[channel] and (channel := self.plan.channels[channel].fallback) and channel not in places:
            places.append(channel)
        return places

    def _is_told_elsewhere(self, news: News, channel: str) -> bool:
        """Whether somebody was told in its place, or will not be: he refused it, or it was over before he was mended."""
        for place in self._places(channel)[1:]:
            made = self._requests[place, news.mark, news.state]
            if any(one.fared in KEPT | {REFUSED, RICH} for one in made) or self._is_digested(news, place):
                return True
            if news.state in ENDS and self._has_trigger(news, place) and not self.model.calls_at_the_end(news, place):
                return True  # who has the alarm by now is silent at its end
            is_news = news.state not in {"replaced", "expired"} or news.steps[channel] != ("update",)
            if self.plan.channels[place].type in CHATS and (self._was_over(news, place) or not is_news):
                return True
        return False

    def _has_trigger(self, news: News, channel: str) -> bool:
        before = [one for one in self.model.news if one.episode is news.episode and one.state == "triggered"]
        made = [made for one in before for made in self._requests[channel, one.mark, one.state]]
        return any(one.fared in KEPT for one in made) or any(self._is_digested(one, channel) for one in before)

    def _was_over(self, news: News, channel: str) -> bool:
        """Whether an alarm came and went before the channel, which was broken, took anything again."""
        life = [one for one in self.model.news if one.episode is news.episode and news.episode is not None]
        first = [one for one in life if one.state == "triggered"][:1]
        if not first or not any(one.state in ENDS for one in life):
            return False
        if any(made.fared in KEPT for made in self._requests[channel, first[0].mark, first[0].state]):
            return False
        return any(news.at <= until * 1000 + self._moved() for _, until in self._broken[channel])

    def _is_digested(self, news: News, channel: str) -> bool:
        """Whether a digest told of it, or of what came after it; what a digest told of is not updated."""
        for made in self.history.requests:
            if made.channel != channel or made.fared not in KEPT | {REFUSED}:
                continue
            for state, mark in made.members:
                told = self._news.get((mark, state))
                if told is None or told.key != news.key:  # an alarm is counted once
                    continue
                if told.rank >= news.rank or (news.steps.get(channel) == ("update",) and news.state in NEEDLESS):
                    return True
        return False

    def _is_merged(self, news: News, channel: str) -> bool:
        """Whether a later message to a chat told it as well: its recovery in a trigger's place, or a newer update."""
        later = [one for one in self.model.news if one.episode is news.episode and one.rank > news.rank]
        for one in later:
            kept = [made for made in self._requests[channel, one.mark, one.state] if made.fared in KEPT]
            refused = [made for made in self._requests[channel, one.mark, one.state] if made.fared == REFUSED]
            if one.state == "recovered" and any(self._is_together(made, news) for made in kept + refused):
                return True
            if one.state in {"triggered", "escalated"} and news.state != "repeat":
                return False
            newer = one.state in ENDS or news.state not in ENDS
            if (kept or refused) and newer and news.steps[channel] == ("update",) and news.state != "escalated":
                return True
        return False

    def _is_together(self, made: Request, news: News) -> bool:
        """Whether a message that tells of a recovery stands in the place of the alarm's trigger, or later news of it."""
        if not made.delivery:  # a plain text does not say
            return made.step == "post"
        trigger = self._stored.get(made.delivery)
        return made.step == "post" and trigger is not None and trigger[1] == "triggered" and trigger[0] <= news.rank

    def _gave_up(self, channel: str) -> bool:
        spans = [
            one.seconds
            for one in self.history.scenario.faults
            if one.channel == channel and one.kind in {"down", "broken"}
        ]
        return float(sum(spans)) >= self.plan.give_up_after or self._was_gone_for_a_night(channel)

    def _was_gone_for_a_night(self, channel: str) -> bool:
        """Whether a reload took it out of the config for longer than anything may wait."""
        scenario = self.history.scenario
        reloads = any(one.kind == "reload" for one in scenario.faults)
        return reloads and scenario.night is not None and channel not in scenario.other.channels

    def _has_message(self, news: News, channel: str) -> bool:
        before = [one for one in self.model.news if one.episode is news.episode and one.rank < news.rank]
        made = [one for other in before for one in self._requests[channel, other.mark, other.state]]
        return any(one.fared == TAKEN and one.step == "post" for one in made) and not self.history.met["vanished"]

    def _is_unsure(self, request: Request) -> bool:
        """Whether the bridge cannot know that a message was taken."""
        if request.fared != TAKEN:
            return True
        kill = next((one for one in self.history.kills if one.life == request.life), None)
        if kill is None:
            return False
        return request.delivery in kill.work or (not request.delivery and kill.at - request.at < STORING_SECONDS)

    def _order(self) -> Iterator[str]:
        """Per alarm and channel what is told comes in order."""
        ranks = {(one.mark, one.state): (one.rank, one.key) for one in self.model.news}
        latest: dict[Any, tuple[int, Request]] = {}
        for request in self.history.requests:
            if (
                request.fared not in KEPT
                or (request.mark, request.state) not in ranks
                or request.state == "unrecognised"
            ):
                continue
            rank, key = ranks[request.mark, request.state]
            before = latest.get((request.channel, key))
            if before is not None and rank < before[0]:
                yield f"order: {request.channel} heard {request.state} {request.mark} of {key} after {before[1].state} {before[1].mark}"
            latest[request.channel, key] = max(before or (0, request), (rank, request), key=lambda one: one[0])

    def _pace(self) -> Iterator[str]:
        for channel, plan in self.plan.channels.items():
            if plan.type not in CHATS:
                continue
            made = [one for one in self.history.requests if one.channel == channel]
            for first in range(len(made)):
                for last in range(first + AT_ONCE, min(first + 12, len(made))):
                    allowed = AT_ONCE + (made[last].at - made[first].at) / EVERY + 0.1
                    if (made[last].life, made[last].config) == (
                        made[first].life,
                        made[first].config,
                    ) and last - first + 1 > allowed:
                        yield f"pace: {channel} got {last - first + 1} calls from {made[first].at:.2f} to {made[last].at:.2f}"
                        return

    def _waits(self) -> Iterator[str]:
        """Nobody is called before the time that he asked for, also by the bridge's next life."""
        for channel, plan in self.plan.channels.items():
            made = [one for one in self.history.requests if one.channel == channel]
            wait, asked = 0.0, None
            for request in made:
                concerns = (
                    plan.type in CHATS
                    or (asked and asked.fared == BROKEN)
                    or (asked and asked.delivery == request.delivery)
                )
                if (
                    asked
                    and concerns
                    and max(request.wall - asked.wall, request.at - asked.at) < wait - 0.05
                    and not self._is_forgiven(asked, request)
                ):
                    yield f"waits: {channel} asked at {asked.wall:.1f} ({asked.fared}) to be left alone for {wait:g} s, and was called at {request.wall:.1f}"
                asks = request.wait if request.fared == LIMITED else PROBE_SECONDS if request.fared == BROKEN else 0.0
                if asks:
                    wait, asked = asks, request

    def _is_forgiven(self, asked: Request, request: Request) -> bool:
        """Whether the answer may not have reached the bridge, or the disk, before the bridge was killed."""
        if request.config > asked.config + (request.life - asked.life):
            return True  # its settings may have changed: then it is tried at once
        if request.life == asked.life:
            return request.at - asked.at < 1.0  # it was under way
        kill = next(one for one in self.history.kills if one.life == asked.life)
        return kill.at - asked.at < STORING_SECONDS or any(
            begun < kill.at and asked.at < over + STORING_SECONDS for begun, over in self.history.full
        )


def _own(body: Any) -> Told:
    said = body["alarm-bridge"]
    since, at = (datetime.fromisoformat(said[name]) - BEGAN for name in ("since", "at"))
    is_over = said["status"] == "over"
    return Told(
        serial=0, at=0, own=own_mark(body), policy=said["trouble"], watched=said["about"], kind="bridge",
        status="0" if is_over else "1", began=since.total_seconds(), lasted=(at - since).total_seconds(),
        ended=at.total_seconds() if is_over else None,
    )  # fmt: skip


def _began() -> int:
    return int(BEGAN.timestamp() * 1000)


def _named(news: News) -> str:
    return f"{news.state} {news.mark} of {'/'.join(news.key)}"


def _shown(requests: Iterable[Request]) -> str:
    return ", ".join(f"{one.step} at {one.at:.1f} {one.fared} (life {one.life}, {one.delivery})" for one in requests)
