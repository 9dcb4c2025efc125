"""The laws of what is learned afterwards: an ended payment is watched, and written anew."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import permutations
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
    WHEN_FAILED,
    WHILE_LIVE,
    entry,
    event,
    failed,
    payment,
    purchase,
    reservation,
    settled,
    unapplied,
    watched,
)
from tillway.core.contracts.stores.ledger import balance
from tillway.core.contracts.stores.steps import (
    claim,
    count,
    fail,
    find,
    settle,
    take_over,
    total,
    write,
)
from tillway.core.errors import Code, Declined
from tillway.core.events import Event
from tillway.core.ledger import Entry
from tillway.core.payments import ENDED, LIVE, Failed, Payment, Phase, State, phase_of
from tillway.core.ports.store import Claimed, Refused, Store
from tillway.core.tenancy import DEFAULT

_MOMENT: Final = timedelta(microseconds=1)
_LATER: Final = NOW + timedelta(minutes=1)
_NEXT: Final = _LATER + LEASE
_GONE: Final = Failed(code=Code.TRANSACTION_EXPIRED, reason="forked away")
_MOVES: Final = sorted(permutations(sorted(ENDED), 2))
_COUNTS: Final = {
    "live": WHILE_LIVE,
    "sold": UNLESS_FAILED,
    "settled": frozenset({Phase.SETTLED}),
}


def _as(state: State, claimed: Payment) -> Payment:
    """Give a payment in a state that ends it."""
    ends = {
        State.SETTLED: watched(claimed),
        State.UNAPPLIED: unapplied(claimed),
        State.FAILED: failed(claimed),
        State.REVERSED: watched(claimed).reversed(_LATER, _GONE),
    }
    return ends[state]


async def _amend(
    store: Store,
    one: Payment,
    was: State,
    facts: Sequence[Event] = (),
    entries: Sequence[Entry] = (),
) -> bool:
    return await write(store, lambda unit: unit.payments.amend(one, was, facts, entries))


async def _end(store: Store, claimed: Payment, state: State) -> Payment:
    """Claim a payment and end it in a state."""
    await claim(store, claimed)
    end = _as(state, claimed)
    if state is State.FAILED:
        assert await fail(store, end)
    elif state is State.REVERSED:
        assert await settle(store, watched(claimed))
        assert await _amend(store, end, State.SETTLED)
    else:
        assert await settle(store, end)
    return end


async def _watch(
    store: Store, owner: str, now: datetime, until: datetime, limit: int = 100
) -> list[Payment]:
    return list(await write(store, lambda unit: unit.payments.watch(owner, now, until, limit)))


@pytest.mark.asyncio
class AmendmentLaws:
    """``Payments.amend`` and ``watch``."""

    @pytest.mark.parametrize(("was", "becomes"), _MOVES)
    async def test_an_end_becomes_another(self, store: Store, was: State, becomes: State) -> None:
        """Whatever it was: the payment is written whole, and what it keeps is what it is now."""
        parts = tuple(reservation(name, limit=1, counts=counts) for name, counts in _COUNTS.items())
        claimed = payment("a", reservations=parts)
        await _end(store, claimed, was)
        assert await _amend(store, _as(becomes, claimed), was)
        assert await find(store, claimed) == _as(becomes, claimed)
        phase = phase_of(becomes)
        for name, counts in _COUNTS.items():
            assert await total(store, name) == (phase in counts)
        assert not await _amend(store, _as(becomes, claimed), was)
        assert await total(store, "sold") == (phase is Phase.SETTLED)

    @pytest.mark.parametrize("state", sorted(ENDED))
    async def test_an_end_is_written_anew(self, store: Store, state: State) -> None:
        """In the state that it has: it is final now, and no total moves."""
        claimed = payment("a", reservations=(reservation(),))
        end = await _end(store, claimed, state)
        before = await total(store, "stock")
        for _ in range(2):
            final = evolve(end, watched=False, slot=7, metadata={"final": "yes"})
            assert await _amend(store, final, state)
            assert await find(store, claimed) == final
        assert await total(store, "stock") == before

    async def test_nothing_is_tested_again(self, store: Store) -> None:
        """Money that has arrived after all is sold, however little was left."""
        first = payment("a", reservations=(reservation(),))
        await _end(store, first, State.REVERSED)
        second = payment("b", reservations=(reservation(),))
        assert await claim(store, second) == Claimed()
        assert await _amend(store, settled(first), State.REVERSED)
        assert await total(store, "stock") == 2
        third = payment("c", reservations=(reservation(),))
        assert await claim(store, third) == Refused(reservation=reservation())

    async def test_a_landed_failure_stays_counted(self, store: Store) -> None:
        """Its fee was paid, whatever is learned of the payment."""
        strike = reservation("strikes", limit=None, counts=WHEN_FAILED)
        claimed = payment("a", reservations=(strike,))
        await claim(store, claimed)
        await fail(store, failed(claimed), landed=True)
        assert await _amend(store, settled(claimed), State.FAILED)
        assert await total(store, "strikes") == 1

    async def test_only_what_was_expected_is_amended(self, store: Store) -> None:
        """Another state, owner or tenant, what lives, and what is nowhere, stay as they are."""
        end = await _end(store, payment("a"), State.SETTLED)
        gone = end.reversed(_LATER, _GONE)
        for other in ENDED - {State.SETTLED}:
            assert not await _amend(store, gone, other)
        assert not await _amend(store, evolve(gone, owner=THEIRS), State.SETTLED)
        assert not await _amend(store, evolve(gone, purchase=purchase(OTHER)), State.SETTLED)
        await claim(store, payment("lives"))
        for state in ENDED:
            assert not await _amend(store, settled(payment("lives")), state)
            assert not await _amend(store, settled(payment("unknown")), state)
        assert await find(store, end) == end
        assert await find(store, payment("lives")) == payment("lives")
        assert await find(store, payment("unknown")) is None

    async def test_what_lives_is_no_amendment(self, store: Store) -> None:
        """Neither before nor after."""
        await _end(store, payment("a"), State.SETTLED)
        with pytest.raises(ValueError, match="live"):
            await _amend(store, payment("a"), State.SETTLED)
        await claim(store, payment("b"))
        for state in sorted(LIVE):
            with pytest.raises(ValueError, match="live"):
                await _amend(store, settled(payment("b")), state)
        assert await find(store, payment("b")) == payment("b")

    async def test_an_amendment_is_booked_and_told(self, store: Store) -> None:
        """With it if it is written, repeats left out, and not without it."""
        claimed = payment("a")
        await _end(store, claimed, State.SETTLED)
        gone = _as(State.REVERSED, claimed)
        assert not await _amend(store, gone, State.FAILED, [event("no")], [entry("no")])
        for _ in range(2):
            await _amend(store, gone, State.SETTLED, [event("a")], [entry("a", -5), entry("a")])
        assert await _amend(store, gone, State.REVERSED, [event("a")], [entry("a", -5)])
        assert (await balance(store)).total == -5
        async with store.view() as view:
            assert list(await view.events.newest(DEFAULT, 10)) == [event("a")]

    async def test_an_amendment_tells_and_books_for_its_tenant(self, store: Store) -> None:
        """Nothing is written with what it may not write."""
        claimed = payment("a")
        end = await _end(store, claimed, State.SETTLED)
        gone = _as(State.REVERSED, claimed)
        with pytest.raises(ValueError, match="tenant"):
            await _amend(store, gone, State.SETTLED, [event("a", OTHER)])
        for odd in (entry("a", 1, OTHER), entry("a", 1, least=0)):
            with pytest.raises(ValueError, match=r"tenant|tests"):
                await _amend(store, gone, State.SETTLED, (), [odd])
        await claim(store, payment("b"))
        with pytest.raises(Declined) as refused:
            await _amend(store, evolve(gone, signature=payment("b").signature), State.SETTLED)
        assert refused.value.code is Code.SIGNATURE_REUSED
        assert await find(store, claimed) == end

    async def test_of_amendments_at_once_one_is_written(self, store: Store) -> None:
        """Final and reversed race: the one that answers True first is what is built on."""
        for n in range(count(4, 200)):
            claimed = payment(str(n), reservations=(reservation(str(n)),))
            await _end(store, claimed, State.SETTLED)
            others = [_as(state, claimed) for state in sorted(ENDED - {State.SETTLED})]
            told = await asyncio.gather(*(_amend(store, each, State.SETTLED) for each in others))
            assert told.count(True) == 1
            assert await find(store, claimed) == others[told.index(True)]
            assert await total(store, str(n)) == 0

    async def test_what_is_watched_is_taken_in_its_time(self, store: Store) -> None:
        """Ended and not final, of every tenant, once its lease has ended; others are not."""
        for name, tenant in (("a", DEFAULT), ("theirs", OTHER)):
            await claim(store, payment(name, tenant))
            await settle(store, watched(payment(name, tenant)))
        await claim(store, payment("lives"))
        for name in ("final", "failed"):
            await claim(store, payment(name))
        await settle(store, settled(payment("final")))
        await fail(store, failed(payment("failed")))
        assert await _watch(store, THEIRS, payment("a").lease_until, _NEXT) == []
        taken = await _watch(store, THEIRS, _LATER, _NEXT)
        expected = [watched(payment("a")), watched(payment("theirs", OTHER))]
        assert sorted(taken, key=lambda one: one.tenant) == [
            evolve(one, owner=THEIRS, lease_until=_NEXT) for one in expected
        ]
        assert [await find(store, one) for one in taken] == taken
        assert await _watch(store, OURS, _NEXT, _NEXT + LEASE) == []
        assert len(await _watch(store, OURS, _NEXT + _MOMENT, _NEXT + LEASE)) == 2

    async def test_what_is_watched_is_no_live_payment(self, store: Store) -> None:
        """It is not taken over, nor is what lives watched."""
        await claim(store, payment("lives"))
        await claim(store, payment("a"))
        await settle(store, watched(payment("a")))
        assert [one.key for one in await _watch(store, THEIRS, _LATER, _NEXT)] == [payment("a").key]
        taken = await take_over(store, THEIRS, _LATER, _NEXT)
        assert [one.key for one in taken] == [payment("lives").key]

    async def test_only_who_watches_amends(self, store: Store) -> None:
        """The owner before has lost its word; what is final is watched no more."""
        await claim(store, payment("a"))
        await settle(store, watched(payment("a")))
        taken = (await _watch(store, THEIRS, _LATER, _NEXT))[0]
        final = evolve(taken, watched=False)
        assert not await _amend(store, evolve(final, owner=OURS), State.SETTLED)
        assert await _amend(store, final, State.SETTLED)
        assert await _watch(store, OURS, _NEXT + LEASE, _NEXT + 2 * LEASE) == []

    async def test_what_was_reversed_is_watched_on(self, store: Store) -> None:
        """It settles again should its money arrive after all, in its next turn."""
        claimed = payment("a", reservations=(reservation(),))
        await _end(store, claimed, State.REVERSED)
        taken = (await _watch(store, THEIRS, _LATER, _NEXT))[0]
        assert taken.state is State.REVERSED
        again = taken.settled(_NEXT, 2_000, {"success": True})
        assert await _amend(store, again, State.REVERSED)
        found = await find(store, claimed)
        assert found == again
        assert found.turn == 2
        assert await total(store, "stock") == 1

    async def test_the_oldest_watch_goes_first(self, store: Store) -> None:
        """By lease, then by creation, then by key, within the limit."""
        names = ["0", "1", "2", "3", "4", "5"]
        made = {
            name: payment(
                name,
                lease_until=NOW + (n // 4) * _MOMENT,
                created_at=NOW - (n // 2) * _MOMENT,
            )
            for n, name in enumerate(names)
        }
        for one in made.values():
            await claim(store, one)
            await settle(store, watched(one))
        ordered = sorted(made.values(), key=lambda one: (one.lease_until, one.created_at, one.key))
        first = await _watch(store, THEIRS, _LATER, _NEXT, 4)
        assert [one.key for one in first] == [one.key for one in ordered[:4]]
        assert await _watch(store, THEIRS, _LATER, _NEXT, 0) == []
        rest = await _watch(store, THEIRS, _LATER, _NEXT, 4)
        assert [one.key for one in rest] == [one.key for one in ordered[4:]]

    async def test_what_many_watch_is_taken_once(self, store: Store) -> None:
        """Many processes ask at once: each payment goes to one of them."""
        names = [str(n) for n in range(count(20, 500))]
        for name in names:
            await claim(store, payment(name))
            await settle(store, watched(payment(name)))
        asks = (_watch(store, f"process-{who}", _LATER, _NEXT, 3) for who in range(len(names)))
        got = [one for taken in await asyncio.gather(*asks) for one in taken]
        assert sorted(one.key for one in got) == sorted(payment(name).key for name in names)
