"""Any HTTP endpoint: the message as JSON or text, signed as Standard Webhooks 1.0 says."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from yarl import URL

from bridge.channels.answers import FAILURES, judge_status
from bridge.channels.direct import Direct, Reply
from bridge.channels.encoding import json_bytes
from bridge.channels.http import REDIRECTS, HttpSettings, Redirected, SecretUrl
from bridge.channels.kind import Kind, Tools
from bridge.channels.line import Line, unusable
from bridge.channels.success import Success
from bridge.message import Answer, Call, Message, Step, Verdict
from bridge.settings import Secret

PREFIX = "whsec_"
NEW_KEY = f'echo "{PREFIX}$(openssl rand -base64 32)" makes one'
OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "idempotency-key"})


def _header_name(name: str) -> str:
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
        raise ValueError("must be the name of a header: letters, digits and hyphens")
    if name.lower() in OURS or name.lower().startswith("webhook-"):
        raise ValueError("is a header that the bridge sets itself")
    return name


def _header_value(value: Secret) -> Secret:
    if re.search(r"[^\t -~\x80-\U0010ffff]|^[ \t]|[ \t]$", value.reveal()):
        raise ValueError("must be a text without line breaks, control characters and blanks at its ends")
    return value


def _distinct(headers: Mapping[str, Secret]) -> Mapping[str, Secret]:
    if len({name.lower() for name in headers}) < len(headers):
        raise ValueError("names a header twice: upper and lower case are the same")
    return headers


def _signing_key(secret: Secret) -> Secret:
    if not secret.reveal().startswith(PREFIX):
        raise ValueError(f'must begin with "{PREFIX}"; {NEW_KEY}')
    try:
        length = len(_key(secret))
    except (binascii.Error, ValueError):
        raise ValueError(f'must be "{PREFIX}" and base64; {NEW_KEY}') from None
    if not 24 <= length <= 64:
        raise ValueError(f"must hold a key of 24 to 64 bytes; {NEW_KEY}")
    return secret


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _listed(value: object) -> object:
    if isinstance(value, list | tuple) and not value:
        raise ValueError("must not be an empty list, which signs nothing; leave the key out where nothing is signed")
    return value if isinstance(value, list | tuple) else (value,)


def _key(secret: Secret) -> bytes:
    return base64.b64decode(secret.reveal().removeprefix(PREFIX), validate=True)


HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderValue = Annotated[Secret, AfterValidator(_header_value)]
SigningKey = Annotated[Secret, AfterValidator(_signing_key)]


class WebhookSettings(HttpSettings):
    """A channel of type `webhook`. The address is kept secret, since many hold a token."""

    type: Literal["webhook"] = "webhook"
    url: SecretUrl
    method: Annotated[Literal["POST", "PUT", "PATCH"], BeforeValidator(_upper)] = "POST"
    headers: Annotated[Mapping[HeaderName, HeaderValue], AfterValidator(_distinct)] = Field(default_factory=dict)
    success: Success | None = None  # what a 2xx must say to count as taken; unless given: any
    secret: Annotated[tuple[SigningKey, ...], BeforeValidator(_listed)] = ()  # each signs: rotate without a gap

    @model_validator(mode="after")
    def _one_authorization(self) -> Self:
        """Refuse two sets of credentials, of which only one could be sent."""
        if self.address.raw_user is not None and any(name.lower() == "authorization" for name in self.headers):
            raise ValueError("has credentials in `url` and an Authorization header: only one of them can be sent")
        return self

    @property
    def address(self) -> URL:
        """The address, byte for byte as it is written."""
        return URL(self.url.reveal(), encoded=True)


class Webhook:
    """Posts to one endpoint; the same call twice is known there by its id."""

    def __init__(self, settings: WebhookSettings, tools: Tools) -> None:
        self._line = Line(settings, tools)
        self._direct: Direct | None = None
        self._clock = tools.clock
        self._method = settings.method
        self._success = settings.success
        self._address = settings.address
        self._keys = tuple(_key(secret) for secret in settings.secret)
        self._headers = {name: value.reveal() for name, value in settings.headers.items()}
        self._content_type_is_theirs = any(name.lower() == "content-type" for name in settings.headers)

    async def post(self, call: Call) -> Verdict:
        """Make one attempt and judge its answer."""
        try:
            direct = self._direct or self._open()
        except ValueError as error:
            return unusable(error)
        try:
            body = _body(call.message)
        except (TypeError, ValueError, RecursionError):
            return Verdict(answer=Answer.REJECTED, said="the message cannot be written as JSON", plain_helps=True)
        try:
            return self._judge(await direct.call(self._own_headers(call, body), body))
        except FAILURES as error:
            return self._line.failed(error, may_have_arrived=False)

    def wire(self, call: Call) -> Mapping[str, Any]:
        """Give the body: the JSON as it is, or a text under `text`."""
        return {"text": call.message.text} if call.message.payload is None else call.message.payload

    async def close(self) -> None:
        """Close the connections."""
        self._direct = None
        await self._line.close()

    def _open(self) -> Direct:
        self._direct = self._line.direct(self._method, self._address, self._headers)
        return self._direct

    def _own_headers(self, call: Call, body: bytes) -> dict[str, str]:
        """Give the headers that a call does not share with others."""
        timestamp = str(int(self._clock().timestamp()))
        headers = {
            "webhook-id": call.delivery_id,
            "Idempotency-Key": call.delivery_id,
            "webhook-timestamp": timestamp,
        }
        if not self._content_type_is_theirs:
            plain = call.message.payload is None
            headers["Content-Type"] = "text/plain; charset=utf-8" if plain else "application/json"
        if self._keys:
            headers["webhook-signature"] = sign(self._keys, call.delivery_id, timestamp, body)
        return headers

    def _judge(self, reply: Reply) -> Verdict:
        """Judge by the status; what became of the answer's body changes nothing."""
        status = reply.status
        if status in REDIRECTS:
            raise Redirected(status, reply.headers.get("Location", ""))
        answer = "(the answer was cut off)" if reply.body is None else reply.body.decode("utf-8", "replace")
        said = self._line.clean(f"{status} {reply.reason}: {answer}" if answer else f"{status} {reply.reason}")
        if 200 <= status < 300 and (self._success is None or self._success.is_said_by(answer)):
            return Verdict(answer=Answer.SENT, said=said, status=status)
        after_seconds = self._line.after(reply.headers.get("Retry-After"))
        if 200 <= status < 300:
            said = self._line.clean(f"{status} without {self._success}: {answer}")
            return Verdict(answer=Answer.RETRY, said=said, status=status, after_seconds=after_seconds)
        return judge_status(status, said, after_seconds)


def sign(keys: tuple[bytes, ...], delivery_id: str, timestamp: str, body: bytes) -> str:
    """Sign id, timestamp and body with each key: `v1,` and base64, parted by blanks (Standard Webhooks 1.0)."""
    content = b"%b.%b.%b" % (delivery_id.encode(), timestamp.encode(), body)
    return " ".join(f"v1,{base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()}" for key in keys)


def _body(message: Message) -> bytes:
    return message.text.encode("utf-8", "replace") if message.payload is None else json_bytes(message.payload)


KIND = Kind(
    settings=WebhookSettings,
    open=Webhook,
    steps=frozenset({Step.POST}),
    formats=("json", "txt"),
    dialect="json",
    chat=False,
    idempotent=True,
)
