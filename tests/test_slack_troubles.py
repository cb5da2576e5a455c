"""What people see when Slack is in trouble for an hour, or loses an answer: exactly these messages, and no others.

One alarm was told before. In the trouble it ends, a second one fires and stays, a third one comes and goes. The
messages stand in `expected/slack-troubles`; WRITE_EXPECTED=1 writes them anew, to be read before they are kept.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.slack import OPS, TOKEN, Conversation, Trouble, serve_slack
from tests.fakes.spine import a_body, a_spine
from tests.fakes.virtual import virtual
from tests.test_lives import local, shown
from tests.test_slack_repair import CONFIG, own, seen

EXPECTED = Path(__file__).parent / "expected" / "slack-troubles"
HOUR = 3600.0
ASKED_SECONDS = 600  # to be left alone for, each time
MENDING = 1300.0  # in which a broken channel is asked anew


@pytest.fixture(autouse=True)
def no_blocking_call_on_a_loop():
    """Let rendering read its templates: each is read on the loop, once, when the first message needs it."""


def fires(number, minute):
    return of(number, "a", firstOccurTime=local(minute))


def recovers(number, first, minute):
    lasted = (minute - first) * 60
    return of(number, "r", alarmStatus="0", firstOccurTime=local(first), durationTime=lasted, recoverTime=local(minute))


def of(number, session, **changes):
    return a_body(sessionId=session, object={"dimensions": {"unInstanceId": f"ins-{number}"}}, **changes)


class Limited:
    """Answers 429 to every call until a time."""

    def __init__(self, clock):
        self._clock, self._until = clock, clock.monotonic() + HOUR

    def __bool__(self):
        return self._clock.monotonic() < self._until

    def popleft(self):
        return Trouble(error="ratelimited", status=429, headers={"Retry-After": str(ASKED_SECONDS)})


def limits(slack, clock):
    slack.next = Limited(clock)


def refuses_the_token(slack, _clock):
    slack.tokens.clear()


def deletes_the_channel(slack, _clock):
    del slack.channels[OPS]


def fails_inside_200(slack, _clock):
    slack.next.append(Trouble(error="fatal_error", takes=True))


def loses_the_answer(slack, _clock):
    slack.next.append(Trouble(fails="drop", takes=True))


def loses_the_answer_to_who_may_read(slack, clock):
    slack.scopes = ["chat:write", "channels:history"]
    loses_the_answer(slack, clock)


def mend(slack):
    slack.tokens.add(TOKEN)
    slack.channels.setdefault(OPS, Conversation(id=OPS, name="ops"))


@dataclass(frozen=True)
class Case:
    """What happens, and how many calls Slack gets meanwhile."""

    name: str
    happens: object
    calls: int


CASES = [
    Case("429-for-an-hour", limits, 6),  # one each time that the wait is over
    Case("a-token-refused", refuses_the_token, 4),  # posted once, and asked after 5, 15 and 35 minutes
    Case("a-channel-deleted", deletes_the_channel, 7),  # the same; asked it says nothing of the channel
    Case("fatal-error-inside-200", fails_inside_200, 8),  # one post twice, and a look for it that is not allowed
    Case("an-answer-lost", loses_the_answer, 8),  # the same
    Case("an-answer-lost-to-who-may-read", loses_the_answer_to_who_may_read, 7),  # found, and not made again
]


def written(slack, spine):
    """Give what people read: in Slack from top to bottom, answers set in, then where the bridge tells of itself."""
    read = []
    for message in slack.top_level:
        read.append("\n".join(["#ops", *(f"  {line}" for line in lines(message.content))]))
        read += ["\n".join(f"    > {line}" for line in lines(reply.content)) for reply in slack.replies(message.ts)]
    read += [f"here\n{said}" for said in own(spine).strip("\n").split("\n\n") if said]
    return "\n\n".join(read) + "\n"


def lines(content):
    return [line for text in seen(content) if text for line in text.splitlines()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@virtual
async def test_what_people_see_is_exactly_this(case, tmp_path, clock):
    async with serve_slack(clock=clock.monotonic) as slack:
        text = CONFIG.format(token=TOKEN, api=slack.api_url, more="", channel="#ops")
        async with a_spine(tmp_path, text, clock, own_alarms=True) as spine:
            await spine.take(fires(1, 0))
            await spine.settle(10)
            before = len(slack.calls)
            case.happens(slack, clock)
            await spine.take(fires(2, 1))
            await spine.settle(120)
            await spine.take(fires(3, 3))
            await spine.settle(120)
            await spine.take(recovers(3, 3, 5))
            await spine.settle(120)
            await spine.take(recovers(1, 0, 7))
            await spine.settle(HOUR - 361)
            assert len(slack.calls) - before == case.calls
            meanwhile = written(slack, spine)
            mend(slack)
            await spine.settle(MENDING)
            afterwards = written(slack, spine)
            assert spine.rows("SELECT count(*) FROM deliveries WHERE state IN ('waiting', 'begun', 'dead')") == [(0,)]
    both = f"== an hour later\n\n{meanwhile}\n== when it is mended\n\n{afterwards}"
    shown(EXPECTED / f"{case.name}.txt", both if meanwhile != afterwards else meanwhile)
