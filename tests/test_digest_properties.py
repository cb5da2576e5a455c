"""What holds of every digest, whatever it tells of: Slack takes it, it counts every alarm, and calls everybody once."""

import re
from collections import Counter

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from bridge.alarm import State
from bridge.check.limits import refusal
from bridge.digesting import NAMED
from bridge.message import Count
from bridge.rendering.dialects.slack import MAX_TEXT
from tests.fakes.slack import Trouble
from tests.fakes.slack_rules import check_content, units
from tests.fakes.virtual import run
from tests.test_rendering_digest import digest
from tests.test_rendering_slack import FIELDS, HOSTILE, hostile
from tests.test_rendering_support import builtin, entities_in, telling_of
from tests.test_slack_judged import OVERSIZE
from tests.test_storm import a_storm, of, over, take

GROUPS = ["<!here>", "<!subteam^S012AB3CD>", "<@U012AB3CD>"]
TELLS = [State.ESCALATED, State.TRIGGERED, State.REPEAT, State.RECOVERED, State.EXPIRED, State.CLOSED, State.REPLACED]
NUMBERS = re.compile(
    r"(\d+) (?:escalated|triggered|still firing|recovered|expired|closed|replaced|升级|触发|持续|恢复|过期|关闭|更替)"
)
TEXTS = st.one_of(st.sampled_from([*HOSTILE, *OVERSIZE]), st.text(max_size=40))
COUNTS = st.builds(
    Count,
    policy=st.one_of(st.sampled_from(["disk (policy-1)", "mysql (policy-2)", ""]), TEXTS),
    state=st.sampled_from(TELLS),
    severity=st.sampled_from(["", "remind", "warn", "serious"]),
    alarms=st.integers(1, 10**6),
)
ALARMS = st.tuples(st.sampled_from(TELLS), st.sampled_from(FIELDS), TEXTS)


def worst_of(alarms, language):
    """Give alarms that a digest names, each with a text in one of its fields."""
    samples = {state: telling_of(kind="slack", state=state, language=language) for state in TELLS}
    return [hostile(samples[state], field, text) for state, field, text in alarms]


@settings(max_examples=60)
@given(
    counts=st.lists(COUNTS, min_size=1, max_size=60),
    alarms=st.lists(ALARMS, min_size=1, max_size=NAMED),
    whom=st.lists(st.sampled_from(GROUPS), max_size=12),
    language=st.sampled_from(["en", "zh"]),
)
def test_slack_takes_every_digest_which_counts_every_alarm_and_calls_each_group_once(counts, alarms, whom, language):
    telling = digest("slack", language, counts=tuple(counts), whom=tuple(whom), worst=worst_of(alarms, language))

    message = builtin().render(telling, strict=True)

    payload = message.payload
    assert payload is not None
    check_content(payload, is_update=True)
    assert refusal("slack", payload) == ""
    assert units(message.text) <= MAX_TEXT
    total = sum(one.alarms for one in counts)
    assert message.text.startswith(
        f"📋 Digest · {total} alarm" if language == "en" else f"📋 告警汇总 · {total} 个告警"
    )
    states = payload["blocks"][1]["text"]["text"]
    assert sum(map(int, NUMBERS.findall(states))) == sum(map(int, NUMBERS.findall(message.text))) == total
    called = [entity for entity in entities_in(payload) if f"<{entity}>" in GROUPS]
    assert Counter(called) == Counter({group[1:-1]: 1 for group in set(whom)})
    assert entities_in(payload) == called


@settings(max_examples=60)
@given(
    names=st.lists(st.text("abcdefgh", min_size=1, max_size=12), min_size=1, max_size=30, unique=True),
    numbers=st.lists(st.tuples(st.sampled_from(TELLS), st.integers(1, 999)), min_size=1, max_size=60),
    language=st.sampled_from(["en", "zh"]),
)
def test_the_lines_of_its_policies_add_up_to_all_alarms(names, numbers, language):
    counts = [
        Count(policy=names[place % len(names)], state=state, alarms=alarms)
        for place, (state, alarms) in enumerate(numbers)
    ]

    payload = builtin().render(digest("slack", language, counts=tuple(counts)), strict=True).payload

    assert payload is not None
    policies = payload["attachments"][0]["blocks"][0]["text"]["text"]
    assert sum(map(int, NUMBERS.findall(policies))) == sum(one.alarms for one in counts)


@pytest.fixture(autouse=True)
def no_blocking_call_on_a_loop():
    """Let rendering read its templates: each is read on the loop, once, when the first message needs it."""


STORMS = st.lists(
    st.tuples(
        st.sampled_from(["calm", "calm", "calm", "loud", "calling"]), st.sampled_from(["fires", "repeats", "ends"])
    ),
    min_size=1,
    max_size=16,
)


def heard(number, policy, what):
    """Give what is heard of one alarm while the chat takes nothing."""
    after = {"fires": None, "repeats": of(number, "b", policy, durationTime=600), "ends": over(number, policy)}
    return of(number, policy=policy), after[what]


def test_every_alarm_of_a_storm_is_told_by_itself_or_counted_in_a_digest(tmp_path_factory):
    """The number in a digest's first line is that of the alarms which the store says it tells of."""

    @settings(max_examples=12, phases=[Phase.explicit, Phase.reuse, Phase.generate])
    @given(alarms=STORMS, digest_over=st.integers(1, 8))
    def holds(alarms, digest_over):
        run(lambda clock: told(tmp_path_factory.mktemp("storm"), clock, alarms, digest_over))

    holds()


async def told(folder, clock, alarms, digest_over):
    async with a_storm(folder, clock, f", digest_over: {digest_over}") as (slack, spine):
        slack.next.append(Trouble(status=429, headers={"Retry-After": "30"}))
        for moment in zip(*(heard(number, *one) for number, one in enumerate(alarms)), strict=True):
            await take(spine, *(body for body in moment if body))
        await spine.settle(90)
        rows = spine.rows(
            "SELECT episodes.number, deliveries.state, digest FROM deliveries JOIN events ON events.id = event_id"
            " JOIN episodes ON episodes.id = episode_id"
        )
        assert {state for _, state, _ in rows} <= {"sent", "digested", "superseded"}
        assert {number for number, state, _ in rows if state != "superseded"} == set(range(1, len(alarms) + 1))
        in_digests = {(number, digest) for number, _, digest in rows if digest}
        digests = [message for message in slack.messages if "Digest" in message.text]
        counted = [int(found[1]) for message in digests if (found := re.search(r"Digest · (\d+) alarm", message.text))]
        assert sum(counted) == len(in_digests)
        assert all(str(message.content["blocks"]).count("<!here>") <= 1 for message in digests)
