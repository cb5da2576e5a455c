"""Commands that ask a running bridge for something, and one that is started later."""

import asyncio
import json
import signal

from tests.fakes.endpoint import Behaviour, serve_endpoint
from tests.fakes.spine import rows
from tests.process.running import until
from tests.process.telling import callback, told


def config(endpoint, **more):
    return {"channels": {"tickets": {"type": "webhook", "url": endpoint.url()}}, **more}


async def test_a_dead_letter_is_sent_again_when_the_channel_takes_it(runner):
    async with serve_endpoint() as endpoint:
        endpoint.always = Behaviour(status=400, body="no")
        bridge = await runner.serve(config(endpoint))
        await bridge.accept(callback(1), callback(2))
        await until(lambda: len(bridge.logged("attempt", becomes="dead")) == 2, "both are dead")
        code, out, _ = await runner.run("deliveries", "--state", "dead", "--json")
        dead = [one["id"] for one in json.loads(out)]
        endpoint.always = Behaviour()
        endpoint.received.clear()

        code, out, err = await runner.run("replay", "--dead")

        assert (code, err) == (0, "")
        assert sorted(out.splitlines()) == sorted(f"{id_}: put back into the queue of tickets" for id_ in dead)
        await until(lambda: len(endpoint.received) == 2, "both are told")
        assert [one.header("webhook-id") for one in endpoint.received] == sorted(dead)
        await bridge.idle()
        assert await runner.run("replay", "--dead") == (0, "no dead letter\n", "")
        code, out, err = await runner.run("replay", dead[0], "1234567890123456")
        assert (code, out.partition(" as delivery ")[0]) == (1, f"{dead[0]}: sent again to tickets")
        assert err == (
            "1234567890123456: no delivery has this id, and no callback; "
            "`alarm-bridge deliveries` and `callbacks` show them\n"
        )


async def alarms(runner):
    """Give the short ids of the open alarms."""
    _, out, _ = await runner.run("alarms", "--json")
    return [one["id"] for one in json.loads(out)]


async def test_an_alarm_is_closed_and_its_end_is_told(runner):
    async with serve_endpoint() as endpoint:
        bridge = await runner.serve(config(endpoint))
        await bridge.accept(callback(1), callback(2))
        short_id = (await alarms(runner))[0]
        assert await runner.run("close", short_id) == (0, f"{short_id}: closed; tickets is told\n", "")
        await until(lambda: len(endpoint.received) == 3, "the end is told")
        assert told(endpoint.received)[-1] == ("ins-00000002", "closed")
        assert await runner.run("close", short_id) == (1, "", f"{short_id}: it is closed already\n")
        code, out, err = await runner.run("close", "--match", "object_id=ins-*")
        assert (code, out.partition(": ")[2], err) == (0, "closed; tickets is told\n", "")
        assert await runner.run("close", "--match", "object_id=ins-*") == (0, "no open alarm matches\n", "")
        code, out, _ = await runner.run("explain", short_id)
        assert "asked to close it; " in out
        assert ": closed; tickets is told" in out


async def test_what_is_asked_for_while_no_bridge_runs_is_done_when_one_starts(runner):
    async with serve_endpoint() as endpoint:
        bridge = await runner.serve(config(endpoint))
        await bridge.accept(callback(1))
        await bridge.idle()
        short_id = (await alarms(runner))[0]
        assert await bridge.terminate() == 0

        said = await runner.run("close", short_id)

        store = runner.place / "alarm-bridge.db"
        assert said == (
            0,
            f"{short_id} waits: no bridge serves {store} now; the next `alarm-bridge serve` does it.\n",
            "",
        )
        _, out, _ = await runner.run("explain", short_id)
        assert "asked to close it; it waits for a bridge that serves" in out
        bridge = await runner.serve(config(endpoint))
        await until(lambda: told(endpoint.received)[-1] == ("ins-00000001", "closed"), "the end is told")


async def test_a_command_that_is_interrupted_leaves_its_request_and_says_so(runner):
    async with serve_endpoint() as endpoint:
        bridge = await runner.serve(config(endpoint))
        await bridge.accept(callback(1))
        await bridge.idle()
        short_id = (await alarms(runner))[0]
        bridge.process.send_signal(signal.SIGSTOP)
        try:
            command = await runner.begin("close", short_id)
            await until(lambda: asked(runner), "the request is written")
            command.process.send_signal(signal.SIGINT)
            assert await command.ended() == 1
        finally:
            bridge.process.send_signal(signal.SIGCONT)
        assert command.err[-1] == f"{short_id} waits: not waited for any more; it is done all the same"
        await until(lambda: told(endpoint.received)[-1] == ("ins-00000001", "closed"), "the end is told")


def asked(runner):
    """Say whether a request is in the store."""
    return rows(runner.place / "alarm-bridge.db", "SELECT id FROM requests")


async def test_lists_and_lives_are_read_while_the_bridge_takes_callbacks(runner):
    async with serve_endpoint() as endpoint:
        bridge = await runner.serve(config(endpoint))

        async def post():
            for number in range(200):
                await bridge.accept(callback(number))

        posting = asyncio.create_task(post())
        for command in (["callbacks"], ["alarms"], ["deliveries"], ["explain", "ins-00000001"]):
            code, out, err = await runner.run(*command)
            assert (code, err) == (0, "")
            assert out
        await posting
        await bridge.idle()
        _, out, _ = await runner.run("callbacks", "--json", "--limit", "1000")
        assert len(json.loads(out)) == 200
        assert not bridge.logged("what waited cannot be stored together")
