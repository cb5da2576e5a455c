"""The kinds of channels: one file, one template set, one line here, one page in `docs/channels`, one test file."""

from bridge.channels import slack, slack_webhook, terminal, webhook
from bridge.channels.http import HttpSettings, open_session
from bridge.channels.kind import Channel, Kind, Tools
from bridge.channels.mark import mark_of

KINDS: dict[str, Kind] = {
    "terminal": terminal.KIND,
    "webhook": webhook.KIND,
    "slack_webhook": slack_webhook.KIND,
    "slack": slack.KIND,
}

__all__ = ["KINDS", "Channel", "HttpSettings", "Kind", "Tools", "mark_of", "open_session"]
