"""What all tests share."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from blockbuster import BlockBuster
from hypothesis import settings

settings.register_profile("bridge", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("bridge")

NOW = datetime(2026, 11, 1, 7, 0, tzinfo=UTC)


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now=NOW):
        self.now = now

    def __call__(self):
        return self.now

    def forward(self, **span):
        """Move it on by `timedelta(**span)`."""
        self.now += timedelta(**span)


@pytest.fixture(scope="session", autouse=True)
def the_main_threads_own_loop():
    """Close what pytest-asyncio 1.x asks for between tests and never closes: the main thread's own loop."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    loop.close()


@pytest.fixture(autouse=True)
def no_blocking_call_on_a_loop():
    """Fail a test in which the bridge holds up a loop with a file, a lock or a sleep. Threads and tests may block."""
    blocks = BlockBuster("bridge")
    blocks.activate()
    yield
    blocks.deactivate()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store_path(tmp_path):
    """Where a test's own SQLite file may stand."""
    return tmp_path / "alarm-bridge.db"
