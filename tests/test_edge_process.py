"""The edge itself, as far as it is not its parts."""

import os
import pickle
import socket

import pytest

from bridge import logs
from bridge.clock import SystemClock
from bridge.edge.hello import Hello
from bridge.edge.keeper import Keeper
from bridge.edge.process import Process
from bridge.edge.wire import Wire
from bridge.metrics import Metrics
from bridge.store import Overloaded
from bridge.web.reception import Reception
from bridge.web.settings import ServerSettings

SETTINGS = ServerSettings(auth="off")


async def refused(_callback):
    raise Overloaded("nobody is here")


async def test_secrets_of_the_configs_before_stay_out_of_its_log(monkeypatch):
    hidden = []
    monkeypatch.setattr(logs, "begin", lambda *_, secrets, **__: hidden.append(list(secrets)))
    process = Process(1, [])
    process._listener = type("Listener", (), {"renew": lambda *_: None})()
    process._wire = Wire({}, lambda: None)
    for number, secrets in enumerate(({"first"}, {"second"}, {"first", "third"})):
        process._settings(number, pickle.dumps(Hello(server=SETTINGS, level="info", secrets=frozenset(secrets))))
    assert [sorted(each) for each in hidden] == [["first"], ["first", "second"], ["first", "second", "third"]]


async def test_one_that_cannot_take_callbacks_ends_so_that_another_may_begin():
    clock = SystemClock()
    reception = Reception(refused, lambda: "", clock=clock, metrics=Metrics())
    hello = Hello(server=SETTINGS, level="info", secrets=frozenset())
    keeper = Keeper(lambda: hello, lambda: reception, environ=dict(os.environ), clock=clock)
    with socket.socket(type=socket.SOCK_DGRAM) as no_door:
        with pytest.raises(OSError, match=r"^the process that takes callbacks did not begin$"):
            await keeper.open([no_door])
        assert keeper.link is not None
        assert keeper.link.lost.done()  # else it would live on
        await keeper.end()
