"""The table of `make mutants`, and what is written of mutants that live."""

import json
from pathlib import Path

import pytest

from tests.mutants.survivors import Mutant, Survivor, explained, functions, tally
from tests.mutants.table import PARTS

ROOT = Path(__file__).parents[1]
EXPLAINED = list(explained((ROOT / "tests" / "mutants" / "explained.txt").read_text()))
KINDS = ("equivalent: ", "speed: ", "words: ", "elsewhere: ")
SOURCE = '''def wait(failures):
    """Give it."""
    if failures < 0:
        return 0
    return failures + 1


class Room:
    async def take(self, count):
        self.left -= count
'''
MUTATED = '''def xÇwait__mutmut_orig(failures):
    """Give it."""
    if failures < 0:
        return 0
    return failures + 1


def xÇwait__mutmut_1(failures):
    """Give it."""
    if failures <= 0:
        return 0
    return failures + 1


def xÇwait__mutmut_2(failures):
    """Give it."""
    if failures < 0:
        return 0
    return failures + 2


class Room:
    async def xǁRoomǁtake__mutmut_1(self, count):
        self.left += count
'''.replace("xÇ", "x_")


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.modules[0])
def test_every_module_of_the_table_and_its_tests_exist(part):
    assert [file for file in (*part.files, *part.test_files) if not (ROOT / file).is_file()] == []


def test_no_module_stands_in_the_table_twice():
    modules = [module for part in PARTS for module in part.modules]
    assert sorted(set(modules)) == sorted(modules)


@pytest.mark.parametrize("one", EXPLAINED, ids=lambda one: f"{one.mutants[0].file} {one.mutants[0].function}")
def test_every_explanation_is_of_a_kind_and_of_lines_that_are_in_the_code(one):
    assert one.reason.startswith(KINDS)
    for mutant in one.mutants:
        _first, lines = functions((ROOT / mutant.file).read_text())[mutant.function]
        assert [line for line in mutant.before if line not in lines] == []


def a_run(folder, codes):
    file = folder / "bridge" / "pace.py"
    mutated = folder / "mutants" / "bridge" / "pace.py"
    for path, text in ((file, SOURCE), (mutated, MUTATED)):
        path.parent.mkdir(parents=True)
        path.write_text(text)
    (mutated.parent / "pace.py.meta").write_text(json.dumps({"exit_code_by_key": codes}))
    return tally(folder, ["bridge/pace.py"])


def a_mutant(function, before, after):
    return Mutant(file="bridge/pace.py", function=function, before=(before,), after=(after,))


def test_what_lives_is_listed_with_its_line_and_change(tmp_path):
    codes = {
        "bridge.pace.x_wait__mutmut_1": 1,
        "bridge.pace.x_wait__mutmut_2": 0,
        "bridge.pace.xǁRoomǁtake__mutmut_1": 33,
    }
    assert a_run(tmp_path, codes) == (
        3,
        [
            Survivor(mutant=a_mutant("wait", "return failures + 1", "return failures + 2"), line=5, why="survived"),
            Survivor(
                mutant=a_mutant("Room.take", "self.left -= count", "self.left += count"),
                line=10,
                why="no test reaches it",
            ),
        ],
    )


@pytest.mark.parametrize("code", [1, 36, 37], ids=["killed", "without an end", "refused by mypy"])
def test_what_was_noticed_does_not_live(tmp_path, code):
    assert a_run(tmp_path, {"bridge.pace.x_wait__mutmut_1": code}) == (1, [])


def test_an_explanation_is_read_in_the_form_in_which_survivors_are_printed():
    mutants = (
        a_mutant("wait", "return failures + 1", "return failures + 2"),
        Mutant(file="bridge/pace.py", function="wait", before=("if failures < 0:", "return 0"), after=()),
    )
    text = "\n".join(["# a remark", "", "bridge/pace.py wait", "  equivalent: nobody", "  looks", *map(str, mutants)])
    (one,) = explained(text)
    assert (one.reason, one.mutants) == ("equivalent: nobody looks", mutants)
