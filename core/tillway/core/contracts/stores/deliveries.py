"""The laws of deliveries: a fact is sent to an endpoint by one process at a time."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

import pytest
from attrs import evolve

from tillway.core.contracts.samples import AWKWARD, LEASE, NOW, OTHER, OURS, THEIRS, delivery
from tillway.core.contracts.stores.steps import count, read, write
from tillway.core.deliveries import Delivery, DeliveryState
from tillway.core.ids import EventId
from tillway.core.ports.store import Store
from tillway.core.tenancy import DEFAULT

_MOMENT: Final = timedelta(microseconds=1)
_SOON: Final = NOW + _MOMENT
_WAITING, _DONE, _DEAD = DeliveryState.WAITING, DeliveryState.DONE, DeliveryState.DEAD


async def _add(store: Store, one: Delivery) -> bool:
    return await write(store, lambda unit: unit.deliveries.add(one))


async def _get(store: Store, name: str) -> Delivery | None:
    return await read(store, lambda view: view.deliveries.get(DEFAULT, delivery(name).id))


async def _take(
    store: Store, now: datetime = _SOON, owner: str = OURS, limit: int = 10
) -> Sequence[Delivery]:
    return list(
        await write(store, lambda unit: unit.deliveries.take(owner, now, now + LEASE, limit))
    )


async def _finish(store: Store, one: Delivery) -> bool:
    return await write(store, lambda unit: unit.deliveries.finish(one))


async def _revive(store: Store, name: str, at: datetime = NOW) -> bool:
    return await write(store, lambda unit: unit.deliveries.revive(DEFAULT, delivery(name).id, at))


async def _purge(store: Store, before: datetime, limit: int = 10) -> int:
    return await write(store, lambda unit: unit.deliveries.purge(before, limit))


def _ours(name: str) -> Delivery:
    """Give a delivery as it stands once we have taken it."""
    return evolve(delivery(name), owner=OURS, due_at=_SOON + LEASE)


def _ended(one: Delivery, state: DeliveryState) -> Delivery:
    return evolve(
        one,
        state=state,
        attempts=one.attempts + 1,
        last_attempt_at=NOW,
        completed_at=NOW if state is _DONE else None,
        last_error=None if state is _DONE else AWKWARD,
    )


async def _remove(store: Store, name: str) -> bool:
    return await write(store, lambda unit: unit.deliveries.remove(DEFAULT, delivery(name).id))


async def _listed(
    store: Store,
    states: Collection[DeliveryState],
    limit: int = 10,
    before: datetime | None = None,
) -> list[int | str]:
    found = await read(store, lambda view: view.deliveries.listed(DEFAULT, states, limit, before))
    names = [one.id.removeprefix("webhook_").removesuffix("_shop") for one in found]
    return [int(name) if name.isdigit() else name for name in names]


@pytest.mark.asyncio
class DeliveryLaws:
    """``Deliveries``."""

    async def test_a_delivery_is_read_as_it_was_written(self, store: Store) -> None:
        """Every field comes back equal, whatever its texts say."""
        written = evolve(
            _ended(delivery("a", endpoint=AWKWARD), _DEAD),
            payload=AWKWARD,
            headers={AWKWARD: AWKWARD},
            url=AWKWARD,
            event_type=AWKWARD,
            most_attempts=9,
        )
        assert await _add(store, written)
        async with store.view() as view:
            assert await view.deliveries.get(DEFAULT, written.id) == written
        assert await _get(store, "b") is None

    async def test_a_known_delivery_is_not_written_again(self, store: Store) -> None:
        """One of its id, or of its fact and endpoint, is False and changes nothing."""
        await _add(store, delivery("a"))
        assert not await _add(store, evolve(delivery("a"), event=EventId("another")))
        assert not await _add(store, evolve(delivery("b"), event=delivery("a").event))
        assert await _get(store, "a") == delivery("a")
        assert await _get(store, "b") is None
        assert await _add(store, delivery("a", endpoint="another"))
        assert await _add(store, delivery("a", OTHER))

    async def test_what_is_due_is_taken_longest_due_first(self, store: Store) -> None:
        """Of all tenants, after its time, and is then due when our time is over."""
        for n in (2, 0, 1):
            await _add(
                store, delivery(str(n), OTHER if n == 1 else DEFAULT, due_at=NOW + n * _MOMENT)
            )
        assert await _take(store, NOW) == []
        assert await _take(store, NOW + LEASE, limit=0) == []
        taken = await _take(store, NOW + LEASE, limit=2)
        until = NOW + 2 * LEASE
        expected = [
            evolve(one, owner=OURS, due_at=until) for one in (delivery("0"), delivery("1", OTHER))
        ]
        assert taken == expected
        assert await _get(store, "0") == expected[0]
        assert [one.id for one in await _take(store, NOW + LEASE)] == [delivery("2").id]

    async def test_what_is_not_finished_is_taken_again(self, store: Store) -> None:
        """After the time that it was taken for, by whoever asks."""
        await _add(store, delivery("a"))
        await _take(store)
        assert await _take(store, _SOON + LEASE, THEIRS) == []
        again = await _take(store, _SOON + LEASE + _MOMENT, THEIRS)
        assert [one.owner for one in again] == [THEIRS]
        assert not await _finish(store, _ended(_ours("a"), _DONE))
        assert await _finish(store, _ended(again[0], _DONE))

    @pytest.mark.parametrize("state", [_DONE, _DEAD])
    async def test_a_delivery_ends_by_its_owners_word(
        self, store: Store, state: DeliveryState
    ) -> None:
        """It is written whole, is nobody's then, and is not finished or taken again."""
        await _add(store, delivery("a"))
        await _take(store)
        ended = _ended(_ours("a"), state)
        assert not await _finish(store, evolve(ended, owner=THEIRS))
        assert await _finish(store, ended)
        assert await _get(store, "a") == evolve(ended, owner="")
        for again in (ended, evolve(ended, owner=""), _ended(_ours("a"), _WAITING)):
            assert not await _finish(store, again)
        assert await _take(store, NOW + 9 * LEASE) == []
        assert await _get(store, "a") == evolve(ended, owner="")

    async def test_a_failed_attempt_waits_for_the_next(self, store: Store) -> None:
        """Until the time given, when it is taken anew; a repeat of the word is False."""
        await _add(store, delivery("a"))
        await _take(store)
        later = evolve(_ended(_ours("a"), _WAITING), due_at=NOW + 3 * LEASE)
        assert await _finish(store, later)
        assert not await _finish(store, later)
        assert await _get(store, "a") == evolve(later, owner="")
        assert await _take(store, NOW + 3 * LEASE) == []
        taken = await _take(store, NOW + 3 * LEASE + _MOMENT)
        assert [one.attempts for one in taken] == [1]

    async def test_what_nobody_took_is_not_finished(self, store: Store) -> None:
        """No owner is nobody, and what is not there does not end."""
        await _add(store, delivery("a"))
        assert not await _finish(store, _ended(delivery("a"), _DONE))
        assert not await _finish(store, _ended(_ours("a"), _DONE))
        assert not await _finish(store, _ended(_ours("unknown"), _DONE))
        assert await _get(store, "a") == delivery("a")
        assert await _get(store, "unknown") is None

    async def test_a_dead_delivery_is_revived(self, store: Store) -> None:
        """It waits again with no attempts counted; one that is not dead is left alone."""
        for name in ("dead", "waiting", "done"):
            await _add(store, delivery(name))
        assert len(await _take(store, limit=10)) == 3
        await _finish(store, _ended(_ours("dead"), _DEAD))
        await _finish(store, _ended(_ours("done"), _DONE))
        assert await _revive(store, "dead", NOW + LEASE)
        for name in ("dead", "waiting", "done", "unknown"):
            assert not await _revive(store, name)
        again = evolve(
            delivery("dead"), due_at=NOW + LEASE, last_attempt_at=NOW, last_error=AWKWARD
        )
        assert await _get(store, "dead") == again
        assert await _take(store, NOW + LEASE) == []
        assert [one.id for one in await _take(store, NOW + LEASE + _MOMENT)] == [again.id]

    async def test_a_delivery_is_removed_once(self, store: Store) -> None:
        """Whatever it is; its fact may be sent to the endpoint again."""
        for state in DeliveryState:
            await _add(store, evolve(delivery(state), state=state))
            for was_there in (True, False):
                assert await _remove(store, state) is was_there
            assert await _get(store, state) is None
            assert await _add(store, delivery(state))

    async def test_deliveries_are_listed_by_state(self, store: Store) -> None:
        """Newest first, of one time the greater id, within the limit, before the time given."""
        for n in (2, 0, 4, 1, 3):
            one = evolve(delivery(str(n)), created_at=NOW + (n // 2) * _MOMENT)
            await _add(store, evolve(one, state=_DEAD) if n == 2 else one)
        await _add(store, delivery("theirs", OTHER))
        assert await _listed(store, {_WAITING}) == [4, 3, 1, 0]
        assert await _listed(store, {_DEAD}) == [2]
        assert await _listed(store, {_DEAD, _WAITING}, 3) == [4, 3, 2]
        assert await _listed(store, {_WAITING}, 10, NOW + _MOMENT) == [1, 0]
        assert await _listed(store, {_DONE}) == await _listed(store, set()) == []
        assert await _listed(store, {_WAITING}, 0) == []

    async def test_deliveries_that_many_take_are_taken_once(self, store: Store) -> None:
        """Many processes ask at once: each delivery goes to one of them."""
        names = [str(n) for n in range(count(20, 500))]
        for name in names:
            await _add(store, delivery(name))
        asks = (_take(store, owner=f"process-{who}", limit=3) for who in range(len(names)))
        got = [one for taken in await asyncio.gather(*asks) for one in taken]
        got += await _take(store, limit=len(names))
        assert sorted(one.id for one in got) == sorted(delivery(name).id for name in names)
        for one in got:
            async with store.view() as view:
                assert await view.deliveries.get(DEFAULT, one.id) == one

    async def test_of_words_at_once_one_is_written(self, store: Store) -> None:
        """Done and dead race: the one that answers True is what is stored."""
        for n in range(count(4, 100)):
            await _add(store, delivery(str(n)))
            ours = (await _take(store))[0]
            ends = [_ended(ours, state) for state in (_DONE, _DEAD, _WAITING)]
            told = await asyncio.gather(*(_finish(store, each) for each in ends))
            assert told.count(True) == 1
            assert await _get(store, str(n)) == evolve(ends[told.index(True)], owner="")

    async def test_what_is_done_is_removed(self, store: Store) -> None:
        """After its time, the longest done first, of all tenants; dead and waiting ones stay."""
        for n in (2, 0, 1):
            tenant = OTHER if n == 1 else DEFAULT
            done = evolve(delivery(str(n), tenant), state=_DONE, completed_at=NOW + n * _MOMENT)
            await _add(store, done)
        for state in (_WAITING, _DEAD):
            await _add(store, evolve(delivery(state), state=state))
        assert await _purge(store, NOW) == await _purge(store, NOW + LEASE, 0) == 0
        assert await _purge(store, NOW + _MOMENT) == 1
        assert await _get(store, "0") is None
        assert await _purge(store, NOW + LEASE, 1) == 1
        assert await _get(store, "2") is not None
        assert await _purge(store, NOW + LEASE) == 1
        assert await _listed(store, set(DeliveryState)) == ["waiting", "dead"]
