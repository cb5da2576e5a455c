"""What to do about a refusal, in words. Pure."""

import re
from collections.abc import Mapping

from bridge.message import Answer, Verdict

TOKEN = "copy the bot token (xoxb-…) from OAuth & Permissions of your app at api.slack.com/apps into the config"  # noqa: S105 - words
INVITE = "check the channel's name or id in the config, and /invite the bot into it"
RESTRICTED = "an administrator restricts who may post there: ask for the app, or name another channel"
APPROVE = "administrators restrict the app: ask them to approve it"
HOOK = "create the incoming webhook anew in your app at api.slack.com/apps, and put its URL into the config"
CODES: Mapping[str, str] = {
    "not_authed": TOKEN,
    "invalid_auth": TOKEN,
    "token_revoked": TOKEN,
    "token_expired": TOKEN,
    "account_inactive": f"the app was removed from the workspace: install it again, and {TOKEN}",
    "not_allowed_token_type": TOKEN,
    "missing_scope": "add the scope that Slack names under OAuth & Permissions, and install the app again",
    "channel_not_found": INVITE,
    "not_in_channel": INVITE,
    "is_archived": "unarchive the channel, or name another one in the config",
    "channel_is_archived": "unarchive the channel, or name another one in the config",
    "restricted_action": RESTRICTED,
    "restricted_action_read_only_channel": "only some may post there: ask an administrator, or name another channel",
    "team_access_not_granted": "the app is not approved for this workspace: ask an administrator",
    "no_permission": "the app may not do this: look at its scopes, and install it again",
    "two_factor_setup_required": f"the user behind the token must set up a second factor: better {TOKEN}",
    "app_access_restricted": APPROVE,
    "access_denied": APPROVE,
    "accesslimited": "the workspace takes no calls from this network: have an administrator allow this address",
    "enterprise_is_restricted": APPROVE,
    "is_bot": f"a bot may not do this: {TOKEN}",
    "ekm_access_denied": "the organisation has taken the keys of its messages back: ask its administrators",
    "metadata_must_be_sent_from_app": TOKEN,
    "send_on_behalf_not_allowed": "take `username` and icons out of your template, or ask administrators",
    "as_user_not_supported": "take `as_user` out of your template",
    "team_not_found": "a token of an organisation needs the channel's id (C0123456789) instead of its name",
    "messages_tab_disabled": "turn the Messages tab on under App Home of your app, or name a channel",
    "posting_to_channel_denied": RESTRICTED,
    "restricted_action_thread_only_channel": "only answers may be posted there: name another channel",
    "message_limit_exceeded": "the workspace has reached its limit of messages: wait, or raise its plan",
    "team_added_to_org": "the workspace is moving to an organisation: try again when that is over",
    "org_login_required": "the workspace is moving to an organisation: try again when that is over",
    "no_text": "the template makes an empty message: look at it with `alarm-bridge render`",
    "invalid_arguments": "the template says what Slack does not take: look at it with `alarm-bridge render`",
    "edit_window_closed": "the workspace lets messages be changed for a while only: the bridge posts new ones then",
    "cant_update_message": "the message is another app's: the bridge posts a new one then",
    "no_service": HOOK,
    "no_team": HOOK,
    "no_active_hooks": HOOK,
    "invalid_token": HOOK,
    "team_disabled": "the workspace is disabled: ask its administrators, or name another one's webhook",
    "user_not_found": f"the person that it posts to is gone: {HOOK}",
    "action_prohibited": "an administrator restricts posting there: ask for the app, or name another channel",
    "posting_to_general_channel_denied": "only some may post to #general: name another channel",
    "ratelimited": "wait a minute and try again; the bridge by itself waits as long as Slack asks",
    "rate_limited": "wait a minute and try again; the bridge by itself waits as long as Slack asks",
    "invalid_blocks": "the template makes what Slack does not take: `alarm-bridge check`, and look at what it says",
    "msg_too_long": "the template makes too long a message: shorten it",
}
STATUSES: Mapping[int, str] = {
    401: "the endpoint wants other credentials: look at `headers` or the URL in the config",
    403: "the endpoint does not let the bridge in: look at credentials, and at who may post there",
    404: "nothing is at this address: look at `url` in the config",
    405: "the endpoint wants another method: look at `method` in the config",
    407: "the proxy wants credentials: put them into `proxy` in the config",
    410: "the endpoint is gone: put its new address into the config",
    413: "the message is too large for the endpoint: shorten the template",
    429: "the endpoint is asked too often: wait, and set `rate` in the config",
}
FAILED = (
    ("certificate", "the endpoint's certificate is not trusted: name its authority in `ca_file`, or mend the endpoint"),
    ("refused", "nobody listens there: start the endpoint, or look at the address and port in the config"),
    ("no answer", "it did not answer in time: look whether it is up, or allow more with `timeout`"),
    ("name", "its name is not known here: look at the address in the config, and at this machine's DNS"),
)
BY_ANSWER: Mapping[Answer, str] = {
    Answer.RETRY: "it may pass: the bridge tries again by itself, first after 1 s, then ever more slowly",
    Answer.AMBIGUOUS: "it may have arrived: look into the channel",
    Answer.REJECTED: "the message itself is refused: look at the channel's template with `alarm-bridge render`",
    Answer.BROKEN: "nothing is taken until somebody mends it: look at the channel's settings",
    Answer.GONE: "the message to change is not there any more",
}


def advice(verdict: Verdict) -> str:
    """Say the next step after a verdict; empty where the message was taken."""
    if verdict.answer is Answer.SENT:
        return ""
    for word in re.findall(r"[a-z]+(?:_[a-z]+)+|(?:rate|access)limited", verdict.said):
        if word in CODES:
            return CODES[word]
    if verdict.status is None:
        said = verdict.said.casefold()
        return next((words for part, words in FAILED if part in said), BY_ANSWER[verdict.answer])
    if 300 <= verdict.status < 400:
        return "it leads elsewhere, where the bridge does not follow: put the final address into the config"
    return STATUSES.get(verdict.status, BY_ANSWER[verdict.answer])
