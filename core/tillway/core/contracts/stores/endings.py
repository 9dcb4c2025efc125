"""The laws of ending: a live payment ends once, by its owner's word."""

import asyncio
from datetime import timedelta

import pytest
from attrs import evolve

from tillway.core.contracts.samples import (
    LEASE,
    NOW,
    OTHER,
    THEIRS,
    event,
    failed,
    payment,
    purchase,
    settled,
)
from tillway.core.contracts.stores.steps import claim, count, fail, find, release, settle
from tillway.core.errors import Code, Declined
from tillway.core.payments import State
from tillway.core.ports.store import Store
from tillway.core.tenancy import DEFAULT


@pytest.mark.asyncio
class EndingLaws:
    """``Payments.settle``, ``fail`` and ``release``."""

    async def test_a_settled_payment_is_written_whole(self, store: Store) -> None:
        """State, end, slot and grant are stored, and all that the payment brings."""
        await claim(store, payment("a"))
        end = evolve(settled(payment("a")), metadata={"late": "yes"}, signature="landed")
        assert await settle(store, end)
        assert await find(store, end) == end
        async with store.view() as view:
            assert await view.payments.by_signature(end.tenant, "landed") == end
            assert await view.payments.by_signature(end.tenant, payment("a").signature) is None

    async def test_a_failed_payment_is_written_whole(self, store: Store) -> None:
        """State, end, code and reason are stored."""
        await claim(store, payment("a"))
        assert await fail(store, failed(payment("a")), landed=True)
        assert await find(store, payment("a")) == failed(payment("a"))

    async def test_a_payment_ends_once(self, store: Store) -> None:
        """Whatever comes after the first end is False and writes nothing."""
        for name in ("settled first", "failed first"):
            claimed = payment(name)
            await claim(store, claimed)
            ended = settled(claimed) if name == "settled first" else failed(claimed)
            write = settle if name == "settled first" else fail
            assert await write(store, ended)
            assert not await settle(store, evolve(settled(claimed), grant={"other": 1}))
            assert not await fail(store, failed(claimed))
            assert not await release(store, claimed, NOW)
            assert await find(store, claimed) == ended

    async def test_only_its_owner_ends_a_payment(self, store: Store) -> None:
        """Whoever lost the payment to another process writes nothing."""
        theirs = payment("a", owner=THEIRS)
        await claim(store, theirs)
        ours = payment("a")
        assert not await settle(store, settled(ours))
        assert not await fail(store, failed(ours))
        assert not await release(store, ours, NOW)
        assert await find(store, ours) == theirs

    async def test_only_its_tenant_ends_a_payment(self, store: Store) -> None:
        """Another tenant's word for one key writes nothing."""
        await claim(store, payment("a"))
        other = evolve(payment("a"), purchase=purchase(OTHER))
        assert not await settle(store, settled(other))
        assert not await fail(store, failed(other))
        assert not await release(store, other, NOW)
        assert await find(store, payment("a")) == payment("a")

    async def test_what_was_never_claimed_does_not_end(self, store: Store) -> None:
        """An end makes no payment."""
        assert not await settle(store, settled(payment("a")))
        assert not await fail(store, failed(payment("a")))
        assert not await release(store, payment("a"), NOW)
        assert await find(store, payment("a")) is None

    async def test_of_two_ends_at_once_one_is_written(self, store: Store) -> None:
        """Success and failure race: the one that answers True is what is stored."""
        for n in range(count(4, 200)):
            claimed = payment(str(n))
            await claim(store, claimed)
            ends = settle(store, settled(claimed)), fail(store, failed(claimed))
            was_settled, was_failed = await asyncio.gather(*ends)
            assert was_settled != was_failed
            expected = settled(claimed) if was_settled else failed(claimed)
            assert await find(store, claimed) == expected

    async def test_an_end_is_written_with_its_facts(self, store: Store) -> None:
        """The facts of an end are there if the end is, and of one that was not written none."""
        for name in ("settled", "failed"):
            claimed = payment(name)
            await claim(store, claimed)
            for word in ("first", "repeated"):
                told = [event(f"{name} {word}"), event(f"{name} {word} too")]
                async with store.begin(once=True) as unit:
                    if name == "settled":
                        ours = await unit.payments.settle(settled(claimed), told)
                    else:
                        ours = await unit.payments.fail(failed(claimed), False, told)
                assert ours == (word == "first")
        async with store.view() as view:
            found = {one.id for one in await view.events.newest(DEFAULT, 10)}
        first = ["settled first", "settled first too", "failed first", "failed first too"]
        assert found == {event(name).id for name in first}

    async def test_of_two_facts_of_one_id_the_first_is_told(self, store: Store) -> None:
        """A repeat does nothing, within one end too."""
        await claim(store, payment("a"))
        told = [event("a"), evolve(event("a"), at=NOW + LEASE, type="another")]
        async with store.begin(once=True) as unit:
            assert await unit.payments.settle(settled(payment("a")), told)
        async with store.view() as view:
            assert list(await view.events.newest(DEFAULT, 10)) == told[:1]
            assert list(await view.events.unsealed(10)) == told[:1]

    async def test_a_fact_is_the_payments_tenants(self, store: Store) -> None:
        """An end tells no other tenant, and is not written with what it may not tell."""
        await claim(store, payment("a"))
        with pytest.raises(ValueError, match="tenant"):
            async with store.begin() as unit:
                await unit.payments.settle(settled(payment("a")), [event("a", OTHER)])
        assert await find(store, payment("a")) == payment("a")

    async def test_a_live_payment_is_no_end(self, store: Store) -> None:
        """A payment that has not ended cannot be written as one that has."""
        await claim(store, payment("a"))
        with pytest.raises(ValueError, match="live"):
            await settle(store, payment("a"))
        with pytest.raises(ValueError, match="live"):
            await fail(store, payment("a"))
        assert await find(store, payment("a")) == payment("a")

    async def test_an_end_takes_no_other_payments_signature(self, store: Store) -> None:
        """A landing signature stays unique for its chain."""
        for name in ("a", "b"):
            await claim(store, payment(name))
        stolen = evolve(settled(payment("b")), signature=payment("a").signature)
        with pytest.raises(Declined) as refused:
            await settle(store, stolen)
        assert refused.value.code is Code.SIGNATURE_REUSED
        assert await find(store, stolen) == payment("b")

    async def test_a_released_payment_is_unresolved_until_it_ends(self, store: Store) -> None:
        """Released, it keeps its owner and may be released again, and ended."""
        later = NOW + timedelta(minutes=1)
        claimed = payment("a")
        await claim(store, claimed)
        assert await release(store, claimed, later)
        left = evolve(claimed, state=State.UNRESOLVED, lease_until=later)
        assert await find(store, claimed) == left
        assert await release(store, left, later + LEASE)
        assert await settle(store, settled(left))
        assert await find(store, claimed) == settled(left)
