"""A webhook as its worker sees it, whose calls an edge makes."""

import asyncio
from typing import Any, cast

import pytest

from bridge.channels.webhook import WebhookSettings
from bridge.edge.webhook import EdgeWebhook
from bridge.post import NotBegun
from tests.test_edge_calls import VIEW, delivery


class Edges:
    """None yet."""

    def __init__(self):
        self.link, self.comes = None, asyncio.Event()

    def number(self):
        return 1

    async def linked(self):
        await self.comes.wait()
        return self.link


def a_teller(edges):
    webhook = EdgeWebhook(cast("Any", None), WebhookSettings(url="http://127.0.0.1:9/"), edges)
    return webhook.teller(VIEW, lambda _route: {})


async def test_what_waits_for_an_edge_is_not_begun_once_its_worker_is_told_to_end():
    edges = Edges()
    teller = a_teller(edges)
    call = asyncio.create_task(teller(delivery(0), 4))
    await asyncio.sleep(0)
    teller.take_back()
    edges.link = cast("Any", "one that nothing may be posted to")
    edges.comes.set()
    with pytest.raises(NotBegun):
        await call


async def test_what_no_edge_comes_for_is_not_begun():
    edges = Edges()
    edges.comes.set()
    with pytest.raises(NotBegun):
        await a_teller(edges)(delivery(0), 4)
