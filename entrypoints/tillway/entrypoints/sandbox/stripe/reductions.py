"""Coupons and the codes by which buyers get them; tax rates."""

from collections.abc import Mapping
from typing import Final

from tillway.entrypoints.sandbox.stripe.account import Account
from tillway.entrypoints.sandbox.stripe.calls import Call, Route, filters, listing, merged
from tillway.entrypoints.sandbox.stripe.errors import invalid
from tillway.entrypoints.sandbox.stripe.read import (
    MOST_MINOR,
    anything,
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


def _create_coupon(account: Account, call: Call) -> Json:
    given = call.read(
        id=text(200),
        percent_off=decimal("0.01", "100"),
        amount_off=whole(1, MOST_MINOR),
        currency=currency,
        duration=choice("once", "forever", "repeating"),
        duration_in_months=whole(1, 120),
        max_redemptions=whole(1),
        redeem_by=whole(),
        name=text(40),
        metadata=metadata,
        applies_to=fields(products=each(text(200))),
    )
    _check_coupon(account, given)
    made = account.make(
        "coupon",
        id=given.get("id") or account.shelves.token(8),
        amount_off=given.get("amount_off"),
        currency=given.get("currency"),
        duration=given.get("duration", "once"),
        duration_in_months=given.get("duration_in_months"),
        max_redemptions=given.get("max_redemptions"),
        metadata=given.get("metadata", {}),
        name=given.get("name"),
        percent_off=float(given["percent_off"]) if "percent_off" in given else None,
        redeem_by=given.get("redeem_by"),
        times_redeemed=0,
        valid=True,
        _products=given.get("applies_to", {}).get("products", []),
    )
    account.tell("coupon.created", made)
    return made


def _check_coupon(account: Account, given: Mapping[str, Json]) -> None:
    if ("percent_off" in given) == ("amount_off" in given):
        raise invalid("Exactly one of percent_off and amount_off is required.", "percent_off")
    if "amount_off" in given and "currency" not in given:
        raise invalid("Missing required param: currency.", "currency", "parameter_missing")
    if (given.get("duration") == "repeating") != ("duration_in_months" in given):
        message = "duration_in_months goes with a duration of repeating."
        raise invalid(message, "duration_in_months")
    if "id" in given and account.shelves.get("coupon", given["id"]):
        raise invalid("Coupon already exists.", "id", "resource_already_exists")


def usable(account: Account, coupon: Json, param: str) -> Json:
    """Give a coupon that can still be redeemed; Refused if it cannot."""
    by, most = coupon["redeem_by"], coupon["max_redemptions"]
    over = by is not None and account.now() > by
    if over or (most is not None and coupon["times_redeemed"] >= most) or not coupon["valid"]:
        coupon["valid"] = False
        message = f"Coupon {coupon['id']} is used up or expired."
        raise invalid(message, param, "coupon_expired")
    return coupon


def redeem(account: Account, coupon: Json, code: Json | None = None) -> None:
    """Count one use of a coupon and of its code."""
    for each_one in (coupon, code):
        if each_one is not None:
            each_one["times_redeemed"] += 1
    account.shelves.changes += 1


def _update_coupon(account: Account, call: Call) -> Json:
    found = account.get("coupon", call.id)
    given = call.read(name=text(40, unset=True), metadata=metadata)
    kept = merged(found["metadata"], given.pop("metadata", None))
    account.change("coupon.updated", found, metadata=kept, **given)
    return found


def _delete_coupon(account: Account, call: Call) -> Json:
    found = account.get("coupon", call.id)
    account.shelves.drop("coupon", call.id)
    account.tell("coupon.deleted", found)
    return {"id": call.id, "object": "coupon", "deleted": True}


def _create_code(account: Account, call: Call) -> Json:
    given = call.read(
        promotion=fields("type", "coupon", type=choice("coupon"), coupon=text(200)),
        coupon=text(200),
        code=text(500),
        active=flag,
        customer=text(200),
        expires_at=whole(),
        max_redemptions=whole(1),
        metadata=metadata,
        restrictions=fields(
            first_time_transaction=flag, minimum_amount=whole(1), minimum_amount_currency=currency
        ),
    )
    coupon_id = given.get("promotion", {}).get("coupon") or given.get("coupon")
    if coupon_id is None:
        raise invalid("Missing required param: promotion.", "promotion", "parameter_missing")
    coupon = account.get("coupon", coupon_id, "promotion[coupon]", 400)
    code = given.get("code") or account.shelves.token(8).upper()
    if code_named(account, code):
        raise invalid("An active promotion code with that code already exists.", "code")
    made = account.make(
        "promotion_code",
        active=given.get("active", True),
        code=code,
        customer=given.get("customer"),
        expires_at=given.get("expires_at"),
        max_redemptions=given.get("max_redemptions"),
        metadata=given.get("metadata", {}),
        promotion={"coupon": coupon["id"], "type": "coupon"},
        restrictions={
            "first_time_transaction": False,
            "minimum_amount": None,
            "minimum_amount_currency": None,
            **given.get("restrictions", {}),
        },
        times_redeemed=0,
    )
    account.tell("promotion_code.created", made)
    return made


def code_named(account: Account, code: str) -> Json | None:
    """Give the active promotion code that buyers type in, however they write it."""
    for found in account.shelves.newest("promotion_code"):
        if found["active"] and found["code"].lower() == code.lower():
            return found
    return None


def usable_code(account: Account, code: Json, amount: int, param: str) -> Json:
    """Give the coupon of a code that can still be redeemed; Refused if it cannot."""
    until, most = code["expires_at"], code["max_redemptions"]
    over = until is not None and account.now() > until
    if not code["active"] or over or (most is not None and code["times_redeemed"] >= most):
        message = "This promotion code is inactive, used up or expired."
        raise invalid(message, param, "promotion_code_expired")
    if amount < (code["restrictions"]["minimum_amount"] or 0):
        raise invalid("The order is too small for this promotion code.", param)
    coupon = account.get("coupon", code["promotion"]["coupon"], param, 400)
    return usable(account, coupon, param)


def _update_code(account: Account, call: Call) -> Json:
    found = account.get("promotion_code", call.id)
    given = call.read(active=flag, metadata=metadata, restrictions=anything)
    kept = merged(found["metadata"], given.pop("metadata", None))
    account.change(
        "promotion_code.updated",
        found,
        metadata=kept,
        active=given.get("active", found["active"]),
    )
    return found


def _list_codes(account: Account, call: Call) -> Json:
    asked = filters(call, active=flag, code=text(500), coupon=text(200), customer=text(200))
    same = {key: asked[key] for key in ("active", "customer") if key in asked}
    found = [
        item
        for item in account.shelves.of("promotion_code", **same)
        if item["code"].lower() == asked.get("code", item["code"]).lower()
        and item["promotion"]["coupon"] == asked.get("coupon", item["promotion"]["coupon"])
    ]
    return listing(call, found, asked)


def _create_rate(account: Account, call: Call) -> Json:
    given = call.read(
        "display_name",
        "inclusive",
        "percentage",
        display_name=text(50),
        inclusive=flag,
        percentage=decimal("0", "100"),
        active=flag,
        country=text(2),
        description=text(),
        jurisdiction=text(),
        metadata=metadata,
        state=text(),
        tax_type=choice("gst", "hst", "pst", "qst", "sales_tax", "vat"),
    )
    given["percentage"] = float(given["percentage"])
    known = {"country": None, "description": None, "jurisdiction": None, "state": None}
    return account.make(
        "tax_rate",
        **{
            "active": True,
            **known,
            "effective_percentage": given["percentage"],
            "flat_amount": None,
            "jurisdiction_level": None,
            "metadata": {},
            "rate_type": "percentage",
            "tax_type": None,
            **given,
        },
    )


def _update_rate(account: Account, call: Call) -> Json:
    found = account.get("tax_rate", call.id)
    given = call.read(active=flag, display_name=text(50), description=text(), metadata=metadata)
    kept = merged(found["metadata"], given.pop("metadata", None))
    account.change("tax_rate.updated", found, metadata=kept, **given)
    return found


def _list_rates(account: Account, call: Call) -> Json:
    asked = filters(call, active=flag, inclusive=flag)
    same = {key: asked[key] for key in ("active", "inclusive") if key in asked}
    return listing(call, account.shelves.of("tax_rate", **same), asked)


def _list_coupons(account: Account, call: Call) -> Json:
    return listing(call, account.shelves.newest("coupon"), filters(call))


def _get_code(account: Account, call: Call) -> Json:
    return account.get("promotion_code", call.id)


ROUTES: Final = (
    Route("POST", "/v1/coupons", _create_coupon),
    Route("GET", "/v1/coupons", _list_coupons),
    Route("GET", "/v1/coupons/{id}", lambda account, call: account.get("coupon", call.id)),
    Route("POST", "/v1/coupons/{id}", _update_coupon),
    Route("DELETE", "/v1/coupons/{id}", _delete_coupon),
    Route("POST", "/v1/promotion_codes", _create_code),
    Route("GET", "/v1/promotion_codes", _list_codes),
    Route("GET", "/v1/promotion_codes/{id}", _get_code),
    Route("POST", "/v1/promotion_codes/{id}", _update_code),
    Route("POST", "/v1/tax_rates", _create_rate),
    Route("GET", "/v1/tax_rates", _list_rates),
    Route("GET", "/v1/tax_rates/{id}", lambda account, call: account.get("tax_rate", call.id)),
    Route("POST", "/v1/tax_rates/{id}", _update_rate),
)
