"""Invoices of subscriptions: made, finalized and charged at once."""

from collections.abc import Sequence
from typing import Final

from attrs import frozen

from tillway.entrypoints.sandbox.stripe.account import Account
from tillway.entrypoints.sandbox.stripe.calls import envelope
from tillway.entrypoints.sandbox.stripe.cards import DECLINED
from tillway.entrypoints.sandbox.stripe.charging import Wanted, fail, intent, succeed
from tillway.entrypoints.sandbox.stripe.totals import Part, Sum, sums
from tillway.entrypoints.sandbox.stripe.wire import Json

RETRIES: Final = (3, 5, 7)
"""Days after which a declined invoice is tried again; then the subscription ends."""

_DAY: Final = 24 * 3600


@frozen(kw_only=True)
class Entry:
    """What an invoice charges for, or gives back where the amount is negative."""

    amount: int
    price: Json
    start: int
    end: int
    description: str
    quantity: int = 1
    item: str | None = None
    taxes: Sequence[Json] = ()
    proration: bool = False


def invoice(
    account: Account, subscription: Json, entries: Sequence[Entry], reason: str, discount: Json
) -> Json:
    """Make an invoice out of entries, that nobody has seen or been charged for."""
    added = sums([_part(entry) for entry in entries], _coupon(discount))
    id = account.shelves.id("invoice")  # noqa: A001  # Stripe's word
    lines = [
        _line(account, id, subscription, entry, each, discount)
        for entry, each in zip(entries, added, strict=True)
    ]
    customer = account.shelves.get("customer", subscription["customer"]) or {}
    return account.part(
        "invoice",
        id=id,
        created=account.now(),
        **_usual(),
        **_buyer(subscription, customer),
        **_due(added, customer.get("balance", 0)),
        **_period(entries, account.now()),
        billing_reason=reason,
        discounts=[discount["id"]] if discount else [],
        lines=envelope(f"/v1/invoices/{id}/lines", lines),
        parent=_origin(subscription),
        total_discount_amounts=_discounts(sum(each.discount for each in added), discount),
        total_taxes=[tax for line in lines for tax in line["taxes"]],
        _payments=[],
        _subscription=subscription["id"],
    )


def _usual() -> Json:
    """Give what is the same on every new invoice."""
    return {
        **dict.fromkeys(_NOTHING),
        **_ZEROS,
        "livemode": False,
        "account_country": "US",
        "account_name": "Tillway sandbox",
        "attempted": False,
        "auto_advance": True,
        "automatic_tax": {
            **dict.fromkeys(("disabled_reason", "liability", "provider", "status")),
            "enabled": False,
        },
        "collection_method": "charge_automatically",
        "default_tax_rates": [],
        "issuer": {"type": "self"},
        "metadata": {},
        "payment_settings": dict.fromkeys(
            ("default_mandate", "payment_method_options", "payment_method_types")
        ),
        "status": "draft",
        "status_transitions": dict.fromkeys(
            ("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")
        ),
    }


def _buyer(subscription: Json, customer: Json) -> Json:
    return {
        "currency": subscription["currency"],
        "customer": subscription["customer"],
        "customer_email": customer.get("email"),
        "customer_name": customer.get("name"),
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
    }


def _due(added: Sequence[Sum], credit: int) -> Json:
    """Give what lines come to, and what is left of it after a customer's credit."""
    subtotal = sum(each.subtotal for each in added)
    total = sum(each.total for each in added)
    due = max(0, total + credit)
    return {
        "amount_due": due,
        "amount_remaining": due,
        "starting_balance": credit,
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal,
        "total": total,
        "total_excluding_tax": total - sum(each.tax for each in added),
    }


def _period(entries: Sequence[Entry], now: int) -> Json:
    return {
        "period_start": min((entry.start for entry in entries), default=now),
        "period_end": max((entry.end for entry in entries), default=now),
    }


def _origin(subscription: Json) -> Json:
    return {
        "quote_details": None,
        "subscription_details": {
            "metadata": dict(subscription["metadata"]),
            "subscription": subscription["id"],
        },
        "type": "subscription_details",
    }


_ZEROS: Final = dict.fromkeys(
    (
        *("amount_overpaid", "amount_paid", "amount_paid_off_stripe", "amount_shipping"),
        *("attempt_count", "post_payment_credit_notes_amount"),
        "pre_payment_credit_notes_amount",
    ),
    0,
)
_NOTHING: Final = (
    *("account_tax_ids", "application", "automatically_finalizes_at", "custom_fields"),
    *("customer_address", "customer_phone", "customer_shipping", "default_payment_method"),
    *("default_source", "description", "due_date", "effective_at", "ending_balance", "footer"),
    *("from_invoice", "hosted_invoice_url", "invoice_pdf", "last_finalization_error"),
    *("latest_revision", "next_payment_attempt", "number", "on_behalf_of", "receipt_number"),
    *("rendering", "shipping_cost", "shipping_details", "statement_descriptor", "test_clock"),
    *("total_pretax_credit_amounts", "webhooks_delivered_at"),
)


def _part(entry: Entry) -> Part:
    return Part(
        amount=entry.amount,
        product=entry.price["product"],
        discountable=not entry.proration,
        taxes=entry.taxes,
    )


def _coupon(discount: Json) -> Json | None:
    return discount["_coupon"] if discount else None


def _discounts(amount: int, discount: Json) -> Json:
    return [{"amount": amount, "discount": discount["id"]}] if discount else []


def _line(
    account: Account, of: str, subscription: Json, entry: Entry, added: Sum, discount: Json
) -> Json:
    return account.part(
        "line_item",
        amount=entry.amount,
        currency=subscription["currency"],
        description=entry.description,
        discount_amounts=_discounts(added.discount, discount),
        discountable=not entry.proration,
        discounts=[],
        invoice=of,
        livemode=False,
        metadata=dict(subscription["metadata"]),
        parent=_parent(account, subscription, entry),
        period={"start": entry.start, "end": entry.end},
        pretax_credit_amounts=[],
        pricing={
            "price_details": {"price": entry.price["id"], "product": entry.price["product"]},
            "type": "price_details",
            "unit_amount_decimal": entry.price["unit_amount_decimal"],
        },
        quantity=entry.quantity,
        subtotal=entry.amount,
        taxes=[
            {
                "amount": tax.amount,
                "tax_behavior": "inclusive" if tax.rate["inclusive"] else "exclusive",
                "tax_rate_details": {"tax_rate": tax.rate["id"]},
                "taxability_reason": "standard_rated",
                "taxable_amount": tax.taxable,
                "type": "tax_rate_details",
            }
            for tax in added.taxes
        ],
    )


def _parent(account: Account, subscription: Json, entry: Entry) -> Json:
    kinds = ("invoice_item_details", "subscription_item_details")
    kind = kinds[entry.item is not None]
    details = {
        "invoice_item": None if entry.item else f"ii_{account.shelves.token(24)}",
        "proration": entry.proration,
        "proration_details": {"credited_items": None},
        "subscription": subscription["id"],
        **({"subscription_item": entry.item} if entry.item else {}),
    }
    return {**dict.fromkeys(kinds), kind: details, "type": kind}


def issue(account: Account, made: Json) -> None:
    """Finalize an invoice: it counts from now on, and the customer's credit is used."""
    account.shelves.put(made)
    account.tell("invoice.created", made)
    customer = account.shelves.get("customer", made["customer"])
    left = min(0, made["total"] + made["starting_balance"])
    if customer is not None:
        customer["balance"] = left
        number = customer["next_invoice_sequence"]
        customer["next_invoice_sequence"] += 1
        made["number"] = f"{customer['invoice_prefix']}-{number:04}"
    made["ending_balance"] = left
    made["effective_at"] = made["status_transitions"]["finalized_at"] = account.now()
    account.change("invoice.finalized", made, status="open")


def charge(account: Account, made: Json, method: str | None) -> bool:
    """Take what an open invoice is about, and tell whether that worked."""
    subscription = made["_subscription"]
    if made["amount_due"] == 0:
        _paid(account, made)
        return True
    paid = _intent(account, made)
    made["attempt_count"] += 1
    made["attempted"] = True
    if account.failing.get(subscription, 0) > 0:
        account.failing[subscription] -= 1
        fail(account, paid, DECLINED, method)
        _declined(account, made)
        return False
    account.failing.pop(subscription, None)
    succeed(account, paid, method)
    (payment,) = payments_of(account, made)
    payment.update(status="paid", amount_paid=made["amount_due"])
    payment["status_transitions"]["paid_at"] = account.now()
    _paid(account, made)
    return True


def _intent(account: Account, made: Json) -> Json:
    for payment in payments_of(account, made):
        return account.get("payment_intent", payment["payment"]["payment_intent"])
    wanted = Wanted(
        amount=made["amount_due"],
        currency=made["currency"],
        customer=made["customer"],
        email=made["customer_email"],
        description="Subscription update" if made["attempt_count"] else "Subscription creation",
        more={"setup_future_usage": "off_session"},
    )
    paid = intent(account, wanted)
    paid["_invoice"] = made["id"]
    payment = account.make(
        "invoice_payment",
        amount_paid=None,
        amount_requested=made["amount_due"],
        currency=made["currency"],
        invoice=made["id"],
        is_default=True,
        payment={"payment_intent": paid["id"], "type": "payment_intent"},
        status="open",
        status_transitions={"canceled_at": None, "paid_at": None},
    )
    made["_payments"] = [payment["id"]]
    return paid


def payments_of(account: Account, made: Json) -> list[Json]:
    """Give the payments of an invoice: one, once it was tried."""
    return [account.get("invoice_payment", each) for each in made["_payments"]]


def _paid(account: Account, made: Json) -> None:
    made["status_transitions"]["paid_at"] = account.now()
    changes = {
        "amount_paid": made["amount_due"],
        "amount_remaining": 0,
        "attempted": True,
        "next_payment_attempt": None,
        "status": "paid",
        "auto_advance": False,
    }
    account.change("invoice.paid", made, **changes)
    account.tell("invoice.payment_succeeded", made)


def _declined(account: Account, made: Json) -> None:
    tried = made["attempt_count"]
    left = RETRIES[tried - 1] if tried <= len(RETRIES) else None
    following = None if left is None else account.now() + left * _DAY
    if following is not None:
        account.agenda.note(following, "retry_invoice", made["id"])
    account.change("invoice.payment_failed", made, next_payment_attempt=following)
