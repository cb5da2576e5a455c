"""A template that fails, loops or grows is stopped by counting, and the plain text goes out."""

import re
import tracemalloc

import pytest

from bridge.rendering import Renderer, TemplateError
from bridge.rendering.draft import MAX_STEPS, Draft
from bridge.rendering.plain import plain_text
from tests.test_rendering_support import builtin, rendered, telling_of, with_alarm, write

STEPS = "takes more than 20,000 steps"
SIZE = "makes a text of more than 4,194,304 characters"
NUMBER = "uses a number beyond 10,000"
BITS = "makes a number of more than 4,096 bits"
MAX_MEMORY = 64 * 1024 * 1024  # bytes, whatever a template does

ATTACKS = {
    "nested loops": ("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}", STEPS),
    "nested loops that print": ("{% for a in range(999) %}{% for b in range(999) %}x{% endfor %}{% endfor %}", STEPS),
    "long range": ("{% for a in range(10**9) %}{% endfor %}", "makes a range of more than 10,000 items"),
    "center": ("{{ 'x' | center(10**9) }}", NUMBER),
    "indent": ("{{ 'x' | indent(10**9, true) }}", NUMBER),
    "truncate": ("{{ 'x' | truncate(10**9) }}", NUMBER),
    "text times number": ("{{ 'x' * 10**9 }}", NUMBER),
    "number times text": ("{{ 10**9 * 'x' }}", NUMBER),
    "list times number": ("{{ [0] * 10**9 }}", NUMBER),
    "power": ("{{ 10 ** (10 ** 9) }}", BITS),
    "negative power": ("{{ 10 ** -(10 ** 9) }}", BITS),
    "growing product": (
        "{% set n = namespace(x=9) %}{% for a in range(99) %}{% set n.x = n.x * n.x %}{% endfor %}",
        BITS,
    ),
    "text format": ("{{ '%1000000000d' % 1 }}", "% formats no text in a template"),
    "text format method": ("{{ '{:>1000000000}'.format(1) }}", "a text's format cannot be used in a template"),
    "ljust": ("{{ 'x'.ljust(10**9) }}", "a text's ljust cannot be used in a template"),
    "zfill": ("{{ 'x'['zfill'](10**9) }}", "a text's zfill cannot be used in a template"),
    "expandtabs": ("{{ '\t'.expandtabs(10**9) }}", "a text's expandtabs cannot be used in a template"),
    "doubling join": (
        "{% set n = namespace(x='xx') %}{% for a in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
        None,
    ),
    "doubling sum": (
        "{% set n = namespace(x='xx') %}{% for a in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}",
        None,
    ),
    "doubling list": (
        "{% set n = namespace(x=[1, 1]) %}{% for a in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}",
        STEPS,
    ),
    "doubling block": (
        "{% set n = namespace(x='xx') %}{% for a in range(99) %}{% set n.x %}{{ n.x }}{{ n.x }}{% endset %}{% endfor %}",
        None,
    ),
    "doubling value in blocks": (
        "{% set n = namespace(x='') %}{% set n.x %}{{ 'v' * 9999 }}{% endset %}{% for a in range(99) %}{% set n.x %}{{ n.x }}{{ n.x }}{% endset %}{% endfor %}{{ n.x }}",
        None,
    ),
    "doubling replace": (
        "{% set n = namespace(x='xx') %}{% for a in range(99) %}{% set n.x = n.x | replace('x', 'xx') %}{% endfor %}",
        None,
    ),
    "doubling method": (
        "{% set n = namespace(x='xx') %}{% for a in range(99) %}{% set n.x = n.x.replace('x', 'xx') %}{% endfor %}",
        None,
    ),
    "join method": (
        "{% set n = namespace(x='x' * 9999) %}{% for a in range(9) %}{% set n.x = n.x.join(n.x) %}{% endfor %}",
        None,
    ),
    "shared lists printed": (
        "{% set n = namespace(x=[1]) %}{% for a in range(35) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x }}",
        None,
    ),
    "shared lists as JSON": (
        "{% set n = namespace(x=[1]) %}{% for a in range(35) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x | tojson }}",
        None,
    ),
    "shared lists compared": (
        "{% set n = namespace(x=[1], y=[1]) %}{% for a in range(35) %}{% set n.x = [n.x, n.x] %}{% set n.y = [n.y, n.y] %}{% endfor %}{{ n.x == n.y }}",
        None,
    ),
    "shared tuples hashed": (
        "{% set n = namespace(x=(1,)) %}{% for a in range(35) %}{% set n.x = (n.x, n.x) %}{% endfor %}{{ {n.x: 1} }}",
        None,
    ),
    "shared lists sorted": (
        "{% set n = namespace(x=[1], y=[1]) %}{% for a in range(35) %}{% set n.x = [n.x, n.x] %}{% set n.y = [n.y, n.y] %}{% endfor %}{{ [n.x, n.y] | sort }}",
        None,
    ),
    "deep list": (
        "{% set n = namespace(x=[1]) %}{% for a in range(999) %}{% set n.x = [n.x] %}{% endfor %}{{ n.x }}",
        "nests lists deeper than 100",
    ),
    "macro that calls itself": ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "calls itself more than 40 deep"),
    "macros that double": (
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(30) }}",
        STEPS,
    ),
    "macro passed to itself": ("{% macro m(f) %}{{ f(f) }}{% endmacro %}{{ m(m) }}", "calls itself more than 40 deep"),
    "caller for ever": (
        "{% macro a() %}{% call b() %}{% endcall %}{% endmacro %}{% macro b() %}{{ caller() }}{{ a() }}{% endmacro %}{{ a() }}",
        "calls itself more than 40 deep",
    ),
    "block in itself": ("{% block x %}{{ self.x() }}{% endblock %}", "calls itself more than 40 deep"),
    "recursive loop": ("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "calls itself more than 40 deep"),
    "wide recursive loop": (
        "{% for x in range(99) recursive %}{{ loop(range(99)) if loop.depth < 30 }}{% endfor %}",
        STEPS,
    ),
    "include of itself": ("{% include 'terminal/triggered.txt.j2' %}", STEPS),
    "import of itself": ("{% import 'terminal/triggered.txt.j2' as m with context %}", STEPS),
    "includes in a loop": ("{% for a in range(9999) %}{% include 'terminal/layout.j2' %}{% endfor %}", STEPS),
    "filter chain": ("{% for a in range(9999) %}{{ range(9999) | map('string') | sort | join }}{% endfor %}", STEPS),
    "list of lists": (
        "{% set n = namespace(x=[]) %}{% for a in range(9999) %}{% set n.x = n.x + [a] %}{% endfor %}",
        STEPS,
    ),
    "long body in a loop": ("{% for a in range(9999) %}" + "{% if a %}{% endif %}" * 999 + "{% endfor %}", STEPS),
    "long text in a loop": ("{% for a in range(9999) %}" + "x" * 9999 + "{% endfor %}", None),
    "long text in macros": (
        "{% macro m() %}" + "x" * 99999 + "{% endmacro %}{% for a in range(999) %}{% set x = m() %}{% endfor %}",
        STEPS,
    ),
    "slices": ("{% set b = 'x' * 9999 %}{% for a in range(9999) %}{% set c = b[1:] %}{% endfor %}", STEPS),
    "split": ("{% set b = 'x ' * 4999 %}{% for a in range(9999) %}{% set c = b.split() %}{% endfor %}", STEPS),
    "comparisons": ("{% set b = 'x' * 9999 %}{% for a in range(9999) %}{{ 'y' in b }}{% endfor %}", STEPS),
    "strftime": (
        "{{ alarm.started_at.strftime('%1000000000Y') }}",
        "strftime of datetime cannot be read in a template",
    ),
    "datetime": ("{{ alarm.started_at | datetime('%1000000000Y') }}", "datetime takes no such form: '%1000000000Y'"),
    "pad": ("{{ 'x' | pad(10**9) }}", "pads to more than 1,000 columns"),
    "lorem ipsum": ("{{ lipsum(n=10**6) }}", "'lipsum' is undefined"),
}
ESCAPES = {
    "class": "{{ alarm.policy_name.__class__.__mro__ }}",
    "class by key": "{{ alarm.policy_name['__class__'] }}",
    "class by filter": "{{ alarm.policy_name | attr('__class__') }}",
    "class by map": "{{ [alarm] | map(attribute='__class__') | list }}",
    "private attribute": "{{ alarm._telling }}",
    "globals of a macro": "{% macro m() %}{% endmacro %}{{ m._func.__globals__ }}",
    "globals of a function": "{{ range.__globals__ }}",
    "format of an attribute": "{{ '{0.__class__}'.format(alarm) }}",
    "format map": "{{ '{a.__class__}'.format_map({'a': alarm}) }}",
    "self": "{{ self._TemplateReference__context }}",
    "module": "{% import 'macros/text.j2' as m %}{{ m.__dict__ }}",
    "loop": "{% for a in [1] %}{{ loop._iterable }}{% endfor %}",
    "safe": "{{ alarm.policy_name | safe }}",
    "xmlattr": "{{ alarm.dimensions | xmlattr }}",
    "urlize": "{{ alarm.policy_name | urlize }}",
    "striptags": "{{ alarm.policy_name | striptags }}",
    "format filter": "{{ '%s' | format(alarm.policy_name) }}",
    "autoescape off": "{% autoescape false %}{{ alarm.policy_name }}{% endautoescape %}",
    "markup by a call block": "{% call alarm.policy_name.strip() %}{% endcall %}",
    "a list changed": "{% set x = [1] %}{{ x.append(1) }}",
    "a mapping changed": "{{ alarm.raw.update({'a': 1}) }}",
    "file above": "{% include '../outside.j2' %}",
    "file inside and above": "{% include 'terminal/../../outside.j2' %}",
    "file of another kind": "{% include 'terminal/other.txt' %}",
    "absolute file": "{% include '/etc/passwd' %}",
    "link out": "{% include 'terminal/link.j2' %}",
    "file with a zero": "{% include 'a\\0b' %}",
    "method of a view": "{{ alarm.names() }}",
    "private method of a view": "{{ alarm._local(1) }}",
    "a folder": "{% include 'terminal' %}",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_runaway_template_ends_and_the_plain_text_goes_out(attack, tmp_path):
    source, words = ATTACKS[attack]
    telling = telling_of()
    tracemalloc.start()
    try:
        message = rendered(tmp_path, source, telling)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    if words is None:  # whichever budget is spent first
        assert any(said in message.problem for said in (STEPS, SIZE, NUMBER, "nests lists deeper than 100"))
    else:
        assert message.problem.endswith(f": {words}") or (words in message.problem and "lipsum" in source)
    assert re.match(r"/.*/(terminal/(triggered\.txt\.j2:1|layout\.j2:\d+)|macros/text\.j2:\d+): ", message.problem)
    assert message.text == message.plain == plain_text(telling)
    assert peak < MAX_MEMORY


@pytest.mark.parametrize("escape", ESCAPES)
def test_a_template_cannot_leave_its_sandbox(escape, tmp_path):
    folder = tmp_path / "templates"
    write(tmp_path, {"outside.j2": "outside", "templates/terminal/other.txt": "no template"})
    (folder / "terminal" / "link.j2").symlink_to(tmp_path / "outside.j2")

    message = rendered(folder, ESCAPES[escape], telling_of())

    assert message.problem.startswith(f"{folder}/terminal/triggered.txt.j2:1: ")
    assert message.text == message.plain


MISTAKES = {
    "{{ alarm.policy_nam }}": "triggered.txt.j2:1: 'bridge.rendering.view.AlarmView object' has no attribute 'policy_nam'",
    "a\n{% if alarm.again %}\n{{ alrm }}\n{% else %}{{ alrm.id }}{% endif %}": "triggered.txt.j2:4: 'alrm' is undefined",
    "a\n\n{% if x %}": "triggered.txt.j2:3: Unexpected end of template. Jinja was looking for the following tags: 'elif' or 'else' or 'endif'. The innermost block that needs to be closed is 'if'.",
    "{{ x | nothing }}": "triggered.txt.j2:1: No filter named 'nothing'.",
    "a\n{% include 'b.j2' %}": "triggered.txt.j2:2: there is no template 'b.j2' in the directories of templates",
    "a\n{{ 1 / 0 }}": "triggered.txt.j2:2: division by zero",
    "{{ channel.colour }}": "triggered.txt.j2:1: 'bridge.rendering.telling.ChannelView object' has no attribute 'colour'",
    "{# nothing #}": "triggered.txt.j2:1: prints nothing",
}


@pytest.mark.parametrize("source", MISTAKES)
def test_a_strict_rendering_names_a_mistake_by_file_and_line(source, tmp_path):
    with pytest.raises(TemplateError) as caught:
        rendered(tmp_path, source, telling_of(), strict=True)

    assert str(caught.value).removeprefix(f"{tmp_path}/terminal/") == MISTAKES[source]


def test_a_mistake_inside_a_macro_is_named_where_it_stands(tmp_path):
    macros = "{% macro m(x) %}\n\n{{ x / 0 }}{% endmacro %}"

    message = rendered(tmp_path, "{% import 'macros.j2' as m %}\n{{ m.m(1) }}", telling_of(), macros=macros)

    assert message.problem == f"{tmp_path}/macros.j2:3: division by zero"


def test_what_a_sample_lacks_is_no_mistake_and_prints_nothing(tmp_path):
    source = (
        "[{{ alarm.dimensions.nothing }}{{ alarm.dimensions.a.b.c }}{{ alarm.tags.team }}{{ alarm.details.x }}{{ alarm.raw.a.b }}"
        "{{ callback.x['y'].z }}{{ route.vars.oncall }}{{ route.links.runbook }}{{ alarm.recovered_at.year }}{{ alarm.recovered_at }}"
        "{{ alarm.event }}{% for x in alarm.dimensions.nothing %}{% endfor %}{{ 'no' if alarm.tags.a == 'b' }}{{ alarm.raw.list[3] }}]"
    )

    assert rendered(tmp_path, source, telling_of(), strict=True).text == "[]"


def test_an_unknown_attribute_prints_nothing_in_production(tmp_path):
    assert rendered(tmp_path, "[{{ alarm.policy_nam }}{{ nothing.at.all }}]", telling_of()).text == "[]"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ('{"a": 1', "the output is not JSON: Expecting ',' delimiter in its line 1"),
        ('{"a": 1}\n}', "the output is not JSON: Extra data in its line 2"),
        ("[1]", "the JSON is no object"),
        ('{"a": NaN}', "the output is not JSON: NaN is no JSON in its line 1"),
        ("", "the output is not JSON: Expecting value in its line 1"),
    ],
)
@pytest.mark.parametrize("kind", ["webhook", "slack"])
def test_json_that_does_not_parse_sends_the_plain_text(source, words, kind, tmp_path):
    message = rendered(tmp_path, source, telling_of(kind=kind))

    form = "slack.json" if kind == "slack" else "json"
    assert message.problem == f"{tmp_path}/{kind}/triggered.{form}.j2:1: {words}"
    assert message.payload is None
    assert message.text == message.plain != ""


def test_a_template_too_large_or_not_utf_8_is_a_problem_not_a_crash(tmp_path):
    assert "is larger than 256 KiB" in rendered(tmp_path, "x" * 300_000, telling_of()).problem
    (tmp_path / "terminal" / "triggered.txt.j2").write_bytes(b"\xff")
    assert "terminal/triggered.txt.j2 is not UTF-8" in Renderer(tmp_path).render(telling_of()).problem


def test_a_large_callback_passes_whole_through_a_json_template(tmp_path):
    body = b'{"alarmObjInfo": {"dimensions": {"a": "' + b"x" * 1_000_000 + b'"}}}'
    telling = telling_of(kind="webhook", body=body)

    message = rendered(tmp_path, '{"callback": {{ callback | tojson }}}', telling)

    assert message.problem == ""
    assert message.payload["callback"]["alarmObjInfo"]["dimensions"]["a"] == "x" * 1_000_000


def test_a_problem_in_one_rendering_leaves_nothing_for_the_next(tmp_path):
    telling = telling_of()
    folder = write(
        tmp_path,
        {
            "terminal/triggered.txt.j2": "{% for a in range(alarm.repeat_count) %}{{ a }}{% for b in range(9999) %}{% endfor %}{% endfor %}!"
        },
    )
    renderer = Renderer(folder)

    assert STEPS in renderer.render(telling_of(event={"repeat_count": 99})).problem
    assert renderer.render(with_alarm(telling)).text == "!"


def test_the_built_in_messages_leave_most_of_the_budget(monkeypatch):
    left = []
    spend = Draft.spend

    def watched(draft, steps):
        spend(draft, steps)
        left.append(draft.left)

    monkeypatch.setattr(Draft, "spend", watched)

    for kind in ("terminal", "slack_webhook"):
        left.clear()
        assert builtin().render(telling_of(kind=kind)).problem == ""
        assert MAX_STEPS - min(left) < 1500
