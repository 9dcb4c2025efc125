"""Payment intents made without a session: for servers that charge a card themselves."""

from collections.abc import Mapping
from typing import Final

from tillway.entrypoints.sandbox.stripe.account import Account
from tillway.entrypoints.sandbox.stripe.calls import Call, Route, filters, listing, merged
from tillway.entrypoints.sandbox.stripe.cards import REFUSALS, TEST_METHODS, card
from tillway.entrypoints.sandbox.stripe.charging import Wanted, cancel, fail, intent, succeed
from tillway.entrypoints.sandbox.stripe.errors import declined, invalid
from tillway.entrypoints.sandbox.stripe.read import (
    MOST_MINOR,
    anything,
    choice,
    currency,
    each,
    flag,
    metadata,
    text,
    whole,
)
from tillway.entrypoints.sandbox.stripe.render import shown
from tillway.entrypoints.sandbox.stripe.totals import LEAST
from tillway.entrypoints.sandbox.stripe.wire import Json

_OVER: Final = ("succeeded", "processing", "canceled")


def _create(account: Account, call: Call) -> Json:
    given = call.read(
        "amount",
        "currency",
        amount=whole(1, MOST_MINOR),
        currency=currency,
        customer=text(200),
        description=text(1000),
        receipt_email=text(800),
        metadata=metadata,
        payment_method=text(200),
        payment_method_types=each(choice("card"), 5),
        automatic_payment_methods=anything,
        confirm=flag,
        off_session=flag,
        return_url=text(2048),
        setup_future_usage=choice("on_session", "off_session"),
    )
    if given["amount"] < LEAST.get(given["currency"], 1):
        raise invalid("Amount is too small.", "amount", "amount_too_small")
    if "customer" in given:
        account.get("customer", given["customer"], "customer", 400)
    if "payment_method" in given:
        _check_method(account, given["payment_method"])
    wanted = Wanted(
        amount=given["amount"],
        currency=given["currency"],
        customer=given.get("customer"),
        email=given.get("receipt_email"),
        description=given.get("description"),
        metadata=given.get("metadata", {}),
    )
    made = intent(account, wanted)
    if "payment_method" in given:
        made.update(status="requires_confirmation", payment_method=given["payment_method"])
    if given.get("confirm"):
        _pay(account, made, given)
    return made


def _check_method(account: Account, name: str) -> None:
    if name not in TEST_METHODS:
        account.get("payment_method", name, "payment_method", 400)


def _pay(account: Account, made: Json, given: Mapping[str, Json]) -> None:
    name = given.get("payment_method") or made["payment_method"]
    if name is None:
        message = "You cannot confirm this PaymentIntent because it's missing a payment method."
        raise invalid(message, "payment_method", "payment_intent_unexpected_state")
    _check_method(account, name)
    known = account.shelves.get("payment_method", name)
    method = known or card(account, made["customer"], made["receipt_email"])
    refusal = REFUSALS.get(name)
    if refusal is None:
        succeed(account, made, method["id"])
        return
    charge = fail(account, made, refusal, method["id"])
    more = {"charge": charge["id"], "payment_intent": shown(account, made)}
    raise declined(refusal.code, refusal.reason, refusal.message, **more)


def _confirm(account: Account, call: Call) -> Json:
    made = account.get("payment_intent", call.id)
    given = call.read(payment_method=text(200), return_url=text(2048), off_session=flag)
    _require_open(made)
    _pay(account, made, given)
    return made


def _cancel(account: Account, call: Call) -> Json:
    made = account.get("payment_intent", call.id)
    reasons = ("duplicate", "fraudulent", "requested_by_customer", "abandoned")
    given = call.read(cancellation_reason=choice(*reasons))
    _require_open(made)
    cancel(account, made, given.get("cancellation_reason"))
    return made


def _require_open(made: Json) -> None:
    if made["status"] in _OVER:
        message = f"This PaymentIntent has a status of {made['status']}."
        raise invalid(message, code="payment_intent_unexpected_state")


def _update(account: Account, call: Call) -> Json:
    found = account.get("payment_intent", call.id)
    given = call.read(metadata=metadata, description=text(1000))
    found["metadata"] = merged(found["metadata"], given.get("metadata"))
    found["description"] = given.get("description", found["description"])
    account.shelves.changes += 1
    return found


def _list(account: Account, call: Call) -> Json:
    asked = filters(call, customer=text(200))
    same = {name: asked[name] for name in ("customer",) if name in asked}
    return listing(call, account.shelves.of("payment_intent", **same), asked)


def _get(account: Account, call: Call) -> Json:
    call.read(client_secret=text(500))
    return account.get("payment_intent", call.id)


_PATH: Final = "/v1/payment_intents"
ROUTES: Final = (
    Route("POST", _PATH, _create),
    Route("GET", _PATH, _list),
    Route("GET", _PATH + "/{id}", _get),
    Route("POST", _PATH + "/{id}", _update),
    Route("POST", _PATH + "/{id}/confirm", _confirm),
    Route("POST", _PATH + "/{id}/cancel", _cancel),
)
