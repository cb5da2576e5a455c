"""Chats that are down, slow, refuse, or answer nonsense: the others do not notice, and at the end everybody knows all."""

import json
import re
import time
from contextlib import AsyncExitStack

from tests.fakes.endpoint import Behaviour, serve_endpoint
from tests.fakes.serving import LOOPBACK, free_port
from tests.process.running import until
from tests.process.telling import callback, instance, told

NUMBERS = range(1, 6)
LIFE = ["triggered", "repeat", "recovered"]
PROMPT_SECONDS = 2.0  # on a machine that does other things as well
JSON = {"Content-Type": "application/json"}
SLACK_TAKES = Behaviour(body=json.dumps({"ok": True, "channel": "C1", "ts": "1.1"}), headers=JSON)
STATES = {"Triggered": "triggered", "Still firing": "repeat", "Recovered": "recovered"}
TROUBLES = {
    "slow": Behaviour(delay=60),
    "refusing": Behaviour(status=500, body="sorry"),
    "limiting": Behaviour(status=429, body="rate_limited", headers={"Retry-After": "1"}),
    "garbled": Behaviour(fails="garbage"),
    "dropping": Behaviour(fails="drop"),
    "wordy": Behaviour(fails="endless"),
    "paged": Behaviour(body="<html>please log in</html>", headers={"Content-Type": "text/html"}),
}
EVERYTHING = {"rate": "off", "on_repeat": ["post"], "on_recovered": ["post"], "timeout": "500ms"}


def config_of(good, troubled, down):
    """Make a channel of every kind before each trouble."""

    def hook(name):
        return {"type": "slack_webhook", "url": troubled[name].url(), **EVERYTHING}

    def machine(name):
        return {"type": "webhook", "url": troubled[name].url(), "timeout": "500ms"}

    return {
        "channels": {
            "down": {"type": "slack_webhook", "url": f"http://{LOOPBACK}:{down}/hook", **EVERYTHING},
            "slow": machine("slow"),
            "refusing": hook("refusing"),
            "limiting": hook("limiting"),
            "garbled": machine("garbled"),
            "dropping": hook("dropping"),
            "wordy": hook("wordy"),
            "paged": {
                "type": "slack",
                "token": "xoxb-1",
                "channel": "C1",
                "api_url": troubled["paged"].url("/api/"),
                **EVERYTHING,
            },
            "good": {"type": "webhook", "url": good.url()},
        }
    }


def heard(endpoint):
    """Give what was told, by instance, without what was told again at once since the first answer was lost."""
    lives: dict[str, list[str]] = {}
    for request in endpoint.received:
        (one,) = told([request]) if request.header("webhook-id") else [read(request.json())]
        life = lives.setdefault(one[0], [])
        if life[-1:] != [one[1]]:
            life.append(one[1])
    return lives


def read(message):
    """Give instance and state of a Slack message."""
    words = re.fullmatch(r"\S+ (.+?) · .+ \((ins-\d+)\) · 95 %, threshold &gt; 90 %", message["text"])
    assert words, message
    return words[2], STATES[words[1]]


async def test_no_channel_notices_that_another_fails_and_when_it_is_well_again_it_is_told_all_in_order(runner):
    async with AsyncExitStack() as stack:
        good = await stack.enter_async_context(serve_endpoint())
        troubled = {name: await stack.enter_async_context(serve_endpoint()) for name in TROUBLES}
        for name, trouble in TROUBLES.items():
            troubled[name].always = trouble
        down = free_port()
        bridge = await runner.serve(config_of(good, troubled, down))

        for bodies in (
            [callback(number) for number in NUMBERS],
            [callback(number, minutes=5) for number in NUMBERS],
            [callback(number, over=True) for number in NUMBERS],
        ):
            begun, before = time.monotonic(), len(good.received)
            await bridge.accept(*bodies)
            await until(lambda: len(good.received) >= before + len(NUMBERS), "the good channel has all")  # noqa: B023
            assert time.monotonic() - begun < PROMPT_SECONDS
        await until(lambda: all(len(one.received) > 1 for one in troubled.values()), "each was tried again")
        assert not [line for line in bridge.logged("attempt", becomes="sent") if line["channel"] != "good"]
        assert not bridge.logged("attempt", becomes="dead")
        health = (await bridge.health())["channels"]
        waiting = {name: one["waiting"] for name, one in health.items()}
        assert waiting == dict.fromkeys(("down", *TROUBLES), 3 * len(NUMBERS)) | {"good": 0}

        for name, endpoint in troubled.items():
            endpoint.always = SLACK_TAKES if name == "paged" else Behaviour()
        troubled["down"] = await stack.enter_async_context(serve_endpoint(port=down))
        await bridge.idle(seconds=30)
        assert await bridge.terminate() == 0
        machines = [good, troubled["slow"], troubled["garbled"]]
        for endpoint in machines:
            assert heard(endpoint) == {instance(number): LIFE for number in NUMBERS}
        for chat in (one for one in troubled.values() if one not in machines):
            lives = heard(chat)  # a trigger whose alarm recovered while it waited is told with its recovery
            assert {one: life[-1] for one, life in lives.items()} == {instance(each): "recovered" for each in NUMBERS}
            assert all(life == [state for state in LIFE if state in life] for life in lives.values())
            assert sum(map(len, lives.values())) < len(LIFE) * len(NUMBERS)
        assert len(good.received) == 3 * len(NUMBERS)
