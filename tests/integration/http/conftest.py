"""A gateway that is served, and that nothing a stranger sends may move."""

from collections.abc import Iterator
from typing import Final

import pytest

from support.served import Gateway, served
from support.wire_payments import Payments

SERVER: Final = {
    "address": "127.0.0.1:0",
    "trusted_proxies": ["127.0.0.1"],
    "cors_allowed_origins": ["https://shop.example"],
}
HALF: Final = {"code": "HALF", "discount_type": "percentage", "discount_value": 50, "active": True}
COUPONS: Final = {"coupons": {"HALF": {**HALF, "scope": "all"}}}
PRICE: Final = 50_000


@pytest.fixture(scope="package")
def shared_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    with served(folder, server=SERVER, coupons=COUPONS) as running:
        yield running


@pytest.fixture
def gateway(shared_gateway: Gateway) -> Iterator[Gateway]:
    """Give the gateway, and see afterwards that nothing has moved and nothing was logged."""
    before, said = shared_gateway.wealth(), len(shared_gateway.log())
    yield shared_gateway
    assert shared_gateway.wealth() == before
    assert shared_gateway.log()[said:] == ""


@pytest.fixture
def payments(gateway: Gateway) -> Payments:
    """Make payments of a buyer who lacks one unit of the price."""
    return Payments(gateway, gateway.buyer(PRICE - 1, sol=1))
