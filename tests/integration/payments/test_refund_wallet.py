"""A wallet of ours that pays approved refunds by itself, within limits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve
from solders.keypair import Keypair

from support.chain import USDC, Wallet
from support.refunds import approve, books, bought, deny, execute, stored
from support.shop import ARTICLE, Shop, open_shop
from support.waiting import until
from tillway.adapters.heads import HeadSignatures
from tillway.core.ids import RefundId
from tillway.core.ledger import Account, AccountKind
from tillway.core.payments import Payment, State
from tillway.core.ports.rails import Examines, Finding
from tillway.core.quotes import Purpose
from tillway.core.refunds import RefundState
from tillway.core.services.books.audit import Audit
from tillway.entrypoints.sandbox.chain import fund


@asynccontextmanager
async def open_with_wallet(
    usdc: int = 1_000_000, **x402: Any
) -> AsyncIterator[tuple[Shop, Wallet]]:
    """Serve a shop whose refunds a wallet of its own pays."""
    wallet = Wallet(Keypair())
    async with open_shop(
        background=False, environment={"X402_REFUND_WALLET": str(wallet.keypair)}, x402=x402
    ) as shop:
        fund(shop.chain, wallet.address, USDC.mint, usdc, 10**9)
        yield shop, wallet


async def sweep(shop: Shop) -> int:
    return await shop.gateway.services.refunding.automatic.sweep()


async def payouts(shop: Shop) -> list[Payment]:
    """Give what was claimed to pay refunds."""
    return [each for each in await shop.payments() if each.purchase.purpose is Purpose.REFUND]


async def over(shop: Shop) -> None:
    """Wait until no payment of a refund may arrive any more."""

    async def holds() -> bool:
        await shop.gateway.services.resolve.sweep()
        return not any(each.is_live for each in await payouts(shop))

    await until(holds)


async def sound(shop: Shop) -> None:
    report = await Audit(store=shop.gateway.store, signatures=HeadSignatures()).run()
    assert report.is_sound, report.faults


class TestPaidByItself:
    async def test_what_it_cannot_pay_is_in_no_others_way(self) -> None:
        """However much of that there is: offers that have ended, and refunds of cards."""
        async with open_with_wallet() as (shop, _):
            case = await bought(shop)
            refund = await case.asked()
            assert (await approve(shop, refund)).status == 200
            kept = await stored(shop, refund)
            async with shop.gateway.store.begin() as unit:
                for number in range(101):
                    later = kept.created_at + timedelta(milliseconds=number + 1)
                    ended = evolve(
                        kept,
                        id=RefundId(f"refund_{number:032x}"),
                        purchase=f"another {number}",
                        created_at=later,
                        expires_at=later,
                    )
                    await unit.refunds.add(ended, kept.amount)
            shop.clock.forward(timedelta(seconds=1))

            assert await sweep(shop) == 1

    async def test_what_is_approved_is_paid_and_booked(self) -> None:
        """From our wallet to the buyer's, and nothing that waits for a decision."""
        async with open_with_wallet() as (shop, wallet):
            case, other = await bought(shop), await bought(shop)
            before = case.buyer.balance(shop.chain)
            refund = await case.asked()
            await other.asked()
            assert await sweep(shop) == 0
            assert (await approve(shop, refund)).status == 200

            assert await sweep(shop) == 1
            assert await sweep(shop) == 0

            kept = await stored(shop, refund)
            assert (kept.state, kept.processed_by) == (
                RefundState.PROCESSED,
                str(wallet.address),
            )
            assert case.buyer.balance(shop.chain) == before + ARTICLE
            assert wallet.balance(shop.chain) == 1_000_000 - ARTICLE
            payment = await case.payment()
            assert await books(shop, payment, payment.pay_to) == (ARTICLE, 2 * ARTICLE)
            own = Account(AccountKind.WALLET, str(wallet.address))
            async with shop.gateway.store.view() as view:
                out = await view.ledger.balance(shop.tenant, own, payment.amount.asset)
            assert out.total == ARTICLE
            await sound(shop)

    async def test_several_at_once_and_the_merchant_beside_them_pay_once(self) -> None:
        """Whoever looks, and two proofs that the merchant signs."""
        async with open_with_wallet() as (shop, _):
            case = await bought(shop)
            await bought(shop)
            before = case.buyer.balance(shop.chain)
            quote = await case.approved()

            await asyncio.gather(
                *(sweep(shop) for _ in range(8)),
                execute(shop, quote),
                execute(shop, quote, price=2),
            )

            assert case.buyer.balance(shop.chain) == before + ARTICLE
            assert [each.state for each in await payouts(shop)] == [State.SETTLED]
            await sound(shop)

    async def test_a_payment_that_is_lost_is_followed_by_another_only_once_it_is_void(
        self,
    ) -> None:
        """As long as it may arrive, none is signed beside it."""
        async with open_with_wallet(confirm_wait="200ms") as (shop, wallet):
            case = await bought(shop)
            before = case.buyer.balance(shop.chain)
            refund = await case.asked()
            await approve(shop, refund)
            shop.faults.drop_all = True
            assert await sweep(shop) == 0
            assert len(await payouts(shop)) == 1
            assert await sweep(shop) == 0
            assert (await deny(shop, refund)).code == "refund_already_processed"
            assert len(await payouts(shop)) == 1

            shop.faults.drop_all = False
            shop.clock.forward(timedelta(seconds=90))
            await over(shop)
            await approve(shop, refund)
            assert await sweep(shop) == 1

            states = sorted(each.state for each in await payouts(shop))
            assert states == [State.FAILED, State.SETTLED]
            assert case.buyer.balance(shop.chain) == before + ARTICLE
            assert wallet.balance(shop.chain) == 1_000_000 - ARTICLE
            await sound(shop)


class TestLimits:
    async def test_one_that_is_too_large_waits_for_the_merchant(self) -> None:
        """Above `x402.refund_most`."""
        async with open_with_wallet(refund_most="0.04") as (shop, wallet):
            case = await bought(shop)
            quote = await case.approved()
            assert await sweep(shop) == 0
            assert wallet.balance(shop.chain) == 1_000_000
            assert (await execute(shop, quote)).status == 200

    async def test_it_is_told_once_an_offer(self, caplog: pytest.LogCaptureFixture) -> None:
        """Not with every look; nothing is remembered of an offer that has ended."""
        async with open_with_wallet(refund_most="0.04") as (shop, _):
            case = await bought(shop)
            refund = await case.asked()
            for looks in (3, 1):
                await approve(shop, refund)
                caplog.clear()
                for _ in range(looks):
                    assert await sweep(shop) == 0
                assert caplog.text.count(f"{refund} is not paid by itself") == 1
                shop.clock.forward(timedelta(days=1))
                await sweep(shop)

    async def test_a_day_has_a_limit(self) -> None:
        """`x402.refund_most_a_day`; the next day there is another."""
        async with open_with_wallet(refund_most_a_day="0.07") as (shop, wallet):
            for _ in range(2):
                case = await bought(shop)
                refund = await case.asked()
                await approve(shop, refund)
            assert await sweep(shop) == 1
            assert await sweep(shop) == 0
            shop.clock.forward(timedelta(days=1))
            (left,) = await shop.gateway.services.refunding.pending(shop.tenant)
            await approve(shop, left.id)
            assert await sweep(shop) == 1
            assert wallet.balance(shop.chain) == 1_000_000 - 2 * ARTICLE

    async def test_an_empty_wallet_leaves_it_to_the_merchant(self) -> None:
        """Nothing is sent, and it stays approved."""
        async with open_with_wallet(usdc=ARTICLE - 1) as (shop, _):
            case = await bought(shop)
            quote = await case.approved()
            sent = shop.sent()
            assert await sweep(shop) == 0
            assert shop.sent() == sent
            assert (await execute(shop, quote)).status == 200


class TestTheDoctor:
    async def findings(self, shop: Shop) -> list[Finding]:
        (rail,) = shop.gateway.rails.all
        assert isinstance(rail, Examines)
        return [each for each in await rail.examine([]) if "refund wallet" in each.subject]

    async def test_tells_what_the_wallet_has(self) -> None:
        """And what is missing."""
        async with open_with_wallet() as (shop, wallet):
            (full,) = await self.findings(shop)
        async with open_with_wallet(usdc=0) as (shop, _):
            (empty,) = await self.findings(shop)

        assert full.good
        assert full.subject == f"refund wallet {wallet.address}"
        assert full.fact.startswith("1.0") or full.fact.startswith("0.99")
        assert "1.000000 USDC; pays refunds up to 100, 1000 a day" in full.fact
        assert not empty.good
        assert "no tokens" in empty.fact
        assert empty.advice == "send it SOL for fees, and the tokens that it is to give back"


class TestWithoutOne:
    async def test_nothing_is_paid_by_itself(self, shop: Shop) -> None:
        """Which is how it is unless somebody sets a wallet."""
        case = await bought(shop)
        refund = await case.asked()
        await approve(shop, refund)
        assert not shop.gateway.services.refunding.automatic.is_on
        assert await sweep(shop) == 0
        assert (await stored(shop, refund)).state is RefundState.APPROVED

    async def test_a_key_that_is_none_is_refused_without_showing_it(self) -> None:
        """At the start."""
        with pytest.raises(Exception, match="X402_REFUND_WALLET") as refused:
            async with open_shop(environment={"X402_REFUND_WALLET": "not-a-key"}):
                pass
        assert "not-a-key" not in str(refused.value)
