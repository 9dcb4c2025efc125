"""What a buyer does on a session's page: pay, be declined, pay by a bank that takes days."""

from collections.abc import Mapping
from typing import Final

from tillway.entrypoints.sandbox.stripe.account import Account
from tillway.entrypoints.sandbox.stripe.cards import DECLINED, Refusal, card
from tillway.entrypoints.sandbox.stripe.charging import BANK, Wanted, fail, intent, process, succeed
from tillway.entrypoints.sandbox.stripe.customers import customer
from tillway.entrypoints.sandbox.stripe.errors import invalid
from tillway.entrypoints.sandbox.stripe.reductions import redeem
from tillway.entrypoints.sandbox.stripe.subscriptions import subscribe
from tillway.entrypoints.sandbox.stripe.wire import Json

ASYNC_DAYS: Final = 3
_DAY: Final = 24 * 3600
EMAIL: Final = "buyer@example.com"
_BANK_REFUSAL: Final = Refusal(
    code="payment_method_provider_decline",
    reason="generic_decline",
    message="The customer's bank has refused the payment.",
)


def pay(account: Account, session: Json, email: str | None = None) -> None:
    """Pay an open session; Refused if it is not open."""
    _begin(account, session, email)
    if session["mode"] == "subscription":
        subscribe(account, session)
        status = "paid" if session["amount_total"] else "no_payment_required"
    elif session["amount_total"]:
        paid = _intent(account, session, "card")
        method = card(account, session["customer"], paid["receipt_email"])
        succeed(account, paid, method["id"])
        status = "paid"
    else:
        status = "no_payment_required"
    _complete(account, session, status)


def decline(account: Account, session: Json, email: str | None = None) -> None:
    """Have the buyer's card declined: the session stays open."""
    _require_open(session)
    session["_failures"] += 1
    if session["mode"] == "payment" and session["amount_total"]:
        paid = account.shelves.get("payment_intent", session["payment_intent"] or "")
        paid = paid or _intent(account, session, "card", email)
        fail(account, paid, DECLINED)


def pay_slowly(account: Account, session: Json, email: str | None = None) -> None:
    """Pay by a bank account: the session is complete, and the money is not there yet."""
    if session["mode"] != "payment" or not session["amount_total"]:
        raise invalid("Only single payments can be paid by bank here.", "mode")
    _begin(account, session, email)
    process(account, _intent(account, session, BANK))
    account.agenda.note(account.now() + ASYNC_DAYS * _DAY, "settle_session", session["id"])
    _complete(account, session, "unpaid")


def settle(account: Account, session: Json, *, paid: bool) -> None:
    """Have the bank's money come, or not; nothing if that is over already."""
    if session["status"] != "complete" or session["payment_status"] != "unpaid":
        return
    found = account.get("payment_intent", session["payment_intent"])
    if found["status"] != "processing":
        return
    if paid:
        succeed(account, found)
        succeeded = "checkout.session.async_payment_succeeded"
        account.change(succeeded, session, payment_status="paid")
    else:
        fail(account, found, _BANK_REFUSAL)
        account.tell("checkout.session.async_payment_failed", session)


def _require_open(session: Json) -> None:
    if session["status"] != "open":
        raise invalid(f"This session is {session['status']}.", "status")


def _begin(account: Account, session: Json, email: str | None) -> None:
    """Note who buys, and make a customer of him where one is needed."""
    _require_open(session)
    known = account.shelves.get("customer", session["customer"] or "") or {}
    address = session["customer_email"] or known.get("email") or email or EMAIL
    always = session["customer_creation"] == "always" or session["mode"] == "subscription"
    if always and session["customer"] is None:
        made = customer(account, email=address, name=known.get("name"))
        session["customer"] = made["id"]
    session["customer_details"] = {
        "address": None,
        "business_name": None,
        "email": address,
        "individual_name": None,
        "name": known.get("name"),
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }
    _redeem(account, session)


def _redeem(account: Account, session: Json) -> None:
    applied = session["_applied"]
    if applied is None:
        return
    coupon = account.shelves.get("coupon", applied["source"]["coupon"])
    if coupon is not None:
        code = account.shelves.get("promotion_code", applied["promotion_code"] or "")
        redeem(account, coupon, code)


def _intent(account: Account, session: Json, kind: str, email: str | None = None) -> Json:
    found = account.shelves.get("payment_intent", session["payment_intent"] or "")
    if found is not None and found["_kind"] == kind:
        found["receipt_email"] = _receipt(session, email)
        return found
    data: Mapping[str, Json] = session["_intent_data"]
    wanted = Wanted(
        amount=session["amount_total"],
        currency=session["currency"],
        customer=session["customer"],
        email=data.get("receipt_email") or _receipt(session, email),
        kind=kind,
        description=data.get("description"),
        metadata=data.get("metadata", {}),
        more={name: data[name] for name in _PASSED if name in data},
    )
    made = intent(account, wanted)
    session["payment_intent"] = made["id"]
    return made


_PASSED: Final = ("setup_future_usage", "statement_descriptor", "statement_descriptor_suffix")


def _receipt(session: Json, email: str | None) -> str | None:
    details = session["customer_details"] or {}
    given: str | None = details.get("email") or session["customer_email"] or email
    return given


def _complete(account: Account, session: Json, payment_status: str) -> None:
    changes = {"status": "complete", "url": None, "payment_status": payment_status}
    account.change("checkout.session.completed", session, **changes)
