"""What Slack's Web API answered, in a line for people, and what follows from it for the message."""

from dataclasses import replace

import pytest

from bridge.channels.slack_answers import judge_wordless, receipt_of, taken, without_fault, words
from bridge.message import BEFORE, Answer, Receipt, Step, Verdict
from tests.fakes.channels import a_call, a_message

YES = {"ok": True, "channel": "C1", "ts": "1.1"}
STANDS: Receipt = {"channel": "C1", "ts": "1.1"}


@pytest.mark.parametrize(
    ("step", "data", "receipt"),
    [
        (Step.POST, YES, STANDS),
        (Step.UPDATE, YES, STANDS),
        (Step.THREAD, YES, None),
        (Step.BROADCAST, YES, None),
        (Step.POST, {"ok": True, "ts": "1.1"}, None),
        (Step.POST, {"ok": True, "channel": "C1"}, None),
        (Step.POST, {**YES, "ts": 1.1}, None),
        (Step.POST, {**YES, "channel": {"id": "C1"}}, None),
    ],
    ids=["a post", "an update", "an answer", "a broadcast", "no channel", "no ts", "ts a number", "channel an object"],
)
def test_a_yes_says_where_a_message_stands_that_may_be_changed_or_answered(step, data, receipt):
    assert taken(data, a_call(step=step)) == Verdict(answer=Answer.SENT, said="200 ok", status=200, receipt=receipt)


def test_the_address_of_the_message_before_is_kept_with_the_receipt():
    call = replace(a_call(), before="https://x.slack.com/p1")
    assert receipt_of("C1", "1.1", call) == {**STANDS, BEFORE: "https://x.slack.com/p1"}
    assert taken(YES, call).receipt == {**STANDS, BEFORE: "https://x.slack.com/p1"}


@pytest.mark.parametrize(
    ("status", "data", "said"),
    [
        (200, {"ok": True}, "200 ok"),
        (200, {"ok": True, "warning": "missing_charset"}, "200 missing_charset"),
        (200, {"ok": False, "error": "invalid_auth", "warning": "missing_charset"}, "200 invalid_auth"),
        (
            400,
            {"error": "invalid_blocks", "response_metadata": {"messages": ["[ERROR] a", "[ERROR] b"]}},
            "400 invalid_blocks; [ERROR] a; [ERROR] b",
        ),
        (
            200,
            {"error": "missing_scope", "needed": "chat:write", "provided": "users:read"},
            "200 missing_scope; needed chat:write; provided users:read",
        ),
        (200, {"error": "missing_scope", "needed": "chat:write"}, "200 missing_scope; needed chat:write"),
        (200, {"error": "x", "response_metadata": "y"}, "200 x"),
        (200, {"error": "x", "response_metadata": {"messages": "y"}}, "200 x"),
        (200, {"error": "x", "response_metadata": {"messages": [1]}}, "200 x; 1"),
    ],
)
def test_an_answer_is_told_in_a_line_with_all_that_slack_adds_to_its_code(status, data, said):
    assert words(status, data) == said


BLOCKS = [{"type": "section", "text": {"type": "mrkdwn", "text": letter}} for letter in "ab"]
REFUSAL = {"error": "invalid_blocks", "response_metadata": {"messages": ["[ERROR] no [json-pointer:/blocks/1]"]}}


def test_a_message_whose_fault_is_named_goes_again_without_it_and_is_the_same_call_else():
    message = a_message("t", text="t", blocks=BLOCKS)
    call = a_call(message=message, step=Step.UPDATE, receipt=STANDS)
    better = without_fault(call, REFUSAL)
    expected = a_call(message=a_message("t", text="t", blocks=BLOCKS[:1]), step=Step.UPDATE, receipt=STANDS)
    assert better == expected


def test_a_message_whose_fault_is_named_by_the_code_alone_goes_again_without_it():
    payload = {"text": "t", "metadata": {"event_type": "x", "event_payload": {}}}
    better = without_fault(a_call(message=a_message(**payload)), {"error": "metadata_too_large"})
    assert better is not None
    assert better.message.payload == {"text": "t"}


@pytest.mark.parametrize(
    ("payload", "refusal"),
    [
        ({}, REFUSAL),
        ({"text": "t", "blocks": BLOCKS}, "no_service"),
        ({"text": "t", "blocks": BLOCKS}, {"error": "fatal_error"}),
        ({"text": "t", "blocks": BLOCKS}, {}),
    ],
    ids=["without a payload", "no object", "no fault is named", "nothing is said"],
)
def test_where_no_fault_is_named_there_is_no_better_message(payload, refusal):
    assert without_fault(a_call(message=a_message(**payload)), refusal) is None


@pytest.mark.parametrize(
    ("status", "content_type", "answer", "said"),
    [
        (200, "text/html", Answer.RETRY, "a page that is not Slack's: 200 text/html"),
        (299, "text/html; charset=utf-8", Answer.RETRY, "a page that is not Slack's: 299 text/html; charset=utf-8"),
        (200, "application/json", Answer.AMBIGUOUS, "not an answer that Slack gives: 200 application/json"),
        (200, "", Answer.AMBIGUOUS, "not an answer that Slack gives: 200"),
        (300, "text/html", Answer.BROKEN, "300 without a word of Slack's"),
        (404, "text/html", Answer.BROKEN, "404 without a word of Slack's"),
        (500, "text/html", Answer.AMBIGUOUS, "500 without a word of Slack's"),
        (501, "text/html", Answer.RETRY, "501 without a word of Slack's"),
        (503, "", Answer.RETRY, "503 without a word of Slack's"),
    ],
)
def test_an_answer_without_a_word_is_judged_by_its_status(status, content_type, answer, said):
    verdict = judge_wordless(status, content_type, None)
    assert (verdict.answer, verdict.said, verdict.status) == (answer, said, status)


def test_the_wait_that_is_asked_for_without_a_word_is_kept():
    assert judge_wordless(503, "", 17.0).after_seconds == 17.0
    assert judge_wordless(500, "", 17.0).after_seconds == 17.0
