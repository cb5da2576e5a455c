"""Event and template become a message that is safe where it lands.

1. Find the template: the route's set, the channel's, that of the channel's type.
2. Run it in the sandbox; tokens stand for what it prints.
3. Parse JSON formats with the tokens inside.
4. Let the dialect write each value where it landed, and shorten by field.
5. Whatever goes wrong: send the plain text, and say in which file and line.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any

from jinja2.environment import Template
from jinja2.exceptions import TemplateSyntaxError

from bridge.alarm import BRIDGE
from bridge.message import Message
from bridge.rendering.dialects import DIALECTS, Dialect
from bridge.rendering.digest import DigestView
from bridge.rendering.draft import DRAFT, Draft, Literal, Mention, Setting
from bridge.rendering.envelope import callback_of, envelope
from bridge.rendering.library import Library, builtin_templates
from bridge.rendering.plain import link_lines, plain_text
from bridge.rendering.sandbox import Sandbox
from bridge.rendering.telling import RouteView, Telling
from bridge.rendering.view import AlarmView

MAX_WORDS = 300  # characters of what went wrong
UNQUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|[\U00100000-\U0010fffd]+', re.DOTALL)


class TemplateError(Exception):
    """A template failed: FILE:LINE and why."""


class Renderer:
    """Renders tellings with the built-in templates, the user's `own` directory before them.

    Templates are read once: a new Renderer reads them again.
    """

    def __init__(self, own: Path | None = None) -> None:
        roots = (own,) if own else ()
        self._library = Library((*roots, builtin_templates()))
        self._sandbox = Sandbox(self._library, strict=False)
        self._strict = Sandbox(self._library, strict=True)
        self._found: dict[tuple[Any, ...], tuple[str, str] | None] = {}

    def compile(self) -> None:
        """Compile every template, so that no message waits for it; one that cannot be is said where it is used.

        It takes some 2 ms a template: while the bridge serves, call it in a thread.
        """
        for name in self._library.names():
            with suppress(Exception):  # as in `render`, which says it
                self._sandbox.get_template(name)

    def render(self, telling: Telling, *, strict: bool = False) -> Message:
        """Make the message; raise TemplateError only where `strict`, and there for what no alarm has, too."""
        dialect = DIALECTS[telling.channel.dialect]
        said, links = plain_text(telling), link_lines(telling)
        text = dialect.plain(said, links, telling.route.mention)
        found = self._find(telling)
        if found is None and telling.channel.formats[0] == "json":
            return Message(text=text, plain=text, payload=envelope(telling, said))
        rest = dialect.plain_rest(said, links, text, telling.channel.language)
        plain = Message(text=text, plain=text, rest=rest, plain_rest=rest)
        if found is None:
            return plain
        try:
            return self._written(telling, found, dialect, plain, strict=strict)
        except Exception as error:  # a message is never lost to a template, whatever it does
            problem = self._problem(error, found[0])
            if strict:
                raise TemplateError(problem) from error
            return replace(plain, problem=problem)

    def has(self, sets: Iterable[str], formats: Sequence[str]) -> bool:
        """Say whether any of these sets has a template of one of these formats."""
        return self._library.has(frozenset(sets), formats)

    def template_of(self, telling: Telling) -> str | None:
        """Name the template that a telling gets, below the directories of templates."""
        found = self._find(telling)
        return found[0] if found else None

    def _find(self, telling: Telling) -> tuple[str, str] | None:
        channel, route, state = telling.channel, telling.route, telling.event.state
        is_own, is_brief = telling.alarm.kind == BRIDGE, telling.brief
        which = (route.template, channel.template, channel.type, channel.formats, channel.language)
        wanted = (*which, state, is_own, is_brief)
        if wanted not in self._found:
            self._found[wanted] = self._library.find(channel, route, state, is_own=is_own, is_brief=is_brief)
        return self._found[wanted]

    def _written(
        self, telling: Telling, found: tuple[str, str], dialect: Dialect, plain: Message, *, strict: bool
    ) -> Message:
        name, form = found
        channel, is_json = telling.channel, form.endswith("json")
        draft = Draft(language=channel.language, timezone=channel.timezone, is_json=is_json)
        held = DRAFT.set(draft)
        try:
            rendered = _run((self._strict if strict else self._sandbox).get_template(name), telling, draft)
            if not is_json:
                text = dialect.text(rendered, draft)
                if not text:
                    raise ValueError("prints nothing")
                rest = dialect.rest({"text": text}, draft) if draft.left_out else ()
                return Message(text=text, plain=plain.text, rest=rest, plain_rest=plain.rest)
            payload = dialect.payload(_parsed(rendered, draft), draft, plain.text)
            rest = dialect.rest(payload, draft) if draft.left_out else ()
        finally:
            DRAFT.reset(held)
        text = payload["text"] if form == "slack.json" else plain.text
        return Message(text=text, plain=plain.text, payload=payload, rest=rest, plain_rest=plain.rest)

    def _problem(self, error: Exception, name: str) -> str:
        words = " ".join(str(error).split())[:MAX_WORDS] or type(error).__name__
        if isinstance(error, TemplateSyntaxError):
            return f"{error.filename or name}:{error.lineno}: {error.message or words}"
        file, line = _place(error.__traceback__) or (self._library.path_of(name) or name, 1)
        return f"{file}:{line}: {words}"


def _run(template: Template, telling: Telling, draft: Draft) -> str:
    digest, language = telling.digest, telling.channel.language
    events = [AlarmView(one) for one in digest.worst] if digest else ()
    context = template.new_context(
        {
            **({"digest": DigestView(digest, language), "events": events} if digest else {}),
            "alarm": AlarmView(telling),
            "state": telling.event.state.value,
            "step": telling.step.value,
            "route": _route(telling.route),
            "channel": telling.channel,
            "delivery_id": telling.delivery_id,
            "event_id": str(telling.event.id),
            "callback": callback_of(telling)[0],
        }
    )
    return draft.concat(template.root_render_func(context))


def _route(route: RouteView) -> RouteView:
    """Mark what comes from the config: a mention is printed as it is, a variable may name whom to mention."""
    return RouteView(
        name=route.name,
        template=route.template,
        links=dict(route.links),
        vars=_settings(route.vars),
        mention=tuple(Mention(text) for text in route.mention),
    )


def _settings(node: Any) -> Any:
    if isinstance(node, str):
        return Setting(node)
    if isinstance(node, Mapping):
        return {str(key): _settings(item) for key, item in node.items()}
    return [_settings(item) for item in node] if isinstance(node, list | tuple) else node


def _parsed(rendered: str, draft: Draft) -> Any:
    try:
        return _loaded(rendered)
    except json.JSONDecodeError:
        quoted = UNQUOTED.sub(lambda match: _quoted(match[0], draft), rendered)
        try:
            return _loaded(quoted)
        except json.JSONDecodeError as error:
            raise ValueError(f"the output is not JSON: {error.msg} in its line {error.lineno}") from error


def _loaded(text: str) -> Any:
    return json.loads(text, strict=False, parse_constant=_no_constant)


def _no_constant(name: str) -> Any:
    raise json.JSONDecodeError(f"{name} is no JSON", "", 0)


def _quoted(text: str, draft: Draft) -> str:
    """Give values outside JSON's strings their quotes; a template's own punctuation stands as it is."""
    if text.startswith('"'):
        return text
    runs = groupby(text, lambda token: isinstance(draft.value_of(token), Literal))
    return "".join("".join(map(draft.value_of, run)) if is_literal else f'"{"".join(run)}"' for is_literal, run in runs)


def _place(traceback: TracebackType | None) -> tuple[str, int] | None:
    """Find the innermost line of a template among the frames."""
    place = None
    while traceback is not None:
        template = traceback.tb_frame.f_globals.get("__jinja_template__")
        if isinstance(template, Template):
            place = (template.filename or template.name or "", template.get_corresponding_lineno(traceback.tb_lineno))
        traceback = traceback.tb_next
    return place
