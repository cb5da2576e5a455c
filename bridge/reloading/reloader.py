"""The order of a reload: see, wait until it holds still, read, check, prepare, see again, apply, say."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from bridge.clock import Clock
from bridge.config import Config, ConfigError, Loaded, Problem
from bridge.metrics import Metrics
from bridge.parts import Prepared
from bridge.redaction import with_older
from bridge.reloading.changes import changes_of, channel_changes, is_other, refusals, template_changes, while_running
from bridge.reloading.sight import Sight, look
from bridge.store import StoreError
from bridge.trouble import Reporter, Trouble

LOOK_SECONDS = 1.0  # between looks
QUIET_SECONDS = 0.3  # without a change before what is there is read
PATIENCE_SECONDS = 2.0  # without a change before what is wrong is called a mistake: it may be half written
MOST_WORDS = 3  # mistakes that an alarm names

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a reloader is given to do it with."""

    read: Callable[[], Loaded]  # in a thread; raises ConfigError
    check: Callable[[Config], Awaitable[Iterable[Problem]]]  # the templates
    prepare: Callable[[Config], Awaitable[Prepared]]  # raises StoreError
    apply: Callable[[Prepared], None]
    settled: Callable[[], Awaitable[None]]  # done when that holds in the other process as well
    hide: Callable[[Iterable[str]], None]  # secrets, from the log
    reporter: Reporter
    metrics: Metrics
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadOutcome:
    """What became of one try: `problems` where it is refused, else what changed."""

    seen: Sight
    problems: tuple[Problem, ...] = ()
    changes: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()
    prepared: Prepared | None = None  # None: nothing is other than before


class Reloader:
    """Keeps the newest config in force that is right."""

    def __init__(
        self, means: Means, config: Config, marks: Mapping[str, str], *, seen: Sight, known: Collection[Problem] = ()
    ) -> None:
        """Take the config in force, the marks of its channels, and what is wrong with its templates.

        `seen` is what was in its files before any of them but the config was used. Templates that were
        wrong from the start are no reason to refuse what comes.
        """
        self._means = means
        self._config = config
        self._marks = marks
        self._known = known
        self._began_with = seen
        self._asked = asyncio.Event()
        self._files = config.files  # that were read last
        self._in_force: Sight | None = None
        self._done_with: Sight | None = None  # it was put in force, or refused
        self._is_refused = False
        self._secrets = list(config.secrets)

    def ask(self) -> None:
        """Read again at once, whether anything changed or not, as on SIGHUP."""
        self._asked.set()

    async def run(self) -> None:
        """Look, and reload, until cancelled."""
        while True:
            await self._turn()
            await self._wait()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._asked.wait()
        except TimeoutError:
            return

    async def _turn(self) -> None:
        """Look, and try what is new; what is wrong must stay as it is for a while before it is a mistake."""
        asked = self._asked.is_set()
        self._asked.clear()
        wait = 0.0 if asked or self._in_force is None else QUIET_SECONDS
        while True:
            seen = await self._look()
            if seen == self._done_with and not asked:
                return
            if not await self._holds_still(seen, wait):
                wait = QUIET_SECONDS
                continue
            outcome = await self._try(seen, asked=asked)
            if outcome is None:
                continue
            if not outcome.problems or asked or wait == PATIENCE_SECONDS:
                break
            wait = PATIENCE_SECONDS
        await self._conclude(outcome)

    async def _look(self) -> Sight:
        return await asyncio.to_thread(look, self._files)

    async def _holds_still(self, seen: Sight, seconds: float) -> bool:
        if not seconds:
            return True
        await self._means.clock.sleep(seconds)
        return await self._look() == seen

    async def _try(self, seen: Sight, *, asked: bool) -> ReloadOutcome | None:
        """Read, check and prepare what is there; None where it changed meanwhile."""
        try:
            loaded = await asyncio.to_thread(self._means.read)
        except ConfigError as error:
            self._files = self._config.files | error.files
            now = await self._look()
            problems = tuple(map(while_running, error.problems))
            return ReloadOutcome(seen=now, problems=problems) if is_same(seen, now, self._files) else None
        except Exception as error:
            log.exception("the reload failed")
            return self._failed(error, seen)
        self._files = loaded.config.files
        now = await self._look()
        if not is_same(seen, now, self._files):
            return None
        try:
            outcome = await self._checked(loaded, now, asked=asked)
        except Exception as error:
            log.exception("the reload failed")
            return self._failed(error, now)
        return outcome if outcome.prepared is None or await self._look() == now else None

    def _failed(self, error: Exception, seen: Sight) -> ReloadOutcome:
        """Refuse what the bridge itself stumbles over."""
        return ReloadOutcome(seen=seen, problems=(self._problem(f"the bridge failed: {type(error).__name__}"),))

    async def _checked(self, loaded: Loaded, seen: Sight, *, asked: bool) -> ReloadOutcome:
        """Check and prepare a config that could be read; not where all is as it was."""
        before = self._began_with if self._in_force is None else self._in_force
        as_it_was = seen == before and not (self._in_force is None and is_other(self._config, loaded.config))
        if as_it_was and not asked:
            return ReloadOutcome(seen=seen)
        problems = refusals(self._config, loaded)
        if not problems and loaded.config.templates:
            problems = [each for each in await self._means.check(loaded.config) if each not in self._known]
        if problems:
            return ReloadOutcome(seen=seen, problems=tuple(problems))
        try:
            prepared = await self._means.prepare(loaded.config)
        except StoreError as error:
            return ReloadOutcome(seen=seen, problems=(self._problem(str(error)),))
        channels = channel_changes(self._marks, prepared.marks)
        changes = (*channels, *changes_of(self._config, loaded.config), *template_changes(before, seen))
        return ReloadOutcome(seen=seen, changes=changes, warnings=loaded.warnings, prepared=prepared)

    async def _conclude(self, outcome: ReloadOutcome) -> None:
        """Put it in force or refuse it, and say so."""
        self._done_with = outcome.seen
        if outcome.problems:
            self._refuse(outcome.problems)
            return
        is_first, self._in_force = self._in_force is None, outcome.seen
        if outcome.prepared is not None:
            await self._put_in_force(outcome.prepared)
        elif is_first or not self._is_refused:
            return
        self._is_refused = False
        self._means.metrics.reloaded("succeeded")
        self._means.reporter.over(Trouble.RELOAD_FAILED)
        for warning in outcome.warnings:
            log.warning("config", problem=str(warning))
        log.info("reloaded", changes=list(outcome.changes) or ["nothing changed"])

    async def _put_in_force(self, prepared: Prepared) -> None:
        self._secrets = with_older(prepared.config.secrets, self._secrets)
        await asyncio.to_thread(self._means.hide, self._secrets)
        self._means.apply(prepared)
        self._config, self._marks = prepared.config, prepared.marks
        await self._means.settled()

    def _refuse(self, problems: Sequence[Problem]) -> None:
        self._is_refused = True
        self._means.metrics.reloaded("failed")
        for problem in problems:
            log.error("config", problem=str(problem))
        log.error("not reloaded: what was in force stays in force", problems=len(problems))
        more = f"; and {len(problems) - MOST_WORDS} more" if len(problems) > MOST_WORDS else ""
        self._means.reporter.trouble(Trouble.RELOAD_FAILED, words="; ".join(map(str, problems[:MOST_WORDS])) + more)

    def _problem(self, words: str) -> Problem:
        return Problem(file=str(self._config.file), text=words)


def is_same(before: Sight, now: Sight, files: Iterable[Path]) -> bool:
    """Say whether these files were seen before as they are now: what was read in between is what is there."""
    return all(before.get(str(file)) == now.get(str(file)) for file in files)
