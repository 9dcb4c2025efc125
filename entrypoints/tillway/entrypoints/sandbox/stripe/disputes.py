"""Disputes: the buyer's bank takes the money back, and may give it back."""

from typing import Final

from tillway.entrypoints.sandbox.stripe.account import Account
from tillway.entrypoints.sandbox.stripe.calls import Call, Route, filters, listing
from tillway.entrypoints.sandbox.stripe.errors import invalid
from tillway.entrypoints.sandbox.stripe.read import text
from tillway.entrypoints.sandbox.stripe.wire import Json

_DAY: Final = 24 * 3600
_EVIDENCE: Final = (
    *("access_activity_log", "billing_address", "cancellation_policy"),
    *("cancellation_policy_disclosure", "cancellation_rebuttal", "customer_communication"),
    *("customer_email_address", "customer_name", "customer_purchase_ip", "customer_signature"),
    *("duplicate_charge_documentation", "duplicate_charge_explanation", "duplicate_charge_id"),
    *("product_description", "receipt", "refund_policy", "refund_policy_disclosure"),
    *("refund_refusal_explanation", "service_date", "service_documentation"),
    *("shipping_address", "shipping_carrier", "shipping_date", "shipping_documentation"),
    *("shipping_tracking_number", "uncategorized_file", "uncategorized_text"),
)


def dispute(
    account: Account, charge: Json, amount: int | None = None, reason: str = "fraudulent"
) -> Json:
    """Open a dispute about a charge; the money is gone at once."""
    if charge["status"] != "succeeded" or charge["disputed"]:
        raise invalid("This charge cannot be disputed.", "charge")
    made = account.make(
        "dispute",
        amount=charge["amount"] if amount is None else amount,
        balance_transactions=[],
        charge=charge["id"],
        currency=charge["currency"],
        enhanced_eligibility_types=[],
        evidence={**dict.fromkeys(_EVIDENCE), "enhanced_evidence": {}},
        evidence_details={
            "due_by": account.now() + 7 * _DAY,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        is_charge_refundable=False,
        metadata={},
        payment_intent=charge["payment_intent"],
        payment_method_details={
            "card": {
                "brand": "visa",
                "case_type": "chargeback",
                "network": "visa",
                "network_reason_code": "10.4",
            },
            "type": "card",
        },
        reason=reason,
        status="needs_response",
    )
    charge["disputed"] = True
    account.tell("charge.dispute.created", made)
    account.tell("charge.dispute.funds_withdrawn", made)
    return made


def close(account: Account, made: Json, *, won: bool) -> Json:
    """End a dispute: won, the money comes back."""
    if made["status"] in ("won", "lost"):
        raise invalid("This dispute is already closed.", "status")
    account.change("charge.dispute.closed", made, status="won" if won else "lost")
    if won:
        account.tell("charge.dispute.funds_reinstated", made)
    return made


def _close(account: Account, call: Call) -> Json:
    call.read()
    return close(account, account.get("dispute", call.id), won=False)


def _list(account: Account, call: Call) -> Json:
    asked = filters(call, charge=text(200), payment_intent=text(200))
    same = {name: asked[name] for name in ("charge", "payment_intent") if name in asked}
    return listing(call, account.shelves.of("dispute", **same), asked)


ROUTES: Final = (
    Route("GET", "/v1/disputes", _list),
    Route("GET", "/v1/disputes/{id}", lambda account, call: account.get("dispute", call.id)),
    Route("POST", "/v1/disputes/{id}/close", _close),
)
