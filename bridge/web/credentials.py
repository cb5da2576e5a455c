"""Who may come in: a token in the path or query, a Bearer token, or Basic. Pure.

Everything is compared as bytes, in constant time, with every secret that is right, so that the time
taken tells nothing.
"""

import base64
import binascii
import hmac
from collections.abc import Iterable

from bridge.web.settings import Auth


class Credentials:
    """The right ones, ready to be compared."""

    def __init__(self, auth: Auth | None) -> None:
        """Take the settings; None lets everybody in."""
        self.change(auth)

    def change(self, auth: Auth | None) -> None:
        """Let these in from the next request on."""
        self.everybody = auth is None  # may come in
        self._tokens = [token.reveal().encode() for token in auth.tokens] if auth else []
        self._users = [f"{user.username}:{user.password.reveal()}".encode() for user in auth.basic] if auth else []

    def allow(self, tokens: Iterable[str], authorization: str) -> bool:
        """Say whether one of the tokens, or the Authorization header, is right."""
        if self.everybody:
            return True
        scheme, _, rest = authorization.partition(" ")
        given = [_bytes(token) for token in tokens]
        if scheme.lower() == "bearer":
            given.append(_bytes(rest.strip()))
        right = sum(hmac.compare_digest(one, token) for one in given for token in self._tokens)
        if scheme.lower() == "basic":
            user = _decoded(rest.strip())
            right += sum(hmac.compare_digest(user, one) for one in self._users)
        return right > 0  # summed, not any(): the time taken must not tell which of them was right


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(_bytes(text), validate=True)
    except (binascii.Error, ValueError):
        return b""
