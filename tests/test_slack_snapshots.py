"""What else people read in Slack, as files in `expected/slack` and `expected/own`, beside those of `test_templates_expected`.

Each kind of alarm in each state, all that a message may say besides, each of the bridge's own alarms, and
what `test-channel` posts, in both languages. A webhook's message is the same.
"""

import json
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from bridge.alarm import State
from bridge.commands.try_channel import _message
from bridge.message import Count
from bridge.trouble import Trouble
from tests.test_rendering_digest import digest
from tests.test_rendering_support import RECEIVED_AT, SHANGHAI, builtin, channel, payload_of, telling_of, with_alarm
from tests.test_templates_expected import ROUTE, compare
from tests.test_templates_own import STATES as OWN_STATES
from tests.test_templates_own import a_telling as own

METRIC, EVENT = "capture-2021-cvm-memory-triggered", "doc-2021-event-triggered"
OVER: dict[str, Any] = {"occurred_at": RECEIVED_AT}
EVENTS: dict[State, dict[str, Any]] = {
    State.TRIGGERED: {"occurred_at": RECEIVED_AT - timedelta(hours=1)},
    State.REPEAT: {"repeat_count": 2, **OVER},
    State.RECOVERED: {"recovered_at": RECEIVED_AT, **OVER},
    State.ESCALATED: {"severity": "serious", "previous_severity": "warn", **OVER},
    State.EXPIRED: OVER,
    State.CLOSED: OVER,
    State.REPLACED: {**OVER, "successor": 78},
}
KINDS = {"metric": METRIC, "event": EVENT}
BROKEN = "ops: 200 is_archived"


def of(language, state=State.TRIGGERED, *, sample=METRIC, **more):
    event = {"started_at": RECEIVED_AT - timedelta(hours=1), **EVENTS.get(state, {})}
    return replace(telling_of(sample, "slack", state=state, language=language, route=ROUTE, event=event), **more)


def late(language, **more):
    return of(language, sent_at=RECEIVED_AT + timedelta(minutes=25), **more)


def again(language):
    telling = of(language)
    last = "https://example.slack.com/archives/C00000OPS/p1700000000000001"
    return replace(telling, event=replace(telling.event, again=True), before=last)


def ends(language):
    """Give the answer to a digest: what it told of is over."""
    worst = [of(language, State.RECOVERED)]
    counts = (Count(policy="Default (policy-w0k4d7sr)", state=State.RECOVERED, alarms=3),)
    return digest("slack", language, counts=counts, whom=(), worst=worst)


def mentioning(telling):
    """Have it mention somebody, as a config may say for any state but those that are told by an update alone."""
    return replace(telling, route=replace(telling.route, mention=("<!here>", "<@U012AB3CD>")))


SAID_BESIDES = {
    "said-again": again,
    "said-late": late,
    "said-together": lambda language: late(language, state=State.RECOVERED, together=True),
    "said-handed-over": lambda language: of(language, instead_of=BROKEN),
    "said-recovery-handed-over": lambda language: of(language, State.RECOVERED, instead_of=BROKEN),
    "said-follows": lambda language: of(language, State.REPEAT, follows="200 message_not_found"),
    "said-recovery-follows": lambda language: of(language, State.RECOVERED, follows="200 edit_window_closed"),
    "said-in-its-own-timezone": lambda language: replace(
        of(language), channel=channel("slack", language=language, own_timezone=True)
    ),
    "said-recovery-that-mentions": lambda language: mentioning(of(language, State.RECOVERED)),
    "said-answer-that-mentions": lambda language: mentioning(of(language, State.RECOVERED, brief=True)),
    "digest-of-ends": ends,
}


def compared(name, telling):
    payload = payload_of(telling)
    webhook = channel("slack_webhook", language=telling.channel.language, own_timezone=telling.channel.own_timezone)
    assert payload_of(replace(telling, channel=webhook)) == payload
    compare(f"{name}.{telling.channel.language}.json", json.dumps(payload, ensure_ascii=False, indent=2) + "\n")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("state", EVENTS)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_kind_of_alarm_is_told_in_each_state_in_exactly_these_blocks(kind, state, language):
    compared(f"slack/of-{kind}-{state}", of(language, state, sample=KINDS[kind]))


@pytest.mark.parametrize("name", SAID_BESIDES)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_said_besides_is_said_in_exactly_these_blocks(name, language):
    compared(f"slack/{name}", SAID_BESIDES[name](language))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_a_message_had_no_room_for_is_told_in_exactly_these_blocks(language):
    """A heading has 150 units, and this pod's name alone nearly that."""
    pod = "recommendation-ranking-service-canary-green-6f9c7d5b48-x2vqk.recommendation-production.svc.cluster.local"
    dimensions = {"unInstanceId": "ins-b6y3n0wd", "deviceName": pod}
    telling = with_alarm(
        of(language), dimensions=dimensions, metric_label="Container working set memory against its limit"
    )

    (rest,) = builtin().render(telling, strict=True).rest

    compare(f"slack/rest.{language}.json", json.dumps(rest.payload, ensure_ascii=False, indent=2) + "\n")


@pytest.mark.parametrize("trouble", [one for one in Trouble if one is not Trouble.CHANNEL_BROKEN])
@pytest.mark.parametrize("state", OWN_STATES)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_trouble_of_the_bridge_is_told_in_exactly_these_blocks(trouble, state, language):
    compared(f"own/slack-{trouble}-{state}", own(trouble, state, "slack", language))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_test_channel_posts_is_marked_in_exactly_these_blocks(language):
    config: Any = SimpleNamespace(language=language, timezone=SHANGHAI, templates=None)
    settings: Any = SimpleNamespace(type="slack", language=None, timezone=None, template=None)

    message, _ = _message(config, "ops", settings, State.TRIGGERED, RECEIVED_AT)

    compare(f"slack/test-message.{language}.json", json.dumps(message.payload, ensure_ascii=False, indent=2) + "\n")
