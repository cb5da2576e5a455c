"""Slack's messages: whatever an alarm says, the payload is valid, says it, mentions nobody and links to nothing."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block

from bridge.alarm import State
from bridge.rendering.dialects import DIALECTS, slack_text
from bridge.rendering.dialects.pieces import Piece, beginning, fit, units, water_level
from bridge.rendering.dialects.slack import shares
from bridge.rendering.dialects.slack_text import JOINER
from bridge.rendering.plain import plain_text
from tests.fakes.slack_rules import check_content
from tests.test_rendering_support import (
    blocks_of,
    builtin,
    entities_in,
    foreign_entities_in,
    payload_of,
    rendered,
    shown,
    telling_of,
    texts_in,
    with_alarm,
)

FIELDS = (
    "policy_name", "policy_id", "policy_type_name", "metric_label", "object_name", "region", "product", "value", "threshold",
    "unit", "operator", "dimension", "nested dimension", "dimension's name", "tag", "detail", "severity", "url",
)  # fmt: skip
HOSTILE = [
    "<!channel>", "<!here|x>", "<@U012AB3CD>", "<#C012AB3CD>", "<!subteam^S012AB3CD>", "<https://evil.example|good>",
    "<!date^1^{date}|x>", "&lt;!channel&gt;", "&amp;", "*_~`", "*a* _b_ ~c~ `d` ```e```", "> quoted", "a\n> b", "&gt; c",
    "https://evil.example/x", "evil.example", "me@evil.example", "@here", "#general", ":warning:", "a:b:c", '"', "\\", '","x":"',
    "\\u003c!channel>", "{{ 7*7 }}", "{% raw %}", "\x00", "\x1b[31m", "\ud800", "\u202e", "\U00100000\U00100001", "𝄞" * 20,
    "漢" * 50, "<", ">", "|", "a|b", "<a", "b>", "'", "\t", "é́", "👩‍👩‍👧‍👦", JOINER, "\ufeff",
]  # fmt: skip


def hostile(telling, field, text):
    alarm = telling.alarm
    match field:
        case "dimension":
            return with_alarm(telling, dimensions={**alarm.dimensions, "vip": text})
        case "nested dimension":
            return with_alarm(telling, dimensions={**alarm.dimensions, "objDetail": {"IP": text}})
        case "dimension's name":
            return with_alarm(telling, dimensions={**alarm.dimensions, text: "x1y2"})
        case "tag":
            return with_alarm(telling, tags={"team": text})
        case "detail":
            return with_alarm(telling, details={"alias": text})
    return with_alarm(telling, **{field: text})


def looked_for(field, text):
    """Give the form in which a reader meets a value: stripped, and without what no text can hold."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\0", "\ufffd").strip()


@settings(max_examples=150)
@given(
    st.sampled_from(FIELDS), st.one_of(st.sampled_from(HOSTILE), st.text(max_size=60)), st.sampled_from(["en", "zh"])
)
@example("policy_name", "<!channel>", "en")
@example("url", "https://ok.example/?a=<b>|c d", "en")
def test_any_text_in_any_field_is_shown_and_does_nothing(field, text, language):
    telling = hostile(telling_of(kind="slack", language=language), field, text)

    message = builtin().render(telling, strict=True)

    assert message.payload is not None
    payload = json.loads(json.dumps(message.payload).encode("utf-8"))
    assert_slack_takes(payload)
    assert foreign_entities_in(payload) == []
    if field != "url" and not text.isspace():
        seen = [shown(line) for line in texts_in(payload)]
        wanted = looked_for(field, text).replace(JOINER, "")
        assert any(wanted in line for line in seen) or any(f"{wanted[:20]}" in line for line in seen if "…" in line), (
            seen,
            wanted,
        )


def assert_slack_takes(payload):
    blocks = blocks_of(payload)
    assert len(blocks) <= 50
    assert [block.to_dict()["type"] for block in Block.parse_all(blocks)] == [block["type"] for block in blocks]
    assert 0 < units(payload["text"]) <= 4000
    assert "://" not in payload["text"]
    for node in nodes_in(blocks):
        if node.get("type") in {"mrkdwn", "plain_text"}:
            assert 0 < units(node["text"]) <= 3000
            assert node["type"] == "plain_text" or node["verbatim"] is True
        for field in node.get("fields", []):
            assert units(field["text"]) <= 2000
        if node.get("type") == "button":
            assert node["url"].startswith(("http://", "https://"))
            assert not set(node["url"]) & set('<>|" ')


def nodes_in(node):
    if isinstance(node, list):
        return [found for item in node for found in nodes_in(item)]
    return [node, *(found for item in node.values() for found in nodes_in(item))] if isinstance(node, dict) else []


@settings(max_examples=100)
@given(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=80)))
def test_the_plain_text_in_slack_says_everything_and_does_nothing(text):
    telling = with_alarm(telling_of(kind="slack"), policy_name=text, object_name=text, dimensions={})

    said = DIALECTS["slack"].plain(plain_text(telling), {}, ())

    assert entities_in({"text": said}) == []
    assert "://" not in said
    assert shown(said).replace(JOINER, "") == plain_text(telling).replace(JOINER, "").replace("\0", "\ufffd").strip()


CONSOLE = "https://console.example/alarm/detail/policy-1?a=1&b=a.cn#x"
RUNBOOK = "https://wiki.example/on_call.html?q=*a*"


def told_plainly(**changes):
    route = {"links": {"Runbook": RUNBOOK}}
    return builtin().render(with_alarm(telling_of(kind="slack", route=route), **changes))


def test_in_plain_text_the_configs_links_and_the_consoles_can_be_clicked_and_copied():
    lines = told_plainly(url=CONSOLE).plain.splitlines()

    assert f"Runbook: <{RUNBOOK}>" in lines
    assert f"Console: <{CONSOLE.replace('&', '&amp;')}>" in lines


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "<!channel>", "https://x.example/|a", "https://x.example/>\n<!here>"]
)
def test_in_plain_text_a_console_that_is_no_address_is_a_value(url):
    assert entities_in({"text": told_plainly(url=url).plain}) == [RUNBOOK]


def test_in_plain_text_a_value_that_is_the_address_of_a_link_stays_a_value():
    said = told_plainly(policy_name=RUNBOOK, object_name=CONSOLE, url=CONSOLE).plain

    assert said.count(f"<{RUNBOOK}>") == said.count("<https://console.example") == 1
    assert said.count("://") == 2


def test_in_plain_text_that_is_too_long_the_links_stay_and_the_rest_of_it_has_them_too():
    message = told_plainly(details={"a": "x." * 3000}, url=CONSOLE)

    assert units(message.plain) <= 4000
    assert f"Runbook: <{RUNBOOK}>" in message.plain
    assert f"<{RUNBOOK}>" in "".join(part.text for part in message.plain_rest)


@pytest.mark.parametrize("state", [state for state in State if state is not State.DIGEST])
@pytest.mark.parametrize("kind", ["slack", "slack_webhook"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_state_stays_within_slacks_limits_whatever_its_size(state, kind, language):
    huge = "&<漢𝄞> " * 3000
    telling = with_alarm(
        telling_of(kind=kind, state=state, language=language, route={"mention": ("<!here>",), "links": {huge: "https://x.example/"}}),
        policy_name=huge, policy_id=huge, metric_label=huge, object_name=huge, value=huge, threshold=huge, region=huge,
        dimensions={f"key{number}": huge for number in range(200)}, details={"problem": huge}, tags={"a": huge},
    )  # fmt: skip

    message = builtin().render(telling, strict=True)

    assert message.payload is not None
    assert_slack_takes(message.payload)
    assert foreign_entities_in(message.payload) == ["!here"]
    assert sum(map(units, texts_in(blocks_of(message.payload)))) <= 13_000
    assert units(message.plain) <= 4000
    assert message.plain.endswith("<!here>")
    assert "…" in message.text or state is State.UNRECOGNISED


@pytest.mark.parametrize(
    "text",
    ["&<漢𝄞> " * 3000, "<!channel> *_~` " * 900, "x" * 9000, "\n> a" * 3000, "<https://evil.example|good>" * 300],
)
@pytest.mark.parametrize("field", ["policy_name", "metric_label", "detail", "dimension", "value"])
def test_what_has_no_room_is_written_whole_in_answers_that_slack_takes(text, field):
    message = builtin().render(hostile(telling_of(kind="slack"), field, text), strict=True)

    payloads = [part.payload or {} for part in message.rest]
    assert payloads
    for payload in payloads:
        check_content(payload, is_update=False)
        assert foreign_entities_in(payload) == []
    sections = [block["text"]["text"] for payload in payloads for block in payload["blocks"][1:]]
    wanted = "".join(text.split()).replace(JOINER, "")
    assert wanted in "".join("".join(map(shown, sections)).split()).replace(JOINER, "")


def test_what_has_room_leaves_no_rest_and_a_long_title_of_a_link_is_missed_by_nobody():
    telling = telling_of(kind="slack", route={"links": {"x" * 200: "https://x.example/"}})
    assert builtin().render(telling, strict=True).rest == ()


@pytest.mark.parametrize(("address", "first"), [("https://console.example/", "Open in console"), ("", "Book 1")])
def test_each_link_of_the_route_has_a_button_though_slack_takes_twenty_five_in_a_row(address, first):
    titles = [f"Book {number}" for number in range(1, 61)]
    telling = telling_of(kind="slack", route={"links": {title: f"https://x.example/{title[5:]}" for title in titles}})

    payload = payload_of(with_alarm(telling, url=address))

    assert_slack_takes(payload)
    labels = [
        one["text"]["text"] for block in blocks_of(payload) if block["type"] == "actions" for one in block["elements"]
    ]
    assert labels == ([first] if address else []) + titles


def test_a_shortened_field_keeps_the_others_whole(tmp_path):
    telling = with_alarm(telling_of(kind="slack"), policy_name="x" * 4000, policy_id="policy-1")
    text = '{"text": "t", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "*Policy* {{ alarm.policy_name }} ({{ alarm.policy_id }}) <https://x.example|more>"}}]}'

    said = rendered(tmp_path, text, telling).payload["blocks"][0]["text"]["text"]

    assert said.startswith("*Policy* xxxx")
    assert said.endswith("xx… (policy-1) <https://x.example|more>")
    assert units(said) == 3000


def test_of_many_long_texts_the_first_keep_their_room_and_each_its_beginning(tmp_path):
    telling = with_alarm(telling_of(kind="slack"), policy_name="x" * 3000)
    section = '{"type": "section", "text": {"type": "mrkdwn", "text": "{{ alarm.policy_name }}"}}'
    text = f'{{"text": "t", "blocks": [{{"type": "header", "text": {{"type": "plain_text", "text": "Short"}}}}, {", ".join([section] * 6)}]}}'

    blocks = rendered(tmp_path, text, telling).payload["blocks"]

    assert [units(block["text"]["text"]) for block in blocks] == [5, 3000, 3000, 3000, 2695, 150, 150]


LINKS = {  # in the template: what of it goes out, with x = "<!channel>|a b", u = "https://ok.example/a b", v = "U01"
    "<{{ x }}>": "&lt;!channel&gt;|a b",
    "<{{ x }}|label>": "label",
    "<{{ u }}|label>": "<https://ok.example/a%20b|label>",
    "<{{ u }}>": "<https://ok.example/a%20b>",
    "<{{ u }}|{{ x }}>": "<https://ok.example/a%20b|&lt;!channel&gt;¦a b>",
    "<{{ u }}?a=1&amp;b={{ '1&lt;2' }}>": "<https://ok.example/a%20b?a=1&amp;b=1&amp;lt;2>",
    "<https://ok.example/{{ x }}|a>": "<https://ok.example/%3C!channel%3E%7Ca%20b|a>",
    "<@{{ x }}>": f"@{JOINER}&lt;!channel&gt;|a b",
    "<@{{ alarm.policy_id }}>": f"@{JOINER}U99",
    "<!subteam^{{ alarm.policy_id }}>": "!subteam^U99",
    "<@{{ route.vars.oncall }}>": "<@U01>",
    "<!subteam^{{ route.vars.group }}|@dba>": "<!subteam^S01|@dba>",
    "<@{{ route.vars.broken }}>": f"@{JOINER}U01&gt; &lt;!channel",
    "<!here>": "<!here>",
    "<{{ nothing }}|label>": "label",
    "{{ route.mention }}": "<!here> <@U02>",
    "{{ route.mention | join(', ') }}": "<!here>, <@U02>",
    "{% for who in route.mention %}{{ who }};{% endfor %}": "<!here>;<@U02>;",
    "{{ route.vars.oncall }} {{ route.vars.broken }}": "U01 U01&gt; &lt;!channel",
    "a < {{ x }} > b": "a < &lt;!channel&gt;|a b > b",
    "*{{ alarm.policy_id }}* _{{ alarm.metric }}_": "*U99* _disk_usage_",
    "{{ '<!here>' }}": "&lt;!here&gt;",
}


@pytest.mark.parametrize("source", LINKS)
def test_only_the_templates_own_links_and_the_configs_mentions_are_links_and_mentions(source, tmp_path):
    telling = with_alarm(
        telling_of(kind="slack", route={"mention": ("<!here>", "<@U02>"), "vars": {"oncall": "U01", "group": "S01", "broken": "U01> <!channel"}}),
        policy_name="<!channel>|a b", url="https://ok.example/a b", policy_id="U99",
    )  # fmt: skip
    names = "{% set x, u = alarm.policy_name, alarm.url %}"
    text = (
        f'{names}{{"text": "t", "blocks": [{{"type": "section", "text": {{"type": "mrkdwn", "text": "{source}"}}}}]}}'
    )

    message = rendered(tmp_path, text, telling)

    said = message.payload["blocks"][0]["text"]["text"]
    assert said == LINKS[source].replace(f"@{JOINER}", "@")


def test_what_would_let_slack_look_for_mentions_itself_is_taken_out(tmp_path):
    text = '{"text": "{{ alarm.policy_name }}", "link_names": true, "parse": "full", "attachments": [{"color": "#f00", "text": "{{ alarm.policy_name }}", "title_link": "{{ alarm.policy_name }}"}]}'

    payload = rendered(tmp_path, text, with_alarm(telling_of(kind="slack"), policy_name="@here <!here>")).payload

    said = f"@{JOINER}here &lt;!here&gt;"
    assert payload == {"text": said, "attachments": [{"color": "#f00", "text": said}]}


@pytest.mark.parametrize(
    ("block", "left"),
    [
        ('{"type": "section", "text": {"type": "mrkdwn", "text": "{{ nothing }}"}}', []),
        ('{"type": "header", "text": {"type": "plain_text", "text": " {{ nothing }} "}}', []),
        ('{"type": "section", "fields": [{"type": "mrkdwn", "text": "{{ nothing }}"}]}', []),
        ('{"type": "section", "text": {"type": "mrkdwn", "text": ""}, "fields": [{"type": "mrkdwn", "text": "a"}]}',
         [{"type": "section", "fields": [{"type": "mrkdwn", "text": "a", "verbatim": True}]}]),
        ('{"type": "section", "text": {"type": "mrkdwn", "text": "a"}, "fields": [{% for x in alarm.tags.items() %}{{ x }}{% endfor %}]}',
         [{"type": "section", "text": {"type": "mrkdwn", "text": "a", "verbatim": True}}]),
        ('{"type": "context", "elements": [{"type": "mrkdwn", "text": "{{ nothing }}"}]}', []),
        ('{"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "a"}, "url": "{{ nothing }}"}]}', []),
        ('{"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "a"}, "url": "javascript:{{ state }}"}]}', []),
        ('{"type": "divider"}', [{"type": "divider"}]),
    ],
)  # fmt: skip
def test_what_is_left_empty_is_dropped_with_its_block(block, left, tmp_path):
    payload = rendered(tmp_path, f'{{"text": "t", "blocks": [{block}]}}', telling_of(kind="slack")).payload

    assert payload == ({"text": "t", "blocks": left} if left else {"text": "t"})


def test_a_message_without_text_gets_the_plain_one(tmp_path):
    telling = telling_of(kind="slack")

    message = rendered(tmp_path, '{"blocks": [{"type": "divider"}]}', telling)

    assert message.payload == {"blocks": [{"type": "divider"}], "text": message.plain}


def test_no_more_blocks_go_out_than_slack_takes(tmp_path):
    text = (
        '{"text": "t", "blocks": [{% for n in range(80) %}{"type": "divider"}{{ "," if not loop.last }}{% endfor %}]}'
    )

    assert len(rendered(tmp_path, text, telling_of(kind="slack")).payload["blocks"]) == 50


def test_what_no_more_blocks_and_fields_have_room_for_is_told_whole_in_the_thread(tmp_path):
    section = '{"type": "section", "text": {"type": "mrkdwn", "text": "line %s {{ alarm.policy_id }}"}}'
    button = '{"type": "button", "text": {"type": "plain_text", "text": "B%s"}, "url": "https://x.example/"}'
    fields = ", ".join(f'{{"type": "mrkdwn", "text": "field {number}"}}' for number in range(12))
    actions = f'{{"type": "actions", "elements": [{", ".join(button % number for number in range(30))}]}}'
    blocks = [f'{{"type": "section", "fields": [{fields}]}}', actions, *(section % number for number in range(52))]

    message = rendered(tmp_path, f'{{"text": "t", "blocks": [{", ".join(blocks)}]}}', telling_of(kind="slack"))

    (rest,) = message.rest
    id_ = "policy-3hx7rw0c"
    assert (len(message.payload["blocks"]), len(message.payload["blocks"][0]["fields"])) == (50, 10)
    (text,) = [block["text"]["text"] for block in rest.payload["blocks"][1:]]
    assert text.split("\n") == ["field 10", "field 11", *(f"line {number} {id_}" for number in range(48, 52))]


@pytest.mark.parametrize(
    ("said", "ends"),
    [
        ("`" + "x" * 4000 + "` and more", "x…`"),
        ("```\n" + "x " * 2000 + "\n```", "x…```"),
        ("`a` " + "`b` " * 1000, "`b`…"),
        ("`{{ alarm.policy_name }}` " * 400, "…`"),
        ("{{ alarm.policy_name }}" * 400, "ba…"),
    ],
    ids=["a span", "a fence", "between spans", "values in spans", "backticks of values alone"],
)
def test_a_code_span_of_the_template_is_closed_where_its_text_is_cut(said, ends, tmp_path):
    telling = with_alarm(telling_of(kind="slack"), policy_name="a`b" * 4 + "`")
    block = {"type": "section", "text": {"type": "mrkdwn", "text": said}}

    text = rendered(tmp_path, json.dumps({"text": "t", "blocks": [block]}), telling).payload["blocks"][0]["text"][
        "text"
    ]

    assert text.endswith(ends), text[-20:]
    assert units(text) <= 3000
    own = text.replace(f"{JOINER}`{JOINER}", "")
    assert own.count("`") % 2 == 0


def test_mrkdwn_alone_is_shortened_to_what_an_update_takes(tmp_path):
    telling = with_alarm(telling_of(kind="slack_webhook"), policy_name="&𝄞" * 4000)

    message = rendered(tmp_path, "*{{ alarm.policy_name }}* <https://x.example|more>", telling, form="mrkdwn")

    assert message.payload is None
    assert units(message.text) <= 4000
    assert message.text.startswith("*&amp;𝄞&amp;𝄞")
    assert message.text.endswith("… <https://x.example|more>".replace("… ", "…* "))


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.booleans(), st.text(alphabet="a&<>*𝄞漢 \n", max_size=40)), max_size=8), st.integers(20, 120)
)
def test_fitting_never_exceeds_the_limit_nor_cuts_an_entity(parts, limit):
    pieces = [
        Piece(text, slack_text.mrkdwn if is_value else str, is_value=is_value) for is_value, text in parts if text
    ]

    said = fit(pieces, limit)

    assert units(said) <= limit
    for part in said.split("&")[1:]:
        if not any(not is_value and "&" in text for is_value, text in parts):
            assert part.startswith(("amp;", "lt;", "gt;"))


@given(st.lists(st.integers(0, 1000), max_size=30), st.integers(0, 9000))
def test_the_room_of_a_message_is_shared_and_none_of_it_wasted(sizes, room):
    shared = shares(sizes, room)

    assert all(0 <= share <= size for share, size in zip(shared, sizes, strict=True))
    assert sum(shared) == min(sum(sizes), room) or sum(shared) > room - len(sizes)
    assert sum(shared) <= room


def test_the_blocks_of_attachments_count_among_the_fifty_and_one_left_empty_is_dropped(tmp_path):
    many = '{% for n in range(30) %}{"type": "divider"}{{ "," if not loop.last }}{% endfor %}'
    empty = '{"color": "#f00", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "{{ nothing }}"}}]}'
    text = f'{{"text": "t", "blocks": [{many}], "attachments": [{empty}, {{"color": "#f00", "blocks": [{many}]}}]}}'

    payload = rendered(tmp_path, text, telling_of(kind="slack")).payload

    assert (len(payload["blocks"]), [len(one["blocks"]) for one in payload["attachments"]]) == (30, [20])


@given(st.lists(st.integers(0, 100), max_size=10), st.integers(0, 500))
def test_the_water_level_uses_the_room_and_no_more(sizes, room):
    level = water_level(sizes, room)

    assert sum(min(size, level) for size in sizes) <= room
    assert sum(min(size, level + 1) for size in sizes) > room or level >= max(sizes, default=0)


def test_cutting_keeps_what_has_room():
    assert beginning(Piece("a&b", slack_text.mrkdwn), 6) == "a&"
    assert beginning(Piece("a&b", slack_text.mrkdwn), 5) == "a"
    assert beginning(Piece("𝄞𝄞", slack_text.mrkdwn), 3) == "𝄞"
    assert beginning(Piece("ab cd"), 3) == "ab"
    assert beginning(Piece("a_bc", slack_text.mrkdwn), 3) == "a_b"  # though its own beginning has no room


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("cpu_usage a*b a`b", "cpu_usage a*b a|`|b"),
        ("*b* _i_ ~s~ ```c```", "|*|b|*| |_|i|_| |~|s|~| |```|c|```|"),
        ("a__b a*_", "a|_||_|b a|*_|"),
        ("*", "|*|"),
        (":ok: 12:30:45 :100:", ":|ok: 12:30:45 :|100:"),
        ("https://x.example @a #b a@ 1.5 a.c .de v.1", "https:|//x.|example @|a #|b a@ 1.5 a.c .de v.1"),
    ],
)
def test_only_signs_that_would_do_something_are_kept_from_it(text, written):
    assert slack_text.loose(text).replace(JOINER, "|") == written


def test_only_what_would_begin_a_quotation_is_kept_from_it():
    said = slack_text.unquoted("&gt;a\n&gt; *&gt;b\n &gt;c&gt;")
    assert said.replace(JOINER, "|") == "|&gt;a\n|&gt; *|&gt;b\n &gt;c&gt;"


@pytest.mark.parametrize(
    ("kind", "key"),
    [("user", "user_id"), ("usergroup", "usergroup_id"), ("broadcast", "range"), ("channel", "channel_id")],
)
def test_a_value_in_rich_text_mentions_nobody_and_the_templates_own_words_do(kind, key, tmp_path):
    element = '{"type": "%s", "%s": "%s"}'
    source = '{"text": "x", "blocks": [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [%s]}]}]}'
    elements = [
        element % (kind, key, "{{ alarm.tags.owner }}"),
        element % (kind, key, "S{{ alarm.tags.owner }}"),
        element % (kind, key, "OURS"),
        '{"type": "text", "text": "{{ alarm.tags.owner }}"}',
    ]
    telling = with_alarm(telling_of(kind="slack"), tags={"owner": "U0HOSTILE"})

    message = rendered(tmp_path, source % ", ".join(elements), telling)

    assert message.payload is not None
    (section,) = message.payload["blocks"][0]["elements"]
    assert section["elements"] == [{"type": kind, key: "OURS"}, {"type": "text", "text": "U0HOSTILE"}]


def test_a_text_object_says_nothing_beside_its_text_but_true_and_false(tmp_path):
    source = '{"text": "x", "blocks": [{"type": "header", "text": {"type": "plain_text", "text": "a", "emoji": true, "x": "{{ 1 }}"}}]}'

    message = rendered(tmp_path, source, telling_of(kind="slack"))

    assert message.payload is not None
    assert message.payload["blocks"][0]["text"] == {"type": "plain_text", "text": "a", "emoji": True}


def fields_of(payload):
    return [one["text"] for block in blocks_of(payload) for one in block.get("fields", [])]


def test_times_are_on_the_readers_clock_and_on_the_channels_where_it_has_one():
    theirs = builtin().render(telling_of(kind="slack"), strict=True).payload
    its_own = builtin().render(telling_of(kind="slack", own_timezone=True), strict=True).payload

    assert fields_of(theirs)[0] == ("*Since*\n<!date^1603257000^{date_short_pretty} {time}|2020-10-21 13:10:00 +08:00>")
    assert fields_of(its_own)[0] == "*Since*\n2020-10-21 13:10:00 +08:00"


@pytest.mark.parametrize(
    ("minutes", "own", "said"),
    [
        (24, False, "<!date^1603257000^{date_short_pretty} {time}|2020-10-21 13:10:00 +08:00> to <!date^1603258440^{time}|2020-10-21 13:34:00 +08:00> · lasted 24 min"),
        (24, True, "2020-10-21 13:10:00 +08:00 to 13:34:00 · lasted 24 min"),
        (24 * 60, True, "2020-10-21 13:10:00 +08:00 to 2020-10-22 13:10:00 +08:00 · lasted 24 h"),
        (0, True, "2020-10-21 13:10:00 +08:00"),
    ],
)  # fmt: skip
def test_an_end_says_from_when_to_when_and_the_day_once(minutes, own, said):
    telling = telling_of(kind="slack", own_timezone=own, state=State.RECOVERED)
    start = telling.alarm.started_at
    assert start is not None
    ended = replace(telling, event=replace(telling.event, recovered_at=start + timedelta(minutes=minutes)))

    first = payload_of(ended)["attachments"][0]["blocks"][0]["text"]["text"]
    assert first == f"{said} · 10.009 % (threshold &gt; 10 %)"


def test_metadata_tells_another_program_which_alarm_by_ids_alone():
    assert payload_of(telling_of(kind="slack"))["metadata"] == {
        "event_type": "alarm_bridge",
        "event_payload": {"alarm_id": "v0n3wx", "episode_id": "5", "event_id": "7", "delivery_id": "9"},
    }


@pytest.mark.parametrize("state", [State.TRIGGERED, State.RECOVERED])
def test_the_instance_is_named_however_long_its_name_and_the_subject_are(state):
    names = {"metric_label": "m" * 5000, "object_name": "漢" * 5000, "object_id": "ins-1"}
    telling = with_alarm(telling_of(kind="slack", state=state), **names, dimensions={"unInstanceId": "ins-1"})
    payload = builtin().render(telling, strict=True).payload
    assert payload is not None
    assert any("ins-1" in text for text in texts_in(blocks_of(payload)))


def test_a_level_that_is_gone_leaves_no_arrow_without_an_end():
    telling = telling_of(kind="slack", event={"again": True, "severity": "", "previous_severity": "serious"})

    said = texts_in(payload_of(telling))

    assert any("Triggered again" in text for text in said)
    assert [text for text in said if "→" in text] == []
