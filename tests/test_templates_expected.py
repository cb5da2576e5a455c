"""What people read: the exact message of each of the 18 bodies and of each state, and a line for each set of dimensions.

The texts are the files in `tests/expected/`. After a change of templates read what changed:

    UPDATE_EXPECTED=1 python -m pytest tests/test_templates_expected.py; git diff tests/expected
"""

import json
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge import samples, sources
from bridge.alarm import ReadingKind, State
from bridge.lifecycle import decide
from bridge.message import Step
from bridge.rendering import Telling
from tests.test_rendering_support import RECEIVED_AT, alarm_of, builtin, event_of, payload_of, telling_of, with_alarm
from tests.test_sources_dimensions import SETS, wrapped

EXPECTED = Path(__file__).with_name("expected")
ROUTE = {"links": {"Runbook": "https://wiki.example/runbook", "值班手册": "https://wiki.example/oncall"}}
MENTIONED = {**ROUTE, "mention": ("<!here>",)}
CALLING = frozenset({State.TRIGGERED, State.ESCALATED})  # which mention whom the config says for a trigger
SINCE = {"started_at": RECEIVED_AT - timedelta(hours=1, minutes=5), "occurred_at": RECEIVED_AT}
LASTING = frozenset({State.REPEAT, State.ESCALATED})  # what is told of them says for how long
STATES: dict[
    State, tuple[str, dict[str, Any]]
] = {  # what each state's message is shown of: a sample, and what its event says
    State.TRIGGERED: ("capture-2020-cvm-disk-triggered", {"severity": "warn", "again": True}),
    State.REPEAT: ("capture-2021-cvm-memory-triggered", {"severity": "warn", "repeat_count": 2, **SINCE}),
    State.RECOVERED: ("capture-2020-mysql-cpu-recovered", {"severity": "serious", "unheard": True}),
    State.ESCALATED: ("capture-2020-cvm-disk-triggered", {"severity": "serious", "previous_severity": "warn", **SINCE}),
    State.EXPIRED: ("capture-2021-mysql-cpu-triggered", {**SINCE, "started_at": RECEIVED_AT - timedelta(hours=27)}),
    State.CLOSED: ("doc-2022-eventbridge-event", SINCE),
    State.REPLACED: ("capture-2021-cvm-memory-triggered", {"successor": 78, **SINCE}),
    State.UNRECOGNISED: ("template-body-triggered", {"repeat_count": 3}),
}
OTHERS = {  # what else is shown of Slack's messages, beside the states of a metric
    "metric-triggered": "capture-2021-mysql-cpu-triggered",
    "event-triggered": "doc-2021-event-triggered",
    "event-recovered": "doc-2023-cloudevents-antiddos",
}


REPLIES = [  # to an alarm's own message
    *((Step.THREAD, state) for state in (State.REPEAT, State.ESCALATED, State.RECOVERED, State.EXPIRED, State.CLOSED)),
    (Step.BROADCAST, State.RECOVERED),
]


def reply(state: State, language: str, step: Step = Step.THREAD) -> Telling:
    """Give an answer to an alarm's own message."""
    sample, event = STATES[state]
    telling = telling_of(sample, "slack", state=state, language=language, route=route_in(state), event=event)
    return replace(lasting(telling), step=step, brief=True)


def route_in(state: State) -> dict[str, Any]:
    """Give the route of what is shown in a state: other states mention nobody unless told to, or cannot."""
    return MENTIONED if state in CALLING else ROUTE


def lasting(telling: Telling) -> Telling:
    """Have the callback say for how long, as a repeat's does; and where it leads, as the newer ones do."""
    given = {"url": "https://tcop.qq.com/r/x1"} if telling.alarm.kind else {}
    more = {"duration_seconds": 3900} if telling.event.state in LASTING else {}
    return with_alarm(telling, **given, **more)


def compare(name: str, text: str):
    path = EXPECTED / name
    if os.environ.get("UPDATE_EXPECTED"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text("utf-8")


def told(sample: str, kind: str, language: str) -> Telling | None:
    """Judge a sample as though nothing had been heard before; None for what people are not told of."""
    reading = sources.read(samples.body(sample), RECEIVED_AT)
    if reading.kind is ReadingKind.VERIFICATION:
        return None
    if reading.alarm is None:
        return telling_of(sample, kind, language=language)
    decision = decide((), reading.alarm)
    state = State(decision.outcome.value)
    return telling_of(
        sample, kind, state=state, language=language, event={"unheard": decision.unheard, "again": decision.again}
    )


@pytest.mark.parametrize("sample", samples.names())
@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_sample_is_told_in_exactly_these_words(sample, language):
    telling = told(sample, "terminal", language)

    text = builtin().render(telling, strict=True).text if telling else "(nobody is told)"

    compare(f"terminal/{sample}.{language}.txt", text + "\n")


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_state_is_told_in_exactly_these_words(state, language):
    sample, event = STATES[state]
    telling = lasting(telling_of(sample, state=state, language=language, route=ROUTE, event=event))

    text = builtin().render(telling, strict=True).text

    compare(f"terminal/state-{state}.{language}.txt", text + "\n")
    lines = text.splitlines()
    assert all(line == line.rstrip() and line for line in lines)
    assert all(line.startswith("  ") and not line.startswith("   ") for line in lines[1:])


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_state_is_told_to_slack_in_exactly_these_blocks(state, language):
    sample, event = STATES[state]
    telling = lasting(telling_of(sample, "slack", state=state, language=language, route=route_in(state), event=event))

    payload = payload_of(telling)

    compare(f"slack/state-{state}.{language}.json", json.dumps(payload, ensure_ascii=False, indent=2) + "\n")


@pytest.mark.parametrize(("step", "state"), REPLIES)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_answer_to_the_alarms_message_says_in_exactly_these_words_what_is_new(step, state, language):
    telling = reply(state, language, step)

    payload = payload_of(telling)

    compare(f"slack/{step}-{state}.{language}.json", json.dumps(payload, ensure_ascii=False, indent=2) + "\n")
    assert payload["text"] == payload_of(replace(telling, brief=False))["text"]


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_metric_and_an_event_are_told_to_slack_in_exactly_these_blocks(name, language):
    payload = payload_of(telling_of(OTHERS[name], "slack", language=language, route=ROUTE))

    compare(f"slack/{name}.{language}.json", json.dumps(payload, ensure_ascii=False, indent=2) + "\n")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_slack_and_its_webhook_are_told_the_same(language):
    for state, (sample, event) in STATES.items():
        asked: dict[str, Any] = {"state": state, "language": language, "route": MENTIONED, "event": event}
        assert payload_of(telling_of(sample, "slack", **asked)) == payload_of(
            telling_of(sample, "slack_webhook", **asked)
        )


def test_each_set_of_dimensions_has_its_line():
    compare("dimensions.txt", "".join(f"{row}\n" for row in map(_row, SETS)))


def test_each_dimension_that_says_something_is_in_the_message():
    for entry in SETS:
        text = builtin().render(_of_set(entry), strict=True).text
        for key, value in entry["dimensions"].items():
            if isinstance(value, str) and key.lower() not in {"objid", "appid", "__region__"}:
                assert value.strip() in text


def _of_set(entry) -> Telling:
    alarm = replace(wrapped(entry), policy_type_name="")  # the documented body's is of another product
    telling = telling_of(language="zh" if entry["language"] == "zh" else "en")
    return replace(telling, alarm=alarm, event=event_of(alarm))


def _row(entry) -> str:
    """Show what a set is of, and what the message says of it: the first line, the product, the dimensions."""
    first, *lines = builtin().render(_of_set(entry), strict=True).text.splitlines()
    wanted = ("  Product ", "  产品 ", "  Dimensions ", "  维度 ")
    shown = [" ".join(line.split()) for line in lines if line.startswith(wanted)]
    return "\n  ".join([f"{entry['product']} {entry['year']} {entry['kind']}", first, *shown])


@pytest.mark.parametrize("kind", ["terminal", "slack", "slack_webhook"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_built_in_template_takes_every_sample(kind, language):
    for sample in samples.names():
        for state in STATES:
            message = builtin().render(telling_of(sample, kind, state=state, language=language), strict=True)
            assert message.problem == ""


def test_every_sample_reads_as_an_alarm_or_says_why_not():
    for name in samples.names():
        alarm = alarm_of(samples.body(name))
        assert alarm.kind or alarm.details["problem"] or name.startswith("verification")
