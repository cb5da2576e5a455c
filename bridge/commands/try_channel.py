"""`test-channel`: one real message, marked as a test, and the platform's own answer."""

import asyncio
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any

import typer

from bridge import samples
from bridge.alarm import State
from bridge.channels import INTRODUCTIONS, KINDS, Introduction, tools_of
from bridge.channels.advice import advice
from bridge.clock import milliseconds
from bridge.commands.callbacks import StateAmong
from bridge.commands.configs import DEFAULT_CONFIG, ConfigFile, complete_channel, load_config
from bridge.commands.hearing import TOLD, Hearing, event_of, hear
from bridge.commands.output import GREEN, PROBLEM, RED, WRONG_USAGE, complain, fail, paint, say, visible
from bridge.composing import channel_view
from bridge.config import Config
from bridge.configuration.problems import did_you_mean
from bridge.message import Answer, Call, Message, Step, Verdict
from bridge.rendering import Renderer, RouteView, Telling
from bridge.rereading import alarm_of
from bridge.routing import Route
from bridge.settings import ChannelSettings

SAMPLE = "capture-2021-cvm-memory-triggered"
BEGAN = timedelta(minutes=4)  # before now
TENCENT = timezone(timedelta(hours=8))
MARKS = {  # in each text that a message may show
    "en": {"policy": "TEST of alarm-bridge: no alarm", "subject": "TEST, no alarm", "object": "test-of-alarm-bridge"},
    "zh": {
        "policy": "alarm-bridge 测试消息，并非告警",
        "subject": "测试消息，并非告警",
        "object": "test-of-alarm-bridge",
    },
}

DONE = {  # with the message once it stands there, where the channel's settings say so
    Step.UPDATE: "changed",
    Step.THREAD: "answered in its thread",
    Step.BROADCAST: "answered for all to see",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What the platform said of who posts, of the message, and of what was done with it then."""

    introduction: Introduction | None
    verdict: Verdict | None = None  # None: it was not tried
    after: tuple[tuple[Step, Verdict], ...] = ()


def try_channel(
    *,
    name: Annotated[
        str, typer.Argument(metavar="NAME", autocompletion=complete_channel, help="A channel of the config.")
    ],
    config: ConfigFile = DEFAULT_CONFIG,
    state: Annotated[
        State,
        typer.Option(
            metavar="STATE",
            parser=StateAmong(*TOLD),
            autocompletion=StateAmong(*TOLD).complete,
            help=f"One of {', '.join(TOLD)}.",
        ),
    ] = State.TRIGGERED,
) -> None:
    """Post one real message, marked as a test, and print the platform's own answer.

    It is changed and answered, too, where the settings of the channel or of
    a route to it do so with an alarm's. It mentions nobody and is not stored.
    Ends with 0 where it was taken, else with 1 and what to do next.
    """
    settings = load_config(config).config
    if name not in settings.channels:
        hint = did_you_mean(name, settings.channels) or f"; there are: {', '.join(settings.channels) or 'none'}"
        fail(f"{name}: the config has no channel of that name{hint}", WRONG_USAGE)
    channel = settings.channels[name]
    now = datetime.now(UTC)
    message, hearing = _message(settings, name, channel, state, now)
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:  # leaves the thread's own loop alone
        tried = runner.run(_try(name, channel, _call(message, hearing, now), settings.routes.all))
    _say(name, channel, state, message, tried)


def _message(
    config: Config, name: str, channel: ChannelSettings, state: State, now: datetime
) -> tuple[Message, Hearing]:
    """Make the message from a sample that says in each of its texts that it is a test."""
    hearing = hear(_body(channel.language or config.language, now), state, now)
    event = replace(event_of(hearing), number=0)  # no short id: a real alarm may have any
    view = channel_view(name, channel, config.language, config.timezone)
    telling = Telling(
        event=event,
        alarm=alarm_of(hearing.body, event, view.language),
        body=hearing.body,
        delivery_id=_id(now),
        channel=view,
        route=RouteView(),
    )
    return Renderer(config.templates).render(telling), hearing


def _body(language: str, now: datetime) -> bytes:
    marks = MARKS[language]
    content: dict[str, Any] = json.loads(samples.body(SAMPLE))
    content |= {"sessionId": f"test-{_id(now)}", "firstOccurTime": _written(now - BEGAN), "durationTime": 240}
    content["alarmPolicyInfo"] |= {"policyName": marks["policy"], "policyId": "policy-test"}
    content["alarmPolicyInfo"]["conditions"] |= {"metricShowName": marks["subject"]}
    content["alarmObjInfo"]["dimensions"] = {"unInstanceId": marks["object"], "objName": marks["object"]}
    return json.dumps(content, ensure_ascii=False).encode()


def _written(moment: datetime) -> str:
    return moment.astimezone(TENCENT).strftime("%Y-%m-%d %H:%M:%S")


def _id(now: datetime) -> str:
    """Give an id that no delivery of a bridge has: each test is a message of its own."""
    return f"test-{milliseconds(now)}"


def _call(message: Message, hearing: Hearing, now: datetime) -> Call:
    return Call(
        step=Step.POST,
        message=message,
        delivery_id=_id(now),
        sent_at=now,
        event_id=_id(now),
        episode_id=_id(now),
        state=hearing.state,
    )


async def _try(name: str, settings: ChannelSettings, call: Call, routes: Iterable[Route] = ()) -> Tried:
    """Ask who posts, where the platform tells that, and post."""
    tools = tools_of(os.environ, sys.stdout, lambda: datetime.now(UTC))
    introduce = INTRODUCTIONS.get(settings.type)
    introduction = await introduce(settings, tools, call.message) if introduce else None
    if introduction is not None and introduction.problem:
        return Tried(introduction=introduction)
    channel = KINDS[settings.type].open(settings, tools)
    try:
        verdict = await channel.post(call)
        after = [
            (step, await channel.post(replace(call, step=step, receipt=verdict.receipt)))
            for step in _steps_after(name, settings, routes)
            if verdict.receipt
        ]
        return Tried(introduction=introduction, verdict=verdict, after=tuple(after))
    finally:
        await channel.close()


def _steps_after(name: str, settings: ChannelSettings, routes: Iterable[Route]) -> list[Step]:
    """Give the steps that the settings of the channel and of its routes make on a message that stands there."""
    wanted: set[Step] = {*settings.on_repeat, *settings.on_recovered}
    for route in routes:
        if name in route.channels:
            wanted |= {*(route.on_repeat or ()), *(route.on_recovered or ())}
    return [step for step in DONE if step in wanted & KINDS[settings.type].steps]


def _say(name: str, settings: ChannelSettings, state: State, message: Message, tried: Tried) -> None:
    """Say what came of it; end with 1 where it was not taken."""
    say(f"{name} ({settings.type})")
    for line in tried.introduction.lines if tried.introduction else ():
        say(f"  {visible(line)}")
    if message.problem:
        complain(f"  the template failed, plain text was posted instead: {message.problem}")
    verdict = tried.verdict or _refused(tried.introduction)
    if verdict.answer is Answer.SENT:
        what = f"a message of the state {state}, marked as a test"
        say(f"  {paint('taken', GREEN)}: {what}; the answer was: {visible(verdict.said)}")
        for step, answer in tried.after:
            _say_after(step, answer)
        return
    complain(f"  {paint('not taken', RED)}: {visible(verdict.said)}")
    complain(f"  {advice(verdict)}")
    raise typer.Exit(PROBLEM)


def _say_after(step: Step, verdict: Verdict) -> None:
    """Say whether the message could be changed or answered."""
    if verdict.answer is Answer.SENT:
        say(f"  {paint(DONE[step], GREEN)}: the answer was: {visible(verdict.said)}")
    else:
        complain(f"  {paint(f'not {DONE[step]}', RED)}: {visible(verdict.said)}")
        complain(f"  {advice(verdict)}")


def _refused(introduction: Introduction | None) -> Verdict:
    return Verdict(answer=Answer.BROKEN, said=introduction.problem if introduction else "")
