"""A route that can never match: said only where it is certain."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.alarm import ROUTED
from bridge.configuration.covering import covers, takes_nothing
from bridge.matching import compile_condition


def conditions(**match):
    return [compile_condition(field, [texts] if isinstance(texts, str) else texts) for field, texts in match.items()]


@pytest.mark.parametrize(
    ("upper", "lower"),
    [
        ({}, {"product": "cvm"}),
        ({}, {}),
        ({"product": "cvm"}, {"product": "CVM", "region": "gz"}),
        ({"product": ["cvm", "cdb"]}, {"product": "cdb"}),
        ({"product": ["cvm", "cdb"]}, {"product": ["cdb", "cvm"]}),
        ({"region": "gz"}, {"region": "ap-guangzhou"}),
        ({"region": "ap-guangzhou"}, {"region": "GZ"}),
        ({"policy_name": "prod-*"}, {"policy_name": "prod-db"}),
        ({"policy_name": "prod-*"}, {"policy_name": "prod-*"}),
        ({"policy_name": "prod-*"}, {"policy_name": "prod-db-*"}),
        ({"policy_name": "p*"}, {"policy_name": "p?d-*"}),
        ({"policy_name": "*"}, {"policy_name": "~a|b"}),
        ({"policy_name": "*"}, {"policy_name": "!a"}),
        ({"policy_name": "~a.*"}, {"policy_name": "~a.*"}),
        ({"policy_name": "~a.*"}, {"policy_name": ["abc", "=a*"]}),
        ({"policy_name": "!a"}, {"policy_name": "b"}),
        ({"policy_name": "!a"}, {"policy_name": ["!a", "!b"]}),
        ({"policy_name": ""}, {"policy_name": ""}),
        ({"state": "triggered"}, {"state": "escalated"}),
        ({"state": ["triggered", "repeat", "recovered"]}, {"state": "!repeat"}),
    ],
)
def test_a_match_that_takes_all_that_another_would_is_known(upper, lower):
    assert covers(conditions(**upper), conditions(**lower))


@pytest.mark.parametrize(
    ("upper", "lower"),
    [
        ({"product": "cvm"}, {}),
        ({"product": "cvm", "region": "gz"}, {"product": "cvm"}),
        ({"product": "cvm"}, {"product": ["cvm", "cdb"]}),
        ({"product": "cvm"}, {"product": "!cdb"}),
        ({"policy_name": "prod-?"}, {"policy_name": "prod-*"}),
        ({"policy_name": "?*"}, {"policy_name": "*"}),
        ({"policy_name": "prod-*"}, {"policy_name": "~prod-.*"}),
        ({"policy_name": ["prod-*", "!prod-1"]}, {"policy_name": "prod-*"}),
        ({"policy_name": "!a"}, {"policy_name": "!b"}),
        ({"state": "escalated"}, {"state": "triggered"}),
    ],
)
def test_a_match_that_leaves_something_is_not_called_covering(upper, lower):
    assert not covers(conditions(**upper), conditions(**lower))


ITEM = st.builds(
    lambda negated, mark, text: negated + mark + text,
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "", "=", "~"]),
    st.sampled_from(["", "a", "b", "*", "a*", "*b", "?", "a?", "?*", "a*b", "**"]),
).filter(lambda item: "~*" not in item and "~?" not in item and "~**" not in item)
ITEMS = st.lists(ITEM, min_size=1, max_size=3)
VALUES = ["".join(signs) for size in range(5) for signs in product("abc", repeat=size)]


@given(ITEMS, ITEMS)
@settings(max_examples=500, deadline=None, derandomize=True)
def test_whatever_the_lower_match_takes_a_covering_one_takes_too(upper, lower):
    wide, narrow = conditions(policy_name=upper), conditions(policy_name=lower)
    if covers(wide, narrow):
        assert [value for value in VALUES if narrow[0].holds(value) and not wide[0].holds(value)] == []


STATES = st.lists(
    st.sampled_from(["triggered", "!repeat", "escalated", "!triggered", "re*", "!escalated"]), min_size=1, max_size=3
)


@given(STATES, STATES)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_states_are_compared_one_by_one(upper, lower):
    wide, narrow = conditions(state=upper), conditions(state=lower)
    assert covers(wide, narrow) is all(wide[0].holds(state) for state in ROUTED if narrow[0].holds(state))


@pytest.mark.parametrize(
    ("field", "texts", "takes"),
    [
        ("severity", ["critical"], False),
        ("severity", ["Serious"], False),
        ("severity", ["serious", "!s*"], False),
        ("severity", ["!*"], False),
        ("severity", [""], True),
        ("severity", ["critical", "warn"], True),
        ("severity", ["!critical"], True),
        ("state", ["expired"], False),
        ("state", ["!triggered", "!re*"], False),
        ("state", ["~trig.*"], True),
        ("kind", ["anything"], True),
    ],
)
def test_what_none_of_a_fields_few_values_meets_takes_nothing(field, texts, takes):
    assert takes_nothing(compile_condition(field, texts)) is not takes
