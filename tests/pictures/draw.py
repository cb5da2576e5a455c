"""Photograph the messages of `tests/expected` as four contact sheets in `docs/pictures`: language by theme.

Run by hand (`make pictures`) when messages change. On Debian: apt install chromium fonts-noto-cjk
fonts-noto-color-emoji pngquant.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from shutil import which

from tests.pictures.page import page

ROOT = Path(__file__).parents[2]
EXPECTED = ROOT / "tests" / "expected"
PICTURES = ROOT / "docs" / "pictures"
CSS = Path(__file__).with_name("page.css")
MESSAGES = (
    "slack/metric-triggered", "slack/state-triggered", "slack/state-repeat", "slack/state-escalated", "slack/state-recovered",
    "slack/state-expired", "slack/state-closed", "slack/state-replaced", "slack/event-triggered", "slack/event-recovered",
    "slack/thread-repeat", "slack/thread-escalated", "slack/thread-recovered", "slack/thread-expired", "slack/broadcast-recovered",
    "slack/said-again", "slack/said-late", "slack/said-together", "slack/said-handed-over", "slack/said-follows", "slack/rest",
    "slack/state-digest", "slack/digest-of-ends", "slack/state-unrecognised", "own/slack-triggered", "own/slack-repeat",
    "own/slack-recovered", "own/slack-dead_letters-recovered", "slack/test-message",
)  # fmt: skip
WIDTH = 1400
CHROMIUM = (
    "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip
MEASURE = (
    "<script>document.body.dataset.height = Math.ceil(document.documentElement.getBoundingClientRect().height)</script>"
)


def main() -> None:
    """Draw the four sheets."""
    missing = [name for name in ("chromium", "pngquant") if which(name) is None]
    if missing:
        sys.exit(f"Missing here: {', '.join(missing)}. On Debian: apt install {' '.join(missing)}")
    PICTURES.mkdir(exist_ok=True)
    for language in ("en", "zh"):
        files = [EXPECTED / f"{name}.{language}.json" for name in MESSAGES]
        messages = [json.loads(file.read_text("utf-8")) for file in files if file.is_file()]
        for theme in ("light", "dark"):
            drawn = page(f"Slack · {language} · {theme}", theme, CSS.read_text("utf-8"), messages)
            photograph(drawn, PICTURES / f"slack-{language}-{theme}.png")


def photograph(drawn: str, picture: Path) -> None:
    """Take a picture of a page, as high as it is, in few colours."""
    with tempfile.TemporaryDirectory() as place:
        file = Path(place, "page.html")
        file.write_text(drawn + MEASURE, "utf-8")
        browser = (*CHROMIUM, f"--user-data-dir={place}/profile")
        dom = _run(*browser, f"--window-size={WIDTH},800", "--dump-dom", file.as_uri())
        height = re.search(r'data-height="(\d+)"', dom)
        assert height, "chromium did not say how high the page is"
        _run(*browser, f"--window-size={WIDTH},{height[1]}", f"--screenshot={picture}", file.as_uri())
    _run("pngquant", "--force", "--output", str(picture), "128", str(picture))
    print(f"{picture.relative_to(ROOT)}: {picture.stat().st_size // 1024} KiB")  # noqa: T201 - a tool that is run by hand


def _run(*arguments: str) -> str:
    return subprocess.run(arguments, capture_output=True, check=True, text=True, timeout=60).stdout


if __name__ == "__main__":
    main()
