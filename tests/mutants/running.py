"""Runs mutmut on a copy of the tree, one part of the table after the other."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.mutants.table import Part

ROOT = Path(__file__).parents[2]
COPY = ROOT / ".mutants" / "tree"
ALSO = ("templates", "docs", "config.example.yaml", "README.md", "mypy.ini")  # what tests read, and mypy
COUNTS = re.compile(r"(\d+)/(\d+)\s+🎉 (\d+)")
STEP = 50  # mutants between two words of progress

SETTINGS = r"""[mutmut]
source_paths = bridge
only_mutate =
    {files}
pytest_add_cli_args_test_selection =
    {tests}
pytest_add_cli_args =
    -p
    no:cacheprovider
also_copy =
    {also}
timeout_multiplier = 5.0
timeout_constant = 5.0
track_dependencies = false
type_check_command =
    python
    -m
    mypy
    --config-file=mypy.ini
    --output=json
    bridge
# Words of a log line: tests assert those that an operator needs.
do_not_mutate_patterns =
    \blog\.(debug|info|warning|error|exception)\(
"""
# Less strict than `make check`: only what is wrong counts, not what is unclear, and mutmut's own additions pass.
TYPES = """[mypy]
cache_dir = {cache}
plugins = pydantic.mypy
check_untyped_defs = true
explicit_package_bases = true
disable_error_code = no-redef, var-annotated
[mypy-re2.*]
ignore_missing_imports = true
"""


class Failed(Exception):
    """Mutmut could not do its work."""


def run_part(part: Part, workers: int, tell: Callable[[str], None]) -> None:
    """Make the mutants of a part and show them to its tests; `COPY` has the results then."""
    _copy_tree()
    files, tests, also = ("\n    ".join(names) for names in (part.files, part.test_files, ALSO))
    (COPY / "mypy.ini").write_text(TYPES.format(cache=COPY.parent / "mypy"))
    (COPY / "setup.cfg").write_text(SETTINGS.format(files=files, tests=tests, also=also))
    said: list[str] = []
    told = 0
    with _mutmut("run", "--max-children", str(workers)) as process:
        for line in _lines(process):
            said.append(line)
            if found := COUNTS.search(line):
                done, of = int(found[1]), int(found[2])
                if done >= told + STEP or done == of > told:
                    told = done
                    tell(f"{done} of {of}")
    if process.returncode:
        raise Failed("\n".join(line for line in said[-60:] if line.strip()))


def _copy_tree() -> None:
    """Copy what git has or would take; what was there before goes."""
    shutil.rmtree(COPY, ignore_errors=True)
    listed = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (COPY / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, COPY / name)


def _mutmut(*arguments: str) -> subprocess.Popen[bytes]:
    folder = str(Path(sys.executable).parent)  # mutmut's way to mypy is PATH
    return subprocess.Popen(
        [sys.executable, "-m", "mutmut", *arguments],
        cwd=COPY,
        env={**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def _lines(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """Read what is said as it comes; a spinner ends its lines with a carriage return."""
    assert process.stdout is not None
    rest = b""
    while said := os.read(process.stdout.fileno(), 65536):
        *whole, rest = (rest + said).replace(b"\r", b"\n").split(b"\n")
        yield from (line.decode("utf-8", "replace") for line in whole)
    yield rest.decode("utf-8", "replace")
