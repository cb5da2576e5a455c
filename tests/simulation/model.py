"""What each channel must have been told, from the contract's words. Nothing here is the bridge's.

The one thing it takes from the store is the order in which callbacks were stored, and when: from outside
nobody can know which of two at the same moment came first.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.scenario import ChannelPlan, Plan, RoutePlan, Told
from tests.simulation.table import Episode, Heard, Meaning, meaning, take

Key = tuple[str, str]  # policy, object


@dataclass(slots=True, kw_only=True)
class News:
    """Something that some channel must be told."""

    rank: int  # of its place in the order of things
    at: int  # ms
    state: str
    mark: str
    key: Key
    episode: Episode | None
    plan: Plan  # the config in force
    steps: dict[str, tuple[str, ...]]  # channel → the calls that it makes there
    again: bool = False  # the alarm had recovered


@dataclass(slots=True)
class Model:
    """Hears what the bridge stored, in its order."""

    plan: Plan
    news: list[News] = field(default_factory=list)
    known: dict[Key, list[Episode]] = field(default_factory=dict)
    rows: Counter[str] = field(default_factory=Counter)
    rank: int = 0
    now: int = 0  # ms since the run began

    def hear(self, told: Told, received_at: int) -> str:
        """Take a callback; give what comes of it."""
        self.rank, self.now = self.rank + 10, received_at
        key = (told.policy, told.watched)
        known = self.known.setdefault(key, [])
        heard = Heard(told, received_at)
        meant = meaning(known, heard)
        self.rows[meant.row] += 1
        for one in meant.replaced:
            one.phase = "replaced"
            self._end("replaced", key, one)
        episode = take(meant, heard)
        if meant.episode is None:
            known.append(episode)
            known.sort(key=lambda one: one.began)
        if meant.outcome in {"triggered", "escalated", "repeat", "recovered"}:
            self._tell(meant, heard, episode, key)
        return meant.outcome

    def end(self, state: str, key: Key, began: int, now: int) -> Episode | None:
        """End an episode that expired or was closed; None where it is not there or not open."""
        self.rank, self.now = self.rank + 10, now
        for episode in self.known.get(key, []):
            if episode.began == began and episode.phase == "open":
                episode.phase = state
                self._end(state, key, episode)
                return episode
        return None

    def announce(self, mark: str) -> None:
        """Tell of a body that is no alarm."""
        self.rank += 10
        before = [one for one in self.news if one.state == "unrecognised" and one.mark == mark]  # the same body
        if before:
            before[0].steps = {name: (*steps, "post") for name, steps in before[0].steps.items()}
            return
        steps: dict[str, tuple[str, ...]] = dict.fromkeys(self.plan.default_channels, ("post",))
        self._add("unrecognised", mark, ("", ""), None, steps)

    def _tell(self, meant: Meaning, heard: Heard, episode: Episode, key: Key) -> None:
        state, unheard = meant.outcome, meant.row == "over, not heard before"
        episode.mark = heard.told.mark
        if state == "recovered" and not unheard:
            self._end("recovered", key, episode)
            return
        steps = {}
        for channel, route in self._chosen(heard.told):
            calls = self._calls(state, episode.kind, channel, route, unheard=unheard)
            last = episode.given.get(channel, ("", None))[1]
            if state == "repeat" and _is_held_back(route, last, heard.received_at):
                calls = tuple(one for one in calls if one == "update")
            if calls or channel in episode.given:
                shown = state == "repeat" and any(one != "update" for one in calls)
                episode.given[channel] = (route.name if route else "", heard.received_at if shown else last)
            if calls:
                steps[channel] = calls
        self._add(state, heard.told.mark, key, episode, steps)
        self.news[-1].again = meant.row == "recovered, after the recovery"

    def _end(self, state: str, key: Key, episode: Episode) -> None:
        """Tell of an end whoever was given the episode."""
        steps = {}
        for channel, (name, _) in episode.given.items():
            route = next((one for one in self.plan.routes if one.name == name), None)
            if calls := self._calls(state, episode.kind, channel, route):
                steps[channel] = calls
        self._add(state, episode.mark, key, episode, steps)

    def _add(self, state: str, mark: str, key: Key, episode: Episode | None, steps: Any) -> None:
        self.news.append(
            News(
                rank=self.rank,
                at=self.now,
                plan=self.plan,
                state=state,
                mark=mark,
                key=key,
                episode=episode,
                steps=steps,
            )
        )
        self.rank += 1

    def _chosen(self, told: Told) -> list[tuple[str, RoutePlan | None]]:
        """Give the channels; what the bridge says of a channel goes to any but that one."""
        found = self.routed(told.policy)
        if told.kind != "bridge":
            return found
        fallback = self.plan.channels[told.watched].fallback if told.watched in self.plan.channels else ""
        for some in (found, [(name, None) for name in self.plan.default_channels]):
            elsewhere = [(fallback if name == told.watched else name, route) for name, route in some]
            if kept := {name: route for name, route in reversed(elsewhere) if name}:
                return list(kept.items())[::-1]
        return []

    def routed(self, policy: str) -> list[tuple[str, RoutePlan | None]]:
        """Give the channels: first match wins, `continue` goes on, and what none matched goes to the default ones."""
        found: dict[str, RoutePlan | None] = {}
        matched = False
        for route in self.plan.routes:
            if policy in route.policies:
                matched = True
                for channel in route.channels:
                    found.setdefault(channel, route)
                if not route.goes_on:
                    break
        return list(found.items()) if matched else [(name, None) for name in self.plan.default_channels]

    def calls_at_the_end(self, news: News, channel: str) -> tuple[str, ...]:
        """Give the calls that an ending would make in a channel that has the alarm in another one's place."""
        kind = news.episode.kind if news.episode else ""
        return Model(news.plan)._calls(news.state, kind, channel, None)

    def _calls(
        self, state: str, kind: str, channel: str, route: RoutePlan | None, *, unheard: bool = False
    ) -> tuple[str, ...]:
        plan = self.plan.channels.get(channel)
        if plan is None:  # it was taken out of the config
            return ()
        on_repeat = plan.on_repeat if route is None or route.on_repeat is None else route.on_repeat
        on_recovered = plan.on_recovered if route is None or route.on_recovered is None else route.on_recovered
        always = {"triggered": ("post",), "escalated": ("update", "thread"), "repeat": on_repeat}
        if state in always:
            return _possible(plan, always[state])
        if state == "replaced" or (state == "expired" and kind == "event"):
            if plan.type == "webhook":
                return ("post",)
            return ("update",) if plan.type == "slack" and on_recovered else ()
        if unheard:
            return ("post",) if on_recovered else ()
        return _possible(plan, on_recovered)


def _is_held_back(route: RoutePlan | None, last: int | None, now: int) -> bool:
    if route is None or not route.repeat_interval or last is None:
        return False
    return 0 <= now - last < route.repeat_interval * 1000


def _possible(plan: ChannelPlan, steps: tuple[str, ...]) -> tuple[str, ...]:
    if plan.type == "slack":
        return steps
    return ("post",) if steps else ()
