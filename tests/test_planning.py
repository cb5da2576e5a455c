"""Which calls an event makes: by state, by what the channel's kind can do, and by what it is told to do."""

import itertools

import pytest

from bridge.alarm import State
from bridge.channels import KINDS
from bridge.message import Step
from bridge.planning import ChannelPlan, is_no_news, plan_of, steps_for
from bridge.routing import Route

POST, UPDATE, THREAD, BROADCAST = Step.POST, Step.UPDATE, Step.THREAD, Step.BROADCAST
SLACK = frozenset(Step)
POSTS = frozenset({POST})


def steps(state, *, can=SLACK, chat=True, kind="metric", on_repeat=(UPDATE,), on_recovered=(UPDATE, THREAD), **more):
    plan = ChannelPlan(can=can, chat=chat, on_repeat=on_repeat, on_recovered=on_recovered)
    return steps_for(state, plan, None, kind=kind, **more)


def machine(state, **more):
    return steps(state, can=POSTS, chat=False, **{"on_repeat": (POST,), "on_recovered": (POST,), **more})


@pytest.mark.parametrize("state", [State.TRIGGERED, State.UNRECOGNISED, State.DIGEST])
def test_news_is_posted_whatever_the_channel_is_told_of_repeats_and_recoveries(state):
    assert steps(state, on_repeat=(), on_recovered=()) == (POST,)
    assert machine(state, on_repeat=(), on_recovered=()) == (POST,)


def test_an_escalation_is_seen_in_its_alarms_thread_and_is_never_silent():
    assert steps(State.ESCALATED, on_repeat=(), on_recovered=()) == (UPDATE, THREAD)
    assert machine(State.ESCALATED, on_repeat=(), on_recovered=()) == (POST,)


@pytest.mark.parametrize(
    ("on_repeat", "in_slack", "elsewhere"),
    [
        ((UPDATE,), (UPDATE,), (POST,)),
        ((THREAD,), (THREAD,), (POST,)),
        ((POST,), (POST,), (POST,)),
        ((UPDATE, THREAD), (UPDATE, THREAD), (POST,)),
        ((UPDATE, POST), (UPDATE, POST), (POST,)),
        ((), (), ()),
    ],
)
def test_a_repeat_makes_the_calls_it_is_told_to_and_one_post_for_all_that_the_channel_cannot(
    on_repeat, in_slack, elsewhere
):
    assert steps(State.REPEAT, on_repeat=on_repeat) == in_slack
    assert machine(State.REPEAT, on_repeat=on_repeat) == elsewhere


@pytest.mark.parametrize("state", [State.RECOVERED, State.EXPIRED, State.CLOSED])
@pytest.mark.parametrize(
    ("on_recovered", "in_slack", "elsewhere"),
    [
        ((UPDATE, THREAD), (UPDATE, THREAD), (POST,)),
        ((UPDATE, BROADCAST), (UPDATE, BROADCAST), (POST,)),
        ((POST,), (POST,), (POST,)),
        ((), (), ()),
    ],
)
def test_an_ending_makes_the_calls_it_is_told_to(state, on_recovered, in_slack, elsewhere):
    assert steps(state, on_recovered=on_recovered) == in_slack
    assert machine(state, on_recovered=on_recovered) == elsewhere


def test_a_recovery_not_heard_before_is_a_new_message_and_silent_where_recoveries_are():
    assert steps(State.RECOVERED, unheard=True) == (POST,)
    assert machine(State.RECOVERED, unheard=True) == (POST,)
    assert steps(State.RECOVERED, unheard=True, on_recovered=()) == ()


@pytest.mark.parametrize(
    ("state", "kind"), [(State.REPLACED, "metric"), (State.REPLACED, "event"), (State.EXPIRED, "event")]
)
def test_what_is_no_news_is_an_update_in_a_chat_and_always_told_to_machines(state, kind):
    assert is_no_news(state, kind)
    assert steps(state, kind=kind) == (UPDATE,)
    assert steps(state, kind=kind, on_recovered=(POST,)) == (UPDATE,)
    assert steps(state, kind=kind, on_recovered=()) == ()
    assert steps(state, kind=kind, can=POSTS) == ()
    assert machine(state, kind=kind, on_recovered=()) == (POST,)


def test_the_expiry_of_a_metric_alarm_is_news():
    assert not is_no_news(State.EXPIRED, "metric")


def test_a_channels_plan_is_made_of_its_settings_and_of_what_its_kind_can_do():
    text = {"url": "https://hooks.slack.com/services/T0/B0/x", "on_repeat": ["post"], "fallback": "other"}
    webhook = plan_of(KINDS["slack_webhook"].settings.model_validate(text))
    assert webhook == ChannelPlan(can=POSTS, chat=True, on_repeat=(POST,), on_recovered=(POST,), fallback="other")
    terminal = plan_of(KINDS["terminal"].settings(type="terminal", on_repeat=(), on_recovered=()))
    assert terminal == ChannelPlan(can=POSTS, chat=False, on_repeat=(), on_recovered=())


def test_a_route_says_otherwise_than_its_channel_where_it_says_anything():
    plan = ChannelPlan(can=SLACK, chat=True, on_repeat=(UPDATE,), on_recovered=(UPDATE, THREAD))
    route, silent = Route(name="", on_repeat=(THREAD,), on_recovered=(POST,)), Route(name="", on_repeat=())
    assert steps_for(State.REPEAT, plan, route, kind="metric") == (THREAD,)
    assert steps_for(State.RECOVERED, plan, route, kind="metric") == (POST,)
    assert steps_for(State.REPEAT, plan, silent, kind="metric") == ()
    assert steps_for(State.RECOVERED, plan, silent, kind="metric") == (UPDATE, THREAD)


def test_no_call_is_made_twice_nor_one_that_the_channel_cannot_make():
    lists = [tuple(some) for size in range(4) for some in itertools.product(Step, repeat=size)]
    for state, some, can in itertools.product(State, lists, [POSTS, SLACK, frozenset({POST, THREAD})]):
        made = steps(state, on_repeat=some, on_recovered=some, can=can)
        assert len(set(made)) == len(made)
        assert set(made) <= can
