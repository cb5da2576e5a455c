"""Proxies, NO_PROXY and trust: the same for every library that speaks HTTP for a channel."""

import base64

import pytest
from yarl import URL

from bridge.channels import KINDS
from bridge.channels.http import MAX_ANSWER, bypasses, open_session, proxy_for
from bridge.channels.webhook import WebhookSettings
from bridge.message import Answer
from tests.fakes.channels import a_call, a_channel, some_tools
from tests.fakes.endpoint import Behaviour, serve_endpoint
from tests.fakes.proxy import serve_proxy
from tests.fakes.slack import TOKEN, serve_slack

BOTH = {"HTTPS_PROXY": "http://secure:1", "HTTP_PROXY": "http://plain:1"}


def proxy_of(url: str, environ, **settings) -> str | None:
    proxy = proxy_for(WebhookSettings(url=url, **settings), environ)
    return None if proxy is None else str(proxy)


@pytest.mark.parametrize(
    ("url", "environ", "proxy"),
    [
        ("https://chat.example/x", {}, None),
        ("https://chat.example/x", BOTH, "http://secure:1"),
        ("http://chat.example/x", BOTH, "http://plain:1"),
        ("https://chat.example/x", {"HTTP_PROXY": "http://plain:1"}, None),
        ("https://chat.example/x", {"https_proxy": "http://lower:1", **BOTH}, "http://lower:1"),
        ("https://chat.example/x", {"https_proxy": "", **BOTH}, "http://secure:1"),
        ("https://chat.example/x", {"HTTPS_PROXY": "  "}, None),
        ("https://chat.example/x", {"HTTPS_PROXY": "proxy.example:3128"}, "http://proxy.example:3128"),
        ("https://chat.example/x", {**BOTH, "NO_PROXY": "chat.example"}, None),
        ("https://chat.example/x", {**BOTH, "no_proxy": "chat.example"}, None),
        ("https://chat.example/x", {**BOTH, "NO_PROXY": "other.example"}, "http://secure:1"),
        ("http://chat.example/x", {**BOTH, "NO_PROXY": "*"}, None),
    ],
)
def test_the_environment_chooses_the_proxy_by_the_addresses_scheme(url, environ, proxy):
    assert proxy_of(url, environ) == proxy


@pytest.mark.parametrize("environ", [{}, BOTH, {**BOTH, "NO_PROXY": "*"}])
def test_the_channels_own_proxy_comes_before_the_environment(environ):
    assert proxy_of("https://chat.example/x", environ, proxy="http://own:1") == "http://own:1"
    assert proxy_of("https://chat.example/x", environ, proxy="off") is None


@pytest.mark.parametrize(
    ("url", "no_proxy", "bypassed"),
    [
        ("https://chat.example", "chat.example", True),
        ("https://CHAT.example", "chat.EXAMPLE", True),
        ("https://a.chat.example", "chat.example", True),
        ("https://a.chat.example", ".chat.example", True),
        ("https://chat.example", ".chat.example", True),
        ("https://mychat.example", "chat.example", False),
        ("https://chat.example.org", "chat.example", False),
        ("https://chat.example", "a, b ,chat.example", True),
        ("https://chat.example", "", False),
        ("https://chat.example", ",", False),
        ("https://chat.example", "*", True),
        ("https://chat.example", "chat.example:443", True),
        ("https://chat.example:8443", "chat.example:443", False),
        ("https://chat.example:8443", "chat.example:8443", True),
        ("https://127.0.0.1", "127.0.0.1", True),
        ("https://10.1.2.3", "10.0.0.0/8", True),
        ("https://11.1.2.3", "10.0.0.0/8", False),
        ("https://chat.example", "10.0.0.0/8", False),
        ("https://10.1.2.3", "not/anetwork", False),
        ("https://[fd00::1]", "fd00::/8", True),
        ("https://[::1]:8443", "[::1]", True),
    ],
)
def test_no_proxy_names_hosts_domains_ports_and_networks(url, no_proxy, bypassed):
    assert bypasses(URL(url), no_proxy) is bypassed


# Every kind that speaks HTTP, with the settings that lead it to an address.
SETTINGS = {
    "webhook": lambda url: {"url": url},
    "slack_webhook": lambda url: {"url": url},
    "slack": lambda url: {"token": TOKEN, "channel": "#ops", "api_url": url},
}
OK = Behaviour(body='{"ok":true,"channel":"C1","ts":"1.1"}', headers={"Content-Type": "application/json"})


def test_every_kind_but_the_terminal_is_among_those_tested():
    assert set(SETTINGS) == set(KINDS) - {"terminal"}


@pytest.mark.parametrize("kind", SETTINGS)
@pytest.mark.parametrize(
    ("variables", "through"),
    [
        (lambda proxy: {"HTTP_PROXY": proxy}, True),
        (lambda proxy: {"http_proxy": proxy}, True),
        (lambda proxy: {"HTTPS_PROXY": proxy}, False),
        (lambda proxy: {"HTTP_PROXY": proxy, "NO_PROXY": "127.0.0.1"}, False),
        (lambda proxy: {"HTTP_PROXY": proxy, "no_proxy": "127.0.0.0/8"}, False),
        (lambda proxy: {"HTTP_PROXY": proxy, "NO_PROXY": "slack.com"}, True),
    ],
)
async def test_every_library_goes_through_the_proxy_of_the_environment_or_not_alike(
    kind, variables, through, monkeypatch
):
    async with serve_endpoint() as endpoint, serve_proxy() as proxy:
        endpoint.always = OK
        # slack-sdk looks for a proxy of its own accord: what it finds must not count.
        for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        monkeypatch.delenv("NO_PROXY", raising=False)
        tools = some_tools(environ=variables(proxy.url()))
        async with a_channel(kind, tools=tools, **SETTINGS[kind](endpoint.url())) as channel:
            verdict = await channel.post(a_call())
    assert verdict.answer is Answer.SENT
    assert len(proxy.received) == through
    assert len(endpoint.received) == 1


@pytest.mark.parametrize("kind", SETTINGS)
async def test_a_proxy_of_the_channel_is_used_with_its_password_which_the_endpoint_never_sees(kind):
    async with serve_endpoint() as endpoint, serve_proxy(credentials="user:p@ss") as proxy:
        endpoint.always = OK
        async with a_channel(kind, proxy=proxy.url("user:p%40ss"), **SETTINGS[kind](endpoint.url())) as channel:
            verdict = await channel.post(a_call())
    assert verdict.answer is Answer.SENT
    (seen,) = proxy.received
    assert seen.header("Proxy-Authorization") == "Basic " + base64.b64encode(b"user:p@ss").decode()
    assert endpoint.received[0].header("Proxy-Authorization") is None


@pytest.mark.parametrize("kind", SETTINGS)
async def test_a_tunnels_request_shows_the_proxy_nothing_but_the_host(kind, tmp_path):
    async with serve_proxy() as proxy:
        proxy.refuses = 502
        settings = SETTINGS[kind]("https://chat.example/SECRETpath")
        if kind == "webhook":
            settings["headers"] = {"X-Token": "SECRETheader"}
        async with a_channel(kind, proxy=proxy.url(), **settings) as channel:
            await channel.post(a_call())
    (seen,) = proxy.received
    assert (seen.method, seen.target) == ("CONNECT", "chat.example:443")
    assert "SECRET" not in str(seen.headers)
    assert TOKEN not in str(seen.headers)


async def test_chats_open_a_connection_for_each_message_since_an_idle_one_may_be_closed_under_it():
    async with serve_endpoint() as endpoint, a_channel("slack_webhook", url=endpoint.url()) as channel:
        await channel.post(a_call())
        await channel.post(a_call())
    assert [received.connection for received in endpoint.received] == [1, 2]


async def test_an_answer_is_read_up_to_a_bound():
    async with serve_endpoint() as endpoint:
        endpoint.always = Behaviour(body="x" * (MAX_ANSWER + 1))
        settings = WebhookSettings(url=endpoint.url())
        async with open_session(settings, environ={}) as session, session.get(endpoint.url()) as response:
            assert len(await response.read()) == MAX_ANSWER
            assert len(await response.read()) == MAX_ANSWER


async def test_an_answer_as_long_as_the_bound_leaves_its_connection_open():
    async with serve_endpoint() as endpoint:
        endpoint.always = Behaviour(body="x" * (MAX_ANSWER - 1))
        async with a_channel("webhook", url=endpoint.url()) as channel:
            await channel.post(a_call())
            await channel.post(a_call())
    assert [received.connection for received in endpoint.received] == [1, 1]


async def test_a_cookie_is_not_brought_back():
    async with serve_endpoint() as endpoint:
        endpoint.always = Behaviour(headers={"Set-Cookie": "a=b; Path=/"})
        url = endpoint.url().replace("127.0.0.1", "localhost")  # a jar keeps no cookies of bare addresses anyway
        async with a_channel("webhook", url=url) as channel:
            await channel.post(a_call())
            await channel.post(a_call())
    assert [received.header("Cookie") for received in endpoint.received] == [None, None]


async def test_a_strict_slack_is_reached_through_a_proxy():
    async with (
        serve_slack() as slack,
        serve_proxy() as proxy,
        a_channel("slack", proxy=proxy.url(), **SETTINGS["slack"](slack.api_url)) as channel,
    ):
        assert (await channel.post(a_call())).answer is Answer.SENT
    assert len(slack.messages) == len(proxy.received) == 1
