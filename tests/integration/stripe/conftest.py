"""The rail over a wire whose answers are scripted."""

from collections.abc import AsyncIterator

import pytest

from support.manual_clock import ManualClock
from support.stripe_rails import stripe_rail
from support.stripe_wire import StripeWire, stripe_wire
from tillway.adapters.stripe.rail import StripeRail


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def wire() -> AsyncIterator[StripeWire]:
    async with stripe_wire() as served:
        yield served


@pytest.fixture
async def rail(wire: StripeWire, clock: ManualClock) -> AsyncIterator[StripeRail]:
    async with stripe_rail(wire.url, clock) as opened:
        yield opened
