"""The stand-ins are strict: what the real ones refuse, they refuse."""

import asyncio
import json
import sys

import aiohttp
import pytest

from tests.fakes.slack import BOT, OPS, TOKEN, serve_slack

BEARER = {"Authorization": f"Bearer {TOKEN}"}


def section(text="x", **more):
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def header(text="x", kind="plain_text"):
    return {"type": "header", "text": {"type": kind, "text": text}}


async def ask(slack, method="chat.postMessage", *, headers=None, **arguments):
    async with aiohttp.ClientSession() as session:
        headers = BEARER if headers is None else headers
        async with session.post(f"{slack.api_url}{method}", json=arguments, headers=headers) as response:
            return {"status": response.status, "after": response.headers.get("Retry-After"), **await response.json()}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"text": "x"}, None),
        ({"blocks": [section()]}, None),
        ({"text": "x", "blocks": [section()] * 50}, None),
        ({"text": "x" * 41_000}, None),
        ({}, "no_text"),
        ({"text": ""}, "no_text"),
        ({"text": 5}, "invalid_arguments"),
        ({"text": "x", "unfurl_links": "false"}, "invalid_arguments"),
        ({"text": "x", "colour": "red"}, "invalid_arg_name"),
        ({"text": "x", "reply_broadcast": True}, "invalid_arguments"),
        ({"text": "x", "channel": "#nowhere"}, "channel_not_found"),
        ({"text": "x", "thread_ts": "9.9"}, "thread_not_found"),
        ({"text": "x", "thread_ts": 1700000000.000001}, "thread_not_found"),
        ({"blocks": {}}, "no_text"),
        ({"text": "x", "blocks": "[]"}, "invalid_blocks_format"),
        ({"blocks": [section()] * 51}, "invalid_blocks"),
        ({"blocks": [{"type": "sektion"}]}, "invalid_blocks"),
        ({"blocks": [{"type": "section"}]}, "invalid_blocks"),
        ({"blocks": [section("")]}, "invalid_blocks"),
        ({"blocks": [section("x" * 3000)]}, None),
        ({"blocks": [section("x" * 3001)]}, "invalid_blocks"),
        ({"blocks": [section("😀" * 1501)]}, "invalid_blocks"),
        ({"blocks": [section(colour="red")]}, "invalid_blocks"),
        ({"blocks": [section(fields=[{"type": "mrkdwn", "text": "x"}] * 11)]}, "invalid_blocks"),
        ({"blocks": [section(fields=[{"type": "mrkdwn", "text": "x" * 2001}])]}, "invalid_blocks"),
        ({"blocks": [section(block_id="a"), section(block_id="a")]}, "invalid_blocks"),
        ({"blocks": [section(block_id="a" * 256)]}, "invalid_blocks"),
        ({"blocks": [header("x" * 150)]}, None),
        ({"blocks": [header("x" * 151)]}, "invalid_blocks"),
        ({"blocks": [header(kind="mrkdwn")]}, "invalid_blocks"),
        ({"blocks": [{"type": "context", "elements": []}]}, "invalid_blocks"),
        ({"blocks": [{"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 11}]}, "invalid_blocks"),
        ({"blocks": [{"type": "divider", "text": "x"}]}, "invalid_blocks"),
        ({"blocks": [section("x" * 2700)] * 5}, "msg_blocks_too_long"),
        ({"attachments": [{"text": "x"}] * 101}, "too_many_attachments"),
        ({"attachments": ["x"]}, "invalid_attachments"),
        ({"attachments": [{"blocks": [section("")]}]}, "invalid_blocks"),
    ],
)
async def test_slack_refuses_messages_that_break_a_rule(arguments, code):
    async with serve_slack() as slack:
        answer = await ask(slack, **{"channel": "#ops", **arguments})
    assert answer.get("error") == code
    assert len(slack.messages) == (code is None)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"text": "x" * 4000}, None),
        ({"text": "x" * 4001}, "msg_too_long"),
        ({"channel": "#ops", "text": "x"}, "channel_not_found"),
        ({"ts": "9.9", "text": "x"}, "message_not_found"),
        ({"text": "x", "unfurl_links": False}, "invalid_arg_name"),
    ],
)
async def test_slack_refuses_updates_that_break_a_rule(arguments, code):
    async with serve_slack() as slack:
        posted = await ask(slack, channel="#ops", text="first")
        answer = await ask(slack, "chat.update", **{"channel": OPS, "ts": posted["ts"], **arguments})
    assert answer.get("error") == code
    assert len(slack.messages[0].edits) == (code is None)
    assert slack.messages[0].author == BOT


@pytest.mark.parametrize(("headers", "code"), [({}, "not_authed"), ({"Authorization": "Bearer other"}, "invalid_auth")])
async def test_slack_refuses_wrong_tokens(headers, code):
    async with serve_slack() as slack:
        assert (await ask(slack, headers=headers, channel="#ops", text="x"))["error"] == code


async def test_slack_refuses_an_answer_to_an_answer():
    async with serve_slack() as slack:
        first = await ask(slack, channel="#ops", text="1")
        reply = await ask(slack, channel="#ops", text="2", thread_ts=first["ts"])
        assert (await ask(slack, channel="#ops", text="3", thread_ts=reply["ts"]))["error"] == "cannot_reply_to_message"


async def test_slack_takes_one_message_a_second_and_channel_with_bursts_of_three():
    now = [0.0]
    async with serve_slack(clock=lambda: now[0]) as slack:
        statuses = [(await ask(slack, channel="#ops", text="x"))["status"] for _ in range(4)]
        elsewhere = await ask(slack, channel="#dba", text="x")
        now[0] = 0.9
        early = await ask(slack, channel="#ops", text="x")
        now[0] = 1.0
        later = [(await ask(slack, channel="#ops", text="x"))["status"] for _ in range(2)]
    assert (statuses, elsewhere["status"], later) == ([200, 200, 200, 429], 200, [200, 429])
    assert (early["status"], early["error"], early["after"]) == (429, "ratelimited", "1")


@pytest.mark.parametrize(
    ("module", "path", "body"),
    [
        ("tests.fakes.slack", "/api/chat.postMessage", {"channel": "#ops", "text": "hello"}),
        ("tests.fakes.endpoint", "/hook", {"text": "hello"}),
    ],
)
async def test_each_may_run_as_a_process_that_is_asked_over_http(module, path, body):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, "--port", "0", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        port = json.loads(await process.stdout.readline())["port"]
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=BEARER) as session:
            trouble = {"error": "fatal_error"} if "slack" in module else {"status": 500}
            await session.post("/_fake/next", json=[trouble])
            for _ in range(2):
                async with session.post(path, json=body) as response:
                    await response.read()
            what = "messages" if "slack" in module else "requests"
            kept = await (await session.get(f"/_fake/{what}")).text()
            assert kept.count("hello") == (1 if "slack" in module else 2)
    finally:
        process.kill()
        await process.wait()
