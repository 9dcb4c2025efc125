"""What the sandbox's Stripe adds up: lines, discounts, taxes and refunds, for anything asked."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
import stripe
from aiohttp import ClientSession
from hypothesis import given, settings
from hypothesis import strategies as some

from support.manual_clock import ManualClock
from tillway.core.contracts.counts import count
from tillway.entrypoints.sandbox.stripe import SECRET_KEY, Account, serve_stripe
from tillway.entrypoints.sandbox.stripe.periods import after, months_after
from tillway.entrypoints.sandbox.stripe.totals import Part, discounted, shared, sums

EXAMPLES = count(150, 2_000)

amounts = some.integers(0, 99_999_999)
rates = some.builds(
    lambda percentage, inclusive: {"percentage": percentage, "inclusive": inclusive},
    some.decimals(0, 40, places=2).map(float),
    some.booleans(),
)
coupons = some.one_of(
    some.builds(
        lambda off: {"percent_off": off, "amount_off": None},
        some.decimals("0.01", 100, places=2).map(float),
    ),
    some.builds(lambda off: {"percent_off": None, "amount_off": off}, some.integers(1, 99_999_999)),
)
parts = some.lists(
    some.builds(Part, amount=amounts, taxes=some.lists(rates, max_size=2)), min_size=1
)


class TestSharing:
    @given(whole=some.integers(0, 10**9), bases=some.lists(amounts, min_size=1))
    @settings(max_examples=EXAMPLES, deadline=None)
    def test_nothing_is_lost_or_made(self, whole: int, bases: list[int]) -> None:
        """Shares add up to the whole, and each is within one unit of its exact part."""
        total = sum(bases)
        whole = min(whole, total)
        found = shared(whole, bases)
        assert sum(found) == whole
        for share, base in zip(found, bases, strict=True):
            assert share <= base
            assert abs(share - Fraction(whole * base, total or 1)) < 1


class TestSums:
    @given(parts=parts, coupon=some.none() | coupons)
    @settings(max_examples=EXAMPLES, deadline=None)
    def test_lines_add_up(self, parts: list[Part], coupon: Any) -> None:
        """The discount is the coupon's, no line goes below nothing, taxes are on what is left."""
        added = sums(parts, coupon)
        total = sum(part.amount for part in parts)
        assert sum(each.subtotal for each in added) == total
        assert sum(each.discount for each in added) == (discounted(total, coupon) if coupon else 0)
        for each in added:
            assert 0 <= each.discount <= each.subtotal
            assert each.total >= 0
            for tax in each.taxes:
                share = Decimal(str(tax.rate["percentage"])) / 100
                assert abs(tax.amount - tax.taxable * share) <= 1


class TestPeriods:
    @given(start=some.integers(0, 4_000_000_000), count=some.integers(1, 40))
    @settings(max_examples=EXAMPLES, deadline=None)
    def test_months_are_never_skipped(self, start: int, count: int) -> None:
        """Period by period from one anchor, each end is later, by a month's days."""
        month = {"interval": "month", "interval_count": 1}
        before, end = after(start, month, count), after(start, month, count + 1)
        assert 28 * 86_400 <= end - before <= 31 * 86_400
        assert months_after(start, count) == before


class TestSessionsAndRefunds:
    @pytest.mark.parametrize("seed", range(3))
    async def test_a_charge_is_what_the_session_says_and_no_more_comes_back(
        self, seed: int, clock: ManualClock
    ) -> None:
        """For random carts, by the SDK: the intent, the lines and the refunds agree."""
        account = Account(clock=lambda: clock.now().timestamp())
        async with serve_stripe(account) as served, ClientSession() as session:
            addresses: Any = {"api": served.url}
            http = stripe.AIOHTTPClient(session=session)
            client: Any = stripe.StripeClient(
                SECRET_KEY, base_addresses=addresses, http_client=http
            )
            coupon = await client.v1.coupons.create_async({"percent_off": 7 + seed * 13.37})
            lines = [
                {
                    "quantity": 1 + (seed + at) % 4,
                    "price_data": {
                        "currency": "usd",
                        "unit_amount": 331 * (at + 1) + seed,
                        "product_data": {"name": f"Thing {at}"},
                    },
                }
                for at in range(seed * 5 + 1)
            ]
            made = await client.v1.checkout.sessions.create_async(
                {
                    "mode": "payment",
                    "success_url": "http://127.0.0.1/ok",
                    "line_items": lines,
                    "discounts": [{"coupon": coupon.id}],
                }
            )
            listed = await client.v1.checkout.sessions.line_items.list_async(
                made.id, {"limit": 100}
            )
            assert sum(line.amount_total for line in listed.data) == made.amount_total
            assert sum(line.amount_discount for line in listed.data) == (
                made.amount_subtotal - made.amount_total
            )
            intent = str(served.switches.pay(made.id)["payment_intent"])
            paid = await client.v1.payment_intents.retrieve_async(intent)
            assert paid.amount_received == made.amount_total
            left = made.amount_total
            while left:
                part = min(left, 97 + left // 3)
                with pytest.raises(stripe.InvalidRequestError):
                    await client.v1.refunds.create_async(
                        {"payment_intent": intent, "amount": left + 1}
                    )
                await client.v1.refunds.create_async({"payment_intent": intent, "amount": part})
                left -= part
            refunds = await client.v1.refunds.list_async({"payment_intent": intent, "limit": 100})
            assert sum(each.amount for each in refunds.data) == made.amount_total
