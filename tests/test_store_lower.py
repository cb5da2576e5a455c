"""What the store keeps of attempts, messages, pauses and queues, and gives back."""

import asyncio
from datetime import timedelta

import pytest

from bridge.attempt import ended
from bridge.clock import EPOCH
from bridge.message import Answer, DeliveryState, Step, Verdict
from bridge.store import ChannelState, Result, Told
from tests.fakes.spine import a_body, a_spine
from tests.fakes.virtual import START, virtual

CONFIG = """
server: {auth: off}
channels: {ops: {type: slack, token: xoxb-made-up, channel: "#ops"}}
default_channels: [ops]
"""
RECEIPT = {"channel": "C1", "ts": "1.1"}
OTHER = {"channel": "C1", "ts": "2.2"}


def of(instance, **changes):
    return a_body(object={"dimensions": {"unInstanceId": instance}}, **changes)


def outbox_of(spine):
    return spine.workers["ops"]._poster.outbox


async def taken(spine, instance="ins-1", **changes):
    """Let a callback come in; give the first delivery that it makes."""
    return (await spine.take(of(instance, **changes))).deliveries[0]


def came_to(delivery, receipt=None, **changes):
    made_at = delivery.event.created_at + timedelta(seconds=1)
    values = {
        "delivery": delivery,
        "state": DeliveryState.SENT,
        "made_at": made_at,
        "due_at": made_at,
        "step": delivery.step,
        "attempts": 1,
        "verdict": Verdict(answer=Answer.SENT, said="ok", status=200, receipt=receipt),
        **changes,
    }
    return Result(**values)


@virtual
async def test_what_an_attempt_came_to_is_kept_with_its_answer(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        delivery = await taken(spine)
        due_at = delivery.event.created_at + timedelta(seconds=31)
        refused = Verdict(answer=Answer.REJECTED, said="invalid\x00 blocks", status=200)
        await outbox_of(spine).finish(
            came_to(
                delivery,
                verdict=refused,
                state=DeliveryState.WAITING,
                attempts=3,
                due_at=due_at,
                note="invalid_blocks",
                plain=True,
                sent="CPU",
                step=Step.POST,
            )
        )
        kept = spine.rows("SELECT state, attempts, due_at, note, step, plain FROM deliveries")
        assert kept == [("waiting", 3, round(due_at.timestamp() * 1000), "invalid_blocks", "post", 1)]
        made_at = round((delivery.event.created_at + timedelta(seconds=1)).timestamp() * 1000)
        attempts = spine.rows("SELECT delivery_id, made_at, answer, status, said, sent FROM attempts")
        assert attempts == [(delivery.id, made_at, "rejected", 200, "invalid\ufffd blocks", "CPU")]


@virtual
async def test_what_ended_without_a_call_has_no_attempt_and_what_ended_with_it_is_kept_too(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        first, second = await taken(spine), await taken(spine, "ins-2")
        also = (ended(second, DeliveryState.SUPERSEDED, "with it", now=START),)
        await outbox_of(spine).finish(came_to(first, verdict=None, state=DeliveryState.DEAD, note="late", also=also))
        assert spine.rows("SELECT state, note FROM deliveries ORDER BY id") == [
            ("dead", "late"),
            ("superseded", "with it"),
        ]
        assert spine.rows("SELECT count(*) FROM attempts") == [(0,)]


@virtual
async def test_the_newest_message_of_an_episode_is_known_until_it_is_gone(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        delivery = await taken(spine)
        episode, event = delivery.event.episode_id, delivery.event.id
        assert await outbox_of(spine).message(episode, "ops") is None
        await outbox_of(spine).finish(came_to(delivery, RECEIPT))
        assert await outbox_of(spine).message(episode, "ops") == Told(receipt=RECEIPT, event_id=event)
        assert await outbox_of(spine).message(episode, "dba") is None
        await outbox_of(spine).finish(came_to(delivery, RECEIPT))
        assert spine.rows("SELECT count(*) FROM messages") == [(1,)]
        await outbox_of(spine).finish(came_to(delivery, OTHER))
        assert await outbox_of(spine).message(episode, "ops") == Told(receipt=OTHER, event_id=event)
        await outbox_of(spine).finish(
            came_to(delivery, verdict=Verdict(answer=Answer.GONE, said="gone"), forget_message=True)
        )
        told = await outbox_of(spine).message(episode, "ops")
        assert told is None or told.receipt != OTHER


@virtual
async def test_a_platform_that_says_nothing_of_a_message_leaves_none_to_change(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        delivery = await taken(spine)
        await outbox_of(spine).finish(came_to(delivery))
        assert await outbox_of(spine).message(delivery.event.episode_id, "ops") is None
        assert spine.rows("SELECT count(*) FROM messages") == [(0,)]


@pytest.mark.parametrize(
    "state",
    [
        ChannelState(name="ops", paused_until=EPOCH),
        ChannelState(
            name="ops",
            paused_until=START,
            failures=3,
            broken_since=START - timedelta(hours=1),
            mark="mark",
            reason="401",
            mended_at=START - timedelta(days=1),
        ),
    ],
    ids=["at ease", "broken"],
)
@virtual
async def test_a_pause_is_read_as_it_was_kept_and_the_newest_counts(state, tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        await outbox_of(spine).keep(ChannelState(name="ops", paused_until=START + timedelta(days=1), reason="older"))
        await outbox_of(spine).keep(state)
        assert await asyncio.to_thread(spine.store.channel_states) == {"ops": state}


@virtual
async def test_a_queue_is_as_old_as_its_oldest_callback_that_waits(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        assert await outbox_of(spine).queues() == {}
        first = await taken(spine)
        await spine.settle(100)
        second = await taken(spine, "ins-2")
        queue = (await outbox_of(spine).queues())["ops"]
        assert (queue.waiting, queue.oldest) == (2, first.event.received_at)
        await outbox_of(spine).finish(came_to(first))
        queue = (await outbox_of(spine).queues())["ops"]
        assert (queue.waiting, queue.oldest) == (1, second.event.received_at)
