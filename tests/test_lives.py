"""Whole lives of alarms: captured callbacks, of which only session, status, level and times were changed.

Each goes through SQLite, intake and delivery into one channel of every type. What the terminal shows
stands in `expected/lives`; WRITE_EXPECTED=1 writes it anew, to be read before it is kept.
"""

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bridge.lifecycle import Row
from tests.fakes.endpoint import serve_endpoint
from tests.fakes.slack import TOKEN, serve_slack
from tests.fakes.spine import MEMORY, a_body, a_spine
from tests.fakes.virtual import virtual

EXPECTED = Path(__file__).parent / "expected" / "lives"
BEGAN = datetime(2021, 5, 11, 20, 31)  # noqa: DTZ001 - as Tencent writes it, in UTC+8; the clock starts 93 s later
EVENT = "doc-2019-event-triggered"
DAY = 24 * 60
CONFIG = """
server: {{auth: off}}
language: {language}
channels:
  here: {{type: terminal}}
  tickets: {{type: webhook, url: "{endpoint}"}}
  ops: {{type: slack, token: {token}, channel: "#ops", api_url: "{api}"}}
  hook: {{type: slack_webhook, url: "{hook}"}}
default_channels: [here, tickets, ops, hook]
"""


@dataclass(frozen=True)
class Heard:
    """A callback, so many minutes after the alarm began, and the row of the table that it meets."""

    minute: float
    body: bytes
    row: Row


@dataclass(frozen=True)
class Received:
    """So long a time in which the bridge was receiving, and heard nothing."""

    hours: float


@dataclass(frozen=True)
class Life:
    """What is heard, and what each channel is told; `here` is told what `tickets` is."""

    name: str
    heard: tuple[Heard | Received, ...]
    tickets: str  # states
    ops: str = ""  # steps and states
    hook: str = ""  # states


def local(minute: float) -> str:
    return (BEGAN + timedelta(minutes=minute)).strftime("%Y-%m-%d %H:%M:%S")


def fires(session, lasted=0, *, first=0, level=None, name=MEMORY, status="1"):
    """A firing callback of the episode that began at minute `first`, of the moment `lasted` minutes on."""
    return a_body(
        name,
        sessionId=session,
        alarmStatus=status,
        firstOccurTime=None if first is None else local(first),
        durationTime=lasted * 60,
        alarmLevel=level,
    )


def recovers(session, minute, *, first=0, name=MEMORY):
    """A recovery at a minute, of the episode that began at minute `first`."""
    return a_body(
        name,
        sessionId=session,
        alarmStatus="0",
        firstOccurTime=None if first is None else local(first),
        durationTime=0 if first is None else (minute - first) * 60,
        recoverTime=local(minute),
    )


LIVES = [
    Life(
        "ordinary",
        (
            Heard(2, fires("a"), Row.NEW),
            Heard(3, fires("a"), Row.RESENT),
            Heard(4, fires("b"), Row.NOTHING_NEW),
            Heard(DAY + 2, fires("c", DAY), Row.LATER),
            Heard(DAY + 3, fires("c", DAY), Row.RESENT),
            Heard(1691, recovers("d", 1689), Row.RECOVERED),
            Heard(1692, recovers("e", 1689), Row.RECOVERED_BEFORE),
            Heard(1693, fires("f", DAY), Row.LATE_RESEND),
        ),
        tickets="triggered repeat recovered",
        ops="post:triggered update:repeat update:recovered reply:recovered",
        hook="triggered recovered",
    ),
    Life(
        "escalation",
        (
            Heard(2, fires("a", level="Remind"), Row.NEW),
            Heard(7, fires("b", level="Serious"), Row.ROSE),
            Heard(12, fires("c", 10, level="Warn"), Row.LATER),
            Heard(17, fires("d", 15, level="Serious"), Row.ROSE),
            Heard(22, recovers("e", 20), Row.RECOVERED),
        ),
        tickets="triggered escalated repeat escalated recovered",
        ops="post:triggered update:escalated reply:escalated update:repeat update:escalated reply:escalated "
        "update:recovered reply:recovered",
        hook="triggered escalated escalated recovered",
    ),
    Life(
        "again",
        (
            Heard(2, fires("a"), Row.NEW),
            Heard(12, recovers("b", 10), Row.RECOVERED),
            Heard(22, fires("c", 20), Row.AGAIN),
            Heard(32, recovers("d", 30), Row.RECOVERED),
        ),
        tickets="triggered recovered triggered recovered",
        ops="post:triggered update:recovered reply:recovered post:triggered update:recovered reply:recovered",
        hook="triggered recovered triggered recovered",
    ),
    Life(
        "replacement",
        (
            Heard(2, fires("a"), Row.NEW),
            Heard(62, fires("b", first=60), Row.NEW),
            Heard(63, fires("c"), Row.LATE_OF_ENDED),
            Heard(64, recovers("d", 50), Row.RECOVERED),
            Heard(72, recovers("e", 70, first=60), Row.RECOVERED),
        ),
        tickets="triggered replaced triggered recovered recovered",
        ops="post:triggered update:replaced post:triggered update:recovered reply:recovered "
        "update:recovered reply:recovered",
        hook="triggered triggered recovered recovered",
    ),
    Life(
        "replaced-and-open-again",
        (
            Heard(2, fires("a"), Row.NEW),
            Heard(62, fires("b", first=60), Row.NEW),
            Heard(92, fires("c", 90), Row.REOPENED),
        ),
        tickets="triggered replaced triggered repeat",
        ops="post:triggered update:replaced post:triggered update:repeat",
        hook="triggered triggered",
    ),
    Life(
        "out-of-order",
        (
            Heard(62, fires("a", first=60), Row.NEW),
            Heard(92, fires("b", 90), Row.EARLIER),
            Heard(93, fires("c", first=-60), Row.SUPERSEDED),
        ),
        tickets="triggered triggered",
        ops="post:triggered post:triggered",
        hook="triggered triggered",
    ),
    Life(
        "duration-never-moves",
        (
            Heard(2, fires("a"), Row.NEW),
            Heard(6.9, fires("b"), Row.NOTHING_NEW),
            Heard(7, fires("c"), Row.SAME_MOMENT),
            Heard(11.9, fires("d"), Row.NOTHING_NEW),
            Heard(12, fires("e"), Row.SAME_MOMENT),
        ),
        tickets="triggered repeat repeat",
        ops="post:triggered update:repeat update:repeat",
        hook="triggered",
    ),
    Life(
        "recovery-not-heard-of",
        (
            Heard(12, recovers("a", 10), Row.UNHEARD),
            Heard(13, recovers("b", 11, first=None), Row.RECOVERED_NEWEST),
            Heard(14, recovers("c", 9, first=5), Row.RECOVERED_LATER),
            Heard(15, fires("d", 5), Row.LATE_RESEND),
        ),
        tickets="recovered",
        ops="post:recovered",
        hook="recovered",
    ),
    Life(
        "recovery-of-another-first-occurrence",
        (Heard(2, fires("a"), Row.NEW), Heard(12, recovers("b", 10, first=1), Row.RECOVERED_OPEN)),
        tickets="triggered recovered",
        ops="post:triggered update:recovered reply:recovered",
        hook="triggered recovered",
    ),
    Life(
        "recovery-without-a-first-occurrence",
        (Heard(2, fires("a"), Row.NEW), Heard(12, recovers("b", 10, first=None), Row.RECOVERED_OPEN)),
        tickets="triggered recovered",
        ops="post:triggered update:recovered reply:recovered",
        hook="triggered recovered",
    ),
    Life(
        "stateless",
        (
            Heard(2, fires("a", name=EVENT, status="-"), Row.STATELESS),
            Heard(3, fires("b", name=EVENT, status="-"), Row.STATELESS_KNOWN),
            Heard(12, fires("c", name=EVENT, status="-", first=10), Row.STATELESS),
            Received(27),
        ),
        tickets="triggered triggered",
        ops="post:triggered post:triggered",
        hook="triggered triggered",
    ),
    Life(
        "expiry",
        (
            Heard(2, fires("a"), Row.NEW),
            Received(20),
            Heard(20 * 60 + 10, fires("b"), Row.SAME_MOMENT),
            Received(25.9),
            Received(0.1),
            Heard(46 * 60 + 20, fires("c"), Row.LATE_OF_ENDED),
            Heard(3 * DAY, fires("d", 3 * DAY), Row.REOPENED),
            Heard(3 * DAY + 5, recovers("e", 3 * DAY + 3), Row.RECOVERED),
        ),
        tickets="triggered repeat expired repeat recovered",
        ops="post:triggered update:repeat update:expired reply:expired update:repeat update:recovered reply:recovered",
        hook="triggered expired recovered",
    ),
    Life(
        "expiry-of-an-event",
        (Heard(2, fires("a", name=EVENT), Row.NEW), Received(26)),
        tickets="triggered expired",
        ops="post:triggered update:expired",
        hook="triggered",
    ),
]


@pytest.fixture(autouse=True)
def no_blocking_call_on_a_loop():
    """Let rendering read its templates: each is read on the loop, once, when the first message needs it."""


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.name)
@virtual
async def test_a_life_ends_in_exactly_these_messages(life, language, tmp_path, clock):
    async with serve_slack(clock=clock.monotonic) as slack, serve_endpoint() as endpoint:
        text = CONFIG.format(
            language=language, endpoint=endpoint.url(), token=TOKEN, api=slack.api_url, hook=slack.hook_url
        )
        began = clock.now() - timedelta(seconds=93)
        async with a_spine(tmp_path, text, clock) as spine:
            for heard in life.heard:
                if isinstance(heard, Received):
                    clock.shift += timedelta(hours=heard.hours)
                    await spine.receive(round(heard.hours * 3600))
                else:
                    clock.shift += began + timedelta(minutes=heard.minute) - clock.now()
                    judgement = await spine.take(heard.body)
                    assert judgement.reason.split(";")[0] == heard.row.value.split(";")[0]
                await spine.settle(5)
            assert [line for line in spine.logs if line["log_level"] not in {"debug", "info"}] == []
            assert spine.rows("SELECT state, count(*) FROM deliveries WHERE state != 'sent' GROUP BY 1") == []
        assert " ".join(one.json()["state"] for one in endpoint.received) == life.tickets
        assert " ".join(steps_of(slack, spine)) == life.ops
        assert all(("attachments" in one.content) is (one.thread_ts is None) for one in slack.messages)
        assert " ".join(states_of(spine, "hook")) == life.hook
        assert spine.rows("SELECT count(*) FROM events") == [(len(life.tickets.split()),)]
    shown(EXPECTED / f"{life.name}.{language}.txt", spine.out.getvalue())


def steps_of(slack, spine):
    """Give step and state of each of Slack's calls, in their order."""
    made = [call for call in slack.calls if call.method in {"chat.postMessage", "chat.update"}]
    states = states_of(spine, "ops")
    assert len(made) == len(states)
    assert {call.answer for call in made} == {"ok"}
    for call, state in zip(made, states, strict=True):
        posted = "reply" if "thread_ts" in call.arguments else "post"
        yield f"{'update' if call.method == 'chat.update' else posted}:{state}"


def states_of(spine, channel):
    """Give the states told to a channel in the order of the attempts."""
    query = (
        "SELECT events.state FROM attempts JOIN deliveries ON deliveries.id = delivery_id "
        "JOIN events ON events.id = event_id WHERE channel = ? ORDER BY attempts.id"
    )
    return [state for (state,) in spine.rows(query, channel)]


def shown(file, text):
    if os.environ.get("WRITE_EXPECTED"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def test_every_row_of_the_table_is_met():
    heard = [heard.row for life in LIVES for heard in life.heard if isinstance(heard, Heard)]
    assert set(heard) == set(Row)
