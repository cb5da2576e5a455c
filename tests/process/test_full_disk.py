"""A disk that is full, by a limit on file sizes and truly: 503 in words while it lasts, and then it goes on by itself."""

import json
import os
import resource
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes.endpoint import Behaviour, serve_endpoint
from tests.process.running import until, write_config
from tests.process.telling import callback, instance, told

GROWTH = 512 * 1024  # bytes that files may still grow
DISK_KIB = 2048
LITTER_KIB = 640  # of the disk, twice, that another program has filled
REFUSED = "the store cannot take it now: send it again"
FULL = "the store cannot be written: database or disk is full"
LIMITED = "the store cannot be written: disk I/O error"  # SQLite's words for a file that may not grow
MOST_CALLBACKS = 2000
MOST_LINES = 3  # not one with every callback
UNDER_WAY = 64  # deliveries, and results that are not yet on disk


async def fill(bridge, first=1):
    """Send callbacks until one is refused; give the numbers of those that were taken."""
    for number in range(first, first + MOST_CALLBACKS):
        status, text = await bridge.post(callback(number))
        if status != 200:
            answer = json.loads(text)
            assert (status, answer["retCode"], answer["message"]) == (503, 1, REFUSED)
            return [*range(first, number)]
    raise AssertionError("the disk was never full")


async def says_that_it_is_full(bridge, words):
    """See that it says so everywhere; a small result may still find room, after which it is said once more."""
    await until(lambda: is_unavailable(bridge, words), "it says that it is full")
    lines = bridge.logged("the store cannot be written")
    assert {(line["level"], line["reason"]) for line in lines} == {("error", words)}
    assert len(lines) <= MOST_LINES


async def is_unavailable(bridge, words):
    both = await bridge.get("/readyz") == await bridge.get("/healthz") == (503, "unavailable")
    health = await bridge.health()
    return both and (health["status"], health["store"]) == ("unavailable", words)


async def goes_on_by_itself(bridge):
    await until(lambda: is_ready(bridge), "it goes on by itself")
    assert (await bridge.health())["status"] == "ok"


async def is_ready(bridge):
    return await bridge.get("/readyz") == (200, "ok")


def expected(numbers):
    return {(instance(number), "triggered") for number in numbers}


async def test_a_file_that_may_not_grow_is_said_and_when_it_may_again_all_goes_on(runner, tmp_path):
    async with serve_endpoint() as endpoint:
        endpoint.always = Behaviour(delay=0.1)  # some are under way at any time
        bridge = await runner.serve({"channels": {"desk": {"type": "webhook", "url": endpoint.url()}}})
        _, most = resource.prlimit(bridge.pid, resource.RLIMIT_FSIZE)
        size = max(file.stat().st_size for file in tmp_path.glob("alarm-bridge.db*"))
        resource.prlimit(bridge.pid, resource.RLIMIT_FSIZE, (size + GROWTH, most))
        taken = await fill(bridge)
        await says_that_it_is_full(bridge, LIMITED)
        resource.prlimit(bridge.pid, resource.RLIMIT_FSIZE, (most, most))
        await goes_on_by_itself(bridge)
        again = [len(taken) + 1, len(taken) + 2]
        await bridge.accept(*map(callback, again))
        await bridge.idle()
        assert await bridge.terminate() == 0
        heard = told(endpoint.received)
        assert set(heard) == expected([*taken, *again])
        assert len(heard) == len(set(heard))  # results that waited for the disk were not forgotten


@contextmanager
def small_disk(place):
    """Mount a small tmpfs in a namespace of its own; give what starts a command in it, and its view from outside."""
    (place / "disk").mkdir()
    unshare = ["unshare", "--mount"] if os.getuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    script = f'mount -t tmpfs -o size={DISK_KIB}k tmpfs "$0" && echo mounted && exec cat'
    with subprocess.Popen(
        [*unshare, "sh", "-c", script, place / "disk"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        try:
            said = holder.stdout.readline()
            if said != "mounted\n":
                cannot(said)
            enter = ["nsenter", "--mount", f"--target={holder.pid}"]
            enter += [] if os.getuid() == 0 else ["--user", "--preserve-credentials"]
            yield enter, Path("/proc", str(holder.pid), "root", *(place / "disk").parts[1:])
        finally:
            holder.stdin.close()


def cannot(why):
    """Skip, but never where everything must be proved."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no namespace with a disk of its own here: {why.strip()}")


async def test_a_full_disk_is_said_and_what_was_acknowledged_outlives_it_and_a_kill(runner, tmp_path):
    if not shutil.which("unshare") or not shutil.which("nsenter"):
        cannot("unshare and nsenter are not installed")
    with small_disk(tmp_path) as (enter, disk):
        async with serve_endpoint() as endpoint:
            endpoint.always = Behaviour(delay=0.1)
            store = f"sqlite:///{tmp_path}/disk/alarm-bridge.db"
            config = {"channels": {"desk": {"type": "webhook", "url": endpoint.url()}}, "store": store}
            path = write_config(tmp_path, config)
            litter = [disk / "litter", disk / "more-litter"]
            for file in litter:
                file.write_bytes(bytes(LITTER_KIB * 1024))

            bridge = await runner.serve(path, before=enter)
            taken = await fill(bridge)
            await says_that_it_is_full(bridge, FULL)
            litter[0].unlink()
            await goes_on_by_itself(bridge)
            taken += await fill(bridge, len(taken) + 1)
            await bridge.kill()

            bridge = await runner.serve(path, before=enter)  # a full disk is no reason not to start
            taken += await fill(bridge, len(taken) + 1)
            await says_that_it_is_full(bridge, FULL)
            litter[1].unlink()
            await goes_on_by_itself(bridge)
            await bridge.idle()
            assert await bridge.terminate() == 0
            heard = told(endpoint.received)
            assert set(heard) == expected(taken)
            assert len(heard) - len(set(heard)) <= UNDER_WAY
