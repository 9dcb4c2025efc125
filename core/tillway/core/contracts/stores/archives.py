"""The laws of the archive, and of users' lists: what is old stays known, and stays taken."""

from datetime import datetime, timedelta
from typing import Final

import pytest
from attrs import evolve

from tillway.core.contracts.samples import (
    LEASE,
    NOW,
    OTHER,
    OURS,
    THEIRS,
    UNLESS_FAILED,
    WHILE_LIVE,
    failed,
    payment,
    reservation,
    settled,
    unapplied,
    watched,
)
from tillway.core.contracts.stores.steps import (
    claim,
    fail,
    find,
    read,
    release,
    settle,
    take_over,
    total,
    write,
)
from tillway.core.errors import Code, Declined
from tillway.core.payments import Chain, Payment, State
from tillway.core.ports.store import Claimed, Refused, Store, Taken
from tillway.core.tenancy import DEFAULT, Tenant

_MOMENT: Final = timedelta(microseconds=1)
_LATE: Final = NOW + timedelta(days=1)


async def _archive(store: Store, before: datetime = _LATE, limit: int = 100) -> int:
    return await write(store, lambda unit: unit.payments.archive(before, limit))


async def _archived(
    store: Store, limit: int = 100, before: datetime | None = None, tenant: Tenant = DEFAULT
) -> list[Payment]:
    return list(await read(store, lambda view: view.payments.archived(tenant, limit, before)))


async def _newest(store: Store, user: str | None = None, limit: int = 100) -> list[Payment]:
    return list(await read(store, lambda view: view.payments.newest(DEFAULT, limit, None, user)))


async def _settled(store: Store, claimed: Payment) -> Payment:
    """Claim and settle."""
    assert await claim(store, claimed) == Claimed()
    assert await settle(store, settled(claimed))
    return settled(claimed)


@pytest.mark.asyncio
class ArchiveLaws:
    """``Payments.archive`` and ``archived``, and ``newest`` of a user."""

    async def test_an_archived_payment_is_found_as_it_was(self, store: Store) -> None:
        """By its key and by its signature, and in the archive's list alone."""
        end = await _settled(store, payment("a", reservations=(reservation(),)))
        assert await _archive(store) == 1
        assert await find(store, end) == end
        async with store.view() as view:
            assert await view.payments.by_signature(DEFAULT, end.signature) == end
            assert await view.payments.by_signature(OTHER, end.signature) is None
        assert await _newest(store) == await _newest(store, "user-1") == []
        assert await _archived(store) == [end]
        assert await _archived(store, tenant=OTHER) == []

    async def test_only_what_is_over_is_archived(self, store: Store) -> None:
        """What lives, and what is watched, stays; everything that has ended goes."""
        for name in ("lives", "unresolved", "watched", "settled", "unapplied", "failed"):
            await claim(store, payment(name))
        await release(store, payment("unresolved"), NOW)
        await settle(store, watched(payment("watched")))
        await settle(store, settled(payment("settled")))
        await settle(store, unapplied(payment("unapplied")))
        await fail(store, failed(payment("failed")))
        assert await _archive(store) == 3
        assert await _archive(store) == 0
        assert {one.state for one in await _archived(store)} == {
            State.SETTLED,
            State.UNAPPLIED,
            State.FAILED,
        }
        left = {one.signature.removeprefix("signature-") for one in await _newest(store)}
        assert left == {"lives", "unresolved", "watched"}

    async def test_the_oldest_are_archived_first(self, store: Store) -> None:
        """Created before the time given, of one time by key, within the limit."""
        ends = []
        for n in (4, 0, 3, 1, 2):
            made = payment(str(n), created_at=NOW + (n // 2) * _MOMENT)
            ends.append(await _settled(store, made))
        await _settled(store, payment("theirs", OTHER, created_at=_LATE - _MOMENT))
        ordered = sorted(ends, key=lambda one: (one.created_at, one.key))
        assert await _archive(store, NOW) == await _archive(store, limit=0) == 0
        assert await _archive(store, NOW + _MOMENT, 1) == 1
        assert await _archived(store) == ordered[:1]
        assert await _archive(store, NOW + _MOMENT) == 1
        assert await _archive(store, limit=1) == 1
        assert await _archived(store) == list(reversed(ordered[:3]))
        assert await _archive(store) == 3
        assert len(await _archived(store, tenant=OTHER)) == 1

    async def test_archived_payments_are_listed_newest_first(self, store: Store) -> None:
        """Of one time the greater key first, within the limit, before the time given."""
        ends = [
            await _settled(store, payment(str(n), created_at=NOW + (n // 2) * _MOMENT))
            for n in range(5)
        ]
        await _archive(store)
        ordered = sorted(ends, key=lambda one: (one.created_at, one.key), reverse=True)
        assert await _archived(store) == ordered
        assert await _archived(store, 2) == ordered[:2]
        assert await _archived(store, 0) == []
        assert await _archived(store, 10, NOW + _MOMENT) == ordered[3:]

    async def test_an_archived_key_stays_taken(self, store: Store) -> None:
        """Claims of it find it, of whichever tenant; on another chain it is another key."""
        end = await _settled(store, payment("a", reservations=(reservation(limit=9),)))
        await _archive(store)
        for again in (payment("a"), payment("a", OTHER, signature="another")):
            assert await claim(store, again) == Taken(payment=end)
        elsewhere = payment("a", chain=Chain("elsewhere"))
        assert await claim(store, elsewhere) == Claimed()
        assert await find(store, end) == end
        async with store.view() as view:
            found = await view.payments.by_signature(DEFAULT, end.signature)
        assert found == elsewhere, "what is archived comes after what is not"

    async def test_an_archived_signature_stays_taken(self, store: Store) -> None:
        """Neither a claim nor an end takes it."""
        end = await _settled(store, payment("a"))
        await _archive(store)
        assert await claim(store, payment("b", signature=end.signature)) == Taken(payment=end)
        await claim(store, payment("c"))
        with pytest.raises(Declined) as refused:
            await settle(store, evolve(settled(payment("c")), signature=end.signature))
        assert refused.value.code is Code.SIGNATURE_REUSED
        assert await find(store, payment("c")) == payment("c")

    async def test_of_two_that_are_taken_the_keys_is_found(self, store: Store) -> None:
        """Whichever of them is archived."""
        ends = [await _settled(store, payment(name)) for name in "ab"]
        for archived in (0, 1, 1):
            assert await _archive(store, limit=archived) == archived
            for one, other in (ends, reversed(ends)):
                both = payment(one.signature.removeprefix("signature-"), signature=other.signature)
                assert await claim(store, both) == Taken(payment=one)

    async def test_what_an_archived_payment_redeemed_stays_counted(self, store: Store) -> None:
        """Moving it moves no total, and a limit that it met stays met."""
        for name, counts in (("sold", UNLESS_FAILED), ("live", WHILE_LIVE)):
            await _settled(store, payment(name, reservations=(reservation(name, counts=counts),)))
        await _archive(store)
        assert await total(store, "sold") == 1
        assert await total(store, "live") == 0
        refused = payment("b", reservations=(reservation("sold"),))
        assert await claim(store, refused) == Refused(reservation=reservation("sold"))

    async def test_what_is_archived_changes_no_more(self, store: Store) -> None:
        """It is neither ended, amended, renewed, taken over nor watched."""
        end = await _settled(store, payment("a"))
        await _archive(store)
        late, next_ = _LATE, _LATE + LEASE
        assert not await settle(store, settled(payment("a")))
        assert not await fail(store, failed(payment("a")))
        assert not await release(store, payment("a"), late)
        async with store.begin() as unit:
            assert not await unit.payments.amend(evolve(end, watched=True), State.SETTLED)
            assert await unit.payments.renew(OURS, [end.key], next_) == 0
            assert list(await unit.payments.watch(THEIRS, late, next_, 10)) == []
        assert list(await take_over(store, THEIRS, late, next_)) == []
        assert await find(store, end) == end

    async def test_a_unit_that_fails_archives_nothing(self, store: Store) -> None:
        """What it moved is where it was."""
        end = await _settled(store, payment("a"))
        with pytest.raises(LookupError):  # noqa: PT012 - what is tested is the leaving
            async with store.begin() as unit:
                assert await unit.payments.archive(_LATE, 10) == 1
                assert list(await unit.payments.newest(DEFAULT, 10)) == []
                assert list(await unit.payments.archived(DEFAULT, 10)) == [end]
                assert await unit.payments.claim(payment("a")) == Taken(payment=end)
                raise LookupError
        assert await _archived(store) == []
        assert await _newest(store) == [end]

    async def test_a_users_payments_are_listed(self, store: Store) -> None:
        """Newest first, within the limit, before the time given, and nobody else's."""
        ours = []
        for n in (2, 0, 3, 1):
            made = payment(str(n), created_at=NOW + (n // 2) * _MOMENT, user_id="user-2")
            await claim(store, made)
            ours.append(made)
        await claim(store, payment("other"))
        await claim(store, payment("nobody", user_id=None))
        await claim(store, payment("theirs", OTHER, user_id="user-2"))
        ordered = sorted(ours, key=lambda one: (one.created_at, one.key), reverse=True)
        assert await _newest(store, "user-2") == ordered
        assert await _newest(store, "user-2", 3) == ordered[:3]
        assert await _newest(store, "user-3") == await _newest(store, "user-2", 0) == []
        assert len(await _newest(store)) == 6
        async with store.view() as view:
            page = await view.payments.newest(DEFAULT, 10, NOW + _MOMENT, "user-2")
        assert list(page) == ordered[2:]

    async def test_an_end_keeps_its_user(self, store: Store) -> None:
        """Whatever becomes of a payment, its user finds it."""
        await _settled(store, payment("a", user_id="user-2"))
        assert await _newest(store, "user-2") == [settled(payment("a", user_id="user-2"))]
