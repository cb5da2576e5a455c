"""What was seen of a run, put in order so that it can be asked about."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tests.simulation.chat import BROKEN, KEPT, REFUSED, RICH, TAKEN, Request, own_mark
from tests.simulation.model import Model, News
from tests.simulation.scenario import BEGAN, Plan, Told

CHATS = {"slack", "slack_webhook"}
ENDS = {"recovered", "expired", "closed", "replaced"}
BEGAN_MS = int(BEGAN.timestamp() * 1000)
Spans = list[tuple[float, float]]


class Evidence:
    """A run's history and the model that heard what it stored."""

    def __init__(self, history: Any) -> None:
        self.history = history
        self.plan: Plan = history.scenario.plan
        self.model = Model(self.plan)
        self.requests: dict[tuple[str, str, str], list[Request]] = defaultdict(list)
        for request in history.requests:
            if request.state != "digest" and not request.part:
                self.requests[request.channel, request.mark, request.state].append(request)
        self.broken = {name: self._breaks(name) for name in self.plan.channels}
        self.said: dict[bytes, Told] = {
            one.body(): one for one in history.scenario.told
        }  # by body; the bridge's own come to it

    def index(self) -> None:
        """Put in order what the model heard."""
        self.news = {(one.mark, one.state): one for one in self.model.news}
        marks = {one[0]: self.told_by(one[2]).mark for one in self.history.callbacks}
        events = {one[0]: (marks.get(one[8], ""), one[1]) for one in self.history.events}
        self.stored = {str(one[0]): events[one[1]] for one in self.history.deliveries}  # what each delivery tells
        replayed = {str(new or old) for what, old, changed, new in self.history.asked if what == "replay" and changed}
        self.replayed = replayed  # deliveries
        self.replays = Counter(
            (channel, *events[event]) for id_, event, channel, *_ in self.history.deliveries if str(id_) in replayed
        )
        self.dead = {str(one[0]) for one in self.history.deliveries if one[4] == "dead"}
        self.notes = {str(one[0]): one[6] for one in self.history.deliveries}
        self.fates: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        for _, event, channel, _, state, _, note in self.history.deliveries:
            self.fates[channel, *events[event]].add(state)
            self.fates[channel, *events[event]].add(note)

    def told_by(self, body: bytes) -> Told:
        """Give what a stored body says; one of the bridge's own is read from itself."""
        if bytes(body) not in self.said:
            self.said[bytes(body)] = _own(json.loads(body))
        return self.said[bytes(body)]

    def plan_at(self, number: int) -> Plan:
        """Give the config that was in force when the bridge gave an id."""
        plans = [one.plan for one in self.history.configs if one.after < number]
        chosen: Plan = self.history.scenario.plans[plans[-1] if plans else 0]
        return chosen

    @property
    def moved(self) -> float:
        """Give by how many ms the wall clock was set, either way."""
        steps: Spans = self.history.steps
        return sum(abs(by) for _, by in steps) * 1000

    def made(self, channel: str, news: News) -> list[Request]:
        """Give the requests that told of news, or tried to."""
        return self.requests[channel, news.mark, news.state]

    def kept(self, channel: str, news: News) -> list[Request]:
        """Give those that the platform took."""
        return [one for one in self.made(channel, news) if one.fared in KEPT]

    def refused(self, channel: str, news: News) -> list[Request]:
        """Give those that it will never take."""
        final = {REFUSED, RICH} if self.plan.channels[channel].type == "webhook" else {REFUSED}
        return [one for one in self.made(channel, news) if one.fared in final]

    def was_replayed(self, request: Request) -> bool:
        """Say whether somebody asked for what a request told; a plain text does not say for which of its calls."""
        if request.delivery:
            return request.delivery in self.replayed
        return bool(self.replays[request.channel, request.mark, request.state])

    def life(self, news: News) -> list[News]:
        """Give all news of its episode."""
        return [one for one in self.model.news if one.episode is news.episode and news.episode is not None]

    def given(self, news: News) -> set[str]:
        """Give the channels that were to be told of its episode before, or are now."""
        return {name for one in self.model.news if one.episode is news.episode for name in one.steps}

    def places(self, channel: str) -> list[str]:
        """Give a channel and, where it was broken, who takes its place, and so on."""
        places = [channel]
        while self.broken[channel] and (channel := self.plan.channels[channel].fallback) and channel not in places:
            places.append(channel)
        return places

    def told_in_digests(self, channel: str) -> Iterable[News]:
        """Give what the digests told that a channel took, or will never take."""
        for made in self.history.requests:
            if made.channel == channel and made.fared in KEPT | {REFUSED}:
                yield from (self.news[mark, state] for state, mark in made.members if (mark, state) in self.news)

    def _breaks(self, channel: str) -> Spans:
        """Give from when till when a channel was broken, by the wall clock."""
        spans: Spans = []
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


def named(news: News) -> str:
    """Name news in a sentence."""
    return f"{news.state} {news.mark} of {'/'.join(news.key)}"


def shown(requests: Iterable[Request]) -> str:
    """Show requests in a sentence."""
    return ", ".join(f"{one.step} at {one.at:.1f} {one.fared} (life {one.life}, {one.delivery})" for one in requests)


def _own(body: Any) -> Told:
    said = body["alarm-bridge"]
    since, at = (datetime.fromisoformat(said[name]) - BEGAN for name in ("since", "at"))
    is_over = said["status"] == "over"
    return Told(
        serial=0, at=0, own=own_mark(body), policy=said["trouble"], watched=said["about"], kind="bridge",
        status="0" if is_over else "1", began=since.total_seconds(), lasted=(at - since).total_seconds(),
        ended=at.total_seconds() if is_over else None,
    )  # fmt: skip
