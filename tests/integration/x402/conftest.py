"""A chain on a clock that runs fast, and the rail's network side over it."""

from collections.abc import AsyncIterator

import pytest

from support.quick_clock import QuickClock
from support.solana import Wire, rpc_to, sender_over
from tillway.adapters.x402.rpc import Rpc
from tillway.adapters.x402.settle import Sender
from tillway.entrypoints.sandbox.chain import Chain, Served, serve_chain


@pytest.fixture
def quick() -> QuickClock:
    return QuickClock()


@pytest.fixture
def quick_chain(quick: QuickClock) -> Chain:
    return Chain(clock=quick)


@pytest.fixture
async def first(quick_chain: Chain) -> AsyncIterator[Served]:
    async with serve_chain(quick_chain) as served:
        yield served


@pytest.fixture
async def second(quick_chain: Chain) -> AsyncIterator[Served]:
    """Serve another node of the same chain, with faults of its own."""
    async with serve_chain(quick_chain) as served:
        yield served


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
async def solana(first: Served, quick: QuickClock, wire: Wire) -> AsyncIterator[Rpc]:
    async with rpc_to([first.rpc_url], quick, observe=wire) as rpc:
        yield rpc


@pytest.fixture
async def solana_of_two(
    first: Served, second: Served, quick: QuickClock, wire: Wire
) -> AsyncIterator[Rpc]:
    async with rpc_to([first.rpc_url, second.rpc_url], quick, observe=wire) as rpc:
        yield rpc


@pytest.fixture
async def sender(solana: Rpc) -> AsyncIterator[Sender]:
    async with sender_over(solana) as made:
        yield made


@pytest.fixture
async def sender_of_two(solana_of_two: Rpc) -> AsyncIterator[Sender]:
    async with sender_over(solana_of_two) as made:
        yield made
