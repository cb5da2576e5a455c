"""A dead man's switch: an address that is called while the bridge does its work, and not when it does not.

Whoever watches the address (Healthchecks, Uptime Kuma) tells people when the calls stop: that is how a
bridge that hangs, cannot write or is gone is noticed, which it cannot say itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Protocol

import structlog
from pydantic import AfterValidator, BeforeValidator
from yarl import URL

from bridge.channels import Tools
from bridge.channels.answers import FAILURES
from bridge.channels.http import HttpSettings, SecretUrl
from bridge.channels.line import Line
from bridge.clock import Clock
from bridge.settings import PositiveDuration, Record, Secret
from bridge.store import StoreError, Writer
from bridge.store.facts import write_fact

SHORTEST = timedelta(seconds=1)
STORE_SECONDS = 10.0  # for a write to reach the disk
OK = range(200, 300)

log = structlog.get_logger()


def _url(value: object) -> object:
    return value or None


def _every(span: timedelta) -> timedelta:
    if span < SHORTEST:
        raise ValueError("must not be shorter than 1s")
    return span


class HeartbeatSettings(Record):
    """What is called, and how often."""

    url: Annotated[SecretUrl | None, BeforeValidator(_url)] = None  # empty is none
    every: Annotated[PositiveDuration, AfterValidator(_every)] = timedelta(minutes=1)


class Called(HttpSettings):
    """The address as a channel's line sees it: certificates and proxies as the environment has them."""

    type: str = "heartbeat"
    url: Secret

    @property
    def address(self) -> URL:
        """Where the call goes."""
        return URL(self.url.reveal(), encoded=True)


class Works(Protocol):
    """A part that turns, or is stuck."""

    def stuck(self) -> str:
        """Say what it is stuck in; empty where it is not."""
        ...


class Heartbeat:
    """Calls the address of `settings`, which are asked for before each call."""

    def __init__(
        self,
        settings: Callable[[], HeartbeatSettings],
        wrong: Callable[[], Awaitable[str]],
        tools: Tools,
        clock: Clock,
    ) -> None:
        """Take `wrong`, which says why the bridge does not do its work; empty where it does."""
        self._settings = settings
        self._wrong = wrong
        self._tools = tools
        self._clock = clock
        self._renewed = asyncio.Event()
        self._line: tuple[Called, Line] | None = None
        self._said = ""  # why the last one was not sent

    def renew(self) -> None:
        """Go by other settings at once: whoever waits for an hourly call must not wait an hour for one a minute."""
        self._renewed.set()

    async def run(self) -> None:
        """Beat until cancelled."""
        try:
            while True:
                settings = self._settings()
                if settings.url is not None:
                    self._say(await self._beat(settings))
                await self._rest(settings.every.total_seconds() if settings.url is not None else None)
        finally:
            if self._line is not None:
                await self._line[1].close()

    async def _rest(self, seconds: float | None) -> None:
        """Wait so long, or until the settings are other ones; None: for these alone."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._renewed.wait()
        self._renewed.clear()

    async def _beat(self, settings: HeartbeatSettings) -> str:
        """Call once; say why it was not done or not taken, without the address."""
        if wrong := await self._wrong():
            return wrong
        assert settings.url is not None
        line = await self._open(Called(url=settings.url, timeout=min(settings.every, timedelta(seconds=10))))
        try:
            async with line.session().get(self._address(), allow_redirects=False) as response:
                await response.read()
                return "" if response.status in OK else f"it answered {response.status}"
        except ValueError as error:
            return line.clean(str(error))
        except FAILURES as error:
            return line.clean(line.failed(error, may_have_arrived=False).said)

    async def _open(self, called: Called) -> Line:
        if self._line is None or self._line[0] != called:
            before, self._line = self._line, (called, Line(called, self._tools))
            if before is not None:
                await before[1].close()
        return self._line[1]

    def _address(self) -> URL:
        assert self._line is not None
        return self._line[0].address

    def _say(self, reason: str) -> None:
        """Log when it begins to fail, for another reason too, and when it works again."""
        if reason and reason != self._said:
            log.warning("no heartbeat", reason=reason)
        elif self._said and not reason:
            log.info("the heartbeat goes on")
        self._said = reason


async def wrong(writer: Writer, workers: Mapping[str, Works], clock: Clock) -> str:
    """Say why the bridge does not do its work: a write that does not reach the disk, a worker that is stuck."""
    try:
        async with asyncio.timeout(STORE_SECONDS):
            await writer.do(lambda connection: write_fact(connection, "heartbeat", clock.now().isoformat()))
    except StoreError as error:
        return str(error)
    except TimeoutError:
        return f"the store takes longer than {STORE_SECONDS:g} s"
    return next((f"{name}: {stuck}" for name, worker in workers.items() if (stuck := worker.stuck())), "")
