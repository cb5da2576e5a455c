"""A wrong config of each kind: `configs/` has one file a mistake, and beside it the exact words that a user sees."""

from pathlib import Path

import pytest

from bridge.config import ConfigError, load

CONFIGS = Path(__file__).parent / "configs"
ENVIRON = {"EMPTY": ""}
MARK = "MARKED"  # in every secret of the files
MISTAKES = sorted(path.stem for path in CONFIGS.glob("*.yaml") if not path.stem.startswith("warning-"))
WARNINGS = sorted(path.stem for path in CONFIGS.glob("warning-*.yaml"))


@pytest.fixture(autouse=True)
def _in_the_directory(monkeypatch):
    monkeypatch.chdir(CONFIGS)


def said(name):
    return Path(f"{name}.txt").read_text()


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_file_line_path_and_words(name):
    with pytest.raises(ConfigError) as wrong:
        load(Path(f"{name}.yaml"), ENVIRON)
    assert f"{wrong.value}\n" == said(name)


@pytest.mark.parametrize("name", WARNINGS)
def test_what_is_allowed_but_suspicious_is_a_warning(name):
    warnings = load(Path(f"{name}.yaml"), ENVIRON).warnings
    assert "".join(f"{warning}\n" for warning in warnings) == said(name)


def test_every_file_has_its_words_and_all_words_have_a_file():
    assert len(MISTAKES) > 100
    assert {path.stem for path in CONFIGS.glob("*.txt")} == {*MISTAKES, *WARNINGS}


@pytest.mark.parametrize("name", MISTAKES)
def test_no_mistake_repeats_a_secret(name):
    assert MARK not in said(name)


def test_a_file_that_is_not_there_is_said_in_words():
    with pytest.raises(ConfigError, match=r"^nowhere\.yaml: cannot be read: no such file or directory$"):
        load(Path("nowhere.yaml"), {})


def test_a_secrets_file_that_a_variable_names_is_told_by_the_variable_which_may_hold_the_secret_itself(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text((CONFIGS / "secret-file-missing.yaml").read_text().replace("no-such-file", '"${TOKEN_FILE}"'))
    with pytest.raises(ConfigError) as wrong:
        load(file, {"TOKEN_FILE": f"/{MARK}"})
    assert str(wrong.value) == (
        f"{file}:3:14: server.auth.tokens[0]: the file that TOKEN_FILE names cannot be read: no such file or directory"
    )


def test_a_directory_is_said_in_words(tmp_path):
    with pytest.raises(ConfigError) as wrong:
        load(tmp_path, {})
    assert str(wrong.value) == f"{tmp_path}: cannot be read: is a directory"


def test_a_huge_file_is_refused_before_it_is_parsed(tmp_path):
    file = tmp_path / "huge.yaml"
    file.write_text("#" * (1024**2 + 1))
    with pytest.raises(ConfigError) as wrong:
        load(file, {})
    assert str(wrong.value) == f"{file}: is larger than 1048576 bytes"
