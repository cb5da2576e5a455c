"""One transaction for all that waits: order, neighbours, and data that a database refuses."""

import asyncio
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from sqlalchemy import Executable
from sqlalchemy.dialects import sqlite

from bridge.episode import Episode, Phase
from bridge.intake import Intake
from bridge.lifecycle import Row
from bridge.message import Answer, DeliveryState, Verdict
from bridge.store import Result, StoreUnavailable, asking, carrying, digest_statements, requests, statements
from bridge.store.recording import folded
from bridge.store.rows import clean
from bridge.store.statements import MOST_KNOWN
from tests.fakes.spine import a_body, a_spine
from tests.fakes.virtual import virtual

CONFIG = "server: {auth: off}\nchannels: {here: {type: terminal}}\ndefault_channels: [here]\n"
REFUSING = """CREATE TRIGGER refuse BEFORE INSERT ON callbacks WHEN NEW.session_id = 'poison'
              BEGIN SELECT RAISE(ABORT, 'made up') ; END"""


def of(instance, **changes):
    """A callback of an object of its own."""
    return a_body(object={"dimensions": {"unInstanceId": instance}}, **changes)


async def together(spine, bodies):
    """Have all bodies wait for the store at one moment."""
    return await asyncio.gather(*(spine.take(body) for body in bodies), return_exceptions=True)


def execute(spine, statement):
    with closing(sqlite3.connect(spine.path)) as connection:
        connection.executescript(statement)


@virtual
async def test_a_batch_is_stored_in_the_order_of_arrival(tmp_path, clock):
    bodies = [of(f"ins-{number:03}", sessionId=str(number)) for number in range(100)]
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        judgements = await together(spine, bodies)
        assert [one.outcome for one in judgements] == ["triggered"] * 100
        assert spine.rows("SELECT body FROM callbacks ORDER BY id") == [(body,) for body in bodies]
        numbers = [one.number for one in judgements]
        assert numbers == sorted(numbers)
        assert [id_ for (id_,) in spine.rows("SELECT id FROM deliveries ORDER BY id")] == [
            one.deliveries[0].id for one in judgements
        ]


def test_changed_episodes_take_the_place_of_those_with_their_ids_oldest_first():
    start = datetime(2026, 1, 1, tzinfo=UTC)
    moments = [start + timedelta(minutes=minute) for minute in range(3)]
    one, two, three = (
        Episode(id=id_, number=id_, key="", phase=Phase.OPEN, started_at=at, heard_at=at, counted_at=at)
        for id_, at in enumerate(moments, 1)
    )
    over, changed = replace(one, phase=Phase.REPLACED), replace(two, repeat_count=9)
    assert folded((), (one,)) == (one,)
    assert folded((one, two), (over, three)) == (over, two, three)
    assert folded((one, two, three), (changed,)) == (one, changed, three)
    assert folded((two, three), (one,)) == (one, two, three)


@virtual
async def test_the_same_alarm_several_times_in_a_batch_is_judged_each_time_by_the_one_before(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        judgements = await together(
            spine,
            [
                a_body(sessionId="a", alarmLevel="Remind"),
                a_body(sessionId="a", alarmLevel="Remind"),
                a_body(sessionId="b", alarmLevel="Serious"),
                a_body(sessionId="c", durationTime=300, alarmLevel="Serious"),
                a_body(sessionId="d", alarmStatus="0", durationTime=600, recoverTime="2021-05-11 20:41:00"),
                a_body(sessionId="e", durationTime=300, alarmLevel="Serious"),
                a_body(sessionId="f", durationTime=900),
                a_body(sessionId="g", firstOccurTime="2021-05-11 21:31:00"),
            ],
        )
        assert [one.reason for one in judgements] == [
            Row.NEW, Row.RESENT, Row.ROSE, Row.LATER, Row.RECOVERED, Row.LATE_RESEND, Row.AGAIN,
            f"{Row.NEW}; what was open of it before is replaced",
        ]  # fmt: skip
        assert spine.rows("SELECT number, phase, repeat_count, again FROM episodes ORDER BY id") == [
            (1, "replaced", 0, 1),
            (2, "open", 0, 0),
        ]
        assert [state for (state,) in spine.deliveries("events.state")] == [
            "triggered", "escalated", "repeat", "recovered", "triggered", "replaced", "triggered"
        ]  # fmt: skip


@virtual
async def test_what_is_known_is_read_again_from_the_disk_as_it_was_in_memory(tmp_path, clock):
    """Whatever is judged in one batch is judged alike in batches of one, also with times finer than the store's."""
    bodies = [
        a_body(sessionId="a", firstOccurTime="2021-05-11T12:31:00.123456Z"),
        a_body(sessionId="b", firstOccurTime="2021-05-11T12:31:00.123456Z", durationTime=60),
        a_body(sessionId="c", firstOccurTime="2021-05-11T12:31:00.123456Z", alarmStatus="0",
               recoverTime="2021-05-11T12:35:00.123456Z"),
        a_body(sessionId="d", firstOccurTime="2021-05-11T12:31:00.123456Z", durationTime=240),
        a_body(sessionId="e", firstOccurTime="2021-05-11T12:31:00.123456Z", durationTime=300),
    ]  # fmt: skip
    (tmp_path / "one").mkdir()
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        at_once = [one.reason for one in await together(spine, bodies)]
    async with a_spine(tmp_path / "one", CONFIG, clock, workers=False) as spine:
        assert [(await spine.take(body)).reason for body in bodies] == at_once
    assert at_once == [Row.NEW, Row.LATER, Row.RECOVERED, Row.LATE_RESEND, Row.AGAIN]


SURROGATE = b'"\\ud800"'
HOSTILE = [
    b'{"sessionId": %b, "alarmStatus": %b, "alarmObjInfo": {"dimensions": {%b: %b}}}' % ((SURROGATE,) * 4),
    b'{"sessionId": "\\u0000", "alarmObjInfo": {}, "alarmPolicyInfo": {"policyId": "a\\u0000b"}}',
    b'{"sessionId": 1180591620717411303424, "alarmObjInfo": {}, "durationTime": 1180591620717411303424}',
    b'{"sessionId": NaN, "alarmObjInfo": {"dimensions": {"vport": NaN}}, "durationTime": Infinity}',
    b'{"alarmObjInfo": {"dimensions": ' + b"[" * 5000 + b"]" * 5000 + b"}}",
    b'{"alarmObjInfo": "\xff\xfe", "alarmPolicyInfo": "\x00"}',
    b"\x00\x01\x02",
    b"[" * 5000,
    b"",
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=[str(place) for place in range(len(HOSTILE))])
@virtual
async def test_a_hostile_body_is_kept_byte_for_byte_and_its_neighbours_are_not_touched(hostile, tmp_path, clock):
    bodies = [of("ins-1", sessionId="1"), hostile, of("ins-2", sessionId="2")]
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        first, kept, last = await together(spine, bodies)
        assert (first.outcome, last.outcome) == ("triggered", "triggered")
        assert kept.outcome in {"triggered", "unrecognised", "verification"}
        assert spine.rows("SELECT body FROM callbacks ORDER BY id") == [(body,) for body in bodies]
        assert spine.logged("what waited cannot be stored together") == []


@virtual
async def test_a_callback_that_the_database_refuses_is_kept_as_unrecognised_alone(tmp_path, clock):
    bodies = [of("ins-1", sessionId="1"), of("ins-2", sessionId="poison"), of("ins-3", sessionId="3")]
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        execute(spine, REFUSING)
        judgements = await together(spine, bodies)
        assert [one.outcome for one in judgements] == ["triggered", "unrecognised", "triggered"]
        assert spine.rows("SELECT outcome, session_id, body FROM callbacks ORDER BY id") == [
            ("triggered", "1", bodies[0]),
            ("unrecognised", "", bodies[1]),
            ("triggered", "3", bodies[2]),
        ]
        assert judgements[1].reason == (
            "the store could not take what it says (IntegrityError); announced in the default channels"
        )
        assert [state for (state,) in spine.deliveries("events.state")] == ["triggered", "unrecognised", "triggered"]
        assert spine.writer.trouble == ""


@pytest.mark.parametrize("fault", [KeyError("x"), RecursionError(), AssertionError(), ValueError(), OverflowError()])
@virtual
async def test_a_callback_over_which_the_judge_stumbles_is_kept_as_unrecognised_alone(
    fault, tmp_path, clock, monkeypatch
):
    judge = Intake.alarm

    def stumbling(self, known, callback, callback_id, ids):
        if callback.reading.session_id == "poison":
            raise fault
        return judge(self, known, callback, callback_id, ids)

    monkeypatch.setattr(Intake, "alarm", stumbling)
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        judgements = await together(
            spine, [of("ins-1", sessionId="1"), of("ins-2", sessionId="poison"), of("ins-1", sessionId="1")]
        )
        assert [one.outcome for one in judgements] == ["triggered", "unrecognised", "duplicate"]
        assert [line["log_level"] for line in spine.logged("something cannot be stored as it is")] == ["error"]


def result_of(judgement, **changes):
    delivery = judgement.deliveries[0]
    made = delivery.event.created_at + timedelta(seconds=1)
    return Result(
        delivery=delivery,
        state=DeliveryState.SENT,
        made_at=made,
        due_at=made,
        step=delivery.step,
        attempts=1,
        **{"verdict": Verdict(answer=Answer.SENT, said="ok \ud800 \0"), "sent": "text \udfff", **changes},
    )


@virtual
async def test_results_in_a_batch_with_a_refused_callback_are_stored(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        judgement = await spine.take(of("ins-1"))
        execute(spine, REFUSING)
        stored = spine.writer.finish(result_of(judgement))
        kept = await spine.take(of("ins-2", sessionId="poison"))
        await stored
        assert kept.outcome == "unrecognised"
        assert spine.rows("SELECT said, sent FROM attempts") == [("ok ? \N{REPLACEMENT CHARACTER}", "text ?")]


@virtual
async def test_a_result_that_the_database_refuses_is_stored_without_what_was_said(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        one, other = [await spine.take(of(name)) for name in ("ins-1", "ins-2")]
        execute(spine, REFUSING.replace("callbacks", "attempts").replace("session_id", "said"))
        answers = [
            spine.writer.finish(result_of(one)),
            spine.writer.finish(
                result_of(other, verdict=Verdict(answer=Answer.SENT, said="poison", receipt={"ts": "1"}))
            ),
        ]
        await asyncio.gather(*answers)
        assert spine.rows("SELECT state FROM deliveries ORDER BY id") == [("sent",), ("sent",)]
        assert spine.rows("SELECT said FROM attempts ORDER BY id") == [
            ("ok ? \N{REPLACEMENT CHARACTER}",),
            ("the store could not take the answer (IntegrityError)",),
        ]


@virtual
async def test_a_job_that_fails_is_the_only_one_to_hear_of_it(tmp_path, clock):
    def fails(connection):
        raise LookupError

    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        one = await spine.take(of("ins-1"))
        work = (spine.writer.do(fails), spine.writer.do(lambda _: 7), spine.take(of("ins-2")))
        stored = spine.writer.finish(result_of(one))
        failed, seven, judgement = await asyncio.gather(*work, return_exceptions=True)
        await stored
        assert isinstance(failed, StoreUnavailable)
        assert str(failed) == "the store failed (LookupError)"
        assert (seven, judgement.outcome) == (7, "triggered")


@virtual
async def test_what_was_not_stored_gives_no_numbers_away(tmp_path, clock):
    """A transaction that was rolled back and made again counts the receiving time once."""

    def fails(connection):
        raise LookupError

    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        jobs = (spine.writer.do(spine.store.keep_receiving_time(60)), spine.writer.do(fails))
        answers = await asyncio.gather(*jobs, return_exceptions=True)
        assert (answers[0], spine.store.ids.receiving_seconds) == (60, 60)
        assert spine.rows("SELECT value FROM facts WHERE name = 'receiving_seconds'") == [("60",)]


@virtual
async def test_ids_rise_though_the_clock_goes_back_and_across_restarts(tmp_path, clock):
    async def some(spine, first):
        for number in range(first, first + 3):
            await spine.take(of(f"ins-{number}", sessionId=str(number)))

    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        await some(spine, 0)
        clock.shift -= timedelta(days=400)
        await some(spine, 3)
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        await some(spine, 6)
        clock.shift += timedelta(days=800)
        await some(spine, 9)
        order = [json.loads(body)["sessionId"] for (body,) in spine.rows("SELECT body FROM callbacks ORDER BY id")]
        assert order == [str(number) for number in range(12)]
        ids = {
            name: spine.rows(f"SELECT id FROM {name} ORDER BY rowid") for name in ("callbacks", "events", "deliveries")
        }
        assert all(rows == sorted(rows) for rows in ids.values())
        assert spine.rows("SELECT number FROM episodes ORDER BY id") == [(number,) for number in range(1, 13)]


@virtual
async def test_two_bridges_of_one_moment_give_different_ids(tmp_path, clock):
    """Both may deliver to one endpoint, which knows messages by their ids."""
    given = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        async with a_spine(tmp_path / name, CONFIG, clock, workers=False, random=Random(name)) as spine:
            given.append((await spine.take(a_body())).deliveries[0].id)
    assert given[0] != given[1]


def test_text_is_made_fit_for_databases_and_nothing_else_is_changed():
    assert clean("值 \U0001f600 \n") == "值 \U0001f600 \n"
    assert clean("\0a\ud800b\udfff") == "\N{REPLACEMENT CHARACTER}a?b?"


@virtual
async def test_a_delivery_is_read_back_as_it_was_made(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        judgement = await spine.take(a_body(alarmLevel="Serious"))
        (read,) = await asyncio.to_thread(spine.store.waiting, "here", 0)
        made = judgement.deliveries[0]
        assert made.body == a_body(alarmLevel="Serious")
        assert read == replace(made, alarm=None)


@virtual
async def test_of_an_alarm_with_very_many_episodes_the_newest_are_known(tmp_path, clock):
    """Events without an end make an episode each: a month of them must not be read for every callback."""
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        await spine.take(a_body(sessionId="0", firstOccurTime="2021-05-01 00:00:00", alarmStatus="-"))
        columns = [row[1] for row in spine.rows("PRAGMA table_info(episodes)")]
        copied = ", ".join(
            {"id": "id + n", "number": "number + n", "started_at": "started_at + n"}.get(one, one) for one in columns
        )
        execute(
            spine,
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000) "
            f"INSERT INTO episodes SELECT {copied} FROM episodes, numbers",
        )
    clock.shift += timedelta(hours=1)
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        callbacks = [spine.read(a_body(sessionId="new", alarmStatus="-"))]
        with spine.store._reading.connect() as connection:
            (known,) = (await asyncio.to_thread(spine.store._known, connection, callbacks)).values()
        assert [one.number for one in known] == list(range(1001 - MOST_KNOWN + 1, 1002))
        assert (await spine.take(a_body(sessionId="new", alarmStatus="-"))).outcome == "triggered"
        assert (await spine.take(a_body(sessionId="again", alarmStatus="-"))).outcome == "duplicate"


@pytest.mark.parametrize("module", [asking, carrying, digest_statements, requests, statements])
def test_every_statement_can_be_written_out_for_the_database(module):
    found = [statement for statement in vars(module).values() if isinstance(statement, Executable)]
    assert found
    for statement in found:
        assert str(statement.compile(dialect=sqlite.dialect()))  # type: ignore[attr-defined]  # every one has it


@virtual
async def test_a_result_that_cannot_be_stored_at_all_is_the_only_one_to_hear_of_it(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        one, other = [await spine.take(of(name)) for name in ("ins-1", "ins-2")]
        (delivery,) = one.deliveries
        execute(
            spine,
            f"CREATE TRIGGER refuse BEFORE UPDATE ON deliveries WHEN NEW.id = {delivery.id} "
            "BEGIN SELECT RAISE(ABORT, 'made up') ; END",
        )
        refused, stored = spine.writer.finish(result_of(one)), spine.writer.finish(result_of(other))
        assert (await spine.take(of("ins-3"))).outcome == "triggered"
        assert isinstance(refused.exception(), StoreUnavailable)
        assert stored.result() is None
        assert spine.rows("SELECT state FROM deliveries ORDER BY id") == [("waiting",), ("sent",), ("waiting",)]


@virtual
async def test_a_callback_that_cannot_be_kept_at_all_is_the_only_one_that_is_refused(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        execute(spine, REFUSING.replace("NEW.session_id = 'poison'", "instr(NEW.body, CAST('poison' AS BLOB))"))
        bodies = [of("ins-1"), of("ins-2", sessionId="poison"), of("ins-3")]
        first, refused, last = await together(spine, bodies)
        assert isinstance(refused, StoreUnavailable)
        assert (first.outcome, last.outcome) == ("triggered", "triggered")
        assert spine.rows("SELECT count(*) FROM callbacks") == [(2,)]
