"""Subscriptions as the API sees them: read, changed, ended."""

from collections.abc import Mapping
from typing import Final

from tillway.entrypoints.sandbox.stripe.account import Account
from tillway.entrypoints.sandbox.stripe.calls import Call, Route, filters, listing, merged
from tillway.entrypoints.sandbox.stripe.changing import Change, changed
from tillway.entrypoints.sandbox.stripe.errors import invalid
from tillway.entrypoints.sandbox.stripe.products import PRICE_DATA
from tillway.entrypoints.sandbox.stripe.read import (
    Reader,
    anything,
    choice,
    each,
    either,
    fields,
    flag,
    metadata,
    text,
    whole,
)
from tillway.entrypoints.sandbox.stripe.subscriptions import (
    RUNNING,
    begin_period,
    bill,
    copied,
    end,
    renew,
    start_trial,
)
from tillway.entrypoints.sandbox.stripe.wire import Json

UPDATED: Final = "customer.subscription.updated"
ITEMS: Final = each(
    fields(
        id=text(200),
        price=text(200),
        price_data=PRICE_DATA,
        quantity=whole(1, 999_999),
        deleted=flag,
        metadata=metadata,
    ),
    20,
)
PRORATION: Final = choice("create_prorations", "none", "always_invoice")
_CANCELLATION: Final = fields(comment=text(5000, unset=True), feedback=text(100, unset=True))
_FIELDS: Final[dict[str, Reader]] = {
    "items": ITEMS,
    "proration_behavior": PRORATION,
    "proration_date": whole(),
    "billing_cycle_anchor": choice("now", "unchanged"),
    "cancel_at_period_end": flag,
    "cancellation_details": _CANCELLATION,
    "metadata": metadata,
    "description": text(500, unset=True),
    "trial_end": either("now", whole()),
    "default_payment_method": text(200),
    "payment_behavior": anything,
    "off_session": flag,
}


def _update(account: Account, call: Call) -> Json:
    made = account.get("subscription", call.id)
    given = call.read(**_FIELDS)
    if made["status"] == "canceled":
        message = "A canceled subscription can only update its cancellation_details and metadata."
        raise invalid(message)
    change = _change(account, made, given)
    before = copied(made)
    made["metadata"] = merged(made["metadata"], given.get("metadata"))
    for name in ("description", "default_payment_method"):
        made[name] = given.get(name, made[name])
    if "cancel_at_period_end" in given:
        cancel_later(account, made, given["cancel_at_period_end"])
    _explain(made, given)
    if "trial_end" in given:
        start_trial(account, made, given["trial_end"])
    if change is not None:
        _put_on(account, made, change)
    account.shelves.changes += 1
    account.tell(UPDATED, made, before)
    if given.get("trial_end") == "now":
        renew(account, made, account.now())
    if change is not None:
        _charge(account, made, change, given)
    return made


def _change(account: Account, made: Json, given: Mapping[str, Json]) -> Change | None:
    if not given.get("items") and given.get("billing_cycle_anchor") != "now":
        return None
    at = given.get("proration_date", account.now())
    return changed(account, made, given.get("items", []), at, dict(given))


def cancel_later(account: Account, made: Json, wanted: bool) -> None:
    """Have a subscription end with its period, or not."""
    details = made["cancellation_details"]
    ends = made["items"]["data"][0]["current_period_end"]
    reason = "cancellation_requested" if wanted else None
    made.update(
        cancel_at_period_end=wanted,
        canceled_at=account.now() if wanted else None,
        cancel_at=ends if wanted else None,
        cancellation_details={**details, "reason": reason},
    )


def _explain(made: Json, given: Mapping[str, Json]) -> None:
    details = given.get("cancellation_details", {})
    made["cancellation_details"] = {**made["cancellation_details"], **details}


def _put_on(account: Account, made: Json, change: Change) -> None:
    made["items"] = {**made["items"], "data": list(change.items)}
    if change.anew:
        made["billing_cycle_anchor"] = account.now()
        made["_periods"] = 1
        begin_period(account, made, account.now(), change.end)


def _charge(account: Account, made: Json, change: Change, given: Mapping[str, Json]) -> None:
    """Charge for a change at once where that was asked for or a period begins, else later."""
    if change.anew or given.get("proration_behavior") == "always_invoice":
        if change.entries:
            bill(account, made, change.entries, "subscription_update")
    else:
        made["_pending"] = [*made["_pending"], *change.entries]


def _cancel(account: Account, call: Call) -> Json:
    made = account.get("subscription", call.id)
    given = call.read(cancellation_details=_CANCELLATION, invoice_now=flag, prorate=flag)
    if made["status"] not in RUNNING:
        raise invalid(f"This subscription has already been canceled: {made['id']}.", "id")
    _explain(made, given)
    end(account, made)
    return made


def _list(account: Account, call: Call) -> Json:
    states = ("active", "all", "canceled", "ended", "past_due", "trialing", "unpaid")
    asked = filters(call, customer=text(200), price=text(200), status=choice(*states))
    same = {name: asked[name] for name in ("customer",) if name in asked}
    status = asked.get("status")
    found = [
        item
        for item in account.shelves.of("subscription", **same)
        if _has_status(item["status"], status) and _has_price(item, asked.get("price"))
    ]
    return listing(call, found, asked)


def _has_status(status: str, wanted: str | None) -> bool:
    if wanted == "all":
        return True
    if wanted is None:
        return status != "canceled"
    return status == ("canceled" if wanted == "ended" else wanted)


def _has_price(item: Json, wanted: str | None) -> bool:
    return wanted is None or any(each["price"]["id"] == wanted for each in item["items"]["data"])


def _get(account: Account, call: Call) -> Json:
    call.read()
    return account.get("subscription", call.id)


_PATH: Final = "/v1/subscriptions"
ROUTES: Final = (
    Route("GET", _PATH, _list),
    Route("GET", _PATH + "/{id}", _get),
    Route("POST", _PATH + "/{id}", _update),
    Route("DELETE", _PATH + "/{id}", _cancel),
)
