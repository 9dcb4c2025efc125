"""A shop on each store that a gateway can have, with its background work left to the test."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from support.postgres import Databases
from support.shop import COUPONS, RESOURCES, Shop, open_shop

_FROM_THE_FILE: dict[str, Any] = {
    "paywall": {"resources": RESOURCES, "product_source": "yaml"},
    "coupons": {"coupons": COUPONS, "coupon_source": "yaml"},
}


@pytest.fixture(params=["memory", "file", "postgres"])
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """Give the settings of a store's place."""
    if request.param == "postgres":
        pytest.importorskip("asyncpg", reason="asyncpg is not installed")
        databases: Databases = request.getfixturevalue("postgres")
        url = databases.server.url(await databases.fresh())
        return {"backend": "postgres", "postgres_url": url.reveal()}
    return {"backend": request.param, "file_path": str(tmp_path / "tillway.db")}


@pytest.fixture
async def still_shop(storage: dict[str, Any]) -> AsyncIterator[Shop]:
    """Give a shop in which nothing happens by itself."""
    async with open_shop(background=False, storage=storage, **_FROM_THE_FILE) as made:
        yield made
