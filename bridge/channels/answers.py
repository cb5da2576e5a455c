"""What an HTTP answer, or its absence, means for a delivery: status codes and ways of failing as one table each."""

import os
import re
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp

from bridge.channels.http import Redirected
from bridge.message import Answer, Verdict

MAX_WAIT_SECONDS = 86400.0  # no platform is believed that asks for more than a day
FORBIDDEN_IN_A_ROW = 3  # 403 may be about one message; so often in a row it is about the channel

AGAIN = frozenset({408, 425, 429})  # and every 5xx
THROTTLED = frozenset({429, 503})
BROKEN = frozenset({401, 404, 405, 407, 410})  # and every 3xx

FAILURES = (aiohttp.ClientError, OSError, ValueError, RuntimeError, AssertionError)  # what aiohttp was seen to raise


def judge_status(status: int, said: str, after_seconds: float | None = None) -> Verdict:
    """Judge an answer by its status alone."""
    if 200 <= status < 300:
        return Verdict(answer=Answer.SENT, said=said, status=status)
    if status in AGAIN or status >= 500:
        return Verdict(
            answer=Answer.RETRY,
            said=said,
            status=status,
            after_seconds=after_seconds,
            throttled=status in THROTTLED,
        )
    if status in BROKEN or 300 <= status < 400:
        return Verdict(answer=Answer.BROKEN, said=said, status=status)
    breaks_after = FORBIDDEN_IN_A_ROW if status == 403 else 0
    return Verdict(answer=Answer.REJECTED, said=said, status=status, breaks_after=breaks_after)


def retry_after(header: str | None, now: datetime) -> float | None:
    """Read Retry-After: seconds, whole or not, or an HTTP date (RFC 9110, 10.2.3); None where it is neither."""
    text = (header or "").strip()
    if re.fullmatch(r"\d+(\.\d*)?|\.\d+", text, re.ASCII):
        return min(float(text), MAX_WAIT_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return min(max((moment - now).total_seconds(), 0.0), MAX_WAIT_SECONDS)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def judge_failure(error: Exception, *, seconds: float, may_have_arrived: bool) -> Verdict:
    """Judge a call that got no answer, or half of one.

    `seconds` is the channel's time-out; `may_have_arrived` says that the request had been written and
    that the receiver has no key by which to know a second one.
    """
    match error:
        case aiohttp.ClientConnectorCertificateError():
            verdict = Verdict(answer=Answer.BROKEN, said=f"wrong certificate: {_certificate_reason(error)}")
        case aiohttp.ClientHttpProxyError():
            verdict = _judge_proxy(error.status)
        case Redirected():
            said = f"{error.status}, a redirect to {error.place}, which is not followed"
            verdict = Verdict(answer=Answer.BROKEN, said=said, status=error.status)
        case aiohttp.ClientConnectorError():
            verdict = Verdict(answer=Answer.RETRY, said=_no_connection(error))
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError() | ValueError():
            verdict = Verdict(answer=Answer.BROKEN, said="the address or its proxy is not a URL that can be called")
        case _:
            unsure = Answer.AMBIGUOUS if may_have_arrived else Answer.RETRY
            is_slow = isinstance(error, TimeoutError)
            verdict = Verdict(answer=unsure, said=_lost(error, seconds), throttled=is_slow)
    return verdict


def _lost(error: Exception, seconds: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {seconds:g} s"
    if isinstance(error, aiohttp.ClientResponseError):
        return "an answer that is not HTTP"
    if isinstance(error, aiohttp.ClientError | OSError):
        return "the connection was lost before the answer"
    return f"the call failed: {type(error).__name__}"


def _judge_proxy(status: int) -> Verdict:
    """Judge a tunnel refused: it is never about the message."""
    again = status in AGAIN or status >= 500
    said = f"the proxy answered {status}"
    return Verdict(
        answer=Answer.RETRY if again else Answer.BROKEN, said=said, status=status, throttled=status in THROTTLED
    )


def _certificate_reason(error: aiohttp.ClientConnectorCertificateError) -> str:
    reason = error.certificate_error
    return reason.verify_message if isinstance(reason, ssl.SSLCertVerificationError) else "it is not for this host"


def _no_connection(error: aiohttp.ClientConnectorError) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"the name {error.host} cannot be resolved"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return f"no TLS connection to {error.host}:{error.port}"
    where = "the proxy" if isinstance(error, aiohttp.ClientProxyConnectionError) else f"{error.host}:{error.port}"
    return f"no connection to {where}: {os.strerror(error.errno) if error.errno else 'no reason given'}"
