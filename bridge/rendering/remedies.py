"""What to do about a channel that a chat's own word says is broken. Pure.

The words are Slack's (`channels.slack_codes` has them all); of any other the general sentence in
`advice` has to do. `{about}` is the channel's name in the config.
"""

import re
from collections.abc import Mapping

_WORDS: Mapping[str, str] = {
    "token": "not_authed invalid_auth account_inactive token_revoked token_expired not_allowed_token_type",
    "scope": "missing_scope no_permission",
    "invite": "channel_not_found not_in_channel",
    "archived": "is_archived channel_is_archived is_inactive",
    "restricted": """restricted_action restricted_action_read_only_channel restricted_action_thread_only_channel
        restricted_action_non_threadable_channel restricted_action_thread_locked posting_to_channel_denied
        posting_to_general_channel_denied action_prohibited app_access_restricted access_denied
        accesslimited enterprise_is_restricted team_access_not_granted""",
    "webhook": "no_service no_team no_active_hooks invalid_token team_disabled",
}
_SENTENCES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "token": "Put a valid bot token (xoxb-…) into the config of {about}, then try it:",
        "scope": "Give the app the scope that the problem names, install it again, then try {about}:",
        "invite": "/invite the bot into the room of {about}; if that was renamed, put its new name or its id into"
        " the config; then try it:",
        "archived": "Unarchive the room of {about}, or put another into the config, then try it:",
        "restricted": "Have an administrator let the app post in the room of {about}, or put another into the"
        " config, then try it:",
        "webhook": "Make the incoming webhook of {about} anew, put its URL into the config, then try it:",
    },
    "zh": {
        "token": "在配置中为 {about} 换上有效的 bot token（xoxb-…），然后试发：",
        "scope": "为应用加上“原因”所列的权限并重新安装，然后试发 {about}：",
        "invite": "用 /invite 把机器人邀请进 {about} 的频道；若频道已改名，在配置中写新名称或 ID；然后试发：",
        "archived": "取消归档 {about} 的频道，或在配置中换一个频道，然后试发：",
        "restricted": "请管理员允许应用在 {about} 的频道发言，或在配置中换一个频道，然后试发：",
        "webhook": "重新创建 {about} 的 incoming webhook，把新 URL 写入配置，然后试发：",
    },
}
_REMEDIES = {word: remedy for remedy, words in _WORDS.items() for word in words.split()}


def remedy(problem: str, language: str) -> str:
    """Give the sentence for the first word in a problem that has one; empty where none has."""
    for word in re.findall(r"[a-z]+(?:_[a-z]+)+|accesslimited", problem):
        if word in _REMEDIES:
            return _SENTENCES[language][_REMEDIES[word]]
    return ""
