"""Refunds of what was paid by card: paid back by the provider, once, whatever it answers."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from support.card_shop import CardShop, card_shop
from support.cards import USD, refund_event
from support.paying_back import PayingBack
from support.shell import Said, ask
from tillway.adapters.heads import HeadSignatures
from tillway.core.errors import Code, Declined, TillwayError, Unavailable, Unsettled
from tillway.core.money import Money
from tillway.core.ports.hosting import PayBackState
from tillway.core.refunds import Refund, RefundState
from tillway.core.services.books.audit import Audit
from tillway.core.tenancy import DEFAULT

KEY = "an operator's key of some length"
OPERATOR: Mapping[str, str] = {"Authorization": f"Bearer {KEY}"}
REFUNDS = "/paywall/v1/refunds"
MUG = 1_250


@pytest.fixture
async def shop(storage: dict[str, Any]) -> AsyncIterator[CardShop]:
    """Give a shop on each store, whose provider pays back."""
    async with card_shop(PayingBack(), storage=storage, server={"admin_api_key": KEY}) as made:
        yield made


@pytest.fixture
async def quick() -> AsyncIterator[CardShop]:
    """Give a shop in memory."""
    async with card_shop(PayingBack(), server={"admin_api_key": KEY}) as made:
        yield made


def bank(shop: CardShop) -> PayingBack:
    """Give the provider."""
    assert isinstance(shop.cards, PayingBack)
    return shop.cards


async def sold(shop: CardShop) -> str:
    """Sell a mug by card and give the purchase's id."""
    session = await shop.opened()
    await shop.told(shop.cards.pay(session))
    return f"stripe:{session}"


async def said(shop: CardShop, what: str, **body: Any) -> Said:
    return await ask(shop.client, f"{REFUNDS}/{what}", "POST", json=body, headers=OPERATOR)


async def asked(shop: CardShop, purchase: str, **more: Any) -> str:
    answer = await said(shop, "request", originalPurchaseId=purchase, **more)
    assert answer.status == 200, answer.body
    return str(answer.body["refundId"])


async def stored(shop: CardShop, refund: str) -> Refund:
    async with shop.gateway.store.view() as view:
        (found,) = [
            each
            for each in await view.refunds.listed(DEFAULT, list(RefundState), 100)
            if each.id == refund
        ]
        return found


async def swept(shop: CardShop) -> int:
    """Have the worker look."""
    return await shop.gateway.services.refunding.by_provider.sweep()


async def sound(shop: CardShop) -> None:
    report = await Audit(store=shop.gateway.store, signatures=HeadSignatures()).run()
    assert report.is_sound, report.faults


class TestPaidBack:
    async def test_from_the_request_to_the_money(self, shop: CardShop) -> None:
        """Only the purchase need be named; approved it is paid back at once, and booked."""
        purchase = await sold(shop)
        request = await said(shop, "request", originalPurchaseId=purchase)
        refund = request.body["refundId"]

        answer = await said(shop, "approve", refundId=refund)

        assert (request.body["amount"], request.body["token"]) == (12.5, "USD")
        assert request.body["recipientWallet"] == "buyer@shop.example"
        assert answer.status == 200
        assert (answer.body["status"], answer.body["quote"]) == ("processed", None)
        (once,) = bank(shop).asked
        assert (once.payment, once.amount.minor, once.reference) == ("pi_1", MUG, refund)
        kept = await stored(shop, refund)
        assert (kept.state, kept.signature, kept.processed_by) == (
            RefundState.PROCESSED,
            "re_1",
            "stripe",
        )
        assert await shop.earned() == 0
        (fact,) = await shop.facts("refund.succeeded")
        assert fact.body["refundId"] == refund
        assert (fact.body["atomicAmount"], fact.body["token"]) == (MUG, "USD")
        await sound(shop)

    async def test_its_session_is_verified_no_more(self, quick: CardShop) -> None:
        """Once all of it is back; before that it is."""
        purchase = await sold(quick)
        session = purchase.removeprefix("stripe:")
        part = await asked(quick, purchase, amount=5)
        await said(quick, "approve", refundId=part)
        in_part = await quick.verify(session)
        rest = await asked(quick, purchase, amount=7.5)
        await said(quick, "approve", refundId=rest)

        assert in_part.status == 200
        assert (await quick.verify(session)).body["error"]["code"] == "session_not_found"

    async def test_in_parts_up_to_what_was_paid(self, shop: CardShop) -> None:
        """And no cent more."""
        purchase = await sold(shop)
        for amount in (5, 7.5):
            part = await asked(shop, purchase, amount=amount)
            assert (await said(shop, "approve", refundId=part)).body["status"] == "processed"
        more = await said(shop, "request", originalPurchaseId=purchase, amount=0.01)

        assert more.body["error"]["code"] == "refund_already_processed"
        assert bank(shop).sent() == MUG
        assert await shop.earned() == 0

    async def test_many_at_once_are_one(self, shop: CardShop) -> None:
        """Approvals, the worker and the provider's own news."""
        refund = await asked(shop, await sold(shop))

        async def one(number: int) -> None:
            if number % 3 == 0:
                await said(shop, "approve", refundId=refund)
            elif number % 3 == 1:
                await shop.gateway.services.refunding.by_provider.sweep()
            else:
                news = refund_event(f"evt_r{number}", "pi_1", MUG, [("re_1", MUG, "done", refund)])
                if "re_1" in {each.id for each in bank(shop).paid_back.values()}:
                    await shop.tell(news)

        await asyncio.gather(*(one(number) for number in range(24)))
        await shop.gateway.services.incoming.sweep()

        assert bank(shop).sent() == MUG
        assert len(await shop.facts("refund.succeeded")) == 1
        assert await shop.earned() == 0
        await sound(shop)

    @pytest.mark.parametrize(
        "trouble", [Unavailable(Code.STRIPE_ERROR), Unsettled(Code.STRIPE_ERROR)]
    )
    async def test_an_answer_that_is_lost_is_found_later(
        self, quick: CardShop, trouble: TillwayError
    ) -> None:
        """It stays approved and cannot be denied; the worker finishes it with one refund."""
        refund = await asked(quick, await sold(quick))
        bank(quick).unheard = trouble
        answer = await said(quick, "approve", refundId=refund)
        denied = await said(quick, "deny", refundId=refund)
        assert await swept(quick) == 0
        bank(quick).unheard = None

        assert await swept(quick) == 1

        assert (answer.status, answer.body["status"]) == (200, "approved")
        assert denied.body["error"]["code"] == "refund_already_processed"
        assert (await stored(quick, refund)).state is RefundState.PROCESSED
        assert bank(quick).sent() == MUG
        await sound(quick)

    async def test_one_on_its_way_is_asked_about_until_it_ends(self, quick: CardShop) -> None:
        """Days later, perhaps."""
        bank(quick).comes_to = PayBackState.PENDING
        refund = await asked(quick, await sold(quick))
        answer = await said(quick, "approve", refundId=refund)
        assert await swept(quick) == 0
        bank(quick).ends(refund, PayBackState.DONE)
        assert await swept(quick) == 1
        assert answer.body["status"] == "approved"
        assert (await stored(quick, refund)).state is RefundState.PROCESSED


class TestNotPaidBack:
    async def test_what_the_provider_refuses_is_denied_and_told(self, quick: CardShop) -> None:
        """Its share is free again."""
        purchase = await sold(quick)
        refund = await asked(quick, purchase)
        bank(quick).refusal = Declined(Code.STRIPE_ERROR, "the charge is disputed")

        answer = await said(quick, "approve", refundId=refund)

        assert (answer.status, answer.body["error"]["code"]) == (502, "stripe_error")
        kept = await stored(quick, refund)
        assert kept.state is RefundState.DENIED
        (fact,) = await quick.facts("refund.failed")
        assert fact.body["refundId"] == refund
        assert await quick.earned() == MUG
        bank(quick).refusal = None
        again = await asked(quick, purchase)
        assert (await said(quick, "approve", refundId=again)).body["status"] == "processed"

    async def test_of_what_bought_nothing_it_can_be_asked_for_anew(self, quick: CardShop) -> None:
        """The buyer has no goods, and a provider that refused once may pay later."""
        session = await quick.opened()
        more = Money(MUG + 100, USD)
        await quick.told(quick.cards.pay(session, amount=more))
        purchase = f"stripe:{session}"
        async with quick.gateway.store.view() as view:
            (queued,) = await view.refunds.of(DEFAULT, purchase)
        while_it_waits = await said(quick, "request", originalPurchaseId=purchase)
        bank(quick).refusal = Declined(Code.STRIPE_ERROR, "the balance is too low")
        await said(quick, "approve", refundId=queued.id)
        bank(quick).refusal = None

        again = await asked(quick, purchase)

        assert while_it_waits.body["error"]["code"] == "refund_already_processed"
        assert (await said(quick, "approve", refundId=again)).body["status"] == "processed"
        assert bank(quick).sent() == MUG + 100
        await sound(quick)

    async def test_one_that_fails_on_its_way_is_reported(self, quick: CardShop) -> None:
        """By the worker, if no news come."""
        bank(quick).comes_to = PayBackState.PENDING
        refund = await asked(quick, await sold(quick))
        await said(quick, "approve", refundId=refund)
        bank(quick).ends(refund, PayBackState.FAILED)

        assert await swept(quick) == 1

        kept = await stored(quick, refund)
        assert (kept.state, kept.reason) == (RefundState.DENIED, "failed at its provider")
        assert len(await quick.facts("refund.failed")) == 1
        assert await quick.earned() == MUG

    async def test_one_that_comes_back_after_all_is_booked_back(self, quick: CardShop) -> None:
        """A bank may send it back for a month."""
        refund = await asked(quick, await sold(quick))
        await said(quick, "approve", refundId=refund)
        news = refund_event("evt_back", "pi_1", 0, [("re_1", MUG, "failed", refund)])
        await quick.tell(news)
        await quick.gateway.services.incoming.sweep()

        assert (await stored(quick, refund)).state is RefundState.DENIED
        assert await quick.earned() == MUG
        assert len(await quick.facts("refund.reversed")) == 1
        await sound(quick)

    async def test_a_provider_that_cannot_is_said_so(self) -> None:
        """Before anything is approved."""
        async with card_shop(server={"admin_api_key": KEY}) as quick:
            refund = await asked(quick, await sold(quick))
            answer = await said(quick, "approve", refundId=refund)
            assert (answer.status, answer.body["error"]["code"]) == (400, "invalid_resource")
            assert (await stored(quick, refund)).state is RefundState.PENDING

    async def test_what_the_operator_was_told_is_not_repeated_to_others(
        self, quick: CardShop
    ) -> None:
        """An Idempotency-Key is no secret: the answer says where the buyer is reached."""
        purchase = await sold(quick)
        path, body = f"{REFUNDS}/request", {"originalPurchaseId": purchase}
        key = {"Idempotency-Key": "order-17"}

        first = await ask(quick.client, path, "POST", json=body, headers={**OPERATOR, **key})
        again = await ask(quick.client, path, "POST", json=body, headers={**OPERATOR, **key})
        other = await ask(quick.client, path, "POST", json=body, headers=key)

        assert first.body["recipientWallet"] == "buyer@shop.example"
        assert again.body == first.body
        assert (other.status, other.body["error"]["code"]) == (400, "invalid_signature")

    async def test_without_the_operators_key_nobody_asks_for_card_holders(
        self, quick: CardShop
    ) -> None:
        """There is no wallet that could sign."""
        purchase = await sold(quick)
        path = f"{REFUNDS}/request"
        bare = await ask(quick.client, path, "POST", json={"originalPurchaseId": purchase})
        assert (bare.status, bare.body["error"]["code"]) == (400, "invalid_signature")
