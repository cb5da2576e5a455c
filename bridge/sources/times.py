"""Moments and spans as Tencent Cloud writes them.

Times come without a zone and mean UTC+8 (live capture of 2020: delivered 93 s after such a time).
"0", 0 and "" say that there is none (documents of 2019-2023).
"""

import re
from datetime import UTC, datetime, timedelta, timezone

from bridge.clock import EPOCH, stored
from bridge.sources.values import whole

CHINA = timedelta(hours=8)  # ahead of UTC, all the year
EPOCH_ON_CLOCKS = EPOCH.replace(tzinfo=None)  # counting from it is the fastest way to give a time its zone
LATEST_EPOCH_SECONDS = 5_000_000_000  # 2128
EARLIEST_EPOCH_SECONDS = 100_000_000  # 1973: a smaller number is no time
FIRST_YEAR, LAST_YEAR = 2, 9998  # a moment must be sayable on the clocks of every zone
LONGEST = 64  # characters of a written time; its blanks alone could keep the pattern below busy for hours
MAX_DURATION_SECONDS = 3650 * 86400  # ten years: no alarm lasts so long
WRITTEN = re.compile(
    r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})[ T]+(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?(?:\.\d+)?"
    r"\s*\(?\s*(?:(?:UTC|GMT)?([+-]\d{1,2})(?::?(\d{2}))?|(UTC|GMT|Z))?\s*\)?",
    re.ASCII,
)


def moment(value: object, ahead: timedelta = CHINA) -> datetime | None:
    """Read a time, in UTC; None where there is none or nobody can read it.

    Takes "2017-03-09 07:00:00", ISO 8601, slashes, "(UTC+08:00)" behind, and seconds or
    milliseconds since 1970; `ahead` is how far before UTC the clock is where no zone is written.
    Whole milliseconds alone are read, as the store keeps them: an episode is known again by them.
    """
    if not value or value == "0":
        return None
    if isinstance(value, str) and not (written := value.strip()).isdigit():
        return _in_utc(_written(written), ahead)
    return _since_1970(value)


def _in_utc(when: datetime | None, ahead: timedelta) -> datetime | None:
    if when is None:
        return None
    try:
        in_utc = when.astimezone(UTC) if when.tzinfo else EPOCH + (when - EPOCH_ON_CLOCKS - ahead)
    except (OverflowError, ValueError):  # the first and the last hours of the calendar
        return None
    if not FIRST_YEAR <= in_utc.year <= LAST_YEAR:
        return None
    return stored(in_utc) if in_utc.microsecond else in_utc


def _written(written: str) -> datetime | None:
    if len(written) > LONGEST:
        return None
    try:
        return datetime.fromisoformat(written)
    except ValueError:
        pass
    found = WRITTEN.fullmatch(written)
    try:
        return _assembled(found) if found else None
    except ValueError:  # a 13th month, a 25th hour
        return None


def _assembled(found: re.Match[str]) -> datetime:
    numbers = [int(found[place] or 0) for place in range(1, 7)]
    when = datetime(*numbers)  # type: ignore[arg-type]  # noqa: DTZ001 - the zone follows, if there is one
    if found[9]:
        return when.replace(tzinfo=UTC)
    if not found[7]:
        return when
    minutes = int(found[8] or 0) * (-1 if found[7].startswith("-") else 1)
    return when.replace(tzinfo=timezone(timedelta(hours=int(found[7]), minutes=minutes)))


def _since_1970(value: object) -> datetime | None:
    number = whole(value)
    if number is None:
        return None
    if EARLIEST_EPOCH_SECONDS <= number <= LATEST_EPOCH_SECONDS:
        return datetime.fromtimestamp(number, UTC)
    if EARLIEST_EPOCH_SECONDS * 1000 <= number <= LATEST_EPOCH_SECONDS * 1000:
        return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=number)
    return None


def duration(value: object) -> int | None:
    """Read a duration in seconds; None where it is absent, negative or longer than ten years."""
    seconds = whole(value)
    return seconds if seconds is not None and 0 <= seconds <= MAX_DURATION_SECONDS else None


def after(start: datetime | None, seconds: int | None) -> datetime | None:
    """Give the moment some seconds after another; None where one is missing or the calendar ends."""
    if start is None or seconds is None:
        return None
    try:
        end = start + timedelta(seconds=seconds)
    except OverflowError:
        return None
    return end if end.year <= LAST_YEAR else None
