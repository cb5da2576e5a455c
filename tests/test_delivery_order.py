"""The order of each alarm, whatever the platform answers: random verdicts, delays and restarts."""

import asyncio
import tempfile
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.message import Answer
from tests.fakes.scripted import SENT, Scripted, a_verdict, scripted
from tests.fakes.spine import a_body, a_spine
from tests.fakes.virtual import run

CONFIG = """
server: {auth: off}
channels:
  ops: {type: %s}
default_channels: [ops]
"""
KINDS = {
    "machine": (CONFIG % 'webhook, url: "http://127.0.0.1:9/"', {}),
    "chat": (CONFIG % 'slack, token: xoxb-made-up, channel: "#ops"', {"rate": None}),
}
NOT_TAKEN = [
    a_verdict(Answer.RETRY),
    a_verdict(Answer.RETRY, after_seconds=0),
    a_verdict(Answer.RETRY, after_seconds=3, throttled=True),
    a_verdict(Answer.AMBIGUOUS),
    a_verdict(Answer.REJECTED),
    a_verdict(Answer.REJECTED, plain_helps=True),
    a_verdict(Answer.REJECTED, breaks_after=3),
    a_verdict(Answer.GONE),
    a_verdict(Answer.BROKEN),
]
ALARMS, EVENTS = 6, 5


def bodies(random):
    """Give the callbacks of some alarms, each alarm's in order: a trigger, repeats, and its recovery."""
    waiting = {alarm: list(range(EVENTS)) for alarm in range(ALARMS)}
    while waiting:
        alarm = random.choice(sorted(waiting))
        number = waiting[alarm].pop(0)
        if not waiting[alarm]:
            del waiting[alarm]
        last = {"alarmStatus": "0", "recoverTime": "2021-05-11 23:00:00"} if number == EVENTS - 1 else {}
        yield a_body(
            sessionId=f"{alarm}-{number}",
            object={"dimensions": {"unInstanceId": f"ins-{alarm}"}},
            durationTime=number * 600,
            **last,
        )


async def told(folder, kind, random, clock, *, restarts):
    """Send all callbacks while a platform misbehaves, then let it behave; give the spine's rows."""
    text, options = KINDS[kind]
    channel = Scripted(clock)
    channel.answers = lambda _: SENT if random.random() < 0.6 else random.choice(NOT_TAKEN)
    channel.seconds = lambda _: random.choice([0, 0.1, 1, 5])
    left = list(bodies(random))
    while left:
        now, left = left[:10] if restarts else left, left[10:] if restarts else []
        change = scripted(clock, {"ops": channel}, **options)
        async with a_spine(folder, text, clock, random=Random(random.random()), change=change) as spine:
            for body in now:
                await spine.take(body)
                await clock.sleep(random.choice([0, 0.01, 2]))
            if left:
                continue
            await clock.sleep(60)
            channel.answers = lambda _: SENT
            await clock.sleep(4000)
            return (
                spine.rows(
                    "SELECT events.episode_id, deliveries.id, attempts.answer, deliveries.state FROM attempts "
                    "JOIN deliveries ON deliveries.id = delivery_id JOIN events ON events.id = event_id ORDER BY attempts.id"
                ),
                spine.rows("SELECT state, count(*) FROM deliveries GROUP BY 1"),
                channel,
            )
    return None


@pytest.mark.parametrize("restarts", [False, True], ids=["", "restarts"])
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=6)
@given(seed=st.integers(0, 2**32))
def test_no_alarm_is_told_out_of_order_and_nothing_is_lost(kind, restarts, seed):
    """Scripted asserts by itself that no two calls of one alarm are under way at once."""
    with tempfile.TemporaryDirectory() as folder:
        attempts, states, _channel = run(lambda clock: told(Path(folder), kind, Random(seed), clock, restarts=restarts))
    assert {state for state, _ in states} <= {"sent", "dead", "superseded"}
    assert sum(count for _, count in states) >= ALARMS * EVENTS
    by_alarm: dict[int, list[tuple[int, str]]] = {}
    for episode, delivery, answer, state in attempts:
        by_alarm.setdefault(episode, []).append((delivery, answer))
        assert state != "sent" or answer != "dead"
    for tries in by_alarm.values():
        ids = [delivery for delivery, answer in tries if answer == "sent"]
        assert ids == sorted(ids)  # a dead letter may come back to life, but not after what came later was told
    taken = [delivery for tries in by_alarm.values() for delivery, answer in tries if answer == "sent"]
    assert len(set(taken)) == len(taken) == dict(states)["sent"]


@pytest.mark.parametrize("seed", range(3))
def test_two_of_one_alarm_are_told_in_the_order_in_which_they_came_though_the_first_is_slow(seed, tmp_path):
    async def slow_then_fast(clock):
        random = Random(seed)
        channel = Scripted(clock)
        channel.seconds = lambda _: random.random()
        text, options = KINDS["machine"]
        async with a_spine(tmp_path, text, clock, change=scripted(clock, {"ops": channel}, **options)) as spine:
            await asyncio.gather(*(spine.take(body) for body in bodies(random)))
            await clock.sleep(60)
        return [(call.episode_id, call.message.text.split()[0]) for call in channel.calls]

    calls = run(slow_then_fast)
    for episode in {episode for episode, _ in calls}:
        states = [state for other, state in calls if other == episode]
        assert states == ["triggered", *["repeat"] * (EVENTS - 2), "recovered"]
