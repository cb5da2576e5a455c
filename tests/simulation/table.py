"""The table of design.md, written a second time from its words: what a callback means for an alarm.

Times are milliseconds since the run began. Nothing here is the bridge's.
"""

from dataclasses import dataclass, field

from tests.simulation.scenario import Told

DAY = 86_400_000
FIVE_MINUTES = 300_000
LEVELS = ("", "Remind", "Warn", "Serious")

# Row → outcome. The rows as design.md has them, from the top.
ROWS = {
    "the same delivery": "duplicate",
    "stateless, this episode": "duplicate",
    "stateless, anything else": "triggered",
    "open, severity rose": "escalated",
    "open, later": "repeat",
    "open, same moment, another session": "repeat",
    "open, nothing new": "duplicate",
    "recovered, after the recovery": "triggered",
    "recovered, not after": "stale",
    "ended, later": "repeat",
    "ended, not later": "stale",
    "unknown, before the next began": "stale",
    "unknown, a later one is known": "triggered",
    "unknown, the latest": "triggered",
    "over, this episode": "recovered",
    "over, recovered before": "duplicate",
    "over, unknown, one is open": "recovered",
    "over, no first occurrence, newest recovered": "duplicate",
    "over, unknown, a later recovery is known": "stale",
    "over, not heard before": "recovered",
}


@dataclass(slots=True, kw_only=True)
class Episode:
    """One time that an alarm fired."""

    began: int
    phase: str  # open, recovered, replaced, expired, closed
    kind: str
    heard_at: int
    is_guess: bool
    counted_at: int
    session: str
    level: str
    received_at: int  # when a firing callback last spoke of it
    recovered_at: int = 0
    mark: str = ""  # of the callback that people were told of last
    heard: dict[tuple[str, ...], int] = field(default_factory=dict)
    given: dict[str, tuple[str, int | None]] = field(default_factory=dict)  # channel → route, last repeat posted


@dataclass(slots=True, kw_only=True)
class Meaning:
    """What a callback means."""

    row: str
    episode: Episode | None
    replaced: list[Episode] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        return ROWS[self.row]


@dataclass(slots=True)
class Heard:
    """A callback with the moment that it speaks of."""

    told: Told
    received_at: int

    @property
    def at(self) -> int:
        if self.told.status == "0":
            return self.received_at if self.told.ended is None else round(self.told.ended * 1000)
        if self.is_guess:
            return self.received_at
        assert self.told.began is not None
        assert self.told.lasted is not None
        return round((self.told.began + self.told.lasted) * 1000)

    @property
    def is_guess(self) -> bool:
        if self.told.status == "0":
            return self.told.ended is None
        return self.told.began is None or self.told.lasted is None

    @property
    def prints(self) -> list[tuple[str, ...]]:
        told = self.told
        by_session = [(told.session, told.status, str(told.lasted), told.level)] if told.session else []
        return [*by_session, ("body", told.mark)]


def meaning(known: list[Episode], heard: Heard) -> Meaning:
    """Say what a callback means; `known` holds the alarm's episodes, oldest first."""
    match = _this_episode(known, heard)
    for episode in reversed(known):
        if any(heard.received_at - episode.heard.get(one, -2 * DAY) < DAY for one in heard.prints):
            return Meaning(row="the same delivery", episode=match or episode)
    if heard.told.status == "-":
        row = "stateless, this episode" if match else "stateless, anything else"
        return Meaning(row=row, episode=match)
    if heard.told.status == "0":
        return _over(known, match, heard)
    return _fires(match, heard) if match else _fires_anew(known, heard)


def _this_episode(known: list[Episode], heard: Heard) -> Episode | None:
    began = heard.told.began
    if began is None:
        if heard.told.status == "0":
            return None
        still = [episode for episode in known if episode.phase == "open"]
        return still[-1] if still else next((one for one in known[::-1] if one.began == heard.received_at), None)
    return next((episode for episode in reversed(known) if episode.began == round(began * 1000)), None)


def _is_later(heard: Heard, than: int, episode: Episode) -> bool:
    if heard.is_guess or episode.is_guess:
        return heard.at - than >= FIVE_MINUTES
    return heard.at > than


def _fires(match: Episode, heard: Heard) -> Meaning:
    if match.phase == "open":
        row = "open, nothing new"
        if LEVELS.index(heard.told.level) > LEVELS.index(match.level):
            row = "open, severity rose"
        elif _is_later(heard, match.heard_at, match):
            row = "open, later"
        elif _is_told_anew(heard, match) and heard.received_at - match.counted_at >= FIVE_MINUTES:
            row = "open, same moment, another session"
        return Meaning(row=row, episode=match)
    if match.phase == "recovered":
        after = _is_later(heard, match.recovered_at, match)
        return Meaning(row="recovered, after the recovery" if after else "recovered, not after", episode=match)
    later = _is_later(heard, match.heard_at, match)
    return Meaning(row="ended, later" if later else "ended, not later", episode=match)


def _is_told_anew(heard: Heard, match: Episode) -> bool:
    return heard.at == match.heard_at and heard.told.session != match.session


def _fires_anew(known: list[Episode], heard: Heard) -> Meaning:
    began = heard.received_at if heard.told.began is None else round(heard.told.began * 1000)
    after = [episode for episode in known if episode.began > began]
    if not after:
        replaced = [episode for episode in known if episode.phase == "open"]
        return Meaning(row="unknown, the latest", episode=None, replaced=replaced)
    if heard.at < after[0].began:
        return Meaning(row="unknown, before the next began", episode=known[-1])
    return Meaning(row="unknown, a later one is known", episode=None)


def _over(known: list[Episode], match: Episode | None, heard: Heard) -> Meaning:
    if match is not None:
        row = "over, recovered before" if match.phase == "recovered" else "over, this episode"
        return Meaning(row=row, episode=match)
    by = heard.at if heard.told.began is None else round(heard.told.began * 1000)
    still = [episode for episode in known if episode.phase == "open" and episode.began <= by]
    if still:
        return Meaning(row="over, unknown, one is open", episode=still[-1])
    if heard.told.began is None and known and known[-1].phase == "recovered":
        return Meaning(row="over, no first occurrence, newest recovered", episode=known[-1])
    if any(episode.phase == "recovered" and episode.recovered_at >= heard.at for episode in known):
        return Meaning(row="over, unknown, a later recovery is known", episode=known[-1])
    return Meaning(row="over, not heard before", episode=None)


def take(meant: Meaning, heard: Heard) -> Episode:
    """Change the episode that a callback speaks of, or begin it; the replaced ones are the caller's."""
    told, outcome = heard.told, meant.outcome
    episode = meant.episode or _begun(heard)
    if meant.episode is not None:
        if outcome in {"triggered", "escalated", "repeat"}:
            _count(episode, heard, afresh=outcome == "triggered")
        elif outcome == "recovered":
            episode.phase, episode.recovered_at, episode.is_guess = "recovered", heard.at, heard.is_guess
        if told.status == "1" and outcome != "stale":
            episode.received_at = heard.received_at
    episode.heard = {one: when for one, when in episode.heard.items() if heard.received_at - when < DAY}
    for one in heard.prints:
        episode.heard.setdefault(one, heard.received_at)
    return episode


def _count(episode: Episode, heard: Heard, *, afresh: bool) -> None:
    episode.phase, episode.counted_at = "open", heard.received_at
    episode.session, episode.level = heard.told.session, heard.told.level
    if afresh or heard.at > episode.heard_at:
        episode.heard_at, episode.is_guess = heard.at, heard.is_guess


def _begun(heard: Heard) -> Episode:
    told = heard.told
    phase = {"-": "closed", "0": "recovered"}.get(told.status, "open")
    unsaid = heard.at if told.status == "0" else heard.received_at
    return Episode(
        began=unsaid if told.began is None else round(told.began * 1000),
        phase=phase,
        kind=told.kind,
        heard_at=heard.at,
        is_guess=heard.is_guess,
        counted_at=heard.received_at,
        session=told.session,
        level=told.level,
        received_at=heard.received_at,
        recovered_at=heard.at if told.status == "0" else 0,
    )
