"""The tree of routes: who gets an alarm, what they inherit, and the reasons."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bridge.alarm import Alarm, State, Status
from bridge.message import Step
from bridge.routing import MEMORY, RouteAnswer, Routes, RouteSettings

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CONTRACT = [
    {
        "name": "databases",
        "match": {"product": ["cdb", "redis"], "policy_name": "prod-*"},
        "channels": ["dba"],
        "continue": True,
    },
    {"name": "quiet-staging", "match": {"policy_name": "~(staging|test)-.*"}, "channels": []},
    {
        "name": "cvm",
        "match": {"product": "cvm", "region": "gz", "dimensions.unInstanceId": "ins-*"},
        "channels": ["ops"],
        "template": "cvm",
        "repeat_interval": "1h",
        "routes": [{"match": {"severity": "serious"}, "channels": ["ops", "tickets"]}],
    },
]


def alarm(**fields):
    return Alarm(status=Status.FIRING, received_at=NOW, occurred_at=NOW, **fields)


def routes(*settings, default=("here",)):
    return Routes([RouteSettings.model_validate(each) for each in settings], default)


def channels(tree, heard, state=State.TRIGGERED):
    return [choice.channel for choice in tree.choose(heard, state)]


def chosen(tree, heard, state=State.TRIGGERED):
    return [(choice.channel, choice.route and choice.route.name) for choice in tree.choose(heard, state)]


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        (alarm(product="cdb", policy_name="prod-1"), [("dba", "databases")]),
        (alarm(product="cdb", policy_name="dev-1"), [("here", None)]),
        (alarm(product="cvm", policy_name="test-1"), []),
        (alarm(product="cvm", region="ap-guangzhou", dimensions={"UNINSTANCEID": "ins-1"}), [("ops", "cvm")]),
        (
            alarm(product="CVM", region="gz", dimensions={"unInstanceId": "ins-1"}, severity="serious"),
            [("ops", "cvm/1"), ("tickets", "cvm/1")],
        ),
    ],
)
def test_the_contracts_own_example_routes_as_it_says(heard, expected):
    assert chosen(routes(*CONTRACT), heard) == expected


def test_the_first_route_that_matches_wins():
    assert channels(routes({"channels": ["a"]}, {"channels": ["b"]}), alarm()) == ["a"]


def test_continue_goes_on_with_the_routes_below():
    tree = routes(
        {"channels": ["a"], "continue": True}, {"match": {"product": "x"}, "channels": ["b"]}, {"channels": ["c"]}
    )
    assert channels(tree, alarm()) == ["a", "c"]


def test_what_no_route_matches_goes_to_the_default_channels():
    assert chosen(routes({"match": {"product": "x"}, "channels": ["a"]}, default=("y", "z", "y")), alarm()) == [
        ("y", None),
        ("z", None),
    ]


def test_a_continue_that_nothing_follows_does_not_add_the_default_channels():
    assert channels(routes({"channels": ["a"], "continue": True}), alarm()) == ["a"]


def test_an_empty_list_of_channels_is_nowhere_on_purpose():
    assert channels(routes({"channels": []}), alarm()) == []


def test_a_route_without_channels_of_its_own_posts_to_its_parents_and_at_the_top_to_the_default_ones():
    tree = routes({"name": "top", "match": {"kind": "metric"}, "routes": [{"match": {"product": "x"}}]})
    assert chosen(tree, alarm()) == [("here", "top")]
    assert chosen(tree, alarm(product="x")) == [("here", "top/1")]


def test_the_first_child_that_matches_wins_and_else_the_parent_stands():
    tree = routes(
        {
            "name": "p",
            "channels": ["parent"],
            "routes": [
                {"match": {"product": "a"}, "channels": ["one"]},
                {"match": {"product": ["a", "b"]}, "channels": ["two"]},
            ],
        }
    )
    assert chosen(tree, alarm(product="a")) == [("one", "p/1")]
    assert chosen(tree, alarm(product="b")) == [("two", "p/2")]
    assert chosen(tree, alarm(product="c")) == [("parent", "p")]


def test_a_child_with_continue_goes_on_with_its_siblings_and_not_beyond_its_parent():
    tree = routes(
        {"routes": [{"channels": ["a"], "continue": True}, {"channels": ["b"]}]},
        {"channels": ["never"]},
    )
    assert chosen(tree, alarm()) == [("a", "1/1"), ("b", "1/2")]


def test_a_channel_that_two_routes_name_gets_one_message_by_the_first_ones_settings():
    tree = routes(
        {"name": "first", "channels": ["a", "b"], "continue": True, "template": "one"},
        {"name": "second", "channels": ["b", "c", "c"], "template": "two"},
    )
    assert [(choice.channel, choice.route.template) for choice in tree.choose(alarm(), State.TRIGGERED)] == [
        ("a", "one"),
        ("b", "one"),
        ("c", "two"),
    ]


def test_children_inherit_what_they_do_not_set():
    tree = routes(
        {
            "name": "p",
            "channels": ["a"],
            "template": "t",
            "repeat_interval": "1h",
            "mention": {"triggered": ["<!here>"], "repeat": ["<@U1>"]},
            "on_repeat": [],
            "on_recovered": ["update"],
            "links": {"Runbook": "https://x/1", "Board": "https://x/2"},
            "vars": {"team": "ops", "n": 1},
            "routes": [
                {"match": {"product": "x"}},
                {
                    "name": "own",
                    "template": "u",
                    "repeat_interval": 0,
                    "mention": {"triggered": []},
                    "on_repeat": ["thread"],
                    "on_recovered": [],
                    "links": {"Runbook": "https://y"},
                    "vars": {"n": 2},
                },
            ],
        }
    )
    plain = tree.named("p/1")
    assert (plain.channels, plain.template, plain.repeat_interval) == (("a",), "t", timedelta(hours=1))
    assert (plain.on_repeat, plain.on_recovered) == ((), (Step.UPDATE,))
    assert plain.mention == {"triggered": ("<!here>",), "repeat": ("<@U1>",)}
    own = tree.named("own")
    assert (own.channels, own.template, own.repeat_interval) == (("a",), "u", timedelta())
    assert (own.on_repeat, own.on_recovered) == ((Step.THREAD,), ())
    assert own.mention == {"triggered": (), "repeat": ("<@U1>",)}
    assert own.links == {"Runbook": "https://y", "Board": "https://x/2"}
    assert own.vars == {"team": "ops", "n": 2}


def test_continue_match_and_name_are_not_inherited():
    tree = routes({"name": "p", "match": {"kind": "metric"}, "continue": True, "routes": [{"channels": ["a"]}]})
    child = tree.named("p/1")
    assert (child.goes_on, child.conditions) == (False, ())


def test_a_route_without_a_name_is_called_by_its_parent_and_position():
    tree = routes({}, {"name": "cvm", "routes": [{"routes": [{}]}, {"name": "x"}]}, {})
    assert [route.name for route in tree.all] == ["1", "cvm", "cvm/1", "cvm/1/1", "x", "3"]
    assert tree.named("nobody") is None


def test_every_route_says_yes_or_no_and_why_in_the_files_order():
    heard = alarm(product="cvm", policy_name="staging-1")
    assert routes(*CONTRACT).explain(heard, State.TRIGGERED) == [
        RouteAnswer(
            name="databases",
            matched=False,
            why='product is "cvm", which matches none of "cdb", "redis"; '
            'policy_name is "staging-1", which does not match "prod-*"',
        ),
        RouteAnswer(
            name="quiet-staging", matched=True, why='policy_name is "staging-1", which matches "~(staging|test)-.*"'
        ),
        RouteAnswer(name="cvm", matched=False, why='not reached: "quiet-staging" decided'),
        RouteAnswer(name="cvm/1", matched=False, why='not reached: "quiet-staging" decided'),
    ]


def test_a_child_is_not_reached_where_its_parent_does_not_match_or_a_sibling_decided():
    tree = routes(
        {"name": "p", "match": {"product": "x"}, "routes": [{"channels": []}]},
        {"name": "q", "routes": [{"match": {"product": "y"}}, {}, {}]},
    )
    assert [(answer.name, answer.matched, answer.why) for answer in tree.explain(alarm(product="y"), State.REPEAT)] == [
        ("p", False, 'product is "y", which does not match "x"'),
        ("p/1", False, 'not reached: its parent "p" does not match'),
        ("q", True, "it asks for nothing, so that every alarm matches"),
        ("q/1", True, 'product is "y", which matches "y"'),
        ("q/2", False, 'not reached: "q/1" decided'),
        ("q/3", False, 'not reached: "q/1" decided'),
    ]


def test_the_state_that_people_are_told_is_matched_too():
    tree = routes({"match": {"state": "recovered"}, "channels": []}, {"channels": ["a"]})
    assert channels(tree, alarm(), State.RECOVERED) == []
    assert channels(tree, alarm(), State.TRIGGERED) == ["a"]


def test_a_choice_is_remembered_by_what_the_routes_look_at():
    tree = routes(*CONTRACT)
    judged = []
    matches = tree._matches

    def counted(route, values):
        judged.append(route.name)
        return matches(route, values)

    tree._matches = counted
    for value in ("1", "2", "3"):
        tree.choose(alarm(product="cvm", value=value, object_name=value), State.TRIGGERED)
    assert judged == ["databases", "quiet-staging", "cvm"]


def test_what_is_remembered_is_bounded():
    tree = routes({"match": {"object_id": "x"}, "channels": []})
    for number in range(MEMORY + 100):
        tree.choose(alarm(object_id=str(number)), State.TRIGGERED)
    assert tree._choose.cache_info().currsize == MEMORY


def test_expressions_are_compiled_when_the_tree_is_made_and_never_again(monkeypatch):
    tree = routes({"match": {"policy_name": "~a+", "product": "c*"}, "channels": []})
    monkeypatch.setattr(re, "compile", lambda *_: pytest.fail("compiled again"))
    assert channels(tree, alarm(policy_name="aa", product="cvm")) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"chanels": []},
        {"channels": "ops"},
        {"continue": "maybe"},
        {"repeat_interval": "soon"},
        {"links": {"Runbook": "javascript:alert(1)"}},
        {"mention": {"digest": ["<!here>"]}},
        {"on_repeat": ["broadcast"]},
        {"template": "../etc"},
        {"urgent": "maybe"},
    ],
)
def test_a_route_with_a_mistake_is_refused(wrong):
    with pytest.raises(ValidationError):
        RouteSettings.model_validate(wrong)


@pytest.mark.parametrize("url", ["http://wiki.example.com/run", "https://wiki.example.com/run"])
def test_a_link_may_be_http_or_https(url):
    assert RouteSettings.model_validate({"links": {"Runbook": url}}).links == {"Runbook": url}


def test_a_link_that_is_no_url_is_refused_with_what_it_must_be():
    with pytest.raises(ValidationError, match="Value error, must be an http or https URL"):
        RouteSettings.model_validate({"links": {"Runbook": "HTTP://x"}})


@pytest.mark.parametrize(
    ("parent", "own", "is_urgent"), [(True, None, True), (True, False, False), (False, True, True)]
)
def test_a_child_is_as_urgent_as_its_parent_unless_it_says_so_itself(parent, own, is_urgent):
    tree = routes({"urgent": parent, "routes": [{"channels": ["ops"], "urgent": own}]})
    (choice,) = tree.choose(alarm(), State.TRIGGERED)
    assert choice.route.urgent is is_urgent


TEXTS = st.sampled_from(["a", "b", "*", "a*", "!a", "!b", "", "=a", "~[ab]"])
MATCH = st.dictionaries(
    st.sampled_from(["product", "policy_name", "tags.k"]), st.lists(TEXTS, min_size=1, max_size=3), max_size=2
)
ROUTE = st.recursive(
    st.fixed_dictionaries(
        {"match": MATCH, "continue": st.booleans()}, optional={"channels": st.lists(st.sampled_from("xyz"), max_size=2)}
    ),
    lambda inner: st.fixed_dictionaries(
        {"match": MATCH, "continue": st.booleans(), "routes": st.lists(inner, max_size=3)},
        optional={"channels": st.lists(st.sampled_from("xyz"), max_size=2)},
    ),
    max_leaves=8,
)
ALARM = st.fixed_dictionaries(
    {key: st.sampled_from(["", "a", "b", "ab"]) for key in ("product", "policy_name", "tags.k")}
)


def model_one(text, value):
    text = text.removeprefix("!")
    if text in {"", "a", "b"}:
        return value == text
    return {"*": True, "a*": value.startswith("a"), "=a": value == "a", "~[ab]": value in {"a", "b"}}[text]


def model_match(match, values):
    for key, texts in match.items():
        if any(text.startswith("!") and model_one(text, values[key]) for text in texts):
            return False
        wanted = [text for text in texts if not text.startswith("!")]
        if wanted and not any(model_one(text, values[key]) for text in wanted):
            return False
    return True


def model_channels(tree, values, inherited):
    """Give the lists of channels of the routes that take it; None where none does."""
    taken = None
    for route in tree:
        if model_match(route["match"], values):
            own = route.get("channels", inherited)
            below = model_channels(route.get("routes", []), values, own)
            taken = (taken or []) + ([own] if below is None else below)
            if not route["continue"]:
                return taken
    return taken


@given(st.lists(ROUTE, max_size=4), st.lists(ALARM, min_size=1, max_size=4))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_the_tree_chooses_what_an_independent_reading_of_the_contract_does(tree, alarms):
    made = routes(*tree)
    for values in alarms:
        heard = alarm(product=values["product"], policy_name=values["policy_name"], tags={"k": values["tags.k"]})
        lists = model_channels(tree, values, ["here"])
        expected = list(
            dict.fromkeys(channel for each in (lists if lists is not None else [["here"]]) for channel in each)
        )
        assert channels(made, heard) == expected
        answers = made.explain(heard, State.TRIGGERED)
        assert [answer.name for answer in answers] == [route.name for route in made.all]
        assert {choice.route.name for choice in made.choose(heard, State.TRIGGERED) if choice.route} <= {
            answer.name for answer in answers if answer.matched
        }


@given(st.lists(ROUTE, max_size=3), ALARM, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_routing_is_the_same_for_any_order_of_the_keys_of_a_match(tree, values, random):
    def shuffled(route):
        pairs = list(route["match"].items())
        random.shuffle(pairs)
        return {**route, "match": dict(pairs), "routes": [shuffled(each) for each in route.get("routes", [])]}

    heard = alarm(product=values["product"], policy_name=values["policy_name"], tags={"k": values["tags.k"]})
    assert channels(routes(*map(shuffled, tree)), heard) == channels(routes(*tree), heard)
