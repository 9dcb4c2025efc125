"""What Stripe charges is what was quoted and listed, whatever coupons come off."""

from random import Random
from typing import Any, Final

from support.plain_prices import plain_cart
from support.whole_shop import WholeShop, open_whole_shop
from tillway.core.assets import USD
from tillway.core.contracts.counts import count
from tillway.core.tenancy import DEFAULT

SAMPLE: Final = count(20, 500)
PRODUCTS: Final = 30
TYPED: Final = ("", "", "FIVE", "THIRD", "MUGS", "TOKENS", "OVER", "NONE")


def resources(chance: Random) -> dict[str, Any]:
    """Put things on the shelf, at prices by chance."""
    return {
        f"thing-{number}": {
            "description": f"Thing {number}",
            "fiat_amount_cents": chance.randint(900, 10 ** chance.randint(3, 6)),
            "fiat_currency": chance.choice(("usd", "usd", "eur")),
        }
        for number in range(PRODUCTS)
    }


def coupon(code: str, kind: str, value: float, **more: Any) -> dict[str, Any]:
    """Write a coupon."""
    usual = {"discount_type": kind, "discount_value": value, "scope": "all", "active": True}
    return {"code": code, **usual, **more}


SOME: Final = [f"thing-{number}" for number in range(0, PRODUCTS, 3)]
COUPONS: Final = {
    each["code"]: each
    for each in (
        coupon("FIVE", "fixed", 5),
        coupon("THIRD", "percentage", 33.33),
        coupon("MUGS", "percentage", 12.5, scope="specific", product_ids=SOME),
        coupon("TOKENS", "percentage", 90, payment_method="x402"),
        coupon("OVER", "percentage", 90, expires_at="2020-01-01T00:00:00Z"),
        coupon(
            "SALE",
            "percentage",
            18.4,
            scope="specific",
            product_ids=SOME,
            auto_apply=True,
            applies_at="catalog",
        ),
        coupon("TILL", "fixed", 0.75, auto_apply=True, applies_at="checkout"),
    )
}


REFUSED: Final = {"coupon_wrong_payment_method", "coupon_not_applicable", "coupon_expired"}


async def charged(shop: WholeShop, resource: str, typed: str) -> tuple[int, int] | None:
    """Quote a thing and buy it by card; give what was quoted and charged.

    None if the coupon is refused, as the contract has it for sessions.
    """
    query = f"resource={resource}" + (f"&couponCode={typed}" if typed else "")
    quoted = (await shop.shop.get(f"/paywall/v1/quote?{query}")).body["stripe"]
    asked = {"resource": resource, **({"couponCode": typed} if typed else {})}
    opened = await shop.shop.post("/paywall/v1/stripe-session", asked)
    if opened.code in REFUSED:
        return None
    session = opened.body["sessionId"]
    await shop.pay(session)
    payment = await shop.paid(session)
    assert quoted["currency"] == payment.amount.asset.code.lower()
    taken = shop.taken(session)
    assert payment.amount.minor == taken
    return quoted["amountCents"], taken


class TestCharges:
    async def test_they_are_what_was_quoted_and_listed(self) -> None:
        """For a sample of things and typed coupons, through the emulator, webhook and all."""
        chance, bought = Random(4), 0
        async with open_whole_shop(
            paywall={"resources": resources(chance)}, coupons={"coupons": COUPONS}
        ) as shop:
            listed = {
                each["id"]: each["effectiveFiatAmountCents"]
                for each in (await shop.shop.get("/paywall/v1/products")).body["products"]
            }
            while bought < SAMPLE:
                resource, typed = f"thing-{chance.randrange(PRODUCTS)}", chance.choice(TYPED)
                found = await charged(shop, resource, typed)
                if found is None:
                    continue
                quoted, taken = found
                assert quoted == taken, (resource, typed)
                assert typed or taken == listed[resource], resource
                bought += 1

    async def test_a_cart_is_charged_as_the_second_implementation_has_it(self) -> None:
        """Any number of lines, the coupons of each and those of the whole."""
        chance, bought = Random(5), 0
        shelf = {name: {**each, "fiat_currency": "usd"} for name, each in resources(chance).items()}
        async with open_whole_shop(
            paywall={"resources": shelf}, coupons={"coupons": COUPONS}
        ) as shop:
            while bought < SAMPLE // 2:
                typed = chance.choice(("", "FIVE", "THIRD"))
                names = chance.sample(sorted(shelf), chance.randint(1, 6))
                things = [(name, chance.randint(1, 9)) for name in names]
                items = [{"resource": name, "quantity": many} for name, many in things]
                asked = {"items": items, **({"couponCode": typed} if typed else {})}
                opened = await shop.shop.post("/paywall/v1/cart/checkout", asked)
                assert opened.status == 200, opened.body
                quoting = shop.shop.gateway.services.quote
                sale = await quoting.sale(DEFAULT, "stripe", typed or None)
                lines = [(n, int(shelf[n]["fiat_amount_cents"]), many) for n, many in things]
                await shop.pay(opened.body["sessionId"])
                taken = shop.taken(opened.body["sessionId"])
                # The second implementation knows one moment only, at which all of these hold.
                assert taken == plain_cart(USD, lines, sale), (things, typed)
                bought += 1
