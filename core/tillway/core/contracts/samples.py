"""Valid values to test with: each builder takes what the test cares about by name."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Final, TypedDict, Unpack

from attrs import evolve

from tillway.core.assets import USD, USDC
from tillway.core.catalog import Coupon, DiscountType, Product
from tillway.core.errors import Code
from tillway.core.events import Event
from tillway.core.ids import CouponCode, EventId, ProductId
from tillway.core.money import Money
from tillway.core.payments import (
    Asked,
    Chain,
    Failed,
    Payment,
    PaymentKey,
    Phase,
    Purchase,
    Reservation,
)
from tillway.core.ports.store import QuoteKey
from tillway.core.quotes import Purpose
from tillway.core.tenancy import DEFAULT, Tenant

CHAIN: Final = Chain("solana:testing")
NOW: Final = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
LEASE: Final = timedelta(seconds=5)
OURS: Final = "process-a"
THEIRS: Final = "process-b"
OTHER: Final = Tenant("other")

WHILE_LIVE: Final = frozenset({Phase.LIVE})
UNLESS_FAILED: Final = frozenset({Phase.LIVE, Phase.SETTLED})
WHEN_FAILED: Final = frozenset({Phase.LANDED_FAILURE})


class PaymentFields(TypedDict, total=False):
    """What tests change about a payment."""

    chain: Chain
    key: PaymentKey
    asked: Asked
    signature: str
    signed: bytes
    owner: str
    lease_until: datetime
    created_at: datetime
    reservations: tuple[Reservation, ...]
    metadata: Mapping[str, str]
    user_id: str | None
    coupons: tuple[str, ...]


def key_of(name: str) -> PaymentKey:
    """Give the payment key that a name stands for."""
    return PaymentKey(sha256(name.encode()).hexdigest())


def purchase(tenant: Tenant = DEFAULT, resource: str = "article") -> Purchase:
    """Give a purchase of one product, with every field that it can have."""
    return Purchase(
        tenant=tenant,
        purpose=Purpose.PURCHASE,
        resource=resource,
        quantity=2,
        inputs={"colour": "blue"},
        coupon="SPRING",
    )


def payment(name: str, tenant: Tenant = DEFAULT, **fields: Unpack[PaymentFields]) -> Payment:
    """Give a claim; equal names give the same key and signature."""
    claim = Payment(
        chain=CHAIN,
        key=key_of(name),
        purchase=purchase(tenant),
        asked=Asked(request="GET /article", address="192.0.2.1", idempotency="once"),
        rail="x402",
        method="x402",
        amount=Money(50_000, USDC),
        payer="payer-wallet",
        pay_to="shop-wallet",
        signature=f"signature-{name}",
        signed=b"\x00\xff" + name.encode(),
        quote_id="feed",
        coupons=("SPRING",),
        last_valid_height=1_150,
        seen_height=1_000,
        seen_slot=1_001,
        owner=OURS,
        lease_until=NOW + LEASE,
        created_at=NOW,
        reservations=(),
        metadata={"order": "17"},
        user_id="user-1",
    )
    return evolve(claim, **fields)


def settled(claim: Payment) -> Payment:
    """Give a claim as it stands once the money has arrived."""
    return claim.settled(NOW + LEASE, 1_002, {"success": True, "wallets": ["payer-wallet", None]})


def failed(claim: Payment) -> Payment:
    """Give a claim as it stands once failure is proven."""
    failure = Failed(code=Code.TRANSACTION_EXPIRED, reason="block height passed")
    return claim.failed(NOW + LEASE, failure)


def reservation(
    name: str = "stock",
    amount: int = 1,
    limit: int | None = 1,
    counts: frozenset[Phase] = UNLESS_FAILED,
    tenant: Tenant | None = DEFAULT,
) -> Reservation:
    """Give a reservation that failure gives back."""
    return Reservation(name=name, amount=amount, limit=limit, counts=counts, tenant=tenant)


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
