"""A recovery whose trigger never came says so."""

import pytest

from bridge.rendering.plain import plain_text
from tests.test_rendering_support import builtin, payload_of, telling_of

SAMPLE = "capture-2020-mysql-cpu-recovered"
NOTES = {"en": "Its trigger was never heard.", "zh": "此前未收到它的触发通知。"}


def recovery(kind, language, *, unheard=True):
    return telling_of(SAMPLE, kind, language=language, event={"unheard": unheard})


def said(telling, kind):
    return builtin().render(telling, strict=True).text if kind == "terminal" else str(payload_of(telling))


@pytest.mark.parametrize("kind", ["terminal", "slack", "slack_webhook"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_recovery_whose_trigger_never_came_says_so_wherever_people_read_it(kind, language):
    assert NOTES[language] in said(recovery(kind, language), kind)
    assert NOTES[language] in plain_text(recovery(kind, language))


@pytest.mark.parametrize("kind", ["terminal", "slack", "slack_webhook"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_one_whose_trigger_came_says_nothing_of_it(kind, language):
    assert NOTES[language] not in said(recovery(kind, language, unheard=False), kind)
    assert NOTES[language] not in plain_text(recovery(kind, language, unheard=False))
