"""The channel `webhook`: what goes over the wire, how it is signed, and what is kept of the answer."""

import asyncio
import base64
import json
import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from bridge.channels.said import VEIL
from bridge.message import Answer
from tests.fakes.channels import NOW, a_call, a_channel, a_message, some_tools
from tests.fakes.endpoint import Behaviour, Received, serve_endpoint

ONE = "whsec_" + base64.b64encode(b"one-key-of-twenty-four-b").decode()
OTHER = "whsec_" + base64.b64encode(b"another-key-of-thirty-two-bytes!").decode()


async def sent(message=None, *, path="/hook", delivery_id="42", **settings) -> Received:
    """Post once; give what arrived."""
    async with serve_endpoint() as endpoint, a_channel("webhook", url=endpoint.url(path), **settings) as channel:
        verdict = await channel.post(a_call(message, delivery_id=delivery_id))
        assert verdict.answer is Answer.SENT
        (received,) = endpoint.received
    return received


async def said(behaviour: Behaviour, *, path="/hook", **settings) -> str:
    """Post once to an endpoint that answers so; give what is kept of it."""
    async with serve_endpoint() as endpoint, a_channel("webhook", url=endpoint.url(path), **settings) as channel:
        endpoint.always = behaviour
        return (await channel.post(a_call())).said


async def test_a_payload_goes_out_as_json():
    received = await sent(a_message("ignored", text="CPU 95 %", 警="报"))
    assert received.method == "POST"
    assert received.header("Content-Type") == "application/json"
    assert received.json() == {"text": "CPU 95 %", "警": "报"}


async def test_a_text_goes_out_as_text():
    received = await sent(a_message("CPU 95 % 警"))
    assert received.header("Content-Type") == "text/plain; charset=utf-8"
    assert received.body == "CPU 95 % 警".encode()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_each_method_may_be_chosen(method):
    assert (await sent(method=method)).method == method


async def test_the_bridge_names_itself_and_wants_no_packed_answer():
    received = await sent()
    assert received.header("User-Agent") == "alarm-bridge/0.1.0"
    assert received.header("Accept-Encoding") is None
    assert received.header("Cookie") is None


async def test_headers_of_the_config_are_sent_and_may_replace_the_content_type_and_the_name():
    received = await sent(headers={"X-Team": "ops", "content-type": "text/x-alarm", "User-Agent": "us"})
    assert received.header("X-Team") == "ops"
    contents = [value for name, value in received.headers if name.lower() == "content-type"]
    agents = [value for name, value in received.headers if name.lower() == "user-agent"]
    assert (contents, agents) == (["text/x-alarm"], ["us"])


@pytest.mark.parametrize(
    "path",
    ["/a%2Fb/%e4?x=%20+y&&z=", "/a/../b//c", "/%7Etilde/~", "/a;b=c,d:e@f!$&'()*", "/%zz", "/a?b=c%26d"],
)
async def test_the_address_goes_out_byte_for_byte(path):
    assert (await sent(path=path)).target == path


async def test_credentials_in_the_address_become_basic_authentication():
    async with serve_endpoint() as endpoint:
        url = endpoint.url().replace("127.0.0.1", "user:p%40ss@127.0.0.1")
        async with a_channel("webhook", url=url) as channel:
            await channel.post(a_call())
    header = endpoint.received[0].header("Authorization")
    assert header == "Basic " + base64.b64encode(b"user:p@ss").decode()


async def test_every_attempt_carries_the_same_id_and_a_timestamp_of_its_own():
    now = [NOW]
    tools = replace(some_tools(), clock=lambda: now[0])
    async with serve_endpoint() as endpoint, a_channel("webhook", tools=tools, url=endpoint.url()) as channel:
        endpoint.next.append(Behaviour(status=500))
        for _ in range(2):
            await channel.post(a_call(delivery_id="7"))
            now[0] += timedelta(seconds=90)
    assert [one.header("webhook-id") for one in endpoint.received] == ["7", "7"]
    assert [one.header("Idempotency-Key") for one in endpoint.received] == ["7", "7"]
    began = int(NOW.timestamp())
    assert [one.header("webhook-timestamp") for one in endpoint.received] == [str(began), str(began + 90)]
    assert [one.header("webhook-signature") for one in endpoint.received] == [None, None]


@pytest.fixture
def now_is_real(monkeypatch):
    """The library compares with the present."""
    monkeypatch.setattr("tests.fakes.channels.NOW", __import__("datetime").datetime.now(__import__("datetime").UTC))


@pytest.mark.parametrize("message", [a_message('"CPU 警"'), a_message("x", text="CPU 警", n=[1, None])])
async def test_the_library_of_standard_webhooks_verifies_the_signature(message, now_is_real):
    received = await sent(message, secret=ONE)
    Webhook(ONE).verify(received.body, dict(received.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(received.body, dict(received.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(ONE).verify(received.body + b" ", dict(received.headers))


async def test_with_two_secrets_whoever_has_either_can_verify(now_is_real):
    received = await sent(a_message("x", text="CPU"), secret=[ONE, OTHER])
    signature = received.header("webhook-signature") or ""
    assert [part[:3] for part in signature.split(" ")] == ["v1,", "v1,"]
    Webhook(ONE).verify(received.body, dict(received.headers))
    Webhook(OTHER).verify(received.body, dict(received.headers))


async def test_a_signature_is_the_one_of_the_specification():
    from bridge.channels.webhook import sign

    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signature = sign((key,), "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("value", "written"),
    [(2**70, 2**70), ("\ud800", "\ud800"), (math.nan, None), (math.inf, None), ([2**64, math.nan], [2**64, None])],
)
async def test_values_that_json_writers_choke_on_arrive_all_the_same(value, written):
    received = await sent(a_message("x", value=value, text="警"))
    assert received.json() == {"value": written, "text": "警"}
    assert b"NaN" not in received.body


async def test_a_payload_that_cannot_be_json_is_rejected_and_may_go_as_text():
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    async with serve_endpoint() as endpoint, a_channel("webhook", url=endpoint.url()) as channel:
        for value in (nested, object()):
            verdict = await channel.post(a_call(a_message("x", value=value)))
            assert (verdict.answer, verdict.plain_helps) == (Answer.REJECTED, True)
            assert verdict.said == "the message cannot be written as JSON"
    assert endpoint.received == []


async def test_a_body_of_megabytes_arrives():
    text = "警" * 1_000_000
    assert (await sent(a_message("x", text=text))).json() == {"text": text}


async def test_a_connection_is_kept_and_used_again():
    async with serve_endpoint() as endpoint, a_channel("webhook", url=endpoint.url()) as channel:
        for _ in range(3):
            await channel.post(a_call())
    assert [received.connection for received in endpoint.received] == [1, 1, 1]


async def test_thirty_two_requests_are_under_way_at_once():
    async with serve_endpoint() as endpoint, a_channel("webhook", url=endpoint.url()) as channel:
        endpoint.always = Behaviour(delay=0.05)
        verdicts = await asyncio.gather(*(channel.post(a_call(delivery_id=str(n))) for n in range(64)))
    assert {verdict.answer for verdict in verdicts} == {Answer.SENT}
    assert len({received.connection for received in endpoint.received}) == 32


async def test_a_closed_channel_has_let_go_of_its_connections():
    async with serve_endpoint() as endpoint:
        async with a_channel("webhook", url=endpoint.url()) as channel:
            await channel.post(a_call())
        assert endpoint.received[0].connection == 1
        assert channel._line._session is None  # type: ignore[attr-defined]


async def test_a_cancelled_post_is_cancelled_and_no_verdict():
    async with serve_endpoint() as endpoint, a_channel("webhook", url=endpoint.url()) as channel:
        endpoint.always = Behaviour(fails="hang")
        posting = asyncio.ensure_future(channel.post(a_call()))
        await asyncio.wait([posting], timeout=0.1)
        posting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await posting
    assert len(endpoint.received) == 1


@pytest.mark.parametrize(
    ("behaviour", "kept"),
    [
        (Behaviour(body=""), "200 OK"),
        (Behaviour(status=500, body="no\r\n\tway\x00\x1b[31m"), "500 Internal Server Error: no way [31m"),
        (Behaviour(status=422, body="警告" * 200), "422 Unprocessable Entity: " + ("警告" * 200)[: 299 - 26] + "…"),
    ],
)
async def test_the_answer_is_kept_in_one_short_line(behaviour, kept):
    assert await said(behaviour) == kept


async def test_no_answer_gives_a_secret_back():
    path = "/hooks/T0SECRETtoken1/x?key=SECRETkey&team=ops"
    settings: dict[str, Any] = {
        "headers": {"X-Authorization": "Bearer SECRETbearer", "X-Team": "ops"},
        "secret": ONE,
        "proxy": "off",
    }
    async with serve_endpoint() as endpoint:
        url = endpoint.url(path).replace("http://", "http://user:SECRETpass@")
        told = [
            url,
            json.dumps({"url": url}).replace("/", "\\/"),
            f"no such path {path}",
            "no such hook T0SECRETtoken1",
            "key SECRETkey is revoked",
            "Bearer SECRETbearer is wrong",
            "token SECRETbearer of Bearer is too old",
            base64.b64encode(b"user:SECRETpass").decode(),
            "password SECRETpass is wrong",
            f"signed with {ONE}",
        ]
        async with a_channel("webhook", url=url, **settings) as channel:
            endpoint.next.extend(Behaviour(status=400, body=body) for body in told)
            kept = [(await channel.post(a_call())).said for _ in told]
    for line in kept:
        assert "SECRET" not in line
        assert ONE.removeprefix("whsec_") not in line
        assert base64.b64encode(b"user:SECRETpass").decode() not in line
        assert VEIL in line
    assert kept[3] == "400 Bad Request: no such hook <secret>"


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("key a/SECRET is bad", "key <secret> is bad"),
        ('{"key":"a\\/SECRET"}', '{"key":"<secret>"}'),
        ("team T0%2dSECRET", "team <secret>"),
        ("team T0-SECRET", "team <secret>"),
        ("word k SECRET w", "word <secret> w"),
        ("word k%20SECRET w", "word <secret> w"),
    ],
)
async def test_a_secret_is_known_however_it_is_spelt(told, kept):
    settings = {"headers": {"X-Key": "a/SECRET"}}
    line = await said(Behaviour(status=400, body=told), path="/x/T0%2dSECRET/y?k=k%20SECRET", **settings)
    assert line == f"400 Bad Request: {kept}"


async def test_a_secret_on_the_edge_of_what_is_kept_is_not_cut_in_half():
    kept = await said(Behaviour(status=400, body="x" * 275 + "SECRETbearer"), headers={"A": "SECRETbearer"})
    assert "SECRET" not in kept


async def test_a_failure_names_no_secret_of_the_address():
    async with a_channel("webhook", url="http://127.0.0.1:1/T0SECRETtoken1") as channel:
        verdict = await channel.post(a_call())
    assert verdict.said == "no connection to 127.0.0.1:1: Connection refused"


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("0", 0.0), ("0.5", 0.5), ("Tue, 03 Nov 2026 08:01:00 GMT", 60.0), ("x", None)]
)
async def test_retry_after_is_passed_on(header, seconds):
    async with serve_endpoint() as endpoint, a_channel("webhook", url=endpoint.url()) as channel:
        endpoint.always = Behaviour(status=503, headers={"Retry-After": header})
        verdict = await channel.post(a_call())
    assert (verdict.answer, verdict.after_seconds, verdict.throttled) == (Answer.RETRY, seconds, True)


async def test_what_goes_over_the_wire_is_shown_without_sending_it():
    async with a_channel("webhook", url="http://127.0.0.1:1/") as channel:
        assert channel.wire(a_call(a_message("x", text="CPU"))) == {"text": "CPU"}
        assert channel.wire(a_call(a_message("CPU"))) == {"text": "CPU"}
