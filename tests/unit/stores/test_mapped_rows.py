import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillway.adapters.stores.mapped.coupons import read_coupon
from tillway.adapters.stores.mapped.layout import (
    COUPON,
    PRODUCT,
    Kind,
    Layout,
    TableMapping,
    Transform,
    resolved,
)
from tillway.adapters.stores.mapped.products import ReadProduct
from tillway.adapters.stores.mapped.row import Row, Unreadable, parsed
from tillway.core.assets import BUILT_IN, EUR, USD, USDC
from tillway.core.catalog import BillingPeriod, Coupon, Product, SubscriptionTerms
from tillway.core.money import Money
from tillway.core.ports.definitions import Misfit

Values = Mapping[str, Any]


def row(kind: Kind, values: Values, transforms: Mapping[str, Transform] | None = None) -> Row:
    """Give a row of a table that has all columns, null where no value is given."""
    mapping = TableMapping(kind=kind, table="shop.goods", transforms=transforms or {})
    layout = resolved(mapping, kind.fields)
    return Row(layout, dict.fromkeys(kind.fields) | dict(values))


def goods(field_map: Mapping[str, str], there: Collection[str] = PRODUCT.fields) -> Layout:
    """Find the columns of products in a table that has these."""
    return resolved(TableMapping(kind=PRODUCT, table="goods", field_map=field_map), there)


def product(transforms: Mapping[str, Transform] | None = None, **values: Any) -> Product:
    """Read a product that has a price unless the values say otherwise."""
    usual = {"id": "ebook", "active": True, "stripe_price_id": "price_1"}
    return ReadProduct(BUILT_IN)(row(PRODUCT, usual | values, transforms))


def coupon(transforms: Mapping[str, Transform] | None = None, **values: Any) -> Coupon:
    """Read a coupon of 10 % unless the values say otherwise."""
    usual = {"code": "TEN", "discount_type": "percentage", "discount_value": 10, "scope": "all"}
    return read_coupon(row(COUPON, usual | values, transforms))


class TestAmounts:
    @pytest.mark.parametrize("value", [1250, "1250", Decimal("1250"), Decimal("1250.00"), " 1250 "])
    def test_minor_units_are_whole_numbers(self, value: object) -> None:
        """However the column writes them."""
        read = product(fiat_amount=value, fiat_currency="usd")

        assert read.fiat_price == Money(1250, USD)

    def test_major_units_are_multiplied_without_loss(self) -> None:
        """4.35 is 435 cents, which floats make 434."""
        hundred = {"fiat_amount": Transform(multiply=Decimal(100))}

        assert product(hundred, fiat_amount=Decimal("4.35"), fiat_currency="EUR").fiat_price == (
            Money(435, EUR)
        )

    @given(st.integers(min_value=1, max_value=99_999_999))
    def test_every_price_in_dollars_comes_out_exact(self, cents: int) -> None:
        """None of them is a cent more or less than what was written."""
        written = parsed(f"{cents // 100}.{cents % 100:02}")
        hundred = {"fiat_amount": Transform(multiply=Decimal(100))}

        assert product(hundred, fiat_amount=written, fiat_currency="USD").fiat_price == (
            Money(cents, USD)
        )

    @pytest.mark.parametrize(
        ("value", "words"),
        [
            (Decimal("4.355"), "must be a whole number"),
            ("about 5", "must be a number"),
            ("1e3", "must be a number"),
            ("NaN", "must be a number"),
            (True, "must be a number"),
            ([5], "must be a number"),
            (2**63, "must be a whole number"),
            (-5, "must not be negative"),
        ],
    )
    def test_a_price_that_does_not_convert_is_never_lost(self, value: object, words: str) -> None:
        """The fault names table, row and column, and not the value."""
        with pytest.raises(Unreadable) as raised:
            product(fiat_amount=value, fiat_currency="USD")

        said = str(raised.value)
        assert said.startswith("table shop.goods, row 'ebook', column fiat_amount: ")
        assert words in said

    def test_a_third_of_a_cent_is_refused(self) -> None:
        """What does not come out even is not rounded."""
        third = {"crypto_amount": Transform(divide=Decimal(3))}

        with pytest.raises(Unreadable, match="column crypto_amount: does not come out even"):
            product(third, crypto_amount=100, crypto_token="USDC")

    @pytest.mark.parametrize(("token", "words"), [(None, "counted in"), ("DOGE", "known")])
    def test_a_price_in_nothing_known_is_refused(self, token: str | None, words: str) -> None:
        """Cedros lost the price of such a row without a word."""
        with pytest.raises(Unreadable, match=rf"column crypto_token: .*{words}"):
            product(crypto_amount=100, crypto_token=token)

    @pytest.mark.parametrize("nothing", [None, 0, ""])
    def test_nothing_is_no_price(self, nothing: object) -> None:
        """A product that is sold by card only has no other price."""
        read = product(crypto_amount=nothing, fiat_amount=5, fiat_currency="USD")

        assert (read.crypto_price, read.fiat_price) == (None, Money(5, USD))

    def test_a_product_without_any_price_is_refused(self) -> None:
        """It is not for sale, and somebody should know."""
        with pytest.raises(Unreadable, match="must have a fiat price"):
            product(stripe_price_id=None)

    def test_a_constant_stands_in_for_a_column(self) -> None:
        """All prices of a table may be in one token."""
        constant = {"crypto_token": Transform(constant="usdc")}

        assert product(constant, crypto_amount=7).crypto_price == Money(7, USDC)


class TestProducts:
    def test_nothing_but_its_name_and_a_price_is_needed(self) -> None:
        """Empty columns are what they are for products in the settings."""
        assert product() == Product(id=product().id, stripe_price_id="price_1")

    def test_a_row_that_does_not_say_so_is_not_sold(self) -> None:
        """An empty `active` is false; a table without the column sells all."""
        assert product(active=None).active is False
        layout = goods({"active": ""})
        values = dict.fromkeys(layout.asked) | {"id": "a", "stripe_price_id": "p"}
        assert ReadProduct(BUILT_IN)(Row(layout, values)).active is True

    @pytest.mark.parametrize("value", [2, "yes", [], Decimal("1")])
    def test_what_is_no_yes_or_no_is_refused(self, value: object) -> None:
        """Nobody guesses whether something is for sale."""
        with pytest.raises(Unreadable, match="column active: must be true or false"):
            product(active=value)

    @pytest.mark.parametrize(
        "text", ["2024-01-02T03:04:05.678901", "2024-01-02T05:04:05.678901+02:00"]
    )
    def test_times_without_zone_are_utc(self, text: str) -> None:
        """Whatever zone the database is in."""
        assert product(created_at=text).created_at == (
            datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
        )

    @pytest.mark.parametrize("value", ["infinity", 5, "yesterday", "0001-01-01T00:00:00+14:00"])
    def test_what_is_no_time_is_refused(self, value: object) -> None:
        """Times of the calendar only."""
        with pytest.raises(Unreadable, match="column updated_at: must be a time"):
            product(updated_at=value)

    @pytest.mark.parametrize(
        "names", [("billing_period", "allow_x402"), ("billingPeriod", "allowX402")]
    )
    @pytest.mark.parametrize("whole", [True, False])
    def test_subscriptions_are_read_from_json(self, names: tuple[str, str], whole: bool) -> None:
        """From a column of their own, or as a member of one; the column may be text."""
        terms = {names[0]: "month", names[1]: True}
        inside = {"subscription": Transform(json_field="plan.terms")}
        read = (
            product(subscription=terms)
            if whole
            else product(inside, subscription=json.dumps({"plan": {"terms": terms}}))
        )

        assert read.subscription == SubscriptionTerms(
            billing_period=BillingPeriod.MONTH, allow_x402=True
        )

    @pytest.mark.parametrize(
        ("terms", "words"),
        [
            ({"billing_period": "moon"}, "billing_period must be day"),
            ({"billing_period": "day", "trial_days": "7"}, "trial_days must be a whole number"),
            ({"billing_period": "day", "billing_interval": -1}, "must be at least 1"),
            ([], "must be an object"),
            ("{", "must be JSON"),
        ],
    )
    def test_terms_that_cannot_be_are_refused(self, terms: object, words: str) -> None:
        """What would be billed is never guessed."""
        with pytest.raises(Unreadable, match=f"column subscription: .*{words}"):
            product(subscription=terms)

    def test_metadata_is_kept_as_text(self) -> None:
        """What is no text stays JSON, and nothing is left out."""
        read = product(metadata={"shelf": "A", "pages": 300, "none": None, "tags": ["x"]})

        assert read.metadata == {"shelf": "A", "pages": "300", "tags": '["x"]'}

    @pytest.mark.parametrize("name", [None, "", "v1", "a/b"])
    def test_a_name_that_collides_is_refused(self, name: str | None) -> None:
        """As it is in the settings."""
        with pytest.raises(Unreadable, match="column id: "):
            product(id=name)


class TestCoupons:
    @pytest.mark.parametrize(
        ("stored", "transform", "meant"),
        [
            (1840, Transform(divide=Decimal(100)), "18.4"),
            (Decimal("0.184"), Transform(multiply=Decimal(100)), "18.4"),
            ("18.4", Transform(), "18.4"),
            ({"off": {"percent": 10}}, Transform(json_field="off.percent"), "10"),
            ({"bp": 1000}, Transform(json_field="bp", divide=Decimal(100)), "10"),
        ],
    )
    def test_discounts_are_percent_however_stored(
        self, stored: object, transform: Transform, meant: str
    ) -> None:
        """Basis points, shares, texts and members of JSON."""
        read = coupon({"discount_value": transform}, discount_value=stored)

        assert read.discount_value == Decimal(meant)

    def test_basis_points_taken_for_percent_are_refused(self) -> None:
        """1000 % off is nobody's coupon."""
        with pytest.raises(Unreadable, match=r"column discount_value: .*at most 100 percent"):
            coupon(discount_value=1000)

    def test_uses_before_our_time_count(self) -> None:
        """The store counts from nothing, so the limit is what is left."""
        assert coupon(usage_limit=100, usage_count=40).usage_limit == 60
        assert coupon(usage_limit=5, usage_count=9).usage_limit == 0
        assert coupon(usage_limit=None, usage_count=9).usage_limit is None

    @pytest.mark.parametrize(
        ("values", "column"),
        [
            ({"discount_type": "gift"}, "discount_type"),
            ({"discount_type": None}, "discount_type"),
            ({"discount_value": None}, "discount_value"),
            ({"scope": None}, "scope"),
            ({"scope": "specific"}, "product_ids"),
            ({"product_ids": [5]}, "product_ids"),
            ({"product_ids": "ebook"}, "product_ids"),
            ({"auto_apply": True}, "applies_at"),
            ({"applies_at": "till"}, "applies_at"),
            ({"payment_method": "cash"}, "payment_method"),
            ({"usage_limit": Decimal("1.5")}, "usage_limit"),
            ({"usage_limit": -1}, "usage_limit"),
            ({"metadata": []}, "metadata"),
            ({"code": "A,B"}, "code"),
        ],
    )
    def test_a_coupon_that_makes_no_sense_is_refused(self, values: Values, column: str) -> None:
        """By the column that does not."""
        with pytest.raises(Unreadable, match=f"column {column}: "):
            coupon(**values)


class TestColumns:
    def test_every_column_that_is_missing_is_named(self) -> None:
        """All at once, by field; one that may be missing is not."""
        with pytest.raises(Misfit) as raised:
            goods({"id": "sku"}, set(PRODUCT.fields) - {"active", "subscription"})

        assert [fault.field for fault in raised.value.faults] == [
            "field_map.id",
            "field_map.active",
        ]
        assert "sku is none" in raised.value.faults[0].message
        assert "map it to ''" in raised.value.faults[1].message

    def test_a_lenient_column_that_is_named_must_be_there(self) -> None:
        """A typing error is not a table without subscriptions."""
        with pytest.raises(Misfit, match=r"field_map\.subscription"):
            goods({"subscription": "plan"})

    def test_two_fields_may_share_a_column(self) -> None:
        """It is read once."""
        layout = goods({"description": "id"})

        assert layout.asked.count("id") == 1
