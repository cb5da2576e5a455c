"""Which message a delivery changes or answers."""

from typing import Any

import pytest

from bridge.aiming import Aim, aimed
from bridge.alarm import State
from bridge.message import Step
from bridge.store import Told
from tests.fakes.deliveries import a_delivery

POST, UPDATE, THREAD, BROADCAST = Step.POST, Step.UPDATE, Step.THREAD, Step.BROADCAST
RECEIPT = {"channel": "C1", "ts": "1.1"}
EARLIER = Told(receipt=RECEIPT, event_id=1)


class Memory:
    """What is known of messages: of an episode in a channel, and of what a digest answers."""

    def __init__(self, told=None, answered=None):
        self.told, self.answers = told, answered

    async def message(self, episode_id, channel):
        assert (episode_id, channel) == (1, "ops")
        return self.told

    async def gone(self, delivery_id):
        assert delivery_id == 1
        return "message_not_found"

    async def answered(self, event_id, channel):
        assert (event_id, channel) == (1000, "ops")
        return self.answers


async def aim(delivery, *, told=EARLIER, answered=None, behind=(), chat=True):
    memory: Any = Memory(told, answered)
    return await aimed(delivery, behind, memory, chat=chat)


@pytest.mark.parametrize("state", [State.TRIGGERED, State.REPEAT, State.RECOVERED])
async def test_a_post_is_a_message_of_its_own(state):
    assert await aim(a_delivery(state_told=state)) == Aim(step=POST)


async def test_what_is_no_news_is_not_posted_to_a_fallback_that_is_a_chat():
    replaced = a_delivery(state_told=State.REPLACED, instead_of="dba: 401")
    assert await aim(replaced) == Aim(step=POST, nothing="people are told of it by an update alone")
    assert await aim(replaced, chat=False) == Aim(step=POST)
    assert await aim(a_delivery(state_told=State.REPLACED)) == Aim(step=POST)
    assert await aim(a_delivery(instead_of="dba: 401")) == Aim(step=POST)


async def test_what_is_posted_since_its_message_is_gone_says_so_in_a_chat():
    again = a_delivery(state_told=State.REPEAT, attempts=1)
    assert await aim(again) == Aim(step=POST, follows="message_not_found")
    assert await aim(again, chat=False) == Aim(step=POST)


async def test_an_update_changes_the_newest_message_of_its_episode():
    assert await aim(a_delivery(state_told=State.REPEAT, step=UPDATE)) == Aim(step=UPDATE, receipt=RECEIPT)


@pytest.mark.parametrize("step", [THREAD, BROADCAST])
async def test_an_answer_stands_below_its_alarms_message(step):
    assert await aim(a_delivery(state_told=State.RECOVERED, step=step)) == Aim(
        step=step, receipt=RECEIPT, is_answer=True
    )


async def test_of_two_updates_that_wait_a_chat_gets_the_newer_and_a_machine_both():
    first, second = (a_delivery(number, state_told=State.REPEAT, step=UPDATE) for number in (1, 2))
    assert await aim(first, behind=[second]) == Aim(step=UPDATE, nothing="a newer update waits: delivery 2")
    assert await aim(first, behind=[second], chat=False) == Aim(step=UPDATE, receipt=RECEIPT)


async def test_without_a_message_news_becomes_one_and_the_rest_is_not_told():
    assert await aim(a_delivery(state_told=State.REPEAT, step=UPDATE), told=None) == Aim(step=POST)
    replaced = a_delivery(state_told=State.REPLACED, step=UPDATE)
    assert await aim(replaced, told=None) == Aim(step=POST, nothing="there is no message to update")


@pytest.mark.parametrize("step", [UPDATE, THREAD])
async def test_an_event_that_a_new_message_told_is_not_told_by_its_other_steps(step):
    own = Told(receipt=RECEIPT, event_id=1000)
    assert await aim(a_delivery(state_told=State.RECOVERED, step=step), told=own) == Aim(
        step=POST, nothing="a new message tells it already"
    )


async def test_an_ending_of_what_a_digest_told_answers_the_digest():
    digest = Told(receipt=RECEIPT, event_id=1, is_digest=True)
    assert await aim(a_delivery(state_told=State.RECOVERED, step=UPDATE), told=digest) == Aim(
        step=THREAD, receipt=RECEIPT
    )
    assert await aim(a_delivery(state_told=State.REPEAT, step=UPDATE), told=digest) == Aim(
        step=UPDATE, nothing="a digest told of it, and a digest is never changed"
    )


async def test_a_digest_that_answers_another_stands_below_that_and_else_is_a_message_of_its_own():
    digest = a_delivery(state_told=State.DIGEST, step=THREAD)
    answered = Told(receipt=RECEIPT, event_id=1, is_digest=True)
    assert await aim(digest, answered=answered) == Aim(step=THREAD, receipt=RECEIPT)
    assert await aim(digest, answered=None) == Aim(step=POST)


async def test_what_a_message_had_no_room_for_goes_into_its_thread():
    rest = a_delivery(step=Step.REST)
    assert await aim(rest) == Aim(step=Step.REST, receipt=RECEIPT)
    nothing = "there is no message whose thread could hold it"
    assert await aim(rest, told=None) == Aim(step=Step.REST, nothing=nothing)
    digest = Told(receipt=RECEIPT, event_id=1, is_digest=True)
    assert await aim(rest, told=digest) == Aim(step=Step.REST, nothing=nothing)
