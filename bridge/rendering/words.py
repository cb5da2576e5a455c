"""Times, durations, states and severities in words, English and Chinese."""

import unicodedata
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from bridge.alarm import State

MINUTE, HOUR, DAY = 60, 3600, 86400  # seconds
MOMENTS = 1024  # remembered in words, of about 300 bytes each
DAYS_FROM = 3 * DAY  # below it hours read better: "28 h 9 min"

STATES = {
    "en": {
        State.TRIGGERED: "▲ Triggered",
        State.REPEAT: "↻ Still firing",
        State.RECOVERED: "✔ Recovered",
        State.ESCALATED: "⇈ Escalated",
        State.EXPIRED: "◌ Expired",
        State.CLOSED: "■ Closed",
        State.REPLACED: "→ Replaced",
        State.UNRECOGNISED: "? Not understood",
        State.DIGEST: "≡ Digest",
    },
    "zh": {
        State.TRIGGERED: "▲ 告警触发",
        State.REPEAT: "↻ 持续告警",
        State.RECOVERED: "✔ 告警恢复",
        State.ESCALATED: "⇈ 告警升级",
        State.EXPIRED: "◌ 告警过期",
        State.CLOSED: "■ 告警关闭",
        State.REPLACED: "→ 告警更替",
        State.UNRECOGNISED: "? 无法识别",
        State.DIGEST: "≡ 告警汇总",
    },
}
SEVERITIES = {
    "en": {"remind": "remind", "warn": "warn", "serious": "serious"},
    "zh": {"remind": "提醒", "warn": "警告", "serious": "严重"},
}
UNITS = {"en": ("d", "h", "min", "s"), "zh": ("天", "小时", "分钟", "秒")}


def severity_word(severity: str, language: str) -> str:
    """Say a severity in the language; a word nobody knows stays as it is."""
    return SEVERITIES[language].get(severity, severity)


def duration_words(span: timedelta, language: str) -> str:
    """Say a duration by its two largest units: "28 h 9 min", "28 小时 9 分钟"."""
    total = int(span.total_seconds())
    sign, total = ("-", -total) if total < 0 else ("", total)
    days, hours, minutes, seconds = UNITS[language]
    if total >= DAYS_FROM:
        return sign + _two(total // DAY, days, total % DAY // HOUR, hours)
    if total >= HOUR:
        return sign + _two(total // HOUR, hours, total % HOUR // MINUTE, minutes)
    if total >= MINUTE:
        return sign + _two(total // MINUTE, minutes, total % MINUTE, seconds)
    return f"{sign}{total} {seconds}"


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large} {large_unit} {small} {small_unit}" if small else f"{large} {large_unit}"


def time_words(moment: datetime, zone: ZoneInfo) -> str:
    """Say a moment on the clocks of a zone: "2026-11-23 18:15:00 +08:00"."""
    text = iso(moment, zone)
    offset = text[26:] if moment.microsecond else text[19:]
    return f"{text[:10]} {text[11:19]} {'UTC' if offset == '+00:00' else offset}"


def iso(moment: datetime, zone: ZoneInfo) -> str:
    """Write a moment on the clocks of a zone as ISO 8601 does: "2026-11-23T18:15:00+08:00".

    Moments in UTC are remembered: those of an alarm are said more than once. In other zones an hour
    comes twice when summer time ends, and Python calls its two moments equal.
    """
    return _iso(moment, zone) if moment.tzinfo is UTC else moment.astimezone(zone).isoformat()


@lru_cache(MOMENTS)
def _iso(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).isoformat()


def width(text: str) -> int:
    """Count the columns that a text takes on a terminal: two for an ideograph, none for a combining mark."""
    if text.isascii():
        return len(text)
    return sum(_columns(letter) for letter in text)


def _columns(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1
