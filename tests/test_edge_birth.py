"""How an edge comes into being, by itself."""

import subprocess
import sys

FAILS = """
from bridge.edge.birth import fork

def work(wire):
    raise ValueError("made up")

try:
    said = fork(work).wire.recv(1)
except ValueError:
    said = "and so is this"
print("this is the bridge", said, flush=True)
"""


def test_one_that_fails_is_over_and_does_not_go_on_as_another_bridge():
    ended = subprocess.run([sys.executable, "-c", FAILS], capture_output=True, text=True, check=True, timeout=30)
    assert [line for line in ended.stdout.splitlines() if "bridge b" in line or "so is" in line] == [
        "this is the bridge b''"
    ]
    assert "made up" in ended.stdout + ended.stderr
