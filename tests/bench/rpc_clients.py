"""Two ways to call a Solana node, side by side: ours (aiohttp, orjson) and solana-py's client.

Run from the root: ``python tests/bench/rpc_clients.py``. The sandbox's chain answers, in a
process of its own; each row gives requests a second and client CPU per call, the median of
several rounds in which both take turns.
"""

import asyncio
import multiprocessing
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from attrs import define, field, frozen
from solana.rpc.async_api import AsyncClient
from solana.rpc.commitment import Confirmed
from solana.rpc.models import TxOpts
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from tillway.adapters.x402.endpoints import Endpoints, Http, Node
from tillway.adapters.x402.rpc import Rpc
from tillway.entrypoints.sandbox.chain import Chain, serve_chain

ROUNDS = 3
SECONDS = 0.3
SIGNATURES = [Signature.new_unique() for _ in range(50)]

Call = Callable[[], Awaitable[object]]


@frozen(kw_only=True)
class Speed:
    """One measurement: calls a second, and microseconds of our own CPU for each."""

    rate: float
    cpu: float


@define
class Case:
    """One kind of call by both clients."""

    name: str
    width: int
    ours: Call
    theirs: Call
    speeds: dict[str, list[Speed]] = field(factory=lambda: {"ours": [], "theirs": []})


class _WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def _serve(pipe: Connection) -> None:
    async def run() -> None:
        async with serve_chain(Chain(clock=time.time)) as served:
            pipe.send(served.rpc_url)
            await asyncio.to_thread(pipe.recv)

    asyncio.run(run())


@asynccontextmanager
async def _node() -> AsyncIterator[str]:
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    child: BaseProcess = context.Process(target=_serve, args=(there,), daemon=True)
    child.start()
    try:
        yield await asyncio.to_thread(here.recv)
    finally:
        here.send("stop")
        child.join(5)


async def _measured(call: Call, width: int) -> Speed:
    made, end = 0, time.perf_counter() + SECONDS

    async def caller() -> None:
        nonlocal made
        while time.perf_counter() < end:
            await call()
            made += 1

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller() for _ in range(width)))
    spent = time.process_time() - cpu
    return Speed(rate=made / (time.perf_counter() - began), cpu=spent / made * 1e6)


def _cases(rpc: Rpc, client: AsyncClient, transaction: VersionedTransaction) -> list[Case]:
    raw, key = bytes(transaction), Pubkey.default()
    options = TxOpts(skip_preflight=True, preflight_commitment=Confirmed)
    kinds: list[tuple[str, Call, Call]] = [
        (
            "1 status",
            lambda: rpc.statuses(SIGNATURES[:1], history=False),
            lambda: client.get_signature_statuses(SIGNATURES[:1]),
        ),
        (
            "50 statuses",
            lambda: rpc.statuses(SIGNATURES, history=False),
            lambda: client.get_signature_statuses(SIGNATURES),
        ),
        (
            "simulate",
            lambda: rpc.simulate(raw),
            lambda: client.simulate_transaction(transaction, commitment=Confirmed),
        ),
        (
            "send",
            lambda: rpc.send(raw, skip_preflight=True),
            lambda: client.send_raw_transaction(raw, opts=options),
        ),
        ("balance", lambda: rpc.balance(key), lambda: client.get_balance(key, Confirmed)),
    ]
    return [Case(name, width, a, b) for width in (1, 50) for name, a, b in kinds]


async def _transaction(rpc: Rpc) -> VersionedTransaction:
    payer = Keypair()
    move = TransferParams(from_pubkey=payer.pubkey(), to_pubkey=payer.pubkey(), lamports=1)
    latest = await rpc.latest_blockhash()
    message = MessageV0.try_compile(payer.pubkey(), [transfer(move)], [], latest.hash)
    return VersionedTransaction(message, [payer])


def _table(cases: list[Case]) -> str:
    lines = [
        f"{'call':<12} {'at once':>7} | {'aiohttp/s':>9} {'solana/s':>9} {'ratio':>6}"
        f" | {'aiohttp us':>10} {'solana us':>10} {'ratio':>6}"
    ]
    for case in cases:
        rate = {who: statistics.median(s.rate for s in v) for who, v in case.speeds.items()}
        cpu = {who: statistics.median(s.cpu for s in v) for who, v in case.speeds.items()}
        lines.append(
            f"{case.name:<12} {case.width:>7} | {rate['ours']:>9.0f} {rate['theirs']:>9.0f}"
            f" {rate['ours'] / rate['theirs']:>5.1f}x | {cpu['ours']:>10.0f}"
            f" {cpu['theirs']:>10.0f} {cpu['theirs'] / cpu['ours']:>5.1f}x"
        )
    return "\n".join(lines)


async def measure() -> str:
    """Measure all cases and give the table."""
    http = Http()
    async with _node() as url:
        rpc = Rpc(
            calls=Endpoints(nodes=(Node(label="node", http=http, url=url),)), clock=_WallClock()
        )
        client = AsyncClient(url)
        cases = _cases(rpc, client, await _transaction(rpc))
        for case in cases:
            for _ in range(ROUNDS):
                case.speeds["ours"].append(await _measured(case.ours, case.width))
                case.speeds["theirs"].append(await _measured(case.theirs, case.width))
        await client.close()
        await http.aclose()
    return _table(cases)


if __name__ == "__main__":
    print(asyncio.run(measure()))
