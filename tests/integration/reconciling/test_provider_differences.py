"""Differences between payments and what Stripe's account has of them, over the emulator."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
from attrs import define, evolve

from support import members, refunds
from support.members import MEMBERS
from support.planted import AT_PROVIDER
from support.whole_shop import WholeShop, open_whole_shop
from tillway.adapters.heads import HeadSignatures
from tillway.core.ids import RefundId
from tillway.core.refunds import Refund, RefundState
from tillway.core.services.books.audit import Audit
from tillway.core.services.cleanup import CHECKOUTS_KEPT
from tillway.core.services.reconciling.findings import Kind
from tillway.core.services.reconciling.reconcile import Reconcile
from tillway.core.services.reconciling.report import Report
from tillway.core.services.refunds.requests import RefundAsked
from tillway.core.tenancy import DEFAULT
from tillway.entrypoints.sandbox.stripe.timing import catch_up

SESSION: Final = "checkout.session"


@define
class Sold:
    """A shop that has sold an article by card, and has another session open."""

    whole: WholeShop
    paid: str
    open: str

    def at_stripe(self, session: str) -> dict[str, Any]:
        """Give a session as Stripe keeps it, to be changed."""
        found = self.whole.stripe.account.shelves.get(SESSION, session)
        assert isinstance(found, dict)
        return found

    async def refunded(self, cents: int = 50) -> Refund:
        """Have some of what was paid be given back."""
        refunding = self.whole.shop.gateway.services.refunding
        asked = RefundAsked(
            purchase=f"stripe:{self.paid}",
            recipient=None,
            amount=Decimal(cents) / 100,
            token=None,
        )
        refund = await refunding.request(DEFAULT, asked)
        done = await refunding.approve(DEFAULT, refund.id)
        await self.whole.stripe.delivered()
        assert done.state is RefundState.PROCESSED
        return done

    def refund_at_stripe(self, refund: Refund) -> dict[str, Any]:
        """Give a refund as Stripe keeps it, to be changed."""
        found = self.whole.stripe.account.shelves.get("refund", refund.signature or "")
        assert isinstance(found, dict)
        return found

    async def reconciled(self) -> Report:
        """Reconcile, an hour later."""
        shop = self.whole.shop
        shop.clock.forward(timedelta(hours=1))
        audit = Audit(store=shop.gateway.store, signatures=HeadSignatures())
        return await Reconcile(
            store=shop.gateway.store, rails=shop.gateway.rails, now=shop.clock.now, audit=audit
        ).run()


async def session(whole: WholeShop, resource: str = "mug") -> str:
    """Open a session."""
    opened = await whole.shop.post("/paywall/v1/stripe-session", {"resource": resource})
    assert opened.status == 200, opened.body
    return str(opened.body["sessionId"])


@pytest.fixture
async def sold() -> AsyncIterator[Sold]:
    async with open_whole_shop(background=False) as whole:
        made = Sold(whole, await session(whole), await session(whole))
        await whole.pay(made.paid)
        yield made


Change = Callable[[Sold], Awaitable[None]]


def at_stripe(which: str, **changes: Any) -> Change:
    """Change a session at Stripe."""

    async def change(sold: Sold) -> None:
        sold.at_stripe(getattr(sold, which)).update(changes)

    return change


async def unknown(sold: Sold) -> None:
    """Have a session of ours that we do not know."""
    other = {**sold.at_stripe(sold.open), "id": "cs_test_other"}
    sold.whole.stripe.account.shelves.put({**other, "client_reference_id": "checkout_nothing"})


async def lost(sold: Sold) -> None:
    """Have Stripe lose a session."""
    sold.whole.stripe.account.shelves.drop(SESSION, sold.paid)


async def over(sold: Sold) -> None:
    """Have a session be over, and nobody hear of it."""
    sold.at_stripe(sold.open)["status"] = "expired"
    sold.whole.shop.clock.forward(timedelta(hours=5))


async def given_back(sold: Sold) -> None:
    """Have Stripe give money back of which it tells nobody."""
    refund = sold.refund_at_stripe(await sold.refunded())
    other = {**refund, "id": "re_other", "amount": 60, "metadata": {}}
    sold.whole.stripe.account.shelves.put(other)


async def not_booked(sold: Sold) -> None:
    """Have a refund be done that still waits here."""
    store, done = sold.whole.shop.gateway.store, await sold.refunded()
    ours = evolve(
        done,
        id=RefundId(f"refund_{'0' * 32}"),
        state=RefundState.PENDING,
        signature=None,
        processed_at=None,
        processed_by=None,
    )
    async with store.begin() as unit:
        await unit.refunds.add(ours, evolve(done.amount, minor=125))
    refund = sold.refund_at_stripe(done)
    metadata = {**refund["metadata"], "tillway_refund": ours.id}
    sold.whole.stripe.account.shelves.put({**refund, "id": "re_other", "metadata": metadata})


def with_refund(**changes: Any) -> Change:
    """Change a refund at Stripe that has been paid."""

    async def change(sold: Sold) -> None:
        sold.refund_at_stripe(await sold.refunded()).update(changes)

    return change


CHANGES: Final[dict[Kind, Change]] = {
    Kind.PROVIDER_SESSION_UNKNOWN: unknown,
    Kind.PROVIDER_SESSION_MISSING: lost,
    Kind.PROVIDER_SESSION_OVER: over,
    Kind.PROVIDER_SESSION_OPEN: at_stripe("paid", status="open"),
    Kind.PROVIDER_PAID_NOT_BOOKED: at_stripe("open", status="complete", payment_status="paid"),
    Kind.PROVIDER_NOT_PAID: at_stripe("paid", payment_status="unpaid"),
    Kind.PROVIDER_AMOUNT: at_stripe("paid", amount_subtotal=1, total_details=None),
    Kind.PROVIDER_CURRENCY: at_stripe("paid", currency="eur"),
    Kind.PROVIDER_REFUND_UNKNOWN: given_back,
    Kind.PROVIDER_REFUND_NOT_BOOKED: not_booked,
    Kind.PROVIDER_REFUND_FAILED: with_refund(status="failed"),
    Kind.PROVIDER_REFUND_AMOUNT: with_refund(amount=49),
}


class TestPlanted:
    @pytest.mark.parametrize("kind", list(CHANGES))
    async def test_it_is_found_and_named(self, sold: Sold, kind: Kind) -> None:
        """It, and nothing else."""
        await CHANGES[kind](sold)
        report = await sold.reconciled()
        found = {finding.kind for finding in report.findings.kept}
        assert found == {kind}, [str(each) for each in report.findings.kept]

    async def test_sound_accounts_raise_no_alarm(self, sold: Sold) -> None:
        """A partial refund included."""
        await sold.refunded()
        report = await sold.reconciled()
        assert [str(each) for each in report.findings.kept] == []
        assert report.compared["sessions"] == 2
        assert report.compared["refunds at providers"] == 1

    async def test_sessions_whose_checkouts_were_cleaned_up_raise_no_alarm(
        self, sold: Sold
    ) -> None:
        """Stripe keeps what nobody paid for good, and we for ninety days."""
        sold.at_stripe(sold.open)["status"] = "expired"
        sold.whole.shop.clock.forward(CHECKOUTS_KEPT + timedelta(days=2))
        await sold.whole.shop.gateway.services.overdue.run()
        store = sold.whole.shop.gateway.store
        async with store.begin() as unit:
            purged = await unit.checkouts.purge(sold.whole.shop.clock.now(), 10)
        report = await sold.reconciled()
        assert purged == 1
        assert [str(each) for each in report.findings.kept] == []
        assert report.compared["sessions"] == 2

    async def test_a_provider_that_is_away_is_said_to_be(self, sold: Sold) -> None:
        """It is no difference."""
        sold.whole.stripe.faults.add("http_500", times=None)
        report = await sold.reconciled()
        assert report.agrees
        assert any("sessions at stripe" in what for what in report.unsure)

    def test_all_of_the_providers_kinds_are_here(self) -> None:
        """None is left to others."""
        assert set(CHANGES) == AT_PROVIDER


class TestClean:
    async def test_selling_by_all_rails_raises_no_alarm(self) -> None:
        """Items, carts, a subscription, refunds: by token and by card."""
        async with open_whole_shop(**MEMBERS, server={"admin_api_key": "k" * 32}) as whole:
            shop = whole.shop
            sold = Sold(whole, await session(whole), await session(whole))
            await whole.pay(sold.paid)
            await sold.refunded(100)
            await shop.paid(shop.buyer())
            items = {"items": [{"resource": "mug", "quantity": 3}], "couponCode": "HALF"}
            cart = await shop.post("/paywall/v1/cart/checkout", items)
            await whole.pay(cart.body["sessionId"])
            asked = {"resource": "gold", "interval": "monthly", "customerEmail": "a@example.com"}
            member = await shop.post("/paywall/v1/subscription/stripe-session", asked)
            await whole.pay(member.body["sessionId"])
            report = await sold.reconciled()
        assert [str(each) for each in report.findings.kept] == []
        assert report.compared["sessions"] == 4
        assert report.compared["payments"] == 4

    async def test_trials_that_nobody_began_raise_no_alarm(self) -> None:
        """Nothing is due for them: open, over, or forgotten long ago, they were not paid."""
        async with open_whole_shop(background=False, **MEMBERS) as whole:
            shop = whole.shop
            asked = {"resource": "cards-only", "interval": "monthly"}
            for age in (timedelta(0), timedelta(hours=2), CHECKOUTS_KEPT + timedelta(days=2)):
                shop.clock.forward(age)
                catch_up(whole.stripe.account)
                await whole.stripe.delivered()
                async with shop.gateway.store.begin() as unit:
                    await unit.checkouts.purge(shop.clock.now() - CHECKOUTS_KEPT, 10)
                opened = await shop.post("/paywall/v1/subscription/stripe-session", asked)
                assert opened.status == 200, opened.body
            report = await Sold(whole, "", "").reconciled()
        assert [str(each) for each in report.findings.kept] == []
        assert report.compared["sessions"] == 3

    async def test_a_month_of_trouble_raises_no_alarm(self) -> None:
        """Refunds by proof, disputes lost and won, renewals, declined cards, carts, coupons."""
        async with open_whole_shop(**MEMBERS, server={"admin_api_key": "k" * 32}) as whole:
            shop, switches = whole.shop, whole.stripe.switches
            shelves = whole.stripe.account.shelves
            disputed = []
            for won in (True, False, None):
                paid = await session(whole)
                await whole.pay(paid)
                intent = (shelves.get(SESSION, paid) or {})["payment_intent"]
                dispute = switches.dispute(intent)
                await whole.stripe.delivered()
                if won is not None:
                    switches.close_dispute(dispute["id"], won=won)
                    await whole.stripe.delivered()
                disputed.append(paid)
            bought = await refunds.bought(shop, shop.buyer())
            offer = await bought.approved(0.02)
            assert (await refunds.execute(shop, offer)).status == 200
            asked = {"resource": "silver", "interval": "weekly", "customerEmail": "a@example.com"}
            member = await shop.post("/paywall/v1/subscription/stripe-session", asked)
            await whole.pay(member.body["sessionId"])
            await members.subscribed(shop, shop.buyer(usdc=100_000_000))
            free = await shop.get("/paywall/article?couponCode=FREE")
            assert free.status == 200
            for _ in range(3):
                shop.clock.forward(timedelta(days=8))
                catch_up(whole.stripe.account)
                await whole.stripe.delivered()
                await shop.gateway.services.finality.sweep()
                await shop.gateway.services.incoming.sweep()
                await shop.gateway.services.sequence.sweep()
            report = await Sold(whole, "", "").reconciled()
            states = Counter(each.state.value for each in await shop.payments())
        assert [str(each) for each in report.findings.kept] == []
        assert states["reversed"] == 2
        assert report.compared["refunds"] >= 1
