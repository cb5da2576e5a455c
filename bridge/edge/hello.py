"""What an edge is told first, and again when the config changes."""

from dataclasses import dataclass, field

from bridge.web.settings import ServerSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """By what it takes callbacks, and how it logs."""

    server: ServerSettings
    level: str
    secrets: frozenset[str] = field(repr=False)  # which no output may hold
