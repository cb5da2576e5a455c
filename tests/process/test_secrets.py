"""No secret in any output: every kind of secret is marked, everything fails that can, and all that was said is searched.

Outputs are the log at debug, both streams of each command, metrics, health, the answers to strangers, and the store.
"""

import asyncio
import base64
import json
import re
import ssl
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from urllib.parse import quote, unquote_plus

import trustme

from tests.fakes.endpoint import read_request, serve_endpoint
from tests.fakes.proxy import serve_proxy
from tests.fakes.serving import LOOPBACK, free_port, serve_raw
from tests.fakes.slack import serve_slack
from tests.process.running import write_config
from tests.process.telling import callback

MARK = "Marzipan"  # in every secret, and nowhere else
BOT = f"xoxb-{MARK}-bot-token"
TOKEN = f"{MARK}-callback-token"
PASSWORD = f"{MARK} p&ss/wörd?+"
CONSOLE = f"{MARK}-console-token"
PROXY_PASSWORD = f"{MARK}-proxy"
SIGNING = "whsec_" + base64.b64encode(f"a {MARK} key of 32 bytes and more".encode()).decode()
HEADER = f'{MARK} "header" with \\ and ü'
REPEATS = 40  # of what an answer repeats: wherever it is cut off, a secret is there


def forms_of(mark):
    """Give what is the same in every writing of the mark, whatever stands around it."""
    data = mark.encode()
    forms = {mark, data.hex()}
    for before in range(3):  # base64 depends on where the mark begins
        coded = base64.b64encode(bytes(before) + data + bytes(3)).decode()
        forms.add(coded[-(-before * 8 // 6) : (before + len(data)) * 8 // 6])
    return forms


FORMS = forms_of(MARK)


def traces(text):
    """Find the mark in a text, however it is written; give each with what stands around it."""
    found = [match.start() for form in FORMS for match in re.finditer(re.escape(form), text, re.IGNORECASE)]
    return [text[max(0, at - 100) : at + 100] for at in sorted(found)]


def test_the_mark_is_found_however_it_is_written():
    header = base64.b64encode(f"user:{MARK}".encode()).decode()
    for text in (MARK, f"x{MARK}y", MARK.lower(), quote(f"/ä {MARK}"), header, MARK.encode().hex(), json.dumps([MARK])):
        assert traces(f"before {text} after")
    assert not traces("<secret> and M a r z i p a n")


def mirror(status, *, location=False):
    """Make an endpoint whose answer repeats all that it was told, decoded as well."""

    async def connected(reader, writer):
        request = await read_request(reader)
        if request is None:
            return
        heard = [request.target, unquote_plus(request.target), *(value for _, value in request.headers)]
        basic = (request.header("Authorization") or "").removeprefix("Basic ")
        if basic and " " not in basic:
            heard.append(base64.b64decode(basic).decode("latin-1"))
        body = " ".join(heard * REPEATS).encode()
        place = f"Location: http://elsewhere.example{request.target}\r\n" if location else ""
        phrase = " ".join(heard)
        writer.write(f"HTTP/1.1 {status} {phrase}\r\n{place}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()

    return serve_raw(connected)


@asynccontextmanager
async def a_street_of_troubles(place):
    """Serve all that goes wrong; give the channels that run into it."""
    async with AsyncExitStack() as stack:
        ports = {
            status: await stack.enter_async_context(mirror(status, location=status == 302))
            for status in (302, 400, 401, 403, 404, 500)
        }
        slack = await stack.enter_async_context(serve_slack(token="xoxb-another"))
        proxy = await stack.enter_async_context(serve_proxy(credentials="user:another"))
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert(LOOPBACK).configure_cert(tls)
        stranger = await stack.enter_async_context(serve_endpoint(tls=tls))
        nobody = free_port()
        through = f"http://user:{PROXY_PASSWORD}@{LOOPBACK}:{proxy.port}"
        (place / "a-secret").write_text(f"Bearer {MARK}-of-a-file\n")

        def hook(port, **more):
            return {"type": "slack_webhook", "url": f"http://{LOOPBACK}:{port}/services/T/B/{MARK}hook", **more}

        def desk(port, path=f"/{MARK}-path?key={MARK}%20query", **more):
            return {"type": "webhook", "url": f"http://{LOOPBACK}:{port}{path}", "secret": SIGNING, **more}

        def bot(api_url):
            return {"type": "slack", "token": BOT, "channel": "#ops", "api_url": api_url}

        yield {
            "refused_token": bot(slack.api_url),
            "mirrored_token": bot(f"http://{LOOPBACK}:{ports[401]}/api/"),
            "mirrored_again": bot(f"http://{LOOPBACK}:{ports[500]}/api/"),
            "gone": hook(ports[404]),
            "unreachable": hook(nobody),
            "redirected": hook(ports[302]),
            "rejecting": desk(ports[400], headers={"X-Key": HEADER}),
            "forbidding": {
                "type": "webhook",
                "url": f"http://user:{quote(PASSWORD, safe='')}@{LOOPBACK}:{ports[403]}/",
            },
            "failing": desk(ports[500], headers={"Authorization": {"file": "a-secret"}}),
            "misplaced": desk(ports[302]),
            "from_the_environment": desk(ports[500], path="/${SECRET_PATH}"),
            "proxied": desk(ports[500], proxy=through),
            "tunnelled": {**hook(nobody, proxy=through), "url": f"https://{LOOPBACK}/{MARK}-in-a-tunnel"},
            "no_proxy_there": desk(ports[500], proxy=f"http://user:{PROXY_PASSWORD}@{LOOPBACK}:{nobody}"),
            "another_proxy": {"type": "webhook", "url": "http://proxied.example/hook"},
            "distrusted": {"type": "webhook", "url": stranger.url(f"/{MARK}"), "template": "broken"},
        }


def config_of(channels):
    return {
        "server": {
            "listen": "127.0.0.1:0",
            "auth": {"tokens": [TOKEN], "basic": [{"username": "tencent", "password": PASSWORD}]},
            "verification_code": f"{MARK}-code",
        },
        "console": {
            "listen": "127.0.0.1:0",
            "auth": {"tokens": [CONSOLE], "basic": [{"username": "me", "password": PASSWORD}]},
        },
        "templates": "templates",
        "channels": channels,
    }


def environ(proxy):
    return {
        "SECRET_PATH": f"{MARK}-of-the-environment",
        "HTTP_PROXY": f"http://user:{MARK}-of-another-proxy@{LOOPBACK}:{proxy}",
        "NO_PROXY": LOOPBACK,
    }


STRANGE = (  # what no client of ours would send, with right credentials
    f"POST /callback/{TOKEN} HTTP/9.9\r\n\r\n",
    f"POST /callback?token={TOKEN} nonsense\r\nHost: x\r\n\r\n",
    f"POST /callback/{TOKEN}/more HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    f"POST /callback HTTP/1.1\r\nHost: x\r\nAuthorization Bearer {TOKEN}\r\n\r\n",
    f"POST /callback/{TOKEN} HTTP/1.1\r\nHost: x\r\nContent-Length: {TOKEN}\r\n\r\n",
    f"DELETE /callback/{TOKEN} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    f"{TOKEN}\r\n\r\n",
)


async def say(bridge, words):
    """Send what a strange client sends, and wait until the bridge has had enough of it."""
    reader, writer = await asyncio.open_connection(*bridge.address)
    writer.write(words.encode())
    with suppress(ConnectionError):
        await asyncio.wait_for(reader.read(), 5)
    writer.transport.abort()


def write_templates(place):
    """Write a set that fails in every state."""
    (place / "templates" / "broken").mkdir(parents=True)
    (place / "templates" / "broken" / "triggered.json.j2").write_text('{"n": {{ 1 // 0 }}, "x": "{{ channel.url }}"}')


async def test_no_secret_is_in_anything_that_is_said_while_everything_fails(runner, tmp_path):
    write_templates(tmp_path)
    async with a_street_of_troubles(tmp_path) as channels:
        path = write_config(tmp_path, config_of(channels))
        around = environ(free_port())
        bridge = await runner.serve(path, "--log-level", "debug", environ=around)
        for body in (callback(), callback(2), b"[1, 2", callback(3), b'{"msg": "hello"}'):
            status, _ = await bridge.post(body, headers={"Authorization": f"Bearer {TOKEN}"})
            assert status == 200
        answers = [await bridge.post(callback(), params={"token": f"{TOKEN}x"}) for _ in range(2)]
        await asyncio.gather(*(say(bridge, words) for words in STRANGE))
        tried = {name: bridge.log("attempt", channel=name, seconds=20) for name in channels}
        for attempt in tried.values():
            await attempt
        shown = [str(await bridge.get(page, console=True)) for page in ("/metrics", "/health", "/nowhere")]
        headers = {"Authorization": f"Bearer {CONSOLE}"}
        for page in ("/metrics", "/health"):
            async with bridge.http.get(f"http://{bridge.serving['console']}{page}", headers=headers) as response:
                assert response.status == 200
                shown.append(await response.text())
        commands = await asyncio.gather(*(runner.run(*words, environ=around) for words in commands_of(path, bridge)))
        assert await bridge.terminate() == 0

    assert traces(bridge.said) == []
    assert traces(str(answers)) == []
    assert traces(str(shown)) == []
    assert [traces(out + err) for _, out, err in commands] == [[]] * len(commands)
    stored = b"".join(file.read_bytes() for file in tmp_path.glob("alarm-bridge.db*"))
    assert traces(stored.decode("latin-1")) == []
    assert "<secret>" in bridge.said  # they were said, and taken out
    assert {line["becomes"] for line in bridge.logged("attempt")} <= {"waiting", "dead"}


def commands_of(path, bridge):
    """Give the commands that read the config or are given credentials."""
    sample = "capture-2021-cvm-memory-triggered"
    config = ["-c", str(path)]
    return (
        ["check", *config],
        ["route", *config, sample],
        ["render", *config, sample, "--json"],
        ["serve", *config],  # a second one
        ["send", "--url", bridge.url, "--token", f"{TOKEN}x", sample],
        ["send", "--url", bridge.url, "--user", f"tencent:{PASSWORD}x", sample],
        ["send", "--url", f"{bridge.url}/{TOKEN}/more", sample],
        ["send", "--url", f"http://tencent:{MARK}@{LOOPBACK}:1/callback/{TOKEN}", sample],
        ["send", "--url", f"https://tencent:{MARK}@{LOOPBACK}:{bridge.address[1]}/{TOKEN}", sample],
    )


WRONG = f"""\
server:
  auth: {{tokens: ['{MARK} with a blank', {{file: nowhere-{MARK.lower()[:3]}}}], basic: [{{username: 'a:b', password: [{MARK}]}}]}}
  verification_code: [{MARK}]
console: {{listen: 127.0.0.1:0, auth: {{tokens: {MARK}-x}}}}
store: postgresql://user:{MARK}@host/database
channels:
  a: {{type: slack, token: 'xapp-{MARK}', channel: '#ops', api_url: 'ftp://{MARK}@x'}}
  b: {{type: slack_webhook, url: '{MARK}'}}
  c: {{type: webhook, url: 'https://user:{MARK}@host:99999/', secret: 'whsec_{MARK}', headers: {{X: "{MARK}\\n"}}}}
  d: {{type: webhook, url: ['{MARK}'], proxy: 'socks://{MARK}', token: '{MARK}', headers: '{MARK}'}}
  e: {{typ: webhok, url: '{MARK}', secrets: '{MARK}'}}
default_channels: [a]
"""
UNREADABLE = (
    f"channels:\n  a: {{type: slack, token: 'xoxb-{MARK}\n",
    f"channels:\n  a:\n    token: &{MARK} x\n    url: *{MARK}y\n",
    f'channels: {{a: {{token: "xoxb-{MARK}\\q"}}}}\n',
)


async def test_no_secret_is_in_the_words_about_a_config_that_is_wrong_or_cannot_be_read(runner, tmp_path):
    paths = [write_config(tmp_path, text, f"{number}.yaml") for number, text in enumerate((WRONG, *UNREADABLE))]
    commands = [("serve" if number % 2 else "check", "-c", str(path)) for number, path in enumerate(paths)]
    results = await asyncio.gather(*(runner.run(*command) for command in commands))
    assert [code for code, _, _ in results] == [1] * len(paths)
    assert [traces(out + err) for _, out, err in results] == [[]] * len(paths)
    assert len(results[0][2].splitlines()) > 10
