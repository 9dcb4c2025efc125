"""The Stripe rail over whatever answers at an address, by a clock that tests move."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from support.manual_clock import ManualClock
from tillway.adapters.guarded import Guard, Tripping, breaker
from tillway.adapters.stripe.client import Api
from tillway.adapters.stripe.config import StripeConfig
from tillway.adapters.stripe.rail import StripeRail
from tillway.core.assets import USD
from tillway.core.checkouts import Checkout, CheckoutId
from tillway.core.contracts.samples import NOW
from tillway.core.money import Money
from tillway.core.payments import Purchase
from tillway.core.ports.hosting import Order, OrderLine
from tillway.core.quotes import Purpose
from tillway.core.secrets import Secret
from tillway.core.tenancy import DEFAULT

SECRET = Secret("whsec_test")
KEY = Secret("sk_test_hidden")


def dollars(cents: int) -> Money:
    """Give so many cents."""
    return Money(cents, USD)


def guard(clock: ManualClock, failures: int = 100) -> Guard:
    """Give retries, and a breaker that opens after so many failures."""
    tripping = Tripping(consecutive_failures=failures, min_requests=10_000)
    return Guard(sleep=clock.sleep, breaker=breaker("stripe_api", tripping))


@asynccontextmanager
async def stripe_rail(
    url: str,
    clock: ManualClock | None = None,
    *,
    timeout: float = 5.0,
    failures: int = 100,
    secrets: Sequence[Secret] = (SECRET,),
    **config: Any,
) -> AsyncIterator[StripeRail]:
    """Give the rail, opened, until the block ends; ``config`` is for `StripeConfig`."""
    clock = clock or ManualClock()
    usual: dict[str, Any] = {"hosts": ("shop.example",), "webhook_secrets": tuple(secrets)}
    rail = StripeRail(
        config=StripeConfig(**(usual | config)),
        api=Api(key=KEY, base=url, guard=guard(clock, failures), timeout=timeout),
        clock=clock,
        random=lambda count: bytes(count),
    )
    await rail.start()
    try:
        yield rail
    finally:
        await rail.aclose()


def checkout(name: str = "1", cents: int = 500, **changes: Any) -> Checkout:
    """Give a checkout that is about to be opened."""
    purchase = Purchase(
        tenant=DEFAULT,
        purpose=changes.pop("purpose", Purpose.PURCHASE),
        resource="report",
    )
    usual: dict[str, Any] = {
        "id": CheckoutId(f"checkout_{name}"),
        "tenant": DEFAULT,
        "provider": "stripe",
        "purchase": purchase,
        "amount": dollars(cents),
        "created_at": NOW,
        "expires_at": NOW + timedelta(hours=1),
    }
    return Checkout(**(usual | changes))


def order(*lines: OrderLine, of: Checkout | None = None, **changes: Any) -> Order:
    """Give an order of these lines, or of one report at five dollars."""
    usual: dict[str, Any] = {
        "checkout": of or checkout(),
        "lines": lines or (OrderLine(description="A report", unit=dollars(500)),),
        "success_url": "https://shop.example/done?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "https://shop.example/back",
    }
    return Order(**(usual | changes))
