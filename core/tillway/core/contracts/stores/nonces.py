"""The laws of nonces: each is good once, for one purpose, in its time."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import pytest
from attrs import evolve

from tillway.core.contracts.samples import AWKWARD, NOW, OTHER, TERM, nonce
from tillway.core.contracts.stores.steps import count, read, write
from tillway.core.ids import Nonce
from tillway.core.ports.store import NonceUse, SingleUse, Store
from tillway.core.tenancy import DEFAULT, Tenant

_MOMENT: Final = timedelta(microseconds=1)
_ROOM: Final = 5
_LAST: Final = NOW + TERM - _MOMENT


async def _add(store: Store, one: SingleUse) -> bool:
    return await write(store, lambda unit: unit.nonces.add(one))


async def _use(
    store: Store,
    name: str,
    now: datetime = NOW,
    purpose: str = "approve",
    tenant: Tenant = DEFAULT,
) -> NonceUse:
    wanted = Nonce(f"nonce-{name}")
    return await write(store, lambda unit: unit.nonces.use(tenant, wanted, purpose, now))


async def _waiting(store: Store, now: datetime = NOW, purpose: str = "approve") -> int:
    return await read(store, lambda view: view.nonces.waiting(DEFAULT, purpose, now))


async def _purge(store: Store, before: datetime, limit: int = 10) -> int:
    return await write(store, lambda unit: unit.nonces.purge(before, limit))


@pytest.mark.asyncio
class NonceLaws:
    """``Nonces``."""

    async def test_a_nonce_is_used_once(self, store: Store) -> None:
        """Whoever asks again finds it consumed."""
        assert await _add(store, nonce("a"))
        assert await _use(store, "a") is NonceUse.USED
        for _ in range(2):
            assert await _use(store, "a") is NonceUse.CONSUMED

    async def test_any_text_is_a_nonce(self, store: Store) -> None:
        """Text from outside is never understood."""
        assert await _add(store, evolve(nonce("a", purpose=AWKWARD), nonce=Nonce(AWKWARD)))
        assert await _waiting(store, purpose=AWKWARD) == 1
        use = await write(
            store, lambda unit: unit.nonces.use(DEFAULT, Nonce(AWKWARD), AWKWARD, NOW)
        )
        assert use is NonceUse.USED

    async def test_a_known_nonce_is_not_written_again(self, store: Store) -> None:
        """A repeat is False; what is consumed stays so."""
        await _add(store, nonce("a"))
        assert not await _add(store, nonce("a", purpose="deny", expires_at=NOW + 2 * TERM))
        assert await _use(store, "a") is NonceUse.USED
        assert not await _add(store, nonce("a"))
        assert await _use(store, "a") is NonceUse.CONSUMED

    async def test_an_unknown_nonce_is_unknown(self, store: Store) -> None:
        """Using makes none."""
        assert await _use(store, "a") is NonceUse.UNKNOWN
        assert await _add(store, nonce("a"))

    async def test_a_nonce_is_good_for_its_own_purpose(self, store: Store) -> None:
        """For another one it is unknown, used or not, and stays as it is."""
        await _add(store, nonce("a"))
        assert await _use(store, "a", purpose="deny") is NonceUse.UNKNOWN
        assert await _use(store, "a", tenant=OTHER) is NonceUse.UNKNOWN
        assert await _use(store, "a") is NonceUse.USED
        assert await _use(store, "a", purpose="deny") is NonceUse.UNKNOWN

    async def test_a_nonce_is_good_in_its_time(self, store: Store) -> None:
        """Until just before its end; one that was used in time is consumed ever after."""
        for name in ("in time", "late"):
            await _add(store, nonce(name))
        assert await _use(store, "in time", _LAST) is NonceUse.USED
        for _ in range(2):
            assert await _use(store, "late", NOW + TERM) is NonceUse.EXPIRED
        assert await _use(store, "in time", NOW + 2 * TERM) is NonceUse.CONSUMED

    async def test_of_uses_at_once_one_is_the_use(self, store: Store) -> None:
        """64 race: one gets it."""
        for n in range(count(2, 100)):
            await _add(store, nonce(str(n)))
            told = await asyncio.gather(*(_use(store, str(n)) for _ in range(64)))
            assert told.count(NonceUse.USED) == 1
            assert told.count(NonceUse.CONSUMED) == 63

    async def test_nonces_that_could_be_used_are_counted(self, store: Store) -> None:
        """Used and expired ones, and those for another purpose, are not."""
        for name in ("a", "b", "used"):
            await _add(store, nonce(name))
        await _add(store, nonce("other", purpose="deny"))
        await _add(store, nonce("theirs", OTHER))
        await _use(store, "used")
        assert await _waiting(store) == await _waiting(store, _LAST) == 2
        assert await _waiting(store, NOW + TERM) == 0
        assert await _waiting(store, purpose="unknown") == 0

    async def test_whoever_counts_nonces_first_is_counted_by_the_next(self, store: Store) -> None:
        """Of many units at once that add one below a bound, as many do as there is room for."""

        async def added(name: str) -> bool:
            async with store.begin() as unit:
                room = await unit.nonces.waiting(DEFAULT, "approve", NOW) < _ROOM
                return room and await unit.nonces.add(nonce(name))

        told = await asyncio.gather(*(added(str(n)) for n in range(count(16, 64))))
        assert (sum(told), await _waiting(store)) == (_ROOM, _ROOM)

    async def test_the_count_of_nonces_is_bounded(self, store: Store) -> None:
        """No more than a thousand are told."""
        async with store.begin() as unit:
            for n in range(1_001):
                await unit.nonces.add(nonce(str(n)))
        assert await _waiting(store) == 1_000

    async def test_expired_nonces_are_removed(self, store: Store) -> None:
        """Used or not, of all tenants; then nothing is known of them."""
        for name in ("a", "used"):
            await _add(store, nonce(name))
        await _add(store, nonce("a", OTHER))
        await _add(store, nonce("later", expires_at=NOW + 2 * TERM))
        await _use(store, "used")
        assert await _purge(store, NOW + TERM) == 0
        assert await _purge(store, NOW + TERM + _MOMENT) == 3
        assert await _purge(store, NOW + TERM + _MOMENT) == 0
        assert await _use(store, "used") is NonceUse.UNKNOWN
        assert await _waiting(store) == 1
        assert await _add(store, nonce("used"))

    async def test_a_purge_of_nonces_ends_at_its_limit(self, store: Store) -> None:
        """The longest expired go first, used or not, and a repeat removes what is left."""
        for n in (2, 0, 1):
            await _add(store, nonce(str(n), expires_at=NOW + (n + 1) * _MOMENT))
        await _use(store, "1")
        assert await _purge(store, NOW + TERM, 0) == 0
        assert await _purge(store, NOW + TERM, 2) == 2
        uses = [await _use(store, str(n)) for n in range(3)]
        assert uses == [NonceUse.UNKNOWN, NonceUse.UNKNOWN, NonceUse.USED]
        assert await _purge(store, NOW + TERM, 2) == 1
