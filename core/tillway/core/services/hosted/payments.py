"""The payment that a session of a provider's brings."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from tillway.core.checkouts import Checkout
from tillway.core.disputes import PREFIX as DISPUTES
from tillway.core.ids import STRIPE_PREFIX
from tillway.core.money import Money
from tillway.core.paid import SHIPPING, TAX
from tillway.core.payments import Asked, Chain, Payment, PaymentKey
from tillway.core.ports.hosting import HostedSession, SessionStatus

NOBODY: Final = Asked(request="", address="")
"""Who presented it: nobody did, it was told."""

SESSION: Final = "session_id"
MONEY: Final = "stripe_payment"
SUBSCRIPTION: Final = "stripe_subscription"
"""Under which names a payment's metadata says more of its session."""

_OURS: Final = frozenset({SESSION, MONEY, SUBSCRIPTION, TAX, SHIPPING})
_COUPON: Final = "coupon:"


def signature_of(session: str) -> str:
    """Name the payment of a session, as the contract does."""
    return f"{STRIPE_PREFIX}{session}"


def key_of(session: str) -> PaymentKey:
    """Identify it: by the session and nothing else, so that a session pays once."""
    return PaymentKey(hashlib.sha256(signature_of(session).encode()).hexdigest())


def is_gone_through(session: HostedSession) -> bool:
    """Tell whether a session was paid: where nothing is due, one that nobody used is paid too."""
    return session.paid and session.status is SessionStatus.COMPLETE


def chain_of(checkout: Checkout) -> Chain:
    """Say where the key is unique: with the provider."""
    return Chain(checkout.provider)


def payment_of(
    checkout: Checkout, session: HostedSession, amount: Money, *, owner: str, at: datetime
) -> Payment:
    """Give the claim on ``amount``. What it uses up is reserved by its checkout already."""
    return Payment(
        chain=chain_of(checkout),
        key=key_of(session.id),
        purchase=checkout.purchase,
        asked=NOBODY,
        rail=checkout.provider,
        method=checkout.provider,
        amount=amount,
        payer=session.customer_email or session.customer or "",
        pay_to=checkout.provider,
        signature=signature_of(session.id),
        signed=b"",
        quote_id=None,
        coupons=_coupons(checkout),
        last_valid_height=0,
        seen_height=0,
        seen_slot=0,
        owner=owner,
        lease_until=at,
        created_at=at,
        reservations=(),
        metadata={**_noted(checkout.metadata), **_about(session)},
    )


def _noted(metadata: Mapping[str, str]) -> dict[str, str]:
    """Leave out what is to be said by the session alone."""
    return {
        name: text
        for name, text in metadata.items()
        if name not in _OURS and not name.startswith(DISPUTES)
    }


def _about(session: HostedSession) -> dict[str, str]:
    about = {SESSION: session.id}
    if session.payment:
        about[MONEY] = session.payment
    if session.subscription:
        about[SUBSCRIPTION] = session.subscription
    for name, part in ((TAX, session.tax), (SHIPPING, session.shipping)):
        if part is not None and part.minor:
            about[name] = str(part.minor)
    return about


def _coupons(checkout: Checkout) -> tuple[str, ...]:
    names = (each.name for each in checkout.reservations)
    return tuple(name.removeprefix(_COUPON) for name in names if name.startswith(_COUPON))
