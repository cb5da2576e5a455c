"""The channel `slack`: the whole life of an alarm through slack-sdk and a strict Slack."""

import io
import logging

import pytest

from bridge.message import Answer, Step
from tests.fakes.channels import a_call, a_channel, a_message, some_tools
from tests.fakes.endpoint import Behaviour, serve_endpoint
from tests.fakes.slack import OPS, TOKEN, Trouble, serve_slack

NAMED = {"event_type": "alarm_bridge", "event_payload": {"delivery_id": "42"}}  # of a message without a template's
BLOCKS = [{"type": "section", "text": {"type": "mrkdwn", "text": "*CPU* 95 %"}}]
RICH = a_message("x", text="CPU 95 %", blocks=BLOCKS)
RED = a_message("x", attachments=[{"color": "danger", "blocks": BLOCKS}])
PLAIN = a_message("plain")


def opened(slack, **more):
    return a_channel("slack", **{"token": TOKEN, "channel": "#ops", "api_url": slack.api_url, **more})


async def test_an_alarm_is_posted_updated_answered_and_shown_to_all_at_its_end():
    async with serve_slack() as slack, opened(slack) as channel:
        post = await channel.post(a_call(RICH))
        update = await channel.post(a_call(a_message("CPU 97 %"), step=Step.UPDATE, receipt=post.receipt))
        thread = await channel.post(a_call(a_message("over"), step=Step.THREAD, receipt=update.receipt))
        broadcast = await channel.post(a_call(a_message("all"), step=Step.BROADCAST, receipt=update.receipt))
    assert [one.answer for one in (post, update, thread, broadcast)] == [Answer.SENT] * 4
    assert post.receipt == update.receipt == {"channel": OPS, "ts": "1700000000.000001"}
    assert thread.receipt is broadcast.receipt is None
    (message,) = slack.top_level
    assert message.content == {"text": "CPU 97 %", "metadata": NAMED}
    assert message.edits == [{"text": "CPU 95 %", "blocks": BLOCKS}]
    assert [(one.text, one.broadcast) for one in slack.replies(message.ts)] == [("over", False), ("all", True)]


async def test_each_step_sends_these_arguments_and_no_others():
    receipt = {"channel": OPS, "ts": "1.1"}
    quiet = {"unfurl_links": False, "unfurl_media": False}
    async with a_channel("slack", token=TOKEN, channel="#ops") as channel:
        wires = {step: channel.wire(a_call(RICH, step=step, receipt=receipt)) for step in Step}
        assert channel.wire(a_call(RICH, step=Step.UPDATE)) == wires[Step.POST]
    said = {"text": "CPU 95 %", "blocks": BLOCKS}
    reply = {"channel": OPS, "thread_ts": "1.1", **quiet, **said}
    assert wires == {
        Step.POST: {"channel": "#ops", **quiet, **said},
        Step.UPDATE: {"channel": OPS, "ts": "1.1", "parse": "none", "attachments": [], **said},
        Step.THREAD: reply,
        Step.BROADCAST: {**reply, "reply_broadcast": True},
        Step.REST: reply,
    }


@pytest.mark.parametrize(("before", "after"), [(RICH, RED), (RED, RICH), (RICH, PLAIN), (RED, PLAIN)])
async def test_an_update_leaves_nothing_of_the_old_message(before, after):
    async with serve_slack() as slack, opened(slack) as channel:
        post = await channel.post(a_call(before))
        assert (await channel.post(a_call(after, step=Step.UPDATE, receipt=post.receipt))).answer is Answer.SENT
    expected = {"text": after.text, "metadata": NAMED} if after.payload is None else dict(after.payload)
    assert slack.messages[0].content == expected


async def test_a_template_chooses_neither_channel_nor_thread_nor_token_and_links_no_names():
    payload = {
        "text": "CPU", "channel": "#ceo", "thread_ts": "9.9", "ts": "9.9", "token": "xoxb-other", "link_names": True,
        "parse": "full", "as_user": True, "reply_broadcast": True, "username": "bridge",
    }  # fmt: skip
    async with a_channel("slack", token=TOKEN, channel="#ops") as channel:
        wire = channel.wire(a_call(a_message("x", **payload)))
    assert wire == {
        "channel": "#ops",
        "text": "CPU",
        "username": "bridge",
        "unfurl_links": False,
        "unfurl_media": False,
    }


@pytest.mark.parametrize("step", [Step.UPDATE, Step.THREAD, Step.BROADCAST])
async def test_a_step_without_a_message_to_update_or_answer_makes_no_call(step):
    async with serve_slack() as slack, opened(slack) as channel:
        verdict = await channel.post(a_call(step=step))
    assert (verdict.answer, verdict.said) == (Answer.GONE, "there is no message to update or answer")
    assert slack.calls == []


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (Step.UPDATE, "200 message_not_found"),
        (Step.THREAD, "200 thread_not_found"),
        (Step.BROADCAST, "200 thread_not_found"),
    ],
)
async def test_a_message_that_was_deleted_is_gone(step, said):
    async with serve_slack() as slack, opened(slack) as channel:
        post = await channel.post(a_call())
        slack.delete(**post.receipt)
        verdict = await channel.post(a_call(step=step, receipt=post.receipt))
    assert (verdict.answer, verdict.said) == (Answer.GONE, said)


async def test_a_message_of_somebody_else_is_gone():
    async with serve_slack() as slack, opened(slack) as channel:
        post = await channel.post(a_call())
        slack.messages[0].author = "U1"
        verdict = await channel.post(a_call(step=Step.UPDATE, receipt=post.receipt))
    assert (verdict.answer, verdict.said) == (Answer.GONE, "200 cant_update_message")


@pytest.mark.parametrize(
    ("configured", "answer"), [("#new", Answer.GONE), ("C00000NEW", Answer.GONE), (OPS, Answer.BROKEN)]
)
async def test_a_message_in_a_channel_that_was_left_is_gone_unless_it_is_today_s_channel(configured, answer):
    async with serve_slack() as slack, opened(slack, channel=configured) as channel:
        slack.channels[OPS].is_archived = True
        verdict = await channel.post(a_call(step=Step.UPDATE, receipt={"channel": OPS, "ts": "1.1"}))
    assert (verdict.answer, verdict.said) == (answer, "200 is_archived")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda slack: slack.tokens.clear(), "200 invalid_auth"),
        (lambda slack: slack.channels.clear(), "200 channel_not_found"),
        (lambda slack: setattr(slack.channels[OPS], "is_archived", True), "200 is_archived"),
        (lambda slack: setattr(slack.channels[OPS], "is_member", False), "200 not_in_channel"),
    ],
)
async def test_what_only_a_person_can_mend_breaks_the_channel(change, said):
    async with serve_slack() as slack, opened(slack) as channel:
        change(slack)
        verdict = await channel.post(a_call())
    assert (verdict.answer, verdict.said) == (Answer.BROKEN, said)


async def test_a_message_that_slack_refuses_is_told_why_and_may_go_as_plain_text():
    blocks = [{"type": "header", "text": {"type": "mrkdwn", "text": "x" * 151}}]
    async with serve_slack() as slack, opened(slack) as channel:
        verdict = await channel.post(a_call(a_message("x", text="x", blocks=blocks)))
        plain = await channel.post(a_call(a_message("x")))
    assert (verdict.answer, verdict.plain_helps) == (Answer.REJECTED, True)
    assert verdict.said == (
        "200 invalid_blocks; [ERROR] text: type must be plain_text [json-pointer:/blocks/0]; "
        "[ERROR] text: must be more than 0 and less than 151 characters [json-pointer:/blocks/0]"
    )
    assert plain.answer is Answer.SENT


async def test_more_than_a_burst_is_told_to_wait_as_long_as_slack_says():
    async with serve_slack(clock=lambda: 0.0) as slack, opened(slack) as channel:
        verdicts = [await channel.post(a_call()) for _ in range(4)]
    assert [verdict.answer for verdict in verdicts] == [Answer.SENT] * 3 + [Answer.RETRY]
    assert (verdicts[3].after_seconds, verdicts[3].throttled, verdicts[3].said) == (1.0, True, "429 ratelimited")


@pytest.mark.parametrize(
    ("trouble", "answer", "after_seconds"),
    [
        (Trouble(error="ratelimited", status=429, headers={"Retry-After": "1.5"}), Answer.RETRY, 1.5),
        (
            Trouble(error="ratelimited", status=429, headers={"Retry-After": "Tue, 03 Nov 2026 08:00:09 GMT"}),
            Answer.RETRY,
            9.0,
        ),
        (Trouble(error="rate_limited", status=200, headers={"Retry-After": "2"}), Answer.RETRY, 2.0),
        (Trouble(error="ratelimited", status=429), Answer.RETRY, None),
        (Trouble(error="message_limit_exceeded"), Answer.RETRY, 300.0),
        (Trouble(error="service_unavailable", status=503), Answer.RETRY, None),
        (Trouble(error="fatal_error"), Answer.AMBIGUOUS, None),
        (Trouble(error="internal_error", status=500), Answer.AMBIGUOUS, None),
        (Trouble(error="brand_new_code"), Answer.RETRY, None),
        (Trouble(status=502, body="<html>", content_type="text/html"), Answer.RETRY, None),
        (Trouble(body='{"ok":true}'), Answer.SENT, None),
        (Trouble(body='{"ok":false}'), Answer.AMBIGUOUS, None),
        (Trouble(body='{"ok":false,"error":7}'), Answer.AMBIGUOUS, None),
        (Trouble(body='{"ok":false,"error":""}'), Answer.AMBIGUOUS, None),
    ],
)
async def test_what_slack_answers_has_its_verdict(trouble, answer, after_seconds):
    async with serve_slack() as slack, opened(slack) as channel:
        slack.next.append(trouble)
        verdict = await channel.post(a_call())
    assert (verdict.answer, verdict.after_seconds, verdict.receipt) == (answer, after_seconds, None)


async def test_a_code_nobody_documented_makes_a_rich_message_plain():
    async with serve_slack() as slack, opened(slack) as channel:
        slack.next.append(Trouble(error="brand_new_code"))
        verdict = await channel.post(a_call(RICH))
    assert (verdict.answer, verdict.plain_helps, verdict.said) == (Answer.REJECTED, True, "200 brand_new_code")


async def test_a_lost_answer_is_ambiguous_and_slack_sdk_does_not_post_again():
    async with serve_slack() as slack, opened(slack) as channel:
        slack.next.append(Trouble(fails="drop", takes=True))
        verdict = await channel.post(a_call())
    assert verdict.answer is Answer.AMBIGUOUS
    assert len(slack.messages) == len(slack.calls) == 1


async def test_a_missing_scope_is_named():
    body = '{"ok":false,"error":"missing_scope","needed":"chat:write","provided":"incoming-webhook"}'
    async with serve_slack() as slack, opened(slack) as channel:
        slack.next.append(Trouble(body=body))
        verdict = await channel.post(a_call())
    assert (verdict.answer, verdict.said) == (
        Answer.BROKEN,
        "200 missing_scope; needed chat:write; provided incoming-webhook",
    )


async def test_a_channel_may_be_named_by_its_id():
    async with serve_slack() as slack, opened(slack, channel="C00000DBA") as channel:
        assert (await channel.post(a_call())).receipt["channel"] == "C00000DBA"


async def test_no_secret_and_no_message_is_logged_at_any_level(monkeypatch):
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    root = logging.getLogger()
    monkeypatch.setattr(root, "level", logging.DEBUG)
    root.addHandler(handler)
    monkeypatch.setenv("HTTPS_PROXY", "http://user:SECRETpassword@proxy:1")
    # aiohttp hands its own logger to nobody here; slack-sdk would log requests, answers and the proxy.
    monkeypatch.setattr(logging.getLogger("slack_sdk"), "level", logging.DEBUG)
    try:
        async with serve_slack(token="xoxb-SECRETtoken") as slack:
            slack.next.append(Trouble(error="fatal_error"))
            slack.next.append(Trouble(body="{broken xoxb-SECRETtoken"))
            async with opened(slack, token="xoxb-SECRETtoken") as channel:
                verdicts = [await channel.post(a_call(a_message("SECRETmessage"))) for _ in range(4)]
    finally:
        root.removeHandler(handler)
    assert [verdict.answer for verdict in verdicts] == [Answer.AMBIGUOUS] * 2 + [Answer.SENT] * 2
    assert "SECRET" not in out.getvalue()
    assert "SECRET" not in str(verdicts)


async def test_an_answer_that_gives_the_token_back_is_cleaned():
    async with serve_endpoint() as endpoint:
        body = '{"ok":false,"error":"invalid_auth","response_metadata":{"messages":["xoxb-SECRETtoken is bad"]}}'
        endpoint.always = Behaviour(body=body, headers={"Content-Type": "application/json"})
        api_url = endpoint.url("/api/")
        async with a_channel("slack", token="xoxb-SECRETtoken", channel="#ops", api_url=api_url) as channel:
            verdict = await channel.post(a_call())
    assert verdict.said == "200 invalid_auth; <secret> is bad"
    assert endpoint.received[0].target == "/api/chat.postMessage"
    assert endpoint.received[0].header("Authorization") == "Bearer xoxb-SECRETtoken"


async def test_what_goes_over_the_wire_is_shown_without_the_token():
    async with a_channel("slack", tools=some_tools(), token=TOKEN, channel="#ops") as channel:
        wire = channel.wire(a_call(RICH))
    assert TOKEN not in str(wire)
