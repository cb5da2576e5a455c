"""However a template prints, a value is escaped exactly once, for the place it lands in."""

import json
import unicodedata
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.rendering import Renderer
from bridge.rendering.dialects.slack_text import JOINER
from bridge.rendering.draft import FIRST_TOKEN
from tests.test_rendering_support import entities_in, rendered, shown, telling_of, texts_in, with_alarm, write

HOSTILE = 'A & B <!channel> "q" \\ *b* `c` {{ 7*7 }} \n{% x %}'

WAYS = {  # each prints the policy's name, and once only
    "print": "{{ alarm.policy_name }}",
    "macro": "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(alarm.policy_name) }}",
    "macro in macro": "{% macro m(x) %}{{ x }}{% endmacro %}{% macro n(x) %}{{ m(x) }}{% endmacro %}{{ n(alarm.policy_name) }}",
    "set": "{% set x = alarm.policy_name %}{{ x }}",
    "set block": "{% set x %}{{ alarm.policy_name }}{% endset %}{{ x }}",
    "set block with a filter": "{% set x | trim %}{{ alarm.policy_name }}{% endset %}{{ x }}",
    "call block": "{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{{ alarm.policy_name }}{% endcall %}",
    "filter block": "{% filter trim %}{{ alarm.policy_name }}{% endfilter %}",
    "filter block that makes a value": "{% filter replace('zzz', 'y') %}{{ alarm.policy_name }}{% endfilter %}",
    "join of both": "{{ '' ~ alarm.policy_name ~ '' }}",
    "join of a macro": "{% macro m(x) %}{{ x }}{% endmacro %}{{ '' ~ m(alarm.policy_name) }}",
    "plus": "{{ '' + alarm.policy_name }}",
    "plus of a macro": "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(alarm.policy_name) + '' }}",
    "filter": "{{ alarm.policy_name | replace('zzz', 'y') }}",
    "escape": "{{ alarm.policy_name | e }}",
    "forceescape": "{{ alarm.policy_name | forceescape | escape }}",
    "string": "{{ alarm.policy_name | string }}",
    "filter of a macro": "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(alarm.policy_name) | replace('zzz', 'y') }}",
    "method of a macro": "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(alarm.policy_name).strip() }}",
    "slice of a macro": "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(alarm.policy_name)[:] }}",
    "default": "{{ nothing | default(alarm.policy_name) }}",
    "condition": "{{ alarm.policy_name if alarm.id else 'no' }}",
    "loop": "{% for x in [alarm.policy_name] %}{{ x }}{% endfor %}",
    "recursive loop": "{% for x in [[alarm.policy_name]] recursive %}{{ loop(x) if x is not string else x }}{% endfor %}",
    "join filter": "{{ [alarm.policy_name, ''] | join }}",
    "join method": "{{ ''.join([alarm.policy_name]) }}",
    "join of macros": "{% macro m(x) %}{{ x }}{% endmacro %}{{ [m(alarm.policy_name), ''] | select | join(', ') }}",
    "join method of macros": "{% macro m(x) %}{{ x }}{% endmacro %}{{ ''.join([m(alarm.policy_name)]) }}",
    "map": "{{ [alarm] | map(attribute='policy_name') | first }}",
    "map of a filter": "{{ [alarm.policy_name] | map('string') | list | first }}",
    "namespace": "{% set n = namespace(x='') %}{% set n.x = alarm.policy_name %}{{ n.x }}",
    "namespace block": "{% set n = namespace(x='') %}{% set n.x %}{{ alarm.policy_name }}{% endset %}{{ n.x }}",
    "with": "{% with x = alarm.policy_name %}{{ x }}{% endwith %}",
    "dict": "{{ {'x': alarm.policy_name}.x }}",
    "include": "{% include 'part.j2' %}",
    "import": "{% import 'macros.j2' as m %}{{ m.say(alarm.policy_name) }}",
    "from import": "{% from 'macros.j2' import say %}{{ say(alarm.policy_name) }}",
    "import with context": "{% import 'aware.j2' as m with context %}{{ m.say() }}",
    "module printed": "{% import 'part.j2' as m with context %}{{ m }}",
    "inheritance": "{% extends 'base.j2' %}{% block x %}{{ alarm.policy_name }}{% endblock %}",
    "super": "{% extends 'base.j2' %}{% block x %}{{ super() }}{% endblock %}",
    "block again": "{% extends 'again.j2' %}{% block x %}{{ alarm.policy_name }}{% endblock %}",
}
OTHERS = {
    "part": "{{ alarm.policy_name }}",
    "macros": "{% macro say(x) %}{{ x }}{% endmacro %}",
    "aware": "{% macro say() %}{{ alarm.policy_name }}{% endmacro %}",
    "base": "{% block x %}{{ alarm.policy_name }}{% endblock %}",
    "again": "{% set y %}{% block x %}{% endblock %}{% endset %}{{ y }}",
}


@pytest.mark.parametrize("way", WAYS)
def test_a_value_in_a_json_string_stands_whole(way, tmp_path):
    telling = with_alarm(telling_of(kind="webhook"), policy_name=HOSTILE)
    source, others = WAYS[way], OTHERS
    if "extends" in source:
        others = {name: f'{{"name": "{text}"}}' for name, text in OTHERS.items() if name in {"base", "again"}}
    else:
        source = f'{{"name": "{source}"}}'

    message = rendered(tmp_path, source, telling, **others)

    assert message.problem == ""
    assert message.payload == {"name": HOSTILE.strip()}


@pytest.mark.parametrize("way", WAYS)
def test_a_value_in_mrkdwn_is_shown_and_does_nothing(way, tmp_path):
    telling = with_alarm(telling_of(kind="slack"), policy_name=HOSTILE)

    message = rendered(tmp_path, WAYS[way], telling, form="mrkdwn", **OTHERS)

    assert message.problem == ""
    assert message.text == (
        f'A &amp; B &lt;!channel&gt; "q" \\ {JOINER}*{JOINER}b{JOINER}*{JOINER} {JOINER}`{JOINER}c{JOINER}`{JOINER} '
        "{{ 7*7 }} \n{% x %}"
    )
    assert shown(message.text) == HOSTILE.strip()
    assert entities_in({"text": message.text}) == []


@pytest.mark.parametrize("way", WAYS)
def test_a_value_on_the_terminal_keeps_its_line(way, tmp_path):
    telling = with_alarm(telling_of(), policy_name="a\n\x1b[31mred\x1b]0;t\x07 \u202egnp\u2028x")

    message = rendered(tmp_path, WAYS[way], telling, **OTHERS)

    assert message.problem == ""
    assert message.text == "a␊␛[31mred␛]0;t␇ \\u202egnp\\u2028x"


@settings(max_examples=100)
@given(st.text(st.characters(exclude_categories=()), max_size=80))
def test_any_text_passes_whole_through_json(text):
    telling = with_alarm(telling_of(kind="webhook", template="json"), policy_name=text, dimensions={text: text})

    payload = prepared().render(telling, strict=True).payload

    clean = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert payload is not None
    assert json.loads(json.dumps(payload)) == payload
    assert payload["name"] == clean.strip()
    assert payload["dimensions"] == {clean.strip(): clean.strip()}
    assert payload["plain"] == "x" + clean + "x"


@settings(max_examples=100)
@given(st.text(st.characters(exclude_categories=()), max_size=80))
def test_any_text_stays_in_its_line_of_the_terminal(text):
    telling = with_alarm(telling_of(template="line"), policy_name=text)

    said = prepared().render(telling, strict=True).text

    assert said.startswith("first\n[")
    assert said.endswith("]\nlast")
    assert len(said.splitlines()) == 3
    assert not any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in said.replace("\n", ""))


@cache
def prepared() -> Renderer:
    files = {
        "json/triggered.json.j2": """{"name": "{{ alarm.policy_name }}", "dimensions": {{ alarm.dimensions | tojson }},
            "plain": "x{{ alarm.policy_name }}x"}""",
        "line/triggered.txt.j2": "first\n[{{ alarm.policy_name }}]\nlast",
    }
    with TemporaryDirectory() as folder:
        return Renderer(write(Path(folder), files))


def test_one_value_takes_the_form_of_each_place(tmp_path):
    telling = with_alarm(telling_of(kind="slack"), policy_name="<@U1> & *x*", url="https://x.example/?a=1|<b>")
    text = """{"text": "t {{ alarm.policy_name }}", "blocks": [
      {"type": "header", "text": {"type": "plain_text", "text": "{{ alarm.policy_name }}"}},
      {"type": "section", "text": {"type": "mrkdwn", "text": "*{{ alarm.policy_name }}* <{{ alarm.url }}|{{ alarm.policy_name }}>"}},
      {"type": "markdown", "text": "**{{ alarm.policy_name }}**"},
      {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "{{ alarm.policy_name }}"}]}]}
    ]}"""

    message = rendered(tmp_path, text, telling)

    star = f"{JOINER}*{JOINER}"
    assert message.problem == ""
    assert message.payload["text"] == f"t &lt;@{JOINER}U1&gt; &amp; {star}x{star}"
    header, section, markdown, rich = message.payload["blocks"]
    assert header["text"]["text"] == "<@U1> & *x*"
    assert section["text"] == {
        "type": "mrkdwn",
        "text": f"*&lt;@U1&gt; &amp; {star}x{star}* <https://x.example/?a=1%7C%3Cb%3E|&lt;@U1&gt; &amp; {star}x{star}>",
        "verbatim": True,
    }
    assert markdown["text"] == f"**&lt;@{JOINER}U1&gt; &amp; \\*x\\***"
    assert texts_in(rich)[-1] == "<@U1> & *x*"


def test_tojson_writes_json_that_takes_its_form_where_it_lands(tmp_path):
    telling = with_alarm(
        telling_of(kind="webhook"), dimensions={'a"b': ["<x>", 1, None, True, 2**70, 1.5], "n": {"m": "\ud800"}}
    )
    text = '{"dimensions": {{ alarm.dimensions | tojson }}, "at": {{ alarm.started_at | tojson }}, "for": {{ alarm.duration | tojson }}, "none": {{ alarm.recovered_at | tojson }}}'

    message = rendered(tmp_path, text, telling)

    assert message.problem == ""
    assert message.payload == {
        "dimensions": {'a"b': ["<x>", 1, None, True, "1180591620717411303424", 1.5], "n": {"m": "\ufffd"}},
        "at": "2020-10-21T13:10:00+08:00",
        "for": 0,
        "none": None,
    }


@pytest.mark.parametrize("way", ["{{ alarm.dimensions }}", "{{ alarm.dimensions ~ '' }}"])
def test_a_mapping_printed_into_a_json_string_is_json_in_a_text(way, tmp_path):
    telling = with_alarm(telling_of(kind="webhook"), dimensions={"k": 'a"<x>', "n": {"m": [1, None]}})

    message = rendered(tmp_path, f'{{"all": "{way}"}}', telling)

    assert message.problem == ""
    assert message.payload is not None
    assert json.loads(message.payload["all"]) == {"k": 'a"<x>', "n": {"m": [1, None]}}


def test_a_value_without_quotes_becomes_a_json_string_and_punctuation_stays(tmp_path):
    telling = with_alarm(telling_of(kind="webhook"), value='1"0')
    text = """{"value": {{ alarm.value }}, "count": {{ alarm.repeat_count }}, "again": {{ alarm.again }},
      "all": [{% for key in ["a", "b"] %}{{ key }}{{ "," if not loop.last }}{% endfor %}]}"""

    message = rendered(tmp_path, text, telling)

    assert message.problem == ""
    assert message.payload == {"value": '1"0', "count": 0, "again": False, "all": ["a", "b"]}


def test_tojson_in_a_text_is_json(tmp_path):
    telling = with_alarm(telling_of(kind="webhook"), dimensions={"k": 'a"\\\n<x>'})

    message = rendered(tmp_path, "{{ alarm.dimensions | tojson }}", telling, form="txt")

    assert json.loads(message.text) == {"k": 'a"\\\n<x>'}


@pytest.mark.parametrize("kind", ["webhook", "slack", "terminal"])
def test_a_value_that_looks_like_a_token_is_a_value(kind, tmp_path):
    forged = "".join(chr(FIRST_TOKEN + index) for index in range(4))
    telling = with_alarm(telling_of(kind=kind), policy_name=forged, policy_id="secret")
    text = "{{ alarm.policy_id }}{{ alarm.policy_name }}{% set x %}{{ alarm.policy_name }}{% endset %}{{ x.strip() }}{{ x | upper }}"

    message = rendered(tmp_path, text, telling, form={"webhook": "txt", "slack": "mrkdwn", "terminal": "txt"}[kind])

    assert message.text == "secret" + forged * 3


def test_a_template_may_not_contain_tokens(tmp_path):
    message = rendered(tmp_path, f"a\n{chr(FIRST_TOKEN)}", telling_of())

    assert message.problem.endswith(
        "terminal/triggered.txt.j2:1: the characters U+100000 to U+10FFFD cannot be used here"
    )


def test_text_captured_by_a_template_compares_as_the_text_it_stands_for(tmp_path):
    text = "{% set x %}{{ state }}{% endset %}{% if x == 'triggered' and 'trig' in x and x != '' and x is eq('triggered') %}yes{% endif %} {{ x | length }} {{ {'triggered': 1}[x] }} {{ x[0] }}{{ x[1:3] }} {{ x | first }}{{ x | last }} {{ x | list | join('.') }} {{ x | reverse }}"

    assert rendered(tmp_path, text, telling_of()).text == "yes 9 1 tri td t.r.i.g.g.e.r.e.d dereggirt"


def test_a_module_never_keeps_what_another_message_printed(tmp_path):
    text = "{% import 'macros.j2' as m %}{{ m.head }} {{ m.say(alarm.policy_name) }} {{ m.seen.last }}"
    macros = "{% set head %}{{ 'a' }}{{ 'b' }}{% endset %}{% set seen = namespace(last='none') %}{% macro say(x) %}{% set seen.last %}{{ x }}{% endset %}{{ x }}{% endmacro %}"

    for name in ("one", "two"):
        telling = with_alarm(telling_of(), policy_name=name)
        assert rendered(tmp_path, text, telling, macros=macros).text == f"ab {name} {name}"
