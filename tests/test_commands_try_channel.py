"""`alarm-bridge test-channel`: one real message, marked as a test, and the platform's own answer."""

import asyncio
import json
import re

import pytest
from typer.testing import CliRunner

from bridge.channels.advice import BY_ANSWER, CODES, advice
from bridge.channels.slack_codes import CODES as KNOWN
from bridge.channels.slack_codes import WEBHOOK_CODES
from bridge.cli import app
from bridge.message import Answer, Verdict
from tests.fakes.endpoint import Behaviour, serve_endpoint
from tests.fakes.serving import free_port
from tests.fakes.slack import OPS, TOKEN, Trouble, serve_slack
from tests.test_rendering_support import texts_in

CONFIG = """
server: {{auth: off}}
language: {language}
channels:
  here: {{type: terminal}}
  tickets: {{type: webhook, url: "{url}"}}
  ops: {{type: slack, token: {token}, channel: "{channel}", api_url: "{api}", mention: {{triggered: ["<!here>"]}}}}
  hook: {{type: slack_webhook, url: "{hook}"}}
default_channels: [here]
"""


async def tried(tmp_path, *arguments, language="en", channel="#ops", more="", **urls):
    """Run the command; give exit code, standard output and standard error."""
    nowhere = f"http://127.0.0.1:{free_port()}/"
    given = {"url": nowhere, "token": TOKEN, "api": nowhere, "hook": nowhere, **urls}
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG.format(language=language, channel=channel, **given) + more)
    command = ["test-channel", "-c", str(file), *arguments]
    result = await asyncio.to_thread(CliRunner().invoke, app, command, catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


async def test_slack_takes_a_marked_message_and_names_workspace_and_bot(tmp_path):
    async with serve_slack() as slack:
        assert await tried(tmp_path, "ops", api=slack.api_url) == (
            0,
            (
                "ops (slack)\n"
                "  workspace Example (https://example.slack.com/), bot alarm-bridge\n"
                "  scopes: chat:write is there\n"
                "  whether the bot is in #ops was not checked: Slack is asked by id alone, such as C0123456789, and this is a name\n"
                "  a message whose answer is lost is posted again: channels:history, which nothing else needs, is missing\n"
                "  taken: a message of the state triggered, marked as a test; the answer was: 200 ok\n"
                "  changed: the answer was: 200 ok\n"
                "  answered in its thread: the answer was: 200 ok\n"
            ),
            "",
        )
        message, answer = slack.messages
        assert (len(message.edits), answer.thread_ts) == (1, message.ts)
        text = json.dumps(message.content, ensure_ascii=False)
        assert message.channel == OPS
        assert "TEST, no alarm" in message.content["text"]
        assert "TEST of alarm-bridge: no alarm" in text
        assert "<!here>" not in text


@pytest.mark.parametrize(
    ("scopes", "said"),
    [
        (["chat:write", "channels:read"], "the bot is in #ops"),
        (
            ["chat:write"],
            f"whether the bot is in {OPS} was not checked: the scope channels:read is missing, which nothing else needs",
        ),
    ],
    ids=["with the scope", "without it"],
)
async def test_what_cannot_be_checked_for_want_of_a_scope_is_said(tmp_path, scopes, said):
    async with serve_slack() as slack:
        slack.scopes = scopes
        code, out, _ = await tried(tmp_path, "ops", api=slack.api_url, channel=OPS)
        assert (code, out.splitlines()[3]) == (0, f"  {said}")


@pytest.mark.parametrize(
    ("scopes", "said"),
    [
        (["chat:write", "channels:read"], "the bot is not in #ops: /invite it there"),
        (
            ["chat:write", "channels:read", "chat:write.public"],
            "the bot is not in #ops, and may post there all the same (chat:write.public)",
        ),
    ],
    ids=["uninvited", "welcome everywhere"],
)
async def test_a_bot_that_is_not_in_the_channel_is_told_what_to_do_unless_it_may_post_everywhere(
    tmp_path, scopes, said
):
    async with serve_slack() as slack:
        slack.scopes, slack.channels[OPS].is_member = scopes, False
        code, out, err = await tried(tmp_path, "ops", api=slack.api_url, channel=OPS)
        assert out.splitlines()[3] == f"  {said}"
        assert (code, err.splitlines()) == (
            1,
            [
                "  not taken: 200 not_in_channel",
                "  check the channel's name or id in the config, and /invite the bot into it",
            ],
        )  # the fake knows no chat:write.public


@pytest.mark.parametrize(
    ("scopes", "lines"),
    [
        (
            ["chat:write"],
            [
                "  chat:write.customize is missing, which `username` and `icon_emoji` of the template needs: add it and install the app again"
            ],
        ),
        (["chat:write", "chat:write.customize"], []),
    ],
)
async def test_a_scope_that_the_template_of_ones_own_needs_is_checked(tmp_path, scopes, lines):
    folder = tmp_path / "templates" / "slack"
    folder.mkdir(parents=True)
    template = '{"text": "{{ alarm.subject }}", "username": "Ops", "icon_emoji": ":bell:"}'
    folder.joinpath("triggered.slack.json.j2").write_text(template)
    async with serve_slack() as slack:
        slack.scopes = scopes
        code, out, _ = await tried(tmp_path, "ops", api=slack.api_url, more="templates: templates")
        assert code == 0
        assert [line for line in out.splitlines() if "customize" in line] == lines
        assert slack.calls[1].arguments["username"] == "Ops"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("", ["changed", "answered in its thread"]),
        ("routes: [{match: {}, channels: [here], on_recovered: [broadcast]}]", ["changed", "answered in its thread"]),
        (
            "routes: [{match: {}, channels: [ops], on_recovered: [broadcast]}]",
            ["changed", "answered in its thread", "answered for all to see"],
        ),
    ],
    ids=["of the channel", "of a route to another", "of a route to it"],
)
async def test_what_the_settings_do_with_an_alarms_message_is_tried(tmp_path, more, said):
    async with serve_slack(paced=False) as slack:
        code, out, err = await tried(tmp_path, "ops", api=slack.api_url, more=more)
        done = [line.strip().partition(":")[0] for line in out.splitlines() if line.endswith("the answer was: 200 ok")]
        assert (code, err, done) == (0, "", ["taken", *said])
        assert [message.broadcast for message in slack.messages[1:]] == [text.endswith("see") for text in said[1:]]


@pytest.mark.parametrize(
    ("state", "begins"),
    [
        ("triggered", "🔴 Triggered"), ("repeat", "🔥 Still firing"), ("escalated", "⏫ Escalated"),
        ("recovered", "✅ Recovered"), ("expired", "⌛ Expired"), ("closed", "☑️ Closed"), ("replaced", "➡️ Replaced"),
    ],
)  # fmt: skip
async def test_the_message_is_of_the_state_asked_for_and_marked_as_a_test(tmp_path, state, begins):
    async with serve_slack() as slack:
        code, _, _ = await tried(tmp_path, "ops", "--state", state, api=slack.api_url)
        assert code == 0
        assert slack.top_level[0].text.startswith(f"{begins} · ")
        assert "TEST, no alarm" in slack.top_level[0].text


@pytest.mark.parametrize(
    ("scopes", "said"),
    [
        (["chat:write", "groups:history"], "looked for before it is posted again (groups:history)"),
        (["chat:write", "channels:history", "groups:history"], "looked for before it is posted again (channels:history, groups:history)"),
        (["chat:write"], "posted again: channels:history, which nothing else needs, is missing"),
    ],
)  # fmt: skip
async def test_it_is_said_whether_a_message_without_an_answer_can_be_looked_for(tmp_path, scopes, said):
    async with serve_slack() as slack:
        slack.scopes = scopes
        _, out, _ = await tried(tmp_path, "ops", api=slack.api_url)
        assert out.splitlines()[4] == f"  a message whose answer is lost is {said}"


async def test_a_token_that_slack_does_not_know_is_said_with_the_next_step_and_nothing_is_posted(tmp_path):
    async with serve_slack() as slack:
        code, out, err = await tried(tmp_path, "ops", api=slack.api_url, token="xoxb-wrong-token")
        assert (code, out, slack.messages) == (1, "ops (slack)\n", [])
        assert err == (
            "  not taken: auth.test: invalid_auth\n"
            "  copy the bot token (xoxb-…) from OAuth & Permissions of your app at api.slack.com/apps into the config\n"
        )
        assert "xoxb" not in err.replace("xoxb-…", "")


async def test_a_slack_that_nobody_reaches_is_said_in_words_with_the_next_step(tmp_path):
    async with serve_slack() as slack:
        api = slack.api_url
    code, out, err = await tried(tmp_path, "ops", api=api)
    assert (code, out) == (1, "ops (slack)\n")
    assert err == (
        f"  not taken: auth.test: no connection to {api.split('/')[2]}: Connection refused\n"
        "  nobody listens there: start the endpoint, or look at the address and port in the config\n"
    )


async def test_a_refusal_of_the_message_is_said_in_slacks_words_and_ours(tmp_path):
    async with serve_slack() as slack:
        slack.next.extend([Trouble(), Trouble(error="not_in_channel")])
        code, _, err = await tried(tmp_path, "ops", api=slack.api_url)
        assert (code, err) == (
            1,
            (
                "  not taken: 200 not_in_channel\n"
                "  check the channel's name or id in the config, and /invite the bot into it\n"
            ),
        )


async def test_a_webhook_of_slacks_takes_one_too_in_chinese(tmp_path):
    async with serve_slack() as slack:
        code, out, err = await tried(tmp_path, "hook", "--state", "recovered", hook=slack.hook_url, language="zh")
        assert (code, err) == (0, "")
        assert (
            out.splitlines()[-1]
            == "  taken: a message of the state recovered, marked as a test; the answer was: 200 ok"
        )
        (message,) = slack.messages
        assert "测试消息，并非告警" in json.dumps(message.content, ensure_ascii=False)


async def test_a_webhook_is_sent_the_envelope_with_an_id_of_its_own(tmp_path):
    async with serve_endpoint() as endpoint:
        endpoint.always = Behaviour(body="thank you")
        code, out, _ = await tried(tmp_path, "tickets", url=endpoint.url())
        assert (code, out) == (
            0,
            "tickets (webhook)\n  taken: a message of the state triggered, marked as a test; the answer was: 200 OK: thank you\n",
        )
        await tried(tmp_path, "tickets", url=endpoint.url())
        first, second = endpoint.received
        assert str(first.header("webhook-id")).startswith("test-")
        assert first.header("webhook-id") != second.header("webhook-id")
        assert first.json()["alarm"]["policy_name"] == "TEST of alarm-bridge: no alarm"
        assert first.json()["alarm"]["metric_label"] == "TEST, no alarm"


async def test_a_test_has_no_short_id_since_a_real_alarm_may_have_the_same(tmp_path):
    async with serve_slack() as slack, serve_endpoint() as endpoint:
        await tried(tmp_path, "ops", api=slack.api_url)
        await tried(tmp_path, "tickets", url=endpoint.url())
        message, *_ = slack.messages
        texts = texts_in(message.content)
        assert [text for text in texts if re.match("Id\\b", text)] == []
        assert endpoint.received[0].json()["alarm"]["id"] is None
    _, out, _ = await tried(tmp_path, "here")
    assert "  Id " not in out


async def test_the_terminal_prints_it_here(tmp_path):
    code, out, _ = await tried(tmp_path, "here", "--state", "escalated")
    assert code == 0
    assert "TEST, no alarm" in out
    assert (
        out.splitlines()[-1] == "  taken: a message of the state escalated, marked as a test; the answer was: printed"
    )


@pytest.mark.parametrize(
    ("behaviour", "said", "step"),
    [
        (Behaviour(status=404, body="gone"), "404 Not Found: gone", "nothing is at this address: look at `url` in the config"),
        (Behaviour(status=401, body=""), "401", "the endpoint wants other credentials: look at `headers` or the URL in the config"),
        (
            Behaviour(status=301, body="", headers={"Location": "https://elsewhere.example/"}),
            "301",
            "it leads elsewhere, where the bridge does not follow: put the final address into the config",
        ),
        (
            Behaviour(status=503, body="busy"),
            "503 Service Unavailable: busy",
            "it may pass: the bridge tries again by itself, first after 1 s, then ever more slowly",
        ),
    ],
    ids=["404", "401", "301", "503"],
)  # fmt: skip
async def test_what_an_endpoint_refuses_is_explained_in_words(tmp_path, behaviour, said, step):
    async with serve_endpoint() as endpoint:
        endpoint.always = behaviour
        code, _, err = await tried(tmp_path, "tickets", url=endpoint.url())
        first, second = err.splitlines()
        assert (code, second) == (1, f"  {step}")
        assert first.startswith(f"  not taken: {said}")


async def test_an_endpoint_that_is_not_there_is_said(tmp_path):
    code, _, err = await tried(tmp_path, "tickets")
    assert code == 1
    assert err.endswith("  nobody listens there: start the endpoint, or look at the address and port in the config\n")


async def test_a_channel_that_the_config_does_not_have_is_wrong_usage(tmp_path):
    assert await tried(tmp_path, "opps") == (
        2,
        "",
        'opps: the config has no channel of that name; did you mean "ops"?\n',
    )


def test_advice_is_of_codes_that_slack_has():
    assert CODES.keys() - KNOWN.keys() - WEBHOOK_CODES.keys() == set()


def test_every_answer_that_is_no_yes_has_a_next_step():
    assert {answer for answer in Answer if not advice(Verdict(answer=answer, said=""))} == {Answer.SENT}
    assert BY_ANSWER.keys() == set(Answer) - {Answer.SENT}
