"""The laws of definitions: products with the price before, coupons, and the keys of quotes."""

from datetime import timedelta

import pytest
from attrs import evolve

from tillway.core.assets import USD
from tillway.core.catalog import (
    AppliesAt,
    BillingPeriod,
    PreviousPrice,
    Product,
    Scope,
    SubscriptionTerms,
)
from tillway.core.contracts.samples import NOW, OTHER, coupon, product, quote_key, reservation
from tillway.core.contracts.samples import payment as claim_of
from tillway.core.contracts.stores.steps import claim, total
from tillway.core.ids import CouponCode, ProductId
from tillway.core.money import Money
from tillway.core.ports.store import QuoteKey, Store
from tillway.core.tenancy import DEFAULT, Tenant

_HOUR = timedelta(hours=1)


async def _put(store: Store, one: Product, at_hour: int = 0) -> Product | None:
    async with store.begin() as unit:
        await unit.products.put(DEFAULT, one, NOW + at_hour * _HOUR)
    return await _get(store, one.id)


async def _get(store: Store, name: ProductId, tenant: Tenant = DEFAULT) -> Product | None:
    async with store.view() as view:
        return await view.products.get(tenant, name)


@pytest.mark.asyncio
class ProductLaws:
    """``Products``."""

    async def test_a_product_is_read_as_it_was_written(self, store: Store) -> None:
        """Every field comes back equal, subscription terms included."""
        terms = SubscriptionTerms(billing_period=BillingPeriod.MONTH, trial_days=7)
        written = evolve(product(), subscription=terms, memo_template="{{resource}}:{{nonce}}")
        assert await _put(store, written) == written
        bare = Product(id=ProductId("bare"), stripe_price_id="price_1", active=False)
        assert await _put(store, bare) == bare

    async def test_a_product_is_replaced(self, store: Store) -> None:
        """The last one written is read."""
        await _put(store, product())
        renamed = evolve(product(), description="Another text", active=False)
        assert await _put(store, renamed, 1) == renamed

    async def test_the_price_before_is_kept(self, store: Store) -> None:
        """Either price's change leaves both old prices with the time of the change."""
        first = product(cents=500)
        await _put(store, first)
        dearer = evolve(first, fiat_price=Money(900, USD))
        before = PreviousPrice(
            fiat_price=first.fiat_price, crypto_price=first.crypto_price, changed_at=NOW + _HOUR
        )
        assert await _put(store, dearer, 1) == evolve(dearer, previous=before)
        free = evolve(dearer, crypto_price=None)
        before = PreviousPrice(
            fiat_price=dearer.fiat_price,
            crypto_price=dearer.crypto_price,
            changed_at=NOW + 2 * _HOUR,
        )
        assert await _put(store, free, 2) == evolve(free, previous=before)

    async def test_a_repeat_keeps_the_time_of_change(self, store: Store) -> None:
        """Writing one price again, or other fields only, leaves the price before as it was."""
        await _put(store, product(cents=500))
        changed = await _put(store, product(cents=900), 1)
        assert await _put(store, product(cents=900), 2) == changed
        assert changed is not None
        renamed = evolve(product(cents=900), description="Another text")
        assert await _put(store, renamed, 3) == evolve(renamed, previous=changed.previous)

    async def test_a_product_is_removed_once(self, store: Store) -> None:
        """Removing tells whether it was there; prices of the removed one are forgotten."""
        await _put(store, product(cents=500))
        for was_there in (True, False):
            async with store.begin() as unit:
                assert await unit.products.remove(DEFAULT, product().id) is was_there
        assert await _get(store, product().id) is None
        assert await _put(store, product(cents=900), 1) == product(cents=900)

    async def test_products_are_listed_by_id(self, store: Store) -> None:
        """Ascending by code point, active or not, the tenant's own."""
        names = ["b", "a", "B", "ä", "a-1", "a1"]
        for name in names:
            await _put(store, product(name, active=name != "b"))
        async with store.view() as view:
            listed = await view.products.all(DEFAULT)
            assert [one.id for one in listed] == sorted(names)
            assert list(await view.products.all(OTHER)) == []

    async def test_a_list_of_products_is_bounded(self, store: Store) -> None:
        """The first 10,000 are listed."""
        async with store.begin() as unit:
            for n in range(10_001):
                await unit.products.put(DEFAULT, Product(id=ProductId(f"p{n:05}")), NOW)
        async with store.view() as view:
            listed = await view.products.all(DEFAULT)
        assert len(listed) == 10_000
        assert listed[-1].id == "p09999"


@pytest.mark.asyncio
class CouponLaws:
    """``Coupons``."""

    async def test_a_coupon_is_read_as_it_was_written(self, store: Store) -> None:
        """Every field comes back equal, the exact decimal included."""
        written = evolve(
            coupon(),
            scope=Scope.SPECIFIC,
            product_ids=(ProductId("b"), ProductId("a")),
            payment_method="x402",
            auto_apply=True,
            applies_at=AppliesAt.CATALOG,
        )
        for _ in range(2):
            async with store.begin() as unit:
                await unit.coupons.put(DEFAULT, written)
        async with store.view() as view:
            found = await view.coupons.get(DEFAULT, written.code)
        assert found == written
        assert found is not None
        assert str(found.discount_value) == "12.5"

    async def test_codes_compare_exactly(self, store: Store) -> None:
        """Case counts, and so does every character."""
        async with store.begin() as unit:
            await unit.coupons.put(DEFAULT, coupon("SPRING"))
        async with store.view() as view:
            for code in ("spring", "SPRING ", "SPRIN"):
                assert await view.coupons.get(DEFAULT, CouponCode(code)) is None

    async def test_coupons_are_listed_by_code(self, store: Store) -> None:
        """Ascending by code point, active or not, the tenant's own, replaced ones once."""
        async with store.begin() as unit:
            for code in ("b", "A", "a", "A"):
                await unit.coupons.put(DEFAULT, coupon(code, active=code != "a"))
        async with store.view() as view:
            assert [one.code for one in await view.coupons.all(DEFAULT)] == ["A", "a", "b"]
            assert list(await view.coupons.all(OTHER)) == []

    async def test_a_removed_coupon_keeps_its_redemptions(self, store: Store) -> None:
        """Removing tells whether it was there, and counts nothing back."""
        used = reservation("coupon:SPRING", limit=100)
        await claim(store, claim_of("a", reservations=(used,)))
        async with store.begin() as unit:
            await unit.coupons.put(DEFAULT, coupon())
        for was_there in (True, False):
            async with store.begin() as unit:
                assert await unit.coupons.remove(DEFAULT, CouponCode("SPRING")) is was_there
        async with store.view() as view:
            assert await view.coupons.get(DEFAULT, CouponCode("SPRING")) is None
        assert await total(store, "coupon:SPRING") == 1


@pytest.mark.asyncio
class QuoteKeyLaws:
    """``QuoteKeys``."""

    async def test_keys_are_kept_in_the_order_in_which_they_came(self, store: Store) -> None:
        """Oldest first, secrets as they were, or none."""
        written = [quote_key("z"), quote_key("a", None), quote_key("m", b"")]
        for key in written:
            async with store.begin() as unit:
                await unit.quote_keys.add(key)
        assert await _keys(store) == written

    async def test_a_known_key_is_not_written_again(self, store: Store) -> None:
        """The first of one id stands, its retirement included."""
        await self._change(store, "a", "add", "retire")
        retired = [QuoteKey(id="a", secret=quote_key("a").secret, retired_at=NOW)]
        assert await _keys(store) == retired
        async with store.begin() as unit:
            await unit.quote_keys.add(quote_key("a", b"another"))
        assert await _keys(store) == retired

    async def test_a_key_is_retired_once(self, store: Store) -> None:
        """The first time counts; unknown keys are nobody's."""
        await self._change(store, "a", "add", "retire")
        async with store.begin() as unit:
            await unit.quote_keys.retire("a", NOW + _HOUR)
            await unit.quote_keys.retire("unknown", NOW)
        assert [key.retired_at for key in await _keys(store)] == [NOW]

    async def test_a_revived_key_is_in_use_and_may_retire_again(self, store: Store) -> None:
        """Reviving takes the retirement away, keeps the place, and repeats harmlessly."""
        await self._change(store, "a", "add", "retire", "revive", "revive")
        await self._change(store, "b", "add", "revive")
        assert await _keys(store) == [quote_key("a"), quote_key("b")]
        async with store.begin() as unit:
            await unit.quote_keys.revive("unknown")
            await unit.quote_keys.retire("a", NOW + _HOUR)
        assert [key.retired_at for key in await _keys(store)] == [NOW + _HOUR, None]

    async def _change(self, store: Store, name: str, *verbs: str) -> None:
        for verb in verbs:
            async with store.begin() as unit:
                if verb == "add":
                    await unit.quote_keys.add(quote_key(name))
                elif verb == "retire":
                    await unit.quote_keys.retire(name, NOW)
                else:
                    await unit.quote_keys.revive(name)


async def _keys(store: Store) -> list[QuoteKey]:
    async with store.view() as view:
        return list(await view.quote_keys.all())
