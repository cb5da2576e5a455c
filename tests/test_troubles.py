"""The bridge's own alarms: told once, repeated daily, recovered when over, and never to whom they are about."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from bridge import sources
from bridge.message import Answer
from bridge.store import Overloaded, StoreUnavailable
from bridge.trouble import Trouble
from tests.fakes.scripted import SENT, Scripted, a_verdict, scripted
from tests.fakes.spine import a_body, a_spine
from tests.fakes.virtual import START, virtual

BROKEN = a_verdict(Answer.BROKEN)
DAY = 86400
GONE = "DELETE FROM deliveries WHERE channel = 'ops'"
OPERATIONS = Path(__file__).parents[1] / "docs" / "operations.md"
CONFIG = """
server: {auth: off}
channels:
  ops: {type: slack, token: xoxb-made-up, channel: "#ops"}
  here: {type: webhook, url: "http://127.0.0.1:9/"}
routes: [{match: {kind: "!bridge"}, channels: [ops]}]
default_channels: [here]
"""


def own(spine):
    """Give state, trouble and object of the bridge's own events, in order."""
    found = spine.rows(
        "SELECT events.state, subject, object_id FROM events JOIN episodes ON episodes.id = events.episode_id "
        "WHERE kind = 'bridge' ORDER BY events.id"
    )
    return [" ".join(row).strip() for row in found]


def told(spine):
    """Give channel, state and trouble of the deliveries of the bridge's own alarms."""
    found = spine.rows(
        "SELECT channel, events.state, subject FROM deliveries JOIN events ON events.id = event_id "
        "JOIN episodes ON episodes.id = events.episode_id WHERE kind = 'bridge' ORDER BY deliveries.id"
    )
    return [" ".join(row) for row in found]


@virtual
async def test_a_broken_channel_is_told_once_repeated_daily_and_recovered_when_it_is_mended(tmp_path, clock):
    ops, here = Scripted(clock, lambda _: BROKEN), Scripted(clock)
    change = scripted(clock, {"ops": ops, "here": here}, give_up_after=timedelta(days=9))
    async with a_spine(tmp_path, CONFIG, clock, change=change, own_alarms=True) as spine:
        await spine.take(a_body())
        await spine.settle(10)
        assert here.told() == ["triggered 2"]
        assert own(spine) == ["triggered channel_broken ops"]
        assert spine.rows("SELECT occurred_at - started_at FROM events WHERE callback_id > 0")[-1] == (0,)
        assert [one["trouble"] for one in spine.troubles.lasting] == ["channel_broken"]
        await spine.settle(DAY - 60)
        assert here.told() == ["triggered 2"]
        await spine.settle(120)
        assert here.told() == ["triggered 2", "repeat 2"]
        ops.answers = lambda _: SENT
        await spine.settle(3600)
        assert here.told() == ["triggered 2", "repeat 2", "recovered 2"]
        assert spine.troubles.lasting == []
        began, ended = spine.rows("SELECT started_at, recovered_at FROM episodes WHERE kind = 'bridge'")[0]
        assert DAY < (ended - began) / 1000 < DAY + 3700
        assert spine.rows("SELECT DISTINCT outcome FROM callbacks ORDER BY 1") == [
            ("recovered",), ("repeat",), ("triggered",)
        ]  # fmt: skip


@virtual
async def test_a_trouble_that_goes_on_after_a_restart_is_not_told_again_and_one_that_is_over_recovers(tmp_path, clock):
    ops, here = Scripted(clock, lambda _: BROKEN), Scripted(clock)
    change = scripted(clock, {"ops": ops, "here": here})
    async with a_spine(tmp_path, CONFIG, clock, change=change, own_alarms=True) as spine:
        await spine.take(a_body())
        await spine.settle(10)
        spine.troubles.trouble(Trouble.RELOAD_FAILED, words="config.yaml:3:1: wrong")
        await spine.settle(10)
        assert own(spine) == ["triggered channel_broken ops", "triggered reload_failed"]
    async with a_spine(tmp_path, CONFIG, clock, change=change, own_alarms=True) as spine:
        await spine.settle(60)
        assert own(spine)[2:] == ["recovered reload_failed"]
        ops.answers = lambda _: SENT
        await spine.settle(300)
        assert own(spine)[3:] == ["recovered channel_broken ops"]
    assert here.told() == ["triggered 2", "triggered 3", "recovered 3", "recovered 2"]


@virtual
async def test_what_was_open_of_a_channel_that_the_config_has_no_more_recovers(tmp_path, clock):
    ops, here = Scripted(clock, lambda _: BROKEN), Scripted(clock)
    async with a_spine(
        tmp_path, CONFIG, clock, change=scripted(clock, {"ops": ops, "here": here}), own_alarms=True
    ) as spine:
        await spine.take(a_body())
        await spine.settle(10)
    without = "server: {auth: off}\nchannels: {here: {type: terminal}}\ndefault_channels: [here]\n"
    async with a_spine(tmp_path, without, clock, change=scripted(clock, {"here": here}), own_alarms=True) as spine:
        await spine.settle(10)
        assert own(spine) == ["triggered channel_broken ops", "recovered channel_broken ops"]
        await spine.settle(600)
        assert own(spine)[2:] == ["triggered queue_old ops"]
        assert spine.troubles.lasting[0]["reason"].endswith("; the config has no such channel")
    async with a_spine(tmp_path, without, clock, change=scripted(clock, {"here": here}), own_alarms=True) as spine:
        await spine.settle(600)
        assert own(spine)[2:] == ["triggered queue_old ops"]
        await spine.writer.do(lambda connection: connection.exec_driver_sql(GONE).close())
        await spine.settle(60)
        assert own(spine)[3:] == ["recovered queue_old ops"]


THREE = """
server: {auth: off}
channels:
  ops: {type: terminal%s}
  dba: {type: terminal}
  here: {type: terminal}
routes: %s
default_channels: %s
"""


@pytest.mark.parametrize(
    ("fallback", "routes", "default", "channels"),
    [
        ("", "[]", "[ops, here]", ["here"]),
        ("", "[]", "[ops]", []),
        (", fallback: dba", "[]", "[ops]", ["dba"]),
        (", fallback: dba", "[]", "[here, ops, dba]", ["here", "dba"]),
        ("", "[{match: {kind: bridge}, channels: [dba]}]", "[here]", ["dba"]),
        ("", "[{match: {kind: bridge}, channels: [ops]}]", "[here]", ["here"]),
        ("", "[{match: {kind: bridge, event: channel_broken, object_id: ops}, channels: []}]", "[here]", []),
        ("", "[{match: {dimensions.channel: ops, severity: serious}, channels: [ops, dba]}]", "[here]", ["dba"]),
    ],
)
@virtual
async def test_routes_may_match_it_and_the_channel_that_it_is_about_is_never_told(
    fallback, routes, default, channels, tmp_path, clock
):
    text = THREE % (fallback, routes, default)
    async with a_spine(tmp_path, text, clock, workers=False, own_alarms=True) as spine:
        spine.troubles.trouble(Trouble.CHANNEL_BROKEN, "ops", "invalid_auth")
        await spine.settle(1)
        assert told(spine) == [f"{channel} triggered channel_broken" for channel in channels]
        (line,) = spine.logged("an alarm of the bridge's own")
        assert line["log_level"] == ("info" if channels else "error")
        assert line["channels"] == channels
        spine.troubles.over(Trouble.CHANNEL_BROKEN, "ops")
        await spine.settle(1)
        assert told(spine)[len(channels) :] == [f"{channel} recovered channel_broken" for channel in channels]


@virtual
async def test_what_is_said_twice_is_heard_once_and_what_was_not_wrong_is_not_over(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False, own_alarms=True) as spine:
        spine.troubles.over(Trouble.DIGESTING, "ops")
        for _ in range(3):
            spine.troubles.trouble(Trouble.DIGESTING, "ops", "25 wait")
            await spine.settle(10)
        assert own(spine) == ["triggered digesting ops"]
        for _ in range(3):
            spine.troubles.over(Trouble.DIGESTING, "ops")
            await spine.settle(10)
        assert own(spine)[1:] == ["recovered digesting ops"]


@virtual
async def test_a_trouble_that_came_back_before_its_end_was_told_just_goes_on(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False, own_alarms=True) as spine:
        spine.troubles.trouble(Trouble.DIGESTING, "ops")
        await spine.settle(1)
        spine.troubles.over(Trouble.DIGESTING, "ops")
        spine.troubles.trouble(Trouble.DIGESTING, "ops")
        await spine.settle(60)
        assert own(spine) == ["triggered digesting ops"]


@virtual
async def test_a_trouble_that_came_again_is_told_again_also_on_a_clock_that_was_set_back(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False, own_alarms=True) as spine:
        for _ in range(3):
            spine.troubles.trouble(Trouble.DIGESTING, "ops")
            await spine.settle(1)
            spine.troubles.over(Trouble.DIGESTING, "ops")
            await spine.settle(1)
            clock.shift -= timedelta(hours=2)
        assert own(spine) == ["triggered digesting ops", "recovered digesting ops"] * 3


@virtual
async def test_a_trouble_that_comes_after_a_restart_is_told_though_the_clock_was_set_back_meanwhile(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False, own_alarms=True) as spine:
        spine.troubles.trouble(Trouble.DIGESTING, "ops")
        await spine.settle(1)
        spine.troubles.over(Trouble.DIGESTING, "ops")
        await spine.settle(1)
    clock.shift -= timedelta(hours=1)
    async with a_spine(tmp_path, CONFIG, clock, workers=False, own_alarms=True) as spine:
        spine.troubles.trouble(Trouble.DIGESTING, "ops")
        await spine.settle(1)
        assert own(spine) == ["triggered digesting ops", "recovered digesting ops", "triggered digesting ops"]
        spine.troubles.over(Trouble.DIGESTING, "ops")
        await spine.settle(1)
        assert own(spine)[3:] == ["recovered digesting ops"]


@virtual
async def test_a_trouble_that_came_back_while_its_end_was_stored_more_slowly_than_anybody_waits_is_told(
    tmp_path, clock
):
    """Whoever waits for the end hears that it was not stored; it was."""
    async with a_spine(tmp_path, CONFIG, clock, workers=False, own_alarms=True) as spine:
        spine.troubles.trouble(Trouble.DIGESTING, "ops")
        await spine.settle(1)
        record = spine.troubles._record

        async def too_late(callback):
            spine.troubles._record = record
            await record(callback)
            spine.troubles.trouble(Trouble.DIGESTING, "ops")
            raise Overloaded("the store did not take it within 3 s")

        spine.troubles._record = too_late
        spine.troubles.over(Trouble.DIGESTING, "ops")
        await spine.settle(5)
        assert own(spine) == ["triggered digesting ops", "recovered digesting ops", "triggered digesting ops"]


@virtual
async def test_so_is_one_that_is_told_only_when_it_is_over(tmp_path, clock):
    for _ in range(2):
        async with a_spine(tmp_path, CONFIG, clock, workers=False, own_alarms=True) as spine:
            spine.troubles.trouble(Trouble.STORE_FAILING)
            spine.troubles.over(Trouble.STORE_FAILING)
            await spine.settle(120)
        clock.shift -= timedelta(hours=1)
    assert own(spine) == ["recovered store_failing"] * 2


@pytest.mark.parametrize("trouble", [Trouble.DEAD_LETTERS, Trouble.TEMPLATE_FAILING])
@virtual
async def test_what_nobody_sees_the_end_of_is_over_an_hour_after_it_was_last_seen(trouble, tmp_path, clock):
    change = scripted(clock, {"here": Scripted(clock)})
    async with a_spine(tmp_path, CONFIG, clock, change=change, own_alarms=True) as spine:
        spine.troubles.trouble(trouble, "ops", "one")
        await spine.settle(3000)
        spine.troubles.trouble(trouble, "ops", "two")
        await spine.settle(3500)
        assert own(spine) == [f"triggered {trouble} ops"]
        await spine.settle(200)
        assert own(spine)[1:] == [f"recovered {trouble} ops"]


@virtual
async def test_a_dead_letter_is_told_with_the_platforms_words_but_not_one_of_the_bridges_own(tmp_path, clock):
    ops = Scripted(clock, lambda _: a_verdict(Answer.REJECTED, said="400 Bad Request"))
    here = Scripted(clock, lambda _: a_verdict(Answer.REJECTED, said="400 No"))
    change = scripted(clock, {"ops": ops, "here": here})
    async with a_spine(tmp_path, CONFIG, clock, change=change, own_alarms=True) as spine:
        short_id = (await spine.take(a_body())).events[0].short_id
        await spine.settle(600)
        assert own(spine) == ["triggered dead_letters ops"]
        assert spine.troubles.lasting[0]["reason"] == f"{short_id} triggered: 400 Bad Request"
        assert [state for (state,) in spine.rows("SELECT state FROM deliveries")] == ["dead", "dead"]


@virtual
async def test_a_queue_that_does_not_move_is_told_after_5_minutes_unless_its_channel_is_known_to_be_broken(
    tmp_path, clock
):
    ops, here = Scripted(clock, lambda _: a_verdict(Answer.RETRY, after_seconds=1000)), Scripted(clock)
    change = scripted(clock, {"ops": ops, "here": here})
    async with a_spine(tmp_path, CONFIG, clock, change=change, own_alarms=True) as spine:
        await spine.take(a_body())
        await spine.settle(290)
        assert own(spine) == []
        await spine.settle(50)
        assert own(spine) == ["triggered queue_old ops"]
        assert spine.troubles.lasting[0]["reason"] == "1 waiting, the oldest for 5 min"
        ops.answers = lambda _: BROKEN
        await spine.settle(1000)
        assert own(spine)[1:] == ["triggered channel_broken ops", "recovered queue_old ops"]
        ops.answers = lambda _: SENT
        await spine.settle(1000)
        assert own(spine)[3:] == ["recovered channel_broken ops"]


@virtual
async def test_a_store_that_could_not_be_written_is_told_when_it_was_well_for_a_minute_with_both_times(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False, own_alarms=True) as spine:
        works = fail(spine.store)
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                await spine.take(a_body())
            await spine.settle(300)
        assert [one["trouble"] for one in spine.troubles.lasting] == ["store_failing"]
        assert spine.troubles.lasting[0]["reason"] == "the disk is full"
        works()
        await spine.take(a_body())
        await spine.settle(50)
        assert own(spine) == []
        await spine.settle(50)
        assert own(spine) == ["recovered store_failing"]
        (event,) = spine.rows(
            "SELECT (recovered_at - started_at) / 1000, unheard FROM events WHERE state = 'recovered'"
        )
        assert event == (pytest.approx(600, abs=3), 1)


@virtual
async def test_a_store_that_refused_one_callback_and_took_the_next_is_told_of_too(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False, own_alarms=True) as spine:
        await spine.settle(5.2)
        works = fail(spine.store)
        with pytest.raises(StoreUnavailable):
            await spine.take(a_body())
        works()
        await spine.settle(0.6)
        await spine.take(a_body())
        assert spine.writer.trouble == ""
        await spine.settle(70)
        assert own(spine) == ["recovered store_failing"]
        assert spine.rows("SELECT count(*) FROM events WHERE state = 'recovered'") == [(1,)]


def fail(store):
    """Let a store take nothing until what this gives is called."""
    write, begin = store.write, store.begin
    store.write = store.begin = refuses

    def works():
        store.write, store.begin = write, begin

    return works


def refuses(*_):
    raise StoreUnavailable("the disk is full")


@virtual
async def test_an_alarm_of_its_own_waits_for_the_store_and_is_stored_once(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False, own_alarms=True) as spine:
        works = fail(spine.store)
        spine.troubles.trouble(Trouble.DIGESTING, "ops")
        await spine.settle(30)
        works()
        await spine.settle(10)
        assert own(spine) == ["triggered digesting ops"]


@virtual
async def test_nobody_outside_can_say_that_the_bridge_has_a_trouble_or_that_it_is_over(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock, workers=False, own_alarms=True) as spine:
        spine.troubles.trouble(Trouble.CHANNEL_BROKEN, "ops", "invalid_auth")
        await spine.settle(1)
        ((body,),) = spine.rows("SELECT body FROM callbacks")
        forged = json.loads(body)
        forged["alarm-bridge"]["status"] = "over"
        assert sources.read(body, START).alarm is None
        assert (await spine.take(json.dumps(forged).encode())).outcome == "unrecognised"
        judged = await spine.take(a_body(alarmType="Bridge", **forged))
        assert judged.alarm is not None
        assert (judged.outcome, judged.alarm.kind) == ("triggered", "metric")
        assert [one.channel for one in judged.deliveries] == ["ops"]
        assert own(spine) == ["triggered channel_broken ops"]


@virtual
async def test_a_template_that_fails_is_told_where_and_why_and_is_over_when_it_works_again(tmp_path, clock):
    own_set = tmp_path / "templates" / "terminal"
    own_set.mkdir(parents=True)
    (own_set / "triggered.txt.j2").write_text("{% if alarm.severity == 'serious' %}{{ 1 // 0 }}{% endif %}fine")
    text = THREE % ("", "[{match: {kind: '!bridge'}, channels: [ops]}]", "[here]")
    async with a_spine(tmp_path, text, clock, own_alarms=True) as spine:
        await spine.take(a_body(alarmLevel="Serious"))
        await spine.settle(5)
        assert own(spine) == ["triggered template_failing ops/triggered"]
        assert "/terminal/triggered.txt.j2:1: " in spine.troubles.lasting[0]["reason"]
        assert spine.out.getvalue().startswith("▲ Triggered · serious · MemoryUtilization · ")
        await asyncio.sleep(1)
        await spine.take(a_body(sessionId="b", object={"dimensions": {"unInstanceId": "ins-2"}}))
        await spine.settle(5)
        assert own(spine)[1:] == ["recovered template_failing ops/triggered"]
        assert spine.out.getvalue().count("fine\n") == 1


def test_each_trouble_is_documented():
    rows = [line for line in OPERATIONS.read_text("utf-8").splitlines() if line.startswith("| `")]
    assert [
        f"| `{trouble}` |" for trouble in Trouble if not any(row.startswith(f"| `{trouble}` |") for row in rows)
    ] == []
