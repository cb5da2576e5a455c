"""Slack's messages, whatever the template looks like: no token stays, no value mentions or leads where it likes."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.rendering.dialects import DIALECTS
from bridge.rendering.draft import TOKEN, Draft
from tests.test_rendering_support import SHANGHAI, rendered, telling_of, with_alarm

ADDRESSES = {  # in a button: where it leads, None for no button; with u = "https://ok.example", v = ".evil.example/x"
    "{{ u }}": "https://ok.example",
    "{{ u }}/d/{{ v }}": "https://ok.example/d/.evil.example/x",
    "{{ u }}{{ v }}": None,
    "{{ u }}{{ slashed }}": "https://ok.example/x",
    "{{ u }}.evil.example": None,
    "{{ mail }}": None,
    "{{ script }}": None,
    "https://ok.example/{{ v }}": "https://ok.example/.evil.example/x",
    "https://ok.example?host={{ v }}": "https://ok.example?host=.evil.example/x",
    "https://ok.example{{ v }}": None,
    "https://ok.example{{ slashed }}": "https://ok.example/x",
    "https://{{ v }}": None,
    "https://{{ name }}.ok.example/": None,
    "https://me@{{ name }}/": None,
    "http{{ name }}://ok.example/": None,
    "{{ name }}://ok.example/": None,
    "mailto:{{ name }}@ok.example": "mailto:evil@ok.example",
    "https://{{ route.vars.host }}/{{ name }}": "https://ours.example/evil",
    "https://{{ route.vars.host }}{{ v }}": None,
    "{{ route.links.Wiki }}{{ v }}": None,
    "{{ route.links.Wiki }}/{{ name }}": "https://wiki.example/evil",
    "{{ ' javascript:alert(1)' }}": None,
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_value_chooses_neither_an_addresss_scheme_nor_the_end_of_its_host(address, tmp_path):
    telling = with_alarm(
        telling_of(kind="slack", route={"vars": {"host": "ours.example"}, "links": {"Wiki": "https://wiki.example"}}),
        tags={"u": "https://ok.example", "v": ".evil.example/x", "slashed": "/x", "name": "evil"}
        | {"mail": "mailto:me@evil.example", "script": "javascript:alert(1)"},
    )
    names = "{% set u, v, slashed, name, mail, script = alarm.tags.u, alarm.tags.v, alarm.tags.slashed, alarm.tags.name, alarm.tags.mail, alarm.tags.script %}"
    source = names + (
        '{"text": "t", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "<%s|label>"}}, '
        '{"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "a"}, "url": "%s"}]}, '
        '{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "a"}, {"type": "link", "url": "%s"}]}]}]}'
    )

    message = rendered(tmp_path, source.replace("%s", address), telling)

    assert message.payload is not None
    section, *others = message.payload["blocks"]
    expected = ADDRESSES[address]
    assert section["text"]["text"] == (f"<{expected}|label>" if expected else "label")
    (link,) = others[-1]["elements"][0]["elements"][1:] or [None]
    buttons = others[0]["elements"] if len(others) == 2 else [None]
    assert [each and each["url"] for each in (*buttons, link)] == [expected, expected]


def test_an_image_without_an_address_is_left_out(tmp_path):
    image = '{"type": "image", "image_url": "%s", "alt_text": "a"}'
    images = ", ".join([image % "{{ alarm.tags.x }}", image % "https://ok.example/a.png"])
    source = f'{{"text": "t", "blocks": [{images}]}}'

    message = rendered(tmp_path, source, with_alarm(telling_of(kind="slack"), tags={"x": "javascript:alert(1)"}))

    assert message.payload is not None
    assert [block["image_url"] for block in message.payload["blocks"]] == ["https://ok.example/a.png"]


def test_rich_text_of_which_nothing_is_left_is_left_out(tmp_path):
    user = '{"type": "user", "user_id": "{{ alarm.tags.owner }}"}'
    section = f'{{"type": "rich_text_section", "elements": [{user}]}}'
    source = f'{{"text": "t", "blocks": [{{"type": "rich_text", "elements": [{section}]}}, {{"type": "divider"}}]}}'

    message = rendered(tmp_path, source, with_alarm(telling_of(kind="slack"), tags={"owner": "U0HOSTILE"}))

    assert message.payload is not None
    assert message.payload["blocks"] == [{"type": "divider"}]


KINDS = [
    "mrkdwn",
    "plain_text",
    "user",
    "usergroup",
    "broadcast",
    "channel",
    "team",
    "button",
    "link",
    "image",
    "section",
]
KEYS = [
    *(
        "text",
        "type",
        "user_id",
        "usergroup_id",
        "range",
        "channel_id",
        "team_id",
        "url",
        "image_url",
        "value",
        "style",
    ),
    *("emoji", "verbatim", "action_id", "elements", "fields", "blocks", "attachments", "title_link", "options", "name"),
    *("link_names", "parse", "{{ alarm.tags.x }}", "{{ alarm.tags.y }}"),
]
VALUES = {"x": "U0HOSTILE", "y": "url", "z": "javascript:alert(1)"}
LEAVES = st.sampled_from([*KINDS, "{{ alarm.tags.x }}", "a{{ alarm.tags.y }}b", "{{ alarm.tags.z }}", 1, None])
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
)
TYPED = st.builds(
    lambda kind, rest: rest | {"type": kind},
    st.sampled_from(KINDS),
    st.dictionaries(st.sampled_from(KEYS), TREES, max_size=4),
)
MENTIONED = {"user", "usergroup", "broadcast", "channel", "team"}


def objects_in(node) -> list[dict[str, object]]:
    """List every object of a payload."""
    if isinstance(node, dict):
        return [node, *(found for item in node.values() for found in objects_in(item))]
    return [found for item in node for found in objects_in(item)] if isinstance(node, list) else []


@given(st.dictionaries(st.sampled_from(KEYS), TREES, max_size=3), st.lists(TYPED, max_size=3), st.booleans())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_whatever_a_template_looks_like_no_token_stays_and_no_value_mentions_or_leads_anywhere(top, blocks, attached):
    inside = {"blocks": [{"type": "rich_text", "elements": blocks}]}
    tree = top | ({"attachments": [inside]} if attached else inside)
    draft = Draft(language="en", timezone=SHANGHAI, is_json=True)
    written = json.dumps(tree)
    for name, value in VALUES.items():
        written = written.replace("{{ alarm.tags.%s }}" % name, draft.token(value))  # noqa: UP031

    payload = DIALECTS["slack"].payload(json.loads(written), draft, "plain")

    assert not TOKEN.search(json.dumps(payload, ensure_ascii=False))
    for node in objects_in(payload):
        assert not VALUES.keys() & node.keys()
        assert not str(node.get("url", "")).startswith("javascript:")
        if str(node.get("type")) in MENTIONED:
            assert "U0HOSTILE" not in str(node)
