"""Payment intents and charges: money that moves, or is declined."""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from tillway.entrypoints.sandbox.stripe.account import Account
from tillway.entrypoints.sandbox.stripe.cards import Refusal, billing, details
from tillway.entrypoints.sandbox.stripe.wire import Json

BANK: Final = "us_bank_account"
"""The kind of payment that takes days."""


@frozen(kw_only=True)
class Wanted:
    """Money to be taken."""

    amount: int
    currency: str
    customer: str | None = None
    email: str | None = None
    method: str | None = None
    kind: str = "card"
    description: str | None = None
    metadata: Mapping[str, str] = {}
    more: Mapping[str, Json] = {}


def intent(account: Account, wanted: Wanted) -> Json:
    """Make a payment intent that nobody has paid yet."""
    id = account.shelves.id("payment_intent")  # noqa: A001  # Stripe's word
    made = account.make(
        "payment_intent",
        id=id,
        **{
            **dict.fromkeys(_NOTHING),
            "amount": wanted.amount,
            "amount_capturable": 0,
            "amount_details": {"tip": {}},
            "amount_received": 0,
            "capture_method": "automatic_async",
            "client_secret": f"{id}_secret_{account.shelves.token(24)}",
            "confirmation_method": "automatic",
            "currency": wanted.currency,
            "customer": wanted.customer,
            "description": wanted.description,
            "metadata": dict(wanted.metadata),
            "payment_method_options": {},
            "payment_method_types": [wanted.kind],
            "receipt_email": wanted.email,
            "status": "requires_payment_method",
            **wanted.more,
            "_kind": wanted.kind,
        },
    )
    account.tell("payment_intent.created", made)
    return made


_NOTHING: Final = (
    *("application", "application_fee_amount", "automatic_payment_methods", "canceled_at"),
    *("cancellation_reason", "last_payment_error", "latest_charge", "next_action"),
    *("on_behalf_of", "payment_method", "processing", "review", "setup_future_usage"),
    *("shipping", "statement_descriptor", "statement_descriptor_suffix", "transfer_data"),
    *("transfer_group", "excluded_payment_method_types", "customer_account"),
    *("payment_method_configuration_details",),
)


def succeed(account: Account, paid: Json, method: str | None = None) -> Json:
    """Take the money of an intent, and give the charge."""
    charge = _pending_charge(account, paid) or _charge(account, paid, method)
    charge.update(
        amount_captured=paid["amount"],
        captured=True,
        paid=True,
        status="succeeded",
        outcome=_outcome("authorized", "approved_by_network", "Payment complete."),
    )
    account.tell("charge.succeeded", charge)
    changes = {"amount_received": paid["amount"], "status": "succeeded", "processing": None}
    account.change("payment_intent.succeeded", paid, **changes, last_payment_error=None)
    return charge


def process(account: Account, paid: Json, method: str | None = None) -> Json:
    """Start a payment that takes days."""
    charge = _charge(account, paid, method)
    account.tell("charge.pending", charge)
    account.change("payment_intent.processing", paid, status="processing")
    return charge


def fail(account: Account, paid: Json, refusal: Refusal, method: str | None = None) -> Json:
    """Decline an intent, which can be tried again, and give the charge that failed."""
    charge = _pending_charge(account, paid) or _charge(account, paid, method)
    charge.update(
        status="failed",
        failure_code=refusal.code,
        failure_message=refusal.message,
        outcome=_outcome("issuer_declined", "declined_by_network", refusal.message),
    )
    account.tell("charge.failed", charge)
    error = {
        "charge": charge["id"],
        "code": refusal.code,
        "decline_code": refusal.reason,
        "message": refusal.message,
        "type": "card_error",
    }
    account.change(
        "payment_intent.payment_failed",
        paid,
        status="requires_payment_method",
        last_payment_error=error,
        payment_method=None,
    )
    return charge


def cancel(account: Account, unpaid: Json, reason: str | None) -> None:
    """Have an intent never be paid."""
    changes = {"status": "canceled", "canceled_at": account.now(), "cancellation_reason": reason}
    account.change("payment_intent.canceled", unpaid, **changes)


def _outcome(kind: str, network: str, message: str) -> Json:
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": network,
        "reason": None if kind == "authorized" else "generic_decline",
        "risk_level": "normal",
        "risk_score": 12,
        "seller_message": message,
        "type": kind,
    }


def _pending_charge(account: Account, paid: Json) -> Json | None:
    found = account.shelves.get("charge", paid["latest_charge"] or "")
    return found if found is not None and found["status"] == "pending" else None


def _charge(account: Account, paid: Json, method: str | None) -> Json:
    charge = account.make(
        "charge",
        **{
            **dict.fromkeys(_NO_CHARGE),
            "amount": paid["amount"],
            "amount_captured": 0,
            "amount_refunded": 0,
            "billing_details": billing(paid["receipt_email"]),
            "calculated_statement_descriptor": "TILLWAY SANDBOX",
            "captured": False,
            "currency": paid["currency"],
            "customer": paid["customer"],
            "description": paid["description"],
            "disputed": False,
            "fraud_details": {},
            "metadata": dict(paid["metadata"]),
            "paid": False,
            "payment_intent": paid["id"],
            "payment_method": method,
            "payment_method_details": details(paid["_kind"]),
            "receipt_email": paid["receipt_email"],
            "refunded": False,
            "status": "pending",
        },
    )
    paid.update(latest_charge=charge["id"], payment_method=method)
    return charge


_NO_CHARGE: Final = (
    *("application", "application_fee", "application_fee_amount", "balance_transaction"),
    *("failure_balance_transaction", "failure_code", "failure_message", "on_behalf_of"),
    *("outcome", "receipt_number", "receipt_url", "review", "shipping", "source_transfer"),
    *("statement_descriptor", "statement_descriptor_suffix", "transfer_data"),
    *("transfer_group",),
)
