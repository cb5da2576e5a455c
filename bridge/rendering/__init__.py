"""Event and template → message, safe in the channel's dialect.

A template that fails loses nothing: plain text goes out.
"""

from bridge.rendering.library import builtin_templates
from bridge.rendering.renderer import Renderer, TemplateError
from bridge.rendering.telling import ChannelView, RouteView, Summary, Telling

__all__ = ["ChannelView", "Renderer", "RouteView", "Summary", "Telling", "TemplateError", "builtin_templates"]
