"""Money that a provider says went back: refunds in any order, and disputes until they end."""

import itertools
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from support.card_shop import CardShop, card_shop
from support.cards import (
    USD,
    dispute_event,
    refund_event,
)
from tillway.adapters.heads import HeadSignatures
from tillway.core.errors import Code, Declined
from tillway.core.ids import CartId, RefundId
from tillway.core.ledger import AccountKind
from tillway.core.money import Money
from tillway.core.payments import State
from tillway.core.ports.hosting import DisputeState
from tillway.core.refunds import Refund, RefundState
from tillway.core.services.books.audit import Audit
from tillway.core.services.reconciling.reconcile import Reconcile
from tillway.core.services.refunds.requests import RefundAsked
from tillway.core.tenancy import DEFAULT


async def sound(shop: CardShop) -> None:
    """Compare everything with everything."""
    gateway = shop.gateway
    audit = Audit(store=gateway.store, signatures=HeadSignatures())
    now = gateway.services.clock.now
    report = await Reconcile(store=gateway.store, rails=gateway.rails, now=now, audit=audit).run()
    assert not report.findings.kept, report.findings.kept


CART = CartId(f"cart_{'0' * 31}1")
OPEN, WON, LOST = DisputeState.OPEN, DisputeState.WON, DisputeState.LOST


@pytest.fixture
async def shop(storage: dict[str, Any]) -> AsyncIterator[CardShop]:
    """Give a shop on each store."""
    async with card_shop(storage=storage) as made:
        yield made


@pytest.fixture
async def quick() -> AsyncIterator[CardShop]:
    """Give a shop in memory."""
    async with card_shop() as made:
        yield made


@pytest.mark.asyncio
class TestRefunds:
    """Money that went back at the provider."""

    async def _paid(self, shop: CardShop) -> str:
        session = await shop.opened()
        await shop.told(shop.cards.pay(session))
        return session

    async def test_a_refund_is_taken_by_its_id(self, shop: CardShop) -> None:
        """Processed, booked and told, once."""
        session = await self._paid(shop)
        for number in range(2):
            body = refund_event(f"re_{number}", "pi_1", 500, [("re_1", 500, "done", None)])
            await shop.tell(body)
        (refund,) = await shop.refunds(session)
        assert (refund.state, refund.origin) == (RefundState.PROCESSED, "stripe")
        assert (refund.amount.minor, refund.signature) == (500, "re_1")
        assert await shop.earned() == 750
        assert await shop.earned(kind=AccountKind.WALLET) == -750
        (fact,) = await shop.facts("refund.succeeded")
        assert fact.body["originalPurchaseId"] == f"stripe:{session}"
        assert (fact.body["refundId"], fact.body["atomicAmount"]) == (refund.id, 500)

    async def test_sums_come_to_the_same_in_any_order(self, quick: CardShop) -> None:
        """300, then 500, then all: told in every order, twice."""
        for place, order in enumerate(itertools.permutations((300, 500, 1_250))):
            session = await quick.opened()
            await quick.told(quick.cards.pay(session))
            money = f"pi_{place + 1}"
            for total in (*order, *order):
                await quick.tell(refund_event(f"re_{place}_{total}", money, total))
            found = await quick.refunds(session)
            assert sum(each.amount.minor for each in found) == 1_250
            assert await quick.earned() == 0

    async def test_ids_and_sums_together_count_nothing_twice(self, quick: CardShop) -> None:
        """Whichever is heard first."""
        for place, order in enumerate(itertools.permutations(range(3))):
            by_id = [(f"re_1_{place}", 500, "done", None)]
            both = [*by_id, (f"re_2_{place}", 300, "done", None)]
            session = await quick.opened()
            await quick.told(quick.cards.pay(session))
            money = f"pi_{place + 1}"
            news = [
                refund_event(f"a{place}", money, 500, by_id),
                refund_event(f"b{place}", money, 800),
                refund_event(f"c{place}", money, 800, both),
            ]
            for each in order:
                await quick.tell(news[each])
            found = await quick.refunds(session)
            assert sum(each.amount.minor for each in found) == 800, order

    async def test_one_of_ours_is_processed_and_not_doubled(self, quick: CardShop) -> None:
        """It refers to our refund, which is then done."""
        session = await self._paid(quick)
        ours = await self._asked(quick, session, RefundState.APPROVED)
        await quick.tell(refund_event("e1", "pi_1", 400, [("re_1", 400, "done", ours.id)]))
        (refund,) = await quick.refunds(session)
        assert (refund.id, refund.state) == (ours.id, RefundState.PROCESSED)
        assert (refund.signature, await quick.earned()) == ("re_1", 850)

    async def test_a_sum_waits_for_one_of_ours_that_is_on_its_way(self, quick: CardShop) -> None:
        """It may be what the sum has grown by."""
        session = await self._paid(quick)
        ours = await self._asked(quick, session, RefundState.APPROVED)
        await quick.tell(refund_event("e1", "pi_1", 400))
        assert [each.id for each in await quick.refunds(session)] == [ours.id]
        done = evolve(ours, state=RefundState.PROCESSED, processed_at=ours.created_at)
        async with quick.gateway.store.begin() as unit:
            await unit.refunds.move(done, [RefundState.APPROVED])
        await quick.catch_up()
        assert len(await quick.refunds(session)) == 1
        assert (await quick.inbound("e1")).applied_at is not None

    async def test_one_on_its_way_has_not_gone_back_yet(self, quick: CardShop) -> None:
        """The sum counts it before its end is known; it may yet come to nothing."""
        session = await self._paid(quick)
        for name, total, state in (("e1", 500, "pending"), ("e2", None, "failed")):
            await quick.tell(refund_event(name, "pi_1", total, [("re_1", 500, state, None)]))
            done = [each.state is RefundState.PROCESSED for each in await quick.refunds(session)]
            assert (any(done), await quick.earned()) == (False, 1_250)
            assert not await quick.facts("refund.succeeded")
        assert not await quick.facts("refund.reversed")

    async def test_a_request_that_no_longer_fits_is_denied(self, quick: CardShop) -> None:
        """The money is gone, whoever asks for it."""
        session = await self._paid(quick)
        asked = await self._asked(quick, session, RefundState.PENDING)
        await quick.tell(refund_event("e1", "pi_1", 1_250, [("re_1", 1_250, "done", None)]))
        states = {each.id: each.state for each in await quick.refunds(session)}
        assert states.pop(asked.id) is RefundState.DENIED
        assert list(states.values()) == [RefundState.PROCESSED]
        assert await quick.earned() == 0

    async def test_one_that_failed_brings_the_money_back(self, quick: CardShop) -> None:
        """In either order."""
        for place, order in enumerate((("done", "failed"), ("failed", "done"))):
            session = await quick.opened()
            await quick.told(quick.cards.pay(session))
            for each in order:
                total, money = 500 if each == "done" else 0, f"pi_{place + 1}"
                news = [(f"re_{place}", 500, each, None)]
                await quick.tell(refund_event(f"e{place}_{each}", money, total, news))
            (refund,) = await quick.refunds(session)
            assert refund.state is RefundState.DENIED
        assert await quick.earned() == 2_500

    async def test_one_that_only_the_sum_told_of_is_taken_back_once(self, quick: CardShop) -> None:
        """A bank sends one of two equal ones back, and that is told three times."""
        session = await self._paid(quick)
        for total in (200, 400):
            await quick.tell(refund_event(f"sum_{total}", "pi_1", total))
        for number in range(3):
            news = [("re_1", 200, "failed", None)]
            await quick.tell(refund_event(f"failed_{number}", "pi_1", None, news))
        states = sorted(each.state.value for each in await quick.refunds(session))
        assert states == ["denied", "denied", "processed"]
        assert await quick.earned() == 1_050

    async def test_a_refund_heard_before_the_payment_waits_for_it(self, shop: CardShop) -> None:
        """News come in any order."""
        session = await shop.opened()
        await shop.tell(refund_event("e1", "pi_1", 500))
        assert (await shop.inbound("e1")).applied_at is None
        await shop.told(shop.cards.pay(session))
        await shop.catch_up()
        assert await shop.earned() == 750

    async def test_refunds_of_others_payments_are_let_go(self, quick: CardShop) -> None:
        """After a day of asking."""
        await quick.tell(refund_event("e1", "pi_theirs", 500))
        for _ in range(30):
            await quick.catch_up()
        assert (await quick.inbound("e1")).applied_at is not None

    async def _asked(self, shop: CardShop, session: str, state: RefundState) -> Refund:
        now = shop.gateway.services.clock.now()
        asked = Refund(
            id=RefundId(f"refund_{'1' * 32}"),
            tenant=DEFAULT,
            purchase=f"stripe:{session}",
            recipient="buyer@shop.example",
            amount=Money(400, USD),
            created_at=now,
            expires_at=now + timedelta(days=1),
            state=state,
        )
        async with shop.gateway.store.begin() as unit:
            assert await unit.refunds.add(asked, Money(1_250, USD))
        return asked


@pytest.mark.asyncio
class TestDisputes:
    """Money that its owner has taken back at his bank."""

    @pytest.mark.parametrize(
        ("news", "state", "earned"),
        [
            ([(OPEN, 1)], State.REVERSED, 0),
            ([(OPEN, 1), (WON, 2)], State.SETTLED, 1_250),
            ([(WON, 2), (OPEN, 1)], State.SETTLED, 1_250),
            ([(OPEN, 1), (LOST, 2)], State.REVERSED, 0),
            ([(LOST, 2), (OPEN, 1)], State.REVERSED, 0),
            ([(OPEN, 1), (OPEN, 1), (WON, 2), (WON, 2), (OPEN, 1)], State.SETTLED, 1_250),
        ],
    )
    async def test_a_payment_is_reversed_while_its_money_is_gone(
        self, quick: CardShop, news: list[tuple[DisputeState, int]], state: State, earned: int
    ) -> None:
        """And settled again once it is won, whatever the order of the news."""
        session = await quick.opened()
        await quick.told(quick.cards.pay(session))
        for number, (dispute, at) in enumerate(news):
            await quick.tell(dispute_event(f"e{number}", "pi_1", dispute, at))
        payment = await quick.payment(session)
        assert payment is not None
        assert payment.state is state
        assert not payment.watched
        assert await quick.earned() == earned
        assert (await quick.verify(session)).status == (200 if state is State.SETTLED else 404)

    async def test_the_seller_hears_of_it(self, quick: CardShop) -> None:
        """Reversed, then settled again."""
        session = await quick.opened()
        await quick.told(quick.cards.pay(session))
        await quick.tell(dispute_event("e1", "pi_1", OPEN, 1))
        await quick.tell(dispute_event("e2", "pi_1", WON, 2))
        (gone,) = await quick.facts("payment.reversed")
        assert "fraudulent" in str(gone.body["reason"])
        assert len(await quick.facts("payment.succeeded")) == 2

    async def test_two_disputes_must_both_be_won(self, quick: CardShop) -> None:
        """One that is open keeps the payment reversed."""
        session = await quick.opened()
        await quick.told(quick.cards.pay(session))
        for number, (name, state) in enumerate(
            [("dp_1", OPEN), ("dp_2", OPEN), ("dp_1", WON), ("dp_2", WON)]
        ):
            await quick.tell(dispute_event(f"e{number}", "pi_1", state, number, name))
            payment = await quick.payment(session)
            assert payment is not None
            assert payment.state is (State.SETTLED if number == 3 else State.REVERSED)

    async def test_of_a_part_only_that_leaves_the_books(self, shop: CardShop) -> None:
        """What was bought stays so, and the seller hears how it stands until it is won."""
        session = await shop.opened()
        await shop.told(shop.cards.pay(session))
        seen = []
        for number, state in enumerate((OPEN, OPEN, LOST, WON)):
            news = dispute_event(f"e{number}", "pi_1", state, max(number, 1), amount=400)
            await shop.tell(news)
            payment = await shop.payment(session)
            assert payment is not None
            assert payment.state is State.SETTLED
            assert (await shop.verify(session)).status == 200
            seen.append((await shop.earned(), await shop.earned(kind=AccountKind.WALLET)))
        assert seen == [(850, -850), (850, -850), (850, -850), (1_250, -1_250)]
        told = [fact.body["disputeStatus"] for fact in await shop.facts("payment.disputed")]
        assert told == ["open", "lost", "won"]
        assert not await shop.facts("payment.reversed")
        await sound(shop)

    async def test_of_what_refunds_have_left_it_takes_no_more(self, quick: CardShop) -> None:
        """Nothing is left of the payment then, and the books are empty, not below that."""
        for place, order in enumerate(itertools.permutations(("refund", "dispute"))):
            session, money = await quick.opened(), f"pi_{place + 1}"
            await quick.told(quick.cards.pay(session))
            for each in order:
                news = {
                    "refund": refund_event(f"r{place}", money, 250),
                    "dispute": dispute_event(f"d{place}", money, OPEN, 1, f"dp_{place}", 1_000),
                }
                await quick.tell(news[each])
            assert (await quick.verify(session)).status == 404
            assert await quick.earned() == 1_000 * place
            assert await quick.earned(kind=AccountKind.WALLET) == -1_000 * place
            await quick.tell(dispute_event(f"w{place}", money, WON, 2, f"dp_{place}", 1_000))
            assert (await quick.verify(session)).status == 200
            assert await quick.earned() == 1_000 * (place + 1)
        await sound(quick)

    async def test_tax_goes_and_comes_with_the_price(self, quick: CardShop) -> None:
        """In proportion, with refunds in between, to the last cent."""
        session = await quick.opened()
        await quick.told(quick.cards.pay(session, tax=Money(237, USD)))
        seen = []
        for number, news in enumerate(
            (
                dispute_event("d1", "pi_1", OPEN, 1, "dp_1", 333),
                refund_event("r1", "pi_1", 100, [("re_1", 100, "done", None)]),
                dispute_event("d2", "pi_1", OPEN, 2, "dp_2", 1_487 - 433),
                dispute_event("d3", "pi_1", WON, 3, "dp_1", 333),
                dispute_event("d4", "pi_1", WON, 4, "dp_2", 1_487 - 433),
                refund_event("r2", "pi_1", 1_487, [("re_2", 1_387, "done", None)]),
            )
        ):
            await quick.tell(news)
            kept = await quick.earned("stripe:tax")
            left = await quick.earned() + kept
            assert left == -await quick.earned(kind=AccountKind.WALLET)
            assert kept == 237 - (1_487 - left) * 237 // 1_487, number
            seen.append(left)
            await sound(quick)
        assert seen == [1_154, 1_054, 0, 333, 1_387, 0]

    async def test_what_is_disputed_cannot_be_asked_for(self, quick: CardShop) -> None:
        """Of the rest a refund can be, and of no more."""
        session = await quick.opened()
        await quick.told(quick.cards.pay(session))
        await quick.tell(dispute_event("e1", "pi_1", OPEN, 1, amount=400))
        refunding = quick.gateway.services.refunding
        asked = RefundAsked(
            purchase=f"stripe:{session}", recipient=None, amount=Decimal("8.51"), token=None
        )
        with pytest.raises(Declined) as refused:
            await refunding.request(DEFAULT, asked)
        rest = await refunding.request(DEFAULT, evolve(asked, amount=None))
        assert refused.value.code is Code.AMOUNT_MISMATCH
        told = refused.value.details
        assert (told["originalAmount"], told["maxRefundable"]) == (12.5, 8.5)
        assert rest.amount == Money(850, USD)

    async def test_what_bought_nothing_may_be_disputed_too(self, shop: CardShop) -> None:
        """Its refund is withdrawn, for the money is gone, and queued again once it is back."""
        session = await shop.opened()
        await shop.told(shop.cards.pay(session, amount=Money(1, USD)))
        await shop.tell(dispute_event("e1", "pi_1", OPEN, 1))
        (refund,) = await shop.refunds(session)
        assert refund.state is RefundState.DENIED
        await shop.tell(dispute_event("e2", "pi_1", WON, 2))
        live = [each.state for each in await shop.refunds(session)]
        assert sorted(live) == sorted([RefundState.DENIED, RefundState.PENDING])
