"""Each error that Slack documents at each call of a life: who read there is told the newest state, or somebody is told why not.

Every code has a Slack channel of its own, which refuses that call as long as the real one would: a
limit for two calls, a bad block while there are blocks, a wrong token until it is mended. A digest is
posted and answered, and never changed; what `test-channel` calls is at the end.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import pytest
from typer import Exit

from bridge.alarm import State
from bridge.channels.advice import CODES as ADVICE
from bridge.channels.slack_codes import CODES, WEBHOOK_CODES, Meaning
from bridge.commands.try_channel import _call, _message, _say, _try
from bridge.config import load
from bridge.trouble import Trouble
from tests.fakes.slack import HOOK, TOKEN, Conversation, serve_slack
from tests.fakes.spine import a_spine
from tests.fakes.virtual import virtual
from tests.test_lives import fires, recovers

CONFIG = """
server: {{auth: off}}
channels:
  here: {{type: terminal}}
{channels}
routes: [{{match: {{kind: bridge}}, channels: [here]}}]
default_channels: [{names}]
"""
BOT = (
    '  c-{code}: {{type: slack, token: {token}, channel: "#c-{code}", api_url: "{api}", on_recovered: [thread],'
    " digest_over: 3}}"
)
WEBHOOK = '  c-{code}: {{type: slack_webhook, url: "{url}", on_repeat: [post], digest_over: 3}}'
TESTED = """
server: {{auth: off}}
channels: {{ops: {{type: slack, token: {token}, channel: "#ops", api_url: "{api}"}}}}
default_channels: [ops]
"""
PASSING = frozenset({Meaning.LIMITED, Meaning.SLOW, Meaning.PASSING, Meaning.UNSURE})
UNTIL_MENDED = frozenset({Meaning.CREDENTIALS, Meaning.DESTINATION})
PASSES_AFTER = 2  # calls
TOLD = "told"
PLAIN = "told in plain text"
ANEW = "told by a new message"
DEAD = "a dead letter, and somebody is told"
BROKEN = "broken, and somebody is told; told when it is mended"
OUTCOMES = {  # what becomes of the newest state, by what a code means, when that call is refused
    "post": dict.fromkeys(PASSING, TOLD)
    | dict.fromkeys(UNTIL_MENDED | {Meaning.GONE}, BROKEN)
    | {Meaning.RICH: PLAIN, Meaning.FINAL: DEAD},
    "update": dict.fromkeys(PASSING, TOLD)
    | dict.fromkeys(UNTIL_MENDED, BROKEN)
    | {Meaning.RICH: PLAIN, Meaning.FINAL: DEAD, Meaning.GONE: ANEW},
    "reply": dict.fromkeys(PASSING, TOLD)
    | dict.fromkeys(UNTIL_MENDED, BROKEN)
    | {Meaning.RICH: PLAIN, Meaning.FINAL: DEAD, Meaning.GONE: ANEW},
}


def together(session, *, ends=False, alarms=range(4)):
    """Give callbacks of several alarms at one moment."""
    made = (recovers(session, 10) if ends else fires(session) for _ in alarms)
    return tuple(body.replace(b"ins-", f"ins-{number}".encode(), 1) for number, body in zip(alarms, made, strict=True))


@dataclass(frozen=True)
class Life:
    """What is heard before, each at a moment of its own, and the callbacks whose call is refused."""

    call: str  # of this sort
    before: tuple[tuple[bytes, ...], ...]
    last: tuple[bytes, ...]
    told: str  # how its message begins, behind the sign, which is another one in plain text


STORM = together("s")
LIVES = {
    "post": Life("post", (), (fires("a"),), "Triggered"),
    "update": Life("update", ((fires("a"),),), (fires("b", 5),), "Still firing"),
    "reply": Life("reply", ((fires("a"),),), (recovers("b", 10),), "Recovered"),
    "digest": Life("post", (), STORM, "Digest · 4 alarms: 4 triggered"),
    "digest's answer": Life("reply", (STORM,), together("e", ends=True), "Digest · 4 alarms: 4 recovered"),
    "answer to a digest": Life("reply", (STORM,), together("e", ends=True, alarms=range(1)), "Recovered"),
}


@dataclass
class Refusing:
    """Refuses one sort of call of each channel with that channel's code."""

    codes: dict[str, Meaning]
    call: str
    is_on: bool = False
    is_mended: bool = False
    refused: Counter[str] = field(default_factory=Counter)

    def __call__(self, caller, method, arguments):
        code = caller.rpartition("/")[2].removeprefix(f"{TOKEN}-")
        meaning = self.codes.get(code)
        if not self.is_on or meaning is None or not self._is_against(meaning, code, method, arguments):
            return ""
        self.refused[code] += 1
        return code

    def _is_against(self, meaning, code, method, arguments):
        if meaning in UNTIL_MENDED or (meaning is Meaning.GONE and self.call == "post"):
            return not self.is_mended and (method != "auth.test" or meaning is Meaning.CREDENTIALS)
        if method not in {"webhook", "chat.postMessage", "chat.update"}:
            return False
        if meaning in PASSING:
            return self.refused[code] < PASSES_AFTER
        if meaning is Meaning.RICH:
            return bool(arguments.get("blocks") or arguments.get("attachments"))
        sort = "update" if method == "chat.update" else "reply" if "thread_ts" in arguments else "post"
        return meaning is Meaning.FINAL or sort == self.call


async def lived(spine, slack, refusing, life):
    """Live until the refused call, and past it; give what became of the newest state in each channel."""
    for bodies in life.before:
        await asyncio.gather(*map(spine.take, bodies))
        await spine.settle(40)
    assert not life.before or len(slack.messages) == len(refusing.codes)  # a message each: the digest, where many fire
    refusing.is_on = True
    await asyncio.gather(*map(spine.take, life.last))
    await spine.settle(640)
    first = {code: outcome(spine, slack, life, code) for code in refusing.codes}
    refusing.is_mended = True
    await spine.settle(640)
    mended = {code: outcome(spine, slack, life, code) for code in refusing.codes}
    assert refusing.refused.keys() == refusing.codes.keys()
    return {
        code: said if said != "broken" or mended[code] not in {TOLD, ANEW} else BROKEN for code, said in first.items()
    }


def outcome(spine, slack, life, code):
    """Say what a reader of the channel sees, and whether somebody is told otherwise."""
    said = [one for one in slack.messages if one.channel == slack_channel(code)]
    newest = [one for one in said if one.content["text"].partition(" ")[2].startswith(life.told)]
    if len(newest) > 1:
        return "told more than once"
    if newest:
        is_new = life.call != "post" and newest[-1].thread_ts is None and newest[-1] is not said[0]
        return PLAIN if "blocks" not in newest[-1].content else ANEW if is_new else TOLD
    here, lasting = (
        spine.out.getvalue(),
        {one["trouble"] for one in spine.troubles.lasting if one["about"] == f"c-{code}"},
    )
    if Trouble.CHANNEL_BROKEN.value in lasting:
        return "broken" if f"Channel broken · c-{code}\n" in here else "nobody is told"
    dead = spine.rows("SELECT count(*) FROM deliveries WHERE channel = ? AND state = 'dead'", f"c-{code}")
    if Trouble.DEAD_LETTERS.value in lasting and dead == [(1,)]:
        return DEAD if f"Messages not delivered · c-{code}\n" in here else "nobody is told"
    return "lost"


def slack_channel(code):
    return f"C-{code}".replace("_", "0").upper()  # rate_limited is not ratelimited


@pytest.fixture(autouse=True)
def no_blocking_call_on_a_loop():
    """Let rendering read its templates: each is read on the loop, once, when the first message needs it."""


async def told(tmp_path, clock, life, codes, line):
    async with serve_slack(clock=clock.monotonic) as slack:
        for code in codes:
            room = slack_channel(code)
            slack.channels[room] = Conversation(id=room, name=f"c-{code}")
            slack.tokens.add(f"{TOKEN}-{code}")
            slack.hooks[f"{HOOK}/{code}"] = room
        slack.refuses = refusing = Refusing(codes, life.call)
        lines = [
            line.format(code=code, token=f"{TOKEN}-{code}", api=slack.api_url, url=f"{slack.hook_url}/{code}")
            for code in codes
        ]
        text = CONFIG.format(channels="\n".join(lines), names=", ".join(f"c-{code}" for code in codes))
        async with a_spine(tmp_path, text, clock, own_alarms=True) as spine:
            became = await lived(spine, slack, refusing, life)
        assert [call for call in slack.calls if call.method == "chat.update" and "Digest" in str(call.arguments)] == []
        return became


@pytest.mark.parametrize("name", LIVES)
@virtual
async def test_whatever_slack_refuses_the_newest_state_is_told_or_somebody_is(name, tmp_path, clock):
    life = LIVES[name]
    assert await told(tmp_path, clock, life, CODES, BOT) == {
        code: OUTCOMES[life.call][meaning] for code, meaning in CODES.items()
    }


@pytest.mark.parametrize("name", ["post", "digest"])
@virtual
async def test_whatever_a_webhook_answers_the_newest_state_is_told_or_somebody_is(name, tmp_path, clock):
    codes = WEBHOOK_CODES
    assert await told(tmp_path, clock, LIVES[name], codes, WEBHOOK) == {
        code: OUTCOMES["post"][meaning] for code, meaning in codes.items()
    }


# test-channel


CALLS = {  # of test-channel: how it says that one of them was refused, and how it ends
    "ask": ("not taken: auth.test: {code}", 1),
    "post": ("not taken: 200 {code}", 1),
    "update": ("not changed: 200 {code}", 0),
    "reply": ("not answered in its thread: 200 {code}", 0),
}


def sort_of(method, arguments):
    return {"auth.test": "ask", "chat.update": "update"}.get(method) or (
        "reply" if "thread_ts" in arguments else "post"
    )


def refused(call, code, _caller, method, arguments):
    return code if sort_of(method, arguments) == call else ""


@pytest.mark.parametrize("call", CALLS)
async def test_whatever_slack_refuses_of_a_test_message_is_said_with_what_to_do(call, tmp_path, capsys):
    words, ends_with = CALLS[call]
    async with serve_slack(paced=False) as slack:
        for code in CODES:
            slack.refuses = partial(refused, call, code)
            file = tmp_path / "config.yaml"
            file.write_text(TESTED.format(token=TOKEN, api=slack.api_url))
            ended = await ends(load(file, {}).config)
            assert ended == ends_with, code
            said, to_do, *more = capsys.readouterr().err.splitlines()
            assert said.startswith(f"  {words.format(code=code)}")
            assert to_do.strip()
            assert more == []


async def ends(config):
    """Do what the command does; give how it ends."""
    now, settings = datetime.now(UTC), config.channels["ops"]
    message, hearing = _message(config, "ops", settings, State.TRIGGERED, now)
    tried = await _try("ops", settings, _call(message, hearing, now))
    try:
        _say("ops", settings, State.TRIGGERED, message, tried)
    except Exit as ended:
        return ended.exit_code
    return 0


def test_a_test_message_refused_for_the_token_or_the_channel_gets_advice_of_its_own():
    general = {code for code, meaning in WEBHOOK_CODES.items() if meaning in UNTIL_MENDED and code not in ADVICE}
    assert general == set()
