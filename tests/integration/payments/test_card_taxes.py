"""Tax that a provider has added: it was paid, and goes back with the price that it was added to."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from support.all_stores import STORES, place_of
from support.card_shop import CardShop, card_shop
from support.cards import USD, dispute_event, refund_event
from support.paying_back import PayingBack
from support.shell import Said, ask
from support.whole_shop import WholeShop, open_whole_shop
from tillway.adapters.heads import HeadSignatures
from tillway.core.contracts.counts import count
from tillway.core.ledger import Account, AccountKind
from tillway.core.money import Money
from tillway.core.paid import paid_in_all
from tillway.core.ports.hosting import DisputeState
from tillway.core.refunds import LIVE, RefundState
from tillway.core.services.books.audit import Audit
from tillway.core.services.reconciling.reconcile import Reconcile
from tillway.core.services.refunds.requests import RefundAsked
from tillway.core.tenancy import DEFAULT
from tillway.entrypoints.gateway import Gateway
from tillway.entrypoints.sandbox.stripe.refunds import refund as in_dashboard

AT_ONCE = count(12, 48)
KEY = "an operator's key of some length"
OPERATOR: Mapping[str, str] = {"Authorization": f"Bearer {KEY}"}
REFUNDS = "/paywall/v1/refunds"
OPEN, WON, LOST = DisputeState.OPEN, DisputeState.WON, DisputeState.LOST
MUG, TAX = 1_250, 237
WHOLE = MUG + TAX


@pytest.fixture(params=STORES)
async def shop(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[CardShop]:
    """Give a shop on each store, whose provider pays back."""
    place = await place_of(request, request.param, tmp_path)
    async with card_shop(PayingBack(), storage=place, server={"admin_api_key": KEY}) as made:
        yield made


@pytest.fixture
async def quick() -> AsyncIterator[CardShop]:
    """Give a shop in memory."""
    async with card_shop(PayingBack(), server={"admin_api_key": KEY}) as made:
        yield made


async def sold(shop: CardShop) -> str:
    """Sell a mug by card, with tax on top, and give the session."""
    session = await shop.opened()
    await shop.told(shop.cards.pay(session, tax=Money(TAX, USD)))
    return session


async def said(shop: CardShop, what: str, **body: Any) -> Said:
    return await ask(shop.client, f"{REFUNDS}/{what}", "POST", json=body, headers=OPERATOR)


async def asked(shop: CardShop, session: str, **more: Any) -> Said:
    return await said(shop, "request", originalPurchaseId=f"stripe:{session}", **more)


async def books(shop: CardShop) -> tuple[int, int, int]:
    """Give what is earned, what is kept of tax, and what lies at the provider."""
    kept = await shop.earned("stripe:tax")
    return await shop.earned(), kept, -await shop.earned(kind=AccountKind.WALLET)


async def sound(gateway: Gateway, later: timedelta = timedelta(0)) -> None:
    """Have the books verified, and compared with everything else."""
    audit = Audit(store=gateway.store, signatures=HeadSignatures())
    clock = gateway.services.clock
    report = await Reconcile(
        store=gateway.store, rails=gateway.rails, now=lambda: clock.now() + later, audit=audit
    ).run()
    assert not report.findings.kept, report.findings.kept


class TestAsked:
    async def test_all_of_it_is_what_was_paid(self, shop: CardShop) -> None:
        """A request that names no amount gives the tax back too, and then nothing is left."""
        session = await sold(shop)
        request = await asked(shop, session)
        answer = await said(shop, "approve", refundId=request.body["refundId"])

        assert request.body["amount"] == WHOLE / 100
        assert answer.body["status"] == "processed"
        assert await books(shop) == (0, 0, 0)
        assert (await shop.verify(session)).body["error"]["code"] == "session_not_found"
        await sound(shop.gateway)

    async def test_more_than_that_is_refused_with_the_limit(self, quick: CardShop) -> None:
        """By one cent; the contract's answer names what was paid in all."""
        answer = await asked(quick, await sold(quick), amount=(WHOLE + 1) / 100)
        error = answer.body["error"]
        assert error["code"] == "amount_mismatch"
        found = {error["details"][name] for name in ("originalAmount", "maxRefundable")}
        assert found == {WHOLE / 100}

    async def test_in_parts_until_nothing_is_left(self, quick: CardShop) -> None:
        """The price alone is not all; tax is off its account cent by cent."""
        session = await sold(quick)
        kept = []
        for cents in (MUG, 1, 1, 1, TAX - 3):
            part = await asked(quick, session, amount=cents / 100)
            await said(quick, "approve", refundId=part.body["refundId"])
            kept.append(await quick.earned("stripe:tax"))
            await sound(quick.gateway)
        more = await asked(quick, session, amount=0.01)

        assert kept == sorted(kept, reverse=True)
        assert kept[0] == TAX - MUG * TAX // WHOLE
        assert await books(quick) == (0, 0, 0)
        assert more.body["error"]["code"] == "refund_already_processed"

    async def test_at_once_they_come_to_what_was_paid_and_no_more(self, shop: CardShop) -> None:
        """Asked for, approved and paid at once, on every store: the last cents are exact."""
        session = await sold(shop)
        each = WHOLE // 5
        wanted = [(each - AT_ONCE + number) / 100 for number in range(AT_ONCE)]
        requests = await asyncio.gather(*(asked(shop, session, amount=one) for one in wanted))
        taken = [one.body["refundId"] for one in requests if one.status == 200]
        await asyncio.gather(*(said(shop, "approve", refundId=refund) for refund in taken))
        for _ in range(5):  # whoever was in another's way is finished by the worker
            await shop.gateway.services.refunding.by_provider.sweep()
        live = [one for one in await shop.refunds(session) if one.state in LIVE]
        left = WHOLE - sum(one.amount.minor for one in live)
        last = await asked(shop, session, amount=left / 100)
        await said(shop, "approve", refundId=last.body["refundId"])

        done = [one for one in await shop.refunds(session) if one.state is RefundState.PROCESSED]
        assert 0 < left < each
        assert sum(one.amount.minor for one in done) == WHOLE
        assert await books(shop) == (0, 0, 0)
        await sound(shop.gateway)


class TestDisputedToo:
    async def test_at_once_every_account_is_exact(self, shop: CardShop) -> None:
        """Parts are disputed, won and paid back at the same time, on every store."""
        session = await sold(shop)
        amounts = (0.77, 1.01, 1.99, 2.22)
        refunds = [
            (await asked(shop, session, amount=amount)).body["refundId"] for amount in amounts
        ]
        news = [
            dispute_event(f"d{number}", "pi_1", state, number, f"dp_{number % 2}", 111 + number % 2)
            for number, state in enumerate((OPEN, OPEN, WON, LOST))
        ]
        await asyncio.gather(
            *(said(shop, "approve", refundId=refund) for refund in refunds),
            *(shop.tell(each) for each in news),
        )
        await shop.catch_up()
        for _ in range(5):
            await shop.gateway.services.refunding.by_provider.sweep()

        earned, kept, wallet = await books(shop)
        assert wallet == earned + kept == WHOLE - 599 - 112
        assert kept == TAX - (WHOLE - wallet) * TAX // WHOLE
        await sound(shop.gateway)

    async def test_a_refund_is_booked_beside_what_is_disputed_by_then(
        self, quick: CardShop
    ) -> None:
        """Whoever pays it back knows the payment as it was before."""
        session = await sold(quick)
        before = await quick.payment(session)
        refunding = quick.gateway.services.refunding
        name = f"stripe:{session}"
        part = RefundAsked(purchase=name, recipient=None, amount=Decimal("0.06"), token=None)
        refund = await refunding.request(DEFAULT, part)
        async with quick.gateway.store.begin() as unit:
            approved = evolve(refund, state=RefundState.APPROVED)
            await unit.refunds.move(approved, [RefundState.PENDING])
        await quick.tell(dispute_event("d", "pi_1", OPEN, 1, amount=6))
        assert before is not None
        await refunding.by_provider.pay(approved, before)

        earned, kept, wallet = await books(quick)
        assert (earned + kept, wallet) == (WHOLE - 12, WHOLE - 12)
        assert kept == TAX - 12 * TAX // WHOLE


class TestToldOfIt:
    async def test_all_of_it_in_the_dashboard(self, quick: CardShop) -> None:
        """One refund of the whole sum fits, and empties every account."""
        session = await sold(quick)
        await quick.tell(refund_event("e1", "pi_1", WHOLE, [("re_1", WHOLE, "done", None)]))
        (refund,) = await quick.refunds(session)
        assert (refund.state, refund.amount.minor) == (RefundState.PROCESSED, WHOLE)
        assert await books(quick) == (0, 0, 0)
        await sound(quick.gateway)

    async def test_a_request_that_still_fits_is_left_alone(self, quick: CardShop) -> None:
        """A dashboard refund of the price leaves the tax to be asked for."""
        session = await sold(quick)
        waits = (await asked(quick, session, amount=TAX / 100)).body["refundId"]
        await quick.tell(refund_event("e1", "pi_1", MUG, [("re_1", MUG, "done", None)]))
        states = {one.id: one.state for one in await quick.refunds(session)}
        assert states[waits] is RefundState.PENDING

    async def test_what_came_back_and_went_again_in_any_order(self, quick: CardShop) -> None:
        """Pieces of odd sizes, some of which a bank sends back: each account is exact after all."""
        pieces = (333, 334, 1, 500, WHOLE - 333 - 334 - 1 - 500)
        for place, order in enumerate(
            itertools.islice(itertools.permutations(range(5)), 0, 120, 17)
        ):
            session, money = await sold(quick), f"pi_{place + 1}"
            await self._gone(quick, place, money, [pieces[number] for number in order])
            assert await books(quick) == (0, 0, 0), order
            again = f"re_{place}_{order[0]}"
            first = pieces[order[0]]
            failed = [(f"re_{place}_0", first, "failed", None)]
            await quick.tell(refund_event(f"back_{place}", money, None, failed))
            earned, kept, wallet = await books(quick)
            assert (earned + kept, wallet) == (first, first)
            assert abs(kept - first * TAX / WHOLE) < 1
            total = [(f"{again}_again", first, "done", None)]
            await quick.tell(refund_event(f"again_{place}", money, WHOLE, total))
            assert await books(quick) == (0, 0, 0), order
            assert len(await quick.refunds(session)) == 6
        await sound(quick.gateway)

    async def _gone(self, shop: CardShop, place: int, money: str, pieces: Sequence[int]) -> None:
        total = 0
        for number, piece in enumerate(pieces):
            total += piece
            one = [(f"re_{place}_{number}", piece, "done", None)]
            await shop.tell(refund_event(f"e{place}_{number}", money, total, one))


@pytest.mark.parametrize("inclusive", [False, True], ids=["exclusive", "inclusive"])
class TestOverStripe:
    """By the real adapter and the sandbox's Stripe, which works out the tax."""

    @pytest.fixture
    async def whole(self, inclusive: bool) -> AsyncIterator[WholeShop]:
        async with open_whole_shop(background=False, stripe={"tax_rate_id": "txr_1"}) as whole:
            shelves = whole.stripe.account.shelves
            made = whole.stripe.account.make(
                "tax_rate",
                active=True,
                display_name="VAT",
                effective_percentage=19.0,
                inclusive=inclusive,
                metadata={},
                percentage=19.0,
            )
            shelves.put({**made, "id": "txr_1"})
            yield whole

    async def test_what_stripe_took_goes_back(self, whole: WholeShop, inclusive: bool) -> None:
        """In part by us, the rest in the dashboard; then Stripe, refunds and ledger agree."""
        session = await self._sold(whole)
        payment = await whole.paid(session)
        taken = whole.taken(session)
        refunding = whole.shop.gateway.services.refunding
        part = RefundAsked(
            purchase=payment.signature, recipient=None, amount=Decimal(1), token=None
        )
        refund = await refunding.request(DEFAULT, part)
        await refunding.approve(DEFAULT, refund.id)
        await whole.stripe.delivered()
        in_part = await self._books(whole)
        charge = self._charge(whole, session)
        in_dashboard(whole.stripe.account, charge, taken - 100, {})
        await whole.stripe.delivered()

        tax = 0 if inclusive else 238
        assert taken == paid_in_all(payment).minor == MUG + tax
        assert in_part == (MUG + tax - 100, tax - 100 * tax // taken)
        assert (charge["amount_refunded"], await self._books(whole)) == (taken, (0, 0))
        await sound(whole.shop.gateway, timedelta(hours=1))

    async def _sold(self, whole: WholeShop) -> str:
        opened = await whole.shop.post("/paywall/v1/stripe-session", {"resource": "mug"})
        assert opened.status == 200, opened.body
        session = str(opened.body["sessionId"])
        await whole.pay(session)
        return session

    def _charge(self, whole: WholeShop, session: str) -> dict[str, Any]:
        shelves = whole.stripe.account.shelves
        paid = shelves.get("checkout.session", session) or {}
        intent = shelves.get("payment_intent", paid["payment_intent"]) or {}
        charge = shelves.get("charge", intent["latest_charge"])
        assert isinstance(charge, dict)
        return charge

    async def _books(self, whole: WholeShop) -> tuple[int, int]:
        """Give what lies at Stripe, and what of it is tax."""
        async with whole.shop.gateway.store.view() as view:
            wallet, kept = [
                (await view.ledger.balance(DEFAULT, Account(kind, owner), USD)).total
                for kind, owner in (
                    (AccountKind.WALLET, "stripe"),
                    (AccountKind.SALES, "stripe:tax"),
                )
            ]
        return -wallet, kept
