"""Refunds of what was paid with tokens: asked for, decided, and paid out by proof."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from solders.transaction import VersionedTransaction

from support.chain import old_blockhash_of
from support.hostile_self_paid import honest_own
from support.landed import Asked, asked_for
from support.refunds import (
    PAID,
    REFUNDS,
    VERIFY,
    Bought,
    approve,
    books,
    bought,
    deny,
    execute,
    refund_header,
    repay,
    root,
    stored,
)
from support.shop import ARTICLE, Answer, Shop, open_shop, v0_header
from support.waiting import until
from tillway.adapters.heads import HeadSignatures
from tillway.core.contracts.samples.payments import payment
from tillway.core.ids import RefundId
from tillway.core.ledger import Account, AccountKind
from tillway.core.payments import State
from tillway.core.quotes import Purpose
from tillway.core.refunds import NEVER, Refund, RefundState
from tillway.core.services.books.audit import Audit
from tillway.core.services.refunds.proofs import payout_of
from tillway.core.tenancy import DEFAULT


@pytest.fixture
async def still() -> AsyncIterator[Shop]:
    """Give a shop in which nothing happens by itself."""
    async with open_shop(background=False) as made:
        yield made


async def sound(shop: Shop) -> None:
    """Have the books verified."""
    report = await Audit(store=shop.gateway.store, signatures=HeadSignatures()).run()
    assert report.is_sound, report.faults


def said(answer: Answer) -> tuple[int, str, str]:
    """Give an answer's status, code and message."""
    inner = answer.body["error"]
    return answer.status, inner["code"], inner["message"]


async def paid_twice(asked: Asked) -> None:
    """Have one quote paid twice by its buyer, who shows both."""
    first = honest_own(asked.stage)
    asked.land(first)
    assert (await asked.show(first)).status == 200
    asked.shop.clock.forward(timedelta(seconds=2))
    second = honest_own(asked.stage)
    asked.land(second)
    assert (await asked.show(second)).status == 402


async def until_state(case: Bought, state: State) -> None:
    """Wait until a purchase stands so."""

    async def holds() -> bool:
        await case.shop.gateway.services.finality.sweep()
        return (await case.payment()).state is state

    await until(holds)


class TestAWholeRefund:
    async def test_from_the_request_to_the_proof(self, shop: Shop) -> None:
        """The buyer has his money, the books say so, and the seller hears of it."""
        bought_ = await bought(shop)
        before = bought_.buyer.balance(shop.chain)

        quote = await bought_.approved()
        answer = await execute(shop, quote)

        refund = quote["resource"].removeprefix("refund:")
        assert answer.status == 200, answer.body
        assert answer.body == {
            "success": True,
            "message": f"Refund verified for {refund}",
            "method": "x402-refund",
            "refundId": refund,
            "wallet": str(shop.merchant.address),
            "signature": answer.body["signature"],
        }
        assert answer.receipt["success"] is True
        looked = await shop.get(
            f"/paywall/v1/x402-transaction/verify?signature={answer.body['signature']}"
        )
        assert looked.code == "transaction_not_found"
        assert bought_.buyer.balance(shop.chain) == before + ARTICLE
        kept = await stored(shop, refund)
        assert (kept.state, kept.signature) == (
            RefundState.PROCESSED,
            answer.body["signature"],
        )
        assert kept.processed_by == str(shop.merchant.address)
        payment = await bought_.payment()
        assert await books(shop, payment, payment.pay_to) == (0, 0)
        shown = await shop.get(f"{REFUNDS}/{refund}")
        assert shown.body["status"] == "processed"
        assert shown.body["signature"] == answer.body["signature"]
        again = await approve(shop, refund)
        assert (again.status, again.code) == (400, "refund_already_processed")
        late = await deny(shop, refund)
        assert late.body["error"]["message"] == "cannot deny already processed refund"
        more = await bought_.ask(PAID)
        assert (more.status, more.code) == (400, "refund_already_processed")

    async def test_what_is_being_paid_is_not_denied(self, still: Shop) -> None:
        """What has been sent cannot be taken back: it stays approved, and is paid."""
        case = await bought(still)
        quote = await case.approved()
        refund = RefundId(quote["resource"].removeprefix("refund:"))
        found = await still.gateway.services.refunding.get(DEFAULT, refund)
        begun = payment("begun", reservations=(payout_of(found),))
        async with still.gateway.store.begin() as unit:
            await unit.payments.claim(begun)

        said = await deny(still, refund)

        assert (said.status, said.code) == (400, "refund_already_processed")
        stands = await still.gateway.services.refunding.get(DEFAULT, refund)
        assert stands.state is RefundState.APPROVED

    async def test_what_was_paid_back_is_verified_no_more(self, still: Shop) -> None:
        """All of it: whoever looks it up would give the goods for nothing."""
        case = await bought(still)
        path = f"/paywall/v1/x402-transaction/verify?signature={case.purchase}"
        before = await still.get(path)

        assert (await execute(still, await case.approved())).status == 200

        after = await still.get(path)
        assert (before.status, before.body["verified"]) == (200, True)
        assert (after.status, after.code) == (402, "transaction_not_found")

    async def test_its_offer_holds_as_long_as_it_says(self, still: Shop) -> None:
        """A quarter of an hour, longer than prices do."""
        case = await bought(still)
        quote = await case.approved()
        still.clock.forward(timedelta(minutes=14))
        answer = await execute(still, quote)
        assert answer.status == 200, answer.body


class TestWhatIsRefusedBeforeAnythingIsSent:
    async def refused(self, shop: Shop, answer: Answer, sent: int) -> tuple[int, str | None]:
        """Give status and code, once nothing was sent and no row is left."""
        assert shop.sent() == sent
        assert all(each.purchase.purpose is not Purpose.REFUND for each in await shop.payments())
        assert (answer.receipt or {}).get("success") is not True
        return answer.status, answer.code

    async def test_another_payer(self, still: Shop) -> None:
        """Only the wallet that is paid issues refunds."""
        case = await bought(still)
        quote = await case.approved()
        sent = still.sent()

        answer = await execute(still, quote, still.buyer(sol=1))

        assert await self.refused(still, answer, sent) == (403, "unauthorized_refund_issuer")
        assert answer.body["error"]["message"] == (
            "unauthorized: only payment address can issue refunds"
        )

    async def test_another_amount_or_receiver(self, still: Shop) -> None:
        """More is as wrong as less; so is a friend of the buyer's."""
        case = await bought(still)
        await bought(still)
        quote = await case.approved()
        friend, sent = still.buyer(), still.sent()

        more = await execute(still, quote, amount=ARTICLE + 1)
        less = await execute(still, quote, amount=ARTICLE - 1)
        other = await execute(still, quote, owner=friend.address)

        assert await self.refused(still, more, sent) == (402, "amount_mismatch")
        assert await self.refused(still, less, sent) == (402, "amount_below_minimum")
        assert (await self.refused(still, other, sent))[0] == 400

    async def test_a_refund_that_is_not_approved(self, still: Shop) -> None:
        """Not yet, not any more, or too long ago."""
        case = await bought(still)
        quote = await case.approved()
        refund = quote["resource"].removeprefix("refund:")
        sent = still.sent()

        assert (await deny(still, refund)).status == 200
        denied = await execute(still, quote)
        late = await case.approved()
        still.clock.forward(timedelta(minutes=16))
        expired = await execute(still, late)
        pending = await (await bought(still)).asked()
        sent_now = still.sent()
        early = await execute(still, {**late, "resource": f"refund:{pending}"})
        asked = await still.get(f"/paywall/{pending}")

        assert said(denied) == (404, "refund_not_found", f"refund not found: {refund}")
        assert said(expired) == (
            402,
            "quote_expired",
            "refund quote expired, please request a new quote",
        )
        assert said(early)[:2] == (400, "invalid_payment_proof")
        assert said(asked) == (
            402,
            "quote_expired",
            "this refund is not approved: approve it first",
        )
        assert still.sent() == sent_now == sent + 1

    async def test_one_of_an_unknown_id(self, still: Shop) -> None:
        """Is not found, whatever is shown."""
        quote = await (await bought(still)).approved()
        gone = {**quote, "resource": f"refund:refund_{'0' * 32}"}
        raw = repay(still, quote)
        answer = await still.post(VERIFY, headers=refund_header(raw, gone, sealed=False))
        text = f"refund not found: refund_{'0' * 32}"
        assert said(answer) == (404, "refund_not_found", text)

    async def test_one_that_is_paid_out(self, still: Shop) -> None:
        """By another transaction: it is done, whatever its quote said."""
        case = await bought(still)
        await bought(still)
        refund = await case.asked()
        first, second = [(await approve(still, refund)).body["quote"] for _ in range(2)]
        assert (await execute(still, first)).status == 200
        sent = still.sent()

        again = await execute(still, second)

        assert said(again) == (
            400,
            "refund_already_processed",
            f"refund already processed: {refund}",
        )
        assert still.sent() == sent

    async def test_our_wallets_pay_no_fee_of_it(self, still: Shop) -> None:
        """Neither is a transaction built for it, nor one signed; only version 0 is offered."""
        quote = await (await bought(still)).approved()
        refund, sent = quote["resource"].removeprefix("refund:"), still.sent()

        built = await still.post(
            "/paywall/v1/gasless-transaction",
            {"resourceId": refund, "userWallet": str(still.merchant.address)},
        )
        raw = repay(still, quote, fee_payer=still.sponsor.address)
        header = v0_header(raw, refund, feePayer=str(still.sponsor.address))
        shown = await still.post(VERIFY, headers=header)
        offered = await still.get(f"/paywall/{refund}")

        assert (built.status, built.code) == (400, "invalid_field"), built.body
        assert await self.refused(still, shown, sent) != (200, None)
        assert shown.status in (400, 402)
        assert offered.required is None
        assert offered.body["x402Version"] == 0

    async def test_a_proof_of_a_sale_is_none_of_a_refund(self, still: Shop) -> None:
        """Nor the other way round."""
        case = await bought(still)
        quote = await case.approved()
        raw, sent = repay(still, quote), still.sent()
        moved = await still.post(VERIFY, headers=v0_header(raw, "article"))
        typed = v0_header(raw, "article", resourceType="refund")
        other = await still.post(VERIFY, headers=typed)
        assert moved.status in (400, 402)
        assert (other.status, other.code) == (404, "refund_not_found")
        assert still.sent() == sent


class TestThePage:
    async def test_a_browser_sees_how_a_refund_is_paid(self, still: Shop) -> None:
        """As it sees anything that can be paid; a denied one is not there."""
        quote = await (await bought(still)).approved()
        refund = quote["resource"].removeprefix("refund:")
        browser = {"Accept": "text/html"}

        shown = await still.get(f"/paywall/{refund}", browser)
        assert (await deny(still, refund)).status == 200
        gone = await still.get(f"/paywall/{refund}", browser)

        assert shown.status in (200, 402)
        assert gone.status == 404


class TestOneWallet:
    async def test_the_wallet_that_is_paid_may_be_the_one_that_sponsors(self) -> None:
        """It signs the payment of a refund itself, and we add nothing."""
        async with open_shop(background=False, one_wallet=True) as shop:
            case = await bought(shop)
            answer = await execute(shop, await case.approved())
            assert answer.status == 200, answer.body


class TestReversal:
    async def test_a_refund_whose_payment_is_gone_is_approved_again(self, still: Shop) -> None:
        """Booked back and told; approved anew it is paid out by another transaction."""
        case = await bought(still)
        before = case.buyer.balance(still.chain)
        quote = await case.approved()
        refund = quote["resource"].removeprefix("refund:")
        answer = await execute(still, quote, blockhash=old_blockhash_of(still.chain))
        still.chain.tick()
        assert still.chain.fork(answer.body["signature"])

        still.faults.spoiled = []
        await still.gateway.services.finality.aclose()
        still.clock.forward(timedelta(seconds=90))
        await still.gateway.services.finality.sweep()
        await still.gateway.services.finality.sweep()

        kept = await stored(still, refund)
        payment = await case.payment()
        assert (kept.state, kept.signature, kept.processed_at) == (
            RefundState.APPROVED,
            None,
            None,
        )
        assert await books(still, payment, payment.pay_to) == (ARTICLE, ARTICLE)
        assert case.buyer.balance(still.chain) == before
        told = [event.type for event in await still.events()]
        assert told.count("refund.reversed") == told.count("refund.succeeded") == 1
        again = await approve(still, refund)
        done = await execute(still, again.body["quote"])
        assert done.status == 200, done.body
        assert case.buyer.balance(still.chain) == before + ARTICLE
        assert await books(still, payment, payment.pay_to) == (0, 0)
        await sound(still)

    async def test_a_sale_that_is_gone_is_not_given_back(self, still: Shop) -> None:
        """What was asked for in time ends with it."""
        case = await bought(still, final=False)
        service = still.gateway.services.unapplied
        payment = await case.payment()
        refund = Refund(
            id=RefundId(f"refund_{'1' * 32}"),
            tenant=still.tenant,
            purchase=case.purchase,
            recipient=payment.payer,
            amount=payment.amount,
            created_at=service.clock.now(),
            expires_at=NEVER,
        )
        async with still.gateway.store.begin() as unit:
            assert await unit.refunds.add(refund, payment.amount)
        still.chain.tick()
        assert still.chain.fork(case.purchase)
        still.faults.spoiled = []
        still.clock.forward(timedelta(seconds=90))
        await still.gateway.services.finality.sweep()
        await until_state(case, State.REVERSED)

        assert (await stored(still, refund.id)).state is RefundState.DENIED
        assert (await case.ask()).code == "resource_not_found"


class TestMoneyThatBoughtNothing:
    async def test_is_given_back_by_the_same_means(self, still: Shop) -> None:
        """Its refund waits for nobody's request, and is paid out of what is owed."""
        asked = await asked_for(still)
        await paid_twice(asked)
        await root(still)
        (waiting,) = await still.gateway.services.refunding.pending(still.tenant)

        approved = await approve(still, waiting.id)
        answer = await execute(still, approved.body["quote"])

        assert answer.status == 200, answer.body
        assert waiting.origin == "unapplied"
        assert (await stored(still, waiting.id)).state is RefundState.PROCESSED
        customer = Account(AccountKind.CUSTOMER, waiting.recipient)
        async with still.gateway.store.view() as view:
            owed = await view.ledger.balance(still.tenant, customer, waiting.amount.asset)
        assert owed.total == 0
        await sound(still)

    async def test_dust_fills_no_queue(self) -> None:
        """It stays booked to who sent it."""
        async with open_shop(background=False, refunds={"minimum": "0.06"}) as shop:
            asked = await asked_for(shop)
            await paid_twice(asked)

            assert await shop.gateway.services.refunding.pending(shop.tenant) == []
            assert "payment.unapplied" in [event.type for event in await shop.events()]
            await sound(shop)


class TestMetrics:
    async def test_refunds_are_counted_apart_from_sales(self, still: Shop) -> None:
        """Offered, paid out, failed; and in what."""
        case = await bought(still)
        quote = await case.approved()
        await execute(still, quote, amount=1)
        await execute(still, quote)

        text = (await still.get("/metrics")).body
        assert 'cedros_refunds_total{status="quote"} 1.0' in text
        assert 'cedros_refunds_total{status="failed"} 1.0' in text
        assert 'cedros_refunds_total{status="success"} 1.0' in text
        assert 'cedros_refund_amount_total{token="USDC"} 5.0' in text
        assert 'cedros_refund_duration_seconds_count{method="crypto"} 2.0' in text
        assert 'cedros_payment_amount_total{method="x402",token="USDC"} 5.0' in text
        assert "refund_" not in text.replace("cedros_refund_", "")


class TestPaidWithoutBeingDue:
    async def owed(self, shop: Shop, case: Bought) -> int:
        """Tell what the books say that the buyer owes."""
        customer = Account(AccountKind.CUSTOMER, str(case.buyer.address))
        asset = (await case.payment()).amount.asset
        async with shop.gateway.store.view() as view:
            return -(await view.ledger.balance(shop.tenant, customer, asset)).total

    async def test_a_second_payment_that_has_landed_is_owed_by_who_got_it(
        self, still: Shop
    ) -> None:
        """The merchant sent it himself and shows it later: no refund of it is queued."""
        case = await bought(still)
        await bought(still)
        refund = await case.asked()
        first, second = [(await approve(still, refund)).body["quote"] for _ in range(2)]
        raw = repay(still, second, price=7)
        assert still.chain.land(VersionedTransaction.from_bytes(raw)) is not None
        still.clock.forward(timedelta(seconds=1))
        assert (await execute(still, first)).status == 200

        late = await still.post(VERIFY, headers=refund_header(raw, second))

        assert (late.status, late.code) == (400, "refund_already_processed")
        assert await self.owed(still, case) == ARTICLE
        told = [event.type for event in await still.events()]
        assert (told.count("refund.excess"), told.count("refund.succeeded")) == (1, 1)
        assert "payment.unapplied" not in told
        assert await still.gateway.services.refunding.pending(still.tenant) == []
        await sound(still)

    async def test_a_denied_refund_that_has_been_paid_all_the_same_is_in_the_books(
        self, still: Shop
    ) -> None:
        """It stays denied, and what went out is off what the purchase has earned."""
        case = await bought(still)
        quote = await case.approved()
        refund = quote["resource"].removeprefix("refund:")
        raw = repay(still, quote)
        assert still.chain.land(VersionedTransaction.from_bytes(raw)) is not None
        still.clock.forward(timedelta(seconds=1))
        assert (await deny(still, refund)).status == 200

        await still.post(VERIFY, headers=refund_header(raw, quote))

        assert (await stored(still, refund)).state is RefundState.DENIED
        assert await self.owed(still, case) == 0
        assert "refund.excess" in [event.type for event in await still.events()]
        payment = await case.payment()
        assert await books(still, payment, payment.pay_to) == (0, 0)
        await sound(still)

    async def test_one_that_the_merchant_sent_himself_in_time_is_the_refund(
        self, still: Shop
    ) -> None:
        """Shown with its quote, it processes it."""
        case = await bought(still)
        quote = await case.approved()
        raw = repay(still, quote)
        assert still.chain.land(VersionedTransaction.from_bytes(raw)) is not None
        still.clock.forward(timedelta(seconds=1))

        answer = await still.post(VERIFY, headers=refund_header(raw, quote))

        refund = quote["resource"].removeprefix("refund:")
        assert answer.status == 200, answer.body
        assert (await stored(still, refund)).state is RefundState.PROCESSED
        assert await self.owed(still, case) == 0


class TestPrefix:
    async def test_the_routes_stand_under_it(self) -> None:
        """And the offer's address too."""
        async with open_shop(background=False, server={"route_prefix": "/pay"}) as shop:
            bare = await shop.post(f"{REFUNDS}/approve", {"refundId": "x"})
            there = await shop.post(f"/pay{REFUNDS}/approve", {"refundId": "x"})
            assert (bare.code, there.code) == ("route_not_found", "invalid_signature")
