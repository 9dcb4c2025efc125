"""The laws of carts: paid once, counted while they are open, and gone when they have expired."""

import asyncio
from datetime import timedelta
from typing import Final

import pytest
from attrs import evolve

from tillway.core.carts import Cart, CartState
from tillway.core.contracts.samples import AWKWARD, NOW, OTHER, TERM, cart
from tillway.core.contracts.stores.steps import count, read, write
from tillway.core.ids import CartId
from tillway.core.ports.store import Store
from tillway.core.tenancy import DEFAULT

_MOMENT: Final = timedelta(microseconds=1)
_ROOM: Final = 5


async def _add(store: Store, one: Cart) -> bool:
    return await write(store, lambda unit: unit.carts.add(one))


async def _get(store: Store, name: str) -> Cart | None:
    return await read(store, lambda view: view.carts.get(DEFAULT, CartId(f"cart_{name}")))


async def _pay(store: Store, name: str, payment: str, payer: str = "payer") -> bool:
    cart_id = CartId(f"cart_{name}")
    return await write(store, lambda unit: unit.carts.pay(DEFAULT, cart_id, payment, payer, NOW))


async def _reverse(store: Store, name: str, payment: str) -> bool:
    cart_id = CartId(f"cart_{name}")
    return await write(store, lambda unit: unit.carts.reverse(DEFAULT, cart_id, payment))


def _paid(one: Cart, payment: str, payer: str = "payer") -> Cart:
    return evolve(one, state=CartState.PAID, paid_at=NOW, paid_by=payer, paid_with=payment)


async def _unpaid(store: Store, later: timedelta = timedelta()) -> int:
    return await read(store, lambda view: view.carts.unpaid(DEFAULT, "user-1", NOW + later))


async def _purge(store: Store, later: timedelta, limit: int = 10) -> int:
    return await write(store, lambda unit: unit.carts.purge(NOW + later, limit))


@pytest.mark.asyncio
class CartLaws:
    """``Carts``."""

    async def test_a_cart_is_read_as_it_was_written(self, store: Store) -> None:
        """Every field comes back equal, whatever its texts say, and expired or not."""
        written = evolve(
            cart("a", principal=AWKWARD),
            coupons=(AWKWARD,),
            metadata={AWKWARD: AWKWARD},
            expires_at=NOW - TERM,
        )
        assert await _add(store, written)
        assert await _get(store, "a") == written
        assert await _get(store, "b") is None

    async def test_a_known_cart_is_not_written_again(self, store: Store) -> None:
        """A repeat is False; the first of one id stands, paid or not."""
        assert await _add(store, cart("a"))
        assert not await _add(store, cart("a", principal="user-2"))
        assert await _get(store, "a") == cart("a")
        await _pay(store, "a", "signature-1")
        assert not await _add(store, cart("a"))
        assert await _get(store, "a") == _paid(cart("a"), "signature-1")

    async def test_a_cart_is_paid_by_one_payment(self, store: Store) -> None:
        """A repeat with that payment is True and changes nothing; another one is False."""
        await _add(store, cart("a"))
        assert await _pay(store, "a", "signature-1")
        paid = _paid(cart("a"), "signature-1")
        assert await _get(store, "a") == paid
        assert await _pay(store, "a", "signature-1", "somebody else")
        assert not await _pay(store, "a", "signature-2")
        assert await _get(store, "a") == paid

    async def test_an_expired_cart_is_paid(self, store: Store) -> None:
        """Money that was sent in time may arrive late."""
        await _add(store, evolve(cart("a"), expires_at=NOW - TERM))
        assert await _pay(store, "a", "signature-1")

    async def test_what_is_not_there_is_not_paid(self, store: Store) -> None:
        """A payment makes no cart."""
        assert not await _pay(store, "a", "signature-1")
        assert await _get(store, "a") is None

    async def test_what_has_paid_a_cart_can_be_taken_back(self, store: Store) -> None:
        """By that payment alone, and once; then it is paid again, by that one or another."""
        await _add(store, cart("a"))
        assert not await _reverse(store, "a", "signature-1")
        await _pay(store, "a", "signature-1")
        assert not await _reverse(store, "a", "signature-2")
        assert await _get(store, "a") == _paid(cart("a"), "signature-1")
        assert await _reverse(store, "a", "signature-1")
        assert not await _reverse(store, "a", "signature-1")
        assert await _get(store, "a") == evolve(cart("a"), state=CartState.REVERSED)
        assert await _pay(store, "a", "signature-2")
        assert not await _pay(store, "a", "signature-1")
        assert await _get(store, "a") == _paid(cart("a"), "signature-2")
        assert not await _reverse(store, "b", "signature-1")

    async def test_a_reversed_cart_stays(self, store: Store) -> None:
        """Its money may come after all; it is counted for nobody."""
        await _add(store, cart("a"))
        await _pay(store, "a", "signature-1")
        await _reverse(store, "a", "signature-1")
        assert await _unpaid(store) == 0
        assert await _purge(store, 2 * TERM) == 0
        assert await _pay(store, "a", "signature-1")

    async def test_of_payments_at_once_one_pays(self, store: Store) -> None:
        """Many race for a cart: one has paid it, and it is the one that is stored."""
        for n in range(count(2, 50)):
            await _add(store, cart(str(n)))
            payments = [f"signature-{who}" for who in range(32)]
            told = await asyncio.gather(*(_pay(store, str(n), each) for each in payments))
            winners = [each for each, won in zip(payments, told, strict=True) if won]
            assert len(winners) == 1
            assert await _get(store, str(n)) == _paid(cart(str(n)), winners[0])

    async def test_open_carts_are_counted_for_each_principal(self, store: Store) -> None:
        """Paid and expired ones, and those of others, are not."""
        for name in ("a", "b", "paid"):
            await _add(store, cart(name))
        await _add(store, cart("other", principal="user-2"))
        await _add(store, cart("elsewhere", OTHER))
        await _pay(store, "paid", "signature-1")
        for moment, expected in ((NOW, 2), (NOW + TERM, 2), (NOW + TERM + _MOMENT, 0)):
            assert await _unpaid(store, moment - NOW) == expected
        assert await read(store, lambda view: view.carts.unpaid(DEFAULT, "user-3", NOW)) == 0

    async def test_whoever_counts_carts_first_is_counted_by_the_next(self, store: Store) -> None:
        """Of many units at once that add one below a bound, as many do as there is room for."""

        async def added(name: str) -> bool:
            async with store.begin() as unit:
                room = await unit.carts.unpaid(DEFAULT, "user-1", NOW) < _ROOM
                return room and await unit.carts.add(cart(name))

        told = await asyncio.gather(*(added(str(n)) for n in range(count(16, 64))))
        assert (sum(told), await _unpaid(store)) == (_ROOM, _ROOM)

    async def test_the_count_of_carts_is_bounded(self, store: Store) -> None:
        """No more than a thousand are told."""
        async with store.begin() as unit:
            for n in range(1_001):
                await unit.carts.add(cart(str(n)))
        assert await _unpaid(store) == 1_000

    async def test_expired_carts_are_removed(self, store: Store) -> None:
        """Open ones only, of all tenants; a cart has expired after its time, not at it."""
        for name in ("a", "paid"):
            await _add(store, cart(name))
        await _add(store, evolve(cart("later"), expires_at=NOW + 2 * TERM))
        await _add(store, cart("a", OTHER))
        await _pay(store, "paid", "signature-1")
        assert await _purge(store, TERM) == 0
        assert await _purge(store, TERM + _MOMENT) == 2
        assert await _purge(store, TERM + _MOMENT) == 0
        assert await _get(store, "a") is None
        assert await _get(store, "paid") is not None
        assert await _get(store, "later") is not None
        assert await _unpaid(store) == 1

    async def test_a_purge_of_carts_ends_at_its_limit(self, store: Store) -> None:
        """The longest expired go first, and a repeat removes what is left."""
        for n in (2, 0, 1):
            await _add(store, evolve(cart(str(n)), expires_at=NOW + n * _MOMENT))
        assert await _purge(store, TERM, 0) == 0
        assert await _purge(store, TERM, 2) == 2
        assert [await _get(store, str(n)) is None for n in range(3)] == [True, True, False]
        assert await _purge(store, TERM, 2) == 1

    async def test_a_removed_cart_is_free_again(self, store: Store) -> None:
        """Nothing of it is kept."""
        await _add(store, cart("a"))
        await _purge(store, 2 * TERM)
        assert await _add(store, cart("a", principal="user-2"))
        assert await _unpaid(store) == 0
