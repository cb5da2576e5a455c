"""One attempt at a delivery: whether a call is made, which, and what follows from its verdict."""

from dataclasses import replace
from datetime import timedelta
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.alarm import State
from bridge.attempt import SHORTENED, TOLD_TOGETHER
from bridge.channels.kind import Finding
from bridge.message import BEFORE, Answer, Count, DeliveryState, Digest, Message, Step, Verdict, Why
from bridge.pace import Spacing, Window
from bridge.post import Post
from bridge.posting import Caller
from bridge.sources.own import Own, body_of
from bridge.store import Pause, StoreUnavailable, Told
from bridge.store.work import Unsure
from bridge.trouble import Trouble
from tests.conftest import NOW
from tests.fakes import deliveries
from tests.fakes.scripted import SENT, a_verdict, words

POST, UPDATE, THREAD = Step.POST, Step.UPDATE, Step.THREAD
WAITING, SUPERSEDED, DEAD = DeliveryState.WAITING, DeliveryState.SUPERSEDED, DeliveryState.DEAD
RECEIPT = {"channel": "C1", "ts": "1.1"}
COUNTED = Digest(
    counts=(Count(policy="p", state=State.TRIGGERED, route="", severity="", alarms=3),),
    worst=(),
)


def a_delivery(number=1, **changes):
    """Give a delivery of an event of just now."""
    return deliveries.a_delivery(number, **{"created_at": NOW, **changes})


class Subject:
    """A caller of the channel `ops`, with all that it uses, and a log of what it did in order."""

    def __init__(self, clock, *, answer=SENT, told=None, digest=COUNTED, **post):
        self.clock, self.answer, self.told, self.counted = clock, answer, told, digest
        self.did: list[str] = []
        self.calls: list[Any] = []
        self.rendered: list[Any] = []
        self.learnt: list[Any] = []
        self.kept: list[Any] = []
        self.condition: Any = SimpleNamespace(
            hands_over=False,
            is_well=True,
            state=SimpleNamespace(reason="401"),
            pause_seconds=lambda: 300.0,
            was_broken=lambda moment: False,
            strikes=lambda delivery, verdict: 1,
            learn=self._learn,
        )
        self.over_unheard_of: set[int] = set()
        given: Any = {
            "name": "ops",
            "channel": SimpleNamespace(post=self._post),
            "render": self._render,
            "chat": True,
            "one_by_one": True,
            "idempotent": False,
            "rate": None,
            "give_up_after": timedelta(hours=24),
            "fallback": "dba",
            "mark": "",
            "digest_over": 20,
            "threads": True,
            "urgency": SimpleNamespace(routes=("loud",)),
            **post,
        }
        self.window = Window()
        given_outbox: Any = self
        condition: Any = self.condition
        self.caller = Caller(
            post=Post(**given),
            outbox=given_outbox,
            condition=condition,
            window=self.window,
            clock=clock,
            random=Random(1),
        )

    async def _post(self, call):
        self.did.append("post")
        self.calls.append(call)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def _render(self, delivery):
        self.rendered.append(delivery)
        return words(delivery)

    async def _learn(self, verdict, move):
        self.learnt.append((verdict, move))

    async def keep_pause(self, pause):
        self.kept.append(pause)

    async def message(self, episode_id, channel):
        assert (episode_id, channel) == (1, "ops")
        return self.told

    async def gone(self, _delivery_id):
        return "message_not_found"

    async def answered(self, _event_id, _channel):
        return None

    async def digest(self, event_id, routes):
        assert (event_id, routes) == (1000, ("loud",))
        return self.counted

    async def begin(self, delivery_id):
        self.did.append(f"begin {delivery_id}")

    async def over_unheard(self, episode_id, channel):
        assert channel == "ops"
        return episode_id in self.over_unheard_of

    async def attempt(self, delivery=None, behind=()):
        return await self.caller.attempt(delivery or a_delivery(), behind)

    async def outcome(self, delivery=None, behind=()):
        """Give where a delivery stands after an attempt, and why."""
        result = await self.attempt(delivery, behind)
        return result.state, result.note


async def test_a_call_that_would_show_twice_is_begun_on_disk_before_it_is_made(clock):
    ops = Subject(clock)
    result = await ops.attempt(a_delivery(7))
    assert ops.did == ["begin 7", "post"]
    assert (result.state, result.verdict, result.attempts) == (DeliveryState.SENT, SENT, 1)
    assert (result.sent, result.made_at) == ("triggered 1", clock.now())
    (call,) = ops.calls
    assert (call.step, call.receipt, call.delivery_id, call.sent_at) == (POST, None, "7", clock.now())


async def test_a_call_that_shows_once_however_often_it_is_made_is_not_begun(clock):
    ops = Subject(clock, idempotent=True)
    await ops.attempt()
    assert ops.did == ["post"]


async def test_a_store_that_fails_stops_the_attempt_and_is_for_the_worker(clock):
    ops = Subject(clock)

    async def begin(_delivery_id):
        raise StoreUnavailable("disk full")

    subject: Any = ops
    subject.begin = begin
    with pytest.raises(StoreUnavailable):
        await ops.attempt()
    assert ops.calls == []


async def test_a_fault_of_the_bridges_own_is_a_refusal_that_plain_text_may_help(clock):
    ops = Subject(clock, answer=LookupError("SECRET"))
    with capture_logs() as lines:
        result = await ops.attempt(a_delivery(step=UPDATE, state_told=State.REPEAT))
    assert (result.state, result.note, result.plain) == (WAITING, "the bridge failed: LookupError", True)
    assert (result.step, result.sent) == (UPDATE, "")
    assert [(line["event"], line["log_level"]) for line in lines] == [("a delivery failed", "error")]


async def test_what_was_under_way_when_the_bridge_stopped_may_have_arrived(clock):
    ops = Subject(clock)
    result = await ops.attempt(a_delivery(state=DeliveryState.BEGUN, step=THREAD))
    assert ops.calls == []
    assert (result.state, result.step, result.sent) == (WAITING, THREAD, "")
    assert result.verdict == Verdict(
        answer=Answer.AMBIGUOUS, said="the bridge stopped before an answer came", after_seconds=0
    )


# what is not for this channel


@pytest.mark.parametrize(
    ("chat", "is_well", "attempts", "pauses", "waits"),
    [
        (True, True, 3, False, True),
        (True, False, 3, True, False),
        (True, True, 0, True, False),
        (False, True, 3, True, True),
    ],
    ids=["the message's", "the chat's", "nobody knows whose", "a machine pauses by its own count"],
)
async def test_a_failure_pauses_a_chat_unless_it_is_the_messages_own_which_then_waits(
    chat, is_well, attempts, pauses, waits, clock
):
    ops = Subject(clock, answer=a_verdict(Answer.RETRY), chat=chat)
    ops.condition.is_well = is_well
    result = await ops.attempt(a_delivery(attempts=attempts))
    ((_, move),) = ops.learnt
    assert (move.pauses, result.due_at > clock.now()) == (pauses, waits)


async def test_a_broken_channel_hands_over_and_says_why(clock):
    ops = Subject(clock)
    ops.condition.hands_over = True
    result = await ops.attempt()
    assert (result.state, result.note) == (DeliveryState.MOVED, "handed to dba: ops is broken: 401")
    assert (result.handed_to, result.because, result.verdict) == ("dba", "401", None)
    assert (ops.calls, result.due_at - clock.now()) == ([], timedelta(seconds=300))


def an_own_alarm(about):
    body = body_of(Own(trouble=Trouble.CHANNEL_BROKEN, about=about, words="x", since=NOW, at=NOW))
    return a_delivery(kind="bridge", body=body)


async def test_what_is_about_the_fallback_or_came_round_waits_for_the_channel_itself(clock):
    ops = Subject(clock)
    ops.condition.hands_over = True
    result = await ops.attempt(an_own_alarm("dba"))
    assert (result.state, result.note, result.due_at - clock.now()) == (WAITING, "not for dba", timedelta(seconds=300))
    round_ = a_delivery(note="dba handed it on, and nobody took it: ops is broken: 401", why=Why.WENT_ROUND)
    result = await ops.attempt(round_)
    assert (result.state, result.note, result.why) == (WAITING, round_.note, Why.WENT_ROUND)
    assert (await ops.outcome(replace(round_, why=Why.NONE)))[0] is DeliveryState.MOVED  # words decide nothing
    assert (await ops.outcome(an_own_alarm("ops")))[0] is DeliveryState.MOVED


async def test_a_digest_is_not_handed_over_but_what_it_would_have_told(clock):
    ops = Subject(clock)
    ops.condition.hands_over = True
    result = await ops.attempt(a_delivery(state_told=State.DIGEST))
    assert (result.state, result.note) == (SUPERSEDED, "what it would have told goes to dba: ops is broken")
    assert result.dissolves


async def test_a_machine_gets_each_event_of_a_digest_by_itself(clock):
    ops = Subject(clock, chat=False)
    result = await ops.attempt(a_delivery(state_told=State.DIGEST))
    assert (result.state, result.note, result.dissolves) == (SUPERSEDED, "ops gets each event by itself", True)


async def test_what_waited_too_long_is_given_up_and_says_what_it_waited_for(clock):
    ops = Subject(clock)
    old = a_delivery(created_at=clock.now() - timedelta(hours=25), note="429")
    assert await ops.outcome(old) == (DEAD, "given up after 1 day, 0:00:00: 429")
    assert await ops.outcome(replace(old, note="")) == (DEAD, "given up after 1 day, 0:00:00: it could not be tried")
    assert ops.calls == []


async def test_a_mended_chat_need_not_hear_what_was_over_before_it_was_mended(clock):
    ops = Subject(clock)
    ops.condition.was_broken = lambda moment: moment == NOW
    ops.over_unheard_of = {1}
    behind = a_delivery(2)
    result = await ops.attempt(a_delivery(), [behind])
    assert (result.state, [one.delivery.id for one in result.also]) == (SUPERSEDED, [2])
    assert ops.calls == []


async def test_it_hears_of_what_is_open_of_what_came_since_of_what_was_replayed_and_a_machine_of_all(clock):
    ops = Subject(clock)
    ops.condition.was_broken = lambda moment: moment == NOW
    assert (await ops.outcome())[0] is DeliveryState.SENT
    ops.over_unheard_of = {1}
    assert (await ops.outcome(a_delivery(replayed_at=NOW + timedelta(seconds=1))))[0] is DeliveryState.SENT
    later = a_delivery(created_at=NOW + timedelta(minutes=1))
    assert (await ops.outcome(later))[0] is DeliveryState.SENT
    machine = Subject(clock, chat=False)
    machine.condition.was_broken = lambda moment: True
    machine.over_unheard_of = {1}
    assert (await machine.outcome())[0] is DeliveryState.SENT


# what is told


async def test_a_trigger_and_its_recovery_that_waits_are_told_by_one_message(clock):
    recovery = a_delivery(2, state_told=State.RECOVERED, step=UPDATE)
    ops = Subject(clock)
    result = await ops.attempt(a_delivery(), [recovery])
    assert [(one.event.state, one.together) for one in ops.rendered] == [(State.RECOVERED, True)]
    assert result.note == "it had recovered while this waited: one message told both"
    assert [(one.delivery.id, one.state) for one in result.also] == [(2, SUPERSEDED)]


async def test_where_that_message_is_not_taken_both_go_on_waiting(clock):
    ops = Subject(clock, answer=a_verdict(Answer.RETRY))
    result = await ops.attempt(a_delivery(), [a_delivery(2, state_told=State.RECOVERED, step=UPDATE)])
    assert (result.state, result.note, result.also) == (WAITING, "it said retry", ())


async def test_a_machine_is_told_of_a_trigger_and_its_recovery_one_by_one(clock):
    ops = Subject(clock, chat=False)
    result = await ops.attempt(a_delivery(), [a_delivery(2, state_told=State.RECOVERED, step=UPDATE)])
    assert ([one.event.state for one in ops.rendered], result.also) == ([State.TRIGGERED], ())


async def test_what_need_not_be_said_ends_without_a_call(clock):
    ops = Subject(clock)
    newer = a_delivery(2, state_told=State.REPEAT, step=UPDATE)
    assert await ops.outcome(a_delivery(state_told=State.REPEAT, step=UPDATE), [newer]) == (
        SUPERSEDED,
        "a newer update waits: delivery 2",
    )
    assert ops.did == []


async def test_an_answer_below_its_alarms_message_is_brief_and_is_made_on_it(clock):
    ops = Subject(clock, told=Told(receipt=RECEIPT, event_id=1))
    await ops.attempt(a_delivery(state_told=State.RECOVERED, step=THREAD))
    assert [(one.brief, one.step) for one in ops.rendered] == [(True, THREAD)]
    assert [(call.step, call.receipt) for call in ops.calls] == [(THREAD, RECEIPT)]


async def test_what_is_posted_in_place_of_an_update_is_told_as_a_post_and_says_what_it_follows(clock):
    ops = Subject(clock, told=None)
    await ops.attempt(a_delivery(state_told=State.REPEAT, step=UPDATE))
    await ops.attempt(a_delivery(state_told=State.REPEAT, attempts=1))
    assert [(one.step, one.follows) for one in ops.rendered] == [(POST, ""), (POST, "message_not_found")]


async def test_a_digest_is_read_when_it_is_sent_and_one_with_nothing_to_tell_is_not_sent(clock):
    ops = Subject(clock)
    assert (await ops.outcome(a_delivery(state_told=State.DIGEST)))[0] is DeliveryState.SENT
    assert [one.digest for one in ops.rendered] == [COUNTED]
    ops = Subject(clock, digest=Digest(counts=(), worst=()))
    assert await ops.outcome(a_delivery(state_told=State.DIGEST)) == (SUPERSEDED, "nothing is left to tell")


# the turn of a step that has a limit of its own


def busy(clock, seconds):
    """Give a budget in which the next call is due in so many seconds."""
    budget = Spacing(1.0, 1)
    budget.pause(seconds, clock.monotonic())
    return budget


async def test_a_call_waits_a_moment_for_the_turn_of_its_kind(clock):
    budget = busy(clock, 2.0)
    ops = Subject(clock, methods={POST: budget})
    began = clock.monotonic()
    assert (await ops.outcome())[0] is DeliveryState.SENT
    assert clock.monotonic() - began == 2.0
    assert budget.wait_seconds(clock.monotonic()) == 1.0  # it was counted


async def test_a_call_that_would_wait_longer_goes_back_until_then(clock):
    ops = Subject(clock, methods={POST: busy(clock, 2.5)})
    result = await ops.attempt()
    assert (result.state, result.note) == (WAITING, "too many calls of this kind: post")
    assert (result.due_at - clock.now(), result.verdict) == (timedelta(seconds=2.5), None)
    assert ops.did == []


async def test_a_turn_that_others_snatch_away_three_times_is_waited_for_elsewhere(clock):
    turns = []

    def wait_seconds(now):
        turns.append(now)
        return 0.5

    budget: Any = SimpleNamespace(wait_seconds=wait_seconds)
    result = await Subject(clock, methods={POST: budget}).attempt()
    assert (len(turns), result.due_at - NOW) == (3, timedelta(seconds=2))


async def test_another_kind_of_call_does_not_wait_for_it(clock):
    ops = Subject(clock, methods={UPDATE: busy(clock, 60.0)})
    assert (await ops.outcome())[0] is DeliveryState.SENT


# what follows from a verdict


async def test_what_is_taken_widens_the_window_and_what_is_too_much_halves_it(clock):
    ops = Subject(clock)
    for _ in range(4):
        await ops.attempt()
    assert ops.window.limit == 5
    ops.answer = a_verdict(Answer.RETRY)
    await ops.attempt()
    assert ops.window.limit == 5
    ops.answer = a_verdict(Answer.RETRY, throttled=True)
    await ops.attempt()
    assert ops.window.limit == 2


@pytest.mark.parametrize(("throttled", "after", "wait"), [(True, 30.0, 30.0), (False, 30.0, 0.0), (True, None, 0.0)])
async def test_a_platform_that_says_how_long_to_wait_pauses_the_room(throttled, after, wait, clock):
    room = Spacing(None)
    ops = Subject(clock, room=room, answer=a_verdict(Answer.RETRY, throttled=throttled, after_seconds=after))
    await ops.attempt()
    assert room.wait_seconds(clock.monotonic()) == wait


async def test_it_pauses_the_budget_of_the_step_where_that_has_one(clock):
    room, updates = Spacing(None), Spacing(None)
    limited = a_verdict(Answer.RETRY, throttled=True, after_seconds=30.0)
    told = Told(receipt=RECEIPT, event_id=1)
    ops = Subject(clock, room=room, methods={UPDATE: updates}, answer=limited, told=told)
    await ops.attempt(a_delivery(state_told=State.REPEAT, step=UPDATE))
    now = clock.monotonic()
    assert (room.wait_seconds(now), updates.wait_seconds(now)) == (0.0, 30.0)


async def test_a_chat_waits_as_a_whole_and_of_a_machine_the_delivery(clock):
    later = a_verdict(Answer.RETRY, after_seconds=30.0)
    assert (await Subject(clock, answer=later).attempt()).due_at == clock.now()
    held = await Subject(clock, answer=later, chat=False).attempt()
    assert held.due_at - clock.now() == timedelta(seconds=30)


async def test_the_channel_learns_of_each_verdict_and_of_what_becomes_of_the_delivery(clock):
    ops = Subject(clock, answer=a_verdict(Answer.REJECTED, breaks_after=3))
    ops.condition.strikes = lambda delivery, verdict: 3 if verdict.breaks_after == 3 and delivery.id == 7 else 0
    await ops.attempt(a_delivery(7))
    ((verdict, move),) = ops.learnt
    assert (verdict, move.breaks) == (ops.answer, True)


async def test_a_message_that_is_gone_is_told_anew_unless_it_is_no_news(clock):
    told = Told(receipt=RECEIPT, event_id=1)
    gone = a_verdict(Answer.GONE)
    result = await Subject(clock, answer=gone, told=told).attempt(a_delivery(state_told=State.REPEAT, step=UPDATE))
    assert (result.state, result.step, result.forget_message) == (WAITING, POST, True)
    replaced = a_delivery(state_told=State.REPLACED, step=UPDATE)
    result = await Subject(clock, answer=gone, told=told).attempt(replaced)
    assert (result.state, result.forget_message) == (SUPERSEDED, True)


async def test_a_new_message_in_place_of_an_update_has_none_to_lose(clock):
    ops = Subject(clock, answer=a_verdict(Answer.GONE), told=None)
    assert (await ops.outcome(a_delivery(state_told=State.REPEAT, step=UPDATE)))[0] is DEAD


# what is asked of a channel that can be asked


class Asked(Subject):
    """A caller of a channel whose messages have addresses and can be looked for."""

    def __init__(self, clock, *, finding=None, unsure=None, **more):
        super().__init__(clock, **more)
        self.looked: list[Any] = []
        self.finding, self.is_unsure = finding, unsure
        channel: Any = SimpleNamespace(post=self._post, link=self._link, find=self._find)
        self.caller = replace(self.caller, post=replace(self.caller.post, channel=channel))

    async def _link(self, receipt):
        return f"https://chat.example/{receipt['ts']}"

    async def _find(self, call, since, beside):
        self.looked.append((call.delivery_id, since, beside))
        return self.finding

    async def unsure(self, delivery_id, channel):
        assert (delivery_id, channel) == (1, "ops")
        return self.is_unsure

    @property
    def before(self):
        return [one.before for one in self.rendered]


def again(delivery):
    return replace(delivery, event=replace(delivery.event, again=True))


async def test_an_alarm_that_comes_again_has_the_address_of_its_message_before(clock):
    told = Told(receipt=RECEIPT, event_id=1)
    ops = Asked(clock, told=told)
    await ops.attempt(again(a_delivery()))
    assert ops.before == ["https://chat.example/1.1"]


async def test_what_comes_for_the_first_time_is_no_trigger_or_has_no_message_before_has_no_address(clock):
    told = Told(receipt=RECEIPT, event_id=1)
    ops = Asked(clock, told=told)
    await ops.attempt(a_delivery())
    await ops.attempt(again(a_delivery(state_told=State.REPEAT)))
    assert ops.before == ["", ""]
    ops = Asked(clock, told=None)
    await ops.attempt(again(a_delivery()))
    assert ops.before == [""]
    unlinked = Subject(clock, told=told)
    await unlinked.attempt(again(a_delivery()))
    assert [one.before for one in unlinked.rendered] == [""]


async def test_a_change_of_a_message_keeps_the_address_that_it_had(clock):
    told = Told(receipt={**RECEIPT, BEFORE: "https://chat.example/0.9"}, event_id=1)
    ops = Asked(clock, told=told)
    await ops.attempt(again(a_delivery(state_told=State.REPEAT, step=UPDATE)))
    ops.told = Told(receipt=RECEIPT, event_id=1)
    await ops.attempt(again(a_delivery(state_told=State.REPEAT, step=UPDATE)))
    assert ops.before == ["https://chat.example/0.9", ""]


UNSURE = Unsure(made_at=NOW, beside=RECEIPT)
FOUND = Finding(said="found", is_found=True, receipt={"channel": "C1", "ts": "2.2"})


async def test_a_message_whose_answer_never_came_is_looked_for_and_not_posted_twice(clock):
    ops = Asked(clock, unsure=UNSURE, finding=FOUND)
    with capture_logs() as lines:
        result = await ops.attempt(a_delivery(attempts=1))
    assert ops.looked == [("1", NOW, RECEIPT)]
    assert (result.state, result.sent, ops.did) == (DeliveryState.SENT, "triggered 1", [])
    assert result.verdict == Verdict(
        answer=Answer.SENT,
        said="it had arrived before: found by its metadata",
        receipt={"channel": "C1", "ts": "2.2"},
        calls=0,
    )
    assert [(line["event"], line["delivery"], line["said"]) for line in lines] == [
        ("looked for a message without an answer", 1, "found")
    ]


async def test_one_that_is_not_found_is_posted(clock):
    ops = Asked(clock, unsure=UNSURE, finding=Finding(said="not there"))
    with capture_logs():
        await ops.attempt(a_delivery(attempts=1, replayed_at=NOW + timedelta(seconds=1)))
    assert ops.looked == [("1", NOW + timedelta(seconds=1), RECEIPT)]
    assert ops.did == ["begin 1", "post"]


async def test_what_was_never_tried_cannot_have_arrived_or_may_be_done_again_is_not_looked_for(clock):
    told = Told(receipt=RECEIPT, event_id=1)
    ops = Asked(clock, unsure=UNSURE, finding=FOUND, told=told)
    await ops.attempt(a_delivery())
    await ops.attempt(a_delivery(attempts=1, state_told=State.REPEAT, step=UPDATE))
    ops.is_unsure = None
    await ops.attempt(a_delivery(attempts=1))
    assert (ops.looked, len(ops.calls)) == ([], 3)


@pytest.mark.parametrize(("name", "kept"), [("room C1", 1), ("", 0)], ids=["shared", "its own"])
async def test_a_pause_of_what_channels_share_is_kept_for_the_next_process(name, kept, clock):
    limited = a_verdict(Answer.RETRY, throttled=True, after_seconds=30.0)
    ops = Subject(clock, room=Spacing(None, name=name), answer=limited)
    await ops.attempt()
    assert ops.kept == [Pause(name=name, until=NOW + timedelta(seconds=30), begun_at=NOW)] * kept


async def test_a_shorter_pause_takes_no_longer_ones_place_for_the_next_process(clock):
    room = Spacing(None, name="room C1")

    async def post(_call):
        room.pause(300, clock.monotonic())  # another channel was asked for more meanwhile
        return a_verdict(Answer.RETRY, throttled=True, after_seconds=30.0)

    ops = Subject(clock, room=room, channel=SimpleNamespace(post=post))
    await ops.attempt()
    assert ops.kept == []


@pytest.mark.parametrize("budget", ["room", "methods"])
async def test_what_waits_for_the_disk_while_another_channel_is_asked_to_wait_waits_as_long(budget, clock):
    shared = Spacing(None)
    drawn: Any = shared if budget == "room" else {POST: shared}
    ops: Any = Subject(clock, **{budget: drawn})

    async def begin(_delivery_id):
        shared.pause(30.0, clock.monotonic())

    ops.begin = begin
    result = await ops.attempt()
    assert (ops.calls, result.state, result.note) == ([], WAITING, "another channel was asked to wait meanwhile")
    assert result.due_at == NOW + timedelta(seconds=30)


async def test_what_is_left_of_a_pause_is_waited_for_though_no_date_tells_it_apart(clock):
    room = Spacing(None)
    ops: Any = Subject(clock, room=room)

    async def begin(_delivery_id):
        room.pause(1e-9, clock.monotonic())

    ops.begin = begin
    result = await ops.attempt()
    assert (ops.calls, result.state) == ([], WAITING)
    assert result.due_at == NOW + timedelta(milliseconds=1)


# what a message had no room for

PART = Message(text="more", plain="more")
FULL = Message(text="CPU", plain="plain CPU", rest=(PART, PART), plain_rest=(PART,))
BEFORE_IT = Told(receipt=RECEIPT, event_id=1)


@pytest.mark.parametrize(
    ("changes", "post", "rest"),
    [
        ({}, {}, 2),
        ({"plain": True}, {}, -1),
        ({}, {"render": lambda _: replace(FULL, problem="a template")}, -1),
        ({"step": UPDATE}, {}, 2),
        ({"step": THREAD}, {}, 0),
        ({}, {"threads": False}, 0),
        ({"episode_id": 0}, {}, 0),
        ({}, {"answer": a_verdict(Answer.RETRY)}, 0),
        ({}, {"render": lambda _: replace(FULL, rest=())}, 0),
    ],
    ids=[
        "a post",
        "plain text",
        "plain text in place of a template that failed",
        "an update",
        "an answer",
        "without threads",
        "of no alarm",
        "not taken",
        "room for all",
    ],
)
async def test_what_the_alarms_message_had_no_room_for_is_told_once_that_is_taken(changes, post, rest, clock):
    ops = Subject(clock, told=BEFORE_IT, **{"render": lambda _: FULL, **post})
    assert (await ops.attempt(a_delivery(**changes))).rest == rest


async def test_a_message_that_is_less_than_its_template_makes_says_so_and_one_that_is_all_of_it_says_nothing(clock):
    assert await Subject(clock).outcome() == (DeliveryState.SENT, "")
    short = Subject(clock, render=lambda _: FULL)
    assert await short.outcome() == (DeliveryState.SENT, SHORTENED)


async def test_a_message_that_told_the_end_as_well_says_in_what_it_is_less(clock):
    ops = Subject(clock, render=lambda _: FULL)
    end = a_delivery(2, state_told=State.RECOVERED)
    assert await ops.outcome(behind=[end]) == (DeliveryState.SENT, f"{TOLD_TOGETHER}; {SHORTENED}")
    assert await Subject(clock).outcome(behind=[end]) == (DeliveryState.SENT, TOLD_TOGETHER)


@pytest.mark.parametrize(("threads", "hands_over"), [(False, False), (True, True)], ids=["no threads", "handed over"])
async def test_the_rest_of_a_message_is_left_out_where_its_thread_is_out_of_reach(threads, hands_over, clock):
    ops = Subject(clock, told=BEFORE_IT, threads=threads)
    ops.condition.hands_over = hands_over
    outcome = SUPERSEDED, "the thread it belongs to is out of reach"
    assert await ops.outcome(a_delivery(step=Step.REST)) == outcome
    assert ops.calls == []


async def test_the_rest_of_a_message_goes_into_its_thread(clock):
    ops = Subject(clock, told=BEFORE_IT)
    assert (await ops.outcome(a_delivery(step=Step.REST)))[0] is DeliveryState.SENT
    assert (ops.calls[0].step, ops.calls[0].receipt) == (Step.REST, RECEIPT)


async def test_the_rest_of_a_message_that_has_room_for_all_of_it_by_now_is_left_out(clock):
    empty = Message(text="", plain="")
    ops = Subject(clock, told=BEFORE_IT, render=lambda _: empty)
    outcome = SUPERSEDED, "the message has room for all of it by now"
    assert await ops.outcome(a_delivery(step=Step.REST)) == outcome
    assert (await ops.outcome(a_delivery()))[0] is DeliveryState.SENT


async def test_where_somebody_else_renders_and_posts_he_is_given_all_but_plain_text(clock):
    asked: list[Any] = []

    async def tell(telling, limit):
        asked.append((telling.id, limit))
        return SENT, "words"

    ops = Subject(clock, chat=False, idempotent=True, tell=tell)
    result = await ops.attempt(a_delivery(1))
    assert (result.delivery.id, result.step, result.state, result.sent) == (1, POST, DeliveryState.SENT, "words")
    assert (asked, ops.calls) == ([(1, ops.window.limit)], [])
    await ops.attempt(a_delivery(2, plain=True))
    assert (len(asked), len(ops.calls)) == (1, 1)
