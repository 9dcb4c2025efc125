"""A Stripe account of the sandbox, the unmodified SDK before it, and an ear for its webhooks."""

from collections.abc import AsyncIterator

import pytest
import stripe
from aiohttp import ClientSession

from support.ear import Ear
from support.manual_clock import ManualClock
from tillway.entrypoints.sandbox.stripe import SECRET_KEY, Account, Served, serve_stripe


@pytest.fixture
def clock() -> ManualClock:
    """Give a clock that stands still until it is moved."""
    return ManualClock()


@pytest.fixture
async def served(clock: ManualClock) -> AsyncIterator[Served]:
    """Serve an account."""
    async with serve_stripe(Account(clock=lambda: clock.now().timestamp())) as made:
        yield made


@pytest.fixture
async def client(served: Served) -> AsyncIterator[stripe.StripeClient]:
    """Give the SDK's client, which asks once."""
    async with ClientSession() as session:
        http = stripe.AIOHTTPClient(timeout=10, session=session)
        yield stripe.StripeClient(
            SECRET_KEY, base_addresses={"api": served.url}, http_client=http, max_network_retries=0
        )


@pytest.fixture
async def browser() -> AsyncIterator[ClientSession]:
    """Give something that opens pages and follows no redirect."""
    async with ClientSession() as made:
        yield made


@pytest.fixture
async def ear(served: Served) -> AsyncIterator[Ear]:
    """Listen to every event."""
    async with Ear.listening() as made:
        served.listen(made.url, made.secret)
        yield made
