"""Templates, rendered with every sample in every state; a mistake has the template's own file and line."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from bridge.alarm import State
from bridge.check.files import shown
from bridge.check.limits import refusal
from bridge.check.situations import Situation, situations
from bridge.check.uses import Use
from bridge.check.wording import in_words
from bridge.composing import of_digest
from bridge.config import Problem
from bridge.digesting import NAMED
from bridge.message import Digest, Step
from bridge.rendering import Renderer, Telling, TemplateError, builtin_templates
from bridge.rendering.draft import RunawayError
from bridge.rereading import alarm_of

PLACE = re.compile(r"(.*?):(\d+): (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """What is wrong with a template, and where."""

    file: str
    line: int
    column: int
    words: str


def render_all(own: Path | None, uses: Iterable[Use], below: Path) -> list[Problem]:
    """Render each use in each situation; the user's `own` files are named as paths under `below`.

    A mistake is told once, with the first situation that shows it.
    """
    trial = _Trial(own, below)
    told = list(situations())
    for use in uses:
        for situation in told:
            trial.render(use, situation)
    return list(trial.problems.values())


class _Trial:
    """Renders, and keeps what was wrong. What was rendered alike before is not rendered again."""

    def __init__(self, own: Path | None, below: Path) -> None:
        self.problems: dict[Mistake, Problem] = {}
        self._own = own
        self._below = below
        self._renderer = Renderer(own)
        self._done: set[tuple[object, ...]] = set()
        self._runaways: set[str] = set()  # one look was long enough

    def render(self, use: Use, situation: Situation) -> None:
        telling = _telling(use, situation)
        template = self._renderer.template_of(telling)
        key = (template, situation.sample, situation.event, *_matters(telling))
        if template is None or template in self._runaways or key in self._done:
            return
        if use.only and not template.startswith(f"{use.only}/"):
            return
        self._done.add(key)
        mistake = self._mistake(telling, template)
        if mistake and mistake not in self.problems:
            self.problems[mistake] = self._problem(mistake, use, situation)

    def _mistake(self, telling: Telling, template: str) -> Mistake | None:
        try:
            message = self._renderer.render(telling, strict=True)
        except TemplateError as error:
            if isinstance(error.__cause__, RunawayError):
                self._runaways.add(template)
            found = PLACE.fullmatch(str(error))
            file, line, words = (found[1], int(found[2]), found[3]) if found else (template, 1, str(error))
            return Mistake(file=file, line=line, column=_column(file, line, words), words=in_words(words))
        refused = refusal(telling.channel.dialect, message.payload)
        return Mistake(file=self._file_of(template), line=1, column=1, words=refused) if refused else None

    def _problem(self, mistake: Mistake, use: Use, situation: Situation) -> Problem:
        route = f' through the route "{use.route.name}"' if use.route else ""
        return Problem(
            file=shown(mistake.file, self._own, self._below),
            line=mistake.line,
            column=mistake.column,
            path=use.path,
            text=f"{mistake.words} (told of {situation.sample} as {situation.event.state}{route})",
        )

    def _file_of(self, template: str) -> str:
        roots = [*([self._own] if self._own else []), builtin_templates()]
        return next((str(root / template) for root in roots if (root / template).is_file()), template)


def _telling(use: Use, situation: Situation) -> Telling:
    telling = Telling(
        event=situation.event,
        alarm=situation.alarm or alarm_of(situation.body, situation.event, use.channel.language),
        body=situation.body,
        delivery_id="1",
        channel=use.channel,
        route=use.route_view(situation.event.state),
        step=Step.THREAD if situation.is_brief else Step.POST,
        brief=situation.is_brief,
    )
    if not situation.digest:
        return telling
    worst = replace(telling, event=replace(situation.event, state=State.TRIGGERED))
    return of_digest(telling, Digest(counts=situation.digest, worst=()), [worst] * NAMED, telling.route.mention)


def _matters(telling: Telling) -> tuple[object, ...]:
    """Give what a template may decide by, beside the situation: of a route which keys it has, not their values."""
    channel, route = telling.channel, telling.route
    return (
        channel.dialect,
        channel.formats,
        channel.language,
        channel.timezone.key,
        tuple(sorted(route.vars)),
        bool(route.links),
        route.mention,
        bool(route.name),
    )


def _column(file: str, line: int, words: str) -> int:
    """Find where in the line the mistake is: at the name that the words quote, else where code begins."""
    try:
        text = Path(file).read_text("utf-8").splitlines()[line - 1]
    except (OSError, UnicodeDecodeError, IndexError):
        return 1
    code = min((text.find(sign) for sign in ("{{", "{%") if sign in text), default=0)
    quoted = re.search(r"[\"']([\w.]+)[\"']", words)
    name = re.compile(rf"\b{re.escape(quoted[1])}\b").search(text, code) if quoted else None
    return (name.start() if name else code) + 1
