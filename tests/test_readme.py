"""The README shows what the product prints, its config is one, and no page leads nowhere."""

import re
from pathlib import Path

import pytest

from bridge.config import load

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def test_the_message_that_it_begins_with_is_the_one_that_its_first_command_sends():
    shown = re.search(r"```text\n(▲.*?)```", README, re.DOTALL)
    sent = re.search(r"alarm-bridge send ([a-z]\S+)", README)
    assert shown
    assert sent
    real = (ROOT / "tests" / "expected" / "terminal" / f"{sent[1]}.en.txt").read_text()
    assert shown[1].strip() == real.strip()


def test_nothing_is_told_to_listen_everywhere_before_tls_is_spoken_of():
    assert 0 < README.index("**TLS**") < README.index("0.0.0.0")


def headings(page):
    """Give the anchors of a page, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_page_and_heading_that_a_page_leads_to_is_there(page):
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target, heading in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)]*))?\)", prose):
        other = page.parent / target if target else page
        assert other.exists(), target
        assert not heading or heading in headings(other), f"{target}#{heading}"


def test_the_config_of_the_first_slack_channel_is_right(tmp_path):
    block = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert block is not None
    file = tmp_path / "config.yaml"
    file.write_text("\n".join(line.removeprefix("   ") for line in block[1].splitlines()))
    loaded = load(file, {"SLACK_BOT_TOKEN": "xoxb-1-2-abc", "ALARM_BRIDGE_TOKEN": "0123456789abcdef0123"})
    assert list(loaded.config.channels) == ["ops"]
    assert loaded.warnings == ()
