"""Checkout sessions as the API sees them."""

from collections.abc import Mapping
from typing import Final

from tillway.entrypoints.sandbox.stripe.account import Account
from tillway.entrypoints.sandbox.stripe.asking import (
    FIELDS,
    check_customer,
    check_mode,
    check_urls,
    expiry,
    trial_days,
)
from tillway.entrypoints.sandbox.stripe.calls import Call, Route, filters, listing, merged, page
from tillway.entrypoints.sandbox.stripe.charging import cancel
from tillway.entrypoints.sandbox.stripe.errors import invalid
from tillway.entrypoints.sandbox.stripe.lines import Line, currency_of, fill, given_lines
from tillway.entrypoints.sandbox.stripe.read import choice, fields, metadata, text
from tillway.entrypoints.sandbox.stripe.reductions import usable, usable_code
from tillway.entrypoints.sandbox.stripe.wire import Json


def _create(account: Account, call: Call) -> Json:
    given = call.read("mode", "success_url", "line_items", **FIELDS)
    check_urls(given)
    expires = expiry(account, given)
    check_customer(account, given)
    lines = given_lines(account, given["line_items"])
    check_mode(given["mode"], lines)
    session = _session(account, given, lines, expires)
    _ship(account, session, given)
    shipping = (session["shipping_cost"] or {}).get("amount_total", 0)
    _discount(account, session, given, lines)
    fill(account, session, lines, shipping)
    if not session["amount_total"]:
        session["payment_status"] = "no_payment_required"
    account.shelves.put(session)
    account.agenda.note(expires, "expire_session", session["id"])
    return session


def _session(account: Account, given: Mapping[str, Json], lines: list[Line], expires: int) -> Json:
    mode = given["mode"]
    id = account.shelves.id("checkout.session")  # noqa: A001  # Stripe's word
    about = given.get("subscription_data", {})
    usual = {
        **dict.fromkeys(_NOTHING),
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "custom_fields": [],
        "custom_text": dict.fromkeys(
            ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")
        ),
        "discounts": [],
        "metadata": {},
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
        "phone_number_collection": {"enabled": False},
        "shipping_options": [],
        "status": "open",
        "ui_mode": "hosted_page",
    }
    shown = {name: given[name] for name in _SHOWN if name in given}
    return account.part(
        "checkout.session",
        id=id,
        created=account.now(),
        livemode=False,
        **{**usual, **shown},
        currency=currency_of(lines),
        customer_creation=given.get("customer_creation", "if_required")
        if mode == "payment" and "customer" not in given
        else None,
        expires_at=expires,
        payment_method_collection=given.get("payment_method_collection", "always"),
        url=f"{account.address}/c/pay/{id}",
        _applied=None,
        _trial=trial_days(account, about) if mode == "subscription" else 0,
        _intent_data=given.get("payment_intent_data", {}),
        _subscription_data=about,
        _failures=0,
    )


_NOTHING: Final = (
    *("adaptive_pricing", "after_expiration", "allow_promotion_codes", "amount_subtotal"),
    *("amount_total", "billing_address_collection", "cancel_url", "client_reference_id"),
    *("client_secret", "collected_information", "consent", "consent_collection"),
    *("currency_conversion", "customer", "customer_details", "customer_email", "invoice"),
    *("invoice_creation", "locale", "payment_intent", "payment_link"),
    *("payment_method_configuration_details", "permissions", "recovered_from"),
    *("saved_payment_method_options", "setup_intent", "shipping_address_collection"),
    *("shipping_cost", "submit_type", "subscription", "total_details", "wallet_options"),
)
_SHOWN: Final = (
    *("mode", "success_url", "cancel_url", "client_reference_id", "customer", "customer_email"),
    *("metadata", "allow_promotion_codes", "submit_type", "payment_method_types"),
)


def _ship(account: Account, session: Json, given: Mapping[str, Json]) -> None:
    options = [option["shipping_rate_data"] for option in given.get("shipping_options", [])]
    rates = [
        account.make(
            "shipping_rate",
            aside=True,
            active=True,
            delivery_estimate=None,
            display_name=option["display_name"],
            fixed_amount=option["fixed_amount"],
            metadata=option.get("metadata", {}),
            tax_behavior="unspecified",
            tax_code=None,
            type="fixed_amount",
        )
        for option in options
    ]
    if not rates:
        return
    session["shipping_options"] = [
        {"shipping_amount": rate["fixed_amount"]["amount"], "shipping_rate": rate["id"]}
        for rate in rates
    ]
    amount = rates[0]["fixed_amount"]["amount"]
    session["shipping_cost"] = {
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "shipping_rate": rates[0]["id"],
    }


def _discount(
    account: Account, session: Json, given: Mapping[str, Json], lines: list[Line]
) -> None:
    if not given.get("discounts"):
        return
    if given.get("allow_promotion_codes"):
        message = "You may only specify one of these: allow_promotion_codes, discounts."
        raise invalid(message, "discounts")
    (wanted,) = given["discounts"]
    if len(wanted) != 1:
        raise invalid("Exactly one of coupon and promotion_code is required.", "discounts[0]")
    amount = sum(line.price["unit_amount"] or 0 for line in lines)
    if "promotion_code" in wanted:
        param = "discounts[0][promotion_code]"
        code = account.get("promotion_code", wanted["promotion_code"], param, 400)
        apply(account, session, usable_code(account, code, amount, param), code)
    else:
        param = "discounts[0][coupon]"
        coupon = account.get("coupon", wanted["coupon"], param, 400)
        apply(account, session, usable(account, coupon, param), None)


def apply(account: Account, session: Json, coupon: Json, code: Json | None) -> None:
    """Put a coupon on a session, whose lines are to be filled in anew."""
    if coupon["currency"] not in (None, session["currency"]):
        message = f"The coupon is in {coupon['currency']}, the session in {session['currency']}."
        raise invalid(message, "discounts[0][coupon]")
    code_id = code["id"] if code else None
    session["_applied"] = account.part(
        "discount",
        checkout_session=session["id"],
        customer=session["customer"],
        end=None,
        invoice=None,
        invoice_item=None,
        promotion_code=code_id,
        source={"coupon": coupon["id"], "type": "coupon"},
        start=account.now(),
        subscription=None,
        subscription_item=None,
        # The coupon may be deleted before the session is paid.
        _coupon=dict(coupon),
    )
    session["discounts"] = [
        {"coupon": None if code else coupon["id"], "promotion_code": code_id},
    ]


def expire(account: Account, session: Json) -> None:
    """End a session that was not paid, and what a declined card has left of it."""
    found = account.shelves.get("payment_intent", session["payment_intent"] or "")
    if found is not None:
        cancel(account, found, "expired")
    account.change("checkout.session.expired", session, status="expired", url=None)


def _expire(account: Account, call: Call) -> Json:
    call.read()
    session = account.get("checkout.session", call.id)
    if session["status"] != "open":
        message = (
            'Only Checkout Sessions with a status in ["open"] can be expired. '
            f"This Checkout Session has a status of {session['status']}."
        )
        raise invalid(message)
    expire(account, session)
    return session


def _update(account: Account, call: Call) -> Json:
    session = account.get("checkout.session", call.id)
    given = call.read(metadata=metadata)
    session["metadata"] = merged(session["metadata"], given.get("metadata"))
    account.shelves.changes += 1
    return session


def _list(account: Account, call: Call) -> Json:
    asked = filters(
        call,
        customer=text(200),
        payment_intent=text(200),
        subscription=text(200),
        status=choice("open", "complete", "expired"),
        customer_details=fields("email", email=text(800)),
    )
    names = ("customer", "payment_intent", "subscription", "status")
    same = {name: asked[name] for name in names if name in asked}
    found = account.shelves.of("checkout.session", **same)
    if email := asked.get("customer_details", {}).get("email"):
        found = [item for item in found if (item["customer_details"] or {}).get("email") == email]
    return listing(call, found, asked)


def _lines(account: Account, call: Call) -> Json:
    session = account.get("checkout.session", call.id)
    return page(call.path, session["_items"], filters(call))


def _get(account: Account, call: Call) -> Json:
    return account.get("checkout.session", call.id)


_PATH: Final = "/v1/checkout/sessions"
ROUTES: Final = (
    Route("POST", _PATH, _create),
    Route("GET", _PATH, _list),
    Route("GET", _PATH + "/{id}", _get),
    Route("POST", _PATH + "/{id}", _update),
    Route("GET", _PATH + "/{id}/line_items", _lines),
    Route("POST", _PATH + "/{id}/expire", _expire),
)
