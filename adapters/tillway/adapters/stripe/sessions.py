"""Checkout sessions: opened once for a checkout, found again, ended."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import define, field

from tillway.adapters.stripe.answers import Fields
from tillway.adapters.stripe.client import LOOK_AGAIN, Api, key_of, segment
from tillway.adapters.stripe.config import LONGEST_SESSION, SHORTEST_SESSION, StripeConfig
from tillway.adapters.stripe.discounts import Discounts
from tillway.adapters.stripe.errors import Refused
from tillway.adapters.stripe.hosts import refuse_elsewhere
from tillway.adapters.stripe.lines import Charged, charged, folded, items, refuse_amount
from tillway.adapters.stripe.metadata import ours_of, written
from tillway.adapters.stripe.prices import Prices
from tillway.core.assets import Assets
from tillway.core.checkouts import Checkout
from tillway.core.errors import Code, Unavailable, Unsettled
from tillway.core.money import Money
from tillway.core.ports.clock import Clock
from tillway.core.ports.hosting import HostedSession, Order, SessionStatus

KEY_LIFE: Final = timedelta(hours=23)
"""Stripe forgets an idempotency key after a day: a repeat must come well before."""

SKEW: Final = timedelta(minutes=5)
_PAGE: Final = 100
_MOST_PAGES: Final = 200
_PAID: Final = frozenset({"paid", "no_payment_required"})
_PATH: Final = "/v1/checkout/sessions"
_EXPANDED: Final = {"expand": ["invoice.payments"]}


def read_session(fields: Fields, assets: Assets) -> HostedSession:
    """Read a session as an answer or an event has it."""
    details = fields.inner("customer_details")
    return HostedSession(
        id=fields.need_ref("id"),
        status=fields.word("status", SessionStatus),
        paid=fields.text("payment_status") in _PAID,
        reference=fields.text("client_reference_id"),
        expires_at=fields.need_time("expires_at"),
        url=fields.text("url"),
        payment=fields.ref("payment_intent") or _invoice_payment(fields),
        subscription=fields.ref("subscription"),
        customer=fields.ref("customer"),
        customer_email=(details and details.text("email")) or fields.text("customer_email"),
        metadata=fields.texts("metadata"),
        **_amounts(fields, assets),
    )


def _amounts(fields: Fields, assets: Assets) -> dict[str, Any]:
    if not fields.has("amount_subtotal"):
        return {"amount": None}
    asset = fields.asset(assets)
    off, tax, shipping = 0, None, None
    details = fields.inner("total_details")
    if details is not None:
        off = details.whole("amount_discount") or 0
        tax, shipping = details.whole("amount_tax"), details.whole("amount_shipping")
    amount, total = fields.money("amount_subtotal", asset) - Money(off, asset), None
    if fields.has("amount_total"):
        total = fields.money("amount_total", asset)
    if tax is not None and total is not None:
        # What the price includes is paid with it: only what was added to it stands apart.
        tax = max(0, min(tax, total.minor - amount.minor - (shipping or 0)))
    return {
        "amount": amount,
        "tax": None if tax is None else Money(tax, asset),
        "shipping": None if shipping is None else Money(shipping, asset),
    }


def _invoice_payment(fields: Fields) -> str | None:
    invoice = fields.members.get("invoice")
    return invoice_payment(Fields.of(invoice)) if isinstance(invoice, dict) else None


def invoice_payment(invoice: Fields) -> str | None:
    """Name the money of an invoice, as far as it tells: by its payments, or as it did before."""
    for one in invoice.each("payments"):
        payment = one.inner("payment")
        found = payment and (payment.ref("payment_intent") or payment.ref("charge"))
        if found:
            return found
    return invoice.ref("payment_intent") or invoice.ref("charge")


@define(kw_only=True)
class Sessions:
    """Opens sessions, and finds them again. The laws are those of `HostsCheckout`."""

    api: Api = field(repr=False)
    config: StripeConfig
    clock: Clock = field(repr=False)
    prices: Prices = field(repr=False)
    discounts: Discounts = field(repr=False)

    async def open(self, order: Order) -> HostedSession:
        """Open a session; after 23 hours only a look can tell what became of the first try."""
        refuse_elsewhere(order.success_url, self.config.hosts, "successUrl")
        refuse_elsewhere(order.cancel_url, self.config.hosts, "cancelUrl")
        checkout = order.checkout
        if self.clock.now() - checkout.created_at >= KEY_LIFE:
            raise Unsettled(Code.STRIPE_ERROR, reference=checkout.id, retry_after=LOOK_AGAIN)
        params = await self._params(order)
        return await self.api.write(
            "checkout.sessions.create",
            _PATH,
            params,
            self._read,
            key=key_of("checkout", checkout.id),
        )

    def _read(self, fields: Fields) -> HostedSession:
        return read_session(fields, self.config.assets)

    async def _params(self, order: Order) -> dict[str, Any]:
        ids = {line.price_id for line in order.lines if line.price_id}
        priced = charged(order, {id_: await self.prices.get(id_) for id_ in sorted(ids)})
        refuse_amount(priced)
        lines, discounts = await self._discounted(order, priced)
        checkout = order.checkout
        ours = ours_of(checkout)
        params: dict[str, Any] = {
            "mode": "payment" if order.terms is None else "subscription",
            "client_reference_id": checkout.id,
            "line_items": items(order, lines, self.config),
            "success_url": order.success_url,
            "cancel_url": order.cancel_url,
            "expires_at": int(expiry(checkout, self.config.session_lifetime).timestamp()),
            "metadata": written(order.metadata, ours),
            **_buyer(order),
        }
        if discounts:
            params["discounts"] = [dict(discounts)]
        if self.config.payment_methods:
            params["payment_method_types"] = list(self.config.payment_methods)
        return {**params, **_carried_on(order, params["metadata"])}

    async def _discounted(
        self, order: Order, lines: Sequence[Charged]
    ) -> tuple[Sequence[Charged], Mapping[str, str]]:
        off = order.discount
        off = None if off is None or off.minor == 0 else off
        if order.promotion_code:
            # Stripe takes one discount a session: ours is taken off the lines themselves.
            code = await self.discounts.promotion(order.promotion_code, order.customer)
            return lines if off is None else [folded(lines, off)], {"promotion_code": code}
        if off is None:
            return lines, {}
        return lines, {"coupon": await self.discounts.coupon(order.checkout, off)}

    async def retrieve(self, session: str) -> HostedSession | None:
        """Give a session as it stands."""
        return await self.api.find(
            "checkout.sessions.retrieve", f"{_PATH}/{segment(session)}", _EXPANDED, self._read
        )

    async def find(self, checkout: Checkout) -> HostedSession | None:
        """Look through the sessions of the time in which this one can have been opened."""
        began = checkout.created_at - SKEW
        ended = min(checkout.created_at + KEY_LIFE, self.clock.now()) + SKEW
        last: str | None = None
        for _ in range(_MOST_PAGES):
            page = await self._page(began, ended, last)
            for fields in page:
                if fields.text("client_reference_id") == checkout.id:
                    return self._read(fields)
            if len(page) < _PAGE:
                return None
            last = page[-1].need_ref("id")
        # That it was not among so many proves nothing.
        raise Unavailable(Code.STRIPE_ERROR)

    async def _page(self, began: datetime, ended: datetime, last: str | None) -> list[Fields]:
        params: dict[str, Any] = {
            "limit": _PAGE,
            "created": {"gte": int(began.timestamp()), "lte": int(ended.timestamp())},
        }
        if last is not None:
            params["starting_after"] = last
        return await self.api.read(
            "checkout.sessions.list", _PATH, params, lambda answer: list(answer.each("data"))
        )

    async def expire(self, session: str) -> HostedSession:
        """End an open session; one that is over already is given as it stands.

        The key is this call's: a session ends once whatever it is, and a refusal of some hours ago
        must not be given again.
        """
        moment = int(self.clock.now().timestamp())
        try:
            return await self.api.write(
                "checkout.sessions.expire",
                f"{_PATH}/{segment(session)}/expire",
                {},
                self._read,
                key=key_of("expire", f"{session}-{moment}"),
            )
        except Refused:
            found = await self.retrieve(session)
            if found is None or found.status is SessionStatus.OPEN:
                raise
            return found


def expiry(checkout: Checkout, lifetime: timedelta) -> datetime:
    """Give when a session ends: not before the checkout does, and within what Stripe takes.

    It is reckoned from the checkout's beginning, so that a repeat asks for the same.
    """
    began = checkout.created_at
    wanted = max(checkout.expires_at, began + lifetime)
    return min(max(wanted, began + SHORTEST_SESSION), began + LONGEST_SESSION)


def _buyer(order: Order) -> dict[str, str]:
    if order.customer:
        return {"customer": order.customer}
    return {"customer_email": order.customer_email} if order.customer_email else {}


def _carried_on(order: Order, metadata: Mapping[str, str]) -> dict[str, Any]:
    """Have what the session becomes carry our words too: later events tell of that alone."""
    if order.terms is None:
        return {"payment_intent_data": {"metadata": metadata}}
    data: dict[str, Any] = {"metadata": metadata}
    if order.trial_days > 0:
        data["trial_period_days"] = order.trial_days
    return {"subscription_data": data}
