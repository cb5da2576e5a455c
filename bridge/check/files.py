"""The user's directory of templates: files and sets that no message will ever use, and what lacks its Chinese file."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from bridge.alarm import State
from bridge.channels import KINDS
from bridge.check.uses import Use, uses_of
from bridge.config import Config, Problem
from bridge.configuration.problems import did_you_mean
from bridge.configuration.uses import template_sets
from bridge.rendering import builtin_templates
from bridge.rendering.library import OWN, SUFFIX, Library

LANGUAGES = ("en", "zh")
UNUSED = "no message will ever use a file of this name"
CHINESE = re.compile(r"[\u4e00-\u9fff]|\.zh\.j2\b")  # its own words, or those of what it builds upon
NOTES = frozenset({".md"})  # what people leave beside templates for each other


def doubtful_files(config: Config) -> Iterator[Problem]:
    """Warn of names that do nothing, of sets that nobody names, and of English where Chinese is wanted."""
    own, below = config.templates, config.file.parent
    if own is None or own.samefile(builtin_templates()):
        return
    yield from misnamed(own, below)
    yield from _unnamed_sets(config, own, below)
    yield from _english_alone(config, own, below)


def misnamed(own: Path | None, below: Path) -> Iterator[Problem]:
    """Warn of files whose names are nearly, but not quite, those of messages."""
    for file in sorted([*own.glob("*"), *own.glob("[!.]*/*")]) if own else ():
        hint = _hint(file, inside_a_set=file.parent != own)
        if hint and not file.name.startswith(".") and file.is_file():
            yield Problem(file=shown(str(file), own, below), text=f"{UNUSED}{hint}")


def shown(file: str, own: Path | None, below: Path) -> str:
    """Name the user's file beside the config as the config itself was named."""
    base = below.absolute()
    return str(below / Path(file).relative_to(base)) if own and Path(file).is_relative_to(base) else file


def _hint(file: Path, *, inside_a_set: bool) -> str:
    """Say what the name should be; empty where it is right, or no message's at all (layout.j2)."""
    if file.suffix != SUFFIX:
        return "" if file.suffix in NOTES else f"; templates end in {SUFFIX}"
    state, _, rest = file.name.removesuffix(SUFFIX).partition(".")
    if inside_a_set:
        return _misnamed(state, rest)
    return f"; it belongs in a set: SET/{file.name}" if state in set(State) else ""


def _misnamed(state: str, rest: str) -> str:
    forms = sorted({form for kind in KINDS.values() for form in kind.formats})
    if state.removeprefix(f"{OWN}-") not in set(State):
        return did_you_mean(state, [*State, *(f"{OWN}-{told}" for told in State)])
    language, _, form = ("en", "", rest) if rest in forms else rest.partition(".")
    if form not in forms:
        return f"; the formats are {', '.join(forms)}"
    return "" if language in LANGUAGES else f"; the languages are {' and '.join(LANGUAGES)}"


def _unnamed_sets(config: Config, own: Path, below: Path) -> Iterator[Problem]:
    """Warn of sets that nothing in the config names; one that other templates build upon is in use."""
    named = {channel.template for channel in config.channels.values() if channel.template}
    named |= {route.template for route in config.routes.all if route.template}
    for name in sorted(template_sets([own]).keys() - named - KINDS.keys()):
        if not _is_built_upon(name, own):
            text = f"no channel or route names this set of templates{did_you_mean(name, [*named, *KINDS])}"
            yield Problem(file=shown(str(own / name), own, below), text=text)


def _is_built_upon(name: str, own: Path) -> bool:
    using = re.compile(rf"[\"']{re.escape(name)}/")
    others = (file for file in own.glob(f"[!.]*/*{SUFFIX}") if file.parent.name != name)
    return any(using.search(_text(file)) for file in others)


def _english_alone(config: Config, own: Path, below: Path) -> Iterator[Problem]:
    """Warn of a file of the user's that stands before a built-in Chinese one, and has no Chinese in it."""
    library = Library((own, builtin_templates()))
    told: set[Path] = set()
    for use in uses_of(config):
        for file, chinese in _before_chinese(use, library) if use.channel.language == "zh" else ():
            if file not in told and file.is_relative_to(own) and not CHINESE.search(_text(file)):
                told.add(file)
                text = f"the language is zh, and there is no {_in_chinese(file.name)} beside it; {chinese} is built in"
                yield Problem(file=shown(str(file), own, below), path=use.path, text=text)


def _before_chinese(use: Use, library: Library) -> Iterable[tuple[Path, str]]:
    """Give each file that the use takes where its type has a built-in Chinese one of that state and format."""
    for state in State:
        name, form = library.find(use.channel, use.route_view(state), state) or ("", "")
        file = library.path_of(name)
        chinese = f"{use.channel.type}/{state}.zh.{form}{SUFFIX}"
        if file and not name.endswith(f".zh.{form}{SUFFIX}") and (builtin_templates() / chinese).is_file():
            yield file, chinese


def _in_chinese(name: str) -> str:
    state, _, rest = name.partition(".")
    return f"{state}.zh.{rest.removeprefix('en.')}"


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace")
    except OSError:
        return ""  # rendering says what is wrong with it
