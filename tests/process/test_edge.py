"""The edge: the process that does the HTTP. It may end at any moment; the bridge goes on."""

import asyncio
import json
import os
import signal
from collections import Counter
from pathlib import Path

import aiohttp

from tests.fakes.endpoint import Behaviour, serve_endpoint
from tests.process.running import edges, until
from tests.process.telling import callback, instance, told

KILLS = 2
SENDERS = 6
BETWEEN = 60  # callbacks acknowledged from one kill to the next
UNDER_WAY = 32  # requests, at most
MANY = 240  # callbacks


def desk(endpoint, **more):
    return {"channels": {"desk": {"type": "webhook", "url": endpoint.url()}}, **more}


def lives(pid):
    """Say whether a process runs; one that ended may wait for somebody to ask how."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


async def send(bridge, numbers, acknowledged):
    """Post callbacks as Tencent Cloud does: again until it is taken."""
    for number in numbers:
        while True:
            try:
                status, text = await bridge.post(callback(number))
            except aiohttp.ClientError:
                status, text = 0, ""
            if status == 200 and json.loads(text)["retCode"] == 0:
                acknowledged.add(instance(number))
                break
            await asyncio.sleep(0.01)


async def test_nothing_is_lost_where_it_is_killed_under_load_and_another_one_takes_its_place(runner):
    async with serve_endpoint() as endpoint, asyncio.TaskGroup() as group:
        endpoint.always = Behaviour(delay=0.01)
        bridge = await runner.serve(desk(endpoint))
        acknowledged, seen, numbers = set[str](), set[int](), iter(range(1, 1 + BETWEEN * (KILLS + 1)))
        for _ in range(SENDERS):
            group.create_task(send(bridge, numbers, acknowledged))
        for kill in range(1, KILLS + 1):
            await until(lambda: len(acknowledged) >= BETWEEN * kill, "load", seconds=30)  # noqa: B023
            (edge,) = await until(lambda: set(edges(bridge.pid)) - seen, "an edge", seconds=30)
            seen.add(edge)
            os.kill(edge, signal.SIGKILL)
        await until(lambda: len(acknowledged) == BETWEEN * (KILLS + 1), "all are taken", seconds=30)
        await bridge.idle(seconds=20)  # less than a call to nobody would wait
        assert (await bridge.health())["edge"] == "ok"
        assert await bridge.terminate() == 0
    ends = bridge.logged("the edge ended: another one is started")
    assert [line["exit_code"] for line in ends] == [-signal.SIGKILL] * KILLS
    heard = Counter(request.header("webhook-id") for request in endpoint.received)
    assert {name for name, _ in told(endpoint.received)} == acknowledged
    assert len(heard) == len(acknowledged)  # one delivery an alarm, though it was sent again
    assert sum(heard.values()) - len(heard) <= KILLS * UNDER_WAY
    assert not any(map(lives, seen))


async def test_no_more_are_under_way_at_an_endpoint_than_may_be_and_none_is_begun_once_it_asks_to_be_left_alone(runner):
    async with serve_endpoint() as endpoint:
        endpoint.always = Behaviour(delay=0.02)
        bridge = await runner.serve(desk(endpoint))
        await asyncio.gather(*(bridge.accept(callback(number)) for number in range(1, 1 + MANY)))
        await bridge.idle(seconds=30)
        assert 4 < endpoint.most_under_way <= UNDER_WAY
        endpoint.always = Behaviour(status=429, headers={"Retry-After": "600"})
        before = len(endpoint.received)
        await asyncio.gather(*(bridge.accept(callback(number)) for number in range(1001, 1001 + MANY)))
        await bridge.log("attempt", becomes="waiting")
        assert (await bridge.health())["channels"]["desk"]["waiting"] == MANY
        assert await bridge.terminate() == 0
    assert 0 < len(endpoint.received) - before <= UNDER_WAY
    assert endpoint.most_under_way <= UNDER_WAY


async def test_what_waits_for_its_turn_is_not_begun_once_the_bridge_is_told_to_stop(runner):
    async with serve_endpoint() as endpoint:
        endpoint.always = Behaviour(delay=0.5)
        bridge = await runner.serve(desk(endpoint))
        await asyncio.gather(*(bridge.accept(callback(number)) for number in range(1, 1 + MANY)))
        await until(lambda: endpoint.received, "some are under way")
        assert await bridge.terminate() == 0
        heard = len(endpoint.received)
        assert heard < MANY
        assert len(bridge.logged("attempt", becomes="sent")) == heard
        assert not bridge.logged("attempt", becomes="waiting")
        endpoint.always = Behaviour()
        again = await runner.serve(desk(endpoint))
        await again.idle(seconds=30)
    assert sorted(told(endpoint.received)) == sorted((instance(number), "triggered") for number in range(1, 1 + MANY))


async def test_none_is_left_where_the_bridge_is_killed(runner):
    async with serve_endpoint() as endpoint:
        bridge = await runner.serve(desk(endpoint))
        (edge,) = edges(bridge.pid)
        os.kill(bridge.pid, signal.SIGKILL)
        await until(lambda: not lives(edge), "the edge ends with its bridge")


async def test_a_signal_to_both_processes_lets_what_is_under_way_finish(runner):
    async with serve_endpoint() as endpoint:
        endpoint.always = Behaviour(delay=0.5)
        bridge = await runner.serve(desk(endpoint))
        await bridge.accept(callback())
        await until(lambda: endpoint.received, "a delivery is under way")
        os.killpg(bridge.pid, signal.SIGTERM)
        assert await bridge.ended() == 0
    assert len(bridge.logged("attempt", becomes="sent")) == 1


async def test_with_it_turned_off_there_is_one_process_which_does_the_same(runner):
    async with serve_endpoint() as endpoint:
        server = {"listen": "127.0.0.1:0", "auth": "off", "edge": "off"}
        bridge = await runner.serve(desk(endpoint, server=server))
        assert edges(bridge.pid) == []
        assert (await bridge.health())["edge"] == "off"
        await bridge.accept(callback())
        await bridge.idle()
        assert await bridge.terminate() == 0
    assert told(endpoint.received) == [(instance(1), "triggered")]


async def test_a_template_of_the_users_is_what_the_endpoint_gets(runner, tmp_path):
    (tmp_path / "templates" / "webhook").mkdir(parents=True)
    (tmp_path / "templates" / "webhook" / "triggered.json.j2").write_text('{"id": "{{ alarm.object_id }}"}')
    async with serve_endpoint() as endpoint:
        bridge = await runner.serve(desk(endpoint, templates="templates"))
        await bridge.accept(callback())
        await bridge.idle()
    assert [request.json() for request in endpoint.received] == [{"id": instance(1)}]


async def test_it_begins_where_standard_input_and_output_are_closed(runner):
    async with serve_endpoint() as endpoint:
        bridge = await runner.serve(desk(endpoint), before=("sh", "-c", 'exec "$@" <&- >&-', "sh"))
        await bridge.accept(callback())
        await bridge.idle()
        await bridge.kill()
    assert told(endpoint.received) == [(instance(1), "triggered")]


async def test_a_template_that_failed_is_no_trouble_any_more_once_it_is_gone(runner, tmp_path):
    template = tmp_path / "templates" / "webhook" / "triggered.json.j2"
    template.parent.mkdir(parents=True)
    template.write_text('{"a": {{ 1 // 0 }}}')
    async with serve_endpoint() as endpoint:
        bridge = await runner.serve(desk(endpoint, templates="templates"))
        await bridge.accept(callback())
        await bridge.log("the template failed")

        async def troubles():
            return (await bridge.health())["troubles"]

        await until(troubles, "it is a trouble")
        template.unlink()
        await bridge.log("reloaded", seconds=30)

        async def is_over():
            return not await troubles()

        await until(is_over, "it is none any more")


async def test_a_signal_to_the_group_does_not_reach_one_that_only_begins(runner):
    async with serve_endpoint() as endpoint:
        bridge = await runner.serve(desk(endpoint))
        (first,) = edges(bridge.pid)
        os.kill(first, signal.SIGKILL)
        (second,) = await until(lambda: set(edges(bridge.pid)) - {first}, "another one begins", seconds=30)
        await until(lambda: os.getpgid(second) == second, "it is on its own")
        os.killpg(bridge.pid, signal.SIGINT)
        assert await bridge.ended() == 0
        await until(lambda: not lives(second), "it ends with its bridge")
    assert "KeyboardInterrupt" not in bridge.said
