"""Several `tillway serve` processes on one store, over a chain that lives in the test's process.

The chain outlives every one of them, as a real one does: they can be killed at any moment.
"""

import asyncio
import os
import re
import signal
import sysconfig
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
from attrs import define, evolve, field, frozen

from support.chain import funded
from support.shop import Shop, settings_text
from tillway.core.secrets import Secret
from tillway.entrypoints.bootstrap import Ports, create_app
from tillway.entrypoints.configuration import configure
from tillway.entrypoints.sandbox.chain import Chain, Faults, serve_chain
from tillway.entrypoints.sandbox.clock import VirtualClock

_TILLWAY: Final = Path(sysconfig.get_path("scripts")) / "tillway"
_LINE: Final = re.compile(rb"listens on http://127\.0\.0\.1:(\d+)")
_START: Final = 40.0
_LEAVE: Final = 25.0


@define(eq=False)
class Server:
    """One `tillway serve`, which may have several workers, started and killed at will.

    ``starts`` are the seconds from each start until it listened.
    """

    folder: Path
    number: int
    secret: str = field(repr=False)
    text: str = field(repr=False)
    workers: int = 1
    background: bool = True
    environment: Mapping[str, str] = field(factory=dict, repr=False)
    port: int = 0
    starts: list[float] = field(factory=list, init=False)
    process: asyncio.subprocess.Process | None = field(default=None, init=False)

    @property
    def address(self) -> str:
        """Where it is reached, also after it was started again."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> Path:
        """Where its settings are written when it starts."""
        return self.folder / f"settings-{self.number}.yaml"

    @property
    def log(self) -> Path:
        """All that its processes have logged."""
        return self.folder / f"log-{self.number}"

    async def start(self) -> None:
        """Start it and wait until it listens; RuntimeError with its log if it does not."""
        begun = time.monotonic()
        settings = self.settings
        settings.write_text(f"{self.text}server: {{address: '127.0.0.1:{self.port}'}}\n")
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                _TILLWAY,
                "serve",
                "--config",
                settings,
                "--workers",
                str(self.workers),
                *(() if self.background else ("--no-background",)),
                cwd=self.folder,
                env={
                    "PATH": os.environ["PATH"],
                    "X402_SERVER_WALLET_1": self.secret,
                    **self.environment,
                },
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        try:
            self.port = await asyncio.wait_for(self._listening(), _START)
            self.starts.append(time.monotonic() - begun)
        except BaseException:
            await self.kill()
            raise

    async def _listening(self) -> int:
        assert self.process is not None
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            found = _LINE.search(line)
            if found is not None:
                return int(found[1])
        raise RuntimeError(f"it does not listen:\n{self.log.read_text()}")

    async def kill(self) -> None:
        """Kill it with all its workers, as a power cut would. A repeat does nothing."""
        process, self.process = self.process, None
        if process is not None and process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    async def stand_still(self, seconds: float) -> None:
        """Stop all its processes where they are, and let them go on after so many seconds."""
        if self.process is not None and self.process.returncode is None:
            os.killpg(self.process.pid, signal.SIGSTOP)
            try:
                await asyncio.sleep(seconds)
            finally:
                os.killpg(self.process.pid, signal.SIGCONT)

    async def stop(self) -> None:
        """Have it leave in good order."""
        process, self.process = self.process, None
        if process is not None and process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), _LEAVE)
            finally:
                if process.returncode is None:
                    os.killpg(process.pid, signal.SIGKILL)


@frozen
class Crew:
    """Servers with one store, one chain and one merchant.

    ``shop`` is the first server's; its gateway is not opened and only reads the store.
    """

    shop: Shop
    servers: Sequence[Server]

    @property
    def shops(self) -> Sequence[Shop]:
        """The same shop at each server."""
        return [evolve(self.shop, address=server.address) for server in self.servers]


@asynccontextmanager
async def crew(
    folder: Path,
    *,
    count: int = 1,
    workers: int = 1,
    background: bool = True,
    slot_ms: int = 400,
    confirm_delay_ms: int = 20,
    database: Secret | None = None,
    environment: Mapping[str, str] | None = None,
    **changes: Mapping[str, Any],
) -> AsyncIterator[Crew]:
    """Serve ``count`` gateways on one file, or in one PostgreSQL database.

    ``changes`` are settings by section.
    """
    clock, faults = VirtualClock(), Faults()
    chain = Chain(clock=clock.seconds, slot_ms=slot_ms, confirm_delay_ms=confirm_delay_ms)
    merchant, sponsor = funded(chain), funded(chain, sol=10)
    place = {
        "storage": _storage(folder, database),
        "paywall": {"product_source": "yaml"},
        "coupons": {"coupon_source": "yaml"},
    }
    secret = str(sponsor.keypair)
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(serve_chain(chain, faults=faults))
        text = settings_text(node, merchant, **{**place, **changes})
        servers = [
            Server(folder, number, secret, text, workers, background, environment or {})
            for number in range(count)
        ]
        for server in servers:
            stack.push_async_callback(server.stop)
        await asyncio.gather(*(server.start() for server in servers))
        named = {"X402_SERVER_WALLET_1": secret, **(environment or {})}
        configured = configure(text, named)
        gateway = create_app(configured, background=False, ports=Ports(clock=clock))
        await gateway.store.start()
        stack.push_async_callback(gateway.store.aclose)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        shop = Shop(
            chain=chain,
            faults=faults,
            clock=clock,
            merchant=merchant,
            sponsor=sponsor,
            gateway=gateway,
            node=node,
            address=servers[0].address,
            http=http,
        )
        yield Crew(shop, servers)


def _storage(folder: Path, database: Secret | None) -> Mapping[str, Any]:
    if database is not None:
        return {"backend": "postgres", "postgres_url": database.reveal()}
    return {"backend": "file", "file_path": str(folder / "tillway.db")}
