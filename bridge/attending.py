"""Carrying out what commands ask for: a look at the requests every second, which costs no callback anything."""

from collections.abc import Callable

import structlog

from bridge.clock import Clock
from bridge.store import Judge, StoreUnavailable, Writer
from bridge.store.carrying import carry_out

LOOK_SECONDS = 1.0

log = structlog.get_logger()


async def attend(writer: Writer, judge: Callable[[], Judge], clock: Clock) -> None:
    """Do it until cancelled; the first look is at once: requests may have waited for a bridge."""
    while True:
        try:
            while (await writer.do(carry_out(writer.store, judge(), clock.now()))).count:
                pass
        except StoreUnavailable as error:
            log.debug("requests wait for the store", reason=str(error))  # the writer has said it loudly
        await clock.sleep(LOOK_SECONDS)
