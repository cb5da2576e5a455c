"""A broken channel that can be asked is asked, not posted to; settings that changed are tried at once."""

import pytest

from bridge.message import Answer
from tests.fakes.channels import a_channel
from tests.fakes.endpoint import Behaviour, serve_endpoint
from tests.fakes.scripted import SENT, Scripted, a_verdict, scripted
from tests.fakes.slack import TOKEN, Trouble, serve_slack
from tests.fakes.spine import a_spine
from tests.fakes.virtual import virtual
from tests.test_delivery_broken import ONE, broken, of, recovery, take
from tests.test_troubles import own

DEAD = "UPDATE deliveries SET state = 'dead'"
WRONG = "xoxb-wrong-wrong-wrong"
SLACK = """
server: {auth: off}
channels:
  ops: {type: slack, token: %s, channel: "%s", api_url: "%s"%s}
  here: {type: terminal}
routes: [{match: {kind: "!bridge"}, channels: [ops]}]
default_channels: [here]
"""


def config(slack, token=WRONG, channel="#ops", more=""):
    return SLACK % (token, channel, slack.api_url, more)


def methods(slack):
    return [call.method for call in slack.calls]


@virtual
async def test_a_wrong_token_is_asked_about_and_all_that_waited_goes_out_when_it_is_mended_in_the_file(tmp_path, clock):
    async with serve_slack() as slack:
        async with a_spine(tmp_path, config(slack), clock, own_alarms=True) as spine:
            await take(spine, of(1), of(2))
            await spine.settle(5)
            assert methods(slack) == ["chat.postMessage"]
            await spine.settle(2000)
            assert methods(slack)[1:] == ["auth.test"] * 2
            assert own(spine) == ["triggered channel_broken ops"]
            told = spine.out.getvalue()
            assert "▲ Triggered · serious · Channel broken · ops\n  Problem     200 invalid_auth" in told
        before = len(slack.calls)
        async with a_spine(tmp_path, config(slack, TOKEN), clock, own_alarms=True) as spine:
            await spine.settle(20)
            assert methods(slack)[before:] == ["auth.test", "chat.postMessage", "chat.postMessage"]
            assert not broken(spine, "ops")
            assert own(spine)[1:] == ["recovered channel_broken ops"]
            assert spine.rows("SELECT count(*) FROM deliveries WHERE channel = 'ops' AND state = 'sent'") == [(2,)]
            assert "✔ Recovered · serious · Channel broken · ops" in spine.out.getvalue()
            assert WRONG not in told + spine.out.getvalue() + str(spine.logs)


@virtual
async def test_a_token_that_is_right_again_is_noticed_though_nothing_waits(tmp_path, clock):
    async with serve_slack() as slack:
        text = config(slack, more=", fallback: here")
        async with a_spine(tmp_path, text, clock, own_alarms=True) as spine:
            await take(spine, of(1))
            await spine.settle(320)
            assert methods(slack) == ["chat.postMessage", "auth.test"]
            assert spine.deliveries("channel, events.state, deliveries.state")[1:] == [
                ("here", "triggered", "sent"), ("here", "triggered", "sent")
            ]  # fmt: skip
            slack.tokens.add(WRONG)
            await spine.settle(700)
            assert methods(slack)[2:] == ["auth.test"]
            assert not broken(spine, "ops")
            await take(spine, recovery(1), of(2))
            await spine.settle(5)
            assert len(slack.top_level) == 1


@virtual
async def test_a_room_that_is_gone_is_tried_with_what_waits_since_asking_says_nothing_of_it(tmp_path, clock):
    async with serve_slack() as slack, a_spine(tmp_path, config(slack, TOKEN, "#gone"), clock) as spine:
        await take(spine, of(1))
        await spine.settle(320)
        assert methods(slack) == ["chat.postMessage", "auth.test", "chat.postMessage"]
        assert broken(spine, "ops")
        await spine.settle(620)
        assert methods(slack)[3:] == ["auth.test", "chat.postMessage"]
        assert broken(spine, "ops")


@virtual
async def test_who_gives_no_answer_when_asked_is_asked_again_a_minute_later(tmp_path, clock):
    async with serve_slack() as slack, a_spine(tmp_path, config(slack), clock) as spine:
        await take(spine, of(1))
        await spine.settle(290)
        slack.next.extend([Trouble(status=503), Trouble(status=503)])
        await spine.settle(120)
        assert methods(slack) == ["chat.postMessage"] + ["auth.test"] * 2
        slack.tokens.add(WRONG)
        await spine.settle(60)
        assert not broken(spine, "ops")


@virtual
async def test_settings_that_changed_are_taken_at_their_word_where_nothing_waits_to_try_them_with(tmp_path, clock):
    channel = Scripted(clock, lambda _: a_verdict(Answer.BROKEN))
    change = scripted(clock, {"tickets": channel})
    async with a_spine(tmp_path, ONE % "10s", clock, change=change) as spine:
        await take(spine, of(1))
        await spine.settle(5)
        await spine.writer.do(lambda connection: connection.exec_driver_sql(DEAD).close())
    async with a_spine(tmp_path, ONE % "10s", clock, change=change) as spine:
        await spine.settle(2000)
        assert broken(spine)
    async with a_spine(tmp_path, ONE % "11s", clock, change=change) as spine:
        await spine.settle(1)
        assert not broken(spine)
        assert len(channel.calls) == 1


@pytest.mark.parametrize(
    ("behaviour", "answer", "said"),
    [
        (Behaviour(body='{"ok": true}'), Answer.SENT, "ok"),
        (Behaviour(body='{"ok": false, "error": "account_inactive"}'), Answer.BROKEN, "account_inactive"),
        (Behaviour(body='{"ok": false, "error": "fatal_error"}'), Answer.AMBIGUOUS, "fatal_error"),
        (Behaviour(status=429, headers={"Retry-After": "7"}), Answer.RETRY, "429"),
        (Behaviour(fails="drop"), Answer.AMBIGUOUS, ""),
    ],
)
async def test_slack_is_asked_by_auth_test(behaviour, answer, said):
    async with (
        serve_endpoint() as endpoint,
        a_channel("slack", token=TOKEN, channel="#ops", api_url=endpoint.url("/api/")) as channel,
    ):
        endpoint.always = Behaviour(
            status=behaviour.status,
            body=behaviour.body,
            fails=behaviour.fails,
            headers={"Content-Type": "application/json", **behaviour.headers},
        )
        verdict = await channel.ask()  # type: ignore[attr-defined]  # a Slack
    assert (verdict.answer, said in verdict.said) == (answer, True)
    assert endpoint.received[0].target == "/api/auth.test"
    assert SENT.receipt is verdict.receipt is None
