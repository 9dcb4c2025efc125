"""Objects as they are answered: expanded where that was asked for, in the caller's version."""

from collections.abc import Sequence
from typing import Final

import orjson

from tillway.entrypoints.sandbox.stripe.account import Account, visible
from tillway.entrypoints.sandbox.stripe.calls import envelope
from tillway.entrypoints.sandbox.stripe.errors import invalid
from tillway.entrypoints.sandbox.stripe.invoicing import payments_of
from tillway.entrypoints.sandbox.stripe.shapes import in_version
from tillway.entrypoints.sandbox.stripe.wire import Json

_DEEPEST: Final = 4
_FIRST: Final = 10


def shown(account: Account, item: Json, expand: Sequence[str] = (), version: str = "") -> Json:
    """Give what is answered; Refused if something cannot be expanded."""
    node = _copied(item)
    for index, path in enumerate(expand):
        steps = path.split(".")
        if len(steps) > _DEEPEST or not _expand(account, node, steps):
            message = f"This property cannot be expanded ({path})."
            raise invalid(message, f"expand[{index}]")
    return in_version(account, visible(node), version or account.version)


def event(account: Account, item: Json, version: str = "") -> Json:
    """Give an event with what it is about."""
    made = {**visible(item), "data": orjson.loads(item["_data"])}
    wanted = version or account.version
    return in_version(account, {**made, "api_version": wanted}, wanted)


def _copied(item: Json) -> Json:
    if isinstance(item, dict):
        return {key: _copied(value) for key, value in item.items()}
    if isinstance(item, list):
        return [_copied(each) for each in item]
    return item


def _expand(account: Account, node: Json, steps: Sequence[str]) -> bool:
    if isinstance(node, list):
        return all(_expand(account, each, steps) for each in node)
    if not isinstance(node, dict):
        return node is None
    name, rest = steps[0], steps[1:]
    if name not in node and not _include(account, node, name):
        return False
    node[name] = _whole(account, node[name], name)
    return not rest or _expand(account, node[name], rest)


def _whole(account: Account, value: Json, name: str) -> Json:
    """Give the object for an id; what is none is left as it is."""
    if isinstance(value, list):
        return [_whole(account, each, name) for each in value]
    if not isinstance(value, str):
        return value
    found = account.shelves.get("coupon", value) if name == "coupon" else None
    found = found or account.shelves.find(value)
    return value if found is None else _copied(found)


def _include(account: Account, node: Json, name: str) -> bool:
    """Put in what is only there on demand."""
    shelves, id = account.shelves, node.get("id")  # noqa: A001  # Stripe's word
    match node.get("object"), name:
        case "checkout.session", "line_items":
            items = node["_items"]
            url = f"/v1/checkout/sessions/{id}/line_items"
            node[name] = envelope(url, items[:_FIRST], len(items) > _FIRST)
        case "item", "discounts" | "taxes":
            node[name] = node[f"_{name}"]
        case "invoice", "payments":
            url = f"/v1/invoice_payments?invoice={id}"
            node[name] = envelope(url, payments_of(account, node))
        case "charge", "refunds":
            made = shelves.of("refund", charge=id)
            url = f"/v1/charges/{id}/refunds"
            node[name] = envelope(url, made[:_FIRST], len(made) > _FIRST)
        case "coupon", "applies_to":
            node[name] = {"products": node["_products"]}
        case "customer", "subscriptions":
            made = [each for each in shelves.of("subscription", customer=id) if _runs(each)]
            url = f"/v1/customers/{id}/subscriptions"
            node[name] = envelope(url, made[:_FIRST], len(made) > _FIRST)
        case _:
            return False
    node[name] = _copied(node[name])
    return True


def _runs(subscription: Json) -> bool:
    return bool(subscription["status"] != "canceled")
