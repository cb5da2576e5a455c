"""What sort of body came in, and what is said of one that is odd."""

from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pytest

from bridge import samples
from bridge.alarm import Reading, ReadingKind
from bridge.sources import read

RECEIVED_AT = datetime(2026, 1, 1, tzinfo=UTC)
METRIC = samples.body("capture-2020-cvm-disk-triggered")
NO_ALARM = (
    "the body is a JSON object, but no alarm: it has neither alarmObjInfo nor alarmPolicyInfo, and is no CloudEvent"
)


def reading_of(body: bytes) -> Reading:
    return read(body, RECEIVED_AT)


def with_value(written: bytes) -> bytes:
    """Put other JSON in the place of the metric body's current value."""
    return METRIC.replace(b'"10.009"', written)


@pytest.mark.parametrize("body", [b"", b" \r\n\t ", b"{}", b" {} ", b'{"msg": "verify"}', b'{"msg": null, "x": 1}'])
def test_an_empty_body_and_one_with_msg_alone_check_the_url(body):
    assert reading_of(body) == Reading(kind=ReadingKind.VERIFICATION)


def test_an_alarm_with_msg_is_an_alarm():
    assert reading_of(b'{"msg": "verify", "alarmObjInfo": {}}').kind is ReadingKind.ALARM


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"null", "the body is JSON, but null, not an object"),
        (b"true", "the body is JSON, but true or false, not an object"),
        (b"7", "the body is JSON, but a number, not an object"),
        (b"7.5", "the body is JSON, but a number, not an object"),
        (b"NaN", "the body is a number, not an object"),
        (b"1" * 5000, "the body is a number, not an object"),
        (b'"alarm"', "the body is JSON, but a text, not an object"),
        (b"[]", "the body is a JSON array, not an object"),
        (b'[{"alarmObjInfo": {}}]', "the body is a JSON array with 1 alarm inside, not an object"),
        (
            b'[{"alarmObjInfo": {}}, {"alarmPolicyInfo": {}}]',
            "the body is a JSON array with 2 alarms inside, not an object",
        ),
        (b'[{"specversion": "1.0", "type": "a"}]', "the body is a JSON array with 1 alarm inside, not an object"),
        (b'{"policy_id": "p"}', NO_ALARM),
        (b'{"specversion": "1.0"}', NO_ALARM),
        (b"{", "the body is not JSON: Expecting property name enclosed in double quotes (line 1, column 2)"),
        (b'{"a": 1,\n "b" 2}', "the body is not JSON: Expecting ':' delimiter (line 2, column 6)"),
        (b"<html>", "the body is not JSON: Expecting value (line 1, column 1)"),
        (b"\xff\xfe", "the body is not JSON: Expecting value (line 1, column 1)"),
        (b"[" * 5000, "the body is nested more than 64 levels deep"),
        (b"[" * 100_000 + b"]" * 100_000, "the body is nested more than 64 levels deep"),
        (b"[" * 65 + b"]" * 65, "the body is nested more than 64 levels deep"),
    ],
)
def test_what_no_source_reads_is_unrecognised_and_said_in_words(body, problem):
    reading = reading_of(body)
    assert replace(reading, problem_zh="") == Reading(kind=ReadingKind.UNRECOGNISED, problem=problem)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"null", "内容是 JSON，但只是null，不是对象"),
        (b"7.5", "内容是 JSON，但只是数字，不是对象"),
        (b"NaN", "内容是数字，不是对象"),
        (b'[{"alarmObjInfo": {}}]', "内容是 JSON 数组（其中有 1 条告警），不是对象"),
        (
            b'{"policy_id": "p"}',
            "内容是 JSON 对象，但不是告警：既没有 alarmObjInfo 和 alarmPolicyInfo，也不是 CloudEvent",
        ),
        (b'{"a": 1,\n "b" 2}', "内容不是 JSON：缺少冒号（第 2 行，第 6 列）"),
        (b"[" * 65 + b"]" * 65, "内容嵌套超过 64 层"),
        (b"[" + b"[]," * 20_000 + b"1]", "内容中的对象和列表超过 20000 个"),
    ],
)
def test_what_no_source_reads_is_said_in_chinese_too(body, problem):
    assert reading_of(body).problem_zh == problem


def test_what_pythons_parser_says_has_chinese_words():
    bodies = ("{", '{"a" 1}', '{"a": 1 "b": 2}', '{"a"', "[1] 2", '{"a": "', '{"a": "\\x"}', '{"a": "\\u12"}', "<")
    said = [reading_of(body.encode()).problem_zh.partition("：")[2].partition("（")[0] for body in bodies]
    assert said == [
        "缺少双引号括起的键名", "缺少冒号", "缺少逗号", "缺少冒号", "末尾有多余内容",
        "字符串没有结束", "转义符无效", "\\u 转义无效", "缺少值",
    ]  # fmt: skip


def test_a_body_of_20_000_parts_is_read_and_a_larger_one_kept_unread():
    """Each part costs whoever walks it: thousands of nests would hold the loop for a second."""
    nests = ",".join(f'"d{number}": {{"a": {{"b": {{}}}}}}' for number in range(6665))  # 3 parts each
    body = b'{"alarmObjInfo": {"dimensions": {%b}, "x": [%b]}}'
    assert reading_of(body % (nests.encode(), b"[]")).kind is ReadingKind.ALARM
    more = reading_of(body % (nests.encode(), b"[],[]"))
    assert (more.kind, more.problem) == (ReadingKind.UNRECOGNISED, "the body holds more than 20000 objects and lists")


def test_64_levels_are_read_and_65_are_not():
    assert reading_of(b"[" * 64 + b"]" * 64).problem == "the body is a JSON array, not an object"
    deep = METRIC[:-1] + b', "extra": ' + b"[" * 63 + b"]" * 63 + b"}"
    deeper = METRIC[:-1] + b', "extra": ' + b"[" * 64 + b"]" * 64 + b"}"
    assert reading_of(deep).kind is ReadingKind.ALARM
    reading = reading_of(deeper)
    assert (reading.kind, reading.session_id) == (ReadingKind.UNRECOGNISED, "kQ3vTn0eHs8YbWmRz5LcAxPd")
    assert reading.problem == "the body is nested more than 64 levels deep"


@pytest.mark.parametrize(
    ("session", "known"), [(b'" s-1 "', " s-1 "), (b"17", "17"), (b"null", ""), (b"true", ""), (b'["s"]', "")]
)
def test_the_session_of_an_unrecognised_object_is_kept_where_it_is_a_text_or_a_number(session, known):
    assert reading_of(b'{"sessionId": ' + session + b"}").session_id == known


@pytest.mark.parametrize(
    ("body", "session"),
    [
        (b'{"sessionId": " s ", "alarmObjInfo": {}}', " s "),
        (b'{"SessionID": " s ", "alarmObjInfo": {}}', " s "),
        (b'{"sessionid": 17, "alarmObjInfo": {}}', "17"),
        (b'{"sessionId": ["s"], "alarmObjInfo": {}}', '["s"]'),
        (b'{"specversion": "1.0", "type": "a", "id": " s ", "sessionId": "t"}', " s "),
        (b'{"specversion": "1.0", "type": "a", "ID": "\\ts\\n"}', "\ts\n"),
        (b'{"specversion": "1.0", "type": "a"}', ""),
        (b'{"SESSIONID": " s ", "policy_id": 1}', " s "),
    ],
)
def test_a_session_is_answered_as_received_with_its_outer_blanks_whatever_the_case_of_its_name(body, session):
    assert reading_of(body).session_id == session


@pytest.mark.parametrize("name", ["alarmObjInfo", "alarmPolicyInfo", "AlarmPolicyInfo"])
@pytest.mark.parametrize("content", [None, {}, [], "", "text", 3, [[]], [None]])
def test_nothing_but_being_recognisably_an_alarm_is_required(name, content):
    reading = reading_of(orjson.dumps({name: content}))
    assert reading.kind is ReadingKind.ALARM
    assert reading.problem == ""
    assert reading.alarm is not None
    assert reading.alarm.status == "firing"


def test_a_byte_order_mark_is_no_problem():
    reading = reading_of(b"\xef\xbb\xbf" + METRIC)
    assert (reading.kind, reading.problem) == (ReadingKind.ALARM, "")


@pytest.mark.parametrize(
    ("written", "value", "oddity"),
    [
        (b"NaN", "NaN", "NaN or Infinity, which JSON does not allow"),
        (b"-Infinity", "-Infinity", "NaN or Infinity, which JSON does not allow"),
        (b"1180591620717411303424", "1180591620717411303424", "an integer beyond 63 bits"),
        (b"9223372036854775808", "9223372036854775808", "an integer beyond 63 bits"),
        (b"-9223372036854775808", "-9223372036854775808", "an integer beyond 63 bits"),
        (b" \t\r\n9223372036854775808", "9223372036854775808", "an integer beyond 63 bits"),
        (b"1" * 5000, "1" * 5000, "an integer beyond 63 bits"),
        (b"1e999", "1e999", "a number that is too large"),
        (b'"a\\u0000b"', "a\0b", "the character U+0000"),
        (b'"\\ud800"', "\ud800", "half of a surrogate pair"),
        (b'"\xff"', "�", "bytes that are not UTF-8"),
        (b'"a\tb"', "a\tb", "control characters that JSON wants escaped"),
    ],
)
def test_an_odd_alarm_is_read_all_the_same_and_its_oddity_said(written, value, oddity):
    reading = reading_of(with_value(written))
    assert reading.kind is ReadingKind.ALARM
    assert reading.problem == f"the body holds {oddity}; the alarm was read all the same"
    assert reading.session_id == "kQ3vTn0eHs8YbWmRz5LcAxPd"
    assert reading.alarm is not None
    assert reading.alarm.value == value
    assert reading.alarm.key == alarm_key_of_metric()


def alarm_key_of_metric() -> str:
    alarm = reading_of(METRIC).alarm
    assert alarm is not None
    return alarm.key


def test_several_oddities_are_said_together():
    reading = reading_of(with_value(b'[NaN, NaN, "\\u0000", 1180591620717411303424]'))
    assert reading.problem == (
        "the body holds NaN or Infinity, which JSON does not allow, and an integer beyond 63 bits, "
        "and the character U+0000; the alarm was read all the same"
    )


@pytest.mark.parametrize(
    "written", [b"9223372036854775807", b"-9223372036854775807", b'"12345678901234567890"', b'"\\\\u0000"']
)
def test_a_large_number_that_fits_and_a_text_that_only_looks_odd_are_no_problem(written):
    reading = reading_of(with_value(written))
    assert (reading.kind, reading.problem) == (ReadingKind.ALARM, "")


@pytest.mark.parametrize("written", [b"NaN", b"1e999", b"1" * 5000, b"1180591620717411303424"])
def test_the_parsed_body_of_an_odd_alarm_can_go_out_as_json(written):
    alarm = reading_of(with_value(written)).alarm
    assert alarm is not None
    assert orjson.loads(orjson.dumps(alarm.raw)) == alarm.raw


@pytest.mark.parametrize("size", [8192, 8193, 1024 * 1024])
def test_a_body_of_any_size_is_read(size):
    padded = METRIC + b" " * (size - len(METRIC))
    reading = reading_of(padded)
    assert (reading.kind, reading.session_id) == (ReadingKind.ALARM, "kQ3vTn0eHs8YbWmRz5LcAxPd")


def test_odd_bytes_in_what_is_no_alarm_leave_it_unrecognised():
    for body in (b'{"msg": "\xff"}', b'{"policy_id": NaN}'):
        reading = reading_of(body)
        assert (reading.kind, reading.problem) == (ReadingKind.UNRECOGNISED, NO_ALARM)
