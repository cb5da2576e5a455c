"""Every message that the built-in templates make for Slack, before judges that no one here wrote.

`make test` judges a fixed tenth of the hostile ones, `make judge` all of them.
"""

import os
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product

import pytest

from bridge import samples
from bridge.alarm import State
from bridge.message import Count, Step
from bridge.rendering import Telling
from bridge.rendering.dialects.slack_text import JOINER
from bridge.trouble import Trouble
from tests.fakes.slack_rules import RefusedError, check_content
from tests.judges.judging import INSTALLED, MISSING, Payload, complaints, mrkdwn_in, read
from tests.test_rendering_digest import digest
from tests.test_rendering_slack import FIELDS, HOSTILE, hostile, looked_for
from tests.test_rendering_support import OUR_TIME, builtin, channel, event_of, shown, telling_of
from tests.test_sources_dimensions import SETS, wrapped
from tests.test_templates_expected import MENTIONED, REPLIES, STATES, reply
from tests.test_templates_own import STATES as OWN_STATES
from tests.test_templates_own import a_telling as own

pytestmark = pytest.mark.skipif(not INSTALLED.is_file(), reason=MISSING)

ALL = bool(os.environ.get("JUDGE_ALL"))
TOLD = [sample for sample in samples.names() if not sample.startswith("verification")]
OVERSIZE = ["x" * 151, "漢" * 2001, "𝄞" * 1501, "&" * 3001, "<" * 4001, "a b " * 4000, "x\n" * 3000, "`*_~" * 900]
VALUES = [
    *HOSTILE, *OVERSIZE, "<mailto:a@evil.example|a>", "<!channel", "<!everyone>", "<!subteam^S1|@x>", "```\n<!here>\n```",
    "<tel:+1|x>", "&#60;!here&#62;", "~~a~~ **b**", "- a\n- b", "10.0.0.1:100:1",
]  # fmt: skip
BODIES = {
    "metric": "capture-2020-cvm-disk-triggered",
    "event": "doc-2021-event-triggered",
    "cloudevent": "doc-2022-cloudevents",
}
HARMLESS = frozenset({"Root", "Text", "Bold", "Command"})  # what may stand in a message besides
LAST = "https://example.slack.com/archives/C00000OPS/p1700000000000001"
LINK = re.compile(r"<https?:[^<>|]*")
FIRING = (State.TRIGGERED, State.REPEAT, State.ESCALATED)
NO_ROOM = 3600  # units: more than any field or section holds


def rendered(telling: Telling) -> Payload:
    """Render a message for both of Slack's channel types, which get the same."""
    bot, webhook = (
        builtin().render(replace(telling, channel=channel(kind, language=telling.channel.language)), strict=True)
        for kind in ("slack", "slack_webhook")
    )
    assert bot.payload is not None
    assert webhook.payload == bot.payload
    return bot.payload


def judged(payloads: list[Payload], *, harmless: frozenset[str] = HARMLESS) -> dict[str, str]:
    """Let all judges see the messages; give what the reader of each mrkdwn text sees."""
    for payload in payloads:
        assert complaints(payload) == [], payload
        try:
            check_content(payload, is_update=True)
        except RefusedError as error:
            pytest.fail(f"{error.code}: {error.messages}: {payload}")
    understood = read(text for payload in payloads for text in mrkdwn_in(payload))
    for text, one in understood.items():
        assert one.kinds <= harmless, text
        strangers = [command for command in one.commands if not OUR_TIME.fullmatch(command[1:-1])]
        assert strangers in ([], ["<!here>"]), text
    return {text: one.text for text, one in understood.items()}


def dimension_tellings(language: str, state: State) -> Iterator[Telling]:
    telling = telling_of(kind="slack", language=language, route=MENTIONED)
    for entry in SETS:
        alarm = wrapped(entry)
        yield replace(telling, alarm=alarm, event=event_of(alarm, state))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_body_and_each_set_of_dimensions_in_each_state_pleases_all_judges(language, record_property):
    payloads = []
    for state, (_, event) in STATES.items():
        tellings = [
            telling_of(sample, "slack", state=state, language=language, route=MENTIONED, event=event) for sample in TOLD
        ]
        payloads += [rendered(telling) for telling in [*tellings, *dimension_tellings(language, state)]]

    payloads += [rendered(reply(state, language, step)) for step, state in REPLIES]
    judged(payloads)

    assert len(payloads) == (17 + 101) * 8 + len(REPLIES)
    record_property("judged", len(payloads) * 2)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_digests_and_the_bridges_own_alarms_please_all_judges(language, record_property):
    tellings = [
        digest("slack", language),
        *(own(one, state, "slack", language) for one in Trouble for state in OWN_STATES),
    ]
    payloads = [rendered(telling) for telling in tellings]

    judged(payloads, harmless=HARMLESS | {"Code"})  # around what is to be typed

    record_property("judged", len(payloads) * 2)


def some(found: Iterable[tuple[str, str, State]]) -> list[tuple[str, str, State]]:
    """Give the cases of a trigger; unless all a third of the tenth, since each makes several messages."""
    triggers = [case for case in found if case[2] is State.TRIGGERED]
    return triggers if ALL else triggers[::3]


def cases(body: str) -> Iterator[tuple[str, str, State]]:
    """Give each hostile value in each field and state; a fixed tenth unless all."""
    for case in product(VALUES, FIELDS, (State.TRIGGERED, State.ESCALATED, State.RECOVERED)):
        if ALL or zlib.crc32("|".join((body, *case)).encode("utf-8", "surrogatepass")) % 10 == 0:
            yield case


@pytest.mark.parametrize("body", BODIES)
def test_no_value_in_any_field_displeases_a_judge_mentions_anybody_or_links_anywhere(body, record_property):
    taken = list(cases(body))
    payloads = [
        rendered(hostile(telling_of(BODIES[body], "slack", state=state), field, value)) for value, field, state in taken
    ]

    seen = judged(payloads)

    for (value, field, _), payload in zip(taken, payloads, strict=True):
        if field in {"unit", "operator"} and body != "metric":
            continue  # of a number that is not there
        assert shows(value, field, [seen[text] for text in mrkdwn_in(payload)], payload), (value, field, payload)
    assert len(VALUES) >= 60
    record_property("judged", len(payloads) * 2)


def again(telling: Telling) -> Telling:
    """Give the telling of an alarm that comes again, with the address of its last message."""
    return replace(telling, event=replace(telling.event, again=True), before=LAST)


def linking(payloads: list[Payload]) -> list[Payload]:
    """Let all judges see messages in which one link, and no other, leads to the last message."""
    judged(payloads, harmless=HARMLESS | {"URL"})
    for payload in payloads:
        assert [link for text in mrkdwn_in(payload) for link in LINK.findall(text)] == [f"<{LAST}"], payload
    return payloads


@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_body_and_each_set_of_dimensions_that_comes_again_links_to_its_last_message(language, record_property):
    states = FIRING if ALL else FIRING[:1]
    tellings = [
        telling_of(sample, "slack", state=state, language=language, route=MENTIONED)
        for state in states
        for sample in TOLD
        if not sample.startswith("template-body")  # which is no alarm
    ]
    tellings += [telling for state in states for telling in dimension_tellings(language, state)]

    payloads = linking([rendered(again(telling)) for telling in tellings])

    assert len(payloads) == (15 + 101) * len(states)
    record_property("judged", len(payloads) * 2)


@pytest.mark.parametrize("body", BODIES)
def test_no_value_beside_the_link_to_the_last_message_displeases_a_judge(body, record_property):
    tellings = [
        hostile(telling_of(BODIES[body], "slack", state=state), field, value)
        for value, field, state in some(cases(body))
    ]

    payloads = linking([rendered(again(telling)) for telling in tellings])

    record_property("judged", len(payloads) * 2)


@pytest.mark.parametrize("body", BODIES)
def test_no_value_in_what_goes_into_the_thread_for_want_of_room_displeases_a_judge(body, record_property):
    """Each value in each field, repeated until the message has no room for it; so with what plain text had none for."""
    payloads: list[Payload] = []
    for value, field, state in some(cases(body)):
        crowded = hostile(telling_of(BODIES[body], "slack", state=state), field, crowd(value))
        message = builtin().render(crowded, strict=True)
        has_room = field == "url" or crowd(value).isspace() or (field in {"unit", "operator"} and body != "metric")
        assert message.rest or has_room, (value, field)
        payloads += [part.payload or {} for part in message.rest]
        payloads += [{"text": part.text} for part in message.plain_rest]

    judged(payloads)

    record_property("judged", len(payloads))


def crowd(value: str) -> str:
    return value * (1 + NO_ROOM // len(value))


@pytest.mark.parametrize("body", BODIES)
def test_nor_does_one_in_an_answer_or_in_a_digest(body, record_property):
    """Each value in each field of a recovery that answers its alarm's message, and that a digest names and counts."""
    tellings = [
        hostile(telling_of(BODIES[body], "slack", state=state), field, value)
        for value, field, state in cases(body)
        if state is State.RECOVERED
    ]
    answers = [rendered(replace(one, step=Step.THREAD, brief=True)) for one in tellings]
    digests = [
        rendered(digest("slack", counts=(counted(one), counted(one)), whom=(), worst=[one, one])) for one in tellings
    ]

    judged(answers)
    judged(digests, harmless=HARMLESS | {"Code"})  # around ids, and what is to be typed

    record_property("judged", len([*answers, *digests]) * 2)


def counted(telling: Telling) -> Count:
    return Count(policy=telling.alarm.policy_name, state=telling.event.state, alarms=1)


def shows(value: str, field: str, read_texts: list[str], payload: Payload) -> bool:
    """Say whether a reader sees the value, or its beginning where it was shortened."""
    if field == "url" or value.isspace():
        return True
    wanted = "".join(looked_for(field, value).replace(JOINER, "").split())
    lines = ["".join(shown(text).split()) for text in (*read_texts, *headers(payload))]
    return any(wanted in line or ("…" in line and wanted[:8] in line) for line in lines)


def headers(payload: Payload) -> list[str]:
    return [block["text"]["text"] for block in payload["blocks"] if block["type"] == "header"]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "nonsense"},
        {"type": "header", "text": {"type": "mrkdwn", "text": "x"}},
        {"type": "header", "text": {"type": "plain_text", "text": "x" * 151}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * 2001}]},
        {"type": "section", "text": {"type": "mrkdwn", "text": "x"}, "colour": "red"},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 11},
    ],
)
def test_the_judges_refuse_what_slack_would(block):
    assert complaints({"text": "x", "blocks": [], "attachments": [{"color": "#fff", "blocks": [block]}]}) != []


@pytest.mark.parametrize(
    "text", ["<!channel>", "<@U1>", "<#C1>", "<https://evil.example>", "`x`", "_x_", "~x~", ":smile:"]
)
def test_the_reader_of_mrkdwn_sees_what_a_value_must_not_be(text):
    (seen,) = read([f"a {text} b"]).values()
    assert not (seen.kinds <= HARMLESS and seen.commands == ())
