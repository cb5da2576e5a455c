"""What all tests share."""

import asyncio
import os
import shutil
import signal
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from blockbuster import BlockBuster
from hypothesis import settings

from bridge.rendering import library
from bridge.rendering.library import builtin_templates
from bridge.rendering.sandbox import Sandbox
from bridge.store import store
from bridge.store.prepared import Writes

settings.register_profile("bridge", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("bridge")

LONG = {"process", "simulation", "test_wheel.py"}  # folders and files
WORKERS = "PYTEST_XDIST_AUTO_NUM_WORKERS"  # how many `-n auto` is, for who says so
MEMORY = Path("/dev/shm")  # a disk that takes no time, where there is one
ROOM = 2 << 30  # bytes: the tests of a run leave some hundred thousand, as long as none fails
NOW = datetime(2026, 11, 1, 7, 0, tzinfo=UTC)


class StandingClock:
    """A `bridge.clock.Clock` that stands still until a test, or somebody's sleep, moves it."""

    def __init__(self):
        self._now = NOW
        self._monotonic = 1000.0

    def now(self):
        return self._now

    def monotonic(self):
        return self._monotonic

    async def sleep(self, seconds):
        self.forward(seconds=seconds)
        await asyncio.sleep(0)

    def forward(self, **span):
        """Move it on by `timedelta(**span)`."""
        passed = timedelta(**span)
        self._now += passed
        self._monotonic += passed.total_seconds()


@pytest.fixture(scope="session", autouse=True)
def built_in_templates_are_read_and_compiled_once():
    """Give each renderer what the first one made of the same text: all of it again took a tenth of the suite's time."""
    folder, compile_one, read_all, known = builtin_templates(), Sandbox.compile, library.templates_below, {}
    built_in = dict(read_all(folder))

    def compile_once(sandbox, source, name=None, filename=None, *more):
        if more or not filename or not Path(filename).is_relative_to(folder):
            return compile_one(sandbox, source, name, filename, *more)
        if (source, name, filename) not in known:
            known[source, name, filename] = compile_one(sandbox, source, name, filename)
        return known[source, name, filename]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sandbox, "compile", compile_once)
        patch.setattr(library, "templates_below", lambda root: built_in if root == folder else read_all(root))
        yield


@pytest.fixture(scope="session", autouse=True)
def statements_are_compiled_once():
    """Give each store the statements that the first one compiled for its kind of database."""
    known = {}

    def compile_once(dialect):
        if dialect.name not in known:
            known[dialect.name] = Writes(dialect)
        return known[dialect.name]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "Writes", compile_once)
        yield


@pytest.fixture(scope="session", autouse=True)
def interrupts_reach_commands():
    """Hand on to what tests start no SIGINT that is ignored: a shell does that to what it runs in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def the_main_threads_own_loop():
    """Close what pytest-asyncio 1.x asks for between tests and never closes: the main thread's own loop."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    loop.close()


@pytest.fixture(scope="session")
def blocks():
    """Give what finds blocking calls."""
    blocks = BlockBuster("bridge")
    for function in blocks.functions.values():  # the writer judges on the loop, and no other process writes
        function.can_block_in("bridge/store/store.py", {"begin", "fill"})
    return blocks


@pytest.fixture(autouse=True)
def no_blocking_call_on_a_loop(blocks):
    """Fail a test in which the bridge holds up a loop with a file, a lock or a sleep. Threads and tests may block."""
    blocks.activate()
    yield
    blocks.deactivate()


@pytest.fixture
def clock():
    return StandingClock()


def pytest_configure():
    """Let tests write into memory, where it has room and may hold programs: half their time they waited for a disk."""
    if "TMPDIR" in os.environ or not MEMORY.is_dir():
        return
    if shutil.disk_usage(MEMORY).free > ROOM and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
        tempfile.tempdir = str(MEMORY)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Run one worker more than there are processors: a test of processes leaves its own idle for a third of its time."""
    if WORKERS in os.environ:
        return None  # then xdist's own count holds
    allowed = getattr(os, "sched_getaffinity", None)  # Linux alone has it
    return 1 + (len(allowed(0)) if allowed else os.cpu_count() or 1)


def pytest_collection_modifyitems(items):
    """Begin with what takes long, so that no worker is alone with it at the end."""
    items.sort(key=lambda item: not LONG & {item.path.name, item.path.parent.name})


def pytest_terminal_summary(terminalreporter):
    """Say how many messages the judges of `tests/judges` have seen."""
    reports = terminalreporter.getreports("passed")
    judged = sum(count for report in reports for name, count in report.user_properties if name == "judged")
    if judged:
        terminalreporter.write_line(f"{judged:,} Slack messages judged")
