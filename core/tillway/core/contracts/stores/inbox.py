"""The laws of the inbox: what others tell us is kept as it came, and applied once."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

import pytest
from attrs import evolve

from tillway.core.contracts.samples import AWKWARD, LEASE, NOW, OTHER, OURS, THEIRS, inbound
from tillway.core.contracts.stores.steps import count, read, write
from tillway.core.ports.store import NOT_APPLIED, Inbound, InboundState, Store
from tillway.core.tenancy import DEFAULT

_MOMENT: Final = timedelta(microseconds=1)
_SOON: Final = NOW + _MOMENT
_RECEIVED, _APPLIED, _GIVEN_UP = InboundState.RECEIVED, InboundState.APPLIED, InboundState.GIVEN_UP


async def _receive(store: Store, one: Inbound) -> bool:
    return await write(store, lambda unit: unit.inbox.receive(one))


async def _get(store: Store, name: str) -> Inbound | None:
    return await read(store, lambda view: view.inbox.get(DEFAULT, "stripe", f"evt_{name}"))


async def _apply(store: Store, name: str, at: datetime = NOW) -> bool:
    return await write(store, lambda unit: unit.inbox.apply(DEFAULT, "stripe", f"evt_{name}", at))


async def _take(
    store: Store, now: datetime, owner: str = OURS, limit: int = 10
) -> Sequence[Inbound]:
    return list(await write(store, lambda unit: unit.inbox.take(owner, now, now + LEASE, limit)))


async def _put_off(store: Store, name: str, until: datetime | None, error: str = "no") -> bool:
    event = f"evt_{name}"
    return await write(
        store, lambda unit: unit.inbox.put_off(DEFAULT, "stripe", event, error, until)
    )


async def _revive(store: Store, name: str, at: datetime = NOW) -> bool:
    event = f"evt_{name}"
    return await write(store, lambda unit: unit.inbox.revive(DEFAULT, "stripe", event, at))


async def _listed(
    store: Store,
    states: Collection[InboundState],
    limit: int = 10,
    before: datetime | None = None,
) -> list[str]:
    found = await read(store, lambda view: view.inbox.listed(DEFAULT, states, limit, before))
    return [one.id.removeprefix("evt_") for one in found]


async def _purge(store: Store, before: datetime, limit: int = 10) -> int:
    return await write(store, lambda unit: unit.inbox.purge(before, limit))


@pytest.mark.asyncio
class InboxLaws:
    """``Inbox``."""

    async def test_an_event_is_kept_as_it_came(self, store: Store) -> None:
        """Every field comes back equal, whatever its texts and bytes are."""
        written = Inbound(
            tenant=DEFAULT,
            source=AWKWARD,
            id=AWKWARD,
            type=AWKWARD,
            received_at=NOW,
            body=bytes(range(256)),
            headers={AWKWARD: AWKWARD},
        )
        assert await _receive(store, written)
        async with store.view() as view:
            assert await view.inbox.get(DEFAULT, AWKWARD, AWKWARD) == written
        assert await _get(store, "a") is None

    async def test_an_event_begins_as_received(self, store: Store) -> None:
        """Neither applied nor tried, whatever else is said of it."""
        odd = evolve(inbound("a"), applied_at=NOW, attempts=3, last_error="no", given_up=True)
        assert await _receive(store, odd)
        assert await _get(store, "a") == inbound("a")

    async def test_a_known_event_is_not_written_again(self, store: Store) -> None:
        """A repeat is False and changes nothing, applied or not; sources are apart."""
        await _receive(store, inbound("a"))
        again = evolve(inbound("a"), body=b"other", received_at=NOW + LEASE)
        assert not await _receive(store, again)
        assert await _get(store, "a") == inbound("a")
        await _apply(store, "a")
        assert not await _receive(store, again)
        assert await _get(store, "a") == evolve(inbound("a"), applied_at=NOW)
        assert await _receive(store, evolve(inbound("a"), source="other"))
        for source, name in (("x:y", "z"), ("x", "y:z")):
            assert await _receive(store, evolve(inbound("a"), source=source, id=name))

    async def test_an_event_is_applied_once(self, store: Store) -> None:
        """A repeat is False, and so is one for what is not there; the first time stands."""
        await _receive(store, inbound("a"))
        assert await _apply(store, "a")
        assert not await _apply(store, "a", NOW + LEASE)
        assert not await _apply(store, "unknown")
        assert await _get(store, "a") == evolve(inbound("a"), applied_at=NOW)
        assert await _get(store, "unknown") is None

    async def test_what_waits_is_taken_longest_waiting_first(self, store: Store) -> None:
        """Of all tenants, after its time, and not what is applied."""
        for n in (3, 1, 0, 2):
            tenant = OTHER if n == 1 else DEFAULT
            await _receive(store, inbound(str(n), tenant, NOW + n * _MOMENT))
        await _apply(store, "2")
        assert await _take(store, NOW) == []
        assert await _take(store, NOW + 4 * _MOMENT, limit=0) == []
        taken = await _take(store, NOW + 4 * _MOMENT, limit=2)
        assert taken == [inbound("0"), inbound("1", OTHER, NOW + _MOMENT)]
        taken = await _take(store, NOW + 4 * _MOMENT, limit=2)
        assert taken == [inbound("3", received_at=NOW + 3 * _MOMENT)]

    async def test_what_is_taken_is_left_alone_for_its_time(self, store: Store) -> None:
        """Then it is taken again, unless it was applied."""
        for name in ("a", "applied"):
            await _receive(store, inbound(name))
        assert len(await _take(store, _SOON)) == 2
        assert await _take(store, _SOON, THEIRS) == []
        assert await _apply(store, "applied")
        assert await _take(store, _SOON + LEASE, THEIRS) == []
        assert await _take(store, _SOON + LEASE + _MOMENT, THEIRS) == [inbound("a")]

    async def test_a_failed_attempt_is_counted(self, store: Store) -> None:
        """With its error, and the event is taken again after the time given."""
        await _receive(store, inbound("a"))
        await _take(store, _SOON)
        for n in (1, 2):
            assert await _put_off(store, "a", NOW + n * LEASE, f"{n} {AWKWARD}")
            late = evolve(inbound("a"), attempts=n, last_error=f"{n} {AWKWARD}")
            assert await _get(store, "a") == late
        assert await _take(store, NOW + 2 * LEASE) == []
        assert await _take(store, NOW + 2 * LEASE + _MOMENT) == [late]
        assert await _apply(store, "a")
        assert await _get(store, "a") == evolve(late, applied_at=NOW)

    async def test_what_is_applied_is_not_put_off(self, store: Store) -> None:
        """Nor what is not there."""
        await _receive(store, inbound("a"))
        await _apply(store, "a")
        assert not await _put_off(store, "a", NOW)
        assert not await _put_off(store, "unknown", NOW)
        assert await _get(store, "a") == evolve(inbound("a"), applied_at=NOW)

    async def test_what_is_given_up_is_taken_no_more(self, store: Store) -> None:
        """It stays as it is, for ever; it can be applied all the same, and put off once more."""
        for name in "ab":
            await _receive(store, inbound(name))
            assert await _put_off(store, name, None)
        over = evolve(inbound("a"), attempts=1, last_error="no", given_up=True)
        assert await _get(store, "a") == over
        assert over.state is _GIVEN_UP
        assert await _take(store, NOW + 1000 * LEASE) == []
        assert await _purge(store, NOW + 1000 * LEASE) == 0
        assert not await _receive(store, inbound("a"))
        assert await _get(store, "a") == over
        assert await _apply(store, "a")
        assert await _get(store, "a") == evolve(over, applied_at=NOW, given_up=False)
        assert await _put_off(store, "b", NOW + LEASE)
        again = evolve(inbound("b"), attempts=2, last_error="no")
        assert await _take(store, NOW + LEASE + _MOMENT) == [again]

    async def test_what_is_not_applied_is_revived(self, store: Store) -> None:
        """Given up, taken or waiting: it waits from then on, with no attempts counted."""
        for name in ("over", "taken", "done"):
            await _receive(store, inbound(name))
        await _put_off(store, "over", None)
        await _apply(store, "done")
        assert [one.id for one in await _take(store, _SOON)] == ["evt_taken"]
        for name in ("over", "over", "taken"):
            assert await _revive(store, name, NOW + LEASE)
        assert not await _revive(store, "done")
        assert not await _revive(store, "unknown")
        assert await _get(store, "done") == evolve(inbound("done"), applied_at=NOW)
        assert await _take(store, NOW + LEASE) == []
        again = evolve(inbound("over"), last_error="no")
        assert await _take(store, NOW + LEASE + _MOMENT) == [again, inbound("taken")]

    async def test_events_are_listed_by_state(self, store: Store) -> None:
        """Newest first, of one time the greater id, within the limit, before the time given."""
        for n in (2, 0, 4, 1, 3):
            await _receive(store, inbound(str(n), received_at=NOW + (n // 2) * _MOMENT))
        await _receive(store, inbound("theirs", OTHER))
        await _put_off(store, "3", None)
        await _apply(store, "1", NOW + LEASE)
        assert await _listed(store, {_RECEIVED}) == ["4", "2", "0"]
        assert await _listed(store, {_GIVEN_UP}) == ["3"]
        assert await _listed(store, {_APPLIED}) == ["1"]
        assert await _listed(store, NOT_APPLIED) == ["4", "3", "2", "0"]
        assert await _listed(store, set(InboundState), 3) == ["4", "3", "2"]
        assert await _listed(store, NOT_APPLIED, 10, _SOON) == ["0"]
        assert await _listed(store, set()) == await _listed(store, NOT_APPLIED, 0) == []
        found = await read(store, lambda view: view.inbox.listed(DEFAULT, {_GIVEN_UP}, 1))
        assert list(found) == [await _get(store, "3")]

    async def test_of_applications_at_once_one_is_made(self, store: Store) -> None:
        """Many race to apply an event: one does."""
        for n in range(count(4, 100)):
            await _receive(store, inbound(str(n)))
            told = await asyncio.gather(*(_apply(store, str(n)) for _ in range(32)))
            assert told.count(True) == 1

    async def test_events_that_many_take_are_taken_once(self, store: Store) -> None:
        """Many processes ask at once: each event goes to one of them."""
        names = [str(n) for n in range(count(20, 500))]
        for name in names:
            await _receive(store, inbound(name))
        asks = (_take(store, _SOON, f"process-{who}", 3) for who in range(len(names)))
        got = [one for taken in await asyncio.gather(*asks) for one in taken]
        got += await _take(store, _SOON, limit=len(names))
        assert sorted(one.id for one in got) == sorted(inbound(name).id for name in names)

    async def test_applied_events_are_removed(self, store: Store) -> None:
        """After their time, the longest applied first; what waits stays."""
        for n in (2, 0, 1):
            await _receive(store, inbound(str(n)))
            await _apply(store, str(n), NOW + n * _MOMENT)
        await _receive(store, inbound("waits"))
        assert await _purge(store, NOW) == await _purge(store, NOW + LEASE, 0) == 0
        assert await _purge(store, NOW + _MOMENT) == 1
        assert await _get(store, "0") is None
        assert await _purge(store, NOW + LEASE, 1) == 1
        assert await _get(store, "1") is None
        assert await _purge(store, NOW + LEASE, 5) == 1
        assert await _get(store, "waits") == inbound("waits")
        assert await _receive(store, inbound("0"))
