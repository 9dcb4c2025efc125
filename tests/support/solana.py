"""The network side of the x402 rail, put together for tests as a plugin puts it together."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

from attrs import define, field
from solders.message import to_bytes_versioned
from solders.transaction import VersionedTransaction

from tillway.adapters.x402.answers import Level
from tillway.adapters.x402.confirm import Confirmations
from tillway.adapters.x402.endpoints import Endpoints, Http, Node, Observe, ignore
from tillway.adapters.x402.queue import Queue
from tillway.adapters.x402.rpc import Rpc
from tillway.adapters.x402.settle import Sender
from tillway.adapters.x402.subscriptions import Subscriptions
from tillway.core.payments import Chain as ChainName
from tillway.core.payments import PaymentKey
from tillway.core.ports.clock import Clock
from tillway.core.ports.rails import Signed

CHAIN = ChainName("solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1")
NOBODY = "http://127.0.0.1:9"
"""An address on which nothing listens."""


@define
class Wire:
    """Hears of every request that a client makes."""

    seen: list[tuple[str, float, str | None]] = field(factory=list)

    def __call__(self, method: str, seconds: float, error: str | None) -> None:
        """Note one request."""
        self.seen.append((method, seconds, error))

    def count(self, method: str) -> int:
        """Tell how often a method was asked for, failures included."""
        return sum(1 for name, _, _ in self.seen if name == method)


@asynccontextmanager
async def rpc_to(
    urls: Sequence[str],
    clock: Clock,
    *,
    timeout: float = 2.0,
    level: Level = Level.CONFIRMED,
    observe: Observe = ignore,
    **more: Any,
) -> AsyncIterator[Rpc]:
    """Give an Rpc over these nodes, and close its connections."""
    http = Http(timeout=timeout)
    nodes = tuple(
        Node(label=f"rpc-{place}", http=http, url=url, observe=observe)
        for place, url in enumerate(urls, 1)
    )
    try:
        yield Rpc(calls=Endpoints(nodes=nodes), clock=clock, commitment=level, **more)
    finally:
        await http.aclose()


@asynccontextmanager
async def sender_over(
    rpc: Rpc, *, ws_url: str | None = None, queue: Queue | None = None, **settings: Any
) -> AsyncIterator[Sender]:
    """Give a Sender over this Rpc, and stop what it started."""
    http = Http()
    hints = None
    if ws_url is not None:
        hints = Subscriptions(http=http, clock=rpc.clock, commitment=rpc.commitment, url=ws_url)
    confirmations = Confirmations(rpc=rpc, clock=rpc.clock, hints=hints)
    queue = queue or Queue(clock=rpc.clock)
    try:
        yield Sender(rpc=rpc, clock=rpc.clock, confirmations=confirmations, queue=queue, **settings)
    finally:
        await confirmations.aclose()
        if hints is not None:
            await hints.aclose()
        await http.aclose()


async def signed_for(rpc: Rpc, transaction: VersionedTransaction) -> Signed:
    """Write down what a claim would remember of this transaction, as of now."""
    seen = await rpc.know_heights()
    return Signed(
        chain=CHAIN,
        key=PaymentKey(sha256(to_bytes_versioned(transaction.message)).hexdigest()),
        payload=bytes(transaction),
        signature=str(transaction.signatures[0]),
        last_valid_height=seen.height + 150,
        seen_height=seen.height,
        seen_slot=seen.slot,
    )
