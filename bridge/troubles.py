"""The bridge's own alarms: troubles of its parts, told once, repeated daily, and recovered when over.

Each becomes a callback of our own making (`sources.own`) and takes the path of every other. What is
open stands in the store, so that a restart neither tells it again nor forgets to say that it is over.
"""

import asyncio
from collections.abc import Awaitable, Callable, Container, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from bridge.alarm import Callback
from bridge.clock import Clock, stored
from bridge.episode import Episode, Phase
from bridge.lifecycle import Outcome
from bridge.sources import own
from bridge.sources.own import Own
from bridge.store import Judgement, StoreError
from bridge.trouble import Trouble

REPEAT_EVERY = timedelta(days=1)
LOOK_SECONDS = 30.0  # at what is due by the clock
AGAIN_SECONDS = 1.0  # before the store is asked again
TICK = timedelta(milliseconds=1)  # episodes of one trouble begin at different moments
QUIET: Mapping[Trouble, timedelta] = {  # over when not heard of for so long: nobody sees their end
    Trouble.DEAD_LETTERS: timedelta(hours=1),
    Trouble.TEMPLATE_FAILING: timedelta(hours=1),
}
CALM: Mapping[Trouble, timedelta] = {  # how long it must be well to be over: it comes and goes
    Trouble.STORE_FAILING: timedelta(minutes=1),
}
AT_THE_END = frozenset({Trouble.STORE_FAILING})  # told when over: while it lasts nothing can be stored

log = structlog.get_logger()
Subject = tuple[Trouble, str]


@dataclass(slots=True, kw_only=True)
class Lasting:
    """A trouble from its beginning until its end is stored."""

    trouble: Trouble
    about: str
    words: str
    since: datetime
    seen_at: datetime  # when a part last spoke of it
    told_at: datetime | None = None  # when its alarm was last stored
    ended_at: datetime | None = None
    telling: Callback | None = None  # what is being stored: the same bytes, however often it is tried


class Troubles:
    """Hears of troubles, and lets `record` take their alarms; `opened` are those open before a restart."""

    def __init__(
        self, record: Callable[[Callback], Awaitable[Judgement]], clock: Clock, opened: Iterable[Lasting] = ()
    ) -> None:
        self._record = record
        self._clock = clock
        self._lasting: dict[Subject, Lasting] = {(one.trouble, one.about): one for one in opened}
        self._began: dict[Subject, datetime] = {subject: one.since for subject, one in self._lasting.items()}
        self._wake = asyncio.Event()

    def trouble(self, trouble: Trouble, about: str = "", words: str = "") -> None:
        """Note that something is wrong."""
        now, subject = stored(self._clock.now()), (trouble, about)
        one = self._lasting.get(subject)
        if one is None:
            # a clock that was set back must not make it older than the last one: nobody would be told
            since = max(now, self._began[subject] + TICK) if subject in self._began else now
            self._began[subject] = since
            one = Lasting(trouble=trouble, about=about, words=words, since=since, seen_at=now)
            self._lasting[subject] = one
            self._wake.set()
        one.seen_at, one.ended_at = now, None
        one.words = words or one.words

    def over(self, trouble: Trouble, about: str = "") -> None:
        """Note that it is not, or not any more."""
        one = self._lasting.get((trouble, about))
        if one is not None and one.ended_at is None:
            one.ended_at = stored(self._clock.now())
            self._wake.set()

    def begin(self, channels: Container[str]) -> None:
        """End what was wrong with channels that the config does not have any more, and with a config: it was read."""
        for trouble, about in list(self._lasting):
            # what waits for a channel that is gone may be too old all the same: whoever looks at queues says so
            if trouble in own.OF_CHANNELS and trouble is not Trouble.QUEUE_OLD and about not in channels:
                self.over(trouble, about)
        self.over(Trouble.RELOAD_FAILED)

    def abouts(self, trouble: Trouble) -> list[str]:
        """Give what a trouble that lasts is about."""
        return [one.about for one in self._lasting.values() if one.trouble is trouble and one.ended_at is None]

    @property
    def lasting(self) -> list[Mapping[str, Any]]:
        """Give what is wrong now, for `/health`."""
        return [
            {"trouble": one.trouble.value, "about": one.about, "since": one.since.isoformat(), "reason": one.words}
            for one in self._lasting.values()
            if one.ended_at is None
        ]

    async def run(self) -> None:
        """Tell what is due, for ever."""
        while True:
            self._wake.clear()
            is_stored = True
            for one in list(self._lasting.values()):
                is_stored = is_stored and await self._tell(one)
            if not is_stored:
                await self._clock.sleep(AGAIN_SECONDS)
                continue
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _tell(self, one: Lasting) -> bool:
        """Have what is due of a trouble stored; say whether the store took it, or nothing was due."""
        now = stored(self._clock.now())
        said = due(one, now)
        if said is None:
            return True
        if one.telling is None or is_end(one.telling) is not said.is_over:
            one.telling = own.callback_of(said)
        if said.is_over:
            del self._lasting[one.trouble, one.about]  # what comes while it is stored is a new one
        try:
            judgement = await self._record(one.telling)
        except StoreError as error:
            log.debug("an alarm of the bridge's own waits for the store", trouble=one.trouble, reason=str(error))
            self._put_back(one)
            return False
        one.telling, one.told_at = None, said.at
        if not (is_behind(said, judgement) and self._begun_later(one, judgement.changed)):
            report(said, judgement)
        return True

    def _begun_later(self, one: Lasting, known: Iterable[Episode]) -> bool:
        """Let it begin after what the store knows of it, and be told so; say whether it does."""
        since = max(at for episode in known for at in (episode.started_at, episode.recovered_at) if at) + TICK
        if since <= one.since:
            return False
        one.since, one.told_at = since, None
        self._began[one.trouble, one.about] = since
        self._lasting.setdefault((one.trouble, one.about), one)
        self._wake.set()
        return True

    def _put_back(self, one: Lasting) -> None:
        """Go on with a trouble whose end could not be stored; one that came back meanwhile goes on.

        That is told once more: where the store took the end after all, people think that it is over.
        """
        newer = self._lasting.setdefault((one.trouble, one.about), one)
        if newer is not one:
            newer.since = one.since


def due(one: Lasting, now: datetime) -> Own | None:
    """Say what is to be told of a trouble now, if anything. Pure."""
    at = max(now, one.since)
    said = Own(trouble=one.trouble, about=one.about, words=one.words, since=one.since, at=at)
    if one.ended_at is not None:
        calm = now - one.ended_at >= CALM.get(one.trouble, timedelta())
        return replace(said, at=max(one.ended_at, one.since), is_over=True) if calm else None
    if one.trouble in QUIET and now - one.seen_at >= QUIET[one.trouble]:
        return replace(said, is_over=True)
    if one.trouble in AT_THE_END:
        return None
    if one.told_at is None:
        return replace(said, at=one.since)
    return said if now - one.told_at >= REPEAT_EVERY else None


def is_end(telling: Callback) -> bool:
    """Say whether a callback of our own says that a trouble is over."""
    alarm = telling.reading.alarm
    return alarm is not None and alarm.recovered_at is not None


def is_behind(said: Own, judgement: Judgement) -> bool:
    """Say whether nobody is told since the store knows of later: the clock was set back before a restart.

    Or it came back while its end was stored, of which nobody knew that it was.
    """
    if judgement.outcome == Outcome.DUPLICATE and not said.is_over:
        return any(episode.phase is not Phase.OPEN for episode in judgement.changed)
    return judgement.outcome == Outcome.STALE


def report(said: Own, judgement: Judgement) -> None:
    """Log one of the bridge's own alarms; where nobody is told of it the log and `/health` are all there is."""
    channels = list(dict.fromkeys(one.channel for one in judgement.deliveries))
    write = log.info if channels or said.is_over else log.error
    write(
        "an alarm of the bridge's own",
        trouble=said.trouble,
        about=said.about,
        state=judgement.outcome,
        channels=channels,
        reason=said.words,
        why=judgement.reason,
    )


def opened(bodies: Iterable[tuple[bytes, datetime]], now: datetime) -> list[Lasting]:
    """Give the troubles that were open before a restart: the body last told of each, and when."""
    found = [(own.said_in(body), told_at) for body, told_at in bodies]
    return [
        Lasting(
            trouble=said.trouble, about=said.about, words=said.words, since=said.since, seen_at=now, told_at=told_at
        )
        for said, told_at in found
        if said is not None
    ]
