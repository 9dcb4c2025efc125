"""Differences between payments and what the chain shows of them, over a chain that runs."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from attrs import evolve
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from support.chain import blockhash_of, pay
from support.planted import GONE, ON_CHAIN, arrive, claim
from support.shop import Shop, open_shop
from tillway.adapters.heads import HeadSignatures
from tillway.adapters.stores.memory import MemoryStore
from tillway.core.assets import USDC, USDT
from tillway.core.money import Money
from tillway.core.payments import Payment, PaymentKey
from tillway.core.ports.store import Store, UnitOfWork
from tillway.core.services.books.audit import Audit
from tillway.core.services.books.bookkeeping import entries_of
from tillway.core.services.books.facts import facts_of
from tillway.core.services.reconciling.findings import Kind
from tillway.core.services.reconciling.reconcile import Reconcile
from tillway.core.services.reconciling.report import Report

pytestmark = pytest.mark.asyncio(loop_scope="module")

Write = Callable[[Shop, UnitOfWork, Payment], Awaitable[None]]

FINAL: Final = timedelta(minutes=10)
"""Until which every block is final, and no signed transaction of before can land any more."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shop() -> AsyncIterator[Shop]:
    """Give a shop that has sold one article, long ago."""
    async with open_shop(background=False) as made:
        await made.paid(made.buyer())
        made.clock.forward(FINAL)
        yield made


async def reconciled(shop: Shop, store: Store) -> Report:
    """Reconcile a store with the shop's chain."""
    audit = Audit(store=store, signatures=HeadSignatures())
    return await Reconcile(
        store=store, rails=shop.gateway.rails, now=shop.clock.now, audit=audit
    ).run()


def changed(**changes: Any) -> Write:
    """Write the payment with other values, told and booked like that."""

    async def write(_: Shop, unit: UnitOfWork, paid: Payment) -> None:
        await arrive(unit, evolve(paid, watched=False, **changes))

    return write


async def nothing(_: Shop, unit: UnitOfWork, paid: Payment) -> None:
    """Write no payment at all."""


async def as_failed(_: Shop, unit: UnitOfWork, paid: Payment) -> None:
    """Write that it failed."""
    await claim(unit, paid)
    ended = paid.ended_at or paid.created_at
    await unit.payments.fail(evolve(paid, grant=None, turn=0).failed(ended, GONE), landed=False)


async def as_reversed(_: Shop, unit: UnitOfWork, paid: Payment) -> None:
    """Write that its money is gone."""
    await arrive(unit, paid)
    gone = evolve(paid.reversed(paid.ended_at or paid.created_at, GONE), watched=False)
    await unit.payments.amend(gone, paid.state, facts_of(gone), entries_of(gone))


async def as_open(shop: Shop, unit: UnitOfWork, paid: Payment) -> None:
    """Write that nobody knows yet, and that somebody has just looked."""
    await claim(unit, evolve(paid, lease_until=shop.clock.now() - timedelta(minutes=8)))


async def never_sent(shop: Shop, unit: UnitOfWork, paid: Payment) -> None:
    """Write another payment as arrived, that was signed and never sent."""
    await arrive(unit, evolve(paid, watched=False))
    buyer = shop.buyer()
    signed = pay(buyer, shop.merchant.address, 50_000, blockhash_of(shop.chain))
    await arrive(unit, as_arrived(paid, signed, str(buyer.address)))


async def landed_in_vain(shop: Shop, unit: UnitOfWork, paid: Payment) -> None:
    """Write another payment as arrived, whose transaction has failed."""
    await arrive(unit, evolve(paid, watched=False))
    poor = shop.buyer(usdc=10, sol=1)
    signed = pay(poor, shop.merchant.address, 50_000, blockhash_of(shop.chain))
    config = {"encoding": "base64", "skipPreflight": True}
    wire = base64.b64encode(bytes(signed)).decode()
    body = {"jsonrpc": "2.0", "id": 1, "method": "sendTransaction", "params": [wire, config]}
    async with shop.http.post(shop.node.rpc_url, json=body) as answer:
        assert "result" in await answer.json()
    await arrive(unit, as_arrived(paid, signed, str(poor.address)))


def as_arrived(paid: Payment, signed: VersionedTransaction, payer: str) -> Payment:
    """Give a payment that says of these bytes what another says of its own."""
    return evolve(
        paid,
        key=PaymentKey(paid.key[::-1]),
        signed=bytes(signed),
        signature=str(signed.signatures[0]),
        payer=payer,
        refund_to=payer,
        watched=False,
        reservations=(),
    )


WRITES: Final[dict[Kind, Write]] = {
    Kind.ARRIVAL_UNKNOWN: nothing,
    Kind.ARRIVAL_AMOUNT: changed(amount=Money(50_001, USDC)),
    Kind.ARRIVAL_ASSET: changed(amount=Money(50_000, USDT)),
    Kind.ARRIVAL_PLACE: changed(pay_to=str(Pubkey.default())),
    Kind.ARRIVAL_PAYER: changed(payer=str(Pubkey.default()), refund_to=None),
    Kind.CHAIN_LANDED_THOUGH_FAILED: as_failed,
    Kind.CHAIN_LANDED_THOUGH_REVERSED: as_reversed,
    Kind.CHAIN_LANDED_THOUGH_OPEN: as_open,
    Kind.CHAIN_MISSING: never_sent,
    Kind.CHAIN_FAILED: landed_in_vain,
}


class TestPlanted:
    @pytest.mark.parametrize("kind", list(WRITES))
    async def test_it_is_found_and_named(self, shop: Shop, kind: Kind) -> None:
        """It, and nothing else."""
        store = MemoryStore()
        [paid] = await shop.payments()
        async with store.begin() as unit:
            await WRITES[kind](shop, unit, paid)
        if kind is not Kind.CHAIN_LANDED_THOUGH_OPEN:
            shop.clock.forward(FINAL)
        report = await reconciled(shop, store)
        found = {finding.kind for finding in report.findings.kept}
        assert found == {kind}, [str(each) for each in report.findings.kept]

    async def test_all_of_the_chains_kinds_are_here(self) -> None:
        """None is left to others."""
        assert set(WRITES) == ON_CHAIN


class TestClean:
    @pytest.mark.parametrize("backend", ["memory", "file"])
    async def test_a_day_of_selling_raises_no_alarm(self, backend: str, tmp_path: Path) -> None:
        """Bought, given away, refused, paid twice: all of it agrees with the chain."""
        place = {"backend": backend, "file_path": str(tmp_path / "tillway.db")}
        async with open_shop(storage=place) as shop:
            for resource in ("article", "book?couponCode=HALF", "course"):
                name, _, query = resource.partition("?")
                await shop.paid(shop.buyer(), name, f"?{query}" if query else "")
            await shop.get("/paywall/article?couponCode=FREE")
            poor = shop.buyer(usdc=1)
            asked = await shop.offer("article")
            shop.sign(poor, asked.offer)
            shop.clock.forward(FINAL)
            await shop.gateway.services.finality.sweep()
            await shop.gateway.services.sequence.sweep()
            report = await reconciled(shop, shop.gateway.store)
        assert [str(each) for each in report.findings.kept] == []
        assert report.unsure == {}
        assert report.compared["payments"] >= 4
        assert report.compared["movements"] == 3
        assert report.compared["payments on their rails"] == 3
