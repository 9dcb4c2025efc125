"""Forged events: none is granted, however authentic it looks."""

import json
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest
import yaml

from support import stripe_objects
from support.faces import Place
from support.forger import Forger, kinds, spoiled
from support.shell import Said, ask, serving
from support.storm import SETTINGS, Sent, completed, event, fill, made_checkout
from tillway.core.checkouts import Checkout, CheckoutState
from tillway.core.contracts.stores.steps import count
from tillway.core.payments import State
from tillway.core.tenancy import DEFAULT
from tillway.entrypoints.bootstrap import create_app
from tillway.entrypoints.configuration import configure

WEBHOOK = "/webhook/stripe"
PAINTING, STICKER = 9_900, 100
RESOURCES = {
    "painting": {"fiat_amount_cents": PAINTING},
    "sticker": {"fiat_amount_cents": STICKER},
}


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    """Give a gateway with the real adapter, which nobody at Stripe's end answers."""
    settings: dict[str, Any] = {
        "storage": {"backend": "memory"},
        "logging": {"environment": "development"},
        "paywall": {"resources": RESOURCES},
        "stripe": dict(SETTINGS),
    }
    gateway = create_app(configure(yaml.safe_dump(settings), {}), background=False)
    async with serving(gateway.web) as client:
        yield Place(gateway, client)


async def told(place: Place, body: bytes, headers: Any) -> Said:
    """Send an event."""
    return await ask(place.client, WEBHOOK, "POST", data=body, headers=headers)


async def granted(place: Place) -> int:
    """Count what the seller was told is paid."""
    async with place.gateway.store.view() as view:
        facts = await view.events.newest(DEFAULT, 10**6)
    return sum(fact.type == "payment.succeeded" for fact in facts)


async def paid(place: Place, checkout: Checkout) -> bool:
    """Tell whether a checkout is paid, or its session's payment settled."""
    async with place.gateway.store.view() as view:
        now = await view.checkouts.get(DEFAULT, checkout.id)
        payment = await view.payments.by_signature(DEFAULT, f"stripe:{checkout.session}")
    assert now is not None
    settled = payment is not None and payment.state is State.SETTLED
    return settled or now.state is CheckoutState.PAID


def _kinds(checkout: Checkout) -> Sequence[tuple[str, Mapping[str, Any]]]:
    """Give an event of each kind that means something."""
    money = f"pi_{checkout.session}"
    return [
        ("checkout.session.completed", completed(checkout)),
        ("checkout.session.expired", completed(checkout, status="expired")),
        ("checkout.session.async_payment_failed", completed(checkout)),
        ("charge.refunded", stripe_objects.charge(payment_intent=money)),
        ("refund.failed", stripe_objects.refund(payment_intent=money, status="failed")),
        ("charge.dispute.created", stripe_objects.dispute(payment_intent=money)),
        ("customer.subscription.updated", stripe_objects.subscription()),
        ("invoice.paid", stripe_objects.invoice()),
    ]


@pytest.mark.asyncio
class TestForgeries:
    """Events that would grant something if they were believed."""

    async def test_none_is_accepted(self, place: Place) -> None:
        """Without a right signature nothing is kept; with one, nothing is granted."""
        size = count(160, 1_200)
        dear = [made_checkout(number, "painting", PAINTING) for number in range(size)]
        cheap = [made_checkout(size + number, "sticker", STICKER) for number in range(size)]
        await fill(place.gateway.store, [*dear, *cheap])
        forger, tried = Forger(random.Random(11)), set[str]()
        for number in range(size):
            pair = dear[number], cheap[number]
            forged = forger.signed(*pair) if number % 2 else forger.unsigned(pair[0])
            said = await told(place, forged.body, forged.headers)
            tried.add(forged.kind)
            assert said.status == (200 if forged.authentic else 400), forged.kind
            assert forged.authentic or said.code == "invalid_signature"
            assert not await paid(place, pair[0]), forged.kind
            assert not await paid(place, pair[1]), forged.kind
        assert tried == set(kinds())
        assert await granted(place) == 0

    async def test_odd_events_break_nothing(
        self, place: Place, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Authentic, and with something in them that should not be: no 5xx, and no surprise."""
        chance, checkout = random.Random(23), made_checkout(1, "painting", PAINTING)
        await fill(place.gateway.store, [checkout])
        for number in range(count(250, 10_000)):
            kind, body = chance.choice(_kinds(checkout))
            written = json.loads(event(f"evt_{number}", kind, body, 0).body)
            raw = json.dumps(spoiled(written, chance)).encode()
            said = await told(place, raw, Sent("", raw).headers)
            assert said.status < 500, raw
        assert await granted(place) <= 1
        assert "cannot be applied" not in caplog.text

    async def test_the_true_one_is_still_granted(self, place: Place) -> None:
        """Whatever was tried without the key."""
        checkout = made_checkout(1, "painting", PAINTING)
        await fill(place.gateway.store, [checkout])
        forger = Forger(random.Random(3))
        for _ in range(30):
            forged = forger.unsigned(checkout)
            await told(place, forged.body, forged.headers)
        true: Sent = event("evt_true", "checkout.session.completed", completed(checkout), 0)
        assert (await told(place, true.body, true.headers)).status == 200
        assert await paid(place, checkout)
        assert await granted(place) == 1
