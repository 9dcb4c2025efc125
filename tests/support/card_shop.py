"""A gateway that takes cards by a provider in memory, served on loopback."""

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from attrs import define, field

from support.cards import SECRET, USD, Cards, session_event, signed
from support.faces import faces
from support.shell import Client, Said, ask
from tillway.core.checkouts import Checkout
from tillway.core.events import Event
from tillway.core.ledger import Account, AccountKind
from tillway.core.payments import Payment
from tillway.core.ports.hosting import HostedSession
from tillway.core.ports.store import Inbound
from tillway.core.refunds import Refund
from tillway.core.tenancy import DEFAULT
from tillway.entrypoints.gateway import Gateway

RESOURCES: Final = {
    "mug": {
        "description": "A mug",
        "fiat_amount_cents": 1250,
        "metadata": {"shelf": "3", "plan": "ours"},
    },
    "poster": {"description": "A poster", "stripe_price_id": "price_1"},
    "token": {"crypto_atomic_amount": 50_000, "crypto_token": "USDC"},
}
_HALF: Final = {"discount_type": "percentage", "discount_value": 50, "scope": "all", "active": True}
COUPONS: Final = {
    "HALF": {"code": "HALF", **_HALF},
    "ONCE": {"code": "ONCE", **_HALF, "usage_limit": 1},
    "SOME": {"code": "SOME", **_HALF, "usage_limit": 50},
    "TOKENS": {"code": "TOKENS", **_HALF, "payment_method": "x402"},
    "OVER": {"code": "OVER", **_HALF, "expires_at": "2020-01-01T00:00:00Z"},
    "FREE": {"code": "FREE", **_HALF, "discount_value": 100},
}
SECTIONS: Final[dict[str, Any]] = {
    "paywall": {"resources": RESOURCES, "product_source": "yaml"},
    "coupons": {"coupons": COUPONS, "coupon_source": "yaml"},
    "stripe": {
        "success_url": "https://shop.example/done?id={CHECKOUT_SESSION_ID}",
        "redirect_hosts": ["other.example"],
    },
}
OPEN: Final = "/paywall/v1/stripe-session"
VERIFY: Final = f"{OPEN}/verify"
WEBHOOK: Final = "/webhook/stripe"


@define
class CardShop:
    """The gateway, its provider, and who asks."""

    gateway: Gateway
    client: Client
    cards: Cards
    _numbers: Iterator[int] = field(factory=itertools.count, init=False)

    async def open(self, resource: str = "mug", **body: Any) -> Said:
        """Ask for a session."""
        return await ask(self.client, OPEN, "POST", json={"resource": resource, **body})

    async def opened(self, resource: str = "mug", **body: Any) -> str:
        """Ask for a session and give its id."""
        said = await self.open(resource, **body)
        assert said.status == 200, said.body
        return str(said.body["sessionId"])

    async def tell(self, body: bytes, path: str = WEBHOOK, **how: Any) -> Said:
        """Send an event as the provider does."""
        at = datetime.now(UTC) - timedelta(seconds=how.get("age", 0))
        headers = signed(how.get("signed", body), at, how.get("secret", SECRET))
        return await ask(self.client, path, "POST", data=body, headers=headers)

    async def told(self, session: HostedSession, kind: str = "session") -> None:
        """Send news of a session."""
        said = await self.tell(session_event(f"evt_{next(self._numbers)}", session, kind))
        assert said.status == 200, said.body

    async def verify(self, session: str) -> Said:
        """Ask whether a session was paid."""
        return await ask(self.client, f"{VERIFY}?session_id={session}")

    async def payment(self, session: str) -> Payment | None:
        """Give the payment of a session."""
        async with self.gateway.store.view() as view:
            return await view.payments.by_signature(DEFAULT, f"stripe:{session}")

    async def checkout(self, session: str) -> Checkout:
        """Give the checkout of a session."""
        async with self.gateway.store.view() as view:
            found = await view.checkouts.by_session(DEFAULT, "stripe", session)
        assert found is not None
        return found

    async def refunds(self, session: str) -> list[Refund]:
        """Give the refunds of a session's payment."""
        async with self.gateway.store.view() as view:
            return list(await view.refunds.of(DEFAULT, f"stripe:{session}"))

    async def has_kept(self, name: str) -> bool:
        """Tell whether an event is in the inbox."""
        async with self.gateway.store.view() as view:
            return await view.inbox.get(DEFAULT, "stripe", name) is not None

    async def inbound(self, name: str) -> Inbound:
        """Give an event as the inbox has it."""
        async with self.gateway.store.view() as view:
            found = await view.inbox.get(DEFAULT, "stripe", name)
        assert found is not None, name
        return found

    async def catch_up(self) -> None:
        """Apply all that waits, as if its pauses were over."""
        incoming = self.gateway.services.incoming
        now = incoming.clock.now()
        while True:
            async with self.gateway.store.begin() as unit:
                found = await unit.inbox.take("test", now + timedelta(days=1), now, 50)
            done = [await incoming.apply(each) for each in found]
            if not any(done):
                return

    async def facts(self, kind: str) -> list[Event]:
        """Give what the seller heard of one kind, oldest first."""
        async with self.gateway.store.view() as view:
            found = await view.events.newest(DEFAULT, 1_000)
        return [each for each in reversed(found) if each.type == kind]

    async def redeemed(self, code: str) -> int:
        """Count redemptions of a coupon, reserved ones too."""
        async with self.gateway.store.view() as view:
            totals = await view.tallies.totals(DEFAULT, [f"coupon:{code}"])
        return totals.get(f"coupon:{code}", 0)

    async def unpaid(self) -> int:
        """Count the checkouts that hold something of this address's share."""
        name = "unpaid:127.0.0.1"
        async with self.gateway.store.view() as view:
            return (await view.tallies.totals(DEFAULT, [name])).get(name, 0)

    async def earned(self, owner: str = "stripe", kind: AccountKind = AccountKind.SALES) -> int:
        """Give what an account has, in cents."""
        async with self.gateway.store.view() as view:
            balance = await view.ledger.balance(DEFAULT, Account(kind, owner), USD)
        return balance.total


@asynccontextmanager
async def card_shop(cards: Cards | None = None, **sections: Any) -> AsyncIterator[CardShop]:
    """Serve one; ``sections`` are merged into its settings."""
    provider = cards or Cards()
    names = {**SECTIONS, **sections}
    merged: dict[str, Any] = {
        name: {**SECTIONS.get(name, {}), **sections.get(name, {})} for name in names
    }
    async with faces(provider, **merged) as place:
        yield CardShop(place.gateway, place.client, provider)
