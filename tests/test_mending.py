"""A message that Slack refused, without what Slack names as its fault."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.channels.mending import cut, mended
from bridge.message import Answer, Step
from tests.fakes.channels import a_call, a_channel, a_message
from tests.fakes.endpoint import Behaviour, serve_endpoint
from tests.fakes.slack import TOKEN, Trouble, serve_slack
from tests.fakes.slack_rules import units
from tests.fakes.spine import a_body, a_spine
from tests.fakes.virtual import virtual

CONFIG = """
server: {auth: off}
channels: {ops: {type: slack, token: xoxb-fake-token-of-the-strict-slack, channel: "#ops", api_url: "%s"}}
default_channels: [ops]
"""


def section(text="x", **more):
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def at(pointer, words="must be a valid enum value"):
    return [f"[ERROR] {words} [json-pointer:{pointer}]"]


A, B, C = (section(letter) for letter in "abc")
FIELDS = section(fields=[{"text": "1"}, {"text": "2"}])
SAID = {"text": "t"}


@pytest.mark.parametrize(
    ("payload", "messages", "better"),
    [
        ({"blocks": [A, B, C]}, at("/blocks/1"), {"blocks": [A, C]}),
        ({"blocks": [A, B, C]}, at("/blocks/1/text/type"), {"blocks": [A, C]}),
        ({"blocks": [A, B, C]}, at("/blocks/0") + at("/blocks/2"), {"blocks": [B]}),
        ({"blocks": [*[A] * 2, B, *[A] * 7, C]}, at("/blocks/2") + at("/blocks/10"), {"blocks": [A] * 9}),
        ({"blocks": [A, B, C]}, at("/1/type"), {"blocks": [A, C]}),
        ({"blocks": [A, FIELDS]}, at("/blocks/1/fields/0/text"), {"blocks": [A, section(fields=[{"text": "2"}])]}),
        ({"blocks": [A, section(fields=[{"text": "1"}])]}, at("/blocks/1/fields/0"), {"blocks": [A]}),
        (
            {"blocks": [section("a" * 9)]},
            at("/blocks/0/text/text", "must be less than 5 characters"),
            {"blocks": [section("aaa…")]},
        ),
        (
            {"attachments": [{"fallback": "a" * 9, "blocks": [A]}]},
            at("/attachments/0/fallback", "must be less than 5 characters"),
            {"attachments": [{"fallback": "aaa…", "blocks": [A]}]},
        ),
        ({"blocks": [A] * 60}, at("/blocks", "no more than 50 items allowed"), {"blocks": [A] * 50}),
        ({"blocks": [A] * 7}, at("/blocks", "no more than 5 items allowed"), {"blocks": [A] * 6}),
        (
            {"blocks": [A], "attachments": [{"text": "x"}]},
            at("/blocks", "no more than 0 items allowed"),
            {"attachments": [{"text": "x"}]},
        ),
        (
            {"attachments": [{"color": "red", "blocks": [A, B]}]},
            at("/attachments/0/blocks/0"),
            {"attachments": [{"color": "red", "blocks": [B]}]},
        ),
        ({"attachments": [{"blocks": [A, B]}]}, at("/blocks/0"), {"attachments": [{"blocks": [B]}]}),
        (
            {"blocks": [A, B], "attachments": [{"blocks": [C]}]},
            at("/blocks/0/accessory"),
            {"blocks": [B], "attachments": [{"blocks": [C]}]},
        ),
        ({**SAID, "attachments": [{"blocks": [A]}]}, at("/attachments/0/blocks/0"), None),
        ({"blocks": [A], "attachments": [{"text": "x"}]}, at("/attachments/0/text"), {"blocks": [A]}),
        ({**SAID, "icon_emoji": 3}, at("/icon_emoji"), SAID),
        ({**SAID, "metadata": {"event_type": 1}}, at("/metadata/event_type"), SAID),
        ({"blocks": [A]}, at("/blocks/0"), None),
        ({"blocks": [A]}, at("/blocks/7"), None),
        ({"blocks": [A]}, at("/nothing/here"), None),
        ({"blocks": [A]}, at(""), None),
        ({"blocks": [A]}, at("/"), None),
        ({"blocks": [A]}, ["[ERROR] something is wrong"], None),
        ({"blocks": [A]}, [], None),
    ],
)
def test_what_slack_points_at_is_left_out_or_shortened_and_nothing_else(payload, messages, better):
    assert mended(payload, "invalid_blocks", messages) == better


@pytest.mark.parametrize(
    ("code", "payload", "better"),
    [
        ("metadata_too_large", {**SAID, "metadata": {}}, SAID),
        ("invalid_metadata_format", {**SAID, "metadata": 1}, SAID),
        ("invalid_metadata_schema", {**SAID, "metadata": 1}, SAID),
        ("msg_too_long", {"text": "a" * 4001, "blocks": [A]}, {"text": "a" * 2999 + "…", "blocks": [A]}),
        ("too_many_attachments", {"attachments": [{"text": "x"}] * 101}, {"attachments": [{"text": "x"}] * 20}),
        ("msg_blocks_too_long", {"blocks": [section("a" * 2900)] * 5}, {"blocks": [section("a" * 2900)] * 2}),
        (
            "msg_blocks_too_long",
            {"blocks": [A], "attachments": [{"blocks": [section("a" * 2900)] * 5}]},
            {"blocks": [A], "attachments": [{"blocks": [section("a" * 2900)] * 2}]},
        ),
        ("msg_blocks_too_long", {"blocks": [A]}, None),
        ("msg_blocks_too_long", {"blocks": [section("a" * 3987, expand=True)] * 2}, None),
        (
            "msg_blocks_too_long",
            {"blocks": [section("a" * 3987), section("a" * 3988)]},
            {"blocks": [section("a" * 3987)]},
        ),
        ("metadata_too_large", SAID, None),
        ("invalid_blocks", {"blocks": [A]}, None),
        ("no_text", {"blocks": []}, None),
        ("brand_new_code", SAID, None),
    ],
)
def test_a_code_that_says_what_is_wrong_is_taken_at_its_word(code, payload, better):
    assert mended(payload, code, []) == better


def test_the_message_that_was_refused_stays_as_it_is():
    payload = {"blocks": [section("a" * 9), B]}
    mended(payload, "invalid_blocks", at("/blocks/0/text/text", "must be less than 5 characters") + at("/blocks/1"))
    assert payload == {"blocks": [section("a" * 9), B]}


@pytest.mark.parametrize(
    ("text", "limit", "kept"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("ab &amp; cd", 7, "ab …"),
        ("ab <https://a.b|c> d", 10, "ab …"),
        ("ab <a> cd", 8, "ab <a> …"),
        ("a😀b", 3, "a…"),
        ("<a> <b> <cd>", 11, "<a> <b> …"),
        ("<a> <b> c d e", 11, "<a> <b> c …"),
        ("a\ud83d b c d", 6, "a b …"),
        ("abc", 1, "…"),
    ],
)
def test_a_text_is_cut_before_what_it_would_cut_in_half(text, limit, kept):
    assert cut(text, limit) == kept


@given(st.text(max_size=30), st.integers(1, 20))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_a_text_that_was_cut_is_within_its_limit(text, limit):
    assert units(cut(text, limit)) <= limit


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["blocks", "text", "0"]), inner),
    max_leaves=8,
)
POINTERS = st.lists(st.sampled_from(["blocks", "attachments", "0", "1", "text", "fields", ""]), max_size=4).map(
    "/".join
)


@given(
    st.dictionaries(st.sampled_from(["blocks", "attachments", "text", "metadata"]), JSON),
    st.lists(POINTERS, max_size=3),
    st.sampled_from(["must be less than 3 characters", "no more than 50 items allowed", "?"]),
    st.sampled_from(["invalid_blocks", "msg_blocks_too_long", "too_many_attachments", "msg_too_long"]),
)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_nothing_that_a_template_may_have_made_and_slack_may_say_is_too_odd_to_be_mended(
    payload, pointers, words, code
):
    better = mended(payload, code, [message for pointer in pointers for message in at(pointer, words)])
    assert better is None or better.keys() <= payload.keys()


ODD = {"type": "hologram"}


@pytest.mark.parametrize("step", [Step.POST, Step.UPDATE, Step.THREAD, Step.BROADCAST])
async def test_a_message_whose_block_is_refused_is_told_at_once_without_it(step):
    rich = a_message("x", text="CPU", blocks=[A, ODD], attachments=[{"color": "danger", "blocks": [ODD, B]}])
    async with (
        serve_slack() as slack,
        a_channel("slack", token=TOKEN, channel="#ops", api_url=slack.api_url) as channel,
    ):
        first = await channel.post(a_call(a_message("first")))
        verdict = await channel.post(a_call(rich, step=step, receipt=first.receipt))
    # The attachment is refused first; the second call finds the block refused, and Slack is asked no third time.
    assert (verdict.answer, verdict.calls, verdict.plain_helps) == (Answer.REJECTED, 2, True)
    assert len(slack.calls) == 3


async def test_what_was_left_out_and_why_is_kept_with_the_attempt():
    async with (
        serve_slack() as slack,
        a_channel("slack", token=TOKEN, channel="#ops", api_url=slack.api_url) as channel,
    ):
        verdict = await channel.post(a_call(a_message("x", text="CPU", blocks=[A, ODD])))
    assert (verdict.answer, verdict.calls) == (Answer.SENT, 2)
    assert verdict.said == (
        "200 ok; without what Slack refused: "
        "200 invalid_blocks; [ERROR] unsupported type: hologram [json-pointer:/blocks/1]"
    )
    assert slack.messages[0].content == {"text": "CPU", "blocks": [A]}


async def test_what_becomes_of_the_second_call_is_what_counts():
    async with (
        serve_slack() as slack,
        a_channel("slack", token=TOKEN, channel="#ops", api_url=slack.api_url) as channel,
    ):
        slack.next.extend(
            [Trouble(error="metadata_too_large"), Trouble(error="ratelimited", headers={"Retry-After": "7"})]
        )
        verdict = await channel.post(a_call(a_message("x", text="CPU", metadata={"event_type": "x"})))
    assert (verdict.answer, verdict.after_seconds, verdict.calls) == (Answer.RETRY, 7.0, 2)


async def test_plain_text_is_not_mended():
    async with (
        serve_slack() as slack,
        a_channel("slack", token=TOKEN, channel="#ops", api_url=slack.api_url) as channel,
    ):
        slack.next.append(Trouble(error="msg_too_long"))
        verdict = await channel.post(a_call(a_message("x")))
    assert (verdict.answer, verdict.calls, len(slack.calls)) == (Answer.REJECTED, 1, 1)


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(error="metadata_too_large"),
        Trouble(error="invalid_metadata_schema"),
        Trouble(error="metadata_must_be_sent_from_app"),
    ],
    ids=lambda trouble: trouble.error,
)
async def test_plain_text_whose_metadata_is_refused_goes_without(trouble):
    async with (
        serve_slack() as slack,
        a_channel("slack", token=TOKEN, channel="#ops", api_url=slack.api_url) as channel,
    ):
        slack.next.append(trouble)
        verdict = await channel.post(a_call(a_message("x")))
    assert (verdict.answer, verdict.calls) == (Answer.SENT, 2)
    assert verdict.without == f"without what Slack refused: 200 {trouble.error}"
    first, second = [call.arguments for call in slack.calls]
    assert first == {**second, "metadata": {"event_type": "alarm_bridge", "event_payload": {"delivery_id": "42"}}}
    assert second["text"] == "x"


@virtual
async def test_a_message_that_is_refused_gets_two_further_calls_one_mended_and_one_plain(tmp_path, clock):
    async with serve_slack() as slack:
        slack.next.extend(Trouble(error=code) for code in ("metadata_too_large", "invalid_blocks", "invalid_blocks"))
        async with a_spine(tmp_path, CONFIG % slack.api_url, clock) as spine:
            await spine.take(a_body())
            await spine.settle(5)
            assert spine.rows("SELECT state, attempts FROM deliveries ORDER BY id")[0] == ("dead", 2)
        rich, better, plain = [call.arguments for call in slack.calls][:3]
        assert {*rich} - {*better} == {"metadata"}
        assert better == {name: rich[name] for name in better}
        assert {*plain} == {"channel", "text", "metadata", "unfurl_links", "unfurl_media"}


async def test_an_incoming_webhook_that_names_the_fault_is_told_without_it():
    async with serve_endpoint() as endpoint, a_channel("slack_webhook", url=endpoint.url()) as channel:
        endpoint.next.append(Behaviour(status=400, body="too_many_attachments"))
        verdict = await channel.post(a_call(a_message("x", text="CPU", attachments=[{"text": "x"}] * 101)))
    assert (verdict.answer, verdict.calls) == (Answer.SENT, 2)
    assert verdict.said == "200 ok; without what Slack refused: 400 too_many_attachments"
    assert [len(received.json()["attachments"]) for received in endpoint.received] == [101, 20]


async def test_an_incoming_webhook_that_does_not_name_it_is_called_once():
    async with serve_endpoint() as endpoint, a_channel("slack_webhook", url=endpoint.url()) as channel:
        endpoint.always = Behaviour(status=400, body="invalid_blocks")
        verdict = await channel.post(a_call(a_message("x", text="CPU", blocks=[A])))
    assert (verdict.answer, verdict.plain_helps, verdict.calls) == (Answer.REJECTED, True, 1)
    assert len(endpoint.received) == 1
