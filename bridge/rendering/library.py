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
        for root in self._roots:
            path = _inside(root, template)
            if path is not None:
                if path.stat().st_size > MAX_SOURCE:
                    raise TemplateNotFound(template, f"{template} is larger than {MAX_SOURCE // 1024} KiB")
                return path.read_text("utf-8"), str(path), lambda: True
        raise TemplateNotFound(template, f"there is no template {template!r} in the directories of templates")

    def find(self, channel: ChannelView, route: RouteView, state: State) -> tuple[str, str] | None:
        """Name the template of a state and its format; None where no set has one."""
        for name, form in _candidates(channel, route, state):
            if any(_inside(root, name) for root in self._roots):
                return name, form
        return None


def _candidates(channel: ChannelView, route: RouteView, state: State) -> Iterator[tuple[str, str]]:
    """List the names to look for, the best first.

    The set decides before the state, the state before the format, the format before the language.
    """
    states = [state.value, State.TRIGGERED.value] if state is State.ESCALATED else [state.value]
    languages = [f".{channel.language}", ""]
    for name in dict.fromkeys(filter(None, (route.template, channel.template, channel.type))):
        for told in states:
            for form in channel.formats:
                for language in languages:
                    yield f"{name}/{told}{language}.{form}.j2", form


def _inside(root: Path, name: str) -> Path | None:
    """Give a template's file where it truly lies inside the root: no `..`, no link out of it."""
    if "\0" in name or name.startswith("/"):
        return None
    path = root / name
    if not path.is_file() or not path.resolve().is_relative_to(root.resolve()):
        return None
    return path
