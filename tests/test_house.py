"""What holds for the whole house: its shape, the direction of its imports, its words, and the wheel."""

import ast
import re
import statistics
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from bridge.channels import KINDS

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "bridge").rglob("*.py"))
LONGEST_FILE = 250  # lines
TEXTS = {".py", ".md", ".yaml", ".yml", ".toml", ".txt", ".j2", ".json", ".sh", ".mako", ".ini", ""}
# Written with classes, so that this file does not hold what it looks for.
UNWANTED = {
    "a package registry's host": r"py[p]i[.]o[r]g|pythonh[o]sted|registry[.]n[p]m|npm[j]s[.]|(deb|security)[.]debia[n]",
    "a path of somebody's machine": r"(^|[^A-Za-z0-9_.~-])/(wor[k]|far[m]|roo[t]|hom[e]/[a-z]+)/",
    "unfinished work": r"\b(TOD[O]|FIXM[E]|XX[X]|NotImplementedErro[r])\b",
    "a switch turned off without a reason": r"# (type: ignor[e]|noq[a])\s*$",
}


def functions_of(module):
    tree = ast.parse(module.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def imported_by(module):
    """Give the packages that a module imports, by their first names."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def lengths():
    return {
        f"{module.relative_to(ROOT)}:{function.lineno} {function.name}": function.end_lineno - function.lineno + 1
        for module in MODULES
        for function in functions_of(module)
    }


def tracked():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:  # unpacked from an archive
        return [path for path in ROOT.rglob("*") if path.is_file() and ".venv" not in path.parts]
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def test_functions_have_a_median_of_at_most_ten_lines():
    assert statistics.median(lengths().values()) <= 10


def test_nine_functions_in_ten_have_at_most_thirty_lines():
    sizes = sorted(lengths().values())
    assert sizes[int(len(sizes) * 0.9)] <= 30


def test_no_function_has_more_than_fifty_lines():
    assert {name: size for name, size in lengths().items() if size > 50} == {}


def test_no_file_has_more_than_two_hundred_and_fifty_lines():
    sizes = {str(module.relative_to(ROOT)): len(module.read_text().splitlines()) for module in MODULES}
    assert {name: size for name, size in sizes.items() if size > LONGEST_FILE} == {}


def test_no_import_hides_in_a_function():
    hidden = [
        f"{module.relative_to(ROOT)}:{node.lineno}"
        for module in MODULES
        for function in functions_of(module)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert hidden == []


def test_imports_go_one_way():
    linter = Path(sys.executable).with_name("lint-imports")
    said = subprocess.run([linter, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (said.returncode, "1 kept, 0 broken" in said.stdout) == (0, True), said.stdout


def test_every_public_thing_has_a_docstring_that_is_a_sentence():
    bare = []
    for module in MODULES:
        tree = ast.parse(module.read_text(encoding="utf-8"))
        things = [
            tree,
            *(node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)),
        ]
        for thing in things:
            name = getattr(thing, "name", module.stem)
            if thing is tree or not name.startswith("_"):
                words = (ast.get_docstring(thing) or "").split("\n\n")[0]
                if not re.search(r"[.:;]$", words.strip()):
                    bare.append(f"{module.relative_to(ROOT)}: {name}")
    assert bare == []


@pytest.mark.parametrize("what", UNWANTED)
def test_no_file_holds(what):
    pattern = re.compile(UNWANTED[what], re.MULTILINE)
    found = [
        f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]}"
        for path in tracked()
        if path.suffix in TEXTS
        for text in [path.read_text(encoding="utf-8", errors="replace")]
        for match in pattern.finditer(text)
    ]
    assert found == []


def test_each_wrong_config_has_its_words_and_each_words_their_config():
    names = [path.name for path in sorted((ROOT / "tests" / "configs").iterdir())]
    stems = {suffix: {Path(name).stem for name in names if name.endswith(suffix)} for suffix in (".yaml", ".txt")}
    assert stems[".yaml"] == stems[".txt"]
    assert {Path(name).suffix for name in names} == {".yaml", ".txt"}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_kind_of_channel_is_one_file_one_template_set_and_one_page(kind):
    assert (ROOT / "bridge" / "channels" / f"{kind}.py").is_file()
    assert (ROOT / "docs" / "channels" / f"{kind}.md").is_file()
    if kind != "webhook":  # its envelope is made without templates
        sets = (kind, *KINDS[kind].sets)  # slack_webhook takes slack's
        assert any(list((ROOT / "templates" / name).glob("triggered.*.j2")) for name in sets)


def test_the_readme_names_the_two_commands():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make run" in readme
    assert "make test" in readme


def test_every_link_between_documents_leads_somewhere():
    lost = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in tracked()
        if page.suffix == ".md"
        for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)\s#]+)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert lost == []


def test_every_lock_line_is_an_exact_version_and_nothing_else():
    for lock in sorted((ROOT / "requirements").glob("*.txt")):
        lines = [line for line in lock.read_text().splitlines() if not line.startswith("#")]
        assert [
            line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+( ; [a-z_]+ != .*)?", line)
        ] == []


def test_every_dependency_is_locked_and_used():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[\s<>=!;\[]", line)[0].lower().replace("_", "-") for line in project["dependencies"]}
    locked = (ROOT / "requirements" / "run.txt").read_text().lower().replace("_", "-")
    assert [name for name in sorted(wanted) if f"\n{name}==" not in locked] == []
    modules = {
        "google-re2": "re2",
        "prometheus-client": "prometheus_client",
        "ruamel.yaml": "ruamel",
        "slack-sdk": "slack_sdk",
    }
    imported = {name for module in MODULES for name in imported_by(module)} - sys.stdlib_module_names - {"bridge"}
    declared = {modules.get(name, name) for name in wanted}
    assert declared - imported == {"tzdata"}  # zoneinfo reads it where the machine has no time zones
    assert imported - declared == {"pydantic_core"}  # pydantic names its one version
