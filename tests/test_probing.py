"""How a broken channel is tried without anybody seeing it."""

from types import SimpleNamespace
from typing import Any

import pytest

from bridge.clock import EPOCH
from bridge.message import Answer, DeliveryState, Step
from bridge.probing import Probe, move_of
from bridge.retry import Move
from tests.fakes.scripted import a_verdict
from tests.fakes.virtual import START


class Asked:
    """A channel that answers in turn what it is asked."""

    def __init__(self, *answers):
        self.answers = list(answers)

    async def ask(self):
        return a_verdict(self.answers.pop(0))


class Condition:
    """A condition that writes down what it learns; what it learns changes its state."""

    def __init__(self, *, is_broken=True, paused_until=START, pause=0.0):
        self.is_broken, self.pause, self.heard = is_broken, pause, []
        self.state = SimpleNamespace(paused_until=paused_until)

    def pause_seconds(self):
        return self.pause

    async def learn(self, verdict, move):
        self.heard.append((str(verdict.answer), move.breaks))
        self.state = SimpleNamespace(paused_until=START)

    async def mend(self):
        self.heard.append("mended")
        self.is_broken = False


def a_probe(condition, *answers, can_ask=True):
    channel: Any = Asked(*answers) if can_ask else object()
    return Probe(channel, condition)


async def heard(condition, *answers, can_ask=True, is_idle=False):
    """Give what a condition is told when its channel is tried as often as it has answers."""
    probe = a_probe(condition, *answers, can_ask=can_ask)
    for _ in answers or [None]:
        await probe.make(is_idle=is_idle)
    return condition.heard


@pytest.mark.parametrize(
    ("condition", "can_ask", "expected"),
    [({}, True, True), ({}, False, False), ({"is_broken": False}, True, False), ({"pause": 0.5}, True, False)],
    ids=["broken, its pause over", "one that cannot be asked", "one that is well", "one that pauses"],
)
def test_a_channel_is_to_be_asked_before_anything_is_posted(condition, can_ask, expected):
    assert a_probe(Condition(**condition), can_ask=can_ask).is_due is expected


async def test_a_channel_that_said_yes_is_tried_with_a_message_and_not_asked_again():
    condition = Condition()
    probe = a_probe(condition, Answer.SENT)
    await probe.make(is_idle=False)
    assert (condition.heard, probe.is_due) == ([], False)
    await probe.make(is_idle=False)  # there is no further answer: to ask would fail


async def test_a_channel_that_is_well_or_pauses_is_not_asked():
    assert await heard(Condition(is_broken=False), is_idle=True) == []
    assert await heard(Condition(pause=1.0), is_idle=True) == []
    assert await heard(Condition(is_broken=False, paused_until=EPOCH), can_ask=False, is_idle=True) == []
    assert await heard(Condition(pause=0.5, paused_until=EPOCH), can_ask=False, is_idle=True) == []


async def test_a_no_is_learnt_and_a_yes_after_it_mends_the_channel():
    assert await heard(Condition(), Answer.BROKEN, Answer.SENT) == [("broken", True), "mended"]


async def test_no_answer_is_learnt_and_a_yes_after_it_is_no_news():
    assert await heard(Condition(), Answer.RETRY, Answer.SENT) == [("retry", False)]


async def test_a_no_is_remembered_though_no_answer_came_after_it():
    answers = (Answer.BROKEN, Answer.RETRY, Answer.SENT)
    assert await heard(Condition(), *answers) == [("broken", True), ("retry", False), "mended"]


async def test_other_settings_that_are_said_yes_to_are_taken_at_their_word_where_nothing_waits():
    assert await heard(Condition(paused_until=EPOCH), Answer.SENT, is_idle=True) == ["mended"]
    assert await heard(Condition(paused_until=EPOCH), Answer.SENT) == []
    assert await heard(Condition(), Answer.SENT, is_idle=True) == []


async def test_other_settings_of_a_channel_that_cannot_be_asked_are_taken_at_their_word_where_nothing_waits():
    assert await heard(Condition(paused_until=EPOCH), can_ask=False, is_idle=True) == ["mended"]
    assert await heard(Condition(paused_until=EPOCH), can_ask=False) == []
    assert await heard(Condition(), can_ask=False, is_idle=True) == []


def a_move(**changes):
    return Move(state=DeliveryState.WAITING, step=Step.POST, plain=False, **changes)


def test_a_no_breaks_the_channel_and_what_was_no_answer_is_asked_again_after_a_minute_or_as_it_says():
    assert move_of(a_verdict(Answer.BROKEN)) == a_move(breaks=True)
    assert move_of(a_verdict(Answer.RETRY)) == a_move(wait_seconds=60.0, pauses=True)
    assert move_of(a_verdict(Answer.RETRY, after_seconds=5.0)) == a_move(wait_seconds=60.0, pauses=True)
    assert move_of(a_verdict(Answer.RETRY, after_seconds=90.0)) == a_move(wait_seconds=90.0, pauses=True)
