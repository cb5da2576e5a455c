"""What the bridge says of its own troubles: a title, and what to do in one sentence with its command.

Written for somebody who was woken by it and does not know the bridge.
"""

from collections.abc import Mapping

from bridge.alarm import BRIDGE, Alarm
from bridge.record import record
from bridge.rendering.remedies import remedy
from bridge.sources.own import LABELS
from bridge.trouble import Trouble

COMMANDS: Mapping[Trouble, str] = {
    Trouble.CHANNEL_BROKEN: "alarm-bridge test-channel {about}",
    Trouble.DEAD_LETTERS: "alarm-bridge replay --dead --channel {about}",
    Trouble.TEMPLATE_FAILING: "alarm-bridge check",
    Trouble.QUEUE_OLD: "alarm-bridge deliveries --state waiting --channel {about}",
    Trouble.STORE_FAILING: "df -h",
    Trouble.RELOAD_FAILED: "alarm-bridge check",
    Trouble.DIGESTING: "alarm-bridge alarms",
}
STILL_TO_DO = frozenset({Trouble.DEAD_LETTERS, Trouble.STORE_FAILING})  # when it is over, too
TITLES: Mapping[str, Mapping[Trouble, str]] = {
    "en": LABELS,
    "zh": {
        Trouble.CHANNEL_BROKEN: "通道故障",
        Trouble.STORE_FAILING: "存储无法写入",
        Trouble.DEAD_LETTERS: "消息未送达",
        Trouble.TEMPLATE_FAILING: "模板出错",
        Trouble.QUEUE_OLD: "队列积压过久",
        Trouble.RELOAD_FAILED: "新配置未生效",
        Trouble.DIGESTING: "改发汇总消息",
    },
}
SENTENCES: Mapping[str, Mapping[Trouble, str]] = {
    "en": {
        Trouble.CHANNEL_BROKEN: "Mend the token, address or room of {about} that the problem names, then try it:",
        Trouble.DEAD_LETTERS: "Nobody read these messages in {about}; once the cause is mended, send them again:",
        Trouble.TEMPLATE_FAILING: "Plain text goes out instead; mend the template, this names file and line:",
        Trouble.QUEUE_OLD: "People read of their alarms late in {about}; see what waits and why:",
        Trouble.STORE_FAILING: "Tencent Cloud sends again what was refused meanwhile; see if the disk is full:",
        Trouble.RELOAD_FAILED: "The old config stays in force; mend the new one, this names every mistake:",
        Trouble.DIGESTING: "Every alarm is counted in the digests of {about}; list those that are open:",
    },
    "zh": {
        Trouble.CHANNEL_BROKEN: "按“原因”修好 {about} 的令牌、地址或频道，然后试发：",
        Trouble.DEAD_LETTERS: "{about} 中没有人看到这些消息；排除原因后重新发送：",
        Trouble.TEMPLATE_FAILING: "期间改发内置纯文本；修改模板，此命令指出出错的文件和行：",
        Trouble.QUEUE_OLD: "{about} 的告警送达延迟；查看哪些在等待以及原因：",
        Trouble.STORE_FAILING: "期间的回调被拒绝，腾讯云会重新发送；查看磁盘是否已满：",
        Trouble.RELOAD_FAILED: "旧配置仍然有效；修改新配置，此命令列出所有错误：",
        Trouble.DIGESTING: "每条告警都计入 {about} 的汇总；列出未恢复的告警：",
    },
}


@record
class Advice:
    """What to do, and the command for it; both empty where there is nothing to do."""

    sentence: str = ""
    command: str = ""


NOTHING = Advice()


def title(alarm: Alarm, language: str) -> str:
    """Give an alarm's subject in the language, where it is one of the bridge's own."""
    trouble = trouble_of(alarm)
    return alarm.subject if trouble is None else TITLES[language][trouble]


def advice(alarm: Alarm, language: str, *, is_over: bool) -> Advice:
    """Say what to do about one of the bridge's own alarms."""
    trouble = trouble_of(alarm)
    if trouble is None or (is_over and trouble not in STILL_TO_DO):
        return NOTHING
    about, sentence = alarm.object_id, ""
    if trouble is Trouble.CHANNEL_BROKEN:
        sentence = remedy(str(alarm.details.get("problem", "")), language)
    sentence = sentence or SENTENCES[language][trouble]
    return Advice(sentence=sentence.format(about=about), command=COMMANDS[trouble].format(about=about))


def trouble_of(alarm: Alarm) -> Trouble | None:
    """Give the trouble that an alarm tells of; None where it is none of the bridge's own."""
    return Trouble(alarm.event) if alarm.kind == BRIDGE and alarm.event in TITLES["en"] else None
