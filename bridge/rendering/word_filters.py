"""Filters that say a value as people do, in the channel's language and on its clocks."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from markupsafe import Markup

from bridge.alarm import State
from bridge.rendering.draft import DRAFT, RunawayError, template_text
from bridge.rendering.words import STATES, duration_words, severity_word, time_words, width
from bridge.sources.places import place_and_code, product_name

FORMAT = re.compile(r"(?:[^%]|%[aAbBdHIjmMpSyYzZ%])*")  # strftime's without widths, which could be a thousand million
MAX_FORMAT = 200  # characters
MAX_SECONDS = 10**12
MAX_COLUMNS = 1000


def word_filters() -> dict[str, Callable[..., Any]]:
    """List these filters by name."""
    return {
        "datetime": datetime_words,
        "duration": duration,
        "severity": severity,
        "state": state_word,
        "place": place_name,
        "product": product,
        "pad": pad,
    }


def datetime_words(moment: Any, form: str | None = None) -> Any:
    """Say a time on the channel's clocks, in a form of strftime's."""
    if not isinstance(moment, datetime):
        return moment
    zone = DRAFT.get().timezone
    if form is None:
        return time_words(moment, zone)
    if len(form) > MAX_FORMAT or not FORMAT.fullmatch(form):
        raise ValueError(f"datetime takes no such form: {form[:MAX_FORMAT]!r}")
    return moment.astimezone(zone).strftime(form)


def duration(span: Any) -> Any:
    """Say a duration, or a number of seconds, in words."""
    if isinstance(span, int | float) and abs(span) < MAX_SECONDS:
        span = timedelta(seconds=span)
    return duration_words(span, DRAFT.get().language) if isinstance(span, timedelta) else span


def severity(word: Any) -> Any:
    """Say a severity in the channel's language."""
    return severity_word(word, DRAFT.get().language) if isinstance(word, str) else word


def state_word(state: Any) -> Any:
    """Say a state in the channel's language, its sign before it."""
    words = STATES[DRAFT.get().language]
    return words[State(state)] if state in list(State) else state


def place_name(region: Any) -> Any:
    """Say a region's name and what was received: "Guangzhou (gz)"."""
    return place_and_code(region, DRAFT.get().language) if isinstance(region, str) else region


def product(name: Any) -> Any:
    """Say a product's name in the channel's language."""
    return product_name(name, DRAFT.get().language) if isinstance(name, str) else name


def pad(text: Any, columns: int = 0) -> Any:
    """Fill a text with blanks to a number of columns; ideographs take two."""
    if columns > MAX_COLUMNS:
        raise RunawayError(f"pads to more than {MAX_COLUMNS:,} columns")
    draft = DRAFT.get()
    plain = draft.text_of(text)
    filling = " " * max(0, columns - width(plain))
    return draft.joined([text, template_text(filling)]) if isinstance(text, Markup) else plain + filling
