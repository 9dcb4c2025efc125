"""A sandbox for the session, and the official clients to buy from it."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Final, Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser
from solders.keypair import Keypair

from e2e import clients
from e2e.clients import Client, Unavailable
from e2e.sandbox import Sandbox, running
from support.browser import Missing, browser


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running(tmp_path_factory.mktemp("sandbox")) as started:
        yield started


@pytest.fixture(scope="session")
def client_cache(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if named := os.environ.get("TILLWAY_TEST_CACHE"):
        return Path(named).absolute() / "clients"
    cache: pytest.Cache | None = getattr(request.config, "cache", None)
    return cache.mkdir("clients") if cache else tmp_path_factory.mktemp("clients")


def _or_skip(get: Callable[[], Path]) -> Path:
    try:
        return get()
    except Unavailable as reason:
        if os.environ.get("TILLWAY_TEST_CLIENTS") == "required":
            pytest.fail(str(reason))
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def python_clients(client_cache: Path) -> Path:
    return _or_skip(lambda: clients.python_environment(client_cache))


@pytest.fixture(scope="session")
def npm_scripts(client_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = tmp_path_factory.mktemp("npm")
    return _or_skip(lambda: clients.npm_scripts(client_cache, workspace))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    try:
        async with browser() as started:
            yield started
    except Missing as reason:
        pytest.skip(str(reason))


@pytest.fixture
def axe(npm_scripts: Path) -> str:
    return (npm_scripts / "node_modules" / "axe-core" / "axe.min.js").read_text()


# Name: the version of x402 that the client speaks to us, what runs it, its script.
_CLIENTS: Final[dict[str, tuple[Literal[1, 2], str, str]]] = {
    "httpx": (2, "python", "pay_httpx.py"),
    "requests": (2, "python", "pay_requests.py"),
    "fetch": (2, "node", "pay_v2.mjs"),
    "legacy": (1, "node", "pay_legacy.mjs"),
}


@pytest.fixture(params=_CLIENTS)
def client(request: pytest.FixtureRequest) -> Client:
    version, runs, script = _CLIENTS[request.param]
    if runs == "python":
        interpreter = request.getfixturevalue("python_clients")
        return Client(version=version, command=(interpreter, clients.PYTHON / script))
    return Client(
        version=version, command=("node", request.getfixturevalue("npm_scripts") / script)
    )


@pytest.fixture
def wallet() -> Keypair:
    return Keypair()
