"""`check`: every mistake in the config and its templates at once, each once, and no secret among the words."""

import os
from pathlib import Path

import pytest

from bridge.alarm import State
from bridge.check import check, check_templates
from bridge.check.limits import refusal
from bridge.check.situations import situations
from bridge.config import ConfigError, load

ROOT = Path(__file__).parent.parent
TERMINAL = "server:\n  auth: off\nchannels:\n  here:\n    type: terminal\ndefault_channels: [here]\n"
SLACK = TERMINAL.replace("type: terminal", "type: slack_webhook\n    url: http://127.0.0.1:9/services/MARKED")
TOLD = "told of capture-2020-cvm-disk-triggered as"


@pytest.fixture
def check_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def checked(config, templates=()):
        Path("config.yaml").write_text(config)
        for name, text in dict(templates).items():
            file = Path("templates", name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        report = check(Path("config.yaml"), {})
        return [str(problem) for problem in report.problems], [str(warning) for warning in report.warnings]

    return checked


def test_the_example_has_neither_problems_nor_warnings():
    report = check(ROOT / "config.example.yaml", {})
    assert (report.problems, report.warnings) == ((), ())


def test_every_sample_is_told_in_every_state_that_it_can_be_told_in():
    told = {(each.sample, each.event.state) for each in situations() if each.event.kind != "bridge"}
    samples = {sample for sample, _ in told}
    assert len(samples) == 17
    assert "verification-2019" not in samples
    alarms = {sample for sample, state in told if state is State.TRIGGERED}
    assert samples - alarms == {"template-body-triggered", "template-body-recovered"}
    assert {state for sample, state in told if sample in alarms} == set(State) - {State.UNRECOGNISED}
    assert {state for sample, state in told if sample not in alarms} == {State.UNRECOGNISED}


def test_a_mistake_in_the_config_is_said_as_serve_says_it(check_files):
    config = TERMINAL.replace("auth: off", "auth: off\n  lisen: x")
    problems, _ = check_files(config)
    with pytest.raises(ConfigError) as wrong:
        load(Path("config.yaml"), {})
    assert (
        problems
        == str(wrong.value).splitlines()
        == ['config.yaml:3:3: server.lisen: unknown key; did you mean "listen"?']
    )


def test_what_a_template_says_of_the_bridges_own_troubles_is_checked_too(check_files):
    name = "terminal/bridge-recovered.txt.j2"
    problems, warnings = check_files(TERMINAL, {name: "{{ alarm.command }}{{ alarm.comand }}"})
    assert problems == [
        (
            f'templates/{name}:1:29: channels.here: alarm has no "comand"; did you mean "command"? '
            "(told of the bridge's own channel_broken as recovered)"
        )
    ]
    assert warnings == []
    misspelt = "terminal/bridge-recoverd.txt.j2"
    assert check_files(TERMINAL, {name: "over", misspelt: "over"}) == (
        [],
        [f'templates/{misspelt}: no message will ever use a file of this name; did you mean "bridge-recovered"?'],
    )


@pytest.mark.parametrize("steps", ["[updat, thread]", "[update, updat]", "[broadcast]"])
def test_steps_with_a_real_mistake_are_not_doubted_as_well(check_files, steps):
    config = TERMINAL.replace("terminal\n", f"terminal\n    on_repeat: {steps}\n")
    route = f"routes:\n  - channels: [here]\n    routes:\n      - on_repeat: {steps}\n"
    problems, warnings = check_files(config + route)
    assert len(problems) == 2
    assert all("must be update, thread or post" in problem for problem in problems)
    assert warnings == []


NO_NUMBER = 'a text and a number; "| float" makes a number of a text'


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ alarm.polcy_name }}", '1:10: channels.here: alarm has no "polcy_name"; did you mean "policy_name"?'),
        ("\n  {{ alrm.policy_name }}", '2:6: channels.here: nothing is called "alrm"; did you mean "alarm"?'),
        ("{{ channel.nme }}", '1:12: channels.here: channel has no "nme"; did you mean "name"?'),
        ("{{ alarm.policy_name.x }}", '1:22: channels.here: a text has no "x"'),
        ("{{ alarm.started_at.x }}", '1:21: channels.here: a time has no "x"'),
        (
            "{% if alarm.value > 5 %}x{% endif %}",
            f'1:1: channels.here: there is no ">" of {NO_NUMBER}',
        ),
        (
            "{{ alarm.value + 1 }}",
            f'1:1: channels.here: there is no "+" of {NO_NUMBER}; "~" joins both as texts',
        ),
        (
            "{{ alarm.started_at - alarm.recovered_at }}",
            '1:1: channels.here: there is no "-" of a time and nothing',
        ),
        ("{{ alarm.policy_name() }}", "1:1: channels.here: a text cannot be called: leave () out"),
        ("{% for one in alarm.repeat_count %}{{ one }}{% endfor %}", "1:1: channels.here: a number is no list"),
        ("x\n{% if state %}", "2:1: channels.here: Unexpected end of template"),
        ("x\n {{ alarm.id | shout }}", "2:16: channels.here: No filter named 'shout'"),
        ("{% include 'no.j2' %}", "1:13: channels.here: there is no template 'no.j2' in the directories of templates"),
        ("  ", "1:1: channels.here: prints nothing"),
    ],
)
def test_a_mistake_in_a_template_has_file_line_column_and_words_and_is_said_once(check_files, template, words):
    problems, warnings = check_files(TERMINAL, {"terminal/triggered.txt.j2": template})
    assert len(problems) == 1
    assert problems[0].startswith(f"templates/terminal/triggered.txt.j2:{words}")
    assert problems[0].endswith(f"({TOLD} triggered)")
    assert warnings == []


def test_a_key_that_a_sample_lacks_is_no_mistake(check_files):
    text = "{{ alarm.id }} {{ alarm.dimensions.nobody }} {{ alarm.tags.nobody.x }} {{ route.vars.team }}"
    assert check_files(TERMINAL, {"terminal/triggered.txt.j2": text}) == ([], [])


def test_several_mistakes_are_all_said_in_the_order_of_files_and_lines(check_files):
    problems, _ = check_files(
        TERMINAL,
        {
            "terminal/triggered.txt.j2": "{% if alarm.kind == 'event' %}\n{{ a }}\n{% else %}\n{{ b }}\n{% endif %}",
            "terminal/repeat.txt.j2": "{{ c }}",
        },
    )
    assert [problem.split(": ")[0] + problem.split("is called")[1][:4] for problem in problems] == [
        'templates/terminal/repeat.txt.j2:1:4 "c"',
        'templates/terminal/triggered.txt.j2:2:4 "a"',
        'templates/terminal/triggered.txt.j2:4:4 "b"',
    ]


def test_what_shows_only_when_an_alarm_fires_again_or_rises_is_found(check_files):
    problems, _ = check_files(
        TERMINAL,
        {
            "terminal/triggered.txt.j2": "x{% if alarm.again %}{{ a }}{% endif %}",
            "terminal/recovered.txt.j2": "x{% if alarm.unheard %}{{ b }}{% endif %}",
            "terminal/escalated.txt.j2": "x{% if alarm.previous_severity == 'warn' %}{{ c }}{% endif %}",
        },
    )
    assert [problem.split('"')[1] for problem in problems] == ["c", "b", "a"]


def test_a_set_that_nobody_uses_is_checked_all_the_same_in_both_languages(check_files):
    problems, _ = check_files(TERMINAL, {"spare/closed.zh.txt.j2": "{{ x }}", "spare/closed.mrkdwn.j2": "{{ y }}"})
    assert problems == [
        f'templates/spare/closed.mrkdwn.j2:1:4: templates.spare: nothing is called "y" ({TOLD} closed)',
        f'templates/spare/closed.zh.txt.j2:1:4: templates.spare: nothing is called "x" ({TOLD} closed)',
    ]


def test_a_route_is_named_where_only_it_leads_to_the_mistake(check_files):
    config = TERMINAL + "routes:\n  - name: night\n    channels: [here]\n    vars: {team: ops}\n"
    problems, _ = check_files(config, {"terminal/closed.txt.j2": "x{% if route.vars.team %}{{ x }}{% endif %}"})
    assert problems == [
        f'templates/terminal/closed.txt.j2:1:29: channels.here: nothing is called "x" ({TOLD} closed through the route "night")'
    ]


def test_mistakes_in_the_config_do_not_hide_those_in_templates(check_files):
    problems, warnings = check_files(
        TERMINAL.replace("here]", "her]"),
        {"terminal/triggered.txt.j2": "{{ x }}", "terminal/trigered.txt.j2": "x"},
    )
    assert problems == [
        'config.yaml:6:20: default_channels[0]: no channel has this name; did you mean "here"?',
        f'templates/terminal/triggered.txt.j2:1:4: templates.terminal: nothing is called "x" ({TOLD} triggered)',
    ]
    assert warnings == [
        'templates/terminal/trigered.txt.j2: no message will ever use a file of this name; did you mean "triggered"?'
    ]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("recoverd.txt.j2", '; did you mean "recovered"?'),
        ("closed.j2", "; the formats are json, mrkdwn, slack.json, txt"),
        ("closed.html.j2", "; the formats are json, mrkdwn, slack.json, txt"),
        ("closed.de.txt.j2", "; the languages are en and zh"),
        ("closed.txt", "; templates end in .j2"),
        ("closed.txt.jinja2", "; templates end in .j2"),
    ],
)
def test_a_file_that_is_nearly_a_messages_is_warned_of(check_files, name, hint):
    _, warnings = check_files(
        TERMINAL, {f"terminal/{name}": "x", "terminal/layout.j2": "", "terminal/closed.en.txt.j2": "x"}
    )
    assert warnings == [f"templates/terminal/{name}: no message will ever use a file of this name{hint}"]


def test_a_file_outside_of_every_set_is_warned_of_but_not_what_others_may_include_nor_notes(check_files):
    files = ("closed.txt.j2", "foot.j2", "README.md", ".gitkeep", "terminal/.closed.swp")
    _, warnings = check_files(TERMINAL, dict.fromkeys(files, "x"))
    assert warnings == [
        "templates/closed.txt.j2: no message will ever use a file of this name; it belongs in a set: SET/closed.txt.j2"
    ]


def test_a_set_that_nothing_names_is_warned_of_with_the_nearest_name(check_files):
    config = TERMINAL.replace("terminal\n", "terminal\n    template: night\n")
    config += "routes:\n  - {match: {product: cvm}, channels: [here], template: cvm}\n"
    sets = ("night", "cvm", "nigth", "terminl", "spare", "slack_webhook", "base")
    files = {f"{name}/closed.txt.j2": "x" for name in sets} | {"macros/text.txt": "", "macros/x.j2": ""}
    files["cvm/closed.txt.j2"] = '{% include "base/closed.txt.j2" %}'
    _, warnings = check_files(config, files)
    said = "no channel or route names this set of templates"
    assert warnings == [
        "templates/macros/text.txt: no message will ever use a file of this name; templates end in .j2",
        f'templates/nigth: {said}; did you mean "night"?',
        f"templates/spare: {said}",
        f'templates/terminl: {said}; did you mean "terminal"?',
    ]


def test_english_where_the_language_is_zh_and_a_chinese_message_is_built_in_is_warned_of(check_files):
    config = TERMINAL.replace("terminal\n", "terminal\n    language: zh\n    template: cvm\n") + (
        "routes:\n  - {match: {product: cvm}, channels: [here], template: night}\n"
    )
    _, warnings = check_files(
        config,
        {
            "terminal/closed.txt.j2": "closed",
            "cvm/recovered.en.txt.j2": "recovered",
            "cvm/repeat.txt.j2": "repeat",
            "night/triggered.txt.j2": "triggered",
            "cvm/triggered.txt.j2": "触发",
            "cvm/expired.txt.j2": '{% extends "terminal/layout.zh.j2" %}',
            "cvm/replaced.txt.j2": "replaced",
            "cvm/replaced.zh.txt.j2": "replaced",
        },
    )
    assert warnings == [
        f"templates/{name}.txt.j2: channels.here: the language is zh, and there is no {state}.zh.txt.j2 beside it; "
        f"terminal/{state}.zh.txt.j2 is built in"
        for name, state in (
            ("cvm/repeat", "repeat"),
            ("night/triggered", "triggered"),
            ("terminal/closed", "closed"),
        )
    ]


def test_english_is_what_is_wanted_unless_the_language_is_zh(check_files):
    assert check_files(TERMINAL, {"terminal/closed.txt.j2": "closed"}) == ([], [])


def test_templates_that_run_away_are_found_in_bounded_time(check_files):
    loop = "{% for x in range(9999) %}{% for y in range(9999) %}x{% endfor %}{% endfor %}"
    problems, _ = check_files(
        TERMINAL, {f"terminal/{state}.txt.j2": loop for state in ("triggered", "closed", "repeat")}
    )
    assert [problem.split(":")[0] for problem in problems] == [
        f"templates/terminal/{state}.txt.j2" for state in ("closed", "repeat", "triggered")
    ]


def test_an_unused_route_of_many_costs_no_rendering_of_its_own(check_files):
    routes = "".join(
        f"  - match: {{product: p{number}}}\n    channels: [here]\n    vars: {{n: {number}}}\n" for number in range(200)
    )
    assert check_files(f"{TERMINAL}routes:\n{routes}") == ([], [])


def test_what_slack_would_refuse_is_said(check_files):
    block = '{"type": "section"}, {"type": "header", "text": {"type": "mrkdwn", "text": "{{ alarm.id }}"}}'
    problems, _ = check_files(SLACK, {"slack_webhook/closed.slack.json.j2": f'{{"text": "x", "blocks": [{block}]}}'})
    assert problems == [
        f"templates/slack_webhook/closed.slack.json.j2:1:1: channels.here: Slack would refuse its header block: a header's text must be of the type plain_text ({TOLD} closed)"
    ]


DIVIDER = {"type": "divider"}
LONG = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3000}}


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (None, ""),
        ({"text": "x"}, ""),
        ({"blocks": [DIVIDER] * 49, "attachments": [{}] * 100}, ""),
        ({"blocks": [DIVIDER] * 50}, "makes 50 blocks or more; Slack takes 50, and the rest is left out"),
        ({"attachments": [{}] * 101}, "makes more than 100 attachments, which Slack refuses"),
        ({"blocks": [LONG] * 5}, "makes blocks of more than 13000 characters, which Slack refuses"),
        ({"blocks": {}}, "blocks and attachments must be lists"),
        ({"blocks": [DIVIDER, "x"]}, "Slack would refuse one of its blocks: it must be an object with a type"),
        (
            {"blocks": [{**LONG, "type": "sektion"}]},
            'Slack would refuse its sektion block: no block is of this type; did you mean "section"?',
        ),
        (
            {"blocks": [{"type": "rich-text", "elements": []}]},
            ('Slack would refuse its rich-text block: no block is of this type; did you mean "rich_text"?'),
        ),
        ({"blocks": [{"type": "data_table"}, {"type": "context_card"}, {"type": "markdown", "text": "x"}]}, ""),  # new
        (
            {"blocks": [{"type": "section", "text": "x"}]},
            "Slack would refuse its section block: its text must be an object with type and text",
        ),
        (
            {"blocks": [{"type": "section"}]},
            "Slack would refuse its section block: text or fields attribute must be specified",
        ),
        (
            {"blocks": [{**LONG, "text": {"type": "mrkdwn", "text": "x" * 3001}}]},
            "Slack would refuse its section block: text attribute cannot exceed 3000 characters",
        ),
    ],
)
def test_slacks_limits_are_known(payload, words):
    assert refusal("slack", payload) == words
    assert refusal("json", payload) == ""


def test_no_secret_is_in_any_word_of_a_report(check_files):
    config = SLACK.replace("auth: off", "auth: {tokens: [MARKED+token]}\n  verification_code: MARKED")
    problems, warnings = check_files(config, {"slack_webhook/closed.mrkdwn.j2": "{{ channel.url }} {{ channel }}"})
    assert len(problems) == 2
    assert "MARKED" not in "".join([*problems, *warnings])


def test_the_templates_of_a_config_that_serves_can_be_checked_by_themselves(check_files, tmp_path):
    check_files(TERMINAL, {"terminal/closed.txt.j2": "{{ x }}", "terminal/closd.txt.j2": ""})
    report = check_templates(load(Path("config.yaml"), {}).config)
    assert [problem.file for problem in report.problems] == ["templates/terminal/closed.txt.j2"]
    assert [warning.file for warning in report.warnings] == ["templates/terminal/closd.txt.j2"]


def test_files_are_named_as_the_config_was(check_files, tmp_path):
    check_files(TERMINAL, {"terminal/closed.txt.j2": "{{ x }}"})
    report = check(tmp_path / "config.yaml", {})
    assert [problem.file for problem in report.problems] == [f"{tmp_path}/templates/terminal/closed.txt.j2"]


@pytest.mark.parametrize(
    ("store", "words"),
    [
        ("nowhere/a.db", "the folder {here}/nowhere does not exist: make it, or name another one"),
        ("/nowhere/at/all.db", "the folder /nowhere/at does not exist: make it, or name another one"),
        ("config.yaml/a.db", "{here}/config.yaml is no folder: name another one"),
        ("config.yaml/a/b.db", "the folder {here}/config.yaml/a does not exist: make it, or name another one"),
        ("../" + "x" * 300, "{here}/../" + "x" * 300 + " cannot be used: file name too long"),
        (".", "{here} is a folder; the store is a file"),
    ],
)
def test_a_store_that_cannot_be_there_is_said_in_its_line(check_files, tmp_path, store, words):
    problems, _ = check_files(f"{TERMINAL}store: sqlite:///{store}\n")
    assert problems == [f"config.yaml:7:1: store: {words.format(here=tmp_path)}"]
    assert [each.name for each in tmp_path.iterdir()] == ["config.yaml"]


def test_a_folder_or_file_that_this_user_may_not_write_is_said(check_files, tmp_path, monkeypatch):
    denied = set()
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path not in denied and allowed(path, mode))
    file = tmp_path / "alarm-bridge.db"
    file.touch()
    assert check_files(TERMINAL) == ([], [])
    denied.add(file)
    assert check_files(TERMINAL)[0] == [f"config.yaml:1:1: store: this user may not write {file}"]
    denied.add(tmp_path)
    assert check_files(TERMINAL)[0] == [f"config.yaml:1:1: store: this user may not write in the folder {tmp_path}"]


def test_a_store_that_is_none_is_complained_of_once_and_other_mistakes_do_not_hide_where_it_is(check_files):
    problems, _ = check_files(f"{TERMINAL}store: sqlite:///nowhere/?x\n")
    assert problems == ["config.yaml:7:1: store: must be sqlite:///FILE, the path of a file"]
    problems, _ = check_files(f"{TERMINAL}store: sqlite:////nowhere/at/all.db\nx: 1\n")
    assert [problem.split(": ")[1] for problem in problems] == ["store", "x"]
