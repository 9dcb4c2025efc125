"""Invoices as the API sees them: read, paid, foretold."""

from collections.abc import Mapping
from typing import Final

from tillway.entrypoints.sandbox.stripe.account import Account
from tillway.entrypoints.sandbox.stripe.calls import Call, Route, filters, listing, page
from tillway.entrypoints.sandbox.stripe.cards import DECLINED
from tillway.entrypoints.sandbox.stripe.changing import changed
from tillway.entrypoints.sandbox.stripe.errors import declined, invalid
from tillway.entrypoints.sandbox.stripe.invoicing import Entry, invoice
from tillway.entrypoints.sandbox.stripe.periods import after
from tillway.entrypoints.sandbox.stripe.plans import ITEMS, PRORATION
from tillway.entrypoints.sandbox.stripe.read import anything, choice, fields, flag, text, whole
from tillway.entrypoints.sandbox.stripe.subscriptions import collect, entries_for, period_of
from tillway.entrypoints.sandbox.stripe.wire import Json

_DETAILS: Final = fields(
    items=ITEMS,
    proration_behavior=PRORATION,
    proration_date=whole(),
    billing_cycle_anchor=choice("now", "unchanged"),
    cancel_at_period_end=flag,
    metadata=anything,
)


def _preview(account: Account, call: Call) -> Json:
    given = call.read(
        subscription=text(200),
        customer=text(200),
        subscription_details=_DETAILS,
        preview_mode=choice("next", "recurring"),
    )
    if "subscription" not in given:
        message = "Only the next invoice of a subscription can be foretold here."
        raise invalid(message, "subscription", "parameter_missing")
    made = account.get("subscription", given["subscription"], "subscription")
    if made["status"] == "canceled":
        message = "No upcoming invoices for this subscription."
        raise invalid(message, "subscription", "invoice_upcoming_none")
    details = given.get("subscription_details", {})
    entries, reason = _foretold(account, made, details)
    told = invoice(account, made, entries, reason, made["_discount"])
    told["id"] = f"upcoming_{told['id']}"
    told["parent"]["subscription_details"]["subscription_proration_date"] = details.get(
        "proration_date", account.now()
    )
    return told


def _foretold(account: Account, made: Json, details: Mapping[str, Json]) -> tuple[list[Entry], str]:
    at = details.get("proration_date", account.now())
    pending = list(made["_pending"])
    if not details.get("items") and details.get("billing_cycle_anchor") != "now":
        return pending + _next(account, made, made["items"]["data"]), "upcoming"
    rules = {**details, "param": "subscription_details[items]"}
    change = changed(account, made, details.get("items", []), at, rules)
    if change.anew or details.get("proration_behavior") == "always_invoice":
        return [*pending, *change.entries], "subscription_update"
    return [*pending, *change.entries, *_next(account, made, list(change.items))], "upcoming"


def _next(account: Account, made: Json, items: list[Json]) -> list[Entry]:
    """Give what the next period costs."""
    if made["cancel_at_period_end"]:
        return []
    _, start = period_of(made)
    end = after(made["billing_cycle_anchor"], items[0]["price"]["recurring"], made["_periods"] + 1)
    return entries_for(account, {**made, "items": {"data": items}}, start, end)


def _pay(account: Account, call: Call) -> Json:
    issued = account.get("invoice", call.id)
    call.read(payment_method=text(200), off_session=flag)
    if issued["status"] != "open":
        raise invalid(f"Invoice is {issued['status']}.", code="invoice_not_open")
    made = account.get("subscription", issued["_subscription"])
    if not collect(account, made, issued):
        raise declined(DECLINED.code, DECLINED.reason, DECLINED.message)
    return issued


def _list(account: Account, call: Call) -> Json:
    states = ("draft", "open", "paid", "uncollectible", "void")
    asked = filters(call, customer=text(200), subscription=text(200), status=choice(*states))
    same: dict[str, Json] = {key: asked[key] for key in ("customer", "status") if key in asked}
    if "subscription" in asked:
        same["_subscription"] = asked["subscription"]
    return listing(call, account.shelves.of("invoice", **same), asked)


def _get(account: Account, call: Call) -> Json:
    call.read()
    return account.get("invoice", call.id)


def _lines(account: Account, call: Call) -> Json:
    issued = account.get("invoice", call.id)
    return page(call.path, issued["lines"]["data"], filters(call))


_PATH: Final = "/v1/invoices"
ROUTES: Final = (
    Route("POST", _PATH + "/create_preview", _preview),
    Route("GET", _PATH, _list),
    Route("GET", _PATH + "/{id}", _get),
    Route("GET", _PATH + "/{id}/lines", _lines),
    Route("POST", _PATH + "/{id}/pay", _pay),
)
