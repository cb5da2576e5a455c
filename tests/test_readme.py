"""The README shows what the product prints, and its config is one."""

import re
from pathlib import Path

from bridge.config import load

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_message_that_it_begins_with_is_a_real_one():
    shown = re.search(r"```text\n(▲.*?)```", README, re.DOTALL)
    assert shown is not None
    real = (ROOT / "tests" / "expected" / "terminal" / "capture-2020-cvm-disk-triggered.en.txt").read_text()
    assert shown[1].strip() == real.strip()


def test_the_config_of_the_first_slack_channel_is_right(tmp_path):
    block = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert block is not None
    file = tmp_path / "config.yaml"
    file.write_text("\n".join(line.removeprefix("   ") for line in block[1].splitlines()))
    loaded = load(file, {"SLACK_BOT_TOKEN": "xoxb-1-2-abc", "ALARM_BRIDGE_TOKEN": "0123456789abcdef0123"})
    assert list(loaded.config.channels) == ["ops"]
    assert loaded.warnings == ()
