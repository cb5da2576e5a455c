"""A channel's line to its platform: the session, opened at the first call, and what every answer goes through."""

from collections.abc import Mapping

import aiohttp
from yarl import URL

from bridge.channels.answers import judge_failure, retry_after
from bridge.channels.direct import Direct
from bridge.channels.http import HttpSettings, proxy_for
from bridge.channels.kind import Tools
from bridge.channels.said import clean, spellings_of
from bridge.message import Answer, Verdict


class Line:
    """One channel's session and secrets."""

    def __init__(self, settings: HttpSettings, tools: Tools) -> None:
        self._settings = settings
        self._tools = tools
        self._secrets = spellings_of(settings)
        self._session: aiohttp.ClientSession | None = None

    def session(self) -> aiohttp.ClientSession:
        """Give the open session; raise ValueError in words where the settings do not allow one."""
        if self._session is None:
            self._session = self._tools.session(self._settings)
        return self._session

    def direct(self, method: str, address: URL, headers: Mapping[str, str]) -> Direct:
        """Give what calls one address again and again; raise ValueError as `session` does."""
        return Direct(self.session(), method, address, headers, proxy_for(self._settings, self._tools.environ))

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def clean(self, text: str) -> str:
        """Shorten what was said and take the channel's secrets out."""
        return clean(text, self._secrets)

    def after(self, header: str | None) -> float | None:
        """Read Retry-After, in seconds from now."""
        return retry_after(header, self._tools.clock()) if header else None

    def failed(self, error: Exception, *, may_have_arrived: bool) -> Verdict:
        """Judge a call that got no whole answer."""
        seconds = self._settings.timeout.total_seconds()
        return judge_failure(error, seconds=seconds, may_have_arrived=may_have_arrived)


def unusable(error: ValueError) -> Verdict:
    """Judge a channel whose settings do not allow a session: the words are those of `open_session`."""
    return Verdict(answer=Answer.BROKEN, said=str(error))
