"""Definitions, and facts."""

from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256

from tillway.core.assets import USD, USDC
from tillway.core.catalog import Coupon, DiscountType, Product
from tillway.core.contracts.samples.payments import NOW
from tillway.core.events import Event
from tillway.core.ids import CouponCode, EventId, ProductId
from tillway.core.money import Money
from tillway.core.ports.store import QuoteKey
from tillway.core.tenancy import DEFAULT, Tenant


def product(name: str = "article", cents: int = 500, *, active: bool = True) -> Product:
    """Give a product with both prices."""
    return Product(
        id=ProductId(name),
        description=f"The {name}",
        fiat_price=Money(cents, USD),
        stripe_price_id=f"price_{name}",
        crypto_price=Money(cents * 10_000, USDC),
        metadata={"shelf": "3"},
        active=active,
        created_at=NOW,
        updated_at=NOW,
    )


def coupon(code: str = "SPRING", *, active: bool = True, limit: int | None = 100) -> Coupon:
    """Give a percentage off everything."""
    return Coupon(
        code=CouponCode(code),
        discount_type=DiscountType.PERCENTAGE,
        discount_value=Decimal("12.5"),
        usage_limit=limit,
        starts_at=NOW,
        expires_at=NOW + timedelta(days=30),
        active=active,
        metadata={"description": "Spring sale"},
    )


def event(name: str, tenant: Tenant = DEFAULT, at: datetime = NOW) -> Event:
    """Give a fact; equal names give the same id."""
    return Event(
        id=EventId(f"evt_{sha256(name.encode()).hexdigest()[:24]}"),
        tenant=tenant,
        type="payment.succeeded",
        at=at,
        body={"name": name, "amount": 5, "nested": {"list": [1, None, True]}},
    )


def quote_key(name: str, secret: bytes | None = b"\x00\xffsecret") -> QuoteKey:
    """Give a key in use."""
    return QuoteKey(id=name, secret=secret, retired_at=None)
