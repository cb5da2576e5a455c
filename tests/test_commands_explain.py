"""`alarm-bridge explain`: one alarm's life in plain words."""

import asyncio
import re

import pytest
from sqlalchemy import event

from bridge.message import Answer
from bridge.store.asking import ask
from bridge.store.lives import Lives
from tests.fakes.asked import CONFIG, Asked, asked, of, over
from tests.fakes.endpoint import Behaviour, serve_endpoint
from tests.fakes.scripted import Scripted, a_verdict, in_turn, scripted
from tests.fakes.slack import TOKEN
from tests.fakes.spine import a_spine, sample
from tests.fakes.virtual import virtual

DEAF = CONFIG.replace("ops: {type: terminal}", 'ops: {type: webhook, url: "http://127.0.0.1:9/"}')
DATABASE = "capture-2021-mysql-cpu-triggered"


async def lives(spine):
    """An alarm that repeats, is re-sent, is replaced and recovers; a silent one; a deaf channel; an unread body."""
    await spine.take(of("ins-a"))
    await spine.settle(60)
    await spine.take(of("ins-a"))
    await spine.take(of("ins-a", sessionId="later", durationTime=300))
    await spine.take(of("ins-quiet"))
    await spine.settle(60)
    await spine.take(of("ins-a", sessionId="next", firstOccurTime="2021-05-11 20:33:00"))
    await spine.take(over("ins-a", firstOccurTime="2021-05-11 20:33:00"))
    await spine.take(sample("template-body-triggered"))
    await spine.take(sample(DATABASE))
    await spine.settle(2)


@pytest.fixture(scope="module")
def asking(tmp_path_factory):
    return asked(tmp_path_factory.mktemp("lives"), lives, config=DEAF)


def told(asking, *arguments):
    """Run `explain`; give its lines with ids and short ids by their kind."""
    result = asking("explain", *arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    text = re.sub(r"\b(callback|delivery) \d{19}", r"\1 ID", result.stdout)
    return [line.rstrip() for line in text.replace(str(asking.place), "HERE").splitlines()]


def alarm(asking, object_id, place=0):
    found = [one for one in asking.json("alarms", "--phase", "all") if one["object_id"] == object_id]
    return found[place]["id"]


def test_a_life_is_told_from_what_came_to_what_was_answered(asking):
    first, second = alarm(asking, "ins-a", 1), alarm(asking, "ins-a", 0)
    assert told(asking, first) == [
        f"{first}  MemoryUtilization · ins-a · Default",
        "replaced, began 2021-05-11 20:31:00 (Asia/Shanghai), repeated 1 time",
        "2021-05-11 20:32:33  came in (callback ID, session session-ins-a)",
        "                       triggered: a new alarm",
        "                       routes, as the config is today:",
        '                         no   quiet      object_id is "ins-a", which does not match "ins-quiet"',
        '                         no   databases  product is "cvm", which does not match "cdb"',
        "                         none matches: default_channels, here",
        "                       here: post of triggered, by default_channels, delivery ID: sent",
        "2021-05-11 20:32:33      attempt: sent, the answer was: printed",
        "2021-05-11 20:33:33  came in (callback ID, session session-ins-a)",
        "                       duplicate: Tencent Cloud sent the same one before, less than a day ago",
        "2021-05-11 20:33:33  came in (callback ID, session later)",
        "                       repeat: still firing",
        "                       routes, as the config is today: as above",
        "                       here: post of repeat, by default_channels, delivery ID: sent",
        "2021-05-11 20:33:33      attempt: sent, the answer was: printed",
        f"2021-05-11 20:34:33  replaced: by {second}, which began later",
        "                       here: post of replaced, by default_channels, delivery ID: sent",
        "2021-05-11 20:34:33      attempt: sent, the answer was: printed",
        "No bridge serves HERE/alarm-bridge.db now.",
    ]


def test_who_is_told_nothing_hears_why(asking):
    lines = told(asking, "ins-quiet")
    assert lines[3].endswith("told nowhere: no route gives it a channel")
    assert lines[5] == ('                         yes  quiet      object_id is "ins-quiet", which matches "ins-quiet"')
    assert lines[6] == '                         no   databases  not reached: "quiet" decided'
    assert lines[7] == "                       nobody is told of it"
    assert re.fullmatch(
        r"next: it expires if nothing is heard of it in the next 26 h in which the bridge receives; "
        r"`alarm-bridge close \w{6}` closes it",
        lines[8],
    )


def test_each_attempt_is_told_and_what_happens_next(asking):
    short_id = next(one["alarm"] for one in asking.json("callbacks") if one["object_id"].startswith("4f6b1d28"))
    lines = told(asking, short_id)
    refused = "no connection to 127.0.0.1:9: Connection refused"
    assert lines[7:] == [
        f"                       ops: post of triggered, by route databases, delivery ID: waiting: {refused}",
        f"2021-05-11 20:34:33      attempt: retry, the answer was: {refused}",
        f"2021-05-11 20:34:34      attempt: retry, the answer was: {refused}",
        "                         next: stays until a bridge serves this store: none does now",
        (
            f"next: it expires if nothing is heard of it in the next 26 h in which the bridge receives; "
            f"`alarm-bridge close {short_id}` closes it"
        ),
        "No bridge serves HERE/alarm-bridge.db now.",
    ]


@virtual
async def test_a_recovery_whose_trigger_was_never_heard_was_routed_and_shows_by_what(tmp_path, clock):
    async with a_spine(tmp_path, CONFIG, clock) as spine:
        await spine.take(over("ins-a"))
        await spine.settle(60)
        lines = await asyncio.to_thread(told, Asked(place=tmp_path), "ins-a")
    assert lines[3:5] == [
        "                       recovered: the end of an alarm whose trigger was never heard",
        "                       routes, as the config is today:",
    ]


@pytest.mark.parametrize("named", ["session", "object_id", "alarm", "id"])
def test_an_alarm_is_found_by_each_of_its_ids(asking, named):
    came = next(one for one in asking.json("callbacks") if one["object_id"] == "ins-quiet")
    id_ = came["session_id"] if named == "session" else came[named]
    assert told(asking, id_)[0] == f"{came['alarm']}  MemoryUtilization · ins-quiet · Default"


def test_of_a_policy_with_several_alarms_all_are_listed_and_the_newest_is_told(asking):
    lines = told(asking, "policy-w0k4d7sr")
    assert [line.split()[0] for line in (*lines[:4], lines[6])] == [
        "ID", alarm(asking, "ins-a"), alarm(asking, "ins-quiet"), alarm(asking, "ins-a", 1), alarm(asking, "ins-a")
    ]  # fmt: skip
    assert lines[4] == "3 alarms; the newest:"


def test_a_delivery_s_id_leads_to_its_alarm(asking):
    one = asking.json("deliveries", "--channel", "ops")[0]
    assert told(asking, one["id"])[0].startswith(one["alarm"])


def test_a_body_that_nobody_could_read_has_a_life_too(asking):
    id_ = asking.json("callbacks", "--outcome", "unrecognised")[0]["id"]
    lines = told(asking, id_)
    assert lines[0] == "2021-05-11 20:34:33  came in (callback ID)"
    assert lines[1].startswith("                       unrecognised: the body is a JSON object, but no alarm")
    assert lines[2] == "                       here: post of unrecognised, by default_channels, delivery ID: sent"


def test_as_json_it_holds_the_same(asking):
    found = asking.json("explain", "ins-quiet")
    (life,) = found["lives"]
    assert [one["id"] for one in found["alarms"]] == [life["alarm"]]
    assert found["served"] is False
    (came,) = life["callbacks"]
    assert came["routes_today"] == [
        {"name": "quiet", "matched": True, "why": 'object_id is "ins-quiet", which matches "ins-quiet"'},
        {"name": "databases", "matched": False, "why": 'not reached: "quiet" decided'},
    ]
    assert came["channels_today"] == []
    assert [(one["state"], one["deliveries"]) for one in life["events"]] == [("triggered", [])]
    ops = asking.json("explain", asking.json("deliveries", "--channel", "ops")[0]["id"])["lives"][0]
    (delivery,) = ops["events"][0]["deliveries"]
    assert [one["answer"] for one in delivery["attempts"]] == ["retry", "retry"]
    assert delivery["next"] == "stays until a bridge serves this store: none does now"


def test_what_is_not_stored_is_said(asking):
    result = asking("explain", "ins-nobody")
    assert (result.exit_code, result.stdout, result.stderr) == (
        1,
        "",
        "ins-nobody: nothing of this id is stored: no alarm, session, object, policy, callback or delivery; nor is it an object's name in the last 100,000 callbacks\n",
    )


def read_life(path):
    lives = Lives(ask(path).connection)
    life = lives.life(lives.named("ins-a", 1)[0])
    lives.connection.close()
    return life


@virtual
async def test_a_life_has_all_that_the_store_has_of_it(tmp_path, clock):
    """Each row is found, though the indexes hold the exceptions alone: compared with a look through all tables."""
    async with serve_endpoint() as endpoint:
        endpoint.next.extend([Behaviour(status=500), Behaviour(status=500)])
        text = CONFIG.replace("here: {type: terminal}", f'here: {{type: webhook, url: "{endpoint.url()}"}}')
        async with a_spine(tmp_path, text, clock) as spine:
            await spine.take(of("ins-a"))
            await spine.settle(600)
            for minute in (300, 900):
                await spine.take(of("ins-a", sessionId=str(minute), durationTime=minute))
                await spine.settle(600)
            await spine.take(over("ins-a", durationTime=1200, recoverTime="2021-05-11 20:51:00"))
            await spine.settle(60)
            await spine.take(of("ins-a", sessionId="again", durationTime=3600))
            await spine.settle(3600)
            await spine.receive(27 * 3600)
            await spine.settle(60)
            life = await asyncio.to_thread(read_life, spine.path)
            carried = [one for event in life.told for one in event.deliveries]
            assert [one.id for one in life.callbacks] == [id_ for (id_,) in spine.rows("SELECT id FROM callbacks")]
            assert [one.event.id for one in life.told] == [id_ for (id_,) in spine.rows("SELECT id FROM events")]
            assert [one.delivery.id for one in carried] == [id_ for (id_,) in spine.rows("SELECT id FROM deliveries")]
            made = sorted(attempt.id for one in carried for attempt in one.attempts)
            assert made == [id_ for (id_,) in spine.rows("SELECT id FROM attempts ORDER BY id")]
            assert [one.event.state for one in life.told] == [
                "triggered", "repeat", "repeat", "recovered", "triggered", "expired"
            ]  # fmt: skip


def test_no_question_of_a_life_looks_through_a_table(asking):
    lives = Lives(ask(asking.place / "alarm-bridge.db").connection)
    asked_for = []
    event.listen(lives.connection, "before_cursor_execute", lambda *seen: asked_for.append(seen[2:4]))
    lives.life(lives.named(asking.json("alarms")[0]["id"], 1)[0])
    questions = list(asked_for)
    plans = [
        row[3]
        for statement, values in questions
        for row in lives.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
    ]
    lives.connection.close()
    assert len(questions) > 10
    large = {"callbacks", "episodes", "events", "deliveries", "attempts"}
    assert [line for line in plans if line.startswith("SCAN") and line.split()[1] in large] == []
    assert {word for line in plans for word in line.split() if word.startswith("ix_")} >= {
        "ix_callbacks_later",
        "ix_events_no_trigger",
        "ix_deliveries_not_at_once",
    }


@virtual
async def test_what_a_digest_told_shows_the_digests_own_call(tmp_path, clock):
    chat = Scripted(clock, in_turn(a_verdict(Answer.RETRY, after_seconds=30)))
    text = CONFIG.replace("here: {type: terminal}", f'here: {{type: slack, token: {TOKEN}, channel: "#ops"}}')
    async with a_spine(tmp_path, text, clock, change=scripted(clock, {"here": chat})) as spine:
        await asyncio.gather(*(spine.take(of(f"ins-{number}")) for number in range(30)))
        await spine.settle(300)
        ((digest,),) = spine.rows(
            "SELECT id FROM deliveries WHERE event_id IN (SELECT id FROM events WHERE state = 'digest')"
        )
        asking = Asked(place=tmp_path)
        told_one = (await asyncio.to_thread(asking, "explain", "ins-7")).stdout.splitlines()
        told_all = (await asyncio.to_thread(asking, "explain", str(digest))).stdout.splitlines()
        record = await asyncio.to_thread(asking.json, "explain", "ins-7")
    place = next(
        place for place, line in enumerate(told_one) if f"digested: told in a digest: delivery {digest}" in line
    )
    assert told_one[place + 1].strip() == "next: nothing by itself: the digest tells of it"
    assert told_one[place + 2].strip() == f"here: post of digest, delivery {digest}: sent"
    assert told_one[place + 3].endswith("attempt: sent, the answer was: ok")
    assert f"here: post of digest, delivery {digest}: sent" in told_all[1]
    (delivery,) = record["lives"][0]["events"][0]["deliveries"]
    assert [one["id"] for one in delivery["digest"]] == [str(digest)]


@pytest.mark.parametrize("command", ["explain", "replay"])
@pytest.mark.parametrize("id_", [str(2**63), "9" * 19, "9" * 40, "\u0663" * 16, "\u00b2" * 16])
def test_a_number_that_no_store_can_hold_is_nobodys_id(asking, command, id_):
    result = asking(command, id_)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"{id_}: no")


@pytest.mark.parametrize("nothing", ["", " "])
def test_an_empty_id_is_wrong_usage_and_not_the_alarm_of_a_policy_without_one(asking, nothing):
    assert asking("explain", nothing).exit_code == 2
