"""Where older versions of Stripe's API had some fields (docs.stripe.com/changelog, basil, clover).

Before 2025-03-31, a subscription's period stood on the subscription and an invoice named its
subscription and payment itself; before 2025-09-30, a discount and a promotion code held the whole
coupon.
"""

from collections.abc import Callable, Mapping
from typing import Final

from tillway.entrypoints.sandbox.stripe.account import Account, visible
from tillway.entrypoints.sandbox.stripe.invoicing import payments_of
from tillway.entrypoints.sandbox.stripe.wire import Json

_BASIL: Final = "2025-03-31"
_CLOVER: Final = "2025-09-30"


def in_version(account: Account, item: Json, version: str) -> Json:
    """Put an answer, which is changed, into the shape that a version has."""
    if version < _CLOVER:
        _walk(account, item, _BEFORE_CLOVER)
    if version < _BASIL:
        _walk(account, item, _BEFORE_BASIL)
    return item


_Change = Callable[[Account, Json], None]


def _walk(account: Account, node: Json, changes: Mapping[str, _Change]) -> None:
    if isinstance(node, list):
        for each in node:
            _walk(account, each, changes)
        return
    if not isinstance(node, dict):
        return
    for name, value in node.items():
        if name != "metadata":
            _walk(account, value, changes)
    change = changes.get(str(node.get("object")))
    if change is not None and "deleted" not in node:
        change(account, node)


def _discount(account: Account, node: Json) -> None:
    node["coupon"] = _coupon(account, node.pop("source")["coupon"])


def _code(account: Account, node: Json) -> None:
    node["coupon"] = _coupon(account, node.pop("promotion")["coupon"])


def _coupon(account: Account, value: Json) -> Json:
    if not isinstance(value, str):
        return value
    return visible(account.shelves.get("coupon", value))


def _session(account: Account, node: Json) -> None:
    del account
    node["ui_mode"] = "hosted"


def _subscription(account: Account, node: Json) -> None:
    del account
    items = node["items"]["data"]
    for name in ("current_period_start", "current_period_end"):
        found = [item.pop(name) for item in items]
        node[name] = found[0] if found else None


def _invoice(account: Account, node: Json) -> None:
    parent = node.pop("parent")
    node["subscription"] = parent["subscription_details"]["subscription"]
    node["subscription_details"] = {"metadata": parent["subscription_details"]["metadata"]}
    whole = account.shelves.get("invoice", node["id"])
    payments = payments_of(account, whole) if whole else []
    intents = [each["payment"]["payment_intent"] for each in payments]
    node["payment_intent"] = intents[0] if intents else None
    paid = account.shelves.get("payment_intent", node["payment_intent"] or "")
    node["charge"] = paid["latest_charge"] if paid else None
    node["paid"] = node["status"] == "paid"
    node["tax"] = sum(tax["amount"] for tax in node["total_taxes"])


def _line(account: Account, node: Json) -> None:
    parent = node.pop("parent")
    node["type"] = "subscription" if parent["subscription_item_details"] else "invoiceitem"
    parent = parent["subscription_item_details"] or parent["invoice_item_details"]
    node["subscription"] = parent["subscription"]
    node["subscription_item"] = parent.get("subscription_item")
    node["proration"] = parent["proration"]
    priced = node.pop("pricing")["price_details"]["price"]
    node["price"] = visible(account.shelves.get("price", priced))


def _intent(account: Account, node: Json) -> None:
    whole = account.shelves.get("payment_intent", node["id"]) or {}
    node["invoice"] = whole.get("_invoice")


def _charge(account: Account, node: Json) -> None:
    whole = account.shelves.get("payment_intent", _id(node["payment_intent"])) or {}
    node["invoice"] = whole.get("_invoice")


def _id(value: Json) -> str:
    return str(value["id"] if isinstance(value, dict) else value or "")


_BEFORE_CLOVER: Final = {"discount": _discount, "promotion_code": _code}
_BEFORE_BASIL: Final = {
    "checkout.session": _session,
    "subscription": _subscription,
    "invoice": _invoice,
    "line_item": _line,
    "payment_intent": _intent,
    "charge": _charge,
}
