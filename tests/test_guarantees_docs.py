"""docs/guarantees.md: each sentence that promises something names the tests that show it, and they exist.

Every such sentence is an item of a list. What stands between the lists says what is no promise; it may not speak
of what the bridge does.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
SIMULATION = re.search(r"`simulation` is `(\S+)`", PAGE)
NAMED = sorted(set(re.findall(r"`(tests/[^`\s]+)`", PAGE)))
BEHIND = re.compile(r"\n  `(simulation|tests/\S+\.py::test_\w+)`")


def blocks():
    """Give what stands below the page's introduction, each paragraph and each item of a list by itself."""
    below = PAGE[PAGE.index("\n## ") :]
    return [block.strip() for block in re.split(r"\n\n|\n(?=- )", below) if block.strip()]


def items():
    return [block for block in blocks() if block.startswith("- ")]


def paragraphs():
    return [block for block in blocks() if not block.startswith(("- ", "#", "|"))]


@pytest.mark.parametrize("item", items(), ids=lambda item: item[2:50])
def test_each_item_is_one_sentence_and_names_its_tests(item):
    sentence = BEHIND.sub("", item).removeprefix("- ")
    assert re.fullmatch(r"[A-Z][^.!?]*\.", sentence)
    assert BEHIND.search(item)


@pytest.mark.parametrize("paragraph", paragraphs(), ids=lambda paragraph: paragraph[:40])
def test_no_paragraph_promises_without_a_list_of_promises_behind_it(paragraph):
    place = blocks().index(paragraph)
    assert paragraph.endswith(":")
    assert blocks()[place + 1].startswith("- ")
    assert "the bridge" not in paragraph.lower()


def test_every_section_has_its_promises():
    for section in PAGE.split("\n## ")[1:]:
        assert re.search(r"^- ", section, re.MULTILINE), section.splitlines()[0]


@pytest.mark.parametrize("named", NAMED)
def test_each_named_test_exists(named):
    file, _, name = named.partition("::")
    assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)


def test_the_simulation_is_named_in_full_once():
    assert SIMULATION is not None
    assert PAGE.count(SIMULATION[1]) == 1
