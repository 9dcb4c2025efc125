"""Two ways to call a Solana node, side by side: ours (aiohttp, orjson) and solana-py's client.

The sandbox's chain answers, in a process of its own; each row gives requests a second and client
CPU per call, the median of several rounds in which both take turns.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

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

from bench.bench import Bench
from bench.child import module, running
from bench.report import Report, times
from tillway.adapters.x402.endpoints import Endpoints, Http, Node
from tillway.adapters.x402.rpc import Rpc
from tillway.entrypoints.clocks import SystemClock

TITLE: Final = "rpc_clients: calls of a node by aiohttp (ours), and by solana-py's AsyncClient"
ROUNDS: Final = 3
WIDTHS: Final = (1, 50)
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


async def _measured(call: Call, width: int, seconds: float) -> Speed:
    made, end = 0, time.perf_counter() + seconds

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
    return [Case(name, width, a, b) for width in WIDTHS for name, a, b in kinds]


async def _transaction(rpc: Rpc) -> VersionedTransaction:
    payer = Keypair()
    move = TransferParams(from_pubkey=payer.pubkey(), to_pubkey=payer.pubkey(), lamports=1)
    latest = await rpc.latest_blockhash()
    message = MessageV0.try_compile(payer.pubkey(), [transfer(move)], [], latest.hash)
    return VersionedTransaction(message, [payer])


async def _cases_of(url: str, seconds: float) -> list[Case]:
    http = Http()
    node = Node(label="node", http=http, url=url)
    rpc = Rpc(calls=Endpoints(nodes=(node,)), clock=SystemClock())
    client = AsyncClient(url)
    try:
        cases = _cases(rpc, client, await _transaction(rpc))
        for case in cases:
            for _ in range(ROUNDS):
                case.speeds["ours"].append(await _measured(case.ours, case.width, seconds))
                case.speeds["theirs"].append(await _measured(case.theirs, case.width, seconds))
    finally:
        await client.close()
        await http.aclose()
    return cases


def measure(bench: Bench) -> Iterator[Report]:
    """Measure all cases."""
    with running(module("bench.chain", 0, 400), bench.folder, "chain") as chain:
        cases = asyncio.run(_cases_of(chain.hear()["rpc_url"], bench.seconds / 12))
    yield Report(
        title=TITLE,
        columns=("call", "at once", "ours/s", "solana/s", "ratio", "ours us", "solana us", "ratio"),
        rows=[_row(case) for case in cases],
        notes=["us: CPU of the client for each call"],
    )


def _row(case: Case) -> Sequence[str]:
    rate = {who: statistics.median(one.rate for one in found) for who, found in case.speeds.items()}
    cpu = {who: statistics.median(one.cpu for one in found) for who, found in case.speeds.items()}
    return (
        case.name,
        str(case.width),
        f"{rate['ours']:,.0f}",
        f"{rate['theirs']:,.0f}",
        times(rate["ours"], rate["theirs"]),
        f"{cpu['ours']:.0f}",
        f"{cpu['theirs']:.0f}",
        times(cpu["theirs"], cpu["ours"]),
    )
