"""Stripe's events as news. Pure: what an event does not tell is not asked for.

Both shapes of what moved in API 2025-03-31 are read: an endpoint has the version that it was
made with, however new our own requests are.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import orjson
from attrs import frozen

from tillway.adapters.stripe.answers import Fields, Misshapen
from tillway.adapters.stripe.metadata import CHECKOUT
from tillway.adapters.stripe.preview import is_prorated
from tillway.adapters.stripe.refunds import read_refund
from tillway.adapters.stripe.sessions import invoice_payment, read_session
from tillway.adapters.stripe.subscriptions import read_subscription
from tillway.core.assets import Assets
from tillway.core.ports.hosting import (
    DisputeState,
    DisputeTold,
    InvoiceTold,
    News,
    NothingTold,
    PayBackTold,
    SessionTold,
    SubscriptionTold,
    Told,
)

NOTHING: Final = NothingTold()

DISPUTES: Final[Mapping[str, DisputeState]] = {
    "needs_response": DisputeState.OPEN,
    "under_review": DisputeState.OPEN,
    "won": DisputeState.WON,
    "lost": DisputeState.LOST,
}
"""An inquiry (``warning_...``) and a dispute that was prevented have taken no money."""


@frozen(kw_only=True)
class _Event:
    """An event's object, with what is needed to read it."""

    at: datetime
    object: Fields
    assets: Assets


def read_told(body: bytes) -> Told:
    """Read the envelope of an event. Raises Declined (invalid_field) for what is none."""
    event = _parsed(body)
    return Told(
        id=event.need_ref("id"),
        type=event.need_text("type"),
        at=event.need_time("created"),
        body=body,
        test=not event.flag("livemode"),
    )


def translate(body: bytes, assets: Assets) -> News:
    """Say what an event means. Raises Declined (invalid_field) where it cannot be read."""
    event = _parsed(body)
    named = event.need_text("type")
    read = READERS.get(named)
    if named.startswith("customer.subscription."):
        read = _subscription
    if read is None:
        return NOTHING
    object_ = event.need("data").need("object")
    return read(_Event(at=event.need_time("created"), object=object_, assets=assets))


def _parsed(body: bytes) -> Fields:
    try:
        return Fields.of(orjson.loads(body))
    except orjson.JSONDecodeError:
        raise Misshapen("", "must be JSON") from None


def _session(event: _Event) -> News:
    return SessionTold(session=read_session(event.object, event.assets))


def _failed_session(event: _Event) -> News:
    return SessionTold(session=read_session(event.object, event.assets), failed=True)


def _subscription(event: _Event) -> News:
    return SubscriptionTold(subscription=read_subscription(event.object), at=event.at)


def _invoice(event: _Event, *, paid: bool) -> News:
    invoice = event.object
    subscription = _subscription_of(invoice)
    if subscription is None:
        return NOTHING
    began, ended = _period(invoice)
    amount = "amount_paid" if paid else "amount_due"
    return InvoiceTold(
        id=invoice.need_ref("id"),
        subscription=subscription,
        paid=paid,
        amount=invoice.money(amount, invoice.asset(event.assets)),
        period_start=began,
        period_end=ended,
        at=event.at,
        payment=invoice_payment(invoice),
        **_whose(invoice),
    )


def _details(invoice: Fields) -> Fields | None:
    parent = invoice.inner("parent")
    moved = parent and parent.inner("subscription_details")
    return moved or invoice.inner("subscription_details")


def _subscription_of(invoice: Fields) -> str | None:
    """Read whose invoice it is; None for one that bills no subscription."""
    details = _details(invoice)
    return (details and details.ref("subscription")) or invoice.ref("subscription")


def _whose(invoice: Fields) -> Mapping[str, Any]:
    """Read whose its subscription is, where its metadata is there."""
    details = _details(invoice)
    if details is None or not details.has("metadata"):
        return {}
    reference = details.texts("metadata").get(CHECKOUT)
    return {"reference": reference, "foreign": reference is None}


def _period(invoice: Fields) -> tuple[datetime, datetime]:
    """Read which period is billed: a line tells, the invoice itself tells of the one before."""
    periods = [_ends(line.need("period")) for line in invoice.each("lines") if _is_plan(line)]
    if periods:
        return max(periods, key=lambda period: period[1])
    return invoice.need_time("period_start"), invoice.need_time("period_end")


def _ends(period: Fields) -> tuple[datetime, datetime]:
    return period.need_time("start"), period.need_time("end")


def _is_plan(line: Fields) -> bool:
    parent = line.inner("parent")
    kind = parent.text("type") if parent is not None else line.text("type")
    plan = kind in ("subscription", "subscription_item_details")
    return plan and not is_prorated(line)


def _charge(event: _Event) -> News:
    charge, asset = event.object, event.object.asset(event.assets)
    return PayBackTold(
        payment=charge.ref("payment_intent") or charge.need_ref("id"),
        total=charge.money("amount_refunded", asset),
        refunds=tuple(read_refund(one, event.assets) for one in charge.each("refunds")),
        at=event.at,
    )


def _refund(event: _Event) -> News:
    """Say how one refund stands: banks send some back, days after they were done."""
    refund = event.object
    payment = refund.ref("payment_intent") or refund.ref("charge")
    if payment is None:
        return NOTHING
    one = read_refund(refund, event.assets)
    return PayBackTold(payment=payment, total=None, refunds=(one,), at=event.at)


def _dispute(event: _Event) -> News:
    dispute = event.object
    state = DISPUTES.get(dispute.need_text("status"))
    if state is None:
        return NOTHING
    return DisputeTold(
        id=dispute.need_ref("id"),
        payment=dispute.ref("payment_intent") or dispute.need_ref("charge"),
        amount=dispute.money("amount", dispute.asset(event.assets)),
        state=state,
        reason=dispute.text("reason") or "",
        at=event.at,
    )


READERS: Final[Mapping[str, Callable[[_Event], News]]] = {
    "checkout.session.completed": _session,
    "checkout.session.async_payment_succeeded": _session,
    "checkout.session.async_payment_failed": _failed_session,
    "checkout.session.expired": _session,
    "invoice.paid": lambda event: _invoice(event, paid=True),
    "invoice.payment_failed": lambda event: _invoice(event, paid=False),
    "charge.refunded": _charge,
    "charge.refund.updated": _refund,
    "refund.updated": _refund,
    "refund.failed": _refund,
    "charge.dispute.created": _dispute,
    "charge.dispute.updated": _dispute,
    "charge.dispute.closed": _dispute,
    "charge.dispute.funds_withdrawn": _dispute,
    "charge.dispute.funds_reinstated": _dispute,
}
"""The events that change something here, by Stripe's names of them."""
