"""Changes of plan: what a subscription would be after one, and what it costs."""

from collections.abc import Mapping, Sequence

from attrs import frozen

from tillway.entrypoints.sandbox.stripe.account import Account
from tillway.entrypoints.sandbox.stripe.errors import invalid, missing
from tillway.entrypoints.sandbox.stripe.invoicing import Entry
from tillway.entrypoints.sandbox.stripe.periods import after
from tillway.entrypoints.sandbox.stripe.products import amount_of, given_price
from tillway.entrypoints.sandbox.stripe.subscriptions import (
    entries_for,
    name_of,
    period_of,
    subscription_item,
)
from tillway.entrypoints.sandbox.stripe.wire import Json


@frozen(kw_only=True)
class Change:
    """The items after a change, what it charges and gives back, and when the period ends.

    ``anew`` tells that a new period begins at once.
    """

    items: Sequence[Json]
    entries: Sequence[Entry]
    end: int
    anew: bool


def changed(
    account: Account, made: Json, wanted: Sequence[Mapping[str, Json]], at: int, rules: Json
) -> Change:
    """Work out a change, changing nothing. ``rules`` has what else was asked for."""
    param = rules.get("param", "items")
    items = _items(account, made, wanted, param)
    old, new = _rhythm(made["items"]["data"]), _rhythm(items)
    trial = made["status"] == "trialing"
    anew = not trial and (old != new or rules.get("billing_cycle_anchor") == "now")
    start, end = period_of(made)
    until = after(at, items[0]["price"]["recurring"], 1) if anew else end
    entries: list[Entry] = []
    if not trial and rules.get("proration_behavior") != "none":
        entries += _prorated(account, made["items"]["data"], items, (at, start, end), anew=anew)
    if anew:
        entries += entries_for(account, {**made, "items": {"data": items}}, at, until)
    return Change(items=items, entries=entries, end=until, anew=anew)


def _rhythm(items: Sequence[Json]) -> tuple[str, int]:
    found = {
        (item["price"]["recurring"]["interval"], item["price"]["recurring"]["interval_count"])
        for item in items
    }
    if len(found) > 1:
        raise invalid("All prices of a subscription must have the same interval.", "items")
    return found.pop()


def _items(
    account: Account, made: Json, wanted: Sequence[Mapping[str, Json]], param: str
) -> list[Json]:
    items = {item["id"]: dict(item) for item in made["items"]["data"]}
    for index, each in enumerate(wanted):
        place = f"{param}[{index}]"
        old = items.get(each["id"]) if "id" in each else None
        if "id" in each and old is None:
            raise missing("subscription_item", each["id"], f"{place}[id]", 400)
        if old is not None and each.get("deleted"):
            del items[each["id"]]
            continue
        item = _item(account, made, each, old, place)
        items[item["id"]] = item
    if not items:
        raise invalid("A subscription must have at least one active plan.", param)
    return list(items.values())


def _item(
    account: Account, made: Json, wanted: Mapping[str, Json], old: Json | None, param: str
) -> Json:
    item = old
    if "price" in wanted or "price_data" in wanted or item is None:
        price = given_price(account, wanted, param)
        if not price["recurring"]:
            raise invalid("The price must be recurring.", f"{param}[price]")
        if price["currency"] != made["currency"]:
            raise invalid("The price has another currency.", f"{param}[price]")
        item = item or subscription_item(account, made["id"], price, 1, period_of(made))
        item["price"] = dict(price)
    item["quantity"] = wanted.get("quantity", item["quantity"])
    item["metadata"] = wanted.get("metadata", item["metadata"])
    return item


def _prorated(
    account: Account,
    old: Sequence[Json],
    new: Sequence[Json],
    moment: tuple[int, int, int],
    *,
    anew: bool,
) -> list[Entry]:
    """Give back what is left of the old, and charge for the same time of the new."""
    at, start, end = moment
    left = max(0, end - at) / max(1, end - start)
    before = {item["id"]: _worth(item) for item in old}
    later = {item["id"]: _worth(item) for item in new}
    entries = [
        _share(account, item, -left, (at, end), "Unused time on")
        for item in old
        if anew or later.get(item["id"]) != before[item["id"]]
    ]
    if anew:
        return entries
    return entries + [
        _share(account, item, left, (at, end), "Remaining time on")
        for item in new
        if before.get(item["id"]) != later[item["id"]]
    ]


def _worth(item: Json) -> tuple[str, int]:
    return item["price"]["id"], item["quantity"]


def _share(
    account: Account, item: Json, share: float, period: tuple[int, int], words: str
) -> Entry:
    whole = amount_of(item["price"], item["quantity"])
    return Entry(
        amount=round(whole * share),
        price=item["price"],
        start=period[0],
        end=period[1],
        description=f"{words} {item['quantity']} × {name_of(account, item['price'])}",
        quantity=item["quantity"],
        item=item["id"],
        taxes=item["tax_rates"],
        proration=True,
    )
