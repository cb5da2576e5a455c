"""The built-in plain text: what goes out when a template fails, and the `text` of the envelope.

On the hot path: no template, nothing compiled per call.
"""

from collections.abc import Iterable
from typing import Any

from bridge.alarm import BRIDGE, Alarm, State
from bridge.episode import Event, short_id
from bridge.rendering import advice
from bridge.rendering.digest import DigestView
from bridge.rendering.facts import detail_pairs, dimension_pairs, duration, object_title, recovered_at, started_at
from bridge.rendering.telling import Summary, Telling
from bridge.rendering.visible import visible
from bridge.rendering.words import STATES, duration_words, severity_word, time_words
from bridge.sources.places import place_and_code

MAX_RECEIVED = 500  # characters shown of a body that nobody can read

LABELS = {
    "en": {
        "value": "Value", "threshold": "threshold", "since": "Since", "from": "From", "to": "to", "at": "At",
        "until": "Recovered", "for": "for ", "lasted": "", "policy": "Policy", "region": "Region", "id": "Id",
        "dimensions": "Dimensions", "details": "Details", "tags": "Tags",
        "console": "Console", "problem": "Problem", "received": "Received",
        "others": "Others", "again": "again", "repeats": "Repeats", "successor": "Followed by",
        "to do": "To do", "untold": "It could not be told while it lasted.",
        "unheard": "Its trigger was never heard.", "expired": "Nothing was heard of it for 26 hours.",
        "together": "It triggered and recovered while this message waited.",
        "here": "Sent here", "instead": "instead of {}, which is broken: {}",
        "follows": "Goes on from a message that cannot be changed or answered any more",
        "late": "Late", "happened": "happened at {}, waited {}",
        "other_policies": "other policies", "worst": "The {} worst", "all": "What is open",
        "colon": ": ", "comma": ", ",
    },
    "zh": {
        "value": "当前值", "threshold": "阈值", "since": "开始于", "from": "起止", "to": "至", "at": "时间",
        "until": "恢复于", "for": "已持续 ", "lasted": "持续 ", "policy": "策略", "region": "地域", "id": "编号",
        "dimensions": "维度", "details": "详情", "tags": "标签",
        "console": "控制台", "problem": "原因", "received": "收到内容",
        "others": "其余", "again": "再次", "repeats": "重复次数", "successor": "后续告警",
        "to do": "处理", "untold": "故障期间无法发出通知。",
        "unheard": "此前未收到它的触发通知。", "expired": "已 26 小时没有它的消息。",
        "together": "它在消息等待期间触发并已恢复。",
        "here": "发到这里", "instead": "因为 {} 通道故障：{}",
        "follows": "接续一条已无法修改或回复的消息",
        "late": "延迟", "happened": "发生于 {}，等待了 {}",
        "other_policies": "个其他策略", "worst": "最严重的 {} 个", "all": "查看全部未恢复告警",
        "colon": "：", "comma": "，",
    },
}  # fmt: skip


def plain_text(telling: Telling) -> str:
    """Tell an event in lines of plain text, in the order of the templates."""
    event, alarm = telling.event, telling.alarm
    language = telling.channel.language
    labels = LABELS[language]
    if event.state is State.UNRECOGNISED:
        return _unrecognised(telling, labels)
    if telling.digest is not None:
        return _digest(telling, telling.digest, labels)
    title = object_title(alarm)
    lines = [_first(telling, title), *_measured(alarm, labels)]
    if alarm.kind == BRIDGE:
        lines.extend(_own(telling, labels))
    lines.extend(_times(telling, labels))
    colon = labels["colon"]
    lines.extend(_notes(event, labels, is_own=alarm.kind == BRIDGE))
    if telling.together or telling.late or telling.instead_of or telling.follows:
        lines.extend(_waited(telling, labels))
    policy = _named(alarm.policy_name, alarm.policy_id)
    if policy:
        lines.append(f"{labels['policy']}{colon}{policy}")
    if alarm.region:
        lines.append(f"{labels['region']}{colon}{place_and_code(alarm.region, language)}")
    lines.extend(_in_pairs("dimensions", dimension_pairs(alarm, title), labels))
    if alarm.kind != BRIDGE:
        lines.extend(_in_pairs("details", detail_pairs(alarm), labels))
        lines.extend(_in_pairs("tags", alarm.tags.items(), labels))
    lines.extend(link_lines(telling))
    if identity := event.short_id:
        lines.append(f"{labels['id']}{colon}{identity}")
    return "\n".join(lines if "".join(lines).isprintable() else map(visible, lines))


def link_lines(telling: Telling) -> dict[str, str]:
    """Give the lines that end in an address which is meant to be a link, and the address."""
    labels = LABELS[telling.channel.language]
    links = [*telling.route.links.items(), (labels["console"], telling.alarm.url)]
    return {f"{name}{labels['colon']}{url}": url for name, url in links if url}


def _in_pairs(name: str, pairs: Iterable[tuple[str, Any]], labels: dict[str, str]) -> list[str]:
    said = " · ".join([f"{key} {text}" for key, text in pairs])
    return [f"{labels[name]}{labels['colon']}{said}"] if said else []


def _first(telling: Telling, title: str) -> str:
    event, alarm, language = telling.event, telling.alarm, telling.channel.language
    severity = event.severity or alarm.severity
    parts = [STATES[language][event.state]]
    if event.again and not event.state.ends:
        parts.append(LABELS[language]["again"])
    if severity:
        before = f"{severity_word(event.previous_severity, language)} → " if event.previous_severity else ""
        parts.append(before + severity_word(severity, language))
    parts.extend(filter(None, (advice.title(alarm, language), title)))
    return " · ".join(parts)


def _measured(alarm: Alarm, labels: dict[str, str]) -> list[str]:
    unit = f" {alarm.unit}" if alarm.unit else ""
    threshold = f"{alarm.operator} {alarm.threshold}{unit}".strip() if alarm.threshold else ""
    if alarm.value:
        limit = f"{labels['comma']}{labels['threshold']} {threshold}" if threshold else ""
        return [f"{labels['value']}{labels['colon']}{alarm.value}{unit}{limit}"]
    return [f"{labels['threshold']}{labels['colon']}{threshold}"] if threshold else []


def _times(telling: Telling, labels: dict[str, str]) -> list[str]:
    event, alarm, channel = telling.event, telling.alarm, telling.channel
    start, end = started_at(event, alarm), recovered_at(event, alarm)
    if start is None:
        return [f"{labels['until']}{labels['colon']}{time_words(end, channel.timezone)}"] if end else []
    if start == end:
        return [f"{labels['at']}{labels['colon']}{time_words(start, channel.timezone)}"]
    line = f"{labels['from' if end else 'since']}{labels['colon']}{time_words(start, channel.timezone)}"
    if end:
        line += f" {labels['to']} {time_words(end, channel.timezone)}"
    span = duration(event, alarm)
    lasting = labels["lasted"] if end else labels["for"]
    return [f"{line}{labels['comma']}{lasting}{duration_words(span, channel.language)}" if span else line]


def _own(telling: Telling, labels: dict[str, str]) -> list[str]:
    """Say what is wrong with the bridge, and what to do."""
    problem = telling.alarm.details.get("problem")
    lines = [f"{labels['problem']}{labels['colon']}{problem}"] if problem else []
    todo = advice.advice(telling.alarm, telling.channel.language, is_over=telling.event.state.ends)
    if todo.sentence:
        lines.append(f"{labels['to do']}{labels['colon']}{todo.sentence} {todo.command}")
    return lines


def _notes(event: Event, labels: dict[str, str], *, is_own: bool) -> list[str]:
    notes = []
    if event.unheard:
        notes.append(labels["untold" if is_own else "unheard"])
    if event.state is State.EXPIRED:
        notes.append(labels["expired"])
    if event.state is State.REPLACED and event.successor:
        notes.append(f"{labels['successor']}{labels['colon']}{short_id(event.successor)}")
    if event.state is State.REPEAT and event.repeat_count:
        notes.append(f"{labels['repeats']}{labels['colon']}{event.repeat_count}")
    return notes


def _waited(telling: Telling, labels: dict[str, str]) -> list[str]:
    """Say what happened while the message waited, and when, where it waited long."""
    channel, notes = telling.channel, [labels["together"]] if telling.together else []
    if span := telling.late:
        when = time_words(telling.event.occurred_at, channel.timezone)
        happened = labels["happened"].format(when, duration_words(span, channel.language))
        notes.append(f"{labels['late']}{labels['colon']}{happened}")
    if telling.instead_of:
        notes.append(_instead(telling, labels))
    if telling.follows:
        notes.append(f"{labels['follows']}{labels['colon']}{telling.follows}")
    return notes


def _instead(telling: Telling, labels: dict[str, str]) -> str:
    """Say in whose place this channel is told, and why."""
    return f"{labels['here']}{labels['colon']}{labels['instead'].format(*telling.instead)}"


def _digest(telling: Telling, summary: Summary, labels: dict[str, str]) -> str:
    """Count the alarms by state and policy, and name the worst in a line each."""
    language, colon = telling.channel.language, labels["colon"]
    digest = DigestView(summary, language)
    first = f"{STATES[language][State.DIGEST]} · {digest.count}{colon}{digest.states}"
    lines = [first, *(f"{one.name}{colon}{one.states}" for one in digest.policies)]
    if others := digest.other_policies:
        lines.append(f"{others.name} {labels['other_policies']}{colon}{others.states}")
    lines.append(f"{labels['all']}{colon}{digest.command}")
    if digest.named < digest.alarms:
        lines.append(labels["worst"].format(digest.named) + colon.strip())
    lines.extend(_in_a_line(one) for one in summary.worst)
    return "\n".join(map(visible, lines))


def _in_a_line(telling: Telling) -> str:
    alarm, event = telling.alarm, telling.event
    value = f"{alarm.value} {alarm.unit}".strip() if alarm.value else ""
    start = started_at(event, alarm)
    when = time_words(start, telling.channel.timezone) if start else ""
    parts = (_first(telling, object_title(alarm)), value, when, event.short_id)
    return " · ".join(filter(None, parts))


def _named(name: str, identity: str) -> str:
    return f"{name} ({identity})" if name and identity else name or identity


def _unrecognised(telling: Telling, labels: dict[str, str]) -> str:
    colon, received = labels["colon"], received_text(telling.body)
    lines = [STATES[telling.channel.language][State.UNRECOGNISED]]
    lines.append(f"{labels['problem']}{colon}{telling.alarm.details.get('problem', '')}")
    lines.append(f"{labels['received']}{colon}{received}")
    if telling.event.repeat_count:
        lines.append(f"{labels['others']}{colon}{telling.event.repeat_count}")
    if telling.instead_of:
        lines.append(_instead(telling, labels))
    return "\n".join(map(visible, lines))


def received_text(body: bytes) -> str:
    """Give the beginning of a body as one line of text."""
    text = " ".join(body[: MAX_RECEIVED * 4].decode("utf-8", "replace").split())
    return text if len(text) <= MAX_RECEIVED else text[: MAX_RECEIVED - 1] + "…"
