"""Stripe's objects as its API and its events have them, in both shapes of what has moved."""

import json
from collections.abc import Mapping
from typing import Any, Final

from tillway.core.contracts.samples import NOW

Object = dict[str, Any]

WHEN: Final = NOW.replace(microsecond=0)
AT: Final = int(NOW.timestamp())
MONTH: Final = 30 * 86_400


def session(**changes: Any) -> Object:
    """Give a session that was paid."""
    usual = {
        "id": "cs_test_1",
        "object": "checkout.session",
        "status": "complete",
        "payment_status": "paid",
        "client_reference_id": "checkout_1",
        "amount_subtotal": 1250,
        "amount_total": 1100,
        "currency": "usd",
        "total_details": {"amount_discount": 250, "amount_tax": 100, "amount_shipping": 0},
        "expires_at": AT + 3600,
        "created": AT,
        "url": None,
        "payment_intent": "pi_1",
        "subscription": None,
        "customer": "cus_1",
        "customer_details": {"email": "buyer@example.com"},
        "metadata": {"resource_id": "report"},
        "mode": "payment",
        "livemode": False,
    }
    return usual | changes


def subscription(*, old: bool = False, **changes: Any) -> Object:
    """Give a monthly subscription that runs."""
    period = {"current_period_start": AT, "current_period_end": AT + MONTH}
    item = {
        "id": "si_1",
        "price": {
            "id": "price_month",
            "product": "prod_1",
            "recurring": {"interval": "month", "interval_count": 1},
        },
        **({} if old else period),
    }
    usual = {
        "id": "sub_1",
        "object": "subscription",
        "status": "active",
        "items": {"object": "list", "data": [item]},
        "metadata": {"tillway_checkout": "checkout_1"},
        "cancel_at_period_end": False,
        "customer": "cus_1",
        "trial_end": None,
        "ended_at": None,
        **(period if old else {}),
    }
    return usual | changes


def invoice(*, old: bool = False, **changes: Any) -> Object:
    """Give an invoice for the next month of a subscription."""
    period = {"start": AT + MONTH, "end": AT + 2 * MONTH}
    if old:
        moved: Object = {"subscription": "sub_1", "payment_intent": "pi_2"}
        line: Object = {"type": "subscription", "proration": False}
    else:
        paid = {"type": "payment_intent", "payment_intent": "pi_2"}
        moved = {
            "parent": {
                "type": "subscription_details",
                "subscription_details": {
                    "subscription": "sub_1",
                    "metadata": {"tillway_checkout": "checkout_1"},
                },
            },
            "payments": {"object": "list", "data": [{"id": "inpay_1", "payment": paid}]},
        }
        line = {
            "parent": {
                "type": "subscription_item_details",
                "subscription_item_details": {"proration": False},
            }
        }
    usual = {
        "id": "in_1",
        "object": "invoice",
        "currency": "usd",
        "amount_paid": 990,
        "amount_due": 990,
        # An invoice's own period is the one that has just ended.
        "period_start": AT,
        "period_end": AT + MONTH,
        "lines": {"object": "list", "data": [{"id": "il_1", "period": period, **line}]},
        **moved,
    }
    return usual | changes


def charge(**changes: Any) -> Object:
    """Give a charge of which some was refunded."""
    usual = {
        "id": "ch_1",
        "object": "charge",
        "amount": 1000,
        "amount_refunded": 400,
        "currency": "usd",
        "payment_intent": "pi_1",
    }
    return usual | changes


def refund(**changes: Any) -> Object:
    """Give a refund of ours that has succeeded."""
    usual = {
        "id": "re_1",
        "object": "refund",
        "amount": 400,
        "currency": "usd",
        "status": "succeeded",
        "payment_intent": "pi_1",
        "metadata": {"tillway_refund": "refund_1"},
    }
    return usual | changes


def dispute(**changes: Any) -> Object:
    """Give a dispute that needs a response."""
    usual = {
        "id": "dp_1",
        "object": "dispute",
        "amount": 1000,
        "currency": "usd",
        "status": "needs_response",
        "reason": "fraudulent",
        "charge": "ch_1",
        "payment_intent": "pi_1",
    }
    return usual | changes


def price(**changes: Any) -> Object:
    """Give a price of five dollars, paid once."""
    usual = {
        "id": "price_1",
        "object": "price",
        "active": True,
        "currency": "usd",
        "unit_amount": 500,
        "billing_scheme": "per_unit",
        "recurring": None,
        "product": "prod_1",
    }
    return usual | changes


def listed(*objects: Mapping[str, Any]) -> Object:
    """Give a list of objects."""
    return {"object": "list", "data": list(objects), "has_more": False, "url": "/"}


def event(type_: str, object_: object, **changes: Any) -> bytes:
    """Give an event about an object, as its raw body."""
    usual = {
        "id": "evt_1",
        "object": "event",
        "type": type_,
        "created": AT,
        "livemode": False,
        "data": {"object": object_},
    }
    return json.dumps(usual | changes).encode()
