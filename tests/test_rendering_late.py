"""A message that waited long says so: when it happened, and what happened since."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.rendering.plain import plain_text
from tests.test_rendering_support import RECEIVED_AT, builtin, payload_of, telling_of

SAMPLE = "capture-2020-mysql-cpu-recovered"
NOTES = {
    "en": (
        "It triggered and recovered while this message waited.",
        "Late: happened at 2020-11-23 17:40:00 +08:00, waited 25 min",
    ),
    "zh": ("它在消息等待期间触发并已恢复。", "延迟：发生于 2020-11-23 17:40:00 +08:00，等待了 25 分钟"),
}
ON_THE_READERS_CLOCK = {
    "en": (
        NOTES["en"][0],
        "Late: happened at <!date^1606124400^{date_short_pretty} {time}|2020-11-23 17:40:00 +08:00>, waited 25 min",
    ),
    "zh": (
        NOTES["zh"][0],
        "延迟：发生于 <!date^1606124400^{date_short_pretty} {time}|2020-11-23 17:40:00 +08:00>，等待了 25 分钟",
    ),
}
ROWS = {
    "en": (
        "  Note        It triggered and recovered while this message waited.",
        "  Late        happened at 2020-11-23 17:40:00 +08:00, waited 25 min",
    ),
    "zh": (
        "  备注      它在消息等待期间触发并已恢复。",
        "  延迟      发生于 2020-11-23 17:40:00 +08:00，等待了 25 分钟",
    ),
}


def late(kind="terminal", *, minutes=25.0, together=True, **more):
    telling = telling_of(SAMPLE, kind, **more)
    return replace(telling, sent_at=RECEIVED_AT + timedelta(minutes=minutes), together=together)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_plain_text_says_when_it_happened_and_what_happened_since(language):
    lines = plain_text(late(language=language)).splitlines()
    assert lines[3:5] == list(NOTES[language])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_so_does_the_terminal(language):
    lines = builtin().render(late(language=language), strict=True).text.splitlines()
    assert lines[3:5] == list(ROWS[language])


@pytest.mark.parametrize("kind", ["slack", "slack_webhook"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_so_does_slack(kind, language):
    said = str(payload_of(late(kind, language=language)))
    assert [note for note in ON_THE_READERS_CLOCK[language] if note not in said] == []


@pytest.mark.parametrize("kind", ["terminal", "slack"])
def test_what_waited_ten_minutes_says_nothing_of_it(kind):
    telling = late(kind, minutes=10, together=False)
    assert builtin().render(telling, strict=True) == builtin().render(replace(telling, sent_at=None), strict=True)
    assert plain_text(telling) == plain_text(replace(telling, sent_at=None))


def test_a_template_knows_how_long_it_waited():
    assert late().late == timedelta(minutes=25)
    assert late(minutes=10.01).late is not None
    assert late(minutes=10).late is None
