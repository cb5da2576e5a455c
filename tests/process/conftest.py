"""What tests of real processes share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession, ClientTimeout, TCPConnector

from tests.process.running import Runner


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    """An HTTP client that has as many connections as it wants."""
    timeout = ClientTimeout(total=20)
    async with ClientSession(connector=TCPConnector(limit=0), timeout=timeout, trust_env=False) as session:
        yield session


@pytest.fixture
async def runner(tmp_path: Path, http: ClientSession) -> AsyncIterator[Runner]:
    """Start the bridge's commands in a directory of the test's own; they are ended with it."""
    runner = Runner(tmp_path, http)
    yield runner
    await runner.end()
