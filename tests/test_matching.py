"""The match language: one condition and one value at a time."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.alarm import Alarm, State, Status
from bridge.matching import FIELDS, MAX_VALUE, MatchError, compile_condition, field_name, reader, text_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def alarm(**fields):
    return Alarm(status=Status.FIRING, received_at=NOW, occurred_at=NOW, **fields)


def holds(field, texts, value):
    return compile_condition(field, [texts] if isinstance(texts, str) else texts).holds(value)


@pytest.mark.parametrize(
    ("texts", "value", "expected"),
    [
        ("prod", "prod", True),
        ("prod", "prod-1", False),
        ("prod", "Prod", False),
        ("prod-*", "prod-1", True),
        ("prod-*", "prod-", True),
        ("prod-*", "my-prod-1", False),
        ("*-db", "prod-db", True),
        ("*", "", True),
        ("p?d", "pod", True),
        ("p?d", "pd", False),
        ("p?d", "p\nd", True),
        ("*a*b*", "xaxxbx", True),
        ("*a*b*", "xbxxax", False),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("[ab]", "a", False),
        ("[ab]", "[ab]", True),
        ("a.c*", "abc", False),
        ("~(staging|test)-.*", "staging-1", True),
        ("~(staging|test)-.*", "a-staging-1", False),
        ("~prod", "prod-1", False),
        ("~.*", "two\nlines", True),
        ("~", "", True),
        ("=prod-*", "prod-*", True),
        ("=prod-*", "prod-1", False),
        ("=~x", "~x", True),
        ("=!x", "!x", True),
        ("==x", "=x", True),
        ("!prod", "prod", False),
        ("!prod", "test", True),
        ("!prod-*", "prod-1", False),
        ("!~prod-.*", "prod-1", False),
        ("!~prod-.*", "test-1", True),
        ("!=prod-*", "prod-1", True),
        ("!=prod-*", "prod-*", False),
        ("", "", True),
        ("", "x", False),
        ("!", "", False),
        ("!", "x", True),
        (["cdb", "redis"], "redis", True),
        (["cdb", "redis"], "cvm", False),
        (["prod-*", "!prod-test"], "prod-1", True),
        (["prod-*", "!prod-test"], "prod-test", False),
        (["prod-*", "!prod-test"], "dev", False),
        (["!a", "!b"], "c", True),
        (["!a", "!b"], "b", False),
        (["", "x"], "", True),
    ],
)
def test_a_text_glob_expression_literal_negation_or_list_matches_the_whole_value(texts, value, expected):
    assert holds("policy_name", texts, value) is expected


@pytest.mark.parametrize("field", ["namespace", "region", "product"])
@pytest.mark.parametrize("text", ["QCE-x", "=QCE-x", "qce-*", "~qce-[X]", "QCE-?"])
def test_namespace_region_and_product_compare_without_regard_to_case(field, text):
    assert holds(field, text, "Qce-X")
    assert not holds("policy_name", text, "Qce-X")


@pytest.mark.parametrize("text", ["gz", "GZ", "ap-guangzhou", "AP-Guangzhou", "ap-guang*", "~(gz|sh)", "g?"])
@pytest.mark.parametrize("value", ["gz", "ap-guangzhou", "GZ"])
def test_a_region_matches_by_its_code_and_by_its_api_name_alike(text, value):
    assert holds("region", text, value)
    assert not holds("region", "!" + text, value)
    assert not holds("region", text, "sh") or text == "~(gz|sh)"


def test_a_region_that_nobody_knows_matches_as_received():
    assert holds("region", "mars", "Mars")
    assert not holds("region", "gz", "mars")


def test_an_escalation_matches_as_a_trigger_too():
    assert holds("state", "triggered", State.ESCALATED)
    assert holds("state", "escalated", State.ESCALATED)
    assert not holds("state", "escalated", State.TRIGGERED)
    assert not holds("state", "!triggered", State.ESCALATED)
    assert not holds("state", "repeat", State.ESCALATED)


def test_names_of_dimensions_are_read_without_regard_to_case_and_those_of_tags_with():
    heard = alarm(dimensions={"unInstanceId": " ins-1 "}, tags={"Env": "prod"})
    read = reader([field_name("dimensions.UNINSTANCEID"), field_name("tags.Env"), field_name("tags.env")])
    assert read(heard, State.TRIGGERED) == ("ins-1", "prod", "")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"),
        (443, "443"),
        (1.5, "1.5"),
        (True, "true"),
        (None, ""),
        ({"b": [1, {"c": "云"}], "a": None}, '{"a":null,"b":[1,{"c":"云"}]}'),
        ([], "[]"),
    ],
)
def test_values_of_dimensions_compare_as_text_and_nested_ones_as_compact_json(value, text):
    assert text_of(value) == text
    assert reader(["dimensions.k"])(alarm(dimensions={"K": value}), State.TRIGGERED) == (text,)


def test_every_field_can_be_read_and_an_absent_one_is_empty():
    values = reader(FIELDS)(alarm(), State.REPEAT)
    assert dict(zip(FIELDS, values, strict=True)) == dict.fromkeys(FIELDS, "") | {
        "kind": "metric",
        "state": "repeat",
    }


def test_a_value_is_looked_at_as_far_as_its_first_1024_characters():
    assert MAX_VALUE == 1024
    assert reader(["policy_name"])(alarm(policy_name="x" * 5000), State.TRIGGERED) == ("x" * 1024,)


def test_two_dimensions_that_differ_by_case_alone_are_read_alike_in_any_order():
    one = alarm(dimensions={"ID": "1", "id": "2"})
    other = alarm(dimensions={"id": "2", "ID": "1"})
    read = reader(["dimensions.id"])
    assert read(one, State.TRIGGERED) == read(other, State.TRIGGERED) == ("1",)


@pytest.mark.parametrize("name", ["polcy_name", "dimensions", "dimensions.", "tags", "", "state.x", "value", "raw"])
def test_a_field_that_no_alarm_has_is_refused(name):
    with pytest.raises(MatchError, match="no alarm has this field"):
        field_name(name)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("~prod(", "is not a regular expression that is known here: missing ): prod("),
        ("!~[", "is not a regular expression that is known here: missing ]: ["),
        ("~a**", "is not a regular expression that is known here: it repeats a repeat, as in a**"),
        ("~(a{1000}){1000}", "is not a regular expression that is known here: invalid repetition size: {1000}"),
        (
            "~(\\pL{0,30}){0,33}",
            "is not a regular expression that is known here: it is too large",
        ),
        (
            "~(?!prod).*",
            'is not a regular expression that is known here: it looks ahead or behind, or the like; "!~…" says what must not match',
        ),
        ("~(.)\\1", "is not a regular expression that is known here: invalid escape sequence: \\1"),
    ],
)
def test_a_bad_expression_is_refused_with_what_is_wrong(text, words):
    with pytest.raises(MatchError) as refused:
        compile_condition("policy_name", [text])
    assert str(refused.value) == words


def test_an_empty_list_is_refused():
    with pytest.raises(MatchError, match="is an empty list, which nothing matches"):
        compile_condition("policy_name", [])


@pytest.mark.parametrize(
    ("field", "texts", "value", "why"),
    [
        ("policy_name", ["prod-*"], "staging-1", 'policy_name is "staging-1", which does not match "prod-*"'),
        ("policy_name", ["prod-*"], "prod-1", 'policy_name is "prod-1", which matches "prod-*"'),
        ("product", ["cdb", "redis"], "cvm", 'product is "cvm", which matches none of "cdb", "redis"'),
        ("severity", ["!remind"], "remind", 'severity is "remind", which "!remind" excludes'),
        ("severity", ["!remind", "!warn"], "x", 'severity is "x", which "!remind", "!warn" allows'),
        ("dimensions.unInstanceId", ["ins-*"], "", 'dimensions.unInstanceId is empty, which does not match "ins-*"'),
        ("policy_name", [""], "", 'policy_name is empty, which matches ""'),
        ("policy_name", ['a"b'], "é\n", 'policy_name is "é\\n", which does not match "a\\"b"'),
    ],
)
def test_the_reason_names_the_value_and_what_decided(field, texts, value, why):
    assert compile_condition(field, texts).why(value) == why


def test_a_reason_shortens_a_long_value():
    why = compile_condition("policy_name", ["x"]).why("y" * 1000)
    assert why == f'policy_name is "{"y" * 99}…", which does not match "x"'


def test_expressions_are_compiled_once(monkeypatch):
    condition = compile_condition("policy_name", ["~prod-.*", "test-*"])
    monkeypatch.setattr(re, "compile", lambda *_: pytest.fail("compiled again"))
    monkeypatch.setattr(re2, "compile", lambda *_: pytest.fail("compiled again"))
    assert condition.holds("prod-1")
    assert condition.holds("test-1")


def test_no_glob_is_slow():
    condition = compile_condition("policy_name", ["*a*a*a*a*a*a*a*a*a*a*b"])
    assert not condition.holds("a" * MAX_VALUE)


def glob_matches(pattern, text):
    """Match a glob in the plainest manner: the model."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(glob_matches(pattern[1:], text[start:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in {"?", text[0]} and glob_matches(pattern[1:], text[1:])


@given(pattern=st.text("ab*?", max_size=7), text=st.text("ab\n", max_size=7))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_globs_match_as_the_plainest_reading_of_them_does(pattern, text):
    assert holds("policy_name", pattern, text) is glob_matches(pattern, text)


@given(st.text(max_size=30))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_any_text_taken_literally_matches_itself_alone(text):
    assert holds("policy_name", "=" + text, text.strip())
    assert not holds("policy_name", "=" + text, text.strip() + "x")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(min_size=1, max_size=3), JSON, max_size=4), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_reading_is_the_same_for_any_order_of_keys(dimensions, random):
    def shuffled(value):
        if isinstance(value, dict):
            items = [(key, shuffled(each)) for key, each in value.items()]
            random.shuffle(items)
            return dict(items)
        return [shuffled(each) for each in value] if isinstance(value, list) else value

    read = reader([f"dimensions.{key.casefold()}" for key in dimensions])
    again = shuffled(dimensions)
    assert json.dumps(again, sort_keys=True) == json.dumps(dimensions, sort_keys=True)
    assert read(alarm(dimensions=again), State.TRIGGERED) == read(alarm(dimensions=dimensions), State.TRIGGERED)


SLOW_ELSEWHERE = (  # for whoever tries one way after another
    "(a+)+b",
    "(a*)*b",
    "((a|b)+)+c",
    "(.*)*x",
    "(?:[a-z]+){2,}!",
    "(aa*)+b",
    "(a|aa)+b",
    "(\\w+a)+!",
    "(.*,)*x",
    "(a{0,15}){15}b",
    ".*.*.*.*.*.*x",
    "([a-z]+[-_]?)*\\d",
    "(.{0,30}){0,33}x",
)
TRIAL = """
import sys
from bridge.matching import MAX_VALUE, compile_condition
for pattern in sys.argv[1:]:
    for letter in "a", "a,", "ab", "\u4e91a":
        value = (letter * MAX_VALUE)[:MAX_VALUE]
        print(pattern, compile_condition("policy_name", ["~" + pattern]).holds(value))
"""


def test_no_expression_is_slow():
    """In a process of its own: with a matcher that tries one way after another it would never end."""
    ran = subprocess.run(
        [sys.executable, "-c", TRIAL, *SLOW_ELSEWHERE], capture_output=True, text=True, timeout=120, check=True
    )
    assert ran.stdout.splitlines() == [f"{pattern} False" for pattern in SLOW_ELSEWHERE for _ in range(4)]


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        ("(staging|test)-.*", "test-1"),
        ("prod-(a|b)+-\\d{1,3}", "prod-ab-12"),
        ("(\\w+\\.)*example\\.com", "a.b.example.com"),
        ("([a-z]+[-_])*\\d+", "a-b_12"),
        ("(?i)PROD.*", "prod-1"),
        ("(?:a|b)*?c", "abc"),
        ("[\\p{Han}\\w]+-prod", "订单x-prod"),
        ("云+", "云云"),
        ("(?P<room>\\w+)", "x"),
        ("^a$", "a"),
        (".", "\ud800"),
    ],
)
def test_the_usual_expressions_are_known(pattern, value):
    assert holds("policy_name", f"~{pattern}", value)
    assert not holds("policy_name", f"~{pattern}", "!?" + value)


EXPRESSIONS = st.recursive(
    st.sampled_from(["a", "b", "-", ".", "[ab]", "[^a]", "\\d", "\\w", "1"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({'|'.join(parts)})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{1,2}", "*?"])).map(lambda pair: f"(?:{pair[0]}){pair[1]}"),
    ),
    max_leaves=6,
)


@given(pattern=EXPRESSIONS, value=st.text("ab-1\n", max_size=7))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_expressions_match_as_python_has_them(pattern, value):
    assert holds("policy_name", f"~{pattern}", value) is (re.fullmatch(pattern, value, re.DOTALL) is not None)
