from datetime import UTC, datetime

import orjson
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from tillway.adapters.stores.codec import Codec, micros, moment
from tillway.core.assets import USDC, Asset, AssetKind, Assets, Mint, Network, TokenProgram
from tillway.core.catalog import Product
from tillway.core.contracts.samples import NOW, coupon, event, payment, product, reservation
from tillway.core.events import Event
from tillway.core.money import LEAST, MOST, Money
from tillway.core.payments import Phase, Purchase
from tillway.core.quotes import Purpose
from tillway.core.tenancy import DEFAULT

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_PAIRS = st.dictionaries(_TEXTS, _TEXTS, max_size=3)
_INTEGERS = st.integers(LEAST, MOST)
_JSON = st.recursive(
    st.none() | st.booleans() | _INTEGERS | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=10,
)
_TIMES = st.datetimes(timezones=st.just(UTC))
_ZONED = st.datetimes(timezones=st.timezones(), allow_imaginary=False)
_OWN = Asset(code="OWN", decimals=3, kind=AssetKind.SPL, token_program=TokenProgram.TOKEN_2022)


class TestCodec:
    @settings(max_examples=50)
    @given(_JSON, _PAIRS, _PAIRS, _INTEGERS, st.binary(max_size=50), _TIMES, _TEXTS)
    def test_payments_come_back_equal(
        self,
        grant: object,
        metadata: dict[str, str],
        inputs: dict[str, str],
        number: int,
        signed: bytes,
        time: datetime,
        text: str,
    ) -> None:
        """Whatever a payment holds survives the row and back."""
        kept = evolve(
            payment("a", reservations=(reservation(text, abs(number), None, frozenset(Phase)),)),
            purchase=Purchase(tenant=DEFAULT, purpose=Purpose.TOP_UP, resource=text, inputs=inputs),
            metadata=metadata,
            amount=Money(number, USDC),
            signed=signed,
            created_at=time,
            reason=text,
            slot=number,
            grant={"nested": grant},
        )
        codec = Codec()
        assert codec.payment(codec.payment_row(kept)) == kept

    @given(_ZONED)
    def test_times_are_exact_to_the_microsecond(self, time: datetime) -> None:
        """A time is the same instant again, in UTC."""
        assert moment(micros(time)) == time.astimezone(UTC)

    def test_defaults_are_left_out_of_rows(self) -> None:
        """A row names only what differs, and a field that it lacks has its default."""
        body = orjson.loads(Codec().product_text(Product(id=product().id)))
        assert body == {"id": "article"}
        assert Codec().product('{"id":"article"}') == Product(id=product().id)

    def test_fields_of_a_newer_version_are_passed_over(self) -> None:
        """Old code reads rows that new code wrote with a field more."""
        body = orjson.loads(Codec().coupon_text(coupon())) | {"from_the_future": 1}
        assert Codec().coupon(orjson.dumps(body).decode()) == coupon()

    def test_definitions_and_facts_come_back_equal(self) -> None:
        """Products, coupons and facts survive the row and back."""
        codec = Codec()
        assert codec.product(codec.product_text(product())) == product()
        assert codec.coupon(codec.coupon_text(coupon())) == coupon()
        assert codec.event(codec.event_row(event("a"))) == event("a")

    def test_what_json_lacks_is_refused(self) -> None:
        """A body that cannot be stored raises where it is written."""
        odd = Event(id=event("a").id, tenant=DEFAULT, type="t", at=NOW, body={"set": {1}})
        with pytest.raises(TypeError):
            Codec().event_row(odd)

    def test_a_configured_asset_is_read_with_its_mints(self) -> None:
        """What the registry knows of an asset is added to what was written."""
        known = evolve(_OWN, mints={Network.DEVNET: Mint("mint")})
        written = Codec().product_text(evolve(product(), crypto_price=Money(1, _OWN)))
        read = Codec(assets=Assets([known])).product(written).crypto_price
        assert read is not None
        assert read.asset.mint_on(Network.DEVNET) == "mint"

    @pytest.mark.parametrize("assets", [Assets(), Assets([evolve(_OWN, decimals=9)])])
    def test_an_asset_that_is_no_longer_configured_is_read_as_written(self, assets: Assets) -> None:
        """A changed registry neither hides nor changes what was paid."""
        paid = evolve(payment("a"), amount=Money(1_234, _OWN))
        read = Codec(assets=assets).payment(Codec().payment_row(paid))
        assert read == paid
        assert read.amount.to_major() == "1.234"
