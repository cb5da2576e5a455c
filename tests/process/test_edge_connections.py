"""Whom the edge trusts, and through whom it goes: certificates and proxies, of the config and of the environment."""

import os
import signal
import ssl
from contextlib import asynccontextmanager

import pytest
import trustme

from tests.fakes.endpoint import serve_endpoint
from tests.fakes.proxy import serve_proxy
from tests.fakes.serving import LOOPBACK
from tests.process.running import edges, until
from tests.process.telling import callback, instance, told

CREDENTIALS = "user:made-up-password-of-a-proxy"


@asynccontextmanager
async def serve_tls(place):
    """Serve an endpoint whose certificate is vouched for by `ca.pem` alone."""
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(LOOPBACK).configure_cert(context)
    authority.cert_pem.write_to_path(str(place / "ca.pem"))
    async with serve_endpoint(tls=context) as endpoint:
        yield endpoint


def desk(endpoint, **more):
    return {"channels": {"desk": {"type": "webhook", "url": endpoint.url(), **more}}}


async def delivers(bridge, number=1):
    """Have an alarm told."""
    await bridge.accept(callback(number))
    await bridge.idle(seconds=30)


async def of_another_edge(bridge):
    """Wait for an edge that was not forked, but started anew."""
    (first,) = edges(bridge.pid)
    os.kill(first, signal.SIGKILL)

    async def is_there():
        return set(edges(bridge.pid)) - {first} and (await bridge.health())["edge"] == "ok"

    await until(is_there, "another edge takes callbacks", seconds=30)


async def test_a_ca_file_makes_its_certificates_trusted_in_the_first_edge_and_in_later_ones(runner, tmp_path):
    async with serve_tls(tmp_path) as endpoint:
        bridge = await runner.serve(desk(endpoint, ca_file="ca.pem"))
        await delivers(bridge)
        await of_another_edge(bridge)
        await delivers(bridge, 2)
        assert await bridge.terminate() == 0
    assert told(endpoint.received) == [(instance(1), "triggered"), (instance(2), "triggered")]


async def test_a_certificate_that_nobody_vouches_for_breaks_the_channel(runner, tmp_path):
    async with serve_tls(tmp_path) as endpoint:
        bridge = await runner.serve(desk(endpoint))
        await bridge.accept(callback())
        line = await bridge.log("the channel is broken", channel="desk")
        assert await bridge.terminate() == 0
    assert line["reason"] == "wrong certificate: unable to get local issuer certificate"
    assert endpoint.received == []


@pytest.mark.parametrize(
    ("by", "tls"),
    [("the config", False), ("the environment", True)],
    ids=["http, the config", "https, the environment"],
)
async def test_it_goes_through_the_proxy_of_the_config_or_the_environment(by, tls, runner, tmp_path):
    served = serve_tls(tmp_path) if tls else serve_endpoint()
    async with served as endpoint, serve_proxy(credentials=CREDENTIALS) as proxy:
        through, trusted = proxy.url(CREDENTIALS), {"ca_file": "ca.pem"} if tls else {}
        if by == "the config":
            config, environ = desk(endpoint, proxy=through, **trusted), {}
        else:
            config, environ = desk(endpoint, **trusted), {"HTTPS_PROXY": through}
        bridge = await runner.serve(config, environ=environ)
        await delivers(bridge)
        await of_another_edge(bridge)
        await delivers(bridge, 2)
        assert await bridge.terminate() == 0
    assert told(endpoint.received) == [(instance(1), "triggered"), (instance(2), "triggered")]
    assert [request.method for request in proxy.received] == ["CONNECT" if tls else "POST"] * 2
    assert "made-up-password" not in bridge.said


async def test_what_the_environment_says_to_reach_without_a_proxy_is_reached_so(runner):
    async with serve_endpoint() as endpoint, serve_proxy() as proxy:
        environ = {"http_proxy": proxy.url(), "NO_PROXY": LOOPBACK}
        bridge = await runner.serve(desk(endpoint), environ=environ)
        await delivers(bridge)
        assert await bridge.terminate() == 0
    assert (len(endpoint.received), proxy.received) == (1, [])


async def test_a_proxy_that_refuses_breaks_the_channel(runner):
    async with serve_endpoint() as endpoint, serve_proxy(credentials=CREDENTIALS) as proxy:
        bridge = await runner.serve(desk(endpoint, proxy=proxy.url("user:another-made-up-password")))
        await bridge.accept(callback())
        await bridge.log("the channel is broken", channel="desk")
        assert await bridge.terminate() == 0
    assert "another-made-up-password" not in bridge.said
    assert endpoint.received == []
