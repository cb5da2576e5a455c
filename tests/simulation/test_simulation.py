"""Two hundred runs of the real code on a clock that jumps, with faults everywhere: every promise is kept."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation import making, seeds, table
from tests.simulation.shrinking import shrink

ROOT = Path(__file__).parents[2]
SEEDS = 200
SHARD = 100  # in one test, each of which meets every row, verdict and fault
# What the model is made of: nothing that the bridge is made of.
MODEL = (
    "scenario.py", "table.py", "model.py", "judging.py", "evidence.py", "hearing.py", "telling.py", "excuses.py", "manners.py", "threads.py",
    "chat.py", "sender.py", "lives.py", "making.py",
)  # fmt: skip


def simulate(*arguments, hash_seed="0"):
    """Run it as `make simulate` does."""
    environ = {**os.environ, "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-m", "tests.simulation", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("first", range(0, SEEDS, SHARD))
def test_two_hundred_seeds_keep_every_promise(first):
    done = simulate("--first", str(first), "--seeds", str(SHARD), "--processes", "1")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_a_run_says_how_often_it_met_each_row_verdict_and_fault_and_fails_where_one_was_never_met():
    done = simulate("--seeds", "1", "--processes", "1")
    parts = re.split(r"^(rows|verdicts|faults|never met):", done.stdout, flags=re.MULTILINE)
    assert parts[1::2] == ["rows", "verdicts", "faults", "never met"]
    _, *counted, never = parts[::2]
    for what, names, text in zip(
        ("row", "verdict", "fault"), (table.ROWS, seeds.VERDICTS, seeds.FAULTS), counted, strict=True
    ):
        met = set(re.findall(r"^ +[1-9]\d* (.*)$", text, re.MULTILINE))
        assert met
        assert [name for name in names if (name in met) is (f"{what}: {name}" in never)] == []
    assert done.returncode == 1
    assert "1 seeds in" in done.stdout
    assert ", 0 broke a promise" in done.stdout


def test_a_seed_is_the_same_run_each_time():
    first, again = (simulate("--first", "11", "--seeds", "2", "--trace").stdout.split() for _ in range(2))
    assert first == again
    assert first[0] != first[1]


@pytest.mark.parametrize("name", MODEL)
def test_the_model_shares_no_code_with_the_bridge(name):
    tree = ast.parse((Path(__file__).parent / name).read_text(encoding="utf-8"))
    imported = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert [module for module in imported if module.partition(".")[0] == "bridge"] == []


def test_every_seed_has_a_hundred_callbacks_three_channels_and_five_kinds_of_faults():
    for seed in range(SEEDS):
        scenario = making.make(seed)
        assert sum(1 + len(one.copies) for one in scenario.told) >= 100
        assert len(scenario.plan.channels) >= 3
        assert len({one.kind for one in scenario.faults}) >= 5


def test_what_fails_is_made_as_small_as_it_can_be(monkeypatch):
    def try_scenario(scenario):
        marks = {one.mark for one in scenario.told}
        wrong = ["lost: both"] if {"1003", "1007"} <= marks and len(scenario.faults) > 1 else []
        return seeds.Outcome(broken={scenario.seed: wrong} if wrong else {})

    monkeypatch.setattr("tests.simulation.shrinking.try_scenario", try_scenario)
    small = shrink(making.make(0), "lost")
    assert sorted(one.mark for one in small.told) == ["1003", "1007"]
    assert len(small.faults) == 2
