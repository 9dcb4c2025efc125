"""Payments of carts that fail, are dropped, or whose server dies: nothing is lost or doubled."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from support.crew import crew
from support.either_rail import either_rail
from support.postgres import Databases, databases
from support.shop import ARTICLE, COURSE, Answer, Shop, v0_header
from support.waiting import until
from tillway.core.carts import CartState
from tillway.core.contracts.counts import count
from tillway.core.ids import CartId
from tillway.core.payments import State
from tillway.core.secrets import Secret

KILLS, SHARED = count(2, 12), count(1, 8)
"""How often the server is killed, here and with a store in PostgreSQL."""

QUICK: Final[dict[str, Any]] = {"confirm_wait": "1s", "claim_lease": "1s", "confirm_poll": "50ms"}
TOTAL: Final = 2 * ARTICLE + COURSE
ITEMS: Final = [{"resource": "article", "quantity": 2}, {"resource": "course"}]


class TestDropped:
    async def test_what_never_landed_gives_everything_back(self) -> None:
        """While it may land, the cart and its coupon are taken; then others can have them."""
        impatient = {**QUICK, "confirm_wait": "50ms"}
        async with either_rail(x402=impatient) as shop:
            cart = await shop.cart(couponCode="ONCE")
            names = (f"cart:{cart.body['cartId']}", "coupon:ONCE")
            shop.shop.faults.drop_all = True
            pending = await shop.pay_by_token(cart)
            assert pending.code == "transaction_not_confirmed"
            assert await shop.taken(*names) == dict.fromkeys(names, 1)
            meanwhile = (await shop.pay_by_token(cart), await shop.session(cart))
            assert {each.code for each in meanwhile} == {"cart_already_paid"}

            shop.shop.clock.forward(timedelta(seconds=91))
            await until(lambda: _has_failed(shop.shop))
            shop.shop.faults.drop_all = False

            assert not await shop.taken(*names)
            assert not await shop.is_paid(cart)
            assert (await shop.session(cart)).status == 200


async def _has_failed(shop: Shop) -> bool:
    return any(each.state is State.FAILED for each in await shop.payments())


@pytest.fixture(scope="module")
def durable() -> Iterator[Databases]:
    """Give a server of this module's own, which keeps what it acknowledges."""
    with databases(durable=True) as made:
        yield made


@pytest.mark.timeout(300)
class TestKilled:
    async def test_a_cart_is_paid_once_whenever_its_server_dies(self, tmp_path: Path) -> None:
        """Kill -9 at random moments of payments of carts; each buyer asks until he is granted."""
        await assert_paid_whenever(tmp_path, KILLS)

    async def test_nor_twice_in_postgresql(self, tmp_path: Path, durable: Databases) -> None:
        """The same where the cart and its payment are rows of a server of its own."""
        await assert_paid_whenever(tmp_path, SHARED, durable.server.url(await durable.fresh()))

    async def test_a_claim_is_finished_with_its_cart(self, tmp_path: Path) -> None:
        """Killed when the money moves: whoever finishes the payment marks the cart as paid."""
        await assert_finished(tmp_path)

    async def test_so_it_is_in_postgresql(self, tmp_path: Path, durable: Databases) -> None:
        """Whatever was written of it is there, and nobody asks again there either."""
        await assert_finished(tmp_path, durable.server.url(await durable.fresh()))


async def assert_paid_whenever(folder: Path, kills: int, database: Secret | None = None) -> None:
    """Kill the server in a cart's payment, so often, and find each cart paid once."""
    chance = random.Random()
    async with crew(folder, database=database, x402=QUICK) as made:
        shop, (server,) = made.shop, made.servers
        for _ in range(kills):
            cart, header = await quoted(shop)
            shop.faults.latency_ms = {"*": 40}
            asked = asyncio.create_task(shop.post("/paywall/v1/verify", headers=header))
            await asyncio.sleep(chance.uniform(0.02, 0.6))
            await server.kill()
            await asyncio.gather(asked, return_exceptions=True)
            shop.faults.latency_ms = {}
            await server.start()
            await until(lambda header=header: granted(shop, header), 30)  # type: ignore[misc]  # bound at once
            await assert_paid(shop, cart)
        settled = [each for each in await shop.payments() if each.state is State.SETTLED]

    assert len(settled) == kills
    assert shop.balance() == kills * TOTAL
    assert len({each.purchase.resource for each in settled}) == kills


async def assert_finished(folder: Path, database: Secret | None = None) -> None:
    """Kill the server when the money of a cart moves, and find the cart paid by the next."""
    async with crew(folder, database=database, x402=QUICK) as made:
        shop, (server,) = made.shop, made.servers
        cart, header = await quoted(shop)
        shop.faults.latency_ms = {"getSignatureStatuses": 3000}
        asked = asyncio.create_task(shop.post("/paywall/v1/verify", headers=header))
        await until(lambda: _is_claimed(shop))
        await server.kill()
        await asyncio.gather(asked, return_exceptions=True)
        assert await state_of(shop, cart) is CartState.OPEN
        shop.faults.latency_ms = {}
        await server.start()

        # Nobody asks again.
        await until(lambda: _is_paid(shop, cart), 30)
        await assert_paid(shop, cart)
        assert [event.type for event in await shop.events()] == ["payment.succeeded"]
    assert shop.balance() == TOTAL


async def quoted(shop: Shop) -> tuple[str, dict[str, str]]:
    """Quote a cart, and sign its payment with the quote beside it."""
    answer = await shop.post("/paywall/v1/cart/quote", {"items": ITEMS})
    assert answer.status == 402, answer.body
    requirement = answer.body["quote"]
    raw = shop.sign_old(shop.buyer(sol=1), requirement)
    sealed = {"quote": requirement["extra"]["quote"]}
    cart = answer.body["cartId"]
    return cart, v0_header(raw, cart, resourceType="cart", metadata=sealed)


async def granted(shop: Shop, header: dict[str, str]) -> bool:
    """Ask again with the same payment."""
    answer: Answer | None = None
    with suppress(aiohttp.ClientError, OSError):
        answer = await shop.post("/paywall/v1/verify", headers=header)
    if answer is None or answer.status != 200:
        await asyncio.sleep(0.1)
        return False
    return True


async def state_of(shop: Shop, cart: str) -> CartState:
    async with shop.gateway.store.view() as view:
        found = await view.carts.get(shop.tenant, CartId(cart))
    assert found is not None
    return found.state


async def assert_paid(shop: Shop, cart: str) -> None:
    """Compare a cart with the one payment that has paid it."""
    (payment,) = [each for each in await shop.payments() if each.purchase.resource == cart]
    async with shop.gateway.store.view() as view:
        found = await view.carts.get(shop.tenant, CartId(cart))
        taken = await view.tallies.totals(shop.tenant, [f"cart:{cart}"])
    assert found is not None
    assert (found.state, found.paid_with) == (CartState.PAID, payment.signature)
    assert taken == {f"cart:{cart}": 1}


async def _is_claimed(shop: Shop) -> bool:
    return any(each.is_live for each in await shop.payments())


async def _is_paid(shop: Shop, cart: str) -> bool:
    return await state_of(shop, cart) is CartState.PAID
