"""The one writer: batches, order, refusals, and what it keeps when the store cannot take it."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta
from functools import partial

import pytest

from bridge.message import Answer, DeliveryState, Verdict
from bridge.store import Overloaded, Result, StoreUnavailable, engines, opening, writer
from tests.fakes.spine import a_body, a_spine
from tests.fakes.virtual import virtual

CONFIG = "server: {auth: off}\nchannels: {here: {type: terminal}}\ndefault_channels: [here]\n"


def of(instance, **changes):
    return a_body(object={"dimensions": {"unInstanceId": instance}}, **changes)


def sent(judgement):
    delivery = judgement.deliveries[0]
    made = delivery.event.created_at + timedelta(seconds=1)
    return Result(
        delivery=delivery,
        state=DeliveryState.SENT,
        made_at=made,
        due_at=made,
        step=delivery.step,
        attempts=1,
        verdict=Verdict(answer=Answer.SENT, said="ok"),
    )


class Stalled:
    """Makes a spine's store wait, or fail, at the beginning of each transaction."""

    def __init__(self, spine):
        self.failure = None
        self.seconds = 0.0
        self.begun = 0
        self._begin, spine.store.begin = spine.store.begin, self.begin
        self._write, spine.store.write = spine.store.write, self.write
        self._clock = spine.clock

    def begin(self):
        self._check()
        return self._begin()

    def write(self, work, judge):
        self._check()
        return self._write(work, judge)

    def _check(self):
        self.begun += 1
        if self.failure:
            raise self.failure


@virtual
async def test_what_waits_at_one_moment_shares_few_transactions(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        stalled = Stalled(spine)
        await asyncio.gather(*(spine.take(of(f"ins-{number}")) for number in range(64)))
        assert stalled.begun <= 1 + 64 // writer.MAX_BATCH


@virtual
async def test_more_than_may_wait_are_refused_at_once(tmp_path, clock, monkeypatch):
    monkeypatch.setattr(writer, "MAX_WAITING", 10)
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        bodies = [of(f"ins-{number}") for number in range(12)]
        answers = await asyncio.gather(*(spine.take(body) for body in bodies), return_exceptions=True)
        assert [type(one) for one in answers[10:]] == [Overloaded] * 2
        assert str(answers[10]) == "too many callbacks are waiting for the store"
        assert len(spine.rows("SELECT id FROM callbacks")) == 10
        assert spine.writer.trouble == ""


@virtual
async def test_a_callback_is_not_kept_waiting_for_more_than_3_seconds_and_is_not_stored_later(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        spine.tasks[0].cancel()  # the writer stands still
        begun = clock.monotonic()
        with pytest.raises(Overloaded, match=r"^the store did not take it within 3 s$"):
            await spine.take(of("ins-1"))
        assert clock.monotonic() - begun == 3
        again = asyncio.create_task(spine.writer.run())
        assert (await spine.take(of("ins-2"))).outcome == "triggered"
        assert spine.rows("SELECT object_id FROM episodes") == [("ins-2",)]
        again.cancel()


@virtual
async def test_a_callback_given_up_while_it_is_being_stored_is_known_when_it_is_sent_again(
    tmp_path, clock, monkeypatch
):
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        taking = asyncio.create_task(spine.take(of("ins-1")))
        commit, loop = spine.store.commit, asyncio.get_running_loop()

        def cancelled_meanwhile(connection):
            asyncio.run_coroutine_threadsafe(cancel(taking), loop).result()
            commit(connection)

        monkeypatch.setattr(spine.store, "commit", cancelled_meanwhile)
        await asyncio.gather(taking, return_exceptions=True)
        monkeypatch.undo()
        assert taking.cancelled()
        assert (await spine.take(of("ins-1"))).outcome == "duplicate"
        assert spine.deliveries("events.state") == [("triggered",)]


async def cancel(task):
    task.cancel()


@virtual
async def test_a_store_that_cannot_be_written_refuses_callbacks_keeps_results_and_goes_on_by_itself(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        judgements = [await spine.take(of(name)) for name in ("ins-1", "ins-2")]
        stalled = Stalled(spine)
        stalled.failure = StoreUnavailable("the disk is full")
        results = [spine.writer.finish(sent(one)) for one in judgements]
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match=r"^the disk is full$"):
                await spine.take(of("ins-3"))
            assert spine.writer.trouble == "the disk is full"
        for refused in (spine.writer.begin(1), spine.writer.do(lambda _: None)):
            with pytest.raises(StoreUnavailable):
                await refused
        assert not any(result.done() for result in results)
        stalled.failure = None
        await asyncio.gather(*results)
        assert spine.writer.trouble == ""
        assert spine.rows("SELECT delivery_id FROM attempts ORDER BY id") == [
            (one.deliveries[0].id,) for one in judgements
        ]
        assert (await spine.take(of("ins-3"))).outcome == "triggered"


@virtual
async def test_trouble_is_said_once_when_it_begins_and_once_when_it_ends(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        stalled = Stalled(spine)
        stalled.failure = StoreUnavailable("the disk is full")
        for _ in range(5):
            with pytest.raises(StoreUnavailable):
                await spine.take(of("ins-1"))
        stalled.failure = None
        await spine.take(of("ins-1"))
        await spine.take(of("ins-2"))
        assert [(line["event"], line.get("reason", line.get("trouble"))) for line in spine.logs] == [
            ("the store cannot be written", "the disk is full"),
            ("the store can be written again", "the disk is full"),
        ]


@pytest.mark.parametrize("limit", ["a full disk", "a lock"])
@virtual
async def test_what_sqlite_refuses_is_trouble_in_words_that_passes(limit, tmp_path, clock, monkeypatch):
    monkeypatch.setattr(opening, "engine", partial(engines.engine, wait_seconds=0.01))
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        await spine.take(of("ins-1"))
        with closing(sqlite3.connect(spine.path, timeout=0)) as other:
            words = await hinder(spine, other, limit)
            with pytest.raises(StoreUnavailable) as caught:
                await spine.take(of("ins-2", padding="x" * 100_000))
            assert str(caught.value) == spine.writer.trouble == f"the store cannot be written: {words}"
            await relieve(spine, other, limit)
        assert (await spine.take(of("ins-2"))).outcome == "triggered"
        assert spine.writer.trouble == ""
        assert [line["event"] for line in spine.logs if "exc_info" in line] == []


async def hinder(spine, other, limit):
    if limit == "a lock":
        other.execute("BEGIN IMMEDIATE")
        return "database is locked"
    await allow(spine, "page_count")
    return "database or disk is full"


async def relieve(spine, other, limit):
    if limit == "a lock":
        other.rollback()
    else:
        await allow(spine, "max_page_count = 1000000")


async def allow(spine, pages):
    """Let the database have so many pages, or no more than it has."""

    def allow_it(engine):
        with engine.connect() as connection:
            most = connection.exec_driver_sql(f"PRAGMA {pages}").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {most}")

    for engine in (spine.store._writing, spine.store._at_once):
        await asyncio.to_thread(allow_it, engine)


@virtual
async def test_results_of_a_time_of_trouble_are_stored_in_their_order(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        judgements = await asyncio.gather(*(spine.take(of(f"ins-{number}")) for number in range(40)))
        stalled = Stalled(spine)
        stalled.failure = StoreUnavailable("the disk is full")
        results = []
        for judgement in judgements:
            results.append(spine.writer.finish(sent(judgement)))
            await clock.sleep(0.2)
        stalled.failure = None
        await asyncio.gather(*results)
        stored = [id_ for (id_,) in spine.rows("SELECT delivery_id FROM attempts ORDER BY id")]
        assert stored == [judgement.deliveries[0].id for judgement in judgements]


@virtual
async def test_a_fault_of_the_bridges_own_is_said_with_its_traceback_and_the_writer_goes_on(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        stalled = Stalled(spine)
        stalled.failure = LookupError("made up")
        with pytest.raises(StoreUnavailable, match=r"^the store failed \(LookupError\)$"):
            await spine.take(of("ins-1"))
        stalled.failure = None
        assert (await spine.take(of("ins-1"))).outcome == "triggered"
        assert [line["event"] for line in spine.logs if line.get("exc_info")] == ["the store failed"]


@virtual
async def test_what_reached_the_disk_before_the_rest_of_its_batch_was_refused_is_told(tmp_path, clock, monkeypatch):
    """One by one, since they cannot be stored together; the disk is full after the first."""
    async with a_spine(tmp_path, CONFIG, clock) as spine:
        await spine.settle(1)
        write, left = spine.store._write, [LookupError("made up"), None, None, StoreUnavailable("full")]

        def fails(*work):
            if error := left.pop(0):
                raise error
            return write(*work)

        monkeypatch.setattr(spine.writer, "_begun_or_none", lambda: None)  # else the quick way comes first
        monkeypatch.setattr(spine.store, "_write", fails)
        first = await asyncio.gather(*(spine.take(of(f"ins-{number}")) for number in (1, 2)), return_exceptions=True)
        assert [type(one) for one in first] == [StoreUnavailable] * 2
        monkeypatch.undo()
        await spine.settle(1)
        assert [(await spine.take(of(f"ins-{number}"))).outcome for number in (2, 1, 3)] == [
            "triggered", "duplicate", "triggered"
        ]  # fmt: skip
        await spine.settle(60)
        assert spine.rows("SELECT object_id FROM episodes ORDER BY id") == [("ins-1",), ("ins-2",), ("ins-3",)]
        assert spine.deliveries("deliveries.state") == [("sent",)] * 3


@virtual
async def test_new_deliveries_are_handed_to_their_workers_in_order_and_jobs_wake_them(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False) as spine:
        handed = []
        spine.writer.on_work = lambda written: handed.extend(written.deliveries)
        judgements = await asyncio.gather(*(spine.take(of(f"ins-{number}")) for number in range(50)))
        assert handed == [one.deliveries[0] for one in judgements]
        handed.clear()
        await spine.receive(26 * 3600)
        assert [one.event.state.value for one in handed] == ["expired"] * 50
