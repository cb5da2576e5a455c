"""What excuses a channel that was not told, each as small as it can be: what once was a failing seed."""

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest

from tests.simulation.chat import BROKEN, LIMITED, REFUSED, SLOW, TAKEN, Request
from tests.simulation.evidence import Evidence
from tests.simulation.excuses import OVER_UNHEARD, is_excused, is_told_elsewhere
from tests.simulation.model import News
from tests.simulation.scenario import ChannelPlan, Plan, RoutePlan, Told
from tests.simulation.table import Episode
from tests.simulation.telling import endings, order

KEY = ("p0", "ins-0001")
DAY = 86400.0
PLAN = Plan(
    channels={
        "ops": ChannelPlan(type="slack", on_repeat=("update",), on_recovered=("update",), fallback="hook"),
        "hook": ChannelPlan(type="slack_webhook", on_repeat=("post",), on_recovered=()),
        "tickets": ChannelPlan(type="webhook", on_repeat=("post",), on_recovered=("post",)),
    },
    routes=(),
    default_channels=(),
)
WITHOUT_HOOK = Plan(channels={name: PLAN.channels[name] for name in ("ops", "tickets")}, routes=(), default_channels=())


def an_episode():
    return Episode(
        began=0,
        phase="open",
        kind="metric",
        heard_at=0,
        is_guess=False,
        counted_at=0,
        session="",
        level="",
        received_at=0,
    )


def seen_with(*requests, news=(), configs=(), deliveries=()):
    """Give the evidence of a run in which this was seen; `deliveries` are channel, state and note of the first news'."""
    rows = [
        (100 + number, 10, channel, "post", state, 1, note) for number, (channel, state, note) in enumerate(deliveries)
    ]
    history = SimpleNamespace(
        scenario=SimpleNamespace(plan=PLAN, plans=(PLAN, WITHOUT_HOOK), told=()),
        requests=list(requests), configs=list(configs), deliveries=rows, steps=[], asked=[], events=[], callbacks=[],
    )  # fmt: skip
    seen = Evidence(history)
    seen.model.news = list(news)
    if deliveries:
        first = news[0]
        history.events = [(10, first.state, "callback", 0, KEY[1], KEY[0], 0, 0, 1, "metric", 5)]
        history.callbacks = [(1, 0, first.mark.encode(), first.state, "")]
        seen.said[first.mark.encode()] = Told(serial=int(first.mark), at=0.0)
    seen.index()
    return seen


def news(rank, state, mark, episode, *, at=0, **steps):
    return News(rank=rank, at=at, state=state, mark=mark, key=KEY, episode=episode, plan=PLAN, steps=steps)


def request(channel, state, mark, fared, *, at=0.0, step="post"):
    return Request(
        at=at, wall=at, channel=channel, step=step, state=state, mark=mark, event="1", delivery="1", fared=fared
    )


def in_force(plan, wall):
    return SimpleNamespace(after=0, plan=plan, wall=wall)


@pytest.mark.parametrize(
    ("at", "back", "excused"),
    [
        (100_000, 200.0 + DAY, True),  # it waited, and its channel was gone for longer than anything may wait
        (100_000, 200.0 + DAY / 2, False),  # it came back in time
        (300_000, 200.0 + DAY, False),  # it came when the channel was gone already, and never belonged to it
    ],
)
def test_a_channel_that_the_config_did_not_have_for_too_long_need_not_be_told_what_waited(at, back, excused):
    trigger = news(10, "triggered", "1000", an_episode(), at=at, hook=("post",))
    seen = seen_with(news=[trigger], configs=[in_force(0, 0.0), in_force(1, 200.0), in_force(0, back)])
    assert is_excused(seen, trigger, "hook") is excused


@pytest.mark.parametrize(("fared", "excused"), [(TAKEN, True), (REFUSED, True), (BROKEN, False)])
def test_an_update_for_which_a_newer_one_was_made_need_not_be_made_also_where_that_was_refused(fared, excused):
    episode = an_episode()
    repeat = news(20, "repeat", "1001", episode, ops=("update",))
    ending = news(30, "recovered", "1002", episode, ops=("update",))
    seen = seen_with(request("ops", "recovered", "1002", fared, step="update"), news=[repeat, ending])
    assert is_excused(seen, repeat, "ops") is excused


@pytest.mark.parametrize(
    ("fared", "note", "elsewhere"),
    [(TAKEN, "", True), (REFUSED, "", True), ("", "given up after 0:10:00: 503", True), ("", "503", False)],
)
def test_a_fallback_that_is_silent_at_ends_has_the_alarm_also_where_it_refused_the_trigger(fared, note, elsewhere):
    episode = an_episode()
    trigger = news(10, "triggered", "1000", episode, ops=("post",))
    ending = news(30, "recovered", "1002", episode, at=50_000, ops=("update",))
    made = [request("ops", "triggered", "999", BROKEN, at=1.0), request("ops", "triggered", "999", TAKEN, at=40.0)]
    made += [request("hook", "triggered", "1000", fared)] if fared else []
    seen = seen_with(*made, news=[trigger, ending], deliveries=[("hook", "dead", note)])
    assert is_told_elsewhere(seen, ending, "ops") is elsewhere


@pytest.mark.parametrize(
    ("ended_at", "note", "limited", "excused"),
    [
        (50_000, "", 0.0, True),  # while it was broken
        (70_000, OVER_UNHEARD, 0.0, True),
        (70_000, "", 0.0, False),  # the bridge does not say that it was skipped
        (200_000, OVER_UNHEARD, 0.0, False),  # its turn had come long before
        (200_000, OVER_UNHEARD, 300.0, True),  # but for a platform that wanted to be left alone
        (200_000, "", 300.0, False),
    ],
)
def test_an_alarm_that_was_over_when_its_turn_came_in_a_mended_channel_need_not_be_told(
    ended_at, note, limited, excused
):
    episode = an_episode()
    trigger = news(10, "triggered", "1000", episode, at=2_000, ops=("post",))
    ending = news(30, "recovered", "1002", episode, at=ended_at, ops=("thread",))
    made = [request("ops", "triggered", "999", BROKEN, at=1.0), request("ops", "triggered", "999", TAKEN, at=60.0)]
    made.append(request("ops", "triggered", "999", LIMITED, at=61.0))
    made[-1].wait = limited
    seen = seen_with(*made, news=[ending, trigger], deliveries=[("ops", "superseded", note)])
    assert is_excused(seen, ending, "ops") is excused


@pytest.mark.parametrize(("note", "excused"), [("given up after 24h: it could not be tried", True), ("", False)])
def test_an_update_that_waited_for_a_newer_one_is_a_dead_letter_with_that(note, excused):
    episode = an_episode()
    ending = news(30, "recovered", "1002", episode, ops=("update",))
    repeat = news(20, "repeat", "1001", episode, ops=("update",))
    seen = seen_with(news=[ending, repeat], deliveries=[("ops", "dead", note)])
    assert is_excused(seen, repeat, "ops") is excused


@pytest.mark.parametrize(
    ("posted_at", "replayed", "excused"), [(40.0, True, True), (5.0, True, False), (40.0, False, False)]
)
def test_a_message_that_came_by_a_replay_alone_was_not_there_before_to_be_updated(posted_at, replayed, excused):
    episode = an_episode()
    trigger = news(10, "triggered", "1000", episode, ops=("post",))
    ending = news(20, "replaced", "1000", episode, at=20_000, ops=("update",))
    made = request("ops", "triggered", "1000", TAKEN, at=posted_at)
    seen = seen_with(made, news=[trigger, ending])
    seen.history.met = Counter()
    seen.replayed = {made.delivery} if replayed else set()
    assert is_excused(seen, ending, "ops") is excused


def a_hand_over(state, *, superseded, told):
    episode = an_episode()
    older = news(10, state, "1000", episode, ops=("post",))
    newer = news(20, "repeat", "1001", episode, hook=("post",))
    made = [request("ops", "triggered", "999", BROKEN)]
    made += [request("hook", "repeat", "1001", TAKEN)] if told else []
    rows = [("ops", "superseded" if superseded else "moved", "")]
    return seen_with(*made, news=[older, newer], deliveries=rows), older


@pytest.mark.parametrize(
    ("state", "superseded", "told", "elsewhere"),
    [
        ("repeat", True, True, True),
        ("repeat", False, True, False),  # the bridge says that it was handed over
        ("repeat", True, False, False),  # nobody knows better
        ("escalated", True, True, False),  # an escalation is never skipped for a repeat
    ],
)
def test_what_a_fallback_knows_better_need_not_be_handed_over(state, superseded, told, elsewhere):
    seen, older = a_hand_over(state, superseded=superseded, told=told)
    assert is_told_elsewhere(seen, older, "ops") is elsewhere


@pytest.mark.parametrize(
    ("state", "channel", "wrong"), [("escalated", "hook", 0), ("escalated", "ops", 1), ("repeat", "hook", 1)]
)
def test_an_escalation_alone_may_come_late_and_only_in_another_ones_place(state, channel, wrong):
    episode = an_episode()
    told = [news(10, state, "1000", episode, ops=("post",)), news(20, "repeat", "1001", episode, ops=("post",))]
    seen = seen_with(request(channel, "repeat", "1001", TAKEN), request(channel, state, "1000", TAKEN), news=told)
    assert len(list(order(seen))) == wrong


@pytest.mark.parametrize(
    ("first", "channel", "wrong"),
    [
        (10, "hook", 0),  # the newer episode began before
        (25, "hook", 1),  # it began after the end that comes late
        (10, "ops", 1),  # by a call of its own
    ],
)
def test_an_end_is_overtaken_by_that_of_a_newer_episode_around_it_in_another_ones_place_alone(first, channel, wrong):
    newer, older = an_episode(), an_episode()
    told = [news(first, "triggered", "1000", newer, ops=("post",)), news(20, "recovered", "1001", older, ops=("post",))]
    told.append(news(30, "recovered", "1002", newer, ops=("post",)))
    made = [request(channel, "recovered", mark, TAKEN) for mark in ("1002", "1001")]
    assert len(list(order(seen_with(*made, news=told)))) == wrong


@pytest.mark.parametrize(("fared", "state", "wrong"), [(SLOW, "dead", 0), (SLOW, "sent", 1), (TAKEN, "dead", 1)])
def test_what_a_dead_letter_told_without_an_answer_may_be_told_again_in_order(fared, state, wrong):
    episode = an_episode()
    told = [news(10, "triggered", "1000", episode, ops=("post",)), news(20, "closed", "1000", episode, ops=("post",))]
    told.append(news(30, "recovered", "1001", episode, ops=("post",)))
    together = replace(request("ops", "recovered", "1001", fared), delivery="100")  # in the trigger's place
    made = [together, request("ops", "closed", "1000", TAKEN), request("ops", "recovered", "1001", TAKEN)]
    assert len(list(order(seen_with(*made, news=told, deliveries=[("ops", state, "")])))) == wrong


@pytest.mark.parametrize(
    ("at", "fared", "called", "excused"),
    [
        (400_000, TAKEN, False, True),
        (400_000, BROKEN, False, False),  # it heard no other
        (800_000, TAKEN, False, False),  # the interval is over
        (400_000, TAKEN, True, False),  # the bridge meant to tell it
    ],
)
def test_a_repeat_is_held_back_for_one_that_came_in_another_ones_place(at, fared, called, excused):
    route = RoutePlan(name="r", policies=("p0",), channels=("ops", "hook"), repeat_interval=600)
    episode = an_episode()
    before = news(10, "repeat", "1000", episode, at=100_000, ops=("update",))
    now = replace(news(20, "repeat", "1001", episode, at=at, hook=("post",)), plan=replace(PLAN, routes=(route,)))
    rows = [("hook", "sent", "")] if called else []
    seen = seen_with(request("hook", "repeat", "1000", fared), news=[now, before], deliveries=rows)
    assert is_excused(seen, now, "hook") is excused


@pytest.mark.parametrize(
    ("fate", "at", "excused"),
    [
        ("moved", 400_000, True),
        ("sent", 400_000, False),  # it has the alarm itself
        ("moved", 800_000, False),  # the interval is over
    ],
)
def test_a_repeat_is_held_back_for_one_that_was_told_to_who_has_the_alarm_in_its_place(fate, at, excused):
    route = RoutePlan(name="r", policies=("p0",), channels=("ops", "hook"), repeat_interval=600)
    episode = an_episode()
    trigger = news(5, "triggered", "999", episode, ops=("post",), hook=("post",))
    before = news(10, "repeat", "1000", episode, at=100_000, hook=("post",))
    now = replace(news(20, "repeat", "1001", episode, at=at, ops=("post",)), plan=replace(PLAN, routes=(route,)))
    made = [request("ops", "triggered", "999", BROKEN), request("hook", "repeat", "1000", TAKEN)]
    seen = seen_with(*made, news=[trigger, before, now], deliveries=[("ops", fate, "")])
    assert is_excused(seen, now, "ops") is excused


@pytest.mark.parametrize(
    ("fate", "at", "excused"),
    [
        ("moved", 400_000, True),
        ("waiting", 400_000, False),
        ("moved", 800_000, False),  # the interval is over
    ],
)
def test_a_repeat_is_held_back_for_one_that_its_channel_was_given_in_another_ones_place_and_handed_on(
    fate, at, excused
):
    route = RoutePlan(name="r", policies=("p0",), channels=("ops",), repeat_interval=600)
    episode = an_episode()
    before = news(10, "repeat", "1000", episode, at=100_000, tickets=("post",))
    now = replace(news(20, "repeat", "1001", episode, at=at, ops=("post",)), plan=replace(PLAN, routes=(route,)))
    made = [request("ops", "repeat", "1000", BROKEN), request("hook", "repeat", "1000", TAKEN)]
    seen = seen_with(*made, news=[before, now], deliveries=[("ops", fate, "")])
    assert is_excused(seen, now, "ops") is excused


@pytest.mark.parametrize(("delivery", "elsewhere"), [("100", True), ("101", False)])
def test_a_recovery_in_its_triggers_place_tells_what_was_between_also_where_another_one_is_told(delivery, elsewhere):
    episode = an_episode()
    trigger = news(10, "triggered", "1000", episode, at=0, ops=("post",))
    between = news(20, "repeat", "1001", episode, at=50_000, ops=("update",))
    ending = news(30, "recovered", "1002", episode, at=60_000, ops=("update",))
    made = [request("ops", "triggered", "1000", TAKEN), request("ops", "triggered", "999", BROKEN, at=1.0)]
    together = replace(request("hook", "recovered", "1002", TAKEN), delivery=delivery)
    seen = seen_with(*made, together, news=[trigger, between, ending], deliveries=[("hook", "sent", "")])
    assert is_told_elsewhere(seen, between, "ops") is elsewhere


def test_who_took_the_trigger_in_another_ones_place_and_never_heard_the_end_is_found():
    episode = an_episode()
    told = [
        news(10, "triggered", "1000", episode, ops=("post",)),
        news(20, "recovered", "1001", episode, ops=("update",)),
    ]
    seen = seen_with(request("tickets", "triggered", "1000", TAKEN), news=told)
    assert list(endings(seen)) == ["ending: tickets took the trigger, and was never told recovered 1001 of p0/ins-0001"]


@pytest.mark.parametrize(("note", "wrong"), [("given up after 0:10:00: 400", 0), ("400", 1)])
def test_an_ending_that_another_ones_channel_gave_up_is_a_dead_letter_and_not_missing(note, wrong):
    episode = an_episode()
    ending = news(20, "recovered", "1001", episode, ops=("update",))
    trigger = news(10, "triggered", "1000", episode, ops=("post",))
    taken = request("tickets", "triggered", "1000", TAKEN)
    assert len(list(endings(seen_with(taken, news=[ending, trigger], deliveries=[("tickets", "dead", note)])))) == wrong
