import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from support.manual_clock import ManualClock
from tillway.adapters.heads import HeadSignatures, HeadSigner
from tillway.adapters.stores.memory import MemoryStore
from tillway.core.contracts.samples import NOW, OTHER, event
from tillway.core.ports.store import Sealed, Store
from tillway.core.secrets import Secret
from tillway.core.services.books.sequencing import HEAD, Sequencer, words_of
from tillway.core.tenancy import DEFAULT, Tenant


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    """Give a store in memory."""
    store = MemoryStore()
    await store.start()
    yield store
    await store.aclose()


def _sequencer(store: Store, owner: str = "one", clock: ManualClock | None = None) -> Sequencer:
    signer = HeadSigner(Secret("s" * 32))
    return Sequencer(store=store, clock=clock or ManualClock(), owner=owner, heads=signer)


async def _append(store: Store, *names: str, tenant: Tenant = DEFAULT) -> None:
    async with store.begin() as unit:
        for n, name in enumerate(names):
            await unit.events.append(event(name, tenant, NOW + timedelta(seconds=n)))


async def _log(store: Store, tenant: Tenant | None = None) -> list[Sealed]:
    async with store.view() as view:
        return list(await view.events.after(0, 1000, tenant))


class TestPlaces:
    async def test_facts_are_numbered_without_gaps(self, store: Store) -> None:
        """Positions count over all tenants, numbers within each."""
        await _append(store, "a", "b", "c")
        await _append(store, "d", "e", tenant=OTHER)
        assert await _sequencer(store).sweep() == 5
        log = await _log(store)
        assert [one.link.position for one in log] == [1, 2, 3, 4, 5]
        for tenant, count in ((DEFAULT, 3), (OTHER, 2)):
            mine = [one.link.number for one in log if one.link.tenant == tenant]
            assert mine == list(range(1, count + 1))

    async def test_a_repeat_numbers_only_what_is_new(self, store: Store) -> None:
        """Places stay, and a late commit comes after them."""
        sequencer = _sequencer(store)
        await _append(store, "b")
        await sequencer.sweep()
        before = await _log(store)
        assert await sequencer.sweep() == 0
        await _append(store, "a")
        assert await sequencer.sweep() == 1
        assert (await _log(store))[:1] == before

    async def test_several_processes_number_each_fact_once(self, store: Store) -> None:
        """Whoever comes too late does nothing, with a lease or without."""
        names = [str(n) for n in range(600)]
        await _append(store, *names)
        clock = ManualClock()
        sweeps = [_sequencer(store, str(n), clock).sweep() for n in range(8)]
        assert sum(await asyncio.gather(*sweeps)) == 600
        assert [one.link.position for one in await _log(store)] == list(range(1, 601))

    async def test_one_that_lost_its_lease_does_no_harm(self, store: Store) -> None:
        """Another goes on after a while, and the first sees what that one did."""
        clock = ManualClock()
        first, second = _sequencer(store, "one", clock), _sequencer(store, "two", clock)
        await _append(store, "a")
        assert await first.sweep() == 1
        await _append(store, "b")
        assert await second.sweep() == 0
        clock.move(11)
        assert await second.sweep() == 1
        await _append(store, "c")
        assert await first.sweep() == 0
        await second.aclose()
        assert await first.sweep() == 1


class TestHeads:
    async def test_a_chain_that_grows_tells_its_head(self, store: Store) -> None:
        """After an interval, once, signed, and as a fact like others."""
        clock = ManualClock()
        sequencer = _sequencer(store, clock=clock)
        await _append(store, "a", "b")
        await sequencer.sweep()
        for seconds in (1, 60, 1, 60, 60):
            clock.move(seconds)
            await sequencer.sweep()
        log = await _log(store, DEFAULT)
        assert [one.event.type for one in log].count(HEAD) == 1
        body = log[-1].event.body
        assert (body["number"], body["seal"]) == (2, log[1].link.seal)
        assert HeadSignatures().is_signed(
            str(body["publicKey"]), words_of(log[1].link), str(body["signature"])
        )

    async def test_without_a_key_no_head_is_told(self, store: Store) -> None:
        """The log is sealed all the same."""
        clock = ManualClock()
        sequencer = Sequencer(store=store, clock=clock, owner="one")
        await _append(store, "a")
        for _ in range(3):
            await sequencer.sweep()
            clock.move(61)
        assert [one.event.type for one in await _log(store)] == ["payment.succeeded"]
