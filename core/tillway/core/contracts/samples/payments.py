"""Payments, from the claim to each of their ends."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final, TypedDict, Unpack

from attrs import evolve

from tillway.core.assets import USDC
from tillway.core.errors import Code
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
from tillway.core.quotes import Purpose
from tillway.core.tenancy import DEFAULT, Tenant

CHAIN: Final = Chain("solana:testing")
NOW: Final = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
LEASE: Final = timedelta(seconds=5)
OURS: Final = "process-a"
THEIRS: Final = "process-b"
OTHER: Final = Tenant("other")

AWKWARD: Final = "naïve 💳 \x00\n'\"; DROP TABLE payments; -- \\ % {0} \u2028"
"""Text from outside, which is kept as it came and never understood."""

WHILE_LIVE: Final = frozenset({Phase.LIVE})
UNLESS_FAILED: Final = frozenset({Phase.LIVE, Phase.SETTLED})
WHEN_FAILED: Final = frozenset({Phase.LANDED_FAILURE})


class PaymentFields(TypedDict, total=False):
    """What tests change about a payment."""

    chain: Chain
    key: PaymentKey
    asked: Asked
    payer: str
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


def watched(claim: Payment) -> Payment:
    """Give a claim as it stands once the money has arrived, and may yet be gone again."""
    grant = {"success": True, "wallets": ["payer-wallet", None]}
    return claim.settled(NOW + LEASE, 1_002, grant, final=False)


def unapplied(claim: Payment) -> Payment:
    """Give a claim as it stands once money has arrived that buys nothing."""
    return claim.unapplied(NOW + LEASE, 1_002, Code.CART_ALREADY_PAID, "paid twice")


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
