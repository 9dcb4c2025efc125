"""A provider of card payments in memory: what it is asked is seen, what it tells is signed."""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
from attrs import define, evolve, field

from tillway.core.assets import BUILT_IN
from tillway.core.catalog import Product
from tillway.core.checkouts import Checkout
from tillway.core.contracts.samples import NOW
from tillway.core.errors import Code, Declined, TillwayError
from tillway.core.money import Money
from tillway.core.ports.hosting import (
    DisputeState,
    DisputeTold,
    HostedSession,
    News,
    NothingTold,
    Order,
    PaidBack,
    PayBackState,
    PayBackTold,
    SessionStatus,
    SessionTold,
    Told,
)
from tillway.core.ports.rails import RailHealth

SECRET: Final = b"whsec_test"
TOLERANCE: Final = 300
USD: Final = BUILT_IN.by_code("USD")
THEIRS: Final = Money(4_200, USD)
"""What the provider's own price comes to."""


def signed(body: bytes, at: datetime, secret: bytes = SECRET) -> dict[str, str]:
    """Give the header over a body at a time."""
    moment = str(int(at.timestamp()))
    mac = hmac.new(secret, moment.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={moment},v1={mac}"}


@define(kw_only=True)
class Cards:
    """A rail whose provider is this object. ``trouble`` is raised instead of answering."""

    name: str = "stripe"
    method: str = "stripe"
    source: str = "stripe"
    trouble: TillwayError | None = None
    lost: bool = False
    promotion: int = 0
    markup: int = 0
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    orders: list[Order] = field(factory=list)
    sessions: dict[str, HostedSession] = field(factory=dict)

    # Selling

    async def health(self) -> RailHealth:
        """Be well."""
        return RailHealth(reachable=True, facts={})

    def takes(self, product: Product) -> bool:
        """Take what has a price in a currency, or one of ours."""
        return product.fiat_price is not None or bool(product.stripe_price_id)

    async def open(self, order: Order) -> HostedSession:
        """Open a session, the same again for a repeat; a ``lost`` answer leaves it open."""
        if self.trouble is not None and not self.lost:
            raise self.trouble
        if order.promotion_code is not None and not self.promotion:
            raise Declined(Code.COUPON_NOT_FOUND, field="couponCode")
        known = self.of(order.checkout)
        if known is None:
            self.orders.append(order)
            known = self._session(order)
            self.sessions[known.id] = known
        if self.trouble is not None:
            raise self.trouble
        return known

    async def retrieve(self, session: str) -> HostedSession | None:
        """Give a session."""
        self._fail()
        return self.sessions.get(session)

    async def find(self, checkout: Checkout) -> HostedSession | None:
        """Give a checkout's session."""
        self._fail()
        return self.of(checkout)

    async def expire(self, session: str) -> HostedSession:
        """End an open session."""
        self._fail()
        found = self.sessions[session]
        if found.status is SessionStatus.OPEN:
            found = self.sessions[session] = evolve(found, status=SessionStatus.EXPIRED)
        return found

    def of(self, checkout: Checkout) -> HostedSession | None:
        """Find a checkout's session."""
        found = (each for each in self.sessions.values() if each.reference == checkout.id)
        return next(found, None)

    def pay(self, session: str, **changes: Any) -> HostedSession:
        """Have a buyer pay."""
        paid = evolve(
            self.sessions[session],
            status=SessionStatus.COMPLETE,
            paid=True,
            payment=f"pi_{session.removeprefix('cs_')}",
            customer_email="buyer@shop.example",
            customer="cus_1",
        )
        self.sessions[session] = evolve(paid, **changes)
        return self.sessions[session]

    def _fail(self) -> None:
        if self.trouble is not None:
            raise self.trouble

    def _session(self, order: Order) -> HostedSession:
        number, checkout = len(self.sessions) + 1, order.checkout
        return HostedSession(
            id=f"cs_{number}",
            status=SessionStatus.OPEN,
            paid=False,
            reference=checkout.id,
            amount=self._amount(order),
            expires_at=checkout.created_at + timedelta(hours=24),
            url=f"https://checkout.example/cs_{number}",
            metadata={
                **order.metadata,
                "tillway_checkout": checkout.id,
                "tillway_tenant": checkout.tenant,
                "tillway_purpose": checkout.purchase.purpose.value,
            },
        )

    def _amount(self, order: Order) -> Money:
        units = [each.unit * each.quantity for each in order.lines if each.unit is not None]
        if not units:
            return THEIRS
        total = sum(units, Money.zero(units[0].asset))
        off = order.discount.minor if order.discount is not None else 0
        promotion = self.promotion if order.promotion_code else 0
        return evolve(total, minor=total.minor - off - promotion + self.markup)

    # Telling

    def verify(self, headers: Mapping[str, str], body: bytes) -> Told:
        """Take what is signed, and fresh."""
        text = headers.get("Stripe-Signature") or ""
        parts = dict(each.split("=", 1) for each in text.split(",") if "=" in each)
        moment = parts.get("t", "")
        if not moment.isdigit() or abs(int(moment) - self.now().timestamp()) > TOLERANCE:
            raise Declined(Code.INVALID_SIGNATURE)
        wanted = signed(body, datetime.fromtimestamp(int(moment), UTC))
        if not hmac.compare_digest(wanted["Stripe-Signature"], text):
            raise Declined(Code.INVALID_SIGNATURE)
        event = orjson.loads(body)
        return Told(id=event["id"], type=event["type"], at=NOW, body=body, test=True)

    def translate(self, body: bytes) -> News:
        """Read what `event` wrote."""
        event = orjson.loads(body)
        reader = _READERS.get(event["type"])
        if reader is None:
            return NothingTold()
        try:
            return reader(event["object"])
        except (KeyError, TypeError) as error:
            raise Declined(Code.INVALID_FIELD, "unreadable") from error


def event(name: str, kind: str, body: Mapping[str, Any]) -> bytes:
    """Write an event."""
    return orjson.dumps({"id": name, "type": kind, "object": body})


def session_event(name: str, session: HostedSession, kind: str = "session") -> bytes:
    """Write what is told of a session."""
    return event(
        name,
        kind,
        {
            "id": session.id,
            "status": session.status.value,
            "paid": session.paid,
            "reference": session.reference,
            "amount": None if session.amount is None else session.amount.minor,
            "asset": None if session.amount is None else session.amount.asset.code,
            "tax": None if session.tax is None else session.tax.minor,
            "payment": session.payment,
            "email": session.customer_email,
            "metadata": dict(session.metadata),
        },
    )


def refund_event(
    name: str,
    payment: str,
    total: int | None,
    refunds: Sequence[tuple[str, int, str, str | None]] = (),
) -> bytes:
    """Write that money went back: single refunds by id, amount, state and our reference."""
    return event(name, "refund", {"payment": payment, "total": total, "refunds": refunds})


def dispute_event(
    name: str,
    payment: str,
    state: DisputeState,
    at: int = 0,
    dispute: str = "dp_1",
    amount: int = 1_250,
) -> bytes:
    """Write how a dispute stands."""
    body = {"id": dispute, "payment": payment, "state": state.value, "at": at, "amount": amount}
    return event(name, "dispute", body)


def _session(body: Mapping[str, Any], *, failed: bool = False) -> SessionTold:
    amount = body["amount"]
    asset = BUILT_IN.by_code(body["asset"]) if amount is not None else USD
    session = HostedSession(
        id=body["id"],
        status=SessionStatus(body["status"]),
        paid=body["paid"],
        reference=body["reference"],
        amount=None if amount is None else Money(amount, asset),
        tax=Money(body["tax"], asset) if body["tax"] else None,
        expires_at=NOW + timedelta(hours=24),
        payment=body["payment"],
        customer_email=body["email"],
        metadata=body["metadata"],
    )
    return SessionTold(session=session, failed=failed)


def _refund(body: Mapping[str, Any]) -> PayBackTold:
    return PayBackTold(
        payment=body["payment"],
        total=None if body["total"] is None else Money(body["total"], USD),
        refunds=tuple(
            PaidBack(
                id=name, amount=Money(minor, USD), state=PayBackState(state), reference=reference
            )
            for name, minor, state, reference in body["refunds"]
        ),
        at=NOW,
    )


def _dispute(body: Mapping[str, Any]) -> DisputeTold:
    return DisputeTold(
        id=body["id"],
        payment=body["payment"],
        amount=Money(body["amount"], USD),
        state=DisputeState(body["state"]),
        reason="fraudulent",
        at=NOW + timedelta(seconds=body["at"]),
    )


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any]], News]]] = {
    "session": _session,
    "failed": lambda body: _session(body, failed=True),
    "refund": _refund,
    "dispute": _dispute,
}
