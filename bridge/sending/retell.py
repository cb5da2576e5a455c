"""A callback told anew: with the present time, another session and, if wanted, another state.

Pure. What makes an alarm the same one (policy, object, metric or event) is never touched. Tencent's
own bodies carry wall-clock times of UTC+8 (live captures, 2020); CloudEvents carry milliseconds
since 1970 in `time`, which is first occurrence and present moment in one (EventBridge documents).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from bridge.alarm import State

Body = dict[str, Any]

UTC8 = timezone(timedelta(hours=8))
WALL = "%Y-%m-%d %H:%M:%S"
STEP = timedelta(seconds=300)  # from one notification to the next
AFTER_THE_LAST = timedelta(seconds=60)  # when a recovery comes, if what was told last is still to come
SECOND = timedelta(seconds=1)
LONGEST = timedelta(days=36500)  # of a duration that can be added to a time
TEMPLATE_TIMES = ("first_trigger_time", "trigger_time", "recovery_time")  # a notification template's variables


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What a body says of its episode. Times are aware; what is absent or unreadable is None."""

    firing: bool
    began: datetime | None = None
    lasted: timedelta = timedelta()
    ended: datetime | None = None  # the recovery time, also where a firing body has one


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest:
    """The latest first occurrence and the latest recovery that were sent of one alarm."""

    began: datetime | None = None
    ended: datetime | None = None

    def and_then(self, life: Life) -> "Latest":
        """Take in a body that was sent."""
        return Latest(began=_later(self.began, life.began), ended=_later(self.ended, life.ended))


def read_body(body: bytes) -> Body | None:
    """Give the JSON object that a body is; None where it is none."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def write_body(body: Body) -> bytes:
    """Spell a body compactly, as live callbacks are."""
    try:
        return json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # a lone surrogate can only stand as its escape
        return json.dumps(body).encode()


def is_alarm(body: Mapping[str, Any]) -> bool:
    """Say whether the body is Tencent's own or a CloudEvent: one whose state and session can be changed."""
    return "alarmObjInfo" in body or "alarmPolicyInfo" in body or "specversion" in body


def begin(body: Body, *, now: datetime, session: str, latest: Latest, state: State | None = None) -> Body:
    """Tell an episode of its own that begins, repeats or ends now; without a state, in the body's own.

    Nothing in it lies after `now`, but that first occurrences and recoveries of one alarm are at
    least a second apart, since two that are equal are the same episode.
    """
    life = life_of(body)
    if state in {None, State.RECOVERED} and (state or not life.firing):
        return _write(body, _over(life, now, latest, told=state is not None), session=session)
    lasted = STEP if state in {State.REPEAT, State.ESCALATED} else timedelta()
    began = _after(latest.began, _second(now) - lasted)
    ended = began + (life.ended - life.began) if state is None and life.ended and life.began else None
    return _write(body, Life(firing=True, began=began, lasted=lasted, ended=ended), session=session, state=state)


def go_on(body: Body, *, now: datetime, session: str, state: State) -> Body:
    """Tell what became of the episode that `body` told of last: a repeat 300 s on, a rise, or its end."""
    life = life_of(body)
    if state is State.RECOVERED:
        ended = _end(life, _second(now))
        lasted = ended - life.began if life.began else timedelta()
        return _write(body, replace(life, firing=False, ended=ended, lasted=lasted), session=session)
    odd = life.ended if life.firing else None  # documents show a firing body with a recovery time (2023)
    longer = Life(firing=True, began=life.began, lasted=life.lasted + STEP, ended=odd)
    return _write(body, longer, session=session, state=state)


def shift_template(body: Body, *, now: datetime) -> Body:
    """Move the times of a user's own template body, so that the latest is now; change nothing else."""
    times = {key: moment for key in TEMPLATE_TIMES if (moment := _wall(body.get(key)))}
    if not times:
        return body
    offset = _second(now) - max(times.values())
    return body | {key: (moment + offset).strftime(WALL) for key, moment in times.items()}


def life_of(body: Mapping[str, Any]) -> Life:
    """Read what a body says of its episode."""
    if "specversion" in body:
        moment = _instant(body.get("time"))
        firing = str(body.get("status")).strip() != "0"
        return Life(firing=firing, began=moment, ended=None if firing else moment)
    times = _times(body)
    return Life(
        firing=str(body.get("alarmStatus")).strip() != "0",
        began=_wall(times.get("firstOccurTime")),
        lasted=_span(times.get("durationTime")),
        ended=_wall(times.get("recoverTime")),
    )


def _over(life: Life, now: datetime, latest: Latest, *, told: bool) -> Life:
    """Let an episode end now that nobody heard of before; `told`: the body itself may say otherwise."""
    lasted = max(life.lasted, STEP) if told else life.lasted
    ended = _after(latest.ended, _second(now))
    keeps_silent = not told and life.ended is None and not lasted
    began = _after(latest.began, ended - lasted) if keeps_silent else ended - lasted
    return Life(firing=False, began=began, lasted=lasted, ended=None if keeps_silent else ended)


def _end(life: Life, now: datetime) -> datetime:
    spoken_of = life.began + life.lasted if life.began else now
    return now if not life.began or now > spoken_of else spoken_of + AFTER_THE_LAST


def _write(body: Body, life: Life, *, session: str, state: State | None = None) -> Body:
    if "specversion" in body:
        changed = body | _event_times(life) | {"id": session}
        key = "status"
    else:
        changed = _with_times(body, life) | {"sessionId": session}
        key = "alarmStatus"
    if state or life_of(body).firing != life.firing:
        changed[key] = _like(body.get(key), int(life.firing))
    return _graded(changed, session, rose=state is State.ESCALATED)


def _graded(body: Body, session: str, *, rose: bool) -> Body:
    """Raise the level if wanted; `alertId` is the session with the level (callback page, 2025)."""
    level = {"alarmLevel": "Serious"} if rose else {}
    if "alertId" not in body:
        return body | level
    suffix = "Serious" if rose else str(body["alertId"]).partition("_")[2]
    return body | level | {"alertId": f"{session}_{suffix}" if suffix else session}


def _event_times(life: Life) -> Body:
    moment = life.began if life.firing else life.ended or life.began
    return {"time": int(moment.timestamp() * 1000)} if moment else {}


def _with_times(body: Body, life: Life) -> Body:
    """Spell the times as the body does: nested or not (2017), numbers or texts."""
    old = _times(body)
    new: Body = {"recoverTime": life.ended.astimezone(UTC8).strftime(WALL) if life.ended else "0"}
    if life.began:
        new["firstOccurTime"] = life.began.astimezone(UTC8).strftime(WALL)
    if life.lasted or "durationTime" in old:
        new["durationTime"] = _like(old.get("durationTime"), int(life.lasted.total_seconds()))
    return body | new if old is body else body | {"alarmPolicyInfo": {**old, **new}}


def has_duration(body: Mapping[str, Any]) -> bool:
    """Say whether a body says how long its alarm lasts: of two that do not, nothing tells which is the later."""
    return "specversion" not in body and "durationTime" in _times(body)


def _times(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the object that holds the times: the body, or its policy as in the text of 2017."""
    policy = body.get("alarmPolicyInfo")
    nested = isinstance(policy, dict) and "firstOccurTime" in policy and "firstOccurTime" not in body
    return policy if nested and isinstance(policy, dict) else body


def _like(old: object, value: int) -> int | str:
    return str(value) if isinstance(old, str) else value


def _wall(value: object) -> datetime | None:
    try:
        return _credible(datetime.strptime(str(value).strip(), WALL).replace(tzinfo=UTC8))
    except ValueError:
        return None


def _instant(value: object) -> datetime | None:
    """Read milliseconds since 1970, or RFC 3339 as CloudEvents 1.0 writes it."""
    text = str(value).strip()
    try:
        moment = datetime.fromtimestamp(int(text) / 1000, UTC) if text.isdecimal() else datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return _credible(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _credible(moment: datetime) -> datetime | None:
    """Keep a moment to which a duration can be added."""
    return moment if 1970 <= moment.year < 3000 else None


def _span(value: object) -> timedelta:
    try:
        return min(timedelta(seconds=max(0, int(str(value)))), LONGEST)
    except (ValueError, OverflowError):
        return timedelta()


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(one, other) if one and other else one or other


def _after(last: datetime | None, moment: datetime) -> datetime:
    """Give the moment, or the second after the last one where that is later."""
    return max(last + SECOND, moment) if last else moment
