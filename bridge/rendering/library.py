"""Where templates are: the user's directory before the built-in one, by set, state, language and format."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2.environment import Environment
from jinja2.exceptions import TemplateNotFound
from jinja2.loaders import BaseLoader

from bridge.alarm import State
from bridge.rendering.telling import ChannelView, RouteView

SUFFIX = ".j2"
OWN = "bridge"  # begins the names of the templates for the bridge's own alarms
REPLY = "reply"  # in place of the state: the answer to an alarm's own message, in every state
MAX_SOURCE = 256 * 1024  # bytes of one template
OTHERS = frozenset({"slack.json"})  # formats whose last part is the name of another one
MAX_LEVELS = 4  # of directories that are looked into


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateFile:
    """A template's file, as it was read. `problem` says why it could not be."""

    path: Path
    text: str = ""
    problem: str = ""


def builtin_templates() -> Path:
    """Find the built-in templates: inside the package where it was installed, else beside it."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "templates"
    return inside if inside.is_dir() else package.parent / "templates"


class Library(BaseLoader):
    """The templates below its roots, the first root first, and nothing outside of them.

    All are read at once, when it is made: rendering runs on the loop, where nobody waits for a disk.
    """

    def __init__(self, roots: tuple[Path, ...]) -> None:
        self._roots = [dict(templates_below(root)) for root in roots]

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:  # noqa: ARG002
        """Give a template to jinja; raise TemplateNotFound where no root has it, or it cannot be read."""
        source = next((root[template] for root in self._roots if template in root), None)
        if source is None:
            raise TemplateNotFound(template, f"there is no template {template!r} in the directories of templates")
        if source.problem:
            raise TemplateNotFound(template, f"{template} {source.problem}")
        return source.text, str(source.path), lambda: True

    def names(self) -> list[str]:
        """List all templates, each once."""
        return sorted({name for root in self._roots for name in root})

    def has(self, sets: frozenset[str], formats: Sequence[str]) -> bool:
        """Say whether any of these sets has a template of one of these formats."""
        for name in self.names():
            folder, _, file = name.rpartition("/")
            form = file.removesuffix(SUFFIX).partition(".")[2]
            if folder in sets and (form in formats or (form.partition(".")[2] in formats and form not in OTHERS)):
                return True
        return False

    def path_of(self, template: str) -> Path | None:
        """Give the file of a template; None where no root has it."""
        return next((root[template].path for root in self._roots if template in root), None)

    def find(
        self, channel: ChannelView, route: RouteView, state: State, *, is_own: bool = False, is_brief: bool = False
    ) -> tuple[str, str] | None:
        """Name the template of a state and its format; None where no set has one.

        The bridge's own alarms have templates of their own, and so have brief answers. Those of any set go before
        one that is written for the alarms of machines: it would say nothing of a trouble.
        """
        places = _places(channel, route, _states(state.value, is_brief=is_brief))
        if is_own:
            places = _places(channel, route, _states(f"{OWN}-{state}", is_brief=is_brief)) + places
        for folder, told in places:
            for root in self._roots:
                for name, form in (found for one in told for found in _names(folder, one, channel)):
                    if name in root:
                        return name, form
        return None


def _states(state: str, *, is_brief: bool) -> list[tuple[str, ...]]:
    """List what a template may be named for, the best first; of those beside each other the user's own is the best."""
    first, *others = [state, State.TRIGGERED.value] if state == State.ESCALATED.value else [state]
    return [(REPLY, first) if is_brief else (first,), *((name,) for name in others)]


def _places(channel: ChannelView, route: RouteView, states: list[tuple[str, ...]]) -> list[tuple[str, tuple[str, ...]]]:
    """List the sets to look in and for which state, the best first: the set decides before the state."""
    sets = dict.fromkeys(filter(None, (route.template, channel.template, *(channel.sets or (channel.type,)))))
    return [(name, told) for name in sets for told in states]


def _names(folder: str, state: str, channel: ChannelView) -> Iterator[tuple[str, str]]:
    """List the names of one state's templates with their formats: the format decides before the language."""
    for form in channel.formats:
        yield f"{folder}/{state}.{channel.language}.{form}{SUFFIX}", form
        yield f"{folder}/{state}.{form}{SUFFIX}", form


def templates_below(root: Path) -> Iterator[tuple[str, TemplateFile]]:
    """Read what lies below a root, except what a link brings in from outside, or a hidden folder holds.

    Kubernetes mounts folders as links into a hidden one beside them.
    """
    inside = root.resolve()
    for folder, folders, files in os.walk(root, followlinks=True):
        here = Path(folder)
        deep = len(here.relative_to(root).parts) >= MAX_LEVELS
        folders[:] = [] if deep else [name for name in folders if not name.startswith(".")]
        for name in sorted(files):
            path = here / name
            if name.endswith(SUFFIX) and path.resolve().is_relative_to(inside):
                yield path.relative_to(root).as_posix(), _read(path)


def _read(path: Path) -> TemplateFile:
    try:
        if path.stat().st_size > MAX_SOURCE:
            return TemplateFile(path=path, problem=f"is larger than {MAX_SOURCE // 1024} KiB")
        return TemplateFile(path=path, text=path.read_text("utf-8"))
    except UnicodeDecodeError:
        return TemplateFile(path=path, problem="is not UTF-8")
    except OSError as error:
        return TemplateFile(path=path, problem=f"cannot be read: {error.strerror}")
