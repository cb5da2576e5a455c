"""Ways of failing before, during and after the request, on real sockets: one row each, for every kind that speaks HTTP."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
import trustme

from bridge.channels.answers import judge_failure
from bridge.message import Answer, Verdict
from tests.fakes.channels import a_call, a_channel, a_message, some_tools
from tests.fakes.endpoint import Behaviour, Endpoint, serve_endpoint
from tests.fakes.proxy import serve_proxy
from tests.fakes.serving import LOOPBACK, free_port, serve_raw

KINDS = ["webhook", "slack_webhook", "slack"]
TIMEOUT = "500ms"  # for what never answers
PLENTY = "30s"  # for what does, on however busy a machine
OK = '{"ok":true,"channel":"C1","ts":"1.1"}'
JSON = {"Content-Type": "application/json"}
SENT, RETRY, REJECTED, BROKEN, AMBIGUOUS, GONE = Answer


def settings_for(kind: str, url: str, **more) -> dict[str, object]:
    if kind == "slack":
        return {"token": "xoxb-SECRET-token", "channel": "#ops", "api_url": url, "timeout": PLENTY, **more}
    return {"url": url, "timeout": PLENTY, **more}


async def verdict_of(kind: str, url: str, *, environ=None, **more) -> Verdict:
    tools = some_tools(environ=environ)
    async with a_channel(kind, tools=tools, **settings_for(kind, url, **more)) as channel:
        return await channel.post(a_call(a_message("CPU", text="CPU")))


@dataclass(frozen=True)
class Row:
    """What fails, and what webhook, slack_webhook and slack make of it: answer and words."""

    name: str
    behaviour: Behaviour
    answers: tuple[Answer, Answer, Answer]
    said: tuple[str, str, str]
    throttled: bool = False

    @property
    def timeout(self) -> str:
        return TIMEOUT if self.behaviour.fails in {"hang", "trickle"} else PLENTY


NO_ANSWER = ("no answer within 0.5 s",) * 3
LOST = ("the connection was lost before the answer",) * 3
ROWS = [
    Row("dropped after it was read", Behaviour(fails="drop"), (RETRY, AMBIGUOUS, AMBIGUOUS), LOST),
    Row("no answer", Behaviour(fails="hang"), (RETRY, AMBIGUOUS, AMBIGUOUS), NO_ANSWER, throttled=True),
    Row("not HTTP", Behaviour(fails="garbage"), (RETRY, AMBIGUOUS, AMBIGUOUS), ("an answer that is not HTTP",) * 3),
    Row(
        "an answer cut off",
        Behaviour(fails="cut", body="o"),
        (SENT, AMBIGUOUS, AMBIGUOUS),
        ("200 OK: (the answer was cut off)", LOST[0], LOST[0]),
    ),
    Row(
        "JSON cut off",
        Behaviour(fails="cut", body='{"ok":', headers=JSON),
        (SENT, AMBIGUOUS, AMBIGUOUS),
        ("200 OK: (the answer was cut off)", LOST[0], LOST[0]),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_whose_answer_fails_has_its_verdict(kind, row):
    async with serve_endpoint() as endpoint:
        endpoint.always = row.behaviour
        verdict = await verdict_of(kind, endpoint.url(), timeout=row.timeout)
    index = KINDS.index(kind)
    assert verdict.answer is row.answers[index]
    assert row.said[index] in verdict.said
    assert verdict.throttled is row.throttled
    assert len(endpoint.received) == 1


HTML = Behaviour(body="<html>Sign in</html>", headers={"Content-Type": "text/html"})
ANSWERS = [
    Row("a log-in page with 200", HTML, (SENT, RETRY, RETRY), ("200 OK: <html>Sign in</html>", "a page that is not Slack's: 200 <html>", "a page that is not Slack's: 200 text/html")),
    Row("a body without end", Behaviour(fails="endless"), (SENT, AMBIGUOUS, AMBIGUOUS), ("200 OK: xxx", "not an answer that Slack gives: 200 xxx", "not an answer")),
    Row("a body that trickles without end", Behaviour(fails="trickle"), (SENT, AMBIGUOUS, AMBIGUOUS), ("200 OK: (the answer was cut off)", NO_ANSWER[0], NO_ANSWER[0])),
    Row("broken JSON", Behaviour(body='{"ok":tru', headers=JSON), (SENT, AMBIGUOUS, AMBIGUOUS), ('200 OK: {"ok":tru', "not an answer", "not an answer")),
    Row("JSON that is no object", Behaviour(body="[1]", headers=JSON), (SENT, AMBIGUOUS, AMBIGUOUS), ("200 OK: [1]", "not an answer", "200 that cannot be read")),
    Row("JSON of nothing", Behaviour(body="{}", headers=JSON), (SENT, AMBIGUOUS, AMBIGUOUS), ("200 OK: {}", "not an answer", "not an answer")),
    Row("JSON nested too deeply", Behaviour(body="[" * 50_000, headers=JSON), (SENT, AMBIGUOUS, AMBIGUOUS), ("200 OK: [[[", "not an answer", "200 that cannot be read")),
    Row("letters that are no UTF-8", Behaviour(body="\ufffd", headers={"Content-Type": "application/json; charset=utf-16"}), (SENT, AMBIGUOUS, AMBIGUOUS), ("200 OK: ", "not an answer", "200 that cannot be read")),
    Row("an empty answer", Behaviour(body=""), (SENT, AMBIGUOUS, AMBIGUOUS), ("200 OK", "not an answer", "200 text/plain")),
    Row("no content", Behaviour(status=204, body=""), (SENT, AMBIGUOUS, AMBIGUOUS), ("204 No Content", "not an answer", "not an answer")),
    Row("an unknown status", Behaviour(status=599, body=""), (RETRY, RETRY, RETRY), ("599 Odd", "599", "599")),
    Row("the server is at its end", Behaviour(status=500, body=""), (RETRY, RETRY, AMBIGUOUS), ("500 Internal Server Error", "500", "500 without a word of Slack's")),
]  # fmt: skip


@pytest.mark.parametrize("row", ANSWERS, ids=lambda row: row.name)
@pytest.mark.parametrize("kind", KINDS)
async def test_an_answer_that_makes_no_sense_has_its_verdict(kind, row):
    async with serve_endpoint() as endpoint:
        endpoint.always = row.behaviour
        verdict = await verdict_of(kind, endpoint.url(), timeout=row.timeout)
    index = KINDS.index(kind)
    assert verdict.answer is row.answers[index]
    assert row.said[index] in verdict.said
    assert len(verdict.said) <= 300


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_redirect_breaks_the_channel_and_is_never_followed(kind, status):
    async with serve_endpoint() as elsewhere, serve_endpoint() as endpoint:
        location = {"Location": elsewhere.url("/token-SECRET")}
        endpoint.always = Behaviour(status=status, body="", headers=location)
        verdict = await verdict_of(kind, endpoint.url())
    assert verdict.answer is BROKEN
    assert verdict.status == status
    if status != 304:
        assert verdict.said == f"{status}, a redirect to http://127.0.0.1, which is not followed"
    assert elsewhere.received == []


@pytest.mark.parametrize(
    ("location", "place"),
    [("/login?SECRET", "another path"), ("http://[bad/SECRET", "what is no URL"), ("", "another path")],
)
async def test_a_redirect_names_no_more_than_the_host(location, place):
    async with serve_endpoint() as endpoint:
        endpoint.always = Behaviour(status=302, body="", headers={"Location": location})
        verdict = await verdict_of("webhook", endpoint.url())
    assert verdict.said == f"302, a redirect to {place}, which is not followed"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_refused_connection_is_tried_again(kind):
    port = free_port()
    verdict = await verdict_of(kind, f"http://{LOOPBACK}:{port}/x")
    assert (verdict.answer, verdict.said) == (RETRY, f"no connection to 127.0.0.1:{port}: Connection refused")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_name_that_cannot_be_resolved_is_tried_again(kind, monkeypatch):
    def resolve(*_args, **_more):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    verdict = await verdict_of(kind, "http://chat.example/x")
    assert (verdict.answer, verdict.said) == (RETRY, "the name chat.example cannot be resolved")


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def plain(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_handshake_that_never_ends_is_known_to_have_sent_nothing(kind):
    async with serve_raw(silent) as port:
        verdict = await verdict_of(kind, f"https://{LOOPBACK}:{port}/x", timeout=TIMEOUT)
    assert (verdict.answer, verdict.said, verdict.throttled) == (RETRY, "no answer within 0.5 s", True)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_handshake_that_is_reset_is_known_to_have_sent_nothing(kind):
    async with serve_raw(reset) as port:
        verdict = await verdict_of(kind, f"https://{LOOPBACK}:{port}/x")
    assert verdict.answer is RETRY
    assert verdict.said == f"no connection to 127.0.0.1:{port}: Connection reset by peer"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_without_tls_is_tried_again(kind):
    async with serve_raw(plain) as port:
        verdict = await verdict_of(kind, f"https://{LOOPBACK}:{port}/x")
    assert (verdict.answer, verdict.said) == (RETRY, f"no TLS connection to 127.0.0.1:{port}")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def serving_tls(authority, tmp_path) -> Callable[..., object]:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    @asynccontextmanager
    async def serving(host: str = LOOPBACK) -> AsyncIterator[Endpoint]:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        await asyncio.to_thread(authority.issue_cert(host).configure_cert, context)
        async with serve_endpoint(tls=context) as endpoint:
            endpoint.always = Behaviour(body="ok")
            yield endpoint

    return serving


@pytest.mark.parametrize("kind", KINDS)
async def test_a_certificate_that_nobody_vouches_for_breaks_the_channel(kind, serving_tls):
    async with serving_tls() as endpoint:
        verdict = await verdict_of(kind, endpoint.url(), timeout="5s")
    assert verdict.answer is BROKEN
    assert verdict.said == "wrong certificate: unable to get local issuer certificate"
    assert endpoint.received == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_certificate_for_another_host_breaks_the_channel(kind, serving_tls, tmp_path):
    async with serving_tls("other.example") as endpoint:
        verdict = await verdict_of(kind, endpoint.url(), timeout="5s", ca_file=tmp_path / "ca.pem")
    assert verdict.answer is BROKEN
    assert verdict.said.startswith("wrong certificate: IP address mismatch")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_ca_file_makes_its_certificates_trusted(kind, serving_tls, tmp_path):
    async with serving_tls() as endpoint:
        if kind == "slack":
            endpoint.always = Behaviour(body=OK, headers=JSON)
        verdict = await verdict_of(kind, endpoint.url(), timeout="5s", ca_file=tmp_path / "ca.pem")
    assert (verdict.answer, len(endpoint.received)) == (SENT, 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "ca_file: cannot be read: No such file or directory"),
        ("no PEM", "ca_file: holds no certificates in PEM form"),
    ],
)
async def test_a_ca_file_that_is_no_use_breaks_the_channel_in_words(kind, content, words, tmp_path):
    if content:
        await asyncio.to_thread((tmp_path / "ca.pem").write_text, content)
    verdict = await verdict_of(kind, "https://host.example/x", ca_file=tmp_path / "ca.pem")
    assert (verdict.answer, verdict.said) == (BROKEN, words)


@pytest.mark.parametrize(
    ("status", "answer", "throttled"),
    [
        (407, BROKEN, False),
        (403, BROKEN, False),
        (400, BROKEN, False),
        (429, RETRY, True),
        (500, RETRY, False),
        (502, RETRY, False),
        (503, RETRY, True),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_tunnel_that_a_proxy_refuses_is_never_about_the_message(kind, status, answer, throttled):
    async with serve_proxy() as proxy:
        proxy.refuses = status
        verdict = await verdict_of(kind, "https://chat.example/x", proxy=proxy.url())
    assert (verdict.answer, verdict.said, verdict.throttled) == (answer, f"the proxy answered {status}", throttled)
    assert verdict.status == status


SOMEWHERE: Any = SimpleNamespace(host="chat.example", port=443, ssl=True)
REQUEST: Any = SimpleNamespace(real_url="https://chat.example/x")
NO_URL = "the address or its proxy is not a URL that can be called"


@pytest.mark.parametrize(
    ("error", "answer", "said"),
    [
        (aiohttp.InvalidURL("x"), BROKEN, NO_URL),
        (aiohttp.NonHttpUrlClientError("x"), BROKEN, NO_URL),
        (ValueError("x"), BROKEN, NO_URL),
        (
            aiohttp.ClientConnectorCertificateError(SOMEWHERE, Exception("SECRET")),
            BROKEN,
            "wrong certificate: it is not for this host",
        ),
        (
            aiohttp.ClientConnectorError(SOMEWHERE, OSError("SECRET")),
            RETRY,
            "no connection to chat.example:443: no reason given",
        ),
        (aiohttp.ClientResponseError(REQUEST, ()), AMBIGUOUS, "an answer that is not HTTP"),
        (aiohttp.ClientPayloadError(), AMBIGUOUS, "the connection was lost before the answer"),
        (RuntimeError("SECRET"), AMBIGUOUS, "the call failed: RuntimeError"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_each_way_of_failing_is_told_in_words_of_its_own(error, answer, said):
    verdict = judge_failure(error, seconds=1.0, may_have_arrived=True)
    assert (verdict.answer, verdict.said) == (answer, said)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_proxy_that_asks_for_a_password_breaks_the_channel(kind):
    async with serve_proxy(credentials="u:p") as proxy:
        verdict = await verdict_of(kind, "http://chat.example/x", proxy=proxy.url())
    assert (verdict.answer, verdict.status) == (BROKEN, 407)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_proxy_that_is_not_there_is_tried_again(kind):
    proxy = f"http://{LOOPBACK}:{free_port()}"
    verdict = await verdict_of(kind, "https://chat.example/x", proxy=proxy)
    assert (verdict.answer, verdict.said) == (RETRY, "no connection to the proxy: Connection refused")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("proxy", "words"),
    [
        ("socks5://u:SECRET@proxy:1080", "that begins with https:// or http://"),
        ("://SECRET", "that begins with https:// or http://"),
        ("http://[SECRET", "with a valid host and port"),
    ],
)
async def test_a_proxy_of_the_environment_that_is_no_http_proxy_breaks_the_channel_in_words(kind, proxy, words):
    verdict = await verdict_of(kind, "https://chat.example/x", environ={"HTTPS_PROXY": proxy})
    assert (verdict.answer, verdict.said) == (BROKEN, f"HTTPS_PROXY: must be the URL of an HTTP proxy {words}")
