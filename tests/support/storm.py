"""A storm of Stripe's events about many checkouts, and what must come of it."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import aiohttp
from attrs import evolve, field, frozen

from support import stripe_objects as stripe
from tillway.adapters.stripe.signature import signature
from tillway.core.assets import BUILT_IN
from tillway.core.checkouts import Checkout, CheckoutId, CheckoutState
from tillway.core.ledger import Account, AccountKind
from tillway.core.money import Money
from tillway.core.payments import Phase, Purchase, Reservation
from tillway.core.ports.store import Store, View
from tillway.core.quotes import Purpose
from tillway.core.secrets import Secret
from tillway.core.tenancy import DEFAULT
from tillway.entrypoints.gateway import Gateway

SECRET: Final = Secret("whsec_0123456789abcdef0123456789abcdef")
SETTINGS: Final[Mapping[str, Any]] = {
    "secret_key": "sk_test_0123456789",
    "webhook_secret": SECRET.reveal(),
    "api_base": "http://127.0.0.1:9",
}
"""Stripe itself is not reached: what it tells is all there is."""

USD: Final = BUILT_IN.by_code("USD")
PRICE: Final = 1_250
_BATCH: Final = 100


@frozen
class Sent:
    """An event as it is sent. ``stale`` ones are signed long ago."""

    name: str
    body: bytes = field(repr=False)
    stale: bool = False

    @property
    def headers(self) -> Mapping[str, str]:
        """Sign it now, or as if some time ago."""
        at = datetime.now(UTC) - timedelta(seconds=400 if self.stale else 0)
        return {"Stripe-Signature": signature(self.body, SECRET, at)}


@frozen
class Storm:
    """Checkouts, the events about them in their order, and what is sent of them, in none."""

    checkouts: Sequence[Checkout]
    events: Sequence[Sent]
    sent: Sequence[Sent]


def storm(size: int, seed: int = 4) -> Storm:
    """Make one of about ``size`` events: of them 30 % are repeats and 5 % stale."""
    chance = random.Random(seed)
    checkouts: list[Checkout] = []
    events: list[Sent] = []
    while len(events) < size * 0.65:
        made = made_checkout(len(checkouts))
        checkouts.append(made)
        events += _told(made, chance)
    repeats = chance.choices(events, k=int(size * 0.3))
    stale = [evolve(each, stale=True) for each in chance.choices(events, k=int(size * 0.05))]
    sent = [*events, *repeats, *stale]
    chance.shuffle(sent)
    return Storm(checkouts, events, sent)


def made_checkout(number: int, resource: str = "mug", price: int = PRICE) -> Checkout:
    """Give an open checkout."""
    now = datetime.now(UTC)
    half = Reservation(
        name="coupon:HALF",
        amount=1,
        limit=None,
        counts=frozenset({Phase.LIVE, Phase.SETTLED}),
        tenant=DEFAULT,
    )
    return Checkout(
        id=CheckoutId(f"checkout_{number:032x}"),
        tenant=DEFAULT,
        provider="stripe",
        purchase=Purchase(tenant=DEFAULT, purpose=Purpose.PURCHASE, resource=resource),
        amount=Money(price, USD),
        created_at=now,
        expires_at=now + timedelta(hours=24),
        reservations=(half,) if number % 2 else (),
        state=CheckoutState.OPEN,
        session=f"cs_test_{number}",
        url="https://checkout.example/",
    )


def _told(checkout: Checkout, chance: random.Random) -> Sequence[Sent]:
    """Tell one of the lives that a checkout may have."""
    number = checkout.id.removeprefix("checkout_")
    lives = (_paid, _late, _failed, _expired, _refunded, _won, _lost, _mismatched)
    made = chance.choice(lives)(checkout)
    return [
        event(f"evt_{number}_{place}", kind, body, place) for place, (kind, body) in enumerate(made)
    ]


_Told = Sequence[tuple[str, Mapping[str, Any]]]


def completed(checkout: Checkout, **changes: Any) -> Mapping[str, Any]:
    """Give a checkout's session as it is once it was paid; ``changes`` replace members."""
    price = checkout.amount
    assert price is not None
    usual = {
        "id": checkout.session,
        "client_reference_id": checkout.id,
        "amount_subtotal": price.minor,
        "amount_total": price.minor,
        "total_details": {"amount_discount": 0, "amount_tax": 0, "amount_shipping": 0},
        "payment_intent": _money(checkout),
        "metadata": {
            "resource_id": checkout.purchase.resource,
            "tillway_checkout": checkout.id,
        },
    }
    return stripe.session(**{**usual, **changes})


def _money(checkout: Checkout) -> str:
    return f"pi_{checkout.session}"


def _paid(checkout: Checkout) -> _Told:
    return [("checkout.session.completed", completed(checkout))]


def _late(checkout: Checkout) -> _Told:
    return [
        ("checkout.session.completed", completed(checkout, payment_status="unpaid")),
        ("checkout.session.async_payment_succeeded", completed(checkout)),
    ]


def _failed(checkout: Checkout) -> _Told:
    unpaid = completed(checkout, payment_status="unpaid")
    return [
        ("checkout.session.completed", unpaid),
        ("checkout.session.async_payment_failed", unpaid),
    ]


def _expired(checkout: Checkout) -> _Told:
    over = completed(checkout, status="expired", payment_status="unpaid", payment_intent=None)
    return [("checkout.session.expired", over), ("payment_intent.canceled", {"id": "pi_x"})]


def _refunded(checkout: Checkout) -> _Told:
    def charge(total: int) -> Mapping[str, Any]:
        return stripe.charge(payment_intent=_money(checkout), amount_refunded=total)

    return [
        *_paid(checkout),
        ("charge.refunded", charge(300)),
        ("charge.refunded", charge(500)),
    ]


def _disputed(checkout: Checkout, end: str) -> _Told:
    def dispute(status: str) -> Mapping[str, Any]:
        name = f"dp_{checkout.session}"
        return stripe.dispute(id=name, payment_intent=_money(checkout), status=status)

    return [
        *_paid(checkout),
        ("charge.dispute.created", dispute("needs_response")),
        ("charge.dispute.closed", dispute(end)),
    ]


def _won(checkout: Checkout) -> _Told:
    return _disputed(checkout, "won")


def _lost(checkout: Checkout) -> _Told:
    return _disputed(checkout, "lost")


def _mismatched(checkout: Checkout) -> _Told:
    other = completed(checkout, amount_subtotal=1, amount_total=1)
    return [("checkout.session.completed", other)]


def event(name: str, kind: str, body: Mapping[str, Any], place: int) -> Sent:
    """Write an event as Stripe does."""
    written = {
        "id": name,
        "object": "event",
        "type": kind,
        "created": stripe.AT + place,
        "livemode": False,
        "data": {"object": body},
    }
    return Sent(name, json.dumps(written).encode())


async def fill(store: Store, checkouts: Sequence[Checkout]) -> None:
    """Write the checkouts as they were before anything was told."""
    for start in range(0, len(checkouts), _BATCH):
        async with store.begin() as unit:
            for checkout in checkouts[start : start + _BATCH]:
                await unit.checkouts.add(checkout)


async def in_order(gateway: Gateway, made: Storm) -> None:
    """Tell each event once, in its order."""
    await fill(gateway.store, made.checkouts)
    for each in made.events:
        await gateway.services.incoming.receive(DEFAULT, "stripe", each.headers, each.body)


async def blow(
    addresses: Sequence[str], sent: Sequence[Sent], connections: int = 32
) -> Counter[int]:
    """Send events to some servers at once, and count the answers by status.

    What is not answered is sent again, as Stripe does it.
    """
    statuses: Counter[int] = Counter()
    waiting = list(enumerate(sent))[::-1]

    async def send(http: aiohttp.ClientSession) -> None:
        while waiting:
            number, each = waiting.pop()
            address = addresses[number % len(addresses)]
            try:
                statuses[await _answered(http, address, each)] += 1
            except (aiohttp.ClientError, TimeoutError):
                waiting.append((number + 1, each))
                await asyncio.sleep(0.05)

    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector) as http:
        await asyncio.gather(*(send(http) for _ in range(connections)))
    return statuses


async def _answered(http: aiohttp.ClientSession, address: str, each: Sent) -> int:
    url = f"{address}/webhook/stripe"
    async with http.post(url, data=each.body, headers=each.headers) as response:
        await response.read()
        return response.status


async def applied(store: Store, made: Storm, seconds: float = 60.0) -> None:
    """Wait until every event is applied."""
    waiting = {each.name for each in made.events}
    for _ in range(int(seconds * 5)):
        async with store.view() as view:
            for name in sorted(waiting):
                kept = await view.inbox.get(DEFAULT, "stripe", name)
                if kept is None or kept.applied_at is None:
                    break
                waiting.discard(name)
        if not waiting:
            return
        await asyncio.sleep(0.2)
    raise AssertionError(f"{len(waiting)} events are not applied: {sorted(waiting)[:3]}")


async def outcome(store: Store, made: Storm) -> Mapping[str, Any]:
    """Give all that must be the same, whatever was heard first."""
    async with store.view() as view:
        lives = {each.id: await _life(view, each) for each in made.checkouts}
        totals = await view.tallies.totals(DEFAULT, ["coupon:HALF"])
        accounts = (
            Account(AccountKind.SALES, "stripe"),
            Account(AccountKind.WALLET, "stripe"),
            Account(AccountKind.CUSTOMER, "buyer@example.com"),
        )
        money = {
            str(each): (await view.ledger.balance(DEFAULT, each, USD)).total for each in accounts
        }
    return {"lives": lives, "totals": totals, "money": money}


async def _life(view: View, checkout: Checkout) -> Mapping[str, Any]:
    now = await view.checkouts.get(DEFAULT, checkout.id)
    assert now is not None
    name = f"stripe:{checkout.session}"
    payment = await view.payments.by_signature(DEFAULT, name)
    refunds = Counter[str]()
    for each in await view.refunds.of(DEFAULT, name):
        refunds[f"{each.origin} {each.state}"] += each.amount.minor
    return {
        "state": now.state,
        "money": now.paid_with,
        "payment": payment and (payment.state, payment.amount.minor, payment.code),
        "refunds": refunds,
    }


async def told_once(store: Store, made: Storm) -> bool:
    """Tell whether the seller heard once of each payment that no dispute has moved again."""
    async with store.view() as view:
        facts = await view.events.newest(DEFAULT, 10**6)
    heard = Counter(
        str(fact.body["stripeSessionId"]) for fact in facts if fact.type == "payment.succeeded"
    )
    disputed = {
        str(fact.body["stripeSessionId"]) for fact in facts if fact.type == "payment.reversed"
    }
    return all(count == 1 for name, count in heard.items() if name not in disputed)
