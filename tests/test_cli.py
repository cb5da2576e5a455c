"""The command as a process: exit codes, what goes to which stream, and how it ends."""

import os
import re
import signal
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge import __version__, serving
from bridge.cli import app as cli
from bridge.cli import main

ROOT = Path(__file__).parent.parent
COMMANDS = ["serve", "check", "route", "render", "send", "samples"]
SMALL = "server: {auth: off}\nchannels: {here: {type: terminal}}\ndefault_channels: [here]\n"


def run(*arguments, cwd=ROOT, env=None, **more):
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | (env or {})
    command = [sys.executable, "-m", "bridge", *arguments]
    return subprocess.run(
        command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=30, check=False, **more
    )


def test_the_module_is_the_command_and_tells_its_version():
    result = run("--version")
    assert (result.returncode, result.stdout, result.stderr) == (0, f"alarm-bridge {__version__}\n", "")


def test_the_installed_command_is_the_same_function():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"alarm-bridge": f"{main.__module__}:{main.__name__}"}


def test_help_names_every_command():
    result = CliRunner().invoke(cli, ["--help"])
    assert result.exit_code == 0
    for command in COMMANDS:
        assert f" {command} " in result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(command):
    result = CliRunner().invoke(cli, [command, "-h"])
    assert result.exit_code == 0
    assert f"alarm-bridge {command}" in result.stdout.replace("root", "alarm-bridge")


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_no_flag_seems_to_take_a_value(command):
    assert not re.search(r"<[a-z]+[\[>]", CliRunner().invoke(cli, [*command.split(), "-h"]).stdout)


@pytest.mark.parametrize(
    "arguments", [["unheard-of"], ["route"], ["samples", "--nothing"], ["serve", "--log-level", "loud"]]
)
def test_wrong_usage_ends_with_2(arguments):
    result = CliRunner().invoke(cli, arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error" in result.stderr


def test_the_shell_completes_the_names_of_samples():
    environ = {
        "_ALARM_BRIDGE_COMPLETE": "complete_bash",
        "COMP_WORDS": "alarm-bridge send doc-2017",
        "COMP_CWORD": "2",
    }
    assert run(env=environ).stdout == "doc-2017-metric-triggered\n"


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("send --state ", "triggered repeat escalated recovered"),
        ("route --state re", "repeat recovered"),
        ("render --state re", "repeat recovered replaced"),
        ("serve --log-level ", "debug info warning error"),
    ],
)
def test_the_shell_is_offered_what_an_option_takes_and_nothing_else(words, offered):
    environ = {
        "_ALARM_BRIDGE_COMPLETE": "complete_bash",
        "COMP_WORDS": f"alarm-bridge {words}",
        "COMP_CWORD": "3",
    }
    assert run(env=environ).stdout.split() == offered.split()


def test_the_help_says_how_to_make_the_shell_complete():
    said = " ".join(CliRunner().invoke(cli, ["--help"]).stdout.split())
    assert "`alarm-bridge --install-completion` makes the shell complete commands, options, samples and states." in said


def test_a_level_that_is_none_is_said_in_words():
    result = CliRunner().invoke(cli, ["serve", "--log-level", "loud"])
    said = " ".join(result.stderr.replace("│", " ").split())
    assert result.exit_code == 2
    assert "Invalid value for '--log-level': 'loud' is not one of debug, info, warning, error." in said


@pytest.mark.parametrize("arguments", [["samples"], ["--help"], ["--version"]])
def test_a_reader_that_has_seen_enough_ends_the_command_quietly(arguments):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "bridge", *arguments]
    result = subprocess.run(command, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, timeout=30, check=False)
    os.close(writer)
    assert (result.returncode, result.stderr) == (1, b"")


def test_an_output_that_takes_nothing_is_said_in_words():
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "bridge", "samples"]
        result = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, timeout=30, check=False)
    assert (result.returncode, result.stderr) == (1, b"alarm-bridge: No space left on device\n")


def test_an_interrupt_ends_the_command_quietly_with_130(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/callback"
        process = subprocess.Popen(
            [sys.executable, "-m", "bridge", "send", "--url", url, "verification-2019"],
            cwd=ROOT,
            env=os.environ | {"XDG_STATE_HOME": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        connection, _ = silent.accept()
        connection.recv(
            1
        )  # it waits for the answer now: in the middle of connecting, asyncio itself would print a line
        process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=30)
        connection.close()
    assert (process.returncode, output) == (130, (b"", b""))


def test_colours_are_for_terminals_that_want_them():
    plain = run("samples", env={"FORCE_COLOR": ""})
    assert "\x1b" not in plain.stdout
    assert plain.stdout.startswith("capture-2020-cvm-disk-triggered  ")


@pytest.mark.parametrize(
    ("no_color", "expected"),
    [("", "\x1b[1mcapture-2020-cvm-disk-triggered\x1b[0m"), ("1", "capture-2020-cvm-disk-triggered")],
)
def test_a_terminal_gets_colours_unless_no_color_is_set(no_color, expected):
    ours, its = os.openpty()
    environ = os.environ | {"NO_COLOR": no_color, "TERM": "xterm"}
    subprocess.run(
        [sys.executable, "-m", "bridge", "samples"], cwd=ROOT, env=environ, stdout=its, timeout=30, check=False
    )
    os.close(its)
    first = os.read(ours, 4096).decode().split()[0]
    os.close(ours)
    assert first == expected


def test_letters_that_the_output_cannot_spell_are_escaped(tmp_path):
    (tmp_path / "config.yaml").write_text(SMALL)
    result = run("render", "capture-2020-cvm-disk-triggered", cwd=tmp_path, env={"PYTHONIOENCODING": "ascii"})
    assert (result.returncode, result.stderr) == (0, "")
    assert "\\u78c1\\u76d8" in result.stdout


def test_a_config_that_is_not_here_says_where_to_begin(tmp_path):
    result = run("serve", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        "config.yaml: cannot be read: no such file or directory\n"
        "Name one with -c FILE or $ALARM_BRIDGE_CONFIG; config.example.yaml of the sources is one to begin with.\n"
    )


def test_a_config_that_was_named_and_is_not_there_is_said_alone(tmp_path):
    result = run("route", "-c", "mine.yaml", "verification-2019", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (1, "mine.yaml: cannot be read: no such file or directory\n")


@pytest.mark.parametrize(
    "arguments", [["serve"], ["route", "verification-2019"], ["render", "verification-2019"], ["check"]]
)
def test_mistakes_of_a_config_stand_one_a_line_however_long(tmp_path, arguments):
    directory = tmp_path / ("long-" * 30)
    directory.mkdir()
    config = directory / "config.yaml"
    config.write_text("server: {auth: off, lisen: x}\nchannels: {}\ndefault_channels: [nobody]\n")
    result = CliRunner().invoke(cli, [*arguments, "-c", str(config)], terminal_width=40)
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert lines[0].startswith(f"{config}:1:")
    assert "server.lisen: " in lines[0]
    assert lines[1].startswith(f"{config}:3:")


def test_the_environment_names_the_config_unless_the_option_does(tmp_path, monkeypatch):
    taken = []

    def serve(loaded, **_):
        taken.append(str(loaded.config.file))
        return 0

    monkeypatch.setattr(serving, "serve", serve)
    for name in ("one.yaml", "two.yaml", "config.yaml"):
        (tmp_path / name).write_text(SMALL)
    monkeypatch.chdir(tmp_path)
    for arguments, given in (
        (["serve"], None),
        (["serve"], "one.yaml"),
        (["serve", "--config", "two.yaml"], "one.yaml"),
    ):
        assert CliRunner().invoke(cli, arguments, env={"ALARM_BRIDGE_CONFIG": given}).exit_code == 0
    assert taken == ["config.yaml", "one.yaml", "two.yaml"]


@pytest.mark.parametrize("code", [0, 1])
def test_serve_ends_as_the_bridge_does_and_hands_on_the_level(tmp_path, monkeypatch, code):
    levels = []

    def serve(_, *, level, **__):
        levels.append(level)
        return code

    monkeypatch.setattr(serving, "serve", serve)
    (tmp_path / "config.yaml").write_text(SMALL)
    result = CliRunner().invoke(cli, ["serve", "-c", str(tmp_path / "config.yaml"), "--log-level", "debug"])
    assert (result.exit_code, levels) == (code, ["debug"])
