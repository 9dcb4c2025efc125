"""SIGHUP: products are read afresh by all processes; a terminal that goes ends them."""

import json
import os
import pty
import signal
import sys
import time
from pathlib import Path

import pytest

from e2e.http_call import call
from support import in_terminal
from support.children import AVAILABLE, children_of, eventually
from support.command import LISTENS, Running, running, write_settings
from tillway.adapters.stores.sqlite import SqliteStore
from tillway.core.assets import USD
from tillway.core.catalog import Product
from tillway.core.contracts.samples import NOW
from tillway.core.ids import ProductId
from tillway.core.money import Money
from tillway.core.tenancy import DEFAULT

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="children are looked at in /proc")


async def priced(folder: Path, cents: int) -> None:
    """Write a price past all gateways, as another program would."""
    store = SqliteStore(folder / "tillway.db")
    await store.start()
    mug = Product(id=ProductId("mug"), fiat_price=Money(cents, USD))
    async with store.begin() as unit:
        await unit.products.put(DEFAULT, mug, NOW)
    await store.aclose()


def settings(folder: Path) -> Path:
    """Sell from the store, and log every request with its process."""
    return write_settings(
        folder,
        {
            "logging": {"level": "info", "format": "json"},
            "paywall": {"product_source": "file", "resources": {}},
        },
    )


def price(started: Running) -> float:
    """Ask for the price, on a connection of its own."""
    products = call(f"http://127.0.0.1:{started.port}/paywall/v1/products").json()["products"]
    found: float = products[0]["fiatAmount"]
    return found


class TestReadingAfresh:
    @pytest.mark.parametrize("workers", [1, 2])
    async def test_all_processes_forget_their_prices(self, tmp_path: Path, workers: int) -> None:
        """Long before their time to live is over; the parent passes it on, and all go on."""
        await priced(tmp_path, 1000)
        arguments = ("serve", "-c", settings(tmp_path), "--workers", workers)
        with running(*arguments, folder=tmp_path, until=LISTENS) as started:
            pid = started.process.pid
            processes = children_of(pid) if workers > 1 else {pid}

            def all_know(cents: int) -> bool:
                before = len(started.said())
                prices = {price(started) for _ in range(20)}
                answered = answerers_since(started, before)
                return prices == {cents / 100} and answered == processes

            assert eventually(lambda: all_know(1000))
            await priced(tmp_path, 2000)
            assert {price(started) for _ in range(20)} == {10.0}
            started.process.send_signal(signal.SIGHUP)
            assert eventually(lambda: all_know(2000))
            assert started.process.poll() is None
            if workers > 1:
                assert children_of(pid) == processes


def answerers_since(started: Running, before: int) -> set[int]:
    """Give the pids of those that have answered after so many characters of the log."""
    lines = started.said()[before:].splitlines()
    entries = [json.loads(line) for line in lines if line.startswith("{")]
    return {entry["pid"] for entry in entries if entry.get("route")}


class TestTerminals:
    @pytest.mark.parametrize("workers", [1, 2])
    def test_a_terminal_that_goes_takes_them_along(self, tmp_path: Path, workers: int) -> None:
        """While it is there, SIGHUP is for reading afresh; closing it means stop."""
        ours, theirs = pty.openpty()
        arguments = ("serve", "-c", settings(tmp_path), "--workers", workers)
        inside = [sys.executable, in_terminal.__file__, os.ttyname(theirs)]
        with running(*arguments, folder=tmp_path, until=LISTENS, by=inside) as started:
            os.close(theirs)
            started.process.send_signal(signal.SIGHUP)
            time.sleep(0.5)
            assert started.process.poll() is None
            os.close(ours)
            assert started.process.wait(20) == 0
