"""Which template a message gets: sets, the user's own directory, states, formats and languages, and what stands in."""

from dataclasses import replace

import pytest

from bridge.alarm import State
from bridge.message import Step
from bridge.rendering import Renderer, builtin_templates
from bridge.rendering.sandbox import Sandbox
from tests.test_rendering_support import builtin, telling_of, write

SLACK = '{{"text": "{}"}}'


def said(tmp_path, files, **asked):
    texts = {name: SLACK.format(name) if name.endswith("json.j2") else name for name in files}
    message = Renderer(write(tmp_path, texts)).render(telling_of(**asked))
    assert message.problem == ""
    return message.text


@pytest.mark.parametrize(
    ("files", "asked", "chosen"),
    [
        (["terminal/triggered.txt.j2"], {}, "terminal/triggered.txt.j2"),
        (["terminal/triggered.txt.j2", "mine/triggered.txt.j2"], {"template": "mine"}, "mine/triggered.txt.j2"),
        (["yours/triggered.txt.j2", "mine/triggered.txt.j2"], {"template": "mine", "route": {"template": "yours"}}, "yours/triggered.txt.j2"),
        (["yours/repeat.txt.j2", "mine/triggered.txt.j2"], {"template": "mine", "route": {"template": "yours"}}, "mine/triggered.txt.j2"),
        (["mine/triggered.txt.j2", "mine/triggered.zh.txt.j2"], {"template": "mine", "language": "zh"}, "mine/triggered.zh.txt.j2"),
        (["mine/triggered.txt.j2", "mine/triggered.zh.txt.j2"], {"template": "mine"}, "mine/triggered.txt.j2"),
        (["mine/triggered.txt.j2"], {"template": "mine", "language": "zh"}, "mine/triggered.txt.j2"),
        (["terminal/triggered.txt.j2"], {"language": "zh"}, "terminal/triggered.txt.j2"),
        (["mine/triggered.slack.json.j2", "mine/triggered.mrkdwn.j2"], {"kind": "slack", "template": "mine"}, "mine/triggered.slack.json.j2"),
        (["mine/triggered.mrkdwn.j2"], {"kind": "slack", "template": "mine"}, "mine/triggered.mrkdwn.j2"),
        (["slack/triggered.mrkdwn.j2"], {"kind": "slack"}, "slack/triggered.mrkdwn.j2"),
        (["mine/triggered.txt.j2"], {"kind": "webhook", "template": "mine"}, "mine/triggered.txt.j2"),
        (["mine/escalated.txt.j2", "mine/triggered.txt.j2"], {"template": "mine", "state": State.ESCALATED}, "mine/escalated.txt.j2"),
        (["mine/triggered.txt.j2"], {"template": "mine", "state": State.ESCALATED}, "mine/triggered.txt.j2"),
    ],
)  # fmt: skip
def test_the_best_template_is_chosen(files, asked, chosen, tmp_path):
    assert said(tmp_path, files, **asked) == chosen


@pytest.mark.parametrize(
    ("files", "asked"),
    [
        (["mine/triggered.slack.json.j2"], {"template": "mine"}),  # a format the channel does not take
        (["mine/triggered.txt.j2"], {"template": "mine", "state": State.REPEAT}),  # another state
        (["mine/triggered.txt.j2"], {"template": "mine", "state": State.EXPIRED}),
        (["mine/triggered.txt.j2"], {"route": {"template": "other"}}),
    ],
)
def test_a_set_that_lacks_the_state_falls_back_to_that_of_the_type(files, asked, tmp_path):
    assert (
        said(tmp_path, files, **asked)
        == builtin().render(telling_of(**{key: asked[key] for key in asked if key == "state"})).text
    )


@pytest.mark.parametrize(
    ("files", "asked", "chosen"),
    [
        (["mine/recovered.mrkdwn.j2"], {"template": "mine"}, "mine/recovered.mrkdwn.j2"),
        (["mine/recovered.mrkdwn.j2", "mine/reply.mrkdwn.j2"], {"template": "mine"}, "mine/reply.mrkdwn.j2"),
        (["mine/reply.mrkdwn.j2", "mine/reply.zh.mrkdwn.j2"], {"template": "mine", "language": "zh"}, "mine/reply.zh.mrkdwn.j2"),
        (["slack/reply.mrkdwn.j2", "slack/recovered.mrkdwn.j2"], {}, "slack/reply.mrkdwn.j2"),
        (["slack/recovered.mrkdwn.j2"], {}, "slack/recovered.mrkdwn.j2"),  # the user's own words, before the built-in line
        (["slack/triggered.mrkdwn.j2"], {}, "slack/reply.slack.json.j2"),
    ],
)  # fmt: skip
def test_an_answer_to_the_alarms_message_has_a_template_of_its_own_where_its_set_has_one(
    files, asked, chosen, tmp_path
):
    telling = replace(telling_of(kind="slack", state=State.RECOVERED, **asked), brief=True)
    renderer = Renderer(write(tmp_path, {name: name for name in files}))
    assert renderer.template_of(telling) == chosen


def test_a_template_knows_by_which_step_it_is_told(tmp_path):
    files = write(tmp_path, {"slack/recovered.mrkdwn.j2": "{{ step }}: {{ alarm.subject }} is over"})
    telling = replace(telling_of(kind="slack", state=State.RECOVERED), step=Step.THREAD, brief=True)
    assert Renderer(files).render(telling, strict=True).text == "thread: 磁盘利用率 is over"


def test_a_users_file_stands_before_the_built_in_one_and_may_build_on_its_macros(tmp_path):
    text = '{% extends "terminal/layout.j2" %}{% block state %}ALARM{% endblock %}'

    message = Renderer(write(tmp_path, {"terminal/triggered.txt.j2": text})).render(telling_of())

    assert message.text == builtin().render(telling_of()).text.replace("▲ Triggered", "ALARM")


def test_a_webhook_without_a_template_gets_the_envelope_and_a_terminal_the_plain_text(tmp_path):
    renderer = Renderer(tmp_path / "nothing here")

    payload = renderer.render(telling_of(kind="webhook")).payload
    assert payload is not None
    assert payload["version"] == 1
    message = renderer.render(telling_of(state=State.DIGEST))
    assert (message.text, message.payload, message.problem) == (message.plain, None, "")


def test_the_built_in_templates_are_complete():
    told = [state for state in State if state is not State.DIGEST]
    files = {path.relative_to(builtin_templates()).as_posix() for path in builtin_templates().rglob("*.j2")}
    files -= {file for file in files if "/bridge" in file}  # of the bridge's own alarms: test_templates_own

    wanted = {f"terminal/{state}{language}.txt.j2" for state in told for language in ("", ".zh")}
    wanted |= {f"slack/{state}.slack.json.j2" for state in told}  # in both languages, and for slack_webhook too

    assert wanted <= files
    assert files - wanted == {
        "slack/digest.slack.json.j2",  # elsewhere a digest is plain text
        "macros/text.j2", "macros/slack.j2", "terminal/layout.j2", "terminal/layout.zh.j2", "slack/layout.j2",
        "slack/firing.j2", "slack/ending.j2", "slack/reply.slack.json.j2", "slack/words.j2", "slack/words.zh.j2",
    }  # fmt: skip


def test_the_name_of_the_template_can_be_asked(tmp_path):
    assert builtin().template_of(telling_of(language="zh")) == "terminal/triggered.zh.txt.j2"
    assert builtin().template_of(telling_of(kind="webhook")) is None


def test_what_is_compiled_beforehand_is_not_compiled_when_a_message_is_made(tmp_path, monkeypatch):
    renderer = Renderer(write(tmp_path, {"mine/triggered.txt.j2": '{% include "mine/part.j2" %}', "mine/part.j2": "x"}))
    renderer.compile()
    monkeypatch.setattr(Sandbox, "_parse", lambda *_: pytest.fail("compiled now"))
    assert renderer.render(telling_of(template="mine")).text == "x"
    assert renderer.render(telling_of(kind="slack")).problem == ""


def test_what_cannot_be_compiled_beforehand_is_said_where_it_is_used(tmp_path):
    renderer = Renderer(write(tmp_path, {"terminal/triggered.txt.j2": "{% if %}", "terminal/repeat.txt.j2": "fine"}))
    renderer.compile()
    assert "Expected an expression" in renderer.render(telling_of()).problem
    assert renderer.render(telling_of(state=State.REPEAT)).text == "fine"
