"""Cards, and payment methods of other kinds, that exist nowhere."""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from tillway.entrypoints.sandbox.stripe.account import Account
from tillway.entrypoints.sandbox.stripe.wire import Json

_CHECKS: Final = {
    "address_line1_check": None,
    "address_postal_code_check": None,
    "cvc_check": "pass",
}
_EXPIRES: Final = {"exp_month": 12, "exp_year": 2034}
_ADDRESS: Final = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))


@frozen(kw_only=True)
class Refusal:
    """Why a card is declined: Stripe's code, the bank's reason, and what is said of it."""

    code: str = "card_declined"
    reason: str = "generic_decline"
    message: str = "Your card was declined."


DECLINED: Final = Refusal()
REFUSALS: Final[Mapping[str, Refusal]] = {
    "pm_card_chargeDeclined": DECLINED,
    "pm_card_visa_chargeDeclined": DECLINED,
    "pm_card_chargeDeclinedInsufficientFunds": Refusal(
        reason="insufficient_funds", message="Your card has insufficient funds."
    ),
    "pm_card_chargeDeclinedExpiredCard": Refusal(
        code="expired_card", reason="expired_card", message="Your card has expired."
    ),
}
"""Stripe's test payment methods that are declined."""

TEST_METHODS: Final = frozenset(("pm_card_visa", "pm_card_mastercard", *REFUSALS))


def billing(email: str | None = None, name: str | None = None) -> Json:
    """Give billing details."""
    return {
        "address": dict(_ADDRESS),
        "email": email,
        "name": name,
        "phone": None,
        "tax_id": None,
    }


def card(account: Account, customer: str | None, email: str | None = None) -> Json:
    """Make a card, of a customer or for once."""
    return account.make(
        "payment_method",
        aside=customer is None,
        allow_redisplay="limited",
        billing_details=billing(email),
        card={
            "brand": "visa",
            "checks": dict(_CHECKS),
            "country": "US",
            "display_brand": "visa",
            **_EXPIRES,
            "fingerprint": account.shelves.token(16),
            "funding": "credit",
            "generated_from": None,
            "last4": "4242",
            "networks": {"available": ["visa"], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        customer=customer,
        metadata={},
        type="card",
    )


def details(method: str) -> Json:
    """Give a charge's `payment_method_details`."""
    if method != "card":
        return {"type": method, method: {}}
    return {
        "type": "card",
        "card": {
            "amount_authorized": None,
            "authorization_code": None,
            "brand": "visa",
            "checks": dict(_CHECKS),
            "country": "US",
            **_EXPIRES,
            "fingerprint": None,
            "funding": "credit",
            "installments": None,
            "last4": "4242",
            "mandate": None,
            "network": "visa",
            "network_token": None,
            "network_transaction_id": None,
            "regulated_status": "unregulated",
            "three_d_secure": None,
            "wallet": None,
        },
    }
