"""Who is told: by routes, by channels' settings, and at the end those who were given the episode."""

from datetime import timedelta

import pytest

from tests.fakes.spine import a_body, a_spine
from tests.fakes.virtual import virtual

CHANNELS = """
server: {auth: off}
channels:
  ops: {type: slack, token: xoxb-made-up, channel: "#ops"}
  dba: {type: slack_webhook, url: "https://hooks.slack.com/services/T/B/x"}
  tickets: {type: webhook, url: "https://tickets.example.com/"}
  here: {type: terminal}
"""
HOUR = timedelta(hours=1)


def fires(session="a", minutes=0, **changes):
    return a_body(sessionId=session, durationTime=minutes * 60, **changes)


def recovers(session="r", minute=60, **changes):
    at = f"2021-05-11 {20 + (31 + minute) // 60}:{(31 + minute) % 60:02}:00"
    return a_body(sessionId=session, alarmStatus="0", durationTime=minute * 60, recoverTime=at, **changes)


def config(rest, channels=CHANNELS):
    return f"{channels}{rest}"


def told(judgement):
    """Give channel, step and route of each delivery."""
    return [(one.channel, one.step.value, one.route) for one in judgement.deliveries]


def calls(judgement):
    return [f"{one.channel}:{one.step.value}" for one in judgement.deliveries]


async def heard(spine, *bodies):
    return [calls(await spine.take(body)) for body in bodies]


@virtual
async def test_an_alarm_goes_where_the_routes_send_it_and_else_to_the_default_channels(tmp_path, clock):
    text = config(
        "routes: [{name: memory, match: {metric: mem_usage}, channels: [ops, tickets]}]\ndefault_channels: [here]"
    )
    async with a_spine(tmp_path, text, clock, workers=False) as spine:
        assert told(await spine.take(fires())) == [("ops", "post", "memory"), ("tickets", "post", "memory")]
        other = {"conditions": {"metricName": "cpu_usage"}}
        assert told(await spine.take(fires("b", policy=other))) == [("here", "post", "")]


@pytest.mark.parametrize(
    ("rest", "silence"),
    [
        (
            "routes: [{match: {metric: mem_usage}, channels: []}]\ndefault_channels: [here]",
            "no route gives it a channel",
        ),
        ("default_channels: []", "no route gives it a channel"),
    ],
)
@virtual
async def test_an_alarm_that_is_told_nowhere_says_why(rest, silence, tmp_path, clock):
    async with a_spine(tmp_path, config(rest), clock, workers=False) as spine:
        assert (await spine.take(fires())).reason.endswith(f"; told nowhere: {silence}")
        assert (await spine.take(recovers())).reason.endswith("; told nowhere: no channel was given it")


@virtual
async def test_a_silent_ending_says_that_its_channels_are_silent(tmp_path, clock):
    text = config("routes: [{match: {}, channels: [here], on_recovered: []}]\ndefault_channels: []")
    async with a_spine(tmp_path, text, clock, workers=False) as spine:
        await spine.take(fires())
        assert (await spine.take(recovers())).reason.endswith("; told nowhere: its channels are silent in this state")


# endings follow their episode


@virtual
async def test_a_recovery_goes_to_the_channels_that_were_given_the_episode_whatever_the_routes_now_say(tmp_path, clock):
    first = config("routes: [{name: one, match: {}, channels: [ops, tickets]}]\ndefault_channels: []")
    then = config("routes: [{name: two, match: {}, channels: [here]}]\ndefault_channels: [dba]")
    async with a_spine(tmp_path, first, clock, workers=False) as spine:
        await spine.take(fires())
    async with a_spine(tmp_path, then, clock, workers=False) as spine:
        assert told(await spine.take(recovers())) == [
            ("ops", "update", "one"),
            ("ops", "thread", "one"),
            ("tickets", "post", "one"),
        ]


@virtual
async def test_a_recovery_never_heard_of_before_is_routed_by_todays_routes(tmp_path, clock):
    text = config("routes: [{name: one, match: {state: recovered}, channels: [ops, here]}]\ndefault_channels: [dba]")
    async with a_spine(tmp_path, text, clock, workers=False) as spine:
        assert told(await spine.take(recovers())) == [("ops", "post", "one"), ("here", "post", "one")]


@virtual
async def test_a_channel_that_is_no_more_hears_no_ending_and_the_others_do(tmp_path, clock):
    async with a_spine(tmp_path, config("default_channels: [here, tickets]"), clock, workers=False) as spine:
        await spine.take(fires())
    renamed = CHANNELS.replace("  tickets:", "  renamed:")
    async with a_spine(tmp_path, config("default_channels: [renamed]", renamed), clock, workers=False) as spine:
        assert calls(await spine.take(recovers())) == ["here:post"]


@virtual
async def test_an_ending_for_channels_that_are_all_gone_says_so(tmp_path, clock):
    async with a_spine(tmp_path, config("default_channels: [tickets]"), clock, workers=False) as spine:
        await spine.take(fires())
    renamed = CHANNELS.replace("  tickets:", "  renamed:")
    async with a_spine(tmp_path, config("default_channels: [renamed]", renamed), clock, workers=False) as spine:
        judgement = await spine.take(recovers())
        assert judgement.deliveries == ()
        words = "; told nowhere: the config has none of the channels that were given it"
        assert judgement.reason.endswith(words)


@virtual
async def test_a_route_that_is_no_more_leaves_the_ending_to_the_channels_own_settings(tmp_path, clock):
    first = config("routes: [{name: one, match: {}, channels: [ops], on_recovered: [post]}]\ndefault_channels: []")
    async with a_spine(tmp_path, first, clock, workers=False) as spine:
        await spine.take(fires())
        await spine.take(fires("x", object={"dimensions": {"unInstanceId": "ins-2"}}))
        assert calls(await spine.take(recovers())) == ["ops:post"]
    async with a_spine(tmp_path, config("default_channels: []"), clock, workers=False) as spine:
        again = recovers("y", object={"dimensions": {"unInstanceId": "ins-2"}})
        assert calls(await spine.take(again)) == ["ops:update", "ops:thread"]


@virtual
async def test_a_channel_that_a_repeat_brought_in_hears_the_ending_and_one_that_stayed_silent_does_not(tmp_path, clock):
    first = config("default_channels: [here]")
    then = config("default_channels: [tickets, dba]")  # dba is silent on repeats
    async with a_spine(tmp_path, first, clock, workers=False) as spine:
        await spine.take(fires())
    async with a_spine(tmp_path, then, clock, workers=False) as spine:
        assert await heard(spine, fires("b", 5), recovers()) == [["tickets:post"], ["here:post", "tickets:post"]]


@virtual
async def test_an_expiry_and_a_replacement_go_to_those_who_were_given_the_episode(tmp_path, clock):
    async with a_spine(tmp_path, config("default_channels: [ops, tickets]"), clock, workers=False) as spine:
        await spine.take(fires())
    async with a_spine(tmp_path, config("default_channels: [here]"), clock, workers=False) as spine:
        replaced = await spine.take(fires("b", firstOccurTime="2021-05-11 21:31:00"))
        assert calls(replaced) == ["ops:update", "tickets:post", "here:post"]
        await spine.receive(26 * 3600)
        assert spine.deliveries("channel, step, events.state")[-1:] == [("here", "post", "expired")]


# repeats


@virtual
async def test_repeats_are_held_back_for_their_interval_and_updates_never_are(tmp_path, clock):
    text = config(
        "routes: [{match: {}, channels: [ops, tickets], repeat_interval: 1h, on_repeat: [update, thread]}]\n"
        "default_channels: []"
    )
    async with a_spine(tmp_path, text, clock, workers=False) as spine:
        await spine.take(fires())
        made = []
        for count in range(1, 6):
            clock.shift += HOUR / 2
            made.append(calls(await spine.take(fires(f"r{count}", count * 30))))
        full, held = ["ops:update", "ops:thread", "tickets:post"], ["ops:update"]
        assert made == [full, held, full, held, full]


@virtual
async def test_a_repeat_held_back_everywhere_says_so(tmp_path, clock):
    text = config("routes: [{match: {}, channels: [tickets], repeat_interval: 1h}]\ndefault_channels: []")
    async with a_spine(tmp_path, text, clock, workers=False) as spine:
        await heard(spine, fires(), fires("b", 5))
        assert (await spine.take(fires("c", 10))).reason.endswith("; told nowhere: held back by repeat_interval")
        assert (await spine.take(recovers())).deliveries


@virtual
async def test_the_interval_is_each_channels_own_and_a_clock_that_went_back_does_not_silence(tmp_path, clock):
    text = config(
        "routes:\n"
        "  - {match: {}, channels: [tickets], repeat_interval: 1h, continue: true}\n"
        "  - {match: {}, channels: [here]}\n"
        "default_channels: []"
    )
    async with a_spine(tmp_path, text, clock, workers=False) as spine:
        both, here = ["tickets:post", "here:post"], ["here:post"]
        assert await heard(spine, fires(), fires("b", 5), fires("c", 10)) == [both, both, here]
        clock.shift -= timedelta(days=2)
        assert await heard(spine, fires("d", 15)) == [both]


@virtual
async def test_the_interval_is_remembered_across_a_restart(tmp_path, clock):
    text = config("routes: [{match: {}, channels: [tickets], repeat_interval: 1h}]\ndefault_channels: []")
    async with a_spine(tmp_path, text, clock, workers=False) as spine:
        await heard(spine, fires(), fires("b", 5))
    async with a_spine(tmp_path, text, clock, workers=False) as spine:
        assert await heard(spine, fires("c", 10)) == [[]]
        clock.shift += HOUR
        assert await heard(spine, fires("d", 65)) == [["tickets:post"]]


@virtual
async def test_an_escalation_is_never_held_back_nor_silent(tmp_path, clock):
    text = config(
        "routes: [{match: {}, channels: [ops, dba, tickets], repeat_interval: 1h, on_repeat: [], on_recovered: []}]\n"
        "default_channels: []"
    )
    async with a_spine(tmp_path, text, clock, workers=False) as spine:
        await heard(spine, fires(alarmLevel="Remind"), fires("b", 5, alarmLevel="Remind"))
        assert await heard(spine, fires("c", 6, alarmLevel="Serious")) == [
            ["ops:update", "ops:thread", "dba:post", "tickets:post"]
        ]


@pytest.mark.parametrize(
    ("channel", "route", "expected"),
    [
        ("", "", {"ops": ["update"], "dba": [], "tickets": ["post"], "here": ["post"]}),
        ("", "on_repeat: [post]", {"ops": ["post"], "dba": ["post"], "tickets": ["post"], "here": ["post"]}),
        ("", "on_repeat: []", {"ops": [], "dba": [], "tickets": [], "here": []}),
        ("on_repeat: []", "", {"ops": [], "dba": [], "tickets": [], "here": []}),
        (
            "on_repeat: []",
            "on_repeat: [thread]",
            {"ops": ["thread"], "dba": ["post"], "tickets": ["post"], "here": ["post"]},
        ),
    ],
)
@virtual
async def test_what_a_repeat_does_is_said_by_the_route_else_by_the_channel_else_by_its_type(
    channel, route, expected, tmp_path, clock
):
    channels = (
        CHANNELS.replace("}\n", f", {channel}}}\n").replace("auth: off, " + channel, "auth: off")
        if channel
        else CHANNELS
    )
    rest = f"routes: [{{match: {{}}, channels: [ops, dba, tickets, here], {route}}}]\ndefault_channels: []"
    async with a_spine(tmp_path, config(rest, channels), clock, workers=False) as spine:
        await spine.take(fires())
        made = calls(await spine.take(fires("b", 5)))
        assert made == [f"{name}:{step}" for name, steps in expected.items() for step in steps]


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ("", ["ops:update", "ops:thread", "dba:post", "tickets:post"]),
        ("on_recovered: [post]", ["ops:post", "dba:post", "tickets:post"]),
        ("on_recovered: [update, broadcast]", ["ops:update", "ops:broadcast", "dba:post", "tickets:post"]),
        ("on_recovered: []", []),
    ],
)
@virtual
async def test_what_a_recovery_does_is_said_by_the_route_too(route, expected, tmp_path, clock):
    rest = f"routes: [{{match: {{}}, channels: [ops, dba, tickets], {route}}}]\ndefault_channels: []"
    async with a_spine(tmp_path, config(rest), clock, workers=False) as spine:
        assert await heard(spine, fires(), recovers()) == [["ops:post", "dba:post", "tickets:post"], expected]


@virtual
async def test_a_channel_named_by_two_routes_gets_one_message_and_the_first_ones_settings_hold(tmp_path, clock):
    text = config(
        "routes:\n"
        "  - {name: first, match: {}, channels: [tickets], continue: true, on_repeat: []}\n"
        "  - {name: second, match: {}, channels: [tickets, here]}\n"
        "default_channels: []"
    )
    async with a_spine(tmp_path, text, clock, workers=False) as spine:
        assert told(await spine.take(fires())) == [("tickets", "post", "first"), ("here", "post", "second")]
        assert calls(await spine.take(fires("b", 5))) == ["here:post"]


@virtual
async def test_what_is_silent_has_its_reason_and_no_event(tmp_path, clock):
    async with a_spine(tmp_path, config("default_channels: [here]"), clock, workers=False) as spine:
        await heard(spine, fires(), fires(), fires("b"), recovers(), recovers("q"), fires("late"))
        assert spine.rows("SELECT outcome FROM callbacks ORDER BY id") == [
            ("triggered",), ("duplicate",), ("duplicate",), ("recovered",), ("duplicate",), ("stale",)
        ]  # fmt: skip
        assert spine.rows("SELECT count(*) FROM events") == [(2,)]
        assert spine.rows("SELECT count(*) FROM callbacks WHERE reason = ''") == [(0,)]
        assert spine.rows("SELECT count(DISTINCT episode_id) FROM callbacks") == [(1,)]


@virtual
async def test_what_nobody_can_read_goes_to_the_default_channels_and_by_no_route(tmp_path, clock):
    text = config("routes: [{match: {}, channels: [ops]}]\ndefault_channels: [dba, here]")
    async with a_spine(tmp_path, text, clock, workers=False) as spine:
        assert told(await spine.take(b"what?")) == [("dba", "post", ""), ("here", "post", "")]


@virtual
async def test_without_default_channels_what_nobody_can_read_is_kept_all_the_same(tmp_path, clock):
    async with a_spine(tmp_path, config("default_channels: []"), clock, workers=False) as spine:
        assert (await spine.take(b"what?")).deliveries == ()
        assert spine.rows("SELECT outcome, body FROM callbacks") == [("unrecognised", b"what?")]


# mentions, as the channel hears them


@pytest.mark.parametrize(
    ("channel", "route", "expected"),
    [
        ('mention: {triggered: ["<!here>"]}', "", [True, False, True, False]),
        ("", 'mention: {triggered: ["<!here>"]}', [True, False, True, False]),
        ('mention: {triggered: ["<!here>"]}', "mention: {triggered: []}", [False, False, False, False]),
        ('mention: {triggered: [], escalated: ["<!here>"]}', "", [False, False, True, False]),
        ('mention: {triggered: ["<!here>"], escalated: []}', "", [True, False, False, False]),
        ('mention: {recovered: ["<!here>"]}', 'mention: {repeat: ["<!here>"]}', [False, True, False, True]),
    ],
)  # fmt: skip
@virtual
async def test_people_are_mentioned_by_state_and_an_escalation_mentions_as_a_trigger_does(
    channel, route, expected, tmp_path, clock
):
    channels = (
        f"server: {{auth: off}}\nchannels:\n  ops: {{type: slack, token: xoxb-made-up, channel: '#ops', {channel}}}\n"
    )
    rest = f"routes: [{{match: {{}}, channels: [ops], {route}}}]\ndefault_channels: []"
    async with a_spine(tmp_path, config(rest, channels), clock, workers=False) as spine:
        mentioned = []
        for body in (
            fires(alarmLevel="Remind"),
            fires("b", 5, alarmLevel="Remind"),
            fires("c", 6, alarmLevel="Serious"),
            recovers(),
        ):
            judgement = await spine.take(body)
            messages = [spine.workers["ops"].post.render(one) for one in judgement.deliveries]
            mentioned.append(any("<!here>" in str(message.payload) for message in messages))
        assert mentioned == expected


@pytest.fixture(autouse=True)
def no_blocking_call_on_a_loop():
    """Let rendering read its templates: each is read on the loop, once, when the first message needs it."""
