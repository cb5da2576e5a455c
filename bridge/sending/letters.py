"""What `send` posts for a callback: the body as it is, put into the present, or gone on with.

Pure but for the memory, which it changes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bridge import sources
from bridge.alarm import State
from bridge.sending.memory import Memory
from bridge.sending.retell import (
    Body,
    Latest,
    begin,
    go_on,
    has_duration,
    is_alarm,
    life_of,
    read_body,
    shift_template,
    write_body,
)

OLD = timedelta(days=1)  # how long after its beginning a file is taken for one of the past
GOES_ON = frozenset({State.REPEAT, State.ESCALATED, State.RECOVERED})
UNHEARD = {
    State.REPEAT: "was not sent before: this repeat is the first the bridge hears of it, and counts as triggered",
    State.ESCALATED: "was not sent before: this is the first the bridge hears of it, and counts as triggered",
    State.RECOVERED: "was not sent before: this is a recovery whose alarm the bridge never heard of",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the command line asks for."""

    state: State | None = None
    as_is: bool = False
    now: datetime
    session: Callable[[], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One callback ready to be posted."""

    name: str
    body: bytes
    told: str  # triggered, recovered, …; what it is where it is no alarm
    note: str = ""  # what the user may not expect
    alarm: Body | None = field(default=None, repr=False)  # to be remembered once it is taken


def compose(name: str, body: bytes, memory: Memory, *, sample: bool, wish: Wish) -> Letter:
    """Make the letter for a callback, and note its times in the memory.

    `sample`: it is a built-in one, which gets the present time unasked; a file does with a state only.
    """
    parsed = read_body(body)
    changes = not wish.as_is and (sample or wish.state is not None)
    if parsed is None or not is_alarm(parsed):
        return _no_alarm(name, body, parsed if changes else None, wish)
    if not changes:
        letter = Letter(name=name, body=body, told=_told(parsed, None), note=_old_note(parsed, wish), alarm=parsed)
    else:
        letter = _retold(name, parsed, wish, memory)
    _note_times(letter, wish.now, memory)
    return letter


def _no_alarm(name: str, body: bytes, parsed: Body | None, wish: Wish) -> Letter:
    """Make the letter for a body whose state and session nobody can change."""
    note = "is no alarm of Tencent's own format: its state and session cannot be changed" if wish.state else ""
    shifted = shift_template(parsed, now=wish.now) if parsed is not None else None
    if shifted is None or shifted == parsed:
        return Letter(name=name, body=body, told="as it is", note=note)
    return Letter(name=name, body=write_body(shifted), told="present times", note=note)


def _retold(name: str, parsed: Body, wish: Wish, memory: Memory) -> Letter:
    sent_last = memory.sent.get(name) if wish.state in GOES_ON else None
    if sent_last is not None and wish.state:
        body = go_on(sent_last, now=wish.now, session=wish.session(), state=wish.state)
        note = _event_note(sent_last, wish.state)
    else:
        latest = memory.latest.get(_key(write_body(parsed), wish.now), Latest())
        body = begin(parsed, now=wish.now, session=wish.session(), latest=latest, state=wish.state)
        note = UNHEARD.get(wish.state, "") if wish.state else ""
    return Letter(name=name, body=write_body(body), told=_told(body, wish.state), note=note, alarm=body)


def _old_note(body: Body, wish: Wish) -> str:
    """Say of a file that is sent as it is why it may be no news to the bridge, or years old in a message."""
    began = life_of(body).began
    if wish.as_is or began is None or wish.now - began < OLD:
        return ""
    return f"began on {began:%Y-%m-%d}, and is sent so; --state triggered gives it the present time"


def _event_note(body: Body, state: State) -> str:
    if has_duration(body) or state is not State.REPEAT:
        return ""
    return "has no duration that could grow: within five minutes the bridge takes this for a re-send"


def _told(body: Body, state: State | None) -> str:
    return state or (State.TRIGGERED if life_of(body).firing else State.RECOVERED)


def _note_times(letter: Letter, now: datetime, memory: Memory) -> None:
    key = _key(letter.body, now)
    if key and letter.alarm is not None:
        memory.note(key, memory.latest.get(key, Latest()).and_then(life_of(letter.alarm)))


def _key(body: bytes, now: datetime) -> str:
    """Name the alarm as the bridge does: samples of one document speak of the same."""
    alarm = sources.read(body, now).alarm
    return alarm.key if alarm else ""
