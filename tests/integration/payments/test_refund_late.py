"""Refunds that are paid although they are not due: what fits is a refund, the rest is owed."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from solders.transaction import VersionedTransaction

from support.all_stores import STORES, place_of, still_on
from support.refunds import (
    VERIFY,
    Bought,
    approve,
    books,
    bought,
    deny,
    execute,
    refund_header,
    refunds_of,
    repay,
    root,
    stored,
)
from support.shop import ARTICLE, Answer, Shop
from tillway.adapters.heads import HeadSignatures
from tillway.core.contracts.counts import FULL
from tillway.core.ledger import Account, AccountKind
from tillway.core.refunds import LIVE, Refund, RefundState
from tillway.core.services.books.audit import Audit
from tillway.core.services.reconciling.findings import Kind as Finding
from tillway.core.services.reconciling.reconcile import Reconcile
from tillway.entrypoints.sandbox.chain import Kind

DEAD = timedelta(seconds=90)
"""Longer than a blockhash lives."""


@pytest.fixture(params=STORES if FULL else ("memory", "file"))
async def shop(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shop]:
    """Give a shop in which nothing happens by itself."""
    async with still_on(await place_of(request, request.param, tmp_path)) as made:
        yield made


@frozen
class ByHand:
    """A payment of a refund that the merchant has sent himself, past the gateway."""

    shop: Shop
    case: Bought
    quote: Mapping[str, Any]
    raw: bytes

    @property
    def refund(self) -> str:
        """The refund that it was sent for."""
        return str(self.quote["resource"].removeprefix("refund:"))

    async def show(self) -> Answer:
        """Present it to the gateway."""
        return await self.shop.post(VERIFY, headers=refund_header(self.raw, self.quote))

    async def live(self) -> list[Refund]:
        """Give what takes a share of the purchase."""
        return [one for one in await refunds_of(self.shop, self.case.purchase) if one.state in LIVE]

    async def owed(self) -> int:
        """Tell what the buyer owes."""
        customer = Account(AccountKind.CUSTOMER, str(self.case.buyer.address))
        asset = (await self.case.payment()).amount.asset
        async with self.shop.gateway.store.view() as view:
            return -(await view.ledger.balance(self.shop.tenant, customer, asset)).total

    async def books(self) -> tuple[int, int]:
        """Give what is earned, and what lies in the merchant's wallet."""
        payment = await self.case.payment()
        return await books(self.shop, payment, payment.pay_to)


async def sent(shop: Shop, amount: int = ARTICLE) -> ByHand:
    """Have a refund be approved, and its payment be sent by hand."""
    case = await bought(shop)
    quote = await case.approved(amount / 1_000_000)
    raw = repay(shop, quote)
    assert shop.chain.land(VersionedTransaction.from_bytes(raw)) is not None
    shop.clock.forward(timedelta(seconds=1))
    return ByHand(shop, case, quote, raw)


async def gone(shop: Shop) -> None:
    """Have the node deny every signature, and look."""
    shop.clock.forward(DEAD)
    shop.chain.tick()
    answer = {"context": {"slot": shop.chain.slots.now}, "value": [None]}
    shop.faults.spoil(Kind.ANSWER, "getSignatureStatuses", result=answer)
    await shop.gateway.services.finality.sweep()
    shop.faults.clear()


async def sound(shop: Shop, *known: Finding) -> None:
    """Have the books verified, and compared with everything else, but for what is known."""
    store, rails = shop.gateway.store, shop.gateway.rails
    audit = Audit(store=store, signatures=HeadSignatures())
    report = await Reconcile(store=store, rails=rails, now=shop.clock.now, audit=audit).run()
    found = [each for each in report.findings.kept if each.kind not in known]
    assert not found, found


class TestDenied:
    async def test_what_fits_takes_its_share(self, shop: Shop) -> None:
        """The money is back with the buyer, and cannot be asked for again."""
        made = await sent(shop)
        assert (await deny(shop, made.refund)).status == 200
        for _ in range(2):  # the proof is shown twice
            assert (await made.show()).status == 200
        again = await made.case.ask()

        (late,) = await made.live()
        assert (await stored(shop, made.refund)).state is RefundState.DENIED
        assert (late.state, late.amount.minor, late.origin) == (
            RefundState.PROCESSED,
            ARTICLE,
            "late",
        )
        assert again.code == "refund_already_processed"
        assert (await made.owed(), await made.books()) == (0, (0, 0))
        told = [event.type for event in await shop.events()]
        assert (told.count("refund.excess"), told.count("refund.succeeded")) == (1, 1)
        await sound(shop)

    async def test_only_what_does_not_fit_is_owed(self, shop: Shop) -> None:
        """Somebody has asked for a part meanwhile, and keeps its share."""
        made = await sent(shop, 30_000)
        await deny(shop, made.refund)
        waits = await made.case.asked(0.035)
        await made.show()

        amounts = {one.id: one.amount.minor for one in await made.live()}
        assert amounts.pop(waits) == 35_000  # type: ignore[call-overload]  # an id is a text
        assert list(amounts.values()) == [ARTICLE - 35_000]
        owed = 30_000 - (ARTICLE - 35_000)
        assert await made.owed() == owed
        assert await made.books() == (35_000, ARTICLE - 30_000)
        await sound(shop)

    async def test_a_payment_that_is_void_gives_its_share_back(self, shop: Shop) -> None:
        """And takes it again once it turns out to have arrived: each turn is booked once."""
        made = await sent(shop)
        await deny(shop, made.refund)
        await made.show()
        await gone(shop)
        assert await made.live() == []
        assert (await made.owed(), await made.books()) == (0, (ARTICLE, ARTICLE))
        await sound(shop, Finding.CHAIN_LANDED_THOUGH_REVERSED)  # which the node denies
        await root(shop)
        (late,) = await made.live()
        assert late.amount.minor == ARTICLE
        assert (await made.owed(), await made.books()) == (0, (0, 0))
        await sound(shop)


class TestTwice:
    async def test_what_went_out_a_second_time_takes_what_is_left(self, shop: Shop) -> None:
        """A part was paid back twice; the second time is undone and done again with its payment."""
        case = await bought(shop)
        refund = await case.asked(0.02)
        first, second = [(await approve(shop, refund)).body["quote"] for _ in range(2)]
        assert (await execute(shop, first)).status == 200
        await root(shop)
        raw = repay(shop, second, price=7)
        assert shop.chain.land(VersionedTransaction.from_bytes(raw)) is not None
        shop.clock.forward(timedelta(seconds=1))
        made = ByHand(shop, case, second, raw)

        assert (await made.show()).code == "refund_already_processed"
        amounts, stands = await self._stands(made)
        assert (amounts, stands) == ([20_000, 20_000], (0, (10_000, 10_000)))
        await sound(shop)
        await gone(shop)
        amounts, stands = await self._stands(made)
        assert (amounts, stands) == ([20_000], (0, (30_000, 30_000)))
        await root(shop)
        amounts, stands = await self._stands(made)
        assert (amounts, stands) == ([20_000, 20_000], (0, (10_000, 10_000)))
        assert (await case.ask(0.011)).code == "refund_already_processed"
        await sound(shop)

    async def _stands(self, made: ByHand) -> tuple[list[int], tuple[int, tuple[int, int]]]:
        """Give what takes a share, what is owed, and the books of the sale and the wallet."""
        amounts = [one.amount.minor for one in await made.live()]
        return amounts, (await made.owed(), await made.books())


class TestAtOnce:
    @pytest.mark.parametrize("shop", STORES, indirect=True)
    async def test_no_more_than_was_paid_is_a_refund(self, shop: Shop) -> None:
        """Somebody asks for parts while a denied one is shown to be paid: the rest is owed."""
        made = await sent(shop, 30_000)
        await deny(shop, made.refund)

        await asyncio.gather(
            *(made.show() for _ in range(3)),
            *(made.case.ask(round(0.011 + number / 1_000, 3)) for number in range(6)),
        )

        live = await made.live()
        late = sum(one.amount.minor for one in live if one.origin == "late")
        assert sum(one.amount.minor for one in live) <= ARTICLE
        assert await made.owed() == 30_000 - late
        assert await made.books() == (ARTICLE - late, ARTICLE - 30_000)
        await sound(shop)


class TestOver:
    async def test_one_that_was_sent_in_time_is_done_by_it(self, shop: Shop) -> None:
        """Its offer had ended when it was shown; approved it was, and it is as much."""
        made = await sent(shop)
        shop.clock.forward(timedelta(minutes=16))
        await made.show()

        (done,) = await made.live()
        assert (done.id, done.state) == (made.refund, RefundState.PROCESSED)
        assert (await made.owed(), await made.books()) == (0, (0, 0))
        await sound(shop)
