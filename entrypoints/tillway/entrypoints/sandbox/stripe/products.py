"""Products and their prices, also those made for one session only."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from tillway.entrypoints.sandbox.stripe.account import Account
from tillway.entrypoints.sandbox.stripe.calls import Call, Route, filters, listing, merged
from tillway.entrypoints.sandbox.stripe.errors import invalid
from tillway.entrypoints.sandbox.stripe.read import (
    MOST_MINOR,
    Reader,
    choice,
    currency,
    decimal,
    each,
    fields,
    flag,
    metadata,
    text,
    whole,
)
from tillway.entrypoints.sandbox.stripe.wire import Json

RECURRING: Final = fields(
    "interval",
    interval=choice("day", "week", "month", "year"),
    interval_count=whole(1, 1095),
    usage_type=choice("licensed"),
)
_PRODUCT: Final[dict[str, Reader]] = {
    "name": text(),
    "description": text(unset=True),
    "images": each(text(2048), 8),
    "metadata": metadata,
    "tax_code": text(200, unset=True),
    "unit_label": text(12, unset=True),
    "statement_descriptor": text(22),
    "url": text(2048, unset=True),
    "shippable": flag,
    "active": flag,
}
_AMOUNT: Final[dict[str, Reader]] = {
    "currency": currency,
    "unit_amount": whole(0, MOST_MINOR),
    "unit_amount_decimal": decimal(most=str(MOST_MINOR)),
    "recurring": RECURRING,
    "tax_behavior": choice("exclusive", "inclusive", "unspecified"),
}
_IN_PRODUCT: Final = {name: _PRODUCT[name] for name in ("name", "metadata", "tax_code")}
PRICE_DATA: Final = fields(
    "currency",
    **_AMOUNT,
    product=text(200),
    product_data=fields(
        "name",
        **_IN_PRODUCT,
        description=text(),
        images=_PRODUCT["images"],
        unit_label=_PRODUCT["unit_label"],
    ),
)


def product(account: Account, *, aside: bool = False, **given: Json) -> Json:
    """Make a product."""
    return account.make(
        "product",
        aside=aside,
        **{
            "active": True,
            "default_price": None,
            "description": None,
            "images": [],
            "marketing_features": [],
            "metadata": {},
            "package_dimensions": None,
            "shippable": None,
            "statement_descriptor": None,
            "tax_code": None,
            "unit_label": None,
            "updated": account.now(),
            "url": None,
            **given,
        },
    )


def price(
    account: Account, of: str, given: Mapping[str, Json], param: str = "", *, aside: bool = False
) -> Json:
    """Make a price of a product. ``param`` is where its fields were given."""
    amount, exact = _unit(given, param)
    recurring = given.get("recurring")
    return account.make(
        "price",
        aside=aside,
        active=not aside,
        billing_scheme="per_unit",
        currency=given["currency"],
        custom_unit_amount=None,
        lookup_key=given.get("lookup_key"),
        metadata=given.get("metadata", {}),
        nickname=given.get("nickname"),
        product=of,
        recurring=recurring and _recurring(recurring),
        tax_behavior=given.get("tax_behavior", "unspecified"),
        tiers_mode=None,
        transform_quantity=None,
        type="recurring" if recurring else "one_time",
        unit_amount=amount,
        unit_amount_decimal=exact,
    )


def _unit(given: Mapping[str, Json], param: str) -> tuple[int | None, str]:
    """Give the price for one: whole if it is, and exactly."""
    both = ("unit_amount" in given) + ("unit_amount_decimal" in given)
    if both != 1:
        name = f"{param}[unit_amount]" if param else "unit_amount"
        message = "Exactly one of unit_amount and unit_amount_decimal is required."
        raise invalid(message, name, "parameter_missing" if not both else None)
    exact = Decimal(str(given.get("unit_amount", given.get("unit_amount_decimal"))))
    whole_one = int(exact) if exact == exact.to_integral_value() else None
    return whole_one, f"{exact:f}"


def _recurring(given: Json) -> Json:
    return {
        "interval": given["interval"],
        "interval_count": given.get("interval_count", 1),
        "meter": None,
        "usage_type": "licensed",
    }


def amount_of(price: Json, quantity: int) -> int:
    """Give what so many come to."""
    exact = Decimal(price["unit_amount_decimal"]) * quantity
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def given_price(account: Account, line: Mapping[str, Json], param: str) -> Json:
    """Give the price that a line names, or make the one that it describes."""
    if ("price" in line) == ("price_data" in line):
        message = f"Exactly one of {param}[price] and {param}[price_data] is required."
        raise invalid(message, f"{param}[price]", "parameter_missing")
    if "price" in line:
        found = account.get("price", line["price"], f"{param}[price]", 400)
        if not found["active"]:
            message = "The price specified is inactive. This field only accepts active prices."
            raise invalid(message, f"{param}[price]")
        return found
    return _described(account, line["price_data"], f"{param}[price_data]")


def _described(account: Account, data: Mapping[str, Json], param: str) -> Json:
    if ("product" in data) == ("product_data" in data):
        message = f"Exactly one of {param}[product] and {param}[product_data] is required."
        raise invalid(message, f"{param}[product_data]", "parameter_missing")
    _unit(data, param)
    if "product" in data:
        of = account.get("product", data["product"], f"{param}[product]", 400)
    else:
        of = product(account, aside=True, **{**data["product_data"], "active": False})
    return price(account, of["id"], data, param, aside=True)


def _create_product(account: Account, call: Call) -> Json:
    given = call.read(
        "name",
        **_PRODUCT,
        id=text(255),
        default_price_data=fields("currency", **_AMOUNT, metadata=metadata),
    )
    data = given.pop("default_price_data", None)
    if "id" in given and account.shelves.get("product", given["id"]):
        raise invalid("Product already exists.", "id", "resource_already_exists")
    if data is not None:
        _unit(data, "default_price_data")
    made = product(account, **given)
    if data is not None:
        made["default_price"] = price(account, made["id"], data, "default_price_data")["id"]
    account.tell("product.created", made)
    return made


def _update_product(account: Account, call: Call) -> Json:
    found = account.get("product", call.id)
    given = call.read(**_PRODUCT, default_price=text(200))
    kept = merged(found["metadata"], given.pop("metadata", None))
    changes = {**given, "metadata": kept, "updated": account.now()}
    account.change("product.updated", found, **changes)
    return found


def _list_products(account: Account, call: Call) -> Json:
    asked = filters(call, active=flag, ids=each(text(200)))
    found = [
        item
        for item in account.shelves.newest("product")
        if item["active"] == asked.get("active", item["active"])
        and ("ids" not in asked or item["id"] in asked["ids"])
    ]
    return listing(call, found, asked)


def _create_price(account: Account, call: Call) -> Json:
    given = call.read(
        "currency",
        **_AMOUNT,
        product=text(200),
        product_data=fields("name", id=text(255), active=flag, **_IN_PRODUCT),
        metadata=metadata,
        nickname=text(),
        lookup_key=text(200),
        active=flag,
    )
    if ("product" in given) == ("product_data" in given):
        raise invalid("Missing required param: product.", "product", "parameter_missing")
    _unit(given, "")
    if "product" in given:
        of = account.get("product", given["product"], "product", 400)
    else:
        of = product(account, **given["product_data"])
        account.tell("product.created", of)
    made = price(account, of["id"], given)
    made["active"] = given.get("active", True)
    account.tell("price.created", made)
    return made


def _update_price(account: Account, call: Call) -> Json:
    found = account.get("price", call.id)
    given = call.read(
        active=flag, metadata=metadata, nickname=text(unset=True), lookup_key=text(200)
    )
    kept = merged(found["metadata"], given.pop("metadata", None))
    account.change("price.updated", found, metadata=kept, **given)
    return found


def _list_prices(account: Account, call: Call) -> Json:
    asked = filters(
        call,
        active=flag,
        product=text(200),
        currency=currency,
        type=choice("one_time", "recurring"),
        lookup_keys=each(text(200), 10),
    )
    same = {key: asked[key] for key in ("active", "product", "currency", "type") if key in asked}
    keys = asked.get("lookup_keys")
    found = [
        item
        for item in account.shelves.of("price", **same)
        if keys is None or item["lookup_key"] in keys
    ]
    return listing(call, found, asked)


ROUTES: Final = (
    Route("POST", "/v1/products", _create_product),
    Route("GET", "/v1/products", _list_products),
    Route("GET", "/v1/products/{id}", lambda account, call: account.get("product", call.id)),
    Route("POST", "/v1/products/{id}", _update_product),
    Route("POST", "/v1/prices", _create_price),
    Route("GET", "/v1/prices", _list_prices),
    Route("GET", "/v1/prices/{id}", lambda account, call: account.get("price", call.id)),
    Route("POST", "/v1/prices/{id}", _update_price),
)
