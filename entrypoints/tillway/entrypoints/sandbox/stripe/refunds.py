"""Refunds: full or in parts, never more than was charged."""

from typing import Final

from tillway.entrypoints.sandbox.stripe.account import Account
from tillway.entrypoints.sandbox.stripe.calls import Call, Route, filters, listing, merged
from tillway.entrypoints.sandbox.stripe.errors import invalid
from tillway.entrypoints.sandbox.stripe.read import MOST_MINOR, choice, metadata, text, whole
from tillway.entrypoints.sandbox.stripe.wire import Json

_REASONS: Final = ("duplicate", "fraudulent", "requested_by_customer")


def _create(account: Account, call: Call) -> Json:
    given = call.read(
        charge=text(200),
        payment_intent=text(200),
        amount=whole(1, MOST_MINOR),
        reason=choice(*_REASONS),
        metadata=metadata,
    )
    charge = _charged(account, given)
    left = charge["amount"] - charge["amount_refunded"]
    amount = given.get("amount", left)
    _check(charge, amount, left)
    return refund(account, charge, amount, given)


def _charged(account: Account, given: Json) -> Json:
    if ("charge" in given) == ("payment_intent" in given):
        message = "One of the following params should be provided: payment_intent or charge."
        raise invalid(message, "payment_intent", "parameter_missing")
    if "charge" in given:
        return account.get("charge", given["charge"], "charge")
    paid = account.get("payment_intent", given["payment_intent"], "payment_intent")
    found = account.shelves.get("charge", paid["latest_charge"] or "")
    if found is None or found["status"] != "succeeded":
        message = f"This PaymentIntent ({paid['id']}) has no successful charge to refund."
        raise invalid(message, "payment_intent", "payment_intent_unexpected_state")
    return found


def _check(charge: Json, amount: int, left: int) -> None:
    if charge["status"] != "succeeded":
        raise invalid("The charge has not succeeded.", "charge", "charge_not_refundable")
    if charge["disputed"]:
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise invalid(message, "charge", "charge_disputed")
    if left <= 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise invalid(message, "charge", "charge_already_refunded")
    if amount > left:
        message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})."
        raise invalid(message, "amount")


def refund(account: Account, charge: Json, amount: int, given: Json) -> Json:
    """Pay back, and tell of the refund and of the charge with the sum of all."""
    made = account.make(
        "refund",
        amount=amount,
        balance_transaction=None,
        charge=charge["id"],
        currency=charge["currency"],
        destination_details={"type": "card", "card": {"type": "refund"}},
        metadata=given.get("metadata", {}),
        payment_intent=charge["payment_intent"],
        reason=given.get("reason"),
        receipt_number=None,
        source_transfer_reversal=None,
        status="succeeded",
        transfer_reversal=None,
    )
    del made["livemode"]  # alone of all objects, it has none
    refunded = charge["amount_refunded"] + amount
    account.tell("refund.created", made)
    changes = {"amount_refunded": refunded, "refunded": refunded == charge["amount"]}
    account.change("charge.refunded", charge, **changes)
    return made


def fail(account: Account, made: Json, reason: str = "lost_or_stolen_card") -> None:
    """Have the bank send a refund back: the money is the shop's again."""
    if made["status"] != "succeeded":
        raise invalid(f"This refund is {made['status']}.", "status")
    charge = account.get("charge", made["charge"])
    charge["amount_refunded"] -= made["amount"]
    charge["refunded"] = False
    account.change("refund.failed", made, status="failed", failure_reason=reason)
    account.tell("charge.refund.updated", made)


def _update(account: Account, call: Call) -> Json:
    found = account.get("refund", call.id)
    given = call.read(metadata=metadata)
    kept = merged(found["metadata"], given.get("metadata"))
    account.change("refund.updated", found, metadata=kept)
    return found


def _list(account: Account, call: Call) -> Json:
    asked = filters(call, charge=text(200), payment_intent=text(200))
    same = {name: asked[name] for name in ("charge", "payment_intent") if name in asked}
    return listing(call, account.shelves.of("refund", **same), asked)


ROUTES: Final = (
    Route("POST", "/v1/refunds", _create),
    Route("GET", "/v1/refunds", _list),
    Route("GET", "/v1/refunds/{id}", lambda account, call: account.get("refund", call.id)),
    Route("POST", "/v1/refunds/{id}", _update),
)
