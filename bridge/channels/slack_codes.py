"""What Slack's words mean for a delivery: every documented error of posting and updating, as data.

The codes are those of chat.postMessage, chat.update and the errors common to all methods (Slack's
documentation, 2026), and the plain-text answers of incoming webhooks (changelog of 2016-05-17 and
what Slack was seen to answer since).
"""

from enum import StrEnum

from bridge.message import Answer, Step, Verdict

UNKNOWN_TRIES = 5  # attempts at a plain message that is refused for what nobody knows
UNKNOWN_IN_A_ROW = 3  # alarms refused so in a row: then it is about the channel
SLOW_SECONDS = 300.0  # what lasts minutes to hours is asked about every five minutes


class Meaning(StrEnum):
    """What a code says."""

    LIMITED = "limited"  # too fast; wait as Retry-After says
    SLOW = "slow"  # not taken, and will not be for a while
    PASSING = "passing"  # not taken; try again
    UNSURE = "unsure"  # Slack itself does not know whether it was done
    CREDENTIALS = "credentials"  # no message is taken until a person mends the token or the app
    DESTINATION = "destination"  # no message is taken in this channel until a person mends it
    RICH = "rich"  # this message is not taken; as plain text it may be
    UNKNOWN = "unknown"  # no document has it
    FINAL = "final"  # this message is not taken
    GONE = "gone"  # the message to update or answer is not there, or may not be touched


_API = {
    Meaning.LIMITED: "ratelimited rate_limited",
    Meaning.SLOW: """message_limit_exceeded team_added_to_org org_login_required
        external_channel_migrating streaming_state_conflict""",
    Meaning.PASSING: "service_unavailable request_timeout update_failed",
    Meaning.UNSURE: "fatal_error internal_error",
    Meaning.CREDENTIALS: """not_authed invalid_auth account_inactive token_revoked token_expired missing_scope
        not_allowed_token_type no_permission two_factor_setup_required app_access_restricted access_denied
        accesslimited enterprise_is_restricted is_bot ekm_access_denied metadata_must_be_sent_from_app
        send_on_behalf_not_allowed as_user_not_supported team_access_not_granted""",
    Meaning.DESTINATION: """channel_not_found not_in_channel is_archived restricted_action
        restricted_action_read_only_channel restricted_action_thread_only_channel team_not_found
        messages_tab_disabled posting_to_channel_denied""",
    Meaning.RICH: """no_text msg_too_long msg_blocks_too_long invalid_blocks invalid_blocks_format invalid_attachments
        too_many_attachments attachment_payload_limit_exceeded too_many_contact_cards markdown_text_conflict
        invalid_metadata_format invalid_metadata_schema metadata_too_large invalid_arg_name invalid_arguments
        invalid_array_arg""",
    Meaning.FINAL: """invalid_charset invalid_form_data invalid_post_type missing_post_type missing_file_data
        deprecated_endpoint method_deprecated unknown_method duplicate_message_not_found duplicate_channel_not_found""",
    Meaning.GONE: """message_not_found cant_update_message edit_window_closed is_inactive block_mismatch
        cant_broadcast_message no_dual_broadcast_content_update cannot_reply_to_message thread_not_found
        restricted_action_thread_locked restricted_action_non_threadable_channel""",
}

_WEBHOOK = {
    Meaning.LIMITED: "rate_limited ratelimited",
    Meaning.PASSING: "rollup_error",
    Meaning.CREDENTIALS: "no_service no_team no_active_hooks invalid_token team_disabled action_prohibited",
    Meaning.DESTINATION: "channel_is_archived channel_not_found user_not_found posting_to_general_channel_denied",
    Meaning.RICH: """invalid_payload no_text invalid_blocks invalid_blocks_format invalid_attachments
        too_many_attachments missing_text_or_fallback_or_attachments""",
}

CODES = {code: meaning for meaning, codes in _API.items() for code in codes.split()}
WEBHOOK_CODES = CODES | {code: meaning for meaning, codes in _WEBHOOK.items() for code in codes.split()}
FAMILIES = (  # beginning and end of codes of which Slack adds more
    ("slack_connect_", "_sharing_blocked", Meaning.DESTINATION),
    ("draft_", "", Meaning.FINAL),
)

_ANSWERS = {
    Meaning.LIMITED: Answer.RETRY,
    Meaning.SLOW: Answer.RETRY,
    Meaning.PASSING: Answer.RETRY,
    Meaning.UNSURE: Answer.AMBIGUOUS,
    Meaning.CREDENTIALS: Answer.BROKEN,
    Meaning.DESTINATION: Answer.BROKEN,
    Meaning.RICH: Answer.REJECTED,
    Meaning.FINAL: Answer.REJECTED,
    Meaning.GONE: Answer.GONE,
    Meaning.UNKNOWN: Answer.RETRY,
}


def meaning_of(code: str, *, is_plain: bool) -> Meaning:
    """Look a code of the Web API up; judge one that nobody documented by what was sent.

    An unknown code for a rich message may be about something in it, so plain text is tried. For
    plain text it is about something else: it is tried some more times, and is then a dead letter,
    unless other alarms get the same: then the channel waits for a person, and they with it.
    """
    if code in CODES:
        return CODES[code]
    for beginning, end, meaning in FAMILIES:
        if code.startswith(beginning) and code.endswith(end):
            return meaning
    return Meaning.UNKNOWN if is_plain else Meaning.RICH


def verdict_of(meaning: Meaning, said: str, *, status: int | None, after_seconds: float | None, step: Step) -> Verdict:
    """Turn a meaning into a verdict. A post has nothing that could be gone: there it is about the channel."""
    answer = _ANSWERS[meaning]
    if answer is Answer.GONE and step is Step.POST:
        answer = Answer.BROKEN
    if after_seconds is None and meaning is Meaning.SLOW:
        after_seconds = SLOW_SECONDS
    return Verdict(
        answer=answer,
        said=said,
        status=status,
        after_seconds=after_seconds,
        plain_helps=meaning is Meaning.RICH,
        tries=UNKNOWN_TRIES if meaning is Meaning.UNKNOWN else 0,
        breaks_after=UNKNOWN_IN_A_ROW if meaning is Meaning.UNKNOWN else 0,
        throttled=meaning is Meaning.LIMITED,
    )
