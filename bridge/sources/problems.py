"""Why a body is no alarm, in the languages of the channels. The English words are also stored and answered."""

import json
from typing import NamedTuple

OF_JSON = {  # what Python's parser says, in Chinese
    "Expecting value": "缺少值",
    "Expecting property name enclosed in double quotes": "缺少双引号括起的键名",
    "Expecting ':' delimiter": "缺少冒号",
    "Expecting ',' delimiter": "缺少逗号",
    "Extra data": "末尾有多余内容",
    "Unterminated string starting at": "字符串没有结束",
    "Invalid \\escape": "转义符无效",
    "Invalid \\uXXXX escape": "\\u 转义无效",
    "Illegal trailing comma before end of object": "对象末尾有多余的逗号",
    "Illegal trailing comma before end of array": "数组末尾有多余的逗号",
}


class Problem(NamedTuple):
    """What is wrong with a body."""

    en: str
    zh: str


NO_ALARM = Problem(
    "the body is a JSON object, but no alarm: it has neither alarmObjInfo nor alarmPolicyInfo, and is no CloudEvent",
    "内容是 JSON 对象，但不是告警：既没有 alarmObjInfo 和 alarmPolicyInfo，也不是 CloudEvent",
)
SORTS = {
    str: Problem("a text", "字符串"),
    bool: Problem("true or false", "布尔值"),
    int: Problem("a number", "数字"),
    float: Problem("a number", "数字"),
    type(None): Problem("null", "null"),
}


def not_json(error: json.JSONDecodeError) -> Problem:
    """Say where a body stops being JSON."""
    return Problem(
        f"the body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})",
        f"内容不是 JSON：{OF_JSON.get(error.msg, error.msg)}（第 {error.lineno} 行，第 {error.colno} 列）",
    )


def too_deep(limit: int) -> Problem:
    """Say that a body is nested too deeply."""
    return Problem(f"the body is nested more than {limit} levels deep", f"内容嵌套超过 {limit} 层")


def too_many(limit: int) -> Problem:
    """Say that a body has too many parts."""
    return Problem(f"the body holds more than {limit} objects and lists", f"内容中的对象和列表超过 {limit} 个")


def no_object(value: object, *, kept_as_text: bool, alarms: int = 0) -> Problem:
    """Say what a JSON value that is no object is; `kept_as_text`: it was NaN, or an endless number."""
    if kept_as_text:
        return Problem("the body is a number, not an object", "内容是数字，不是对象")
    if not isinstance(value, list):
        sort = SORTS[type(value)]
        return Problem(f"the body is JSON, but {sort.en}, not an object", f"内容是 JSON，但只是{sort.zh}，不是对象")
    inside = f" with {alarms} alarm{'s' if alarms > 1 else ''} inside" if alarms else ""
    contained = f"（其中有 {alarms} 条告警）" if alarms else ""
    return Problem(f"the body is a JSON array{inside}, not an object", f"内容是 JSON 数组{contained}，不是对象")
