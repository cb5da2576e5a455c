"""The check of all templates, in a process of its own: it takes seconds of a processor, and a template may run away."""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from bridge.config import Problem
from bridge.process import python_path

CHECK_SECONDS = 120.0
NICENESS = 10
COMMAND = f"import os; os.nice({NICENESS}); from bridge.cli import main; main()"


async def check_apart(file: Path, environ: Mapping[str, str]) -> list[Problem]:
    """Give what `alarm-bridge check` finds wrong with a config file and its templates."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-c", COMMAND, "check", "-c", str(file), "--json"),
        env={**environ, "PYTHONPATH": python_path()},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            out, _ = await process.communicate()
        return [problem_of(each) for each in json.loads(out)["problems"]]
    except TimeoutError:
        return [Problem(file=str(file), text=f"the templates could not be checked within {CHECK_SECONDS:g} s")]
    except (ValueError, KeyError):
        return [Problem(file=str(file), text=f"the templates could not be checked: exit code {process.returncode}")]
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def problem_of(told: Mapping[str, object]) -> Problem:
    """Read a problem as `check --json` tells it."""
    return Problem(
        file=str(told["file"]),
        line=int(str(told["line"] or 0)),
        column=int(str(told["column"] or 0)),
        path=str(told["path"]),
        text=str(told["text"]),
    )
