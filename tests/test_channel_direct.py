"""Calls that are made without a session's request: the same on the wire, and no answer taken for another's."""

import pytest
from yarl import URL

from bridge.channels.direct import Direct
from bridge.channels.http import open_session
from bridge.channels.webhook import WebhookSettings
from tests.fakes.endpoint import Behaviour, Received, serve_endpoint
from tests.fakes.proxy import serve_proxy
from tests.fakes.serving import serve_raw

HEADERS = {"X-Team": "ops", "user-agent": "theirs"}
BODY = b'{"text": "CPU"}'


def seen(received: Received) -> tuple[object, ...]:
    return received.method, received.target, sorted((name.lower(), value) for name, value in received.headers)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize("credentials", ["", "user:p%C3%A4ss@"])
@pytest.mark.parametrize("through_proxy", [False, True])
async def test_a_direct_call_says_on_the_wire_what_a_session_would_say(method, credentials, through_proxy):
    async with serve_endpoint() as endpoint, serve_proxy() as proxy:
        address = URL(endpoint.url("/a%2Fb?c=d+e").replace("://", f"://{credentials}"), encoded=True)
        through = URL(f"http://one:two@127.0.0.1:{proxy.port}") if through_proxy else None
        settings = WebhookSettings(url=str(address), proxy=str(through) if through else "off")
        async with open_session(settings, environ={}) as session:
            await Direct(session, method, address, HEADERS, through).call({"Content-Type": "text/plain"}, BODY)
            headers = {**HEADERS, "Content-Type": "text/plain"}
            async with session.request(method, address, headers=headers, data=BODY, allow_redirects=False):
                pass
    ours, theirs = endpoint.received
    assert seen(ours) == seen(theirs)
    assert ours.body == theirs.body == BODY


async def test_an_answer_that_announces_another_is_passed_over():
    async def early_hints(reader, writer):
        await reader.readuntil(BODY)
        writer.write(
            b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"
        )
        await writer.drain()

    async with serve_raw(early_hints) as port:
        address = URL(f"http://127.0.0.1:{port}/hook")
        async with open_session(WebhookSettings(url=str(address)), environ={}) as session:
            reply = await Direct(session, "POST", address, {}, None).call({}, BODY)
    assert (reply.status, reply.reason, reply.body) == (201, "Created", b"ok")


async def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_ones():
    async with serve_endpoint() as endpoint:
        address = URL(endpoint.url())
        settings = WebhookSettings(url=str(address), timeout="50ms")
        async with open_session(settings, environ={}) as session:
            direct = Direct(session, "POST", address, {}, None)
            endpoint.next.extend([Behaviour(), Behaviour(body="late", delay=0.1), Behaviour(body="its own")])
            await direct.call({}, BODY)
            with pytest.raises(TimeoutError):
                await direct.call({}, BODY)
            reply = await direct.call({}, BODY)
    assert reply.body == b"its own"
    assert [received.connection for received in endpoint.received] == [1, 1, 2]
