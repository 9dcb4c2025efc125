"""Whatever happens at once at a shop, everything is paid once and all books agree."""

import random
from collections import Counter

import pytest

from support.either_rail import ONCE, RESOURCES, either_rail
from support.lives import KEY, Life
from tillway.adapters.heads import HeadSignatures
from tillway.core.contracts.counts import count
from tillway.core.payments import State
from tillway.core.services.books.audit import Audit
from tillway.core.services.reconciling.reconcile import Reconcile
from tillway.core.services.reconciling.report import Report

LIVES, TURNS, AT_ONCE = count(3, 40), count(24, 50), 8
COUPONS = {"ONCE": ONCE, "TEN": {**ONCE, "code": "TEN", "usage_limit": 10}}

pytestmark = pytest.mark.asyncio


async def reconciled(life: Life) -> Report:
    """Compare everything with everything."""
    gateway = life.shop.shop.gateway
    audit = Audit(store=gateway.store, signatures=HeadSignatures())
    return await Reconcile(
        store=gateway.store, rails=gateway.rails, now=gateway.services.clock.now, audit=audit
    ).run()


class TestLives:
    @pytest.mark.parametrize("seed", range(LIVES))
    async def test_whatever_happens_the_books_agree(self, seed: int) -> None:
        """Carts by either rail, slow banks, refunds, disputes, a Stripe that stumbles."""
        async with either_rail(
            paywall={"resources": RESOURCES, "product_source": "yaml"},
            coupons={"coupons": COUPONS},
            server={"admin_api_key": KEY},
            # A circuit stays open by the machine's clock, of which hardly any time passes.
            circuit_breaker={"enabled": False},
        ) as shop:
            life = Life(shop, random.Random(seed))
            await life.goes_on(TURNS, AT_ONCE)
            await life.ends()
            report = await reconciled(life)
            payments = await life.payments()
            used = await shop.taken("coupon:ONCE", "coupon:TEN")

        assert life.wrong == []
        assert [str(each) for each in report.findings.kept] == []
        assert all(each.state is not State.CLAIMED for each in payments)
        settled = [each for each in payments if each.state is State.SETTLED]
        assert {each.rail for each in payments} == {"stripe", "x402"}
        carts = [each.purchase.resource for each in settled if each.purchase.purpose == "cart"]
        assert max(Counter(carts).values()) == 1
        assert (used.get("coupon:ONCE", 0) <= 1, used.get("coupon:TEN", 0) <= 10) == (True, True)
