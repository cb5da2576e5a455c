"""HTTP for channels: whose certificates are trusted, through which proxy, and how much of an answer is read.

Every library that speaks HTTP for a channel is handed a session of `open_session`, so that `proxy`,
`ca_file`, HTTPS_PROXY and NO_PROXY mean the same for all. The environment is an argument.
"""

import ipaddress
import re
import ssl
import urllib.request
from abc import abstractmethod
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, ClassVar

import aiohttp
from pydantic import AfterValidator, BeforeValidator
from yarl import URL

from bridge import __version__
from bridge.channels.names import resolver
from bridge.settings import ChannelSettings, Secret, is_off

USER_AGENT = f"alarm-bridge/{__version__}"
MAX_ANSWER = 64 * 1024  # bytes of an answer that are read; the rest is left, and its connection closed
CONNECTIONS = 32  # at once: as many requests as a webhook has under way
OFF = "off"
A_PROXY = "the URL of an HTTP proxy"
REDIRECTS = frozenset({301, 302, 303, 307, 308})
WRITING: ContextVar["Writing"] = ContextVar("WRITING")


def parse_url(text: str, *, what: str = "a URL") -> URL:
    """Take a URL as it is written, byte for byte; raise ValueError in words that do not repeat it."""
    if not re.match(r"https?://", text, re.IGNORECASE):
        raise ValueError(f"must be {what} that begins with https:// or http://")
    if re.search(r"[^!-~]", text):
        raise ValueError(f"must be {what} without blanks, letters outside ASCII written as %-escapes")
    try:
        url = URL(text, encoded=True)
        port, host = url.port, url.raw_host
    except ValueError:
        raise ValueError(f"must be {what} with a valid host and port") from None
    if not host or not port:
        raise ValueError(f"must be {what} with a host")
    return url


def _secret_url(secret: Secret) -> Secret:
    parse_url(secret.reveal())
    return secret


def _proxy(value: object) -> object:
    """Take `off` and false for no proxy, whatever the environment says."""
    text = value.reveal() if isinstance(value, Secret) else value
    if is_off(text):
        return Secret(OFF)
    if isinstance(text, str):
        parse_url(text, what=A_PROXY)
    return value


SecretUrl = Annotated[Secret, AfterValidator(_secret_url)]


class HttpSettings(ChannelSettings):
    """What channels that speak HTTP take."""

    keep_alive: ClassVar[bool] = True  # whether a connection serves more than one call

    proxy: Annotated[Secret | None, BeforeValidator(_proxy)] = None

    @property
    @abstractmethod
    def address(self) -> URL:
        """Where the channel's requests go."""


def open_session(settings: HttpSettings, *, environ: Mapping[str, str]) -> aiohttp.ClientSession:
    """Open a session for one channel inside the running loop; raise ValueError where `ca_file` or a proxy is no use.

    The session's own headers must hold no secret: aiohttp hands them to the proxy as well.
    """
    connector = aiohttp.TCPConnector(
        limit=CONNECTIONS,
        ssl=trust(settings.ca_file) if settings.ca_file else True,
        force_close=not settings.keep_alive,
        resolver=resolver(),
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": USER_AGENT},
        timeout=aiohttp.ClientTimeout(total=settings.timeout.total_seconds()),
        proxy=proxy_for(settings, environ),
        response_class=BoundedResponse,
        skip_auto_headers=("Accept-Encoding",),  # an answer of a few words need not be packed
        middlewares=() if settings.keep_alive else (_stay,),  # who keeps alive asks for no redirects itself
        trace_configs=[] if settings.keep_alive else [_noting_what_is_written()],
        trust_env=False,
    )


def trust(ca_file: Path) -> ssl.SSLContext:
    """Trust the certificates of this file and no others; raise ValueError in words."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError:
        raise ValueError("ca_file: holds no certificates in PEM form") from None
    except OSError as error:
        raise ValueError(f"ca_file: cannot be read: {error.strerror}") from None


def proxy_for(settings: HttpSettings, environ: Mapping[str, str]) -> URL | None:
    """Choose the proxy: the channel's own, else the environment's for the address's scheme.

    A lower-case name wins over the same in upper case, as with curl. Raises ValueError in words.
    """
    if settings.proxy:
        return None if settings.proxy.reveal() == OFF else URL(settings.proxy.reveal())
    address = settings.address
    name = f"{address.scheme}_proxy"
    text = (environ.get(name) or environ.get(name.upper()) or "").strip()
    if not text or bypasses(address, environ.get("no_proxy") or environ.get("NO_PROXY") or ""):
        return None
    try:
        return parse_url(text if "://" in text else f"http://{text}", what=A_PROXY)
    except ValueError as error:
        raise ValueError(f"{name.upper()}: {error}") from None


def bypasses(address: URL, no_proxy: str) -> bool:
    """Say whether NO_PROXY names the address: a host, a domain, host:port, a network, or `*`."""
    host = address.host or ""
    shown = f"[{host}]" if ":" in host else host
    if urllib.request.proxy_bypass_environment(f"{shown}:{address.port}", {"no": no_proxy}):  # type: ignore[attr-defined]
        return True
    return any(_is_inside(host, part.strip()) for part in no_proxy.split(",") if "/" in part)


def _is_inside(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


class Redirected(aiohttp.ClientError):
    """The answer is a redirect, which no call follows: a POST must not go where nobody configured it."""

    def __init__(self, status: int, location: str) -> None:
        super().__init__(f"redirected with {status}")
        self.status = status
        self.place = _origin(location)


def _origin(location: str) -> str:
    """Give scheme and host of a redirect: the rest may hold what the request held."""
    try:
        url = URL(location, encoded=True)
    except ValueError:
        return "what is no URL"
    return f"{url.scheme}://{url.host}" if url.host else "another path"


async def _stay(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Refuse redirects for libraries that would follow them and cannot be told otherwise, as slack-sdk."""
    response = await handler(request)
    if response.status in REDIRECTS:
        response.close()
        raise Redirected(response.status, response.headers.get("Location", ""))
    return response


class Writing:
    """Whether a request has begun to be written: whoever makes a call asks afterwards."""

    __slots__ = ("begun",)

    def __init__(self) -> None:
        self.begun = False
        WRITING.set(self)


async def _note(_session: aiohttp.ClientSession, _context: object, _sent: object) -> None:
    if writing := WRITING.get(None):
        writing.begun = True


def _noting_what_is_written() -> aiohttp.TraceConfig:
    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(_note)
    return trace


class BoundedResponse(aiohttp.ClientResponse):
    """A response of which no library reads more than MAX_ANSWER bytes."""

    async def read(self) -> bytes:
        """Read the answer, or its beginning where it is longer."""
        if self._body is None:
            try:
                self._body = await beginning(self.content)
            finally:
                if not self.content.at_eof():
                    self.close()
        return self._body


async def beginning(content: aiohttp.StreamReader) -> bytes:
    """Read MAX_ANSWER bytes at most."""
    if content.is_eof():  # all of it is here
        return content.read_nowait()[:MAX_ANSWER]
    read = bytearray()
    while not content.at_eof() and len(read) < MAX_ANSWER:
        read += await content.read(MAX_ANSWER - len(read))
    return bytes(read)
