"""`success`: endpoints that answer 200 to what they refuse, and what of their answers counts as taken."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from bridge.channels.success import Success
from bridge.message import Answer
from tests.fakes.channels import a_call, a_channel, a_message
from tests.fakes.endpoint import Behaviour, serve_endpoint
from tests.fakes.robots import serve_robots
from tests.fakes.spine import a_body, a_spine
from tests.fakes.virtual import virtual

PAGE = Path(__file__).parent.parent.joinpath("docs", "channels", "webhook.md").read_text("utf-8")
WANTED = {"wecom": ("errcode", 0), "dingtalk": ("errcode", 0), "feishu": ("code", 0)}
GOOD = {
    "wecom": {"msgtype": "text", "text": {"content": "CPU"}},
    "dingtalk": {"msgtype": "text", "text": {"content": "Alarm: CPU"}},
    "feishu": {"msg_type": "text", "content": {"text": "CPU"}},
}


@pytest.mark.parametrize(
    ("wanted", "answer", "is_said"),
    [
        ({"json": "errcode", "equals": 0}, '{"errcode": 0, "errmsg": "ok"}', True),
        ({"json": "errcode", "equals": 0}, '{"errcode": 0.0}', True),
        ({"json": "errcode", "equals": 0}, '{"errcode": "0"}', True),
        ({"json": "errcode", "equals": "0"}, '{"errcode": 0}', True),
        ({"json": "errcode", "equals": 0}, '{"errcode": false}', False),
        ({"json": "errcode", "equals": 0}, '{"errcode": null}', False),
        ({"json": "errcode", "equals": 0}, '{"errcode": ""}', False),
        ({"json": "errcode", "equals": 0}, '{"errcode": 45009}', False),
        ({"json": "errcode", "equals": 0}, '{"code": 0}', False),
        ({"json": "errcode", "equals": 0}, "0", False),
        ({"json": "errcode", "equals": 0}, "[0]", False),
        ({"json": "errcode", "equals": 0}, "<html>", False),
        ({"json": "errcode", "equals": 0}, "", False),
        ({"json": "errcode", "equals": 0}, "[" * 5000, False),
        ({"json": "ok", "equals": True}, '{"ok": true}', True),
        ({"json": "ok", "equals": True}, '{"ok": 1}', False),
        ({"json": "ok", "equals": True}, '{"ok": "true"}', True),
        ({"json": "ok", "equals": False}, '{"ok": 0}', False),
        ({"json": "status", "equals": "success"}, '{"status": "success"}', True),
        ({"json": "status", "equals": "success"}, '{"status": "Success"}', False),
        ({"json": "X", "equals": 0}, '{"X": 0}', True),
        ({"json": "data.code", "equals": 7}, '{"data": {"code": 7}}', True),
        ({"json": "data.code", "equals": 7}, '{"data.code": 7, "data": {"code": 8}}', True),
        ({"json": "data.code", "equals": 7}, '{"data": 7}', False),
        ({"json": "results.1.ok", "equals": True}, '{"results": [{"ok": false}, {"ok": true}]}', True),
        ({"json": "results.2.ok", "equals": True}, '{"results": [{"ok": true}]}', False),
        ({"json": "codes.2", "equals": 0}, '{"codes": [0, 0]}', False),
        ({"json": "data", "equals": ""}, '{"data": {}}', False),
        ({"json": "data", "equals": "[0]"}, '{"data": [0]}', False),
        ({"json": "data", "equals": ""}, '{"data": null}', False),
        ({"text": "ok"}, "ok", True),
        ({"text": "ok"}, " ok\n", True),
        ({"text": "ok"}, "OK", False),
        ({"text": "ok"}, "not ok", False),
        ({"text": "ok"}, '"ok"', False),
        ({"text": "1"}, "1", True),
        ({"text": ""}, "", True),
    ],
)
def test_an_answer_says_what_is_wanted_or_does_not(wanted, answer, is_said):
    assert Success.model_validate(wanted).is_said_by(answer) is is_said


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"json": "..", "equals": 0}, 'must be the key of a JSON object, such as errcode; "a.b" is b within a'),
        ({"json": 7, "equals": 0}, 'must be the key of a JSON object, such as errcode; "a.b" is b within a'),
        ({"json": "errcode", "equals": [0]}, "must be a text, a number, true or false"),
        ({"json": "errcode"}, "must be {json: KEY, equals: VALUE} or {text: TEXT}"),
    ],
)
def test_a_wish_that_no_answer_can_meet_is_refused_in_words(wanted, said):
    with pytest.raises(ValidationError) as refused:
        Success.model_validate(wanted)
    assert [error["msg"] for error in refused.value.errors()] == [f"Value error, {said}"]


def test_a_key_may_be_a_blank_or_end_in_one():
    assert Success.model_validate({"json": " ", "equals": 0}).is_said_by('{" ": 0}')


@pytest.mark.parametrize(
    ("behaviour", "answer", "said"),
    [
        (Behaviour(body='{"errcode": 0}'), Answer.SENT, '200 OK: {"errcode": 0}'),
        (Behaviour(status=201, body='{"errcode": 0}'), Answer.SENT, '201 Created: {"errcode": 0}'),
        (Behaviour(body='{"errcode": 1}'), Answer.RETRY, '200 without errcode = 0: {"errcode": 1}'),
        (Behaviour(status=204, body=""), Answer.RETRY, "204 without errcode = 0:"),
        (Behaviour(body="<html>log in"), Answer.RETRY, "200 without errcode = 0: <html>log in"),
        (Behaviour(fails="cut"), Answer.RETRY, "200 without errcode = 0: (the answer was cut off)"),
        (Behaviour(status=400, body='{"errcode": 0}'), Answer.REJECTED, '400 Bad Request: {"errcode": 0}'),
        (Behaviour(status=500, body='{"errcode": 0}'), Answer.RETRY, '500 Internal Server Error: {"errcode": 0}'),
    ],
)
async def test_a_2xx_that_does_not_say_it_is_tried_again(behaviour, answer, said):
    wanted = {"json": "errcode", "equals": 0}
    async with serve_endpoint() as endpoint, a_channel("webhook", url=endpoint.url(), success=wanted) as channel:
        endpoint.always = behaviour
        verdict = await channel.post(a_call())
    assert (verdict.answer, verdict.said) == (answer, said)


async def test_a_refusal_in_200_is_waited_for_as_long_as_it_asks():
    async with (
        serve_endpoint() as endpoint,
        a_channel("webhook", url=endpoint.url(), success={"text": "ok"}) as channel,
    ):
        endpoint.always = Behaviour(body="busy", headers={"Retry-After": "7"})
        verdict = await channel.post(a_call())
    assert (verdict.answer, verdict.after_seconds) == (Answer.RETRY, 7.0)
    assert verdict.said == '200 without "ok": busy'


@pytest.mark.parametrize("robot", WANTED)
@pytest.mark.parametrize("is_asked_for", [True, False])
async def test_a_robots_no_in_200_counts_as_taken_only_where_success_is_not_asked_for(robot, is_asked_for):
    key, equals = WANTED[robot]
    success = {"json": key, "equals": equals} if is_asked_for else None
    refused = Answer.RETRY if is_asked_for else Answer.SENT
    async with serve_robots() as robots:
        async with a_channel("webhook", url=robots.url(robot), success=success) as channel:
            robots.limited = 1
            answers = [
                (await channel.post(a_call(a_message("", **payload)))).answer
                for payload in (GOOD[robot], GOOD[robot], {"msgtype": "nonsense"})
            ]
        async with a_channel("webhook", url=robots.url(robot, "wrong"), success=success) as channel:
            answers.append((await channel.post(a_call(a_message("", **GOOD[robot])))).answer)
    assert answers == [refused, Answer.SENT, refused, refused]
    assert robots.taken == [GOOD[robot]]


def recipe(language, number):
    return re.findall(rf"```{language}\n(.*?)```", PAGE.split("## WeCom, DingTalk, Feishu")[1], re.DOTALL)[number]


@virtual
async def test_the_recipe_of_the_documentation_is_taken_by_wecom_once_it_is_not_too_busy(tmp_path, clock):
    async with serve_robots() as robots:
        text = recipe("yaml", 0).replace(
            "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=${WECOM_KEY}", robots.url("wecom")
        )
        folder = tmp_path / "templates" / "wecom"
        folder.mkdir(parents=True)
        (folder / "triggered.json.j2").write_text(recipe("jinja", 0))
        robots.limited = 1
        config = f"server: {{auth: off}}\ntemplates: templates\n{text}default_channels: [wecom]\n"
        async with a_spine(tmp_path, config, clock) as spine:
            await spine.take(a_body())
            await spine.settle(30)
            assert spine.rows("SELECT state, attempts FROM deliveries") == [("sent", 2)]
            said = [said for (said,) in spine.rows("SELECT said FROM attempts ORDER BY id")]
        assert said[0].startswith('200 without errcode = 0: {"errcode": 45009,')
        assert [answer["errcode"] for answer in robots.answered] == [45009, 0]
        (message,) = robots.taken
        assert message["msgtype"] == "markdown"
        assert message["markdown"]["content"].rpartition(" · ")[0] == (
            "**MemoryUtilization** shop-sg-batch-02 (ins-b6y3n0wd)\nMemoryUtilization > 90 %: 90.683%\nDefault"
        )
