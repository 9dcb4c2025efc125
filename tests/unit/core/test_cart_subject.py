"""Carts as something to be paid for: what is promised, what is in the way, and what is written."""

from datetime import timedelta

import pytest
from attrs import define, evolve, field

from support.solana_fakes import FakeClock
from tillway.adapters.stores.memory import MemoryStore
from tillway.core.assets import USD
from tillway.core.carts import CardBill, Cart, CartState
from tillway.core.checkouts import Checkout, CheckoutState
from tillway.core.contracts.samples import cart as sample
from tillway.core.contracts.samples import checkout, payment
from tillway.core.errors import Code, Declined, TillwayError, Unavailable, Unsettled
from tillway.core.ids import CartId
from tillway.core.money import Money
from tillway.core.observations import CartSeen, Observation
from tillway.core.payments import Purchase
from tillway.core.ports.hosting import HostedSession, SessionStatus
from tillway.core.ports.store import Store
from tillway.core.quotes import Purpose
from tillway.core.services.carts.subject import MOST_CHECKOUTS, Carts, checkout_id, ware_of
from tillway.core.tenancy import DEFAULT

CART: Cart = evolve(sample("a"), id=CartId("cart_" + "a" * 32), limits={"SPRING": 5})
PURCHASE = Purchase(tenant=DEFAULT, purpose=Purpose.CART, resource=CART.id)


@define
class Provider:
    """Ends sessions as it is told to."""

    says: SessionStatus | TillwayError | None = SessionStatus.EXPIRED
    asked: list[Checkout] = field(factory=list)

    async def end(self, checkout: Checkout) -> HostedSession | None:
        """Say what was set."""
        self.asked.append(checkout)
        if isinstance(self.says, TillwayError):
            raise self.says
        if self.says is None:
            return None
        return HostedSession(
            id="cs_1",
            status=self.says,
            paid=self.says is SessionStatus.COMPLETE,
            reference=checkout.id,
            amount=None,
            expires_at=checkout.expires_at,
        )


@define
class Shop:
    """Carts, what they stand on, and what was observed."""

    provider: Provider = field(factory=Provider)
    store: Store = field(factory=MemoryStore)
    seen: list[Observation] = field(factory=list)
    carts: Carts = field(init=False)

    @carts.default
    def _make_carts(self) -> Carts:
        return Carts(
            store=self.store, clock=FakeClock(), observe=self.seen.append, ends=self.provider
        )

    async def open(self, *states: CheckoutState) -> None:
        """Keep one checkout after the other, which ended so."""
        for turn, state in enumerate(states):
            one = evolve(checkout("x"), id=checkout_id(CART.id, turn), purchase=PURCHASE)
            async with self.store.begin() as unit:
                await unit.checkouts.add(one)
                await unit.checkouts.move(evolve(one, state=state), [CheckoutState.OPENING])


class TestWare:
    def test_it_is_the_promised_price_with_its_coupons(self) -> None:
        """Whatever the catalogue says now."""
        ware = ware_of(CART, CART.created_at)
        assert ware.firm is not None
        assert (ware.firm.total, ware.firm.applied) == (CART.total, CART.coupons)
        assert ware.firm.bound == ("SPRING",)
        assert ware.product.description == "Cart purchase (0.120000 USDC)"
        assert (ware.product.crypto_price, ware.product.fiat_price) == (CART.total, None)

    def test_it_is_for_sale_to_the_end_of_its_time(self) -> None:
        """At its end still, and not after it."""
        assert ware_of(CART, CART.expires_at).closed is None
        late = ware_of(CART, CART.expires_at + timedelta(microseconds=1)).closed
        assert late is not None
        assert late.code is Code.QUOTE_EXPIRED

    def test_paid_counts_more_than_late(self) -> None:
        """Who has paid needs no other quote."""
        paid = evolve(CART, state=CartState.PAID)
        closed = ware_of(paid, CART.expires_at + timedelta(days=1)).closed
        assert closed is not None
        assert closed.code is Code.CART_ALREADY_PAID

    def test_a_cart_for_cards_has_no_price_in_tokens(self) -> None:
        """No rail of tokens sells it."""
        card = evolve(CART, total=None, card=CardBill(total=Money(500, USD), coupons=("C",)))
        ware = ware_of(card, CART.created_at)
        assert ware.product.crypto_price is None
        assert ware.firm is not None
        assert (ware.firm.total, ware.firm.applied) == (Money(500, USD), ("C",))
        unknown = evolve(card, card=CardBill(total=None))
        assert ware_of(unknown, CART.created_at).firm is None


class TestClear:
    async def test_without_a_checkout_nobody_is_asked(self) -> None:
        """Nor where all of them are over."""
        shop = Shop()
        await shop.carts.clear(PURCHASE)
        await shop.open(CheckoutState.EXPIRED, CheckoutState.FAILED)
        await shop.carts.clear(PURCHASE)
        assert not shop.provider.asked

    @pytest.mark.parametrize("says", [SessionStatus.EXPIRED, None])
    async def test_the_newest_is_ended(self, says: SessionStatus | None) -> None:
        """One that has no session is over too."""
        shop = Shop(Provider(says))
        await shop.open(CheckoutState.EXPIRED, CheckoutState.OPEN)
        await shop.carts.clear(PURCHASE)
        assert [each.id for each in shop.provider.asked] == [checkout_id(CART.id, 1)]

    async def test_one_that_is_complete_is_in_the_way(self) -> None:
        """Paid, or by a bank that takes its time."""
        shop = Shop(Provider(SessionStatus.COMPLETE))
        await shop.open(CheckoutState.OPEN)
        with pytest.raises(Declined) as refused:
            await shop.carts.clear(PURCHASE)
        assert refused.value.code is Code.CART_ALREADY_PAID

    @pytest.mark.parametrize(
        ("says", "wanted"),
        [
            (Declined(Code.STRIPE_ERROR), Unavailable),
            (Unavailable(Code.STRIPE_ERROR), Unavailable),
            (Unsettled(Code.STRIPE_ERROR), Unsettled),
        ],
    )
    async def test_what_nobody_knows_is_no_refusal_of_the_cart(
        self, says: TillwayError, wanted: type[TillwayError]
    ) -> None:
        """Money that is there already must not be given back for it."""
        shop = Shop(Provider(says))
        await shop.open(CheckoutState.OPEN)
        with pytest.raises(wanted) as away:
            await shop.carts.clear(PURCHASE)
        assert away.value.code is Code.STRIPE_ERROR

    async def test_there_are_so_many_checkouts_of_a_cart(self) -> None:
        """The last of them is found."""
        shop = Shop()
        await shop.open(*[CheckoutState.EXPIRED] * MOST_CHECKOUTS)
        newest = await shop.carts.checkout(DEFAULT, CART.id)
        assert newest is not None
        assert newest.id == checkout_id(CART.id, MOST_CHECKOUTS - 1)


class TestFulfil:
    async def test_the_cart_is_paid_by_the_payment(self) -> None:
        """And counted with its lines."""
        shop, paid = Shop(), evolve(payment("p"), purchase=PURCHASE, metadata={"cart_items": "2"})
        async with shop.store.begin() as unit:
            await unit.carts.add(CART)
        async with shop.store.begin() as unit:
            await shop.carts.fulfil(unit, paid)
        stored = await shop.carts.get(DEFAULT, CART.id)
        assert stored is not None
        assert (stored.paid_with, stored.paid_by) == (paid.signature, paid.payer)
        assert shop.seen == [CartSeen(status="success", lines=2)]

    async def test_it_does_not_fail_for_what_it_finds(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The money is there: what is odd is logged."""
        shop, paid = Shop(), evolve(payment("p"), purchase=PURCHASE)
        async with shop.store.begin() as unit:
            await shop.carts.fulfil(unit, paid)
        assert "is gone, or another payment has paid it" in caplog.text

    async def test_what_is_no_carts_id_is_looked_for_nowhere(self) -> None:
        """A text with a NUL, which some databases cannot take, among them."""
        for odd in ("cart_1", "a\0", "", CART.id + "a"):
            purchase = evolve(PURCHASE, resource=odd)
            assert await Shop().carts.find(purchase) is None
