"""The built-in plain text: what goes out when a template fails, and the `text` of the envelope.

On the hot path: no template, nothing compiled per call.
"""

from bridge.alarm import Alarm, State
from bridge.rendering.facts import dimension_pairs, duration, object_title, recovered_at, started_at
from bridge.rendering.telling import Telling
from bridge.rendering.words import SEVERITIES, STATES, duration_words, time_words

MAX_RECEIVED = 500  # characters shown of a body that nobody can read

LABELS = {
    "en": {
        "value": "Value", "threshold": "threshold", "since": "Since", "from": "From", "to": "to", "for": "for",
        "policy": "Policy", "product": "Product", "region": "Region", "dimensions": "Dimensions", "id": "Id",
        "console": "Console", "problem": "Problem", "received": "Received", "others": "Others", "colon": ": ",
        "again": "again", "unheard": "Its trigger was never heard.", "was": "was", "repeats": "repeats",
        "expired": "Nothing was heard of it for 26 hours.", "successor": "Followed by",
    },
    "zh": {
        "value": "当前值", "threshold": "阈值", "since": "开始于", "from": "起止", "to": "至", "for": "已持续",
        "policy": "策略", "product": "产品", "region": "地域", "dimensions": "维度", "id": "编号",
        "console": "控制台", "problem": "原因", "received": "收到内容", "others": "其余", "colon": "：",
        "again": "再次", "unheard": "此前未收到它的触发通知。", "was": "原级别", "repeats": "次重复",
        "expired": "已 26 小时没有它的消息。", "successor": "后续告警",
    },
}  # fmt: skip


def plain_text(telling: Telling) -> str:
    """Tell an event in lines of plain text, in the order of the templates."""
    event, alarm = telling.event, telling.alarm
    language = telling.channel.language
    labels = LABELS[language]
    if event.state is State.UNRECOGNISED:
        return _unrecognised(telling, labels)
    title = object_title(alarm)
    lines = [_first(telling, title), *_measured(alarm, labels), *_times(telling, labels)]
    colon = labels["colon"]
    if event.unheard:
        lines.append(labels["unheard"])
    if event.state is State.EXPIRED:
        lines.append(labels["expired"])
    policy = _named(alarm.policy_name, alarm.policy_id)
    if policy:
        lines.append(f"{labels['policy']}{colon}{policy}")
    if alarm.region:
        lines.append(f"{labels['region']}{colon}{alarm.region}")
    pairs = dimension_pairs(alarm, title)
    if pairs:
        lines.append(f"{labels['dimensions']}{colon}{' · '.join(f'{key} {text}' for key, text in pairs)}")
    lines.extend(f"{name}{colon}{url}" for name, url in telling.route.links.items())
    if alarm.url:
        lines.append(f"{labels['console']}{colon}{alarm.url}")
    lines.append(f"{labels['id']}{colon}{event.short_id}")
    return "\n".join(lines)


def _first(telling: Telling, title: str) -> str:
    event, alarm, language = telling.event, telling.alarm, telling.channel.language
    severity = event.severity or alarm.severity
    parts = [STATES[language][event.state]]
    if event.again:
        parts.append(LABELS[language]["again"])
    if severity:
        parts.append(SEVERITIES[language].get(severity, severity))
    parts.extend(part for part in (alarm.subject, title) if part)
    return " · ".join(parts)


def _measured(alarm: Alarm, labels: dict[str, str]) -> list[str]:
    unit = f" {alarm.unit}" if alarm.unit else ""
    threshold = f"{alarm.operator} {alarm.threshold}{unit}".strip() if alarm.threshold else ""
    if alarm.value:
        limit = f" ({labels['threshold']} {threshold})" if threshold else ""
        return [f"{labels['value']}{labels['colon']}{alarm.value}{unit}{limit}"]
    return [f"{labels['threshold']}{labels['colon']}{threshold}"] if threshold else []


def _times(telling: Telling, labels: dict[str, str]) -> list[str]:
    event, alarm, channel = telling.event, telling.alarm, telling.channel
    start, end = started_at(event, alarm), recovered_at(event, alarm)
    if start is None:
        return [f"{labels['to']}{labels['colon']}{time_words(end, channel.timezone)}"] if end else []
    line = f"{labels['from' if end else 'since']}{labels['colon']}{time_words(start, channel.timezone)}"
    if end:
        line += f" {labels['to']} {time_words(end, channel.timezone)}"
    span = duration(event, alarm)
    return [f"{line}, {labels['for']} {duration_words(span, channel.language)}" if span else line]


def _named(name: str, identity: str) -> str:
    return f"{name} ({identity})" if name and identity else name or identity


def _unrecognised(telling: Telling, labels: dict[str, str]) -> str:
    colon, received = labels["colon"], received_text(telling.body)
    lines = [STATES[telling.channel.language][State.UNRECOGNISED]]
    lines.append(f"{labels['problem']}{colon}{telling.alarm.details.get('problem', '')}")
    lines.append(f"{labels['received']}{colon}{received}")
    if telling.event.repeat_count:
        lines.append(f"{labels['others']}{colon}{telling.event.repeat_count}")
    return "\n".join(lines)


def received_text(body: bytes) -> str:
    """Give the beginning of a body as one line of text."""
    text = " ".join(body[: MAX_RECEIVED * 4].decode("utf-8", "replace").split())
    return text if len(text) <= MAX_RECEIVED else text[: MAX_RECEIVED - 1] + "…"
