"""docs/guarantees.md: each promise names the tests that show it, and they exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[^`\s]+)`", PAGE)))


def promises():
    section = PAGE.split("## Promises")[1].split("\n## ")[0]
    return re.findall(r"^- .*?(?=^- |\Z)", section, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("promise", promises(), ids=lambda promise: promise[2:40])
def test_each_promise_is_a_sentence_that_names_a_test(promise):
    assert re.match(r"- [A-Z].*?[.]\n  `tests/\S+::test_\w+`", promise, re.DOTALL)


@pytest.mark.parametrize("named", NAMED)
def test_each_named_test_exists(named):
    file, _, name = named.partition("::")
    assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
