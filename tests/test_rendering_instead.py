"""A message that goes to a fallback channel says so: in whose place, and why."""

from dataclasses import replace

import pytest

from bridge.rendering.plain import plain_text
from tests.test_rendering_support import builtin, payload_of, telling_of

SAMPLES = ("capture-2021-cvm-memory-triggered", "template-body-triggered")  # an alarm, and what is none
PLAIN = {
    "en": "Sent here: instead of ops, which is broken: invalid_auth: it was revoked",
    "zh": "发到这里：因为 ops 通道故障：invalid_auth: it was revoked",
}
ROW = {
    "en": "  Sent here   instead of ops, which is broken: invalid_auth: it was revoked",
    "zh": "  发到这里  因为 ops 通道故障：invalid_auth: it was revoked",
}
SLACK = {
    "en": "*Sent here*  instead of ops, which is broken: invalid_auth: it was revoked",
    "zh": "*发到这里*  因为 ops 通道故障：invalid_auth: it was revoked",
}


def instead(sample, kind="terminal", language="en"):
    return replace(telling_of(sample, kind, language=language), instead_of="ops: invalid_auth: it was revoked")


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_plain_text_and_the_terminal_say_in_whose_place_they_are_told(sample, language):
    telling = instead(sample, language=language)
    assert PLAIN[language] in plain_text(telling).splitlines()
    assert ROW[language] in builtin().render(telling, strict=True).text.splitlines()


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("kind", ["slack", "slack_webhook"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_slack_says_it_in_a_line_of_its_own(sample, kind, language):
    payload = payload_of(instead(sample, kind, language))
    (said,) = [block["text"]["text"] for block in payload["attachments"][0]["blocks"] if "ops" in str(block)]
    assert said == SLACK[language]


def test_whoever_is_told_in_nobodys_place_reads_nothing_of_it():
    telling = telling_of()
    assert "Sent here" not in builtin().render(telling).text + plain_text(telling)
