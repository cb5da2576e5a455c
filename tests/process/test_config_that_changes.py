"""Config, secrets and templates that change while the bridge serves."""

import asyncio
import os
import signal

from tests.fakes.endpoint import Behaviour, serve_endpoint
from tests.fakes.slack import TOKEN, serve_slack
from tests.process.running import until, write_config
from tests.process.telling import callback, told

SLOW = 40.0  # seconds at most for what takes three: the check is polite to everybody else


def hook(endpoint, path="/hook", **more):
    return {"type": "webhook", "url": endpoint.url(path), **more}


def config(channels, **more):
    return {"channels": channels, **more}


def replace_file(path, text):
    """Put another file in its place, as editors do."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text)
    new.rename(path)


async def reloaded(bridge, times=1):
    """Wait for a reload; give what changed."""
    await until(lambda: len(bridge.logged("reloaded")) >= times, f"reload {times}\n{bridge.latest}", seconds=SLOW)
    return bridge.logged("reloaded")[times - 1]["changes"]


async def refused(bridge, times=1):
    """Wait until a change is refused; give what is said to be wrong."""
    event = "not reloaded: what was in force stays in force"
    await until(lambda: len(bridge.logged(event)) >= times, f"refusal {times}\n{bridge.latest}", seconds=SLOW)
    return [line["problem"] for line in bridge.logged("config") if line["level"] == "error"]


async def metric(bridge, name):
    _, text = await bridge.get("/metrics", console=True)
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{name} "))


def bodies(endpoint):
    return [request.body for request in endpoint.received]


async def heard(endpoint, number):
    await until(lambda: len(endpoint.received) >= number, f"{number} messages")
    return told(endpoint.received)


async def test_a_new_route_holds_a_wrong_file_does_not_and_a_mended_one_does(runner):
    async with serve_endpoint() as first, serve_endpoint() as second:
        channels = {"first": hook(first), "second": hook(second)}
        bridge = await runner.serve(config(channels, default_channels=["first"]))
        await bridge.accept(callback(1))
        assert await heard(first, 1) == [("ins-00000001", "triggered")]

        write_config(runner.place, config(channels, default_channels=["second"]))
        assert await reloaded(bridge) == ["default_channels changed"]
        await bridge.accept(callback(2))
        assert await heard(second, 1) == [("ins-00000002", "triggered")]

        wrong = write_config(runner.place, config(channels, default_channels=["third"]))
        (problem,) = await refused(bridge)
        assert problem == f"{wrong}:11:3: default_channels[0]: no channel has this name (first, second)"
        health = await bridge.health()
        assert [(one["trouble"], one["reason"]) for one in health["troubles"]] == [("reload_failed", problem)]
        assert await metric(bridge, "alarm_bridge_config_last_reload_successful") == 0
        await bridge.accept(callback(3))
        assert [state for _, state in await heard(second, 3)] == ["triggered", "triggered", "triggered"]

        write_config(runner.place, config(channels, default_channels=["first"]))
        assert await reloaded(bridge, 2) == ["default_channels changed"]
        assert (await bridge.health())["troubles"] == []
        assert await metric(bridge, "alarm_bridge_config_last_reload_successful") == 1
        assert await metric(bridge, 'alarm_bridge_config_reloads_total{outcome="succeeded"}') == 2
        assert await metric(bridge, 'alarm_bridge_config_reloads_total{outcome="failed"}') == 1


async def test_a_wrong_token_mended_in_the_file_is_tried_at_once_and_nothing_is_lost(runner):
    async with serve_slack() as slack, serve_endpoint() as endpoint:
        ops = {"type": "slack", "token": "xoxb-wrong-0123456789", "channel": "#ops", "api_url": slack.api_url}
        content = config({"ops": ops, "house": hook(endpoint)}, default_channels=["house"])
        content["routes"] = [{"match": {"kind": "metric"}, "channels": ["ops"]}]
        bridge = await runner.serve(content)
        await bridge.accept(callback(1), callback(2))
        await bridge.log("the channel is broken", channel="ops")
        assert [one["alarm"]["event"] for one in await envelopes(endpoint, 1)] == ["channel_broken"]
        assert slack.top_level == []

        ops["token"] = TOKEN
        write_config(runner.place, content)
        assert await reloaded(bridge) == ["channel ops changed"]
        await until(lambda: len(slack.top_level) == 2, "both alarms are in the chat")
        assert [one["state"] for one in await envelopes(endpoint, 2)] == ["triggered", "recovered"]
        assert (await bridge.health())["channels"]["ops"]["status"] == "ok"
    assert TOKEN not in bridge.said


async def envelopes(endpoint, number):
    await until(lambda: len(endpoint.received) >= number, f"{number} messages")
    return [request.json() for request in endpoint.received]


async def test_a_heartbeat_that_is_turned_on_is_called_at_once(runner):
    async with serve_endpoint() as endpoint, serve_endpoint() as watcher:
        content = config({"tickets": hook(endpoint)})
        bridge = await runner.serve(content)
        write_config(runner.place, content | {"heartbeat": {"url": watcher.url(), "every": "1h"}})
        assert await reloaded(bridge) == ["heartbeat changed"]
        await until(lambda: len(watcher.received) == 1, "the address is called")


async def test_a_heartbeat_is_called_as_the_bridge_begins_and_nothing_is_said_to_keep_it(runner):
    async with serve_endpoint() as endpoint, serve_endpoint() as watcher:
        content = config({"tickets": hook(endpoint)}) | {"heartbeat": {"url": watcher.url(), "every": "1h"}}
        bridge = await runner.serve(content)
        await until(lambda: len(watcher.received) == 1, "the address is called")
        assert bridge.logged("no heartbeat") == []


async def posted(connection, body):
    """Post a callback on a connection that is open; give the answer's status."""
    reader, writer = connection
    writer.write(b"POST /callback HTTP/1.1\r\nHost: bridge\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split()[0]))
    return int(head.split()[1])


async def test_a_connection_that_is_open_stays_so_and_follows_the_new_config(runner):
    async with serve_endpoint() as first, serve_endpoint() as second:
        channels = {"first": hook(first), "second": hook(second)}
        bridge = await runner.serve(config(channels, default_channels=["first"]))
        connection = await asyncio.open_connection(*bridge.address)
        assert await posted(connection, callback(1)) == 200
        write_config(runner.place, config(channels, default_channels=["second"]))
        assert await reloaded(bridge) == ["default_channels changed"]
        assert await posted(connection, callback(2)) == 200
        assert await heard(first, 1) == [("ins-00000001", "triggered")]
        assert await heard(second, 1) == [("ins-00000002", "triggered")]
        connection[1].close()


async def test_on_sighup_everything_is_read_again_at_once_and_said(runner):
    async with serve_endpoint() as endpoint:
        bridge = await runner.serve(config({"tickets": hook(endpoint)}))
        os.kill(bridge.pid, signal.SIGHUP)
        assert await reloaded(bridge) == ["nothing changed"]
        (runner.place / "config.yaml").write_text("server: {")
        os.kill(bridge.pid, signal.SIGHUP)
        await refused(bridge)
        await bridge.accept(callback(1))
        await until(lambda: ("ins-00000001", "triggered") in told(endpoint.received), "the alarm is told")


async def test_tokens_of_callers_and_of_the_console_rotate_without_a_restart(runner):
    async with serve_endpoint() as endpoint:
        files = [runner.place / name for name in ("caller", "visitor")]
        for file in files:
            file.write_text("the-old-token-0123456789\n")
        caller, visitor = ({"tokens": [{"file": file.name}]} for file in files)
        server = {"listen": "127.0.0.1:0", "auth": caller}
        console = {"listen": "127.0.0.1:0", "auth": visitor}
        bridge = await runner.serve(config({"tickets": hook(endpoint)}, server=server, console=console))
        assert (await bridge.post(callback(1), params={"token": "the-old-token-0123456789"}))[0] == 200
        for file in files:
            replace_file(file, "the-new-token-0123456789\n")
        await until(lambda: bridge.logged("reloaded"), "both are read", seconds=SLOW)
        await until(lambda: answers(bridge, "/callback", console=False), "callers have the new token")
        await until(lambda: answers(bridge, "/health", console=True), "visitors have the new token")
    assert "the-new-token" not in bridge.said
    assert "the-old-token" not in bridge.said


async def answers(bridge, path, *, console):
    """Say whether the new token is right, and the old one is not."""
    tokens = ("the-new-token-0123456789", "the-old-token-0123456789")
    return [(await bridge.get(f"{path}?token={token}", console=console))[0] for token in tokens] == [200, 401]


async def test_kubernetes_turns_its_link_and_the_secret_is_read_again(runner):
    async with serve_endpoint() as endpoint:
        mount = runner.place / "mount"
        mount.mkdir()
        turn(mount, "one", endpoint.url("/first"))
        (mount / "url").symlink_to("..data/url")
        bridge = await runner.serve(config({"tickets": {"type": "webhook", "url": {"file": "mount/url"}}}))
        await bridge.accept(callback(1))
        await heard(endpoint, 1)
        turn(mount, "two", endpoint.url("/second"))
        assert await reloaded(bridge) == ["channel tickets changed"]
        await bridge.accept(callback(2))
        await heard(endpoint, 2)
    assert [request.target for request in endpoint.received] == ["/first", "/second"]


def turn(mount, name, text):
    """Write a volume anew as the kubelet does: another folder, and one link that turns to it."""
    (mount / f"..{name}").mkdir()
    (mount / f"..{name}" / "url").write_text(text)
    (mount / "..new").symlink_to(f"..{name}")
    (mount / "..new").rename(mount / "..data")


async def test_a_changed_listener_or_store_refuses_the_whole_file(runner):
    async with serve_endpoint() as first, serve_endpoint() as second:
        bridge = await runner.serve(config({"tickets": hook(first)}))
        changed = config(
            {"tickets": hook(second)}, store="sqlite:///other.db", server={"listen": "127.0.0.1:1", "auth": "off"}
        )
        write_config(runner.place, changed)
        assert [problem.partition(": ")[2] for problem in await refused(bridge)] == [
            "server.listen: cannot change while the bridge serves: restart it, or put the old value back",
            "store: cannot change while the bridge serves: restart it, or put the old value back",
        ]
        await bridge.accept(callback(1))
        await heard(first, 1)
    assert second.received == []
    assert not (runner.place / "other.db").exists()


async def test_a_template_is_checked_in_every_state_before_it_is_used_and_one_that_is_wrong_never_is(runner):
    async with serve_endpoint() as endpoint:
        folder = runner.place / "templates" / "mine"
        folder.mkdir(parents=True)
        template = folder / "triggered.txt.j2"
        template.write_text("first {{ alarm.object_id }}")
        bridge = await runner.serve(config({"tickets": hook(endpoint, template="mine")}))
        await bridge.accept(callback(1))
        await until(lambda: endpoint.received, "the first message")
        replace_file(template, "wrong {{ alarm.objekt }}")
        problems = await refused(bridge)
        assert len(problems) == 1
        assert problems[0].startswith(f'{template}:1:16: channels.tickets: alarm has no "objekt"')
        replace_file(template, "second {{ alarm.object_id }}")
        assert await reloaded(bridge) == ["templates changed"]
        await bridge.accept(callback(2))
        await until(lambda: b"second ins-00000002" in bodies(endpoint), "the second message")
    assert bodies(endpoint)[:2] == [b"first ins-00000001", b"first "]  # the other is of the refusal


async def test_what_waits_for_a_removed_channel_is_shown_and_goes_out_when_it_returns(runner):
    async with serve_endpoint() as endpoint, serve_endpoint() as other:
        endpoint.always = Behaviour(status=500)
        both = config({"tickets": hook(endpoint), "other": hook(other)}, default_channels=["tickets"])
        alone = config({"other": hook(other)}, default_channels=["other"])
        bridge = await runner.serve(both)
        await bridge.accept(callback(1))
        await until(lambda: endpoint.received, "a try")
        write_config(runner.place, alone)
        assert await reloaded(bridge) == ["channel tickets removed", "default_channels changed"]

        async def removed():
            one = (await bridge.health())["channels"]["tickets"]
            return (one["status"], one["waiting"]) == ("removed", 1)

        await until(removed, "it is shown")
        endpoint.always = Behaviour()
        write_config(runner.place, both)
        assert await reloaded(bridge, 2) == ["channel tickets added", "default_channels changed"]
        await bridge.idle()
        assert told(endpoint.received)[-1] == ("ins-00000001", "triggered")


async def test_under_load_every_callback_is_answered_and_every_alarm_told_while_the_config_changes(runner):
    async with serve_endpoint() as endpoint:
        folder = runner.place / "templates" / "mine"
        folder.mkdir(parents=True)
        (folder / "triggered.txt.j2").write_text("{{ alarm.object_id }}")
        content = config({"tickets": hook(endpoint, "/0", template="mine")})
        bridge = await runner.serve(content)
        statuses, number, over = [], iter(range(1, 100_000)), asyncio.Event()

        async def send():
            while not over.is_set():
                statuses.append((await bridge.post(callback(next(number))))[0])

        senders = [asyncio.ensure_future(send()) for _ in range(4)]
        for times in (1, 2, 3):
            content["channels"]["tickets"]["url"] = endpoint.url(f"/{times}")
            write_config(runner.place, content)
            await reloaded(bridge, times)
        over.set()
        await asyncio.gather(*senders)
        await bridge.idle(seconds=SLOW)
        assert set(statuses) == {200}
        assert sorted(bodies(endpoint)) == sorted(set(bodies(endpoint)))
        assert len(endpoint.received) == len(statuses)
        assert {request.target for request in endpoint.received} == {"/0", "/1", "/2", "/3"}
