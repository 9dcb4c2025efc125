"""Subscriptions: how they begin, go on, fail and end."""

from collections.abc import Sequence
from typing import Final

from tillway.entrypoints.sandbox.stripe.account import Account
from tillway.entrypoints.sandbox.stripe.calls import envelope
from tillway.entrypoints.sandbox.stripe.cards import card
from tillway.entrypoints.sandbox.stripe.errors import invalid
from tillway.entrypoints.sandbox.stripe.invoicing import RETRIES, Entry, charge, invoice, issue
from tillway.entrypoints.sandbox.stripe.periods import after, months_after
from tillway.entrypoints.sandbox.stripe.products import amount_of
from tillway.entrypoints.sandbox.stripe.wire import Json

_DAY: Final = 24 * 3600
RUNNING: Final = ("active", "trialing", "past_due")


def subscribe(account: Account, session: Json) -> None:
    """Begin what a session sells by period, and charge its first invoice."""
    method = card(account, session["customer"], session["customer_details"]["email"])
    customer = account.get("customer", session["customer"])
    customer["invoice_settings"]["default_payment_method"] = method["id"]
    made = _subscription(account, session, method["id"])
    entries = _first(account, session, made)
    first = invoice(account, made, entries, "subscription_create", made["_discount"])
    made["latest_invoice"] = first["id"]
    account.shelves.put(made)
    account.tell("customer.subscription.created", made)
    session.update(subscription=made["id"], invoice=first["id"])
    issue(account, first)
    charge(account, first, method["id"])
    _use_up(made)


def _subscription(account: Account, session: Json, method: str) -> Json:
    now, days = account.now(), session["_trial"]
    about = session["_subscription_data"]
    trial_end = now + round(days * _DAY) if days else None
    id = account.shelves.id("subscription")  # noqa: A001  # Stripe's word
    recurring = [item for item in session["_items"] if item["price"]["recurring"]]
    end = trial_end or after(now, recurring[0]["price"]["recurring"], 1)
    discount = _discount(account, session, id)
    items = [
        subscription_item(account, id, item["price"], item["quantity"], (now, end), _rates(item))
        for item in recurring
    ]
    _remind(account, id, end, trial_end)
    return account.part(
        "subscription",
        id=id,
        created=now,
        **_usual(),
        billing_cycle_anchor=trial_end or now,
        currency=session["currency"],
        customer=session["customer"],
        default_payment_method=method,
        description=about.get("description"),
        discounts=[discount["id"]] if discount else [],
        items=envelope(f"/v1/subscription_items?subscription={id}", items),
        metadata=dict(about.get("metadata", {})),
        start_date=now,
        status="trialing" if trial_end else "active",
        trial_end=trial_end,
        trial_start=now if trial_end else None,
        _periods=0 if trial_end else 1,
        _renews=end,
        _discount=discount,
        _pending=[],
    )


def _usual() -> Json:
    """Give what is the same on every new subscription."""
    return {
        **dict.fromkeys(_NOTHING),
        "livemode": False,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_mode": {"flexible": None, "type": "classic"},
        "billing_schedules": [],
        "cancel_at_period_end": False,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "default_tax_rates": [],
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
    }


_NOTHING: Final = (
    *("application", "application_fee_percent", "billing_cycle_anchor_config"),
    *("billing_thresholds", "cancel_at", "canceled_at", "days_until_due", "default_source"),
    *("ended_at", "latest_invoice", "next_pending_invoice_item_invoice", "on_behalf_of"),
    *("pause_collection", "pending_invoice_item_interval", "pending_setup_intent"),
    *("pending_update", "schedule", "test_clock", "transfer_data"),
)


def subscription_item(
    account: Account,
    of: str,
    price: Json,
    quantity: int,
    period: tuple[int, int],
    rates: Sequence[Json] = (),
) -> Json:
    """Make an item of a subscription."""
    return account.part(
        "subscription_item",
        billing_thresholds=None,
        created=account.now(),
        current_period_start=period[0],
        current_period_end=period[1],
        discounts=[],
        metadata={},
        price=dict(price),
        quantity=quantity,
        subscription=of,
        tax_rates=[dict(rate) for rate in rates],
    )


def _rates(item: Json) -> list[Json]:
    return [tax["rate"] for tax in item["_taxes"]]


def _remind(account: Account, id: str, end: int, trial_end: int | None) -> None:  # noqa: A002  # Stripe's word
    account.agenda.note(end, "renew", id)
    if trial_end is not None:
        warned = max(trial_end - 3 * _DAY, account.now())
        account.agenda.note(warned, "warn_of_trial_end", id)


def _discount(account: Account, session: Json, id: str) -> Json:  # noqa: A002  # Stripe's word
    applied = session["_applied"]
    if applied is None:
        return None
    months = applied["_coupon"]["duration_in_months"]
    end = months_after(account.now(), months) if months else None
    rest = {name: value for name, value in applied.items() if name not in ("id", "object")}
    rest = {**rest, "checkout_session": None, "subscription": id, "end": end}
    made = account.part("discount", **{**rest, "customer": session["customer"]})
    return account.shelves.put(made, aside=True)


def _first(account: Account, session: Json, made: Json) -> list[Entry]:
    items = {item["price"]["id"]: item for item in made["items"]["data"]}
    start, end = period_of(made)
    entries = []
    for line in session["_items"]:
        item = items.get(line["price"]["id"])
        trial = made["trial_end"] is not None and item is not None
        name = line["description"]
        entries.append(
            Entry(
                amount=0 if trial else amount_of(line["price"], line["quantity"]),
                price=line["price"],
                start=start,
                end=end if item else start,
                description=f"Trial period for {name}" if trial else f"{line['quantity']} × {name}",
                quantity=line["quantity"],
                item=item["id"] if item else None,
                taxes=_rates(line),
            )
        )
    return entries


def period_of(made: Json) -> tuple[int, int]:
    """Give the period that runs."""
    item = made["items"]["data"][0]
    return item["current_period_start"], item["current_period_end"]


def entries_for(account: Account, made: Json, start: int, end: int) -> list[Entry]:
    """Give what a whole period of a subscription costs."""
    return [
        Entry(
            amount=amount_of(item["price"], item["quantity"]),
            price=item["price"],
            start=start,
            end=end,
            description=f"{item['quantity']} × {name_of(account, item['price'])}",
            quantity=item["quantity"],
            item=item["id"],
            taxes=item["tax_rates"],
        )
        for item in made["items"]["data"]
    ]


def name_of(account: Account, price: Json) -> str:
    """Give the name of what has a price."""
    found = account.shelves.get("product", price["product"])
    return str(found["name"]) if found else str(price["product"])


def renew(account: Account, made: Json, at: int) -> None:
    """Begin the next period and charge for it, or end where that was asked for."""
    if made["status"] not in RUNNING or made["_renews"] != at:
        return
    if made["cancel_at_period_end"]:
        end(account, made)
        return
    before = copied(made)
    made["_periods"] += 1
    recurring = made["items"]["data"][0]["price"]["recurring"]
    begin_period(
        account, made, at, after(made["billing_cycle_anchor"], recurring, made["_periods"])
    )
    if made["status"] == "trialing":
        made["status"] = "active"
    account.tell("customer.subscription.updated", made, before)
    entries = [*made["_pending"], *entries_for(account, made, *period_of(made))]
    made["_pending"] = []
    bill(account, made, entries, "subscription_cycle")


def begin_period(account: Account, made: Json, start: int, end: int) -> None:
    """Put a subscription into a period."""
    for item in made["items"]["data"]:
        item.update(current_period_start=start, current_period_end=end)
    made["_renews"] = end
    account.agenda.note(end, "renew", made["id"])


def start_trial(account: Account, made: Json, until: Json) -> None:
    """Give a trial until then, or end the one that runs: the next period begins when it is over."""
    now = account.now()
    ends = now if until == "now" else int(until)
    if ends < now:
        raise invalid("trial_end must be in the future.", "trial_end")
    made.update(
        status="trialing",
        trial_start=made["trial_start"] or now,
        trial_end=ends,
        billing_cycle_anchor=ends,
        _periods=0,
    )
    begin_period(account, made, period_of(made)[0], ends)


def bill(account: Account, made: Json, entries: Sequence[Entry], reason: str) -> bool:
    """Charge for entries, and tell whether that worked; the subscription follows."""
    _expire_discount(account, made)
    issued = invoice(account, made, entries, reason, made["_discount"])
    made["latest_invoice"] = issued["id"]
    issue(account, issued)
    paid = collect(account, made, issued)
    _use_up(made)
    return paid


def collect(account: Account, made: Json, issued: Json) -> bool:
    """Try to get an invoice paid: a subscription is past due until all are."""
    paid = charge(account, issued, made["default_payment_method"])
    if paid and made["status"] == "past_due" and not _open_invoices(account, made):
        account.change("customer.subscription.updated", made, status="active")
    if not paid and made["status"] == "active":
        account.change("customer.subscription.updated", made, status="past_due")
    if not paid and issued["attempt_count"] > len(RETRIES):
        end(account, made, "payment_failed")
    return paid


def _open_invoices(account: Account, made: Json) -> list[Json]:
    return account.shelves.of("invoice", _subscription=made["id"], status="open")


def end(account: Account, made: Json, reason: str = "cancellation_requested") -> None:
    """End a subscription for good."""
    now = account.now()
    made["cancellation_details"] = {**made["cancellation_details"], "reason": reason}
    account.failing.pop(made["id"], None)
    account.change(
        "customer.subscription.deleted",
        made,
        status="canceled",
        canceled_at=made["canceled_at"] or now,
        ended_at=now,
    )


def _use_up(made: Json) -> None:
    """Forget a discount that was for one invoice."""
    discount = made["_discount"]
    if discount is not None and discount["_coupon"]["duration"] == "once":
        made.update(_discount=None, discounts=[])


def _expire_discount(account: Account, made: Json) -> None:
    discount = made["_discount"]
    if discount and discount["end"] is not None and account.now() >= discount["end"]:
        made.update(_discount=None, discounts=[])


def copied(made: Json) -> Json:
    """Copy a subscription as it is, to tell later what has changed."""
    items = made["items"]
    return {**made, "items": {**items, "data": [dict(item) for item in items["data"]]}}
