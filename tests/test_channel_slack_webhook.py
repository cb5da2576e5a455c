"""The channel `slack_webhook`: what is posted, and that only Slack's own `ok` counts."""

import pytest

from bridge.message import Answer
from tests.fakes.channels import a_call, a_channel, a_message
from tests.fakes.endpoint import Behaviour, serve_endpoint
from tests.fakes.slack import OPS, Trouble, serve_slack

BLOCKS = [{"type": "section", "text": {"type": "mrkdwn", "text": "*CPU* 95 %"}}]


async def test_a_rich_message_is_posted_with_its_blocks():
    async with serve_slack() as slack, a_channel("slack_webhook", url=slack.hook_url) as channel:
        verdict = await channel.post(a_call(a_message("x", text="CPU 95 %", blocks=BLOCKS)))
    assert (verdict.answer, verdict.said, verdict.receipt) == (Answer.SENT, "200 ok", None)
    (posted,) = slack.messages
    assert (posted.channel, posted.content) == (OPS, {"text": "CPU 95 %", "blocks": BLOCKS})


async def test_a_text_is_posted_alone_and_no_link_gets_a_preview():
    async with serve_endpoint() as endpoint, a_channel("slack_webhook", url=endpoint.url()) as channel:
        await channel.post(a_call(a_message("CPU 95 % 警")))
    (received,) = endpoint.received
    assert received.json() == {"text": "CPU 95 % 警", "unfurl_links": False, "unfurl_media": False}
    assert received.header("Content-Type") == "application/json; charset=utf-8"


async def test_a_template_may_want_previews_but_choose_no_channel_and_link_no_names():
    message = a_message("x", text="CPU", unfurl_links=True, channel="#ceo", link_names=True, parse="full", username="b")
    async with a_channel("slack_webhook", url="http://127.0.0.1:1/") as channel:
        wire = channel.wire(a_call(message))
    assert wire == {"text": "CPU", "unfurl_links": True, "unfurl_media": False, "username": "b"}


async def test_a_payload_that_says_nothing_gets_the_text():
    async with a_channel("slack_webhook", url="http://127.0.0.1:1/") as channel:
        assert channel.wire(a_call(a_message("CPU", username="b")))["text"] == "CPU"


@pytest.mark.parametrize(
    ("trouble", "answer", "said"),
    [
        (Trouble(error="invalid_blocks"), Answer.REJECTED, "400 invalid_blocks"),
        (Trouble(error="no_service"), Answer.BROKEN, "404 no_service"),
        (Trouble(error="channel_is_archived"), Answer.BROKEN, "410 channel_is_archived"),
        (Trouble(error="rollup_error"), Answer.RETRY, "500 rollup_error"),
        (Trouble(body="OK", content_type="text/plain"), Answer.AMBIGUOUS, "not an answer that Slack gives: 200 OK"),
        (Trouble(fails="drop"), Answer.AMBIGUOUS, "the connection was lost before the answer"),
    ],
)
async def test_what_slack_says_is_told_in_its_own_words(trouble, answer, said):
    async with serve_slack() as slack, a_channel("slack_webhook", url=slack.hook_url) as channel:
        slack.next.append(trouble)
        verdict = await channel.post(a_call())
    assert (verdict.answer, verdict.said) == (answer, said)


async def test_a_webhook_that_was_removed_breaks_the_channel():
    async with serve_slack() as slack, a_channel("slack_webhook", url=f"{slack.hook_url}removed") as channel:
        verdict = await channel.post(a_call())
    assert (verdict.answer, verdict.said) == (Answer.BROKEN, "404 no_service")


async def test_more_than_a_burst_is_told_to_wait():
    async with serve_slack(clock=lambda: 0.0) as slack, a_channel("slack_webhook", url=slack.hook_url) as channel:
        verdicts = [await channel.post(a_call()) for _ in range(4)]
    assert [verdict.answer for verdict in verdicts] == [Answer.SENT] * 3 + [Answer.RETRY]
    assert (verdicts[3].after_seconds, verdicts[3].throttled) == (1.0, True)


async def test_the_address_is_in_no_verdict():
    async with serve_endpoint() as endpoint:
        url = endpoint.url("/services/T00000001/B00000001/SECRETsecretsecretsecret")
        async with a_channel("slack_webhook", url=url) as channel:
            endpoint.always = Behaviour(status=404, body=f"no {url} here: T00000001/B00000001/SECRETsecretsecretsecret")
            verdict = await channel.post(a_call())
    assert verdict.said == "404 no <secret> here: <secret>/<secret>/<secret>"
