"""Deleting what is old, and nothing that is open or waits."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from bridge.message import Answer, DeliveryState
from bridge.store import retention
from tests.fakes.scripted import Scripted, a_verdict, scripted
from tests.fakes.spine import a_body, a_spine
from tests.fakes.virtual import virtual

CONFIG = "server: {auth: off}\nchannels: {here: {type: terminal}}\ndefault_channels: [here]\n"
TABLES = ("callbacks", "episodes", "events", "deliveries", "attempts", "messages", "message_episodes")
DAY = timedelta(days=1)


def of(instance, **changes):
    return a_body(object={"dimensions": {"unInstanceId": instance}}, **changes)


def counts(spine):
    return {name: spine.rows(f"SELECT count(*) FROM {name}")[0][0] for name in TABLES}


async def prune(spine):
    """Delete all that is older than a day; give how much each batch was."""
    batches: list[int] = []
    while not batches or batches[-1]:
        batches.append(await spine.writer.do(spine.store.prune(spine.clock.now() - DAY)))
    return batches


async def execute(spine, statement, *values):
    await spine.writer.do(lambda connection: connection.exec_driver_sql(statement, values))


async def finish(spine):
    """Have every delivery attempted once, with a message that the platform knows."""
    await spine.writer.do(deliver)


def deliver(connection):
    execute = connection.exec_driver_sql
    execute("UPDATE deliveries SET state = 'sent'")
    execute("INSERT INTO attempts SELECT id + 1000, id, due_at, 'sent', 200, 'ok', 'text' FROM deliveries")
    execute("INSERT INTO messages SELECT id + 2000, channel, event_id, due_at, '{}' FROM deliveries")
    execute(
        "INSERT INTO message_episodes SELECT episode_id, deliveries.id + 2000 FROM deliveries "
        "JOIN events ON events.id = event_id WHERE episode_id != 0"
    )


@virtual
async def test_a_life_that_is_over_goes_with_all_its_rows(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        await spine.take(of("ins-1"))
        await spine.take(of("ins-1", sessionId="r", alarmStatus="0", recoverTime="2021-05-11 20:40:00"))
        await spine.take(b"nobody can read this")
        await finish(spine)
        before = counts(spine)
        assert before == {
            "callbacks": 3, "episodes": 1, "events": 3, "deliveries": 3, "attempts": 3, "messages": 3, "message_episodes": 2
        }  # fmt: skip
        clock.shift += DAY - timedelta(minutes=1)
        assert await prune(spine) == [0]
        clock.shift += timedelta(hours=1)
        assert sum(await prune(spine)) == sum(before.values())
        assert counts(spine) == dict.fromkeys(TABLES, 0)


@virtual
async def test_an_open_alarm_keeps_all_its_rows_however_old_they_are(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        await spine.take(of("ins-1"))
        await spine.take(of("ins-1"))
        await finish(spine)
        before = counts(spine)
        clock.shift += 400 * DAY
        assert await prune(spine) == [0]
        assert counts(spine) == before
        await spine.take(of("ins-1", sessionId="r", alarmStatus="0", recoverTime="2021-05-11 20:40:00"))
        assert (await prune(spine))[0] > 0
        left = counts(spine)
        assert (left["episodes"], left["callbacks"], left["deliveries"]) == (1, 1, 1)
        assert spine.deliveries("events.state") == [("recovered",)]


@pytest.mark.parametrize("state", [DeliveryState.WAITING, DeliveryState.BEGUN])
@virtual
async def test_what_waits_keeps_all_that_its_message_needs(state, tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        await spine.take(of("ins-1"))
        await spine.take(of("ins-1", sessionId="r", alarmStatus="0", recoverTime="2021-05-11 20:40:00"))
        await spine.take(b"nobody can read this")
        await finish(spine)
        others = "UPDATE deliveries SET state = ? WHERE event_id IN (SELECT id FROM events WHERE state != 'triggered')"
        await execute(spine, others, state.value)
        clock.shift += 400 * DAY
        await prune(spine)
        left = counts(spine)
        assert {name: left[name] for name in ("callbacks", "episodes", "events", "deliveries", "attempts")} == {
            "callbacks": 2, "episodes": 1, "events": 2, "deliveries": 2, "attempts": 2
        }  # fmt: skip
        waiting = await asyncio.to_thread(spine.store.waiting, "here", 0)
        assert [one.event.state.value for one in waiting] == ["recovered", "unrecognised"]
        assert waiting[0].event.kind == "metric"
        assert waiting[1].body == b"nobody can read this"


@virtual
async def test_what_a_waiting_digest_will_tell_stays(tmp_path, clock):
    text = CONFIG.replace("terminal", "slack, token: xoxb-made-up, channel: '#ops', digest_over: 2")
    channel = Scripted(clock, lambda _call: a_verdict(Answer.RETRY, after_seconds=60))
    change = scripted(clock, {"here": channel}, give_up_after=1000 * DAY)
    async with a_spine(tmp_path, text, clock, change=change) as spine:
        for number in range(4):
            await spine.take(of(f"ins-{number}"))
            await spine.take(of(f"ins-{number}", sessionId="r", alarmStatus="0", recoverTime="2021-05-11 20:40:00"))
        await spine.settle(100)
        assert dict(spine.rows("SELECT state, count(*) FROM deliveries GROUP BY state"))["digested"] == 12
        before = counts(spine)
        clock.shift += 400 * DAY
        await prune(spine)
        after = counts(spine)
        assert {name: after[name] for name in before if name != "attempts"} == {
            name: before[name] for name in before if name != "attempts"
        }


@virtual
async def test_an_episode_heard_of_lately_stays_though_it_began_long_ago(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        await spine.take(of("ins-1"))
        await finish(spine)
        clock.shift += 400 * DAY
        await spine.take(of("ins-1", sessionId="r", alarmStatus="0", recoverTime="2022-06-15 20:30:00"))
        await execute(spine, "UPDATE deliveries SET state = 'sent'")
        await prune(spine)
        assert spine.rows("SELECT phase FROM episodes") == [("recovered",)]
        assert (await spine.take(of("ins-1"))).outcome == "stale"


@virtual
async def test_it_goes_in_batches(tmp_path, clock, monkeypatch):
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        for number in range(60):
            await spine.take(of(f"ins-{number}", alarmStatus="-", sessionId=str(number)))
        await finish(spine)
        clock.shift += 2 * DAY
        assert retention.BATCH == 500
        small = [statement_of(statement, 10) for statement in retention.PRUNING]
        monkeypatch.setattr(retention, "PRUNING", small)
        batches = await prune(spine)
        assert max(batches) <= 10 * len(TABLES)
        assert len(batches) >= 7
        assert counts(spine) == dict.fromkeys(TABLES, 0)


def statement_of(statement, most):
    """Give the same statement with a smaller batch."""
    compiled = str(statement.compile(compile_kwargs={"literal_binds": False}))
    return text(compiled.replace(":param_1", str(most)))


@virtual
async def test_old_rows_of_one_alarm_go_while_another_is_open(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        await spine.take(of("ins-open"))
        for number in range(5):
            await spine.take(of(f"ins-{number}", alarmStatus="-", sessionId=str(number)))
        await finish(spine)
        clock.shift += 2 * DAY
        await prune(spine)
        assert counts(spine) == dict.fromkeys(TABLES, 1)
        assert spine.rows("SELECT object_id FROM episodes") == [("ins-open",)]


@virtual
async def test_a_short_id_never_means_another_alarm_also_after_a_restart(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        numbers = [(await spine.take(of(f"ins-{name}", alarmStatus="-", sessionId=name))).number for name in "ab"]
        await finish(spine)
        clock.shift += 2 * DAY
        await prune(spine)
        assert spine.rows("SELECT number FROM episodes") == []
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        numbers.append((await spine.take(of("ins-c"))).number)
    assert numbers == [1, 2, 3]
