"""What the bridge does by the clock."""

import asyncio
import itertools
import json
from contextlib import asynccontextmanager
from datetime import timedelta

from bridge.housekeeping import keep_house
from bridge.store import StoreUnavailable
from tests.fakes.spine import a_body, a_spine
from tests.fakes.virtual import virtual

CONFIG = "server: {auth: off}\nchannels: {here: {type: terminal}}\ndefault_channels: [here]\nretention: 1d\n"
HOUR = 3600


@asynccontextmanager
async def a_house(folder, clock):
    """A bridge that keeps house; `spine.clock` drives it."""
    async with a_spine(folder, CONFIG, clock, workers=False) as spine:
        keeping = asyncio.create_task(
            keep_house(spine.writer, lambda: spine.intake, lambda: spine.config.retention, clock)
        )
        try:
            yield spine
            assert not keeping.done()
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)


def receiving(spine):
    return int((spine.rows("SELECT value FROM facts WHERE name = 'receiving_seconds'") or [(0,)])[0][0])


def states(spine):
    return [state for (state,) in spine.rows("SELECT state FROM events ORDER BY id")]


@virtual
async def test_the_time_of_receiving_is_stored_every_minute_and_goes_on_after_a_restart(tmp_path, clock):
    async with a_house(tmp_path, clock) as spine:
        await clock.sleep(59)
        assert receiving(spine) == 0
        await clock.sleep(122)
        assert receiving(spine) == 180
    await clock.sleep(HOUR)
    async with a_house(tmp_path, clock) as spine:
        await clock.sleep(61)
        assert receiving(spine) == 240


@virtual
async def test_an_alarm_expires_after_26_hours_of_receiving_however_much_time_went_by(tmp_path, clock):
    async with a_house(tmp_path, clock) as spine:
        await spine.writer.do(spine.store.keep_receiving_time(100 * HOUR))
        await spine.take(a_body())
        clock.shift += timedelta(days=10)
        await clock.sleep(HOUR + 30)
        assert states(spine) == ["triggered"]
        await spine.writer.do(spine.store.keep_receiving_time(25 * HOUR - 120))
        await clock.sleep(60)
        assert states(spine) == ["triggered"]
        await clock.sleep(60)
        assert states(spine) == ["triggered", "expired"]
        assert spine.rows("SELECT phase FROM episodes") == [("expired",)]
        assert [state for (state,) in spine.deliveries("events.state")] == ["triggered", "expired"]
        await clock.sleep(300)
        assert states(spine) == ["triggered", "expired"]


@virtual
async def test_any_word_of_an_alarm_starts_its_26_hours_anew_a_late_one_excepted(tmp_path, clock):
    late = a_body(sessionId="late", firstOccurTime="2021-05-11 20:00:00")
    async with a_house(tmp_path, clock) as spine:
        await spine.take(a_body())
        await spine.receive(20 * HOUR)
        assert (await spine.take(a_body())).outcome == "duplicate"
        await spine.receive(20 * HOUR)
        assert (await spine.take(late)).outcome == "stale"
        assert states(spine) == ["triggered"]
        await spine.receive(6 * HOUR)
        assert states(spine) == ["triggered", "expired"]


@virtual
async def test_a_process_that_was_halted_for_a_day_was_not_receiving_in_it(tmp_path, clock):
    async with a_house(tmp_path, clock) as spine:
        await clock.sleep(61)
        monotonic = clock.monotonic
        clock.monotonic = lambda: monotonic() + 24 * HOUR
        await clock.sleep(60)
        assert receiving(spine) == 180
        await clock.sleep(60)
        assert receiving(spine) == 240


@virtual
async def test_hundreds_of_alarms_expire_together(tmp_path, clock):
    async with a_house(tmp_path, clock) as spine:
        names = [{"dimensions": {"unInstanceId": f"ins-{number}"}} for number in range(250)]
        await asyncio.gather(*(spine.take(a_body(object=name)) for name in names))
        await spine.writer.do(spine.store.keep_receiving_time(26 * HOUR))
        await clock.sleep(61)
        assert spine.rows("SELECT phase, count(*) FROM episodes GROUP BY 1") == [("expired", 250)]
        assert spine.rows("SELECT state, count(*) FROM events GROUP BY 1") == [("expired", 250), ("triggered", 250)]


@virtual
async def test_while_the_store_cannot_be_written_the_bridge_is_not_receiving(tmp_path, clock):
    async with a_house(tmp_path, clock) as spine:
        write, spine.store.write = spine.store.write, refuses
        await clock.sleep(600)
        assert spine.writer.trouble == "the disk is full"
        spine.store.write = write
        await clock.sleep(2)
        assert spine.writer.trouble == ""
        assert [line["event"] for line in spine.logs if line["log_level"] in {"warning", "error"}] == [
            "the store cannot be written",
            "the store can be written again",
        ]
        assert receiving(spine) <= 60
        await clock.sleep(60)
        assert 60 <= receiving(spine) <= 120


def refuses(*_):
    raise StoreUnavailable("the disk is full")


@virtual
async def test_old_rows_go_by_themselves(tmp_path, clock):
    async with a_house(tmp_path, clock) as spine:
        await spine.take(a_body())
        recovery = a_body(sessionId="r", alarmStatus="0", durationTime=60, recoverTime="2021-05-11 20:32:00")
        await spine.take(recovery)
        await spine.writer.do(
            lambda connection: connection.exec_driver_sql("UPDATE deliveries SET state = 'sent'") and None
        )
        clock.shift += timedelta(days=1)
        await clock.sleep(601)
        tables = ("callbacks", "episodes", "events", "deliveries")
        assert {name: spine.rows(f"SELECT count(*) FROM {name}") for name in tables} == {key: [(0,)] for key in tables}


# what nobody can read


def announced(spine):
    """Give for each announcement what it shows, how many others it counts, and when it was made."""
    found = spine.rows(
        "SELECT body, repeat_count, created_at FROM events LEFT JOIN callbacks ON callbacks.id = callback_id "
        "WHERE state = 'unrecognised' ORDER BY events.id"
    )
    first = found[0][2] if found else 0
    return [(json.loads(body)["n"], others, round((at - first) / 1000)) for body, others, at in found]


def odd(number):
    return json.dumps({"n": number}).encode()


@virtual
async def test_the_first_body_that_nobody_can_read_is_announced_at_once_and_then_one_message_a_minute(tmp_path, clock):
    async with a_house(tmp_path, clock) as spine:
        first = await spine.take(odd(1))
        assert first.reason.endswith("; announced in the default channels")
        assert announced(spine) == [(1, 0, 0)]
        for number in range(2, 7):
            await clock.sleep(10)
            kept = await spine.take(odd(number))
            assert kept.reason.endswith("; to be counted in the next message, at most one a minute")
        assert announced(spine) == [(1, 0, 0)]
        await clock.sleep(16)
        assert announced(spine)[1:] == [(6, 4, 60)]
        await clock.sleep(300)
        assert len(announced(spine)) == 2
        await spine.take(odd(7))
        assert announced(spine)[2][:2] == (7, 0)


@virtual
async def test_a_flood_of_them_makes_one_message_a_minute_that_counts_the_others(tmp_path, clock):
    async with a_house(tmp_path, clock) as spine:
        for number in range(1, 181):
            await spine.take(odd(number))
            await clock.sleep(1)
        await clock.sleep(70)
        told = announced(spine)
        assert sum(others + 1 for _, others, _ in told) == 180
        times = [at for _, _, at in told]
        assert all(60 <= later - earlier <= 66 for earlier, later in itertools.pairwise(times))


@virtual
async def test_what_waited_to_be_counted_is_counted_after_a_restart(tmp_path, clock):
    async with a_house(tmp_path, clock) as spine:
        for number in (1, 2, 3):
            await spine.take(odd(number))
    async with a_house(tmp_path, clock) as spine:
        await clock.sleep(30)
        await spine.take(odd(4))
        assert announced(spine) == [(1, 0, 0)]
        await clock.sleep(36)
        assert announced(spine)[1][:2] == (4, 2)


@virtual
async def test_several_in_one_batch_are_counted_too(tmp_path, clock):
    async with a_house(tmp_path, clock) as spine:
        await asyncio.gather(*(spine.take(odd(number)) for number in range(1, 11)))
        assert announced(spine) == [(1, 0, 0)]
        await clock.sleep(66)
        assert announced(spine)[1:] == [(10, 8, 60)]


@virtual
async def test_a_clock_that_went_back_does_not_silence_announcements(tmp_path, clock):
    async with a_house(tmp_path, clock) as spine:
        await spine.take(odd(1))
        clock.shift -= timedelta(days=3)
        await spine.take(odd(2))
        assert [shown for shown, _, _ in announced(spine)] == [1, 2]
