"""The settings of both listeners: where they listen, and who may come in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer

from bridge.settings import Record, Secret, Size, is_off

OPEN = "`auth: off` says that it is open to whoever reaches it"
URL_SAFE = re.compile(r"[A-Za-z0-9._~-]+")  # "+" in ?token= would arrive as a blank, "%" as something else
PATH = re.compile(r"/[A-Za-z0-9._~/-]*")
WILD = frozenset({ip_address("0.0.0.0"), ip_address("::")})  # noqa: S104 - each of the machine's addresses of its version
LOCALHOST = (ip_address("127.0.0.1"), ip_address("::1"))
TAKEN_PATHS = frozenset({"/healthz", "/readyz"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to listen. Port 0 is any free one."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def meets(self, other: "Address") -> bool:
        """Whether the two cannot both be listened on; names but localhost are not looked up."""
        if not self.port or self.port != other.port:
            return False
        if self.host == other.host:
            return True
        ours, theirs = _places(self.host), _places(other.host)
        return any(one.version == two.version and (one == two or WILD & {one, two}) for one in ours for two in theirs)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _places(host: str) -> tuple[IPv4Address | IPv6Address, ...]:
    """Give the addresses that a host stands for; none where a name would have to be looked up."""
    if host.lower() == "localhost":
        return LOCALHOST
    try:
        return (ip_address(host),)
    except ValueError:
        return ()


def address(value: object) -> Address:
    """Read HOST:PORT, [::1]:8080 included; raise ValueError in words."""
    if isinstance(value, Address):
        return value
    match = (
        re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})", value) if isinstance(value, str) else None
    )
    if not match or int(match[3]) > 65535 or (match[1] and not _is_ip(match[1])):
        raise ValueError("must be HOST:PORT such as 127.0.0.1:8080 or [::1]:8080")
    return Address(host=match[1] or match[2], port=int(match[3]))


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _optional_address(value: object) -> Address | None:
    return None if value is None or is_off(value) else address(value)


def _path(value: object) -> str:
    if not isinstance(value, str) or not value.startswith("/"):
        raise ValueError("must begin with /, such as /callback")
    if "?" in value or "#" in value:
        raise ValueError("must be a path alone, without ? or #")
    if not PATH.fullmatch(value):
        raise ValueError("may hold only letters, digits and . _ ~ - /")
    path = "/" + value.strip("/")
    if path in TAKEN_PATHS:
        raise ValueError("is taken by the bridge's own answers")
    return path


def _token(value: Secret) -> Secret:
    if not URL_SAFE.fullmatch(value.reveal()):
        raise ValueError("may hold only letters, digits and . _ ~ -, since it is part of the URL")
    return value


def _username(value: object) -> object:
    if isinstance(value, str) and (not value or ":" in value):
        raise ValueError("must not be empty" if not value else "must not hold a colon, which ends a Basic username")
    return value


def _auth(value: object) -> object:
    if is_off(value):
        return None
    if not isinstance(value, Mapping | Auth):
        raise ValueError(f"must be off, or a mapping with tokens or basic; {OPEN}")  # noqa: TRY004 - pydantic shows ValueErrors only
    if isinstance(value, Mapping) and not value.get("tokens") and not value.get("basic"):
        raise ValueError(f"needs tokens or basic; {OPEN}")
    return value


def _edge(value: object) -> bool:
    if is_off(value):
        return False
    if value is True or (isinstance(value, str) and value.strip().lower() == "on"):
        return True
    raise ValueError("must be on or off")


def _code(value: object) -> object:
    return value or None


Listen = Annotated[Address, BeforeValidator(address), PlainSerializer(str)]
OptionalListen = Annotated[Address | None, BeforeValidator(_optional_address), PlainSerializer(str)]
CallbackPath = Annotated[str, BeforeValidator(_path)]
Token = Annotated[Secret, AfterValidator(_token)]


class BasicUser(Record):
    """A username and password of HTTP's Basic form."""

    username: Annotated[str, BeforeValidator(_username)]
    password: Secret


class Auth(Record):
    """Who may come in: any of the tokens or users is right, so that both can be rotated without a gap."""

    tokens: tuple[Token, ...] = ()
    basic: tuple[BasicUser, ...] = ()


OptionalAuth = Annotated[Auth | None, BeforeValidator(_auth)]  # None: off


class ServerSettings(Record):
    """The public listener."""

    listen: Listen = Address(host="127.0.0.1", port=8080)
    callback_path: CallbackPath = "/callback"
    max_body: Size = 1024**2  # bytes
    verification_code: Annotated[Secret | None, BeforeValidator(_code)] = None  # of Tencent's old URL check
    edge: Annotated[bool, BeforeValidator(_edge)] = True  # the HTTP is done by a process of its own
    auth: OptionalAuth  # None: off


class ConsoleSettings(Record):
    """The console's listener: metrics and health."""

    listen: OptionalListen = Address(host="127.0.0.1", port=8081)  # None: off
    auth: OptionalAuth = None  # None: off
