"""`alarm-bridge samples`, and how callbacks are named on the command line."""

import json

from typer.testing import CliRunner

from bridge import samples
from bridge.cli import app
from bridge.commands.callbacks import complete_callback
from bridge.commands.samples import ABOUT


def test_every_sample_has_a_line_about_it_and_every_line_a_sample():
    assert sorted(ABOUT) == samples.names()
    assert all(about and "\n" not in about for about in ABOUT.values())


def test_the_list_has_the_name_first_and_what_it_is_in_a_column():
    lines = CliRunner().invoke(app, ["samples"]).stdout.splitlines()
    assert [line.split("  ")[0] for line in lines] == samples.names()
    assert (
        lines[-1]
        == "verification-2019                                   the console's check of the URL: kept, never announced"
    )


def test_the_list_can_be_json_and_cut_short():
    result = CliRunner().invoke(app, ["samples", "--json", "--limit", "1"])
    name = "capture-2020-cvm-disk-triggered"
    assert json.loads(result.stdout) == [{"name": name, "about": ABOUT[name]}]


def test_the_shell_is_offered_samples_and_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "doc-mine.json").touch()
    (tmp_path / "doc-more").mkdir()
    (tmp_path / "other[1].json").touch()
    offered = complete_callback("doc-")
    assert offered[-2:] == ["doc-mine.json", "doc-more/"]
    assert offered[:-2] == [name for name in samples.names() if name.startswith("doc-")]
    assert complete_callback("other[") == ["other[1].json"]


def test_a_sample_is_printed_as_tencent_sent_it():
    result = CliRunner().invoke(app, ["samples", "capture-2021-cvm-memory-triggered"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.encode().rstrip() == samples.body("capture-2021-cvm-memory-triggered").rstrip()


def test_a_sample_that_is_not_there_is_wrong_usage_and_the_nearest_is_named():
    result = CliRunner().invoke(app, ["samples", "doc-2019-event-trigered"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        'doc-2019-event-trigered: no sample has this name; did you mean "doc-2019-event-triggered"?\n'
    )
