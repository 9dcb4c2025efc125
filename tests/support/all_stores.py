"""The stores that a gateway can have, and a shop on each, whose work is left to the test."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from support.mongo import Mongo
from support.postgres import Databases
from support.shop import COUPONS, RESOURCES, Shop, open_shop

STORES: Final = ("memory", "file", "postgres", "mongodb")

_FROM_THE_FILE: dict[str, Any] = {
    "paywall": {"resources": RESOURCES, "product_source": "yaml"},
    "coupons": {"coupons": COUPONS, "coupon_source": "yaml"},
}


async def place_of(request: pytest.FixtureRequest, backend: str, folder: Path) -> dict[str, Any]:
    """Give the settings of a store's own place, on a server of its kind if it needs one."""
    if backend == "postgres":
        pytest.importorskip("asyncpg", reason="asyncpg is not installed")
        databases: Databases = request.getfixturevalue("postgres")
        url = databases.server.url(await databases.fresh())
        return {"backend": backend, "postgres_url": url.reveal()}
    if backend == "mongodb":
        mongo: Mongo = request.getfixturevalue("mongo")
        return {
            "backend": backend,
            "mongodb_url": mongo.url.reveal(),
            "mongodb_database": mongo.fresh(),
        }
    return {"backend": backend, "file_path": str(folder / "tillway.db")}


@pytest.fixture(params=["memory", "file", "postgres"])
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """Give the settings of a store's place."""
    return await place_of(request, request.param, tmp_path)


@pytest.fixture
async def still_shop(storage: dict[str, Any]) -> AsyncIterator[Shop]:
    """Give a shop in which nothing happens by itself."""
    async with still_on(storage) as made:
        yield made


@asynccontextmanager
async def still_on(storage: Mapping[str, Any]) -> AsyncIterator[Shop]:
    """Open a shop on a store in which nothing happens by itself."""
    async with open_shop(background=False, storage=storage, **_FROM_THE_FILE) as made:
        yield made
