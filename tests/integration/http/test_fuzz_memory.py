"""Malformed inputs leave nothing behind in the process that answers them."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.fuzz import ALL, counted, whole_requests
from support.fuzz_bodies import large_bodies
from support.served import Gateway, served
from support.verdicts import answered
from support.wire_payments import Payments
from tillway.core.contracts.counts import FULL, count

COUNT = ALL if FULL else 400
WARM_UP = count(400, 2_000)
MOST = 5 * 1024 * 1024


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """Serve a gateway that has not been asked anything yet."""
    with served(tmp_path) as running:
        yield running


def test_inputs_leave_nothing_behind(gateway: Gateway) -> None:
    """After a warm-up the process grows by less than 5 MB over all inputs."""
    payments = Payments(gateway, gateway.buyer(49_999, sol=1))
    send(gateway, payments, WARM_UP)
    before, wealth = gateway.resident(), gateway.wealth()

    sent = send(gateway, payments, COUNT)

    grown = gateway.resident() - before
    assert sent >= COUNT // 2, "too few inputs to tell"
    assert grown < MOST, f"{grown / 1e6:.1f} MB more after {sent} inputs"
    assert gateway.wealth() == wealth


def test_large_bodies_leave_nothing_behind(gateway: Gateway) -> None:
    """What the first ones needed is used again by all that follow."""
    bodies = large_bodies().values()
    for raw in [*bodies] * 5:
        answered(gateway.wire, raw)
    before = gateway.resident()

    for raw in [*bodies] * count(3, 20):
        answered(gateway.wire, raw)

    assert gateway.resident() - before < MOST


def send(gateway: Gateway, payments: Payments, count: int) -> int:
    """Send so many inputs of all kinds, and tell how many it were."""
    sent = 0

    @counted(count)
    @given(st.deferred(lambda: whole_requests(payments)))
    def each(raw: bytes) -> None:
        nonlocal sent
        answered(gateway.wire, raw)
        sent += 1

    each()
    return sent
