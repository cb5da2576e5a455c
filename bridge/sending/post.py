"""The HTTP edge of `send`: one POST as Tencent Cloud makes it, and its answer in words.

Tencent Cloud sends JSON with no credentials but those in the URL: a token in its path or query, or
Basic as `http://USER:PASSWORD@host` (callback page, 2022-2025), and waits five seconds.
"""

import base64
import ssl
from dataclasses import dataclass, field

from aiohttp import (
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientSSLError,
    ClientTimeout,
)
from yarl import URL

WAIT_SECONDS = 5.0  # what Tencent Cloud waits
SHOWN = 2000  # letters of an answer
SECRET = 4  # letters: anything shorter is found everywhere
ADVICE = {
    401: "the credentials are missing or wrong: give --token or --user as `server.auth` in the bridge's config does",
    403: "something before the bridge refuses it: the bridge itself answers 401",
    404: "nobody takes callbacks at this path: compare --url with `server.callback_path` of the bridge's config",
    405: "callbacks are not taken at this path: compare --url with `server.callback_path` of the bridge's config",
    413: "the callback is larger than `server.max_body` of the bridge's config, or than a proxy lets through",
    502: "a proxy is there, the bridge behind it is not: is `alarm-bridge serve` running?",
    503: "the bridge cannot store it now, its log says why; Tencent Cloud would send it again",
    504: "a proxy is there, the bridge behind it does not answer: is `alarm-bridge serve` running?",
}
FOREIGN = "this does not look like alarm-bridge: is --url the address of the callbacks that `serve` prints?"
BEFORE_IT = frozenset({403, 413, 502, 504})  # what a proxy answers in its own words, and the advice says so


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where callbacks go, and with which credentials. Prints without them."""

    url: URL = field(repr=False)  # without the user and password it may have been given with
    basic: str = field(default="", repr=False)  # the Authorization header
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        """Name the server, and the path where it is the default one: any other may hold a token."""
        path = self.url.path if self.url.path in {"/", "/callback", "/callback/"} else "/…"
        return f"{self.url.origin()}{path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What came back. `status` None: nothing did, and `advice` says why and what to try."""

    status: int | None = None
    body: str = ""
    advice: str = ""


def address(url: str, *, token: str = "", user: str = "") -> Address:
    """Put the credentials where the bridge looks for them; raise ValueError in words."""
    try:
        parsed = URL(url)
        parsed.port  # noqa: B018 - a port out of range is only seen here
    except ValueError:
        parsed = URL()
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ValueError("must be an address such as http://127.0.0.1:8080/callback")
    name, _, password = user.partition(":") if user else (parsed.user or "", "", parsed.password or "")
    with_token = parsed.update_query(token=token) if token else parsed
    kept = (token, password, parsed.query.get("token", ""))
    return Address(
        url=with_token.with_user(None),
        basic=_basic(name, password) if name or password else "",
        secrets=tuple(secret for secret in kept if len(secret) >= SECRET),
    )


async def post(to: Address, body: bytes) -> Answered:
    """Post one callback and wait for the answer as long as Tencent Cloud does. Never raises for the network."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": to.basic} if to.basic else {})
    timeout = ClientTimeout(total=WAIT_SECONDS)
    try:
        async with (
            ClientSession(timeout=timeout) as session,
            session.post(to.url, data=body, headers=headers, allow_redirects=False) as response,
        ):
            text = (await response.content.read(SHOWN * 4)).decode(errors="replace")
            ours = response.status in BEFORE_IT or 300 <= response.status < 400 or is_ours(response, text, body)
            words = advice(response.status) if ours else FOREIGN
            return Answered(
                status=response.status, body=_shown(text.removeprefix(f"{response.status}: "), to.secrets), advice=words
            )
    except (ClientError, OSError, ValueError) as error:  # a time-out is an OSError
        return Answered(advice=trouble(error, to))


def is_ours(response: ClientResponse, text: str, body: bytes) -> bool:
    """Say whether an answer is alarm-bridge's: to a callback, a check of the URL, wrong credentials, a wrong path."""
    if text.startswith("{") and '"retCode"' in text:
        return True
    if response.status == 401:
        return "alarm-bridge" in response.headers.get("WWW-Authenticate", "")
    if response.status in {404, 405}:
        return text.startswith(f"{response.status}: ")
    return response.status == 200 and response.content_type == "text/plain" and b'"msg"' in body


def advice(status: int) -> str:
    """Say what an HTTP status means here and what to try next; empty for 200."""
    if status == 200:
        return ""
    if 300 <= status < 400:
        return "the address has moved, and Tencent Cloud is not known to follow: give the new one with --url"
    return ADVICE.get(status, "only 200 tells Tencent Cloud that the callback was taken: the bridge's log says more")


def trouble(error: Exception, to: Address) -> str:
    """Say in words why there is no answer and what to try next."""
    match error:
        case ClientConnectorDNSError():
            return f"the host name {to.url.host} is not known here"
        case ClientSSLError() | ssl.SSLError():
            return f"no TLS connection with {to}: {_reason(error)}"
        case ClientConnectorError(os_error=ConnectionRefusedError()):
            return f"nothing listens at {to}: start it with `alarm-bridge serve`, or give its address with --url"
        case ClientConnectorError():
            return f"no connection with {to}: {error.os_error.strerror or 'unreachable'}"
        case TimeoutError():
            return f"no answer from {to} within {WAIT_SECONDS:.0f} s, which is as long as Tencent Cloud waits"
        case _:
            return f"{to} does not answer as HTTP does ({type(error).__name__})"


def _reason(error: Exception) -> str:
    inner = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    return getattr(inner, "verify_message", "") or getattr(inner, "reason", None) or type(error).__name__


def _basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def _shown(text: str, secrets: tuple[str, ...]) -> str:
    """Make an answer fit to print: on one line, shortened, without credentials it may repeat."""
    for secret in secrets:
        text = text.replace(secret, "<secret>")
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= SHOWN else line[:SHOWN] + "…"
