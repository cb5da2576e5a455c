"""What one attempt came to: what is stored of it, and what is counted, told and logged."""

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from structlog.testing import capture_logs

from bridge.alarm import Alarm, State, Status
from bridge.attempt import (
    PLAIN,
    SHORTENED,
    also_told,
    as_stored,
    call_of,
    concluded,
    dissolved,
    ended,
    falls_short,
    goes_along,
    is_about,
    is_worth_waiting,
    looks_again,
    over_unheard,
    report,
    revived,
)
from bridge.channels import Finding
from bridge.message import Answer, Call, DeliveryState, Message, Step, Why
from bridge.metrics import Metrics
from bridge.retry import Move, backoff_seconds
from bridge.sources.own import Own, body_of
from bridge.store import Result, Unsure
from bridge.trouble import Trouble
from tests.fakes.deliveries import a_delivery
from tests.fakes.scripted import a_verdict, counted
from tests.fakes.virtual import START

NOW = START + timedelta(minutes=1)
RECEIPT = {"channel": "C1", "ts": "1.1"}
RICH = Message(text="CPU", plain="plain CPU", payload={"blocks": []})
WAITING, SENT, SUPERSEDED, DEAD = (
    DeliveryState.WAITING,
    DeliveryState.SENT,
    DeliveryState.SUPERSEDED,
    DeliveryState.DEAD,
)


def a_move(**changes):
    return Move(**{"state": WAITING, "step": Step.POST, "plain": False, "note": "why", "wait_seconds": 30.0, **changes})


def came_to(*, delivery=None, held=True, **move):
    verdict = a_verdict(Answer.RETRY)
    return concluded(delivery or a_delivery(), verdict, a_move(**move), now=NOW, held=held, sent="CPU")


def test_a_call_names_its_delivery_event_and_episode_and_has_the_message_and_the_one_it_is_made_on():
    delivery = a_delivery(7, state_told=State.RECOVERED, episode_id=5, before="https://chat.example/0.9")
    assert call_of(delivery, Step.THREAD, RECEIPT, RICH, NOW) == Call(
        step=Step.THREAD,
        message=RICH,
        delivery_id="7",
        sent_at=NOW,
        receipt=RECEIPT,
        state=State.RECOVERED,
        event_id="7000",
        episode_id="5",
        before="https://chat.example/0.9",
    )


def test_a_call_of_what_was_refused_has_the_plain_text_alone():
    called = call_of(a_delivery(plain=True), Step.POST, None, RICH, NOW)
    assert called.message == Message(text="plain CPU", plain="plain CPU")


def test_an_attempt_that_failed_is_counted_and_keeps_verdict_note_and_what_was_sent():
    delivery = a_delivery(attempts=2, step=Step.UPDATE)
    assert came_to(delivery=delivery, plain=True) == Result(
        delivery=delivery,
        state=WAITING,
        made_at=NOW,
        due_at=NOW + timedelta(seconds=30),
        step=Step.UPDATE,
        attempts=3,
        verdict=a_verdict(Answer.RETRY),
        note="why",
        plain=True,
        sent="CPU",
    )


def test_where_the_channel_waits_the_delivery_does_not():
    assert came_to(held=False).due_at == NOW


def test_a_message_that_is_gone_is_forgotten_and_its_step_changes():
    result = came_to(delivery=a_delivery(step=Step.UPDATE), forget_message=True)
    assert (result.step, result.forget_message) == (Step.POST, True)


def test_what_ends_without_a_call_has_no_verdict_and_no_further_attempt():
    delivery = a_delivery(attempts=2, plain=True, step=Step.THREAD)
    assert ended(delivery, SUPERSEDED, "why", now=NOW) == Result(
        delivery=delivery,
        state=SUPERSEDED,
        made_at=NOW,
        due_at=NOW,
        step=Step.THREAD,
        attempts=2,
        note="why",
        plain=True,
    )


def test_what_a_mended_channel_need_not_hear_ends_with_all_of_its_episode_that_waits():
    first, second, other = a_delivery(1, episode_id=1), a_delivery(2, episode_id=1), a_delivery(3, episode_id=2)
    note = "it was over before the channel was mended, which never had its trigger"
    result = over_unheard(first, [second, other], now=NOW)
    ends = [ended(one, SUPERSEDED, note, now=NOW, why=Why.OVER_UNHEARD) for one in (first, second)]
    assert result == replace(ends[0], also=(ends[1],))
    assert [one.why for one in (result, *result.also)] == [Why.OVER_UNHEARD] * 2


def test_what_another_channel_takes_over_goes_with_all_of_its_episode_that_waits_as_it_is():
    first = a_delivery(1, attempts=4)
    moved = replace(ended(first, DeliveryState.MOVED, "handed to dba: 401", now=START), handed_to="dba")
    second = a_delivery(2, state_told=State.REPEAT, step=Step.UPDATE, plain=True, attempts=1)
    again = a_delivery(3)
    again = replace(again, event=replace(again.event, again=True))
    answer = a_delivery(4, state_told=State.RECOVERED, step=Step.THREAD)  # the second call of one event
    answer = replace(answer, event=replace(answer.event, id=first.event.id))
    behind = [second, again, answer]
    expected = (ended(one, DeliveryState.MOVED, "handed to dba: 401", now=START) for one in behind)
    assert goes_along(moved, behind) == replace(moved, along=tuple(replace(one, handed_to="dba") for one in expected))


def test_what_is_of_no_alarm_is_taken_over_alone():
    moved = replace(ended(a_delivery(1, episode_id=0), DeliveryState.MOVED, "", now=START), handed_to="dba")
    assert goes_along(moved, [a_delivery(2, episode_id=0)]) == moved


def test_a_digest_that_is_not_to_be_told_lets_what_it_would_have_told_wait_again():
    digest = a_delivery(state_told=State.DIGEST)
    assert dissolved(digest, "why", now=NOW) == replace(ended(digest, SUPERSEDED, "why", now=NOW), dissolves=True)


def test_what_another_message_told_as_well_names_that_one():
    (result,) = also_told(a_delivery(1), [a_delivery(2)], now=NOW)
    assert result == ended(a_delivery(2), SUPERSEDED, "told together with its trigger: delivery 1", now=NOW)


def test_a_delivery_is_as_its_result_left_it_but_for_what_can_be_read_again():
    alarm = Alarm(status=Status.FIRING, received_at=START, occurred_at=START)
    delivery = a_delivery(step=Step.UPDATE, alarm=alarm, body=b"{}")
    result = replace(came_to(delivery=delivery, plain=True, forget_message=True), state=DEAD, why=Why.WENT_ROUND)
    assert as_stored(result) == a_delivery(
        step=Step.POST,
        state=DEAD,
        plain=True,
        attempts=1,
        due_at=NOW + timedelta(seconds=30),
        note="why",
        why=Why.WENT_ROUND,
        body=b"{}",
    )


def test_a_dead_letter_that_waits_again_says_why():
    result = revived(a_delivery(note="403 Forbidden"), now=NOW)
    assert (result.state, result.note) == (WAITING, "waits again, since ops is broken: 403 Forbidden")


@pytest.mark.parametrize(
    ("trouble", "about", "kind", "channel", "expected"),
    [
        (Trouble.CHANNEL_BROKEN, "ops", "bridge", "ops", True),
        (Trouble.CHANNEL_BROKEN, "ops", "bridge", "dba", False),
        (Trouble.TEMPLATE_FAILING, "ops", "bridge", "ops", False),
        (Trouble.CHANNEL_BROKEN, "ops", "metric", "ops", False),
    ],
)
def test_an_alarm_of_the_bridge_is_about_the_channel_that_it_names(trouble, about, kind, channel, expected):
    body = body_of(Own(trouble=trouble, about=about, words="401", since=START, at=START))
    assert is_about(a_delivery(kind=kind, body=body), channel) is expected


def test_an_alarm_of_the_bridge_whose_body_is_not_here_is_about_nothing():
    assert not is_about(a_delivery(kind="bridge"), "ops")


class Told:
    """A reporter that writes down what it is told."""

    def __init__(self):
        self.told = []

    def trouble(self, trouble, about="", words=""):
        self.told.append((trouble, about, words))

    def over(self, trouble, about=""):
        raise AssertionError


def reported(result):
    metrics, told = Metrics(channels=["ops"]), Told()
    with capture_logs() as lines:
        report(result, metrics, told)
    return counted(metrics, "ops"), told.told, lines


@pytest.mark.parametrize(
    ("state", "answer", "counts", "level"),
    [
        (SENT, Answer.SENT, {"sent": 1}, "info"),
        (WAITING, Answer.RETRY, {"retried": 1}, "warning"),
        (WAITING, Answer.REJECTED, {"retried": 1, "rejected": 1}, "warning"),
        (DEAD, Answer.REJECTED, {"dead": 1, "rejected": 1}, "warning"),
        (WAITING, None, {}, "warning"),
        (SUPERSEDED, None, {"superseded": 1}, "info"),
        (DeliveryState.MOVED, None, {}, "warning"),
    ],
)
def test_each_end_of_an_attempt_has_its_count_and_its_line(state, answer, counts, level):
    verdict = None if answer is None else a_verdict(answer)
    result = replace(ended(a_delivery(7), state, "why", now=NOW), verdict=verdict)
    told, _troubles, (line,) = reported(result)
    assert told == counts
    assert line == {
        "event": "attempt",
        "log_level": level,
        "channel": "ops",
        "alarm": a_delivery().event.short_id,
        "state": State.TRIGGERED,
        "step": Step.POST,
        "delivery": 7,
        "attempt": 0,
        "verdict": answer or "none",
        "becomes": state,
        "said": f"it said {answer}" if answer else "why",
    }


def test_what_ended_with_an_attempt_is_counted_with_it():
    also = (ended(a_delivery(2), SUPERSEDED, "why", now=NOW),)
    counts, _troubles, lines = reported(replace(ended(a_delivery(1), SUPERSEDED, "why", now=NOW), also=also))
    assert (counts, [line["delivery"] for line in lines]) == ({"superseded": 2}, [2, 1])


def test_people_are_told_of_a_dead_letter_unless_it_is_the_bridges_own():
    dead = ended(a_delivery(), DEAD, "413 too large", now=NOW)
    _counts, troubles, _lines = reported(dead)
    assert troubles == [(Trouble.DEAD_LETTERS, "ops", f"{dead.delivery.event.short_id} triggered: 413 too large")]
    assert reported(ended(a_delivery(kind="bridge"), DEAD, "413", now=NOW))[1] == []
    unrecognised = a_delivery(state_told=State.UNRECOGNISED)
    nameless = replace(unrecognised, event=replace(unrecognised.event, number=0))
    assert reported(ended(nameless, DEAD, "413", now=NOW))[1] == [(Trouble.DEAD_LETTERS, "ops", "unrecognised: 413")]


def test_how_long_people_waited_counts_from_when_the_callback_was_stored():
    metrics = Metrics(channels=["ops"])
    report(ended(a_delivery(), SENT, "", now=NOW), metrics, Told())
    assert b'alarm_bridge_delivery_seconds_sum{channel="ops"} 60.0' in metrics.text()
    report(ended(a_delivery(), SENT, "", now=START - timedelta(seconds=5)), metrics, Told())
    assert b'alarm_bridge_delivery_seconds_sum{channel="ops"} 60.0' in metrics.text()


@pytest.mark.parametrize(
    ("delivery", "verdict", "rest", "said"),
    [
        ({}, {}, (), ""),
        ({}, {}, ("more",), SHORTENED),
        ({}, {"without": "without a block"}, ("more",), "without a block"),
        ({"plain": True, "attempts": 1, "note": "invalid_blocks"}, {}, ("more",), f"{PLAIN}: invalid_blocks"),
        ({"plain": True, "attempts": 2, "note": "503"}, {}, (), PLAIN),
        ({"plain": True, "attempts": 0, "note": "put back"}, {}, (), PLAIN),
    ],
)
def test_in_what_a_message_that_was_taken_is_less_than_its_template_makes(delivery, verdict, rest, said):
    message = Message(text="CPU", plain="CPU", rest=tuple(Message(text=one, plain=one) for one in rest))
    assert falls_short(a_delivery(**delivery), a_verdict(Answer.SENT, **verdict), message) == said


@pytest.mark.parametrize(
    ("is_open", "minutes", "after_seconds", "waits"),
    [
        (True, 0, None, True),
        (False, 0, None, False),
        (True, 5, None, False),
        (True, -5, None, False),
        (True, 4, 60.0, False),
        (True, 3, 60.0, True),
        (True, 299.5 / 60, None, True),
    ],
    ids=["now", "it is known", "late", "the clock was set back", "asked for too long", "asked in time", "in time"],
)
def test_what_may_have_arrived_is_looked_for_for_five_minutes(is_open, minutes, after_seconds, waits):
    finding = Finding(said="ratelimited", is_open=is_open, after_seconds=after_seconds)
    unsure = Unsure(made_at=NOW, beside=None)
    assert is_worth_waiting(finding, unsure, now=NOW + timedelta(minutes=minutes)) is waits


@pytest.mark.parametrize(("after_seconds", "seconds"), [(60.0, 60.0), (None, backoff_seconds(3, Random(7)))])
def test_what_cannot_be_looked_for_yet_waits_as_the_platform_asks_else_backs_off_and_says_why(after_seconds, seconds):
    delivery = a_delivery(attempts=3, step=Step.THREAD)
    finding = Finding(said="429 ratelimited", is_open=True, after_seconds=after_seconds)
    assert looks_again(delivery, finding, Random(7), now=NOW) == Result(
        delivery=delivery,
        state=WAITING,
        made_at=NOW,
        due_at=NOW + timedelta(seconds=seconds),
        step=Step.THREAD,
        attempts=4,
        note="it may have arrived, and is looked for again: 429 ratelimited",
    )
