"""What a digest says, word for word, and that it stays within what Slack takes."""

import json
from dataclasses import replace

import pytest

from bridge.alarm import State
from bridge.check.limits import refusal
from bridge.composing import of_digest
from bridge.digesting import NAMED
from bridge.message import Count, Digest
from bridge.rendering.dialects.slack import MAX_TEXT
from bridge.rendering.plain import plain_text
from tests.test_rendering_support import builtin, payload_of, rendered, telling_of, with_alarm
from tests.test_templates_expected import compare

SERIOUS = ("capture-2020-cvm-disk-triggered", {"severity": "serious"})
OVER: tuple[str, dict[str, str]] = ("capture-2020-mysql-cpu-recovered", {})
COUNTS = (
    Count(policy="mysql (policy-q2n6b8ya)", state=State.RECOVERED, alarms=1),
    Count(policy="disk (policy-3hx7rw0c)", state=State.TRIGGERED, severity="warn", alarms=90),
    Count(policy="disk (policy-3hx7rw0c)", state=State.TRIGGERED, severity="serious", alarms=9),
    Count(policy="mysql (policy-q2n6b8ya)", state=State.REPEAT, alarms=7),
)


def digest(kind="terminal", language="en", *, counts=COUNTS, whom=("<!here>",), worst=None):
    tellings = worst or [telling_of(sample, kind, language=language, event=event) for sample, event in (SERIOUS, OVER)]
    event = replace(tellings[0].event, state=State.DIGEST, episode_id=0, number=0, key="digest")
    telling = replace(tellings[0], event=event, body=b"")
    return of_digest(telling, Digest(counts=counts, worst=()), tellings, whom)


def test_the_plain_text_counts_by_state_and_policy_and_names_the_worst():
    assert plain_text(digest()) == (
        "≡ Digest · 107 alarms: 99 triggered, 7 still firing, 1 recovered\n"
        "disk (policy-3hx7rw0c): 99 triggered\n"
        "mysql (policy-q2n6b8ya): 7 still firing, 1 recovered\n"
        "What is open: alarm-bridge alarms --limit 107\n"
        "The 2 worst:\n"
        "▲ Triggered · serious · 磁盘利用率 · prod-media-mixer-05 (ins-k4v8q2mz)"
        " · 10.009 % · 2020-10-21 13:10:00 +08:00 · v0n3wx\n"
        "✔ Recovered · CPU利用率 · cdbro-5m1x9tfe(实例名:orders-log,IP:172.16.8.21:3306)"
        " · 18.149 % · 2020-11-23 17:36:00 +08:00 · v0n3wx"
    )


def test_the_plain_text_in_chinese():
    assert plain_text(digest(language="zh")).split("\n")[:5] == [
        "≡ 告警汇总 · 107 个告警：99 触发，7 持续，1 恢复",
        "disk (policy-3hx7rw0c)：99 触发",
        "mysql (policy-q2n6b8ya)：7 持续，1 恢复",
        "查看全部未恢复告警：alarm-bridge alarms --limit 107",
        "最严重的 2 个：",
    ]


def test_where_all_are_named_nothing_is_said_of_the_worst():
    text = plain_text(digest(counts=(Count(policy="", state=State.TRIGGERED, alarms=1), COUNTS[0])))
    assert text.split("\n")[:4] == [
        "≡ Digest · 2 alarms: 1 triggered, 1 recovered",
        "?: 1 triggered",
        "mysql (policy-q2n6b8ya): 1 recovered",
        "What is open: alarm-bridge alarms --limit 100",
    ]


def test_beyond_twenty_policies_the_others_are_counted_together():
    counts = [Count(policy=f"p{number:02}", state=State.TRIGGERED, alarms=40 - number) for number in range(25)]
    lines = plain_text(digest(counts=(*counts, COUNTS[0]))).split("\n")
    assert lines[0] == "≡ Digest · 701 alarms: 700 triggered, 1 recovered"
    assert lines[1:21] == [f"p{number:02}: {40 - number} triggered" for number in range(20)]
    assert lines[21] == "6 other policies: 90 triggered, 1 recovered"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_slack_is_told_in_exactly_these_blocks(language):
    payload = payload_of(digest("slack", language))
    compare(f"slack/state-digest.{language}.json", json.dumps(payload, ensure_ascii=False, indent=2) + "\n")


@pytest.mark.parametrize("kind", ["slack", "slack_webhook"])
def test_slack_is_told_the_same_in_blocks(kind):
    payload = payload_of(digest(kind))
    assert payload["text"] == "📋 Digest · 107 alarms: 99 triggered, 7 still firing, 1 recovered"
    ((top, states), below) = payload["blocks"], payload["attachments"][0]["blocks"]
    assert top["text"]["text"] == "📋 Digest · 107 alarms"
    assert states["text"]["text"] == "*99 triggered, 7 still firing, 1 recovered*  <!here>"
    policies, command, named, note = below
    assert policies["text"]["text"] == (
        "*disk (policy-3hx7rw0c)*: 99 triggered\n*mysql (policy-q2n6b8ya)*: 7 still firing, 1 recovered"
    )
    assert command["elements"][0]["text"] == "What is open: `alarm-bridge alarms --limit 107`"
    assert named["text"]["text"] == (
        "🔴 Triggered · serious · *磁盘利用率* · prod-media-mixer-05 (ins-k4v8q2mz) · 10.009 % · `v0n3wx`\n"
        "✅ Recovered · *CPU利用率* · cdbro-5m1x9tfe(实例名:orders-log,IP:172.16.8.21:3306) · 18.149 % · `v0n3wx`"
    )
    assert note["elements"][0]["text"] == "The worst are named here: 2 of 107."


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_longest_digest_is_within_what_slack_takes_and_names_all_fifty(language):
    long = with_alarm(telling_of("capture-2020-cvm-disk-triggered", "slack", language=language), object_name="长" * 400)
    worst = [replace(long, event=replace(long.event, number=number)) for number in range(1, NAMED + 1)]
    counts = tuple(Count(policy="策" * 300 + str(number), state=state, alarms=1)
                   for number in range(40) for state in (State.TRIGGERED, State.RECOVERED))  # fmt: skip
    telling = digest("slack", language, counts=counts, worst=worst)
    message = builtin().render(telling, strict=True)
    assert message.payload is not None
    assert refusal("slack", message.payload) == ""
    assert len(message.text) <= MAX_TEXT
    assert len(message.plain) <= MAX_TEXT
    said = str(message.payload)
    assert all(one.event.short_id in said for one in worst)


def test_a_template_of_ones_own_has_the_events_and_the_counts(tmp_path):
    text = "{{ digest.open }}/{{ digest.alarms }} {% for one in events %}{{ one.object }} {{ one.id }};{% endfor %}"
    message = rendered(tmp_path, text, digest(), strict=True)
    assert message.text == (
        "106/107 prod-media-mixer-05 (ins-k4v8q2mz) v0n3wx;"
        "cdbro-5m1x9tfe(实例名:orders-log,IP:172.16.8.21:3306) v0n3wx;"
    )
