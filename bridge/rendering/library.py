"""Where templates are: the user's directory before the built-in one, by set, state, language and format."""

from collections.abc import Callable, Iterator
from pathlib import Path

from jinja2.environment import Environment
from jinja2.exceptions import TemplateNotFound
from jinja2.loaders import BaseLoader

from bridge.alarm import State
from bridge.rendering.telling import ChannelView, RouteView

MAX_SOURCE = 256 * 1024  # bytes of one template


def builtin_templates() -> Path:
    """Find the built-in templates: inside the package where it was installed, else beside it."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "templates"
    return inside if inside.is_dir() else package.parent / "templates"


class Library(BaseLoader):
    """Finds templates below its roots, the first root first, and nothing outside of them."""

    def __init__(self, roots: tuple[Path, ...]) -> None:
        self._roots = roots

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:  # noqa: ARG002
        """Read a template for jinja; raise TemplateNotFound where no root has it."""
        path = self.path_of(template)
        if path is None:
            raise TemplateNotFound(template, f"there is no template {template!r} in the directories of templates")
        if path.stat().st_size > MAX_SOURCE:
            raise TemplateNotFound(template, f"{template} is larger than {MAX_SOURCE // 1024} KiB")
        return path.read_text("utf-8"), str(path), lambda: True

    def path_of(self, template: str) -> Path | None:
        """Give the file of a template; None where no root has it."""
        return next((path for root in self._roots if (path := _inside(root, template))), None)

    def find(self, channel: ChannelView, route: RouteView, state: State) -> tuple[str, str] | None:
        """Name the template of a state and its format; None where no set has one."""
        for folder, told in _places(channel, route, state):
            for root in self._roots:
                for name, form in _names(folder, told, channel):
                    if _inside(root, name):
                        return name, form
        return None


def _places(channel: ChannelView, route: RouteView, state: State) -> list[tuple[str, str]]:
    """List the sets to look in and for which state, the best first: the set decides before the state."""
    states = [state.value, State.TRIGGERED.value] if state is State.ESCALATED else [state.value]
    sets = dict.fromkeys(filter(None, (route.template, channel.template, channel.type)))
    return [(name, told) for name in sets for told in states]


def _names(folder: str, state: str, channel: ChannelView) -> Iterator[tuple[str, str]]:
    """List the names of one state's templates with their formats: the format decides before the language."""
    for form in channel.formats:
        yield f"{folder}/{state}.{channel.language}.{form}.j2", form
        yield f"{folder}/{state}.{form}.j2", form


def _inside(root: Path, name: str) -> Path | None:
    """Give a template's file where it truly lies inside the root: no `..`, no link out of it."""
    if "\0" in name or name.startswith("/"):
        return None
    path = root / name
    if not path.is_file() or not path.resolve().is_relative_to(root.resolve()):
        return None
    return path
