"""A chat in a storm, with a real store: what is posted, where the ends are told, and what a restart finds."""

import asyncio
import re
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random

import pytest

from bridge.alarm import State
from bridge.message import Answer, Message
from bridge.store.requests import What
from tests.fakes.scripted import Scripted, a_verdict, counted, in_turn, scripted
from tests.fakes.slack import TOKEN, Trouble, serve_slack
from tests.fakes.spine import a_body, a_spine
from tests.fakes.virtual import run, virtual
from tests.test_requests import request

CONFIG = """
server: {auth: off}
channels:
  ops: {type: slack, token: %s, channel: "#ops", api_url: "%s"%s}
  hook: {type: slack_webhook, url: "%s"}
  here: {type: terminal}
routes:
  - {name: loud, match: {policy_name: loud}, urgent: true, channels: [ops]}
  - {name: calling, match: {policy_name: calling}, mention: {triggered: ["<!here>"]}, channels: [ops]}
  - {name: hooked, match: {policy_name: hooked}, channels: [hook]}
default_channels: [ops]
"""
LATER = Trouble(status=429, headers={"Retry-After": "30"})  # all that comes meanwhile waits
DOWN = a_verdict(Answer.RETRY, after_seconds=60)


@pytest.fixture(autouse=True)
def no_blocking_call_on_a_loop():
    """Let rendering read its templates: each is read on the loop, once, when the first message needs it."""


def of(number, session="a", policy="calm", **changes):
    named = {"policyName": policy, "policyId": f"policy-{policy}"}
    return a_body(sessionId=session, object={"dimensions": {"unInstanceId": f"ins-{number}"}}, policy=named, **changes)


def over(number, policy="calm"):
    return of(number, "r", policy, alarmStatus="0", durationTime=60, recoverTime="2021-05-11 20:32:00")


async def take(spine, *bodies):
    return await asyncio.gather(*(spine.take(body) for body in bodies))


@asynccontextmanager
async def a_storm(folder, clock, more=""):
    """Run a bridge at a strict Slack."""
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(serve_slack(clock=clock.monotonic))
        text = CONFIG % (TOKEN, slack.api_url, more, slack.hook_url)
        yield slack, await stack.enter_async_context(a_spine(folder, text, clock))


def lines(message):
    """Give a message's texts from top to bottom, without stars and backticks."""
    blocks = [*message.content["blocks"], *(block for one in message.content["attachments"] for block in one["blocks"])]
    inner = [block.get("text") or block["elements"][0] for block in blocks]
    return [re.sub(r"[*`]", "", text["text"]) for text in inner]


@virtual
async def test_a_digest_counts_all_that_waited_and_names_it(tmp_path, clock):
    async with a_storm(tmp_path, clock) as (slack, spine):
        slack.next.append(LATER)
        await take(spine, *(of(number) for number in range(30)))
        await spine.settle(60)
        (digest,) = slack.messages
        assert lines(digest)[:4] == [
            "📋 Digest · 30 alarms",
            "30 triggered",
            "calm (policy-calm): 30 triggered",
            "What is open: alarm-bridge alarms --limit 100",
        ]
        named = "\n".join(lines(digest)[4:]).split("\n")
        ids = [short for (short,) in spine.rows("SELECT note FROM deliveries WHERE state = 'digested'")]
        assert len(named) == len(ids) == 30
        assert re.fullmatch(r"\S+ Triggered · MemoryUtilization · ins-\d+ · 90\.683 % · \w{6}", named[0])
        ((delivery, told),) = spine.rows(
            "SELECT deliveries.id, deliveries.event_id FROM deliveries JOIN events ON events.id = event_id"
            " WHERE events.state = 'digest'"
        )
        assert set(ids) == {f"told in a digest: delivery {delivery}"}
        assert spine.rows("SELECT DISTINCT digest FROM deliveries WHERE state = 'digested'") == [(told,)]
        assert counted(spine.metrics, "ops") == {"sent": 1, "retried": 1, "digested": 30}


@virtual
async def test_recoveries_of_what_a_digest_told_are_one_answer_in_its_thread_and_a_later_one_too(tmp_path, clock):
    async with a_storm(tmp_path, clock) as (slack, spine):
        await take(spine, *(of(number) for number in range(30)))
        await spine.settle(60)
        before = len(slack.messages)
        digest = slack.messages[-1]
        await take(spine, *(over(number) for number in range(10, 20)))
        await spine.settle(60)
        await take(spine, over(25))
        await spine.settle(10)
        told = slack.messages[before:]
        assert all(message.thread_ts == digest.ts for message in told)
        texts = [message.text for message in told]
        assert texts[-1].startswith("✅ Recovered · MemoryUtilization · ins-25")
        count = sum(int(found[1]) if (found := re.search(r"(\d+) alarms", text)) else 1 for text in texts)
        assert count == 11
        assert len(told) <= 4
        assert "attachments" in told[-1].content  # in full: the digest says nothing more of this alarm
        assert digest.edits == []


@virtual
async def test_updates_of_single_messages_and_answers_to_them_become_one_digest_alike(tmp_path, clock):
    async with a_storm(tmp_path, clock) as (slack, spine):
        for number in range(30):
            await spine.take(of(number))
            await spine.settle(2)
        assert len(slack.messages) == 30
        slack.next.append(LATER)
        repeats = [of(number, "b", durationTime=300) for number in range(15)]
        await take(spine, *repeats, *(over(number) for number in range(15, 30)))
        await spine.settle(60)
        *singles, digest = slack.messages
        assert digest.text == "📋 Digest · 30 alarms: 15 still firing, 15 recovered"
        assert digest.thread_ts is None
        assert [message.edits for message in singles] == [[]] * 30
        assert spine.rows("SELECT step, count(*) FROM deliveries WHERE state = 'digested' GROUP BY 1") == [
            ("thread", 15), ("update", 30)
        ]  # fmt: skip


@virtual
async def test_a_chat_without_threads_is_told_of_recoveries_in_one_message(tmp_path, clock):
    async with a_storm(tmp_path, clock) as (slack, spine):
        slack.next.append(LATER)
        await take(spine, *(of(number, policy="hooked") for number in range(30)))
        await spine.settle(60)
        before = len(slack.messages)
        assert before == 1
        await take(spine, *(over(number, "hooked") for number in range(30)))
        await spine.settle(60)
        assert 1 <= len(slack.messages) - before <= 4


@virtual
async def test_an_escalation_of_what_a_digest_told_has_a_message_of_its_own(tmp_path, clock):
    async with a_storm(tmp_path, clock) as (slack, spine):
        await take(spine, *(of(number, alarmLevel="Note") for number in range(30)))
        await spine.settle(60)
        await take(spine, of(7, "worse", alarmLevel="Serious", durationTime=300))
        await spine.settle(5)
        last = slack.messages[-1]
        assert last.thread_ts is None
        assert "Escalated" in str(last.content)
        await take(spine, over(7))
        await spine.settle(10)
        (reply,) = slack.replies(last.ts)
        assert "attachments" not in reply.content  # in brief: its message says the rest


@virtual
async def test_urgent_alarms_go_first_and_singly_ten_a_minute_and_the_rest_head_the_digest(tmp_path, clock):
    async with a_storm(tmp_path, clock) as (slack, spine):
        slack.next.append(LATER)
        await take(spine, *(of(number) for number in range(40)))
        await take(spine, *(of(f"u{number}", policy="calling") for number in range(25)))
        await take(spine, of("loud", policy="loud"))
        await spine.settle(60)
        first = [message.text for message in slack.messages[:10]]
        assert all("ins-u" in text for text in first)
        assert all("<!here>" in str(message.content) for message in slack.messages[:10])
        (digest,) = slack.messages[10:]
        assert lines(digest)[1].startswith("56 triggered")
        assert str(digest.content).count("<!here>") == 1
        named = "\n".join(lines(digest)).split("\n")
        urgent = [place for place, line in enumerate(named) if re.search(r"ins-(u\d+|loud) ", line)]
        assert len(urgent) == 16
        assert max(urgent) < min(place for place, line in enumerate(named) if re.search(r"ins-\d+ ", line))


@virtual
async def test_a_digest_that_was_made_and_not_sent_is_told_once_after_a_restart_with_what_came_since(tmp_path, clock):
    channel = Scripted(clock, in_turn(*[DOWN] * 3))
    text = CONFIG % (TOKEN, "http://127.0.0.1:9/api/", "", "http://127.0.0.1:9/services/x")
    told = []

    def render(delivery):
        told.append(delivery.digest)
        return Message(text=f"{delivery.event.state}", plain="")

    for first in (0, 30):
        change = scripted(clock, {"ops": channel}, render=render)
        async with a_spine(tmp_path, text, clock, change=change) as spine:
            await take(spine, *(of(number) for number in range(first, first + 30)))
            await spine.settle(90 if first else 20)
    assert channel.told()[-1] == "digest"
    assert sum(one.alarms for one in told[-1].counts) == 60
    async with a_spine(tmp_path, text, clock, change=scripted(clock, {"ops": channel}, render=render)) as spine:
        await spine.settle(90)
        assert len(channel.told()) == len(told)
        assert {state for (state,) in spine.rows("SELECT DISTINCT state FROM deliveries")} == {"sent", "digested"}


@virtual
async def test_what_a_digest_would_have_told_goes_to_the_fallback_when_the_channel_breaks(tmp_path, clock):
    async with a_storm(tmp_path, clock, more=", fallback: hook") as (slack, spine):
        slack.tokens.clear()
        await take(spine, *(of(number) for number in range(30)))
        await spine.settle(60)
        counts = [int(found[1]) for one in slack.messages if (found := re.search(r"(\d+) alarms", one.text))]
        assert sum(counts) + len(slack.messages) - len(counts) == 30
        await take(spine, *(over(number) for number in range(30)))
        await spine.settle(120)
        assert spine.rows("SELECT count(*) FROM deliveries WHERE state IN ('waiting', 'begun')") == [(0,)]


@virtual
async def test_a_digest_that_waits_when_its_channel_breaks_is_told_by_the_fallback_alarm_by_alarm(tmp_path, clock):
    """One that was made already: its token is revoked while it collects."""
    async with a_storm(tmp_path, clock, more=", fallback: hook") as (slack, spine):
        slack.next.append(LATER)
        await take(spine, *(of(number) for number in range(15)), *(over(number) for number in range(10)))
        await take(spine, *(of(number) for number in range(15, 30)))
        await spine.settle(32)
        assert spine.rows("SELECT count(*) FROM deliveries WHERE state = 'digested'")[0][0] > 29
        slack.tokens.clear()
        await spine.settle(120)
        told = {found for one in slack.messages for found in re.findall(r"ins-\d+", str(one.content))}
        assert told == {f"ins-{number}" for number in range(30)}
        assert spine.rows("SELECT DISTINCT deliveries.state FROM deliveries WHERE channel = 'ops'") == [
            ("moved",), ("superseded",)
        ]  # fmt: skip
        assert spine.rows("SELECT count(*) FROM deliveries WHERE state IN ('waiting', 'begun')") == [(0,)]


@virtual
async def test_the_digest_of_a_chat_that_was_broken_tells_of_what_is_open_and_the_ends_of_what_it_told(tmp_path, clock):
    async with a_storm(tmp_path, clock) as (slack, spine):
        await take(spine, *(of(number) for number in range(2)))
        await spine.settle(60)
        slack.tokens.clear()
        await take(spine, *(of(number) for number in range(2, 40)))
        await take(spine, *(over(number) for number in range(2, 8)))  # before anybody looked at what waits
        await spine.settle(1000)
        await take(spine, *(over(number) for number in range(15)))  # a digest waits that is to tell of them
        slack.tokens.add(TOKEN)
        await spine.settle(4000)
        (digest,) = [one for one in slack.messages if "Digest" in one.text]
        assert lines(digest)[:2] == ["📋 Digest · 27 alarms", "25 triggered, 2 recovered"]
        assert spine.rows("SELECT count(*) FROM deliveries WHERE note LIKE 'it was over before%'") == [(39,)]
        assert spine.rows("SELECT count(*) FROM deliveries WHERE state IN ('waiting', 'begun', 'dead')") == [(0,)]


@virtual
async def test_a_chat_that_was_broken_while_all_came_and_went_hears_of_none_of_it(tmp_path, clock):
    async with a_storm(tmp_path, clock) as (slack, spine):
        slack.tokens.clear()
        await take(spine, *(of(number) for number in range(30)))
        await spine.settle(1000)
        await take(spine, *(over(number) for number in range(30)))
        slack.tokens.add(TOKEN)
        await spine.settle(4000)
        assert slack.messages == []
        await take(spine, of("new"))
        await spine.settle(60)
        assert len(slack.messages) == 1


@virtual
async def test_the_chat_is_at_ease_again_and_says_when_digesting_began_and_ended(tmp_path, clock):
    async with a_storm(tmp_path, clock) as (slack, spine):
        await take(spine, *(of(number) for number in range(30)))
        await spine.settle(60)
        assert [line["log_level"] for line in spine.logged("digests begin") + spine.logged("digests end")] == [
            "warning", "warning"
        ]  # fmt: skip
        before = len(slack.messages)
        await take(spine, *(of(f"later-{number}") for number in range(5)))
        await spine.settle(10)
        assert len(slack.messages) == before + 5


@virtual
async def test_digesting_is_over_when_the_config_wants_no_digests_any_more(tmp_path, clock):
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(serve_slack(clock=clock.monotonic))
        text = CONFIG % (TOKEN, slack.api_url, "%s", slack.hook_url)
        spine = await stack.enter_async_context(a_spine(tmp_path, text % "", clock, own_alarms=True))
        slack.next.append(LATER)
        await take(spine, *(of(number) for number in range(30)))
        await spine.settle(32)
        assert [one["trouble"] for one in spine.troubles.lasting] == ["digesting"]
        await spine.renew(text % ", digest_over: 0")
        await spine.settle(60)
        assert spine.troubles.lasting == []


@virtual
async def test_a_machine_gets_each_event_though_its_channel_was_a_chat_when_they_became_a_digest(tmp_path, clock):
    async with a_storm(tmp_path, clock) as (slack, spine):
        slack.next.append(LATER)
        await take(spine, *(of(number) for number in range(30)))
        await take(spine, *(over(number) for number in range(10)))
        await spine.settle(32)
        ops = f'ops: {{type: slack, token: {TOKEN}, channel: "#ops", api_url: "{slack.api_url}"}}'
        text = CONFIG % (TOKEN, slack.api_url, "", slack.hook_url)
        await spine.renew(text.replace(ops, "ops: {type: terminal}"))
        await spine.settle(60)
        told = [line.split(" · ") for line in spine.out.getvalue().splitlines() if "MemoryUtilization" in line]
        assert sorted({(words[0], words[2]) for words in told}) == sorted(
            [("▲ Triggered", f"ins-{number}") for number in range(30)]
            + [("✔ Recovered", f"ins-{number}") for number in range(10)]
        )


@virtual
async def test_a_digest_that_a_person_sends_again_takes_up_nothing_that_came_since(tmp_path, clock):
    async with a_storm(tmp_path, clock) as (slack, spine):
        slack.next.append(LATER)
        await take(spine, *(of(number) for number in range(30)))
        await spine.settle(60)
        (told,) = slack.messages
        query = "SELECT deliveries.id FROM deliveries JOIN events ON events.id = event_id WHERE events.state = 'digest'"
        ((digest,),) = spine.rows(query)
        slack.next.append(LATER)
        await take(spine, of("new"))
        await spine.settle(1)
        await request(spine, What.REPLAY, digest)
        await take(spine, of("newer"), of(1, "b", durationTime=900))
        await spine.settle(60)
        texts = [message.text for message in slack.messages[1:]]
        assert [text for text in texts if "Digest" in text] == [told.text]
        assert [text.split(" · ")[2] for text in texts if "Digest" not in text] == ["ins-new", "ins-newer"]


@pytest.mark.parametrize("seed", range(3))
def test_every_alarm_is_told_in_its_newest_state_and_every_digest_counts_each_once(seed, tmp_path):
    run(lambda clock: live(tmp_path, clock, Random(seed)))


async def live(folder, clock, random):
    """Let alarms come and go in storms at a chat that fails now and then, and compare with what is in the store."""
    digests = {}

    def render(delivery):
        if delivery.digest:
            digests[delivery.event.id] = delivery.digest
        return Message(text=str(delivery.event.state), plain="")

    channel = Scripted(clock, lambda _call: DOWN if random.random() < 0.3 else a_verdict(Answer.SENT))
    text = CONFIG % (TOKEN, "http://127.0.0.1:9/api/", "", "http://127.0.0.1:9/services/x")
    change = scripted(clock, {"ops": channel}, render=render)
    async with a_spine(folder, text, clock, random=random, change=change) as spine:
        open_: set[int] = set()
        for turn in range(12):
            for number in random.sample(range(80), random.choice([3, 40, 60])):
                if number in open_:
                    open_.discard(number)
                    await spine.take(over(number))
                elif number not in open_ and turn < 8:
                    begun = f"2021-05-11 20:{31 + turn}:00"
                    await spine.take(of(number, f"t{turn}", firstOccurTime=begun))
                    open_.add(number)
            await spine.settle(random.choice([1, 20, 200]))
        await spine.settle(7200)
        assert spine.rows("SELECT count(*) FROM deliveries WHERE state IN ('waiting', 'begun')") == [(0,)]
        check_counts(spine, digests)


def check_counts(spine, digests):
    """Compare each digest that was told with its members' newest events; nothing is told after what is newer."""
    query = """SELECT digest, key, events.state, max(events.id) FROM deliveries JOIN events ON events.id = event_id
        JOIN episodes ON episodes.id = episode_id WHERE deliveries.state = 'digested' GROUP BY digest, key"""
    members: dict[int, list[str]] = {}
    for digest, _, state, _ in spine.rows(query):
        members.setdefault(digest, []).append(state)
    assert members
    assert members.keys() == digests.keys()
    for digest, states in members.items():
        counts: dict[State, int] = {}
        for one in digests[digest].counts:
            counts[one.state] = counts.get(one.state, 0) + one.alarms
        assert counts == {State(state): states.count(state) for state in set(states)}
    told = """SELECT key, events.id, coalesce(d.told, a.made_at) FROM deliveries JOIN events ON events.id = event_id
        JOIN episodes ON episodes.id = episode_id
        LEFT JOIN (SELECT event_id AS digest_, max(made_at) AS told FROM deliveries JOIN attempts
            ON attempts.delivery_id = deliveries.id WHERE answer = 'sent' GROUP BY 1) d ON d.digest_ = digest
        LEFT JOIN attempts a ON a.delivery_id = deliveries.id AND answer = 'sent'
        WHERE deliveries.state IN ('sent', 'digested') ORDER BY events.id, deliveries.id"""
    last: dict[str, int] = {}
    for key, _, at in spine.rows(told):
        assert at is not None
        assert last.get(key, 0) <= at
        last[key] = at
