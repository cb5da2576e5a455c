"""A dead man's switch: an address that is called while the bridge does its work, and only then."""

import asyncio
import io
from contextlib import asynccontextmanager

import pytest

from bridge.channels import tools_of
from bridge.config import load
from bridge.heartbeat import Heartbeat, HeartbeatSettings, wrong
from tests.fakes.endpoint import Behaviour, serve_endpoint
from tests.fakes.proxy import serve_proxy
from tests.fakes.scripted import Scripted, scripted
from tests.fakes.spine import a_body, a_spine
from tests.fakes.virtual import virtual
from tests.test_troubles import fail

CONFIG = (
    "server: {auth: off}\nchannels: {here: {type: webhook, url: 'http://127.0.0.1:9/'}}\ndefault_channels: [here]\n"
)
KEY = "/ping/0123456789abcdef-made-up"


@asynccontextmanager
async def beating(folder, clock, settings, *, environ=None, change=None, heart=None):
    """A bridge whose heart beats by what `settings` gives."""
    change = change or scripted(clock, {"here": Scripted(clock)})
    async with a_spine(folder, CONFIG, clock, change=change) as spine:
        heartbeat = Heartbeat(
            settings,
            lambda: wrong(spine.writer, spine.workers, clock),
            tools_of(environ or {}, io.StringIO(), clock.now),
            clock,
        )
        if heart is not None:
            heart.append(heartbeat)
        task = asyncio.create_task(heartbeat.run())
        try:
            yield spine
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def calling(url, every="1m"):
    settings = HeartbeatSettings.model_validate({"url": url, "every": every})
    return lambda: settings


@virtual
async def test_the_address_is_called_at_once_and_then_as_often_as_was_asked(tmp_path, clock):
    async with serve_endpoint() as endpoint, beating(tmp_path, clock, calling(endpoint.url(KEY), "30s")):
        await clock.sleep(5)
        assert [(one.method, one.target) for one in endpoint.received] == [("GET", KEY)]
        await clock.sleep(120)
        assert len(endpoint.received) == 5


@virtual
async def test_an_empty_address_calls_nobody_and_a_new_one_is_called_when_it_is_given(tmp_path, clock):
    now = [calling("")()]
    heart: list[Heartbeat] = []
    async with (
        serve_endpoint() as endpoint,
        serve_endpoint() as other,
        beating(tmp_path, clock, lambda: now[0], heart=heart) as spine,
    ):
        await clock.sleep(300)
        assert spine.rows("SELECT * FROM facts WHERE name = 'heartbeat'") == []
        now[0] = calling(endpoint.url())()
        heart[0].renew()
        await clock.sleep(1)
        now[0] = calling(other.url(), "1h")()
        heart[0].renew()
        await clock.sleep(1)
        assert (len(endpoint.received), len(other.received)) == (1, 1)
        now[0] = calling(other.url())()
        heart[0].renew()
        await clock.sleep(121)
        assert len(other.received) == 4  # an hour's wait is over with the settings that asked for it


@virtual
async def test_it_stops_while_the_store_cannot_be_written_and_goes_on_when_it_can(tmp_path, clock):
    async with serve_endpoint() as endpoint, beating(tmp_path, clock, calling(endpoint.url())) as spine:
        await clock.sleep(5)
        works = fail(spine.store)
        await clock.sleep(300)
        assert len(endpoint.received) == 1
        works()
        await clock.sleep(120)
        assert len(endpoint.received) == 3
        assert [line["reason"] for line in spine.logged("no heartbeat")] == ["the disk is full"]
        assert len(spine.logged("the heartbeat goes on")) == 1


@virtual
async def test_it_stops_when_a_write_never_ends(tmp_path, clock):
    async with serve_endpoint() as endpoint, beating(tmp_path, clock, calling(endpoint.url())) as spine:
        await clock.sleep(5)
        spine.tasks[0].cancel()  # the writer
        await clock.sleep(300)
        assert len(endpoint.received) == 1
        assert [line["reason"] for line in spine.logged("no heartbeat")] == ["the store takes longer than 10 s"]


@virtual
async def test_it_stops_when_a_worker_does_not_turn(tmp_path, clock):
    async with serve_endpoint() as endpoint, beating(tmp_path, clock, calling(endpoint.url())) as spine:
        await clock.sleep(300)
        assert len(endpoint.received) >= 5
        spine.tasks[1].cancel()  # the worker
        await clock.sleep(600)
        assert len(endpoint.received) <= 8
        (line,) = {one["reason"].rstrip("0123456789 s") for one in spine.logged("no heartbeat")}
        assert line == "here: the worker has not turned for"


@virtual
async def test_it_stops_when_a_call_never_ends(tmp_path, clock):
    stuck = Scripted(clock, seconds=1e9)
    change = scripted(clock, {"here": stuck})
    async with serve_endpoint() as endpoint, beating(tmp_path, clock, calling(endpoint.url()), change=change) as spine:
        await spine.take(a_body())
        await clock.sleep(850)
        before = len(endpoint.received)
        assert before == 15
        await clock.sleep(600)
        assert len(endpoint.received) <= before + 2


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (Behaviour(status=500), "it answered 500"),
        (Behaviour(status=302, headers={"Location": "http://127.0.0.1:9/"}), "it answered 302"),
        (Behaviour(fails="drop"), "connection"),
        (Behaviour(fails="hang"), "10 s"),
    ],
)
@virtual
async def test_a_call_that_fails_is_logged_once_without_the_address_and_tried_again(behaviour, reason, tmp_path, clock):
    async with serve_endpoint() as endpoint, beating(tmp_path, clock, calling(endpoint.url(KEY))) as spine:
        endpoint.always = behaviour
        await clock.sleep(200)
        assert len(endpoint.received) >= 3
        (line,) = spine.logged("no heartbeat")
        assert reason in line["reason"]
        assert "0123456789abcdef" not in str(spine.logs)
        endpoint.always = Behaviour()
        await clock.sleep(120)
        assert len(spine.logged("the heartbeat goes on")) == 1


@virtual
async def test_the_proxy_of_the_environment_is_asked(tmp_path, clock):
    async with serve_endpoint() as endpoint, serve_proxy() as proxy:
        environ = {"HTTP_PROXY": proxy.url()}
        async with beating(tmp_path, clock, calling(endpoint.url()), environ=environ):
            await clock.sleep(5)
        assert (len(proxy.received), len(endpoint.received)) == (1, 1)


@virtual
async def test_a_proxy_that_is_no_address_is_said_and_stops_nothing(tmp_path, clock):
    environ = {"HTTP_PROXY": "http://"}
    async with beating(tmp_path, clock, calling("http://127.0.0.1:9/"), environ=environ) as spine:
        await clock.sleep(100)
        (line,) = spine.logged("no heartbeat")
        assert line["reason"].startswith("HTTP_PROXY: must be")


@pytest.mark.parametrize(
    ("environ", "url"), [({}, None), ({"HEARTBEAT_URL": ""}, None), ({"HEARTBEAT_URL": "http://x/"}, "http://x/")]
)
def test_the_config_of_the_documentation_calls_nobody_unless_there_is_an_address(environ, url, tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG + 'heartbeat: {url: "${HEARTBEAT_URL:-}", every: 1m}\n')
    config = load(file, environ).config
    assert (config.heartbeat.url.reveal() if config.heartbeat.url else None) == url
    assert {"http://x/"} & config.secrets == ({url} if url else set())
