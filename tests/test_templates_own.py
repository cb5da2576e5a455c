"""What people read of the bridge's own troubles: the exact message of each, when it begins, lasts and is over.

The texts are in `tests/expected/own/`; `UPDATE_EXPECTED=1` writes them anew, as in `test_templates_expected`.
"""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.alarm import State
from bridge.rendering import Renderer, Telling
from bridge.rendering.plain import plain_text
from bridge.sources import own
from bridge.trouble import Trouble
from tests.test_rendering_support import RECEIVED_AT, builtin, event_of, payload_of, telling_of, write
from tests.test_templates_expected import compare

SINCE = RECEIVED_AT - timedelta(hours=26, minutes=5)
SAID = {
    Trouble.CHANNEL_BROKEN: ("ops", "invalid_auth"),
    Trouble.DEAD_LETTERS: ("ops", "k3f9ab triggered: 400 Bad Request"),
    Trouble.TEMPLATE_FAILING: ("ops/triggered", "templates/cvm/triggered.slack.json.j2:3: 'alram' is undefined"),
    Trouble.QUEUE_OLD: ("ops", "12 waiting, the oldest for 6 min"),
    Trouble.STORE_FAILING: ("", "the store cannot be written: database or disk is full"),
    Trouble.RELOAD_FAILED: ("", 'config.yaml:4:3: server.lisen: unknown key; did you mean "listen"?'),
    Trouble.DIGESTING: ("ops", "25 alarms wait"),
}
STATES = (State.TRIGGERED, State.REPEAT, State.RECOVERED)


def a_telling(
    trouble: Trouble, state: State, kind: str = "terminal", language: str = "en", *, unheard=False
) -> Telling:
    about, words = SAID[trouble]
    at = SINCE if state is State.TRIGGERED else RECEIVED_AT
    said = own.Own(trouble=trouble, about=about, words=words, since=SINCE, at=at, is_over=state.ends)
    body = own.body_of(said)
    alarm = own.read(body, at)
    assert alarm is not None
    telling = telling_of(kind=kind, body=body, language=language)
    given = {"repeat_count": 1} if state is State.REPEAT else {}
    return replace(telling, alarm=alarm, event=event_of(alarm, state, received_at=at, unheard=unheard, **given))


@pytest.mark.parametrize("trouble", Trouble)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_trouble_is_told_in_exactly_these_words(trouble, language):
    texts = []
    for state in STATES:
        untold = state.ends and trouble is Trouble.STORE_FAILING
        telling = a_telling(trouble, state, language=language, unheard=untold)
        message = builtin().render(telling, strict=True)
        texts.append(f"{message.text}\n\nplain:\n{plain_text(telling)}\n")
        assert telling.alarm.event_label == own.LABELS[trouble]
    compare(f"own/{trouble}.{language}.txt", "\n".join(texts))


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_broken_channel_is_told_to_slack_in_exactly_these_blocks(state, language):
    payload = payload_of(a_telling(Trouble.CHANNEL_BROKEN, state, "slack", language))
    compare(f"own/slack-{state}.{language}.json", json.dumps(payload, ensure_ascii=False, indent=2) + "\n")


@pytest.mark.parametrize("trouble", Trouble)
@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("kind", ["terminal", "slack", "slack_webhook"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_built_in_template_takes_every_trouble(trouble, state, kind, language):
    if state in {State.DIGEST, State.UNRECOGNISED}:
        return
    message = builtin().render(a_telling(trouble, state, kind, language), strict=True)
    assert message.problem == ""


def test_slack_and_its_webhook_are_told_the_same():
    for state in STATES:
        one, other = (payload_of(a_telling(Trouble.QUEUE_OLD, state, kind)) for kind in ("slack", "slack_webhook"))
        assert one == other


def test_a_machine_gets_the_trouble_as_event_and_the_body_that_the_bridge_made():
    telling = a_telling(Trouble.CHANNEL_BROKEN, State.TRIGGERED, "webhook")
    payload = payload_of(telling)
    alarm = payload["alarm"]
    assert (alarm["kind"], alarm["event"], alarm["object_id"], alarm["policy_name"], alarm["severity"]) == (
        "bridge", "channel_broken", "ops", "alarm-bridge", "serious"
    )  # fmt: skip
    assert alarm["details"] == {"problem": "invalid_auth"}
    assert payload["callback"]["alarm-bridge"]["trouble"] == "channel_broken"
    assert payload["text"] == plain_text(telling)


def test_an_unheard_of_word_in_a_body_of_ours_is_none_of_ours():
    for body in (b"", b"[]", b"null", b'{"alarm-bridge": 1}', b'{"alarm-bridge": {"trouble": "hunger"}}'):
        assert own.read(body, RECEIVED_AT) is None


@pytest.mark.parametrize("state", STATES)
def test_a_set_of_ones_own_that_says_nothing_of_the_bridge_leaves_its_troubles_to_the_built_in_messages(
    tmp_path, state
):
    telling = a_telling(Trouble.CHANNEL_BROKEN, state)
    short = replace(telling, channel=replace(telling.channel, template="short"))
    files = {f"short/{one}.txt.j2": "{{ alarm.object }}: {{ alarm.condition }}\n" for one in STATES}
    folder = write(tmp_path, files)
    assert Renderer(folder).render(short).text == builtin().render(telling).text
    write(folder, {f"short/bridge-{state}.txt.j2": "{{ alarm.details.problem }}\n"})
    assert Renderer(folder).render(short).text == "invalid_auth"


def test_where_the_type_has_none_for_them_either_the_sets_own_template_tells_of_them(tmp_path):
    telling = a_telling(Trouble.CHANNEL_BROKEN, State.TRIGGERED, "webhook")
    robot = replace(telling, channel=replace(telling.channel, template="robot"))
    folder = write(tmp_path, {"robot/triggered.json.j2": '{"content": "{{ alarm.subject }}"}\n'})
    assert Renderer(folder).render(robot).payload == {"content": "Channel broken"}
