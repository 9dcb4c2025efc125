"""What can only be looked at: charges, events, payments of invoices, the balance."""

from typing import Final

from tillway.entrypoints.sandbox.stripe.account import Account
from tillway.entrypoints.sandbox.stripe.calls import Call, Route, filters, listing
from tillway.entrypoints.sandbox.stripe.read import choice, each, fields, flag, text
from tillway.entrypoints.sandbox.stripe.wire import Json


def _charges(account: Account, call: Call) -> Json:
    asked = filters(call, customer=text(200), payment_intent=text(200))
    same = {name: asked[name] for name in ("customer", "payment_intent") if name in asked}
    return listing(call, account.shelves.of("charge", **same), asked)


def _events(account: Account, call: Call) -> Json:
    asked = filters(call, type=text(100), types=each(text(100), 20), delivery_success=flag)
    wanted = [asked["type"]] if "type" in asked else asked.get("types")
    found = [
        item
        for item in account.shelves.newest("event")
        if wanted is None or _is_one(item["type"], wanted)
    ]
    return listing(call, found, asked)


def _is_one(type: str, wanted: list[str]) -> bool:  # noqa: A002  # Stripe's word
    return any(
        type == each_one or (each_one.endswith(".*") and type.startswith(each_one[:-1]))
        for each_one in wanted
    )


def _payments(account: Account, call: Call) -> Json:
    asked = filters(
        call,
        invoice=text(200),
        status=choice("canceled", "open", "paid"),
        payment=fields("type", type=choice("payment_intent"), payment_intent=text(200)),
    )
    same: dict[str, Json] = {key: asked[key] for key in ("invoice", "status") if key in asked}
    if wanted := asked.get("payment", {}).get("payment_intent"):
        same["payment"] = {"payment_intent": wanted, "type": "payment_intent"}
    return listing(call, account.shelves.of("invoice_payment", **same), asked)


def _balance(account: Account, call: Call) -> Json:
    call.read()
    paid = [item for item in account.shelves.newest("charge") if item["status"] == "succeeded"]
    sums: dict[str, int] = {"usd": 0}
    for item in paid:
        left = item["amount"] - item["amount_refunded"]
        sums[item["currency"]] = sums.get(item["currency"], 0) + left
    amounts = [
        {"amount": amount, "currency": currency, "source_types": {"card": amount}}
        for currency, amount in sums.items()
    ]
    none = [{**each_one, "amount": 0, "source_types": {"card": 0}} for each_one in amounts]
    return {"object": "balance", "available": amounts, "livemode": False, "pending": none}


def _get(kind: str) -> Route:
    def get(account: Account, call: Call) -> Json:
        call.read()
        return account.get(kind, call.id)

    return Route("GET", f"/v1/{kind}s/{{id}}", get)


ROUTES: Final = (
    Route("GET", "/v1/charges", _charges),
    _get("charge"),
    Route("GET", "/v1/events", _events),
    _get("event"),
    Route("GET", "/v1/invoice_payments", _payments),
    _get("invoice_payment"),
    _get("payment_method"),
    Route("GET", "/v1/balance", _balance),
)
