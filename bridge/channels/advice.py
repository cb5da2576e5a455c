"""What to do about a refusal, in words. Pure."""

import re
from collections.abc import Mapping

from bridge.message import Answer, Verdict

TOKEN = "copy the bot token (xoxb-…) from OAuth & Permissions of your app at api.slack.com/apps into the config"  # noqa: S105 - words
INVITE = "check the channel's name or id in the config, and /invite the bot into it"
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
    "restricted_action": "an administrator restricts who may post there: ask for the app, or name another channel",
    "restricted_action_read_only_channel": "only some may post there: ask an administrator, or name another channel",
    "team_access_not_granted": "the app is not approved for this workspace: ask an administrator",
    "no_permission": "the app may not do this: look at its scopes, and install it again",
    "no_service": HOOK,
    "no_team": HOOK,
    "no_active_hooks": HOOK,
    "invalid_token": HOOK,
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
    for word in re.findall(r"[a-z]+(?:_[a-z]+)+|ratelimited", verdict.said):
        if word in CODES:
            return CODES[word]
    if verdict.status is None:
        said = verdict.said.casefold()
        return next((words for part, words in FAILED if part in said), BY_ANSWER[verdict.answer])
    if 300 <= verdict.status < 400:
        return "it leads elsewhere, where the bridge does not follow: put the final address into the config"
    return STATUSES.get(verdict.status, BY_ANSWER[verdict.answer])
