"""Make carts: priced once, for every way to pay that all of it has, and written down."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from attrs import define, evolve, frozen

from tillway.core.carts import Cart, CartItem
from tillway.core.errors import Code, Declined, Unavailable
from tillway.core.ids import new_cart_id
from tillway.core.money import Money
from tillway.core.observations import CartSeen
from tillway.core.pricing import Priced, PricedLine
from tillway.core.services.carts.baskets import Basket, Baskets, Found, noted
from tillway.core.services.carts.totals import ByCard, Totals
from tillway.core.services.paying.quote import Quoting
from tillway.core.tenancy import Tenant

MOST_UNPAID: Final = 500
"""How many carts of one principal, or of one address, may be open and unpaid at a time. Under any
race: of units that count one's carts the store lets one go on at a time."""


@frozen(kw_only=True)
class Quoted:
    """A cart that was made, what it comes to, and what its lines do.

    That is in tokens, or by card where it can be paid by nothing else: ``by_card``.
    """

    cart: Cart
    lines: Sequence[PricedLine]
    total: Money
    by_card: bool = False


@define(kw_only=True)
class Carting:
    """Make carts whose prices hold for ``lifetime``. Each call makes another."""

    quoting: Quoting
    lifetime: timedelta
    most_unpaid: int = MOST_UNPAID
    totals: Totals
    baskets: Baskets

    @classmethod
    def over(cls, quoting: Quoting, lifetime: timedelta) -> "Carting":
        """Make what makes carts of what this gateway quotes."""
        return cls(
            quoting=quoting,
            lifetime=lifetime,
            totals=Totals(quoting=quoting),
            baskets=Baskets(catalogue=quoting.catalogue),
        )

    async def quote(self, basket: Basket, who: str) -> Quoted:
        """Price a basket in tokens, and for cards too if they can pay all of it; keep it.

        What no rail offers is priced for cards alone. ``who`` is the principal that asks, or the
        address. Declined as `Baskets.found` and `Totals` are; Unavailable (rate_limit_exceeded)
        for who has too many open.
        """
        await self._refuse_early(basket.tenant, who)
        found = await self.baskets.found(basket)
        by_card = self.totals.by_card_only(found)
        make = self._for_cards if by_card else self._for_tokens
        quoted = await make(basket, who, found)
        await self.keep(quoted.cart)
        self.quoting.observe(CartSeen(status="quote", lines=len(found)))
        return quoted

    async def _for_tokens(self, basket: Basket, who: str, found: Sequence[Found]) -> Quoted:
        priced = await self.totals.by_token(basket, found)
        card = await self._also_by_card(basket, found)
        cart = self._cart(basket, who, found, priced, card)
        return Quoted(cart=cart, lines=priced.lines, total=priced.total)

    async def _for_cards(self, basket: Basket, who: str, found: Sequence[Found]) -> Quoted:
        card = await self.totals.promised_by_card(basket, _with_prices(found))
        total = card.bill.total
        if total is None:
            raise Declined(Code.INVALID_CART_ITEM, field="items")
        cart = self._cart(basket, who, found, None, card)
        return Quoted(cart=cart, lines=card.lines, total=total, by_card=True)

    async def by_card(self, basket: Basket, who: str) -> Cart:
        """Price a basket for cards, and in tokens too if they can pay all of it; give it unkept.

        Declined as `Baskets.priced` and `Totals.by_card` are; Unavailable (rate_limit_exceeded) for
        who has too many open.
        """
        await self._refuse_early(basket.tenant, who)
        found = await self.baskets.priced(basket)
        card = await self.totals.by_card(basket, found)
        return self._cart(basket, who, found, await self._also_by_token(basket, found), card)

    async def keep(self, cart: Cart) -> None:
        """Write a cart; Unavailable (rate_limit_exceeded) for who has too many open."""
        async with self.quoting.store.begin() as unit:
            self._refuse(await unit.carts.unpaid(cart.tenant, cart.principal, cart.created_at))
            await unit.carts.add(cart)

    async def _refuse_early(self, tenant: Tenant, who: str) -> None:
        """Price nothing, and keep no writer waiting, for who is at his bound already."""
        async with self.quoting.store.view(once=True) as view:
            self._refuse(await view.carts.unpaid(tenant, who, self.quoting.clock.now()))

    def _refuse(self, unpaid: int) -> None:
        if unpaid >= self.most_unpaid:
            raise Unavailable(
                Code.RATE_LIMIT_EXCEEDED,
                "Too many of your carts wait to be paid. Please pay one, or try again later.",
                retry_after=self.lifetime.total_seconds(),
            )

    async def _also_by_card(self, basket: Basket, found: Sequence[Found]) -> ByCard | None:
        """Promise a price for cards beside the one in tokens, if there is one for all of it."""
        if not self.quoting.rails.hosting:
            return None
        for coupon in dict.fromkeys((basket.coupon, None)):
            try:
                return await self.totals.by_card(evolve(basket, coupon=coupon), _with_prices(found))
            except Declined:  # a coupon for tokens only, or something that cards cannot buy
                continue
        return None

    async def _also_by_token(self, basket: Basket, found: Sequence[Found]) -> Priced | None:
        for coupon in dict.fromkeys((basket.coupon, None)):
            try:
                return await self.totals.by_token(evolve(basket, coupon=coupon), found)
            except Declined:  # something in it can only be paid by card
                continue
        return None

    def _cart(
        self,
        basket: Basket,
        who: str,
        found: Sequence[Found],
        priced: Priced | None,
        card: ByCard | None,
    ) -> Cart:
        now = self.quoting.clock.now()
        return Cart(
            id=new_cart_id(self.quoting.random),
            tenant=basket.tenant,
            items=_items(found, priced, card),
            total=None if priced is None else priced.total,
            created_at=now,
            expires_at=now + self.lifetime,
            principal=who,
            coupons=() if priced is None else priced.applied,
            limits={} if priced is None else priced.limits,
            metadata={**noted(basket), **_coupon_texts(priced)},
            card=None if card is None else card.bill,
        )


def _items(
    found: Sequence[Found], priced: Priced | None, card: ByCard | None
) -> tuple[CartItem, ...]:
    return tuple(
        CartItem(
            resource=each.name,
            quantity=each.quantity,
            price=None if priced is None else priced.lines[place].unit_price,
            metadata=each.metadata,
            card=None if card is None else card.units[place],
            price_id=each.price_id,
            description=each.description,
        )
        for place, each in enumerate(found)
    )


def _with_prices(found: Sequence[Found]) -> Sequence[Found]:
    """Name the card provider's price of each product beside it."""
    return [
        each if each.product is None else evolve(each, price_id=each.product.stripe_price_id)
        for each in found
    ]


def _coupon_texts(priced: Priced | None) -> Mapping[str, str]:
    """Tell about coupons as the Cedros contract does."""
    if priced is None or not priced.applied:
        return {}
    texts = {
        "coupon_codes": ",".join(priced.applied),
        "subtotal_after_catalog": priced.subtotal.to_major(),
        "discounted_amount": priced.total.to_major(),
        "catalog_coupons": ",".join(priced.catalog),
        "checkout_coupons": ",".join(priced.checkout),
    }
    return {name: text for name, text in texts.items() if text}
