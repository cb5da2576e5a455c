"""The workers: one for each channel of the config, and never two that post to one channel.

Each channel has a keeper, which lets its worker work until other settings are wanted, waits until
what was under way is answered and stored, and then has another worker go on from disk.
"""

import asyncio
from collections.abc import Callable, Mapping

from bridge.delivery import Worker
from bridge.message import Delivery
from bridge.post import Post
from bridge.store import ChannelState, Written

Hire = Callable[[Post, ChannelState | None], Worker]


class Crew:
    """Keeps the workers as the newest config wants them."""

    def __init__(self, hire: Hire) -> None:
        """Take `hire`, which makes a worker that goes on with a channel's pause from before."""
        self.workers: dict[str, Worker] = {}  # by channel: who posts to it now
        self.posts: dict[str, Post] = {}  # by channel: what the config in force says of it
        self._hire = hire
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._failed: asyncio.Future[None] | None = None
        self._stopping = False

    def assign(self, posts: Mapping[str, Post], states: Mapping[str, ChannelState]) -> None:
        """Work by these settings from now on; `states` are the pauses of channels that nobody works for.

        A channel that is the same keeps its worker, queue and connections; another one gets a new worker
        when what is under way has ended. A channel that is gone is finished alike, and what waits stays.
        """
        self.posts = dict(posts)
        for name, worker in self.workers.items():
            post = posts.get(name)
            if post is not None and post.channel is worker.post.channel:
                worker.renew(post)
            else:
                worker.end()
        for name, post in posts.items():
            if name not in self.workers:
                self.workers[name] = self._hire(post, states.get(name))
                if self._failed is not None:
                    self._keep(name)

    async def run(self) -> None:
        """Let all work until cancelled; raise what ended a worker that should run for ever."""
        self._failed = asyncio.get_running_loop().create_future()
        for name in self.workers:
            self._keep(name)
        try:
            await self._failed
        finally:
            for keeper in self._keepers.values():
                keeper.cancel()
            await asyncio.gather(*self._keepers.values(), return_exceptions=True)

    async def stop(self, seconds: float) -> None:
        """Begin nothing more and finish what is under way; what is not done in time stays on disk."""
        self._stopping = True
        await asyncio.gather(*(worker.stop(seconds) for worker in self.workers.values()))

    def hand_out(self, written: Written) -> None:
        """Give the workers their new deliveries."""
        for name in self.workers.keys() if written.is_after_trouble else written.moved & self.workers.keys():
            self.workers[name].wake()
        for name in written.returned & self.workers.keys():
            self.workers[name].read_again()
        offers: dict[str, list[Delivery]] = {}
        for delivery in written.deliveries:
            offers.setdefault(delivery.channel, []).append(delivery)
        for name in offers.keys() & self.workers.keys():
            self.workers[name].offer(offers[name])

    def _keep(self, name: str) -> None:
        keeper = self._keepers[name] = asyncio.create_task(self._kept(name))
        keeper.add_done_callback(lambda ended: self._ended(name, ended))

    async def _kept(self, name: str) -> None:
        """Have one worker after the other until the channel is gone, or the bridge stops."""
        while True:
            worker = self.workers[name]
            await worker.run()
            await worker.stop(None)
            post = self.posts.get(name)
            if self._stopping or post is None:
                break
            self.workers[name] = self._hire(post, worker.condition.state)
        if not self._stopping:
            del self.workers[name]
            worker.condition.leave()

    def _ended(self, name: str, keeper: asyncio.Task[None]) -> None:
        if self._keepers.get(name) is keeper:
            del self._keepers[name]
        if keeper.cancelled() or self._failed is None or self._failed.done():
            return
        if error := keeper.exception():
            self._failed.set_exception(error)
