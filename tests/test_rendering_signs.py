"""Signs that Slack would obey are kept apart, as two expressions say that are plain to read and slow to look for."""

import re
from itertools import product

import pytest

from bridge.rendering.dialects.slack_text import FORMAT, JOINER, LINKS

SIGNS = re.compile(r"(?<![^\W_])[*_~`]+|[*_~`]+(?![^\W_])|`+")
LINKED = re.compile(r"(?<=:)(?=//)|(?<=[@#])(?=\w)|(?<=\w\.)(?=[^\W\d_]{2})")


def texts(letters, longest):
    return ("".join(one) for length in range(longest + 1) for one in product(letters, repeat=length))


def test_each_short_text_with_signs_of_formats_is_written_as_the_plain_expression_has_it():
    for text in texts("a_*` \n", 5):
        apart = SIGNS.sub(rf"{JOINER}\g<0>{JOINER}", text)
        assert FORMAT.sub(rf"{JOINER}\g<0>{JOINER}", text) == apart


@pytest.mark.parametrize("letters", ["a1.漢_", "a:/@#"])
def test_each_short_text_that_could_be_a_link_is_written_as_the_plain_expression_has_it(letters):
    for text in texts(letters, 5):
        assert LINKS.sub(rf"\g<0>{JOINER}", text) == LINKED.sub(JOINER, text)
