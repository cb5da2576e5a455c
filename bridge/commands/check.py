"""`check`: say everything about a config that can be known without serving."""

import os
from dataclasses import replace
from typing import Annotated, Any

import typer

from bridge.check import Report
from bridge.check import check as check_all
from bridge.commands.configs import DEFAULT_CONFIG, ConfigFile, hint_at_config
from bridge.commands.output import PROBLEM, complain, say, say_json
from bridge.config import Problem


def check(
    *,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check the config, its secrets, routes and templates, without serving.

    Every template is rendered with every built-in sample in every state.
    """
    report = check_all(config, os.environ)
    if as_json:
        say_json(_as_json(report))
    else:
        _print(report)
        hint_at_config(config)
    if report.problems:
        raise typer.Exit(PROBLEM)


def _print(report: Report) -> None:
    """Print problems and warnings on standard error, one a line, and what follows from them."""
    for problem in report.problems:
        complain(str(problem))
    for warning in report.warnings:
        complain(str(replace(warning, text=f"warning: {warning.text}")))
    summary = _summary(len(report.problems), len(report.warnings))
    if report.problems:
        complain(summary)
    else:
        say(summary)


def _summary(problems: int, warnings: int) -> str:
    doubts = _counted(warnings, "warning") if warnings else ""
    if problems:
        return f"{_counted(problems, 'problem')}{' and ' + doubts if doubts else ''}: the bridge would not serve this."
    return f"No problems{', ' + doubts if doubts else ''}: the bridge would serve this."


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _as_json(report: Report) -> dict[str, Any]:
    return {
        "ok": not report.problems,
        "problems": [_entry(problem) for problem in report.problems],
        "warnings": [_entry(warning) for warning in report.warnings],
    }


def _entry(problem: Problem) -> dict[str, Any]:
    return {
        "file": problem.file,
        "line": problem.line or None,
        "column": problem.column or None,
        "path": problem.path,
        "text": problem.text,
    }
