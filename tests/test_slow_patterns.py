"""Regular expressions that would take for ever: matched in little time, or refused; never another answer."""

import re
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import slow_patterns
from bridge.matching import MatchError, compile_condition
from bridge.slow_patterns import LENGTH, SlowPatternError, whole_match

EXPLOSIVE = [
    *(r"(aa*)+b", r"(a+a)+b", r"(a|aa)+b", r"(a|b|ab)+c", r"(\w+a)+!", r"(.*,)*x", r"(.+-.+)+!", r"(a(?:b|a*))+c"),
    *(r"(a{0,15}){15}b", r"(a?){30}a{30}b", r".*.*.*.*.*.*x", r"a*a*a*a*a*a*b", r"(.*a){12}b", r"(\w+[.-])*!"),
    *(r"(?i:(a|aA))+b", r"(a|aa|^a)+b", r"(a|aa|a\b)+b", r"(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a).*.*.*x"),
]


@pytest.mark.parametrize("pattern", EXPLOSIVE)
def test_what_has_too_many_ways_is_answered_without_trying_each(pattern):
    """With Python's own matcher, each of these would never end in the suite."""
    match = whole_match(pattern, re.DOTALL)
    for text in ("a" * LENGTH, "ab" * 512, "a-" * 512, "a," * 512, "a." * 512):
        assert not match(text + "?")


def test_the_longest_text_takes_each_step_of_a_machine_once_a_character():
    tried = []
    original = slow_patterns._test

    def counted(item, flags):
        test = original(item, flags)

        def counting(text, place):
            tried.append(place)
            return test(text, place)

        return counting

    with patch.object(slow_patterns, "_test", counted):
        match = whole_match(r"(a|aa)+b", 0)
    match("a" * LENGTH)
    assert len(tried) <= 4 * LENGTH


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (r"(?=(a|aa)+b)a", "beside so many repeats it may look neither around nor back"),
        (r"(a)(b|bb)+\1", "beside so many repeats it may look neither around nor back"),
        (r"(?:a++)+b", "beside so many repeats it may look neither around nor back"),
        (r"((a{1,15}){1,15}){1,15}b", "it repeats too much"),
        (r"((((a{1,15}){1,15}){1,15}){1,15}){1,15}b", "it repeats too much"),
        (r"(a*)*", "it repeats what itself repeats, such as (a+)+; one repeat is enough"),
    ],
)
def test_what_cannot_be_bounded_is_refused_in_words(pattern, reason):
    with pytest.raises(SlowPatternError, match=re.escape(reason)):
        whole_match(pattern, 0)
    with pytest.raises(MatchError, match=re.escape(f"may take for ever: {reason}")):
        compile_condition("policy_name", (f"~{pattern}",))


@pytest.mark.parametrize(
    ("pattern", "takes", "not_so"),
    [
        (r"(?!.*test).*", "prod", "a test"),
        (r"([a-z]+)-\1", "a-a", "a-b"),
        (r"([a-z]+[-_])*\d+", "a-b_1", "a-b1_"),
        (r"[a-z]+-[a-z]+-[a-z]+-\d+", "a-b-c-1", "a-b-c"),
        (r"(\d{1,3}\.){3}\d{1,3}", "10.0.0.1", "10.0.0"),
        (r"(?i)(prod|pre)-(\w+-)+web", "PROD-a-b-WEB", "prod-web"),
        (r"^(a|b)+$", "abab", "abc"),
        (r"(\bprod\b.)+", "prod prod-", "prodprod-"),
        (r"(?:(?s:.)|b)+c", "a\nc", "a\n"),
        (r"(?:(?i:a)|b)+", "aAb", "aAB"),
        (r"(?x) (a | b)+  # letters", "ab", "a b"),
        (r"(\w|-)+", "é中-1", "é 中"),
        (r"([^a]|b)+", "bcd", "bad"),
        (r"(a|b){2,3}c?", "abac", "ac"),
    ],
)
def test_it_matches_as_a_regular_expression_does(pattern, takes, not_so):
    match = whole_match(pattern, 0)
    assert match(takes)
    assert not match(not_so)


def test_product_names_compare_without_case_in_a_machine_too():
    condition = compile_condition("product", ("~(cvm|cdb|s)+",))
    assert condition.holds("CVMcdbS")
    assert condition.holds("ſ")  # a long s, as in Python's own
    assert not condition.holds("cv")


ATOMS = st.sampled_from([*"aAb.", "[ab]", "[^a]", r"\w", r"\d", r"\b", r"\B", "^", "$", "", "1", r"\n"])
REPEATED = st.sampled_from(["*", "+", "?", "*?", "+?", "??", "{2}", "{0,2}", "{1,}", "{3}?"])
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("".join, st.lists(inner, max_size=4)),
        st.builds("({}|{})".format, inner, inner),
        st.builds("(?i:{})".format, inner),
        st.builds("(?:{}){}".format, inner, REPEATED),
    ),
    max_leaves=8,
)


@given(
    PATTERNS,
    st.lists(st.text("aAb1-\n", max_size=7), min_size=5, max_size=5),
    st.sampled_from([0, re.IGNORECASE, re.DOTALL]),
)
@settings(max_examples=400, deadline=None, derandomize=True)
def test_a_machine_gives_the_answer_of_pythons_own_matcher(pattern, texts, flags):
    expected = re.compile(pattern, flags)
    with patch.object(slow_patterns, "MAX_WAYS", 0), patch.object(slow_patterns, "_explodes", lambda _tree: False):
        match = whole_match(pattern, flags)
    assert [bool(match(text)) for text in texts] == [expected.fullmatch(text) is not None for text in texts]
