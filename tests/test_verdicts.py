"""What a platform's answers mean: one row for each code and status."""

from datetime import UTC, datetime

import pytest

from bridge.channels.answers import judge_status, retry_after
from bridge.channels.slack_answers import judge_wordless
from bridge.channels.slack_codes import CODES, WEBHOOK_CODES, Meaning, meaning_of, verdict_of
from bridge.channels.slack_webhook import judge
from bridge.message import Answer, Step

NOW = datetime(2026, 11, 3, 8, 0, 0, tzinfo=UTC)
SENT, RETRY, REJECTED, BROKEN, AMBIGUOUS, GONE = Answer


def expected_of(status: int) -> tuple[Answer, bool, int]:
    """Say again, in another way, what the contract says of each status: answer, throttled, breaks_after."""
    named = {429: (RETRY, True, 0), 503: (RETRY, True, 0), 403: (REJECTED, False, 3)}
    families = {2: SENT, 3: BROKEN, 4: REJECTED, 5: RETRY}
    again = dict.fromkeys((408, 425), RETRY)
    broken = dict.fromkeys((401, 404, 405, 407, 410), BROKEN)
    return named.get(status) or ((again | broken).get(status) or families[status // 100], False, 0)


@pytest.mark.parametrize("status", range(200, 600))
def test_each_http_status_has_the_verdict_of_the_contract(status):
    verdict = judge_status(status, "said", 7.0)
    assert (verdict.answer, verdict.throttled, verdict.breaks_after) == expected_of(status)
    assert (verdict.status, verdict.said, verdict.plain_helps) == (status, "said", False)
    assert verdict.after_seconds == (7.0 if verdict.answer is RETRY else None)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("1", 1.0),
        (" 30 ", 30.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("2.", 2.0),
        ("86400", 86400.0),
        ("86401", 86400.0),
        ("9" * 400, 86400.0),
        ("Tue, 03 Nov 2026 08:00:30 GMT", 30.0),
        ("Tue, 03 Nov 2026 16:00:30 +0800", 30.0),
        ("Tue, 03 Nov 2026 08:00:30 -0000", 30.0),
        ("Tuesday, 03-Nov-26 08:00:30 GMT", 30.0),
        ("Tue Nov  3 08:00:30 2026", 30.0),
        ("Tue, 03 Nov 2026 07:00:00 GMT", 0.0),
        ("Sat, 03 Nov 2096 08:00:00 GMT", 86400.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86400.0),
        ("", None),
        (None, None),
        ("-1", None),
        ("1e9", None),
        ("nan", None),
        ("inf", None),
        ("١", None),
        ("soon", None),
        ("Tue, 99 Nov 2026 08:00:30 GMT", None),
        ("1, 2", None),
    ],
)
def test_retry_after_is_read_in_seconds_or_as_a_date_and_never_believed_beyond_a_day(header, seconds):
    assert retry_after(header, NOW) == seconds


# Every code of chat.postMessage, chat.update and of all methods, as Slack documents them (2026).
DOCUMENTED = {
    (RETRY, "limited"): ["ratelimited", "rate_limited"],
    (RETRY, "slow"): [
        "message_limit_exceeded",
        "team_added_to_org",
        "org_login_required",
        "external_channel_migrating",
        "streaming_state_conflict",
    ],
    (RETRY, "passing"): ["service_unavailable", "request_timeout", "update_failed"],
    (AMBIGUOUS, "unsure"): ["fatal_error", "internal_error"],
    (BROKEN, "credentials"): [
        "not_authed",
        "invalid_auth",
        "account_inactive",
        "token_revoked",
        "token_expired",
        "missing_scope",
        "not_allowed_token_type",
        "no_permission",
        "two_factor_setup_required",
        "app_access_restricted",
        "access_denied",
        "accesslimited",
        "enterprise_is_restricted",
        "is_bot",
        "ekm_access_denied",
        "metadata_must_be_sent_from_app",
        "send_on_behalf_not_allowed",
        "as_user_not_supported",
        "team_access_not_granted",
    ],
    (BROKEN, "destination"): [
        "channel_not_found",
        "not_in_channel",
        "is_archived",
        "restricted_action",
        "restricted_action_read_only_channel",
        "restricted_action_thread_only_channel",
        "team_not_found",
        "messages_tab_disabled",
        "posting_to_channel_denied",
        "slack_connect_file_link_sharing_blocked",
        "slack_connect_canvas_sharing_blocked",
        "slack_connect_clip_sharing_blocked",
    ],
    (REJECTED, "rich"): [
        "no_text",
        "msg_too_long",
        "msg_blocks_too_long",
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_attachments",
        "too_many_attachments",
        "attachment_payload_limit_exceeded",
        "too_many_contact_cards",
        "markdown_text_conflict",
        "invalid_metadata_format",
        "invalid_metadata_schema",
        "metadata_too_large",
        "invalid_arg_name",
        "invalid_arguments",
        "invalid_array_arg",
    ],
    (REJECTED, "final"): [
        "invalid_charset",
        "invalid_form_data",
        "invalid_post_type",
        "missing_post_type",
        "missing_file_data",
        "deprecated_endpoint",
        "method_deprecated",
        "unknown_method",
        "duplicate_message_not_found",
        "duplicate_channel_not_found",
        "draft_not_found",
    ],
    (GONE, "gone"): [
        "message_not_found",
        "cant_update_message",
        "edit_window_closed",
        "is_inactive",
        "block_mismatch",
        "cant_broadcast_message",
        "no_dual_broadcast_content_update",
        "cannot_reply_to_message",
        "thread_not_found",
        "restricted_action_thread_locked",
        "restricted_action_non_threadable_channel",
    ],
}
ROWS = [(code, answer, meaning) for (answer, meaning), codes in DOCUMENTED.items() for code in codes]


@pytest.mark.parametrize(("code", "answer", "meaning"), ROWS)
def test_each_documented_slack_code_has_its_verdict(code, answer, meaning):
    found = meaning_of(code, is_plain=False)
    assert found == meaning
    verdict = verdict_of(found, "said", status=200, after_seconds=None, step=Step.UPDATE)
    assert verdict.answer is answer
    assert verdict.plain_helps is (meaning == "rich")
    assert verdict.throttled is (meaning == "limited")
    assert verdict.after_seconds == (300.0 if meaning == "slow" else None)


def test_the_table_has_no_code_that_no_row_tests():
    assert set(CODES) <= {code for code, _, _ in ROWS}


def test_a_code_nobody_documented_is_tried_as_plain_text_then_some_more_times_and_may_be_about_the_channel():
    assert meaning_of("brand_new_code", is_plain=False) is Meaning.RICH
    assert meaning_of("brand_new_code", is_plain=True) is Meaning.UNKNOWN
    verdict = verdict_of(Meaning.UNKNOWN, "said", status=200, after_seconds=None, step=Step.POST)
    assert (verdict.answer, verdict.plain_helps, verdict.tries, verdict.breaks_after) == (RETRY, False, 5, 3)


@pytest.mark.parametrize("code", DOCUMENTED[GONE, "gone"])
def test_a_post_has_nothing_that_could_be_gone(code):
    verdict = verdict_of(CODES[code], "said", status=200, after_seconds=None, step=Step.POST)
    assert verdict.answer is BROKEN


def test_slack_is_waited_for_as_long_as_it_asks():
    limited = verdict_of(Meaning.LIMITED, "said", status=200, after_seconds=7.0, step=Step.POST)
    slow = verdict_of(Meaning.SLOW, "said", status=200, after_seconds=7.0, step=Step.POST)
    assert (limited.after_seconds, slow.after_seconds) == (7.0, 7.0)


HTML = "<!DOCTYPE html><title>Sign in</title>"


@pytest.mark.parametrize(
    ("status", "content_type", "answer"),
    [
        (200, "text/html; charset=utf-8", RETRY),
        (200, "application/json", AMBIGUOUS),
        (200, "", AMBIGUOUS),
        (300, "", BROKEN),
        (500, "", AMBIGUOUS),
        (502, "text/html", RETRY),
        (503, "text/html", RETRY),
        (504, "text/html", RETRY),
        (429, "text/html", RETRY),
        (404, "text/html", BROKEN),
        (403, "text/html", REJECTED),
        (413, "text/html", REJECTED),
    ],
)
def test_an_answer_of_the_web_api_without_a_code_is_judged_by_its_status(status, content_type, answer):
    assert judge_wordless(status, content_type, None).answer is answer


def test_a_gateway_before_slack_is_waited_for_as_long_as_it_asks():
    assert judge_wordless(503, "text/html", 30.0).after_seconds == 30.0


# Status, body; answer, and whether plain text may help.
WEBHOOK_ROWS = [
    (200, "ok", SENT, False),
    (200, "ok\n", SENT, False),
    (200, '{"ok":true}', SENT, False),
    (200, "OK", AMBIGUOUS, False),
    (200, "", AMBIGUOUS, False),
    (200, "true", AMBIGUOUS, False),
    (200, "okay", REJECTED, True),  # a word, and not the one: as plain text once more
    (200, '{"ok":false}', AMBIGUOUS, False),
    (200, '{"ok":1}', AMBIGUOUS, False),
    (200, '{"ok":tr', AMBIGUOUS, False),
    (200, '{"ok":false,"error":"invalid_blocks"}', REJECTED, True),
    (200, '{"ok":false,"error":"no_service"}', BROKEN, False),
    (200, HTML, RETRY, False),
    (201, "ok", AMBIGUOUS, False),
    (202, "", AMBIGUOUS, False),
    (204, HTML, RETRY, False),
    (400, "invalid_payload", REJECTED, True),
    (400, "no_text", REJECTED, True),
    (400, "invalid_blocks", REJECTED, True),
    (400, "invalid_blocks_format", REJECTED, True),
    (400, "invalid_attachments", REJECTED, True),
    (400, "too_many_attachments", REJECTED, True),
    (400, "missing_text_or_fallback_or_attachments", REJECTED, True),
    (400, "msg_too_long", REJECTED, True),
    (400, "brand_new_code", REJECTED, True),
    (400, HTML, REJECTED, False),
    (400, "user_not_found", BROKEN, False),
    (403, "action_prohibited", BROKEN, False),
    (403, "invalid_token", BROKEN, False),
    (403, "posting_to_general_channel_denied", BROKEN, False),
    (403, HTML, REJECTED, False),
    (404, "channel_not_found", BROKEN, False),
    (404, "no_service", BROKEN, False),
    (404, "no_team", BROKEN, False),
    (404, "no_active_hooks", BROKEN, False),
    (404, "team_disabled", BROKEN, False),
    (404, HTML, BROKEN, False),
    (405, "", BROKEN, False),
    (410, "channel_is_archived", BROKEN, False),
    (410, "no_service", BROKEN, False),
    (429, "rate_limited", RETRY, False),
    (429, "", RETRY, False),
    (200, "rate_limited", RETRY, False),
    (500, "rollup_error", RETRY, False),
    (500, "fatal_error", AMBIGUOUS, False),
    (500, "", RETRY, False),
    (503, HTML, RETRY, False),
]


@pytest.mark.parametrize(("status", "body", "answer", "plain_helps"), WEBHOOK_ROWS)
def test_each_answer_of_an_incoming_webhook_has_its_verdict(status, body, answer, plain_helps):
    verdict = judge(status, body, 3.0, is_plain=False)
    assert (verdict.answer, verdict.plain_helps, verdict.status) == (answer, plain_helps, status)
    assert body.strip() in verdict.said
    if answer is RETRY and body != HTML:
        assert verdict.after_seconds == 3.0


def test_the_table_of_webhook_words_has_no_word_that_no_row_tests():
    tested = {body for _, body, _, _ in WEBHOOK_ROWS} | {code for code, _, _ in ROWS}
    assert set(WEBHOOK_CODES) <= tested


def test_a_word_nobody_documented_for_plain_text_is_tried_some_more_times():
    verdict = judge(400, "brand_new_code", None, is_plain=True)
    assert (verdict.answer, verdict.tries, verdict.breaks_after) == (RETRY, 5, 3)


@pytest.mark.parametrize("body", ["rate_limited", ""])
def test_a_limited_webhook_says_that_it_is_throttled(body):
    assert judge(429, body, 1.0, is_plain=False).throttled
