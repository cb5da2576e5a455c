"""`send`: post callbacks to a running bridge as Tencent Cloud would, and show its answers."""

import asyncio
import os
import secrets
import string
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, TypeVar

import typer

from bridge.alarm import ROUTED, State
from bridge.commands.callbacks import NamedCallback, StateAmong, complete_callback, read_callback
from bridge.commands.output import GREEN, PROBLEM, RED, WRONG_USAGE, complain, fail, paint, say
from bridge.sending.letters import GOES_ON, Letter, Wish, compose
from bridge.sending.memory import Memory, changing, place
from bridge.sending.post import Address, Answered, address, post
from bridge.sending.retell import write_body

DEFAULT_URL = "http://127.0.0.1:8080/callback"
TOKEN = "ALARM_BRIDGE_TOKEN"  # noqa: S105 - the variable's name
T = TypeVar("T")
SESSION_LETTERS = string.ascii_letters + string.digits  # live captures, 2020-2021: 24 of these


def send(
    *,
    callbacks: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CALLBACK",
            help="Files, names of built-in samples, or - for standard input. "
            "With --state repeat, escalated or recovered: unless given, the one sent last.",
            autocompletion=complete_callback,
        ),
    ] = None,
    url: Annotated[str, typer.Option(metavar="URL", help="The address that Tencent Cloud was given.")] = DEFAULT_URL,
    token: Annotated[
        str, typer.Option(metavar="T", show_default=False, help=f"One of `server.auth.tokens`; else ${TOKEN} counts.")
    ] = "",
    user: Annotated[
        str, typer.Option(metavar="U:P", show_default=False, help="User and password of `server.auth.basic`.")
    ] = "",
    state: Annotated[
        State | None,
        typer.Option(
            metavar="STATE",
            parser=StateAmong(*ROUTED),
            autocompletion=StateAmong(*ROUTED).complete,
            help="triggered begins anew; repeat, escalated and recovered go on with the one sent last, "
            "also from another shell.",
        ),
    ] = None,
    as_is: Annotated[bool, typer.Option("--as-is", help="Change nothing, byte for byte.")] = False,
) -> None:
    """Post callbacks to a running bridge as Tencent Cloud would, and show its answers.

    Samples get the present time and a session of their own, so that
    sending one twice shows two alarms. Files are sent as they are, unless
    --state is given.

    --state repeat, escalated and recovered go on with what was sent last
    and move its time forward: a repeat and a rise by 300 s, a recovery to
    now or, where that is behind what was told, 60 s on. What was sent is
    remembered in $XDG_STATE_HOME/alarm-bridge/sent.json, else in
    ~/.local/state/alarm-bridge/sent.json.
    """
    if as_is and state:
        fail("--as-is changes nothing, and --state changes the state: give one of them", WRONG_USAGE)
    to = _address(url, token, user)
    wish = Wish(state=state, as_is=as_is, now=datetime.now(UTC), session=new_session)
    named = [read_callback(text) for text in callbacks] if callbacks else [_sent_last(state)]
    answers = [_send(one, to, wish) for one in named]
    if any(answered.status != 200 for answered in answers):
        raise typer.Exit(PROBLEM)


def new_session() -> str:
    """Make a session id as live callbacks have it."""
    return "".join(secrets.choice(SESSION_LETTERS) for _ in range(24))


def _address(url: str, token: str, user: str) -> Address:
    if token and user:
        fail("give --token or --user, not both", WRONG_USAGE)
    if user and ":" not in user:
        fail("--user takes a name and a password with a colon between them", WRONG_USAGE)
    try:
        return address(url, token=token or ("" if user else os.environ.get(TOKEN, "")), user=user)
    except ValueError as error:
        fail(f"--url {error}", WRONG_USAGE)


def _sent_last(state: State | None) -> NamedCallback:
    """Give the callback that was sent last, to be gone on with."""
    if state not in GOES_ON:
        fail("name a callback to send: a file, or one that `alarm-bridge samples` lists", WRONG_USAGE)
    sent = _remembering(lambda memory: list(memory.sent.items()))
    if not sent:
        fail("nothing was sent yet that could be gone on with: name a callback")
    name, body = sent[-1]
    return NamedCallback(name=name, body=write_body(body))


def _send(named: NamedCallback, to: Address, wish: Wish) -> Answered:
    letter = _remembering(partial(compose, named.name, named.body, sample=named.sample, wish=wish))
    if letter.note:
        complain(f"{letter.name} {letter.note}")
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:  # leaves the thread's own loop alone
        answered = runner.run(post(to, letter.body))
    if answered.status == 200 and letter.alarm is not None:
        with suppress(OSError), changing(place(os.environ)) as memory:  # already complained of
            memory.keep(letter.name, letter.alarm)
    _show(letter, answered)
    return answered


def _show(letter: Letter, answered: Answered) -> None:
    head = f"{letter.name} ({letter.told})"
    if answered.status is None:
        complain(f"{head}: {answered.advice}")
        return
    status = paint(str(answered.status), GREEN if answered.status == 200 else RED)
    say(f"{head}: {status} {answered.body}".rstrip())
    if answered.advice:
        complain(f"{head}: {answered.advice}")


def _remembering(edit: Callable[[Memory], T]) -> T:
    """Read or change what was sent last; where it cannot be kept, say so and go on without."""
    path = place(os.environ)
    results: list[T] = []
    try:
        with changing(path) as memory:
            results.append(edit(memory))
    except OSError as error:
        complain(f"{path}: {error.strerror}: what was sent cannot be remembered")
    return results[0] if results else edit(Memory())
