"""Who asks for a template: a channel, through a route or by default; or a set of the user's own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from bridge.alarm import State
from bridge.channels import KINDS
from bridge.composing import channel_view, route_view
from bridge.config import Config
from bridge.configuration.uses import template_sets
from bridge.rendering import ChannelView, RouteView, builtin_templates
from bridge.routing import Route
from bridge.settings import MentionState


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A channel and the route through which it is told; `path` is its key in the config, or a set's name."""

    path: str
    channel: ChannelView
    route: Route | None = None
    mention: Mapping[MentionState, tuple[str, ...]] = field(default_factory=dict)  # the channel's own
    only: str = ""  # the set whose templates alone are of interest, not those it falls back to

    def route_view(self, state: State) -> RouteView:
        """Give the route as templates see it in a state."""
        return route_view(self.route, self.mention, state)


def uses_of(config: Config) -> Iterator[Use]:
    """Give each channel, by itself and with each route that leads to it."""
    for name, settings in config.channels.items():
        view = channel_view(name, settings, config.language, config.timezone)
        leading = [route for route in config.routes.all if name in route.channels]
        for route in (None, *leading):
            yield Use(path=f"channels.{name}", channel=view, route=route, mention=settings.mention)


def uses_of_sets(own: Path | None) -> Iterator[Use]:
    """Give each set of the user's own with each kind that takes one of its formats, in both languages."""
    if own is None or own.samefile(builtin_templates()):
        return
    for name, formats in sorted(template_sets([own]).items()):
        kinds = {name: KINDS[name]} if name in KINDS else KINDS
        for kind_name, kind in kinds.items():
            for language in ("en", "zh") if formats & set(kind.formats) else ():
                view = ChannelView(
                    name=name,
                    type=kind_name,
                    language=language,
                    timezone=ZoneInfo("UTC"),
                    template=name,
                    sets=(kind_name, *kind.sets),
                    formats=kind.formats,
                    dialect=kind.dialect,
                )
                yield Use(path=f"templates.{name}", channel=view, only=name)
