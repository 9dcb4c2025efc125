"""The laws of checkouts: what they reserve lives until they are paid, or known to be over."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import pytest
from attrs import evolve

from tillway.core.checkouts import ENDED_WITHOUT_PAY, UNPAID, Checkout, CheckoutState
from tillway.core.contracts.samples import (
    AWKWARD,
    NOW,
    OTHER,
    TERM,
    UNLESS_FAILED,
    WHEN_FAILED,
    WHILE_LIVE,
    checkout,
    payment,
    reservation,
)
from tillway.core.contracts.stores.steps import claim, count, read, total, write
from tillway.core.payments import Chain, Phase
from tillway.core.ports.store import Claimed, Refused, Store
from tillway.core.tenancy import DEFAULT

_MOMENT: Final = timedelta(microseconds=1)
_EVERY: Final = frozenset(CheckoutState)
_PAID: Final = CheckoutState.PAID
_FAILED: Final = CheckoutState.FAILED


async def _add(store: Store, one: Checkout) -> bool | Refused:
    return await write(store, lambda unit: unit.checkouts.add(one))


async def _move(store: Store, one: Checkout, *was: CheckoutState) -> bool:
    return await write(store, lambda unit: unit.checkouts.move(one, was))


async def _get(store: Store, name: str) -> Checkout | None:
    return await read(store, lambda view: view.checkouts.get(DEFAULT, checkout(name).id))


def _as(state: CheckoutState, one: Checkout) -> Checkout:
    paid = state is _PAID
    return evolve(
        one, state=state, paid_at=NOW if paid else None, paid_with=f"pi_{one.id}" if paid else None
    )


@pytest.mark.asyncio
class CheckoutLaws:
    """``Checkouts``."""

    async def test_a_checkout_is_read_as_it_was_written(self, store: Store) -> None:
        """Every field comes back equal, by its id and by its session."""
        written = evolve(
            checkout("a", reservations=(reservation(), reservation("s", tenant=None))),
            metadata={AWKWARD: AWKWARD},
            session=AWKWARD,
            url=AWKWARD,
            state=CheckoutState.OPEN,
        )
        assert await _add(store, written) is True
        assert await _get(store, "a") == written
        assert await _get(store, "b") is None
        async with store.view() as view:
            assert await view.checkouts.by_session(DEFAULT, "stripe", AWKWARD) == written
            assert await view.checkouts.by_session(DEFAULT, "other", AWKWARD) is None

    async def test_a_known_checkout_takes_nothing(self, store: Store) -> None:
        """A repeat of its id, or of its session, is False; the first one stands."""
        first = checkout("a", reservations=(reservation(limit=9),), session="cs_a")
        await _add(store, first)
        assert await _add(store, evolve(first, url="another")) is False
        second = evolve(first, id=checkout("b").id)
        assert await _add(store, second) is False
        assert await _get(store, "a") == first
        assert await _get(store, "b") is None
        assert await total(store, "stock") == 1
        assert await _add(store, evolve(second, provider="other")) is True

    async def test_a_checkout_begins_unpaid(self, store: Store) -> None:
        """What is over already reserves nothing."""
        for state in sorted(_EVERY - UNPAID):
            with pytest.raises(ValueError, match="unpaid"):
                await _add(store, _as(state, checkout("a")))
        assert await _get(store, "a") is None

    async def test_checkouts_meet_a_limit_and_do_not_pass_it(self, store: Store) -> None:
        """The checkout that would pass it is refused, and nothing of it is written."""
        part = reservation(amount=2, limit=5)
        assert await _add(store, checkout("a", reservations=(part, part))) is True
        beyond = checkout("b", reservations=(reservation("first"), part))
        assert await _add(store, beyond) == Refused(reservation=part)
        assert await _get(store, "b") is None
        assert await total(store, "first") == 0
        assert await total(store, "stock") == 4

    async def test_reservations_are_tested_in_their_order(self, store: Store) -> None:
        """The first that does not fit is named, and what it takes twice is counted twice."""
        full = [reservation(name, limit=0) for name in ("second", "third")]
        refused = checkout("a", reservations=(reservation("first"), *full))
        assert await _add(store, refused) == Refused(reservation=full[0])
        half = reservation(amount=3, limit=5)
        assert await _add(store, checkout("a", reservations=(half, half))) == Refused(
            reservation=half
        )
        assert await total(store, "stock") == 0

    async def test_what_does_not_count_while_unpaid_is_only_tested(self, store: Store) -> None:
        """Its whole amount has to fit, and nothing is taken."""
        strike = reservation("strikes", limit=1, counts=WHEN_FAILED)
        for name in ("a", "b"):
            assert await _add(store, checkout(name, reservations=(strike,))) is True
        much = evolve(strike, amount=2)
        assert await _add(store, checkout("c", reservations=(much,))) == Refused(reservation=much)
        assert await total(store, "strikes") == 0

    async def test_checkouts_and_payments_share_their_totals(self, store: Store) -> None:
        """What a payment took, a checkout can not, and the other way round."""
        one = reservation(limit=2)
        assert await claim(store, payment("a", reservations=(one,))) == Claimed()
        assert await _add(store, checkout("a", reservations=(one,))) is True
        assert await claim(store, payment("b", reservations=(one,))) == Refused(reservation=one)
        assert await _add(store, checkout("b", reservations=(one,))) == Refused(reservation=one)

    async def test_what_tenants_share_is_the_providers(self, store: Store) -> None:
        """A provider stands where a payment has its chain."""
        shared = reservation("balance", tenant=None)
        assert await _add(store, checkout("a", reservations=(shared,))) is True
        refused = checkout("b", OTHER, reservations=(shared,))
        assert await _add(store, refused) == Refused(reservation=shared)
        assert await total(store, "balance", None, Chain("stripe")) == 1
        assert await total(store, "balance", DEFAULT) == 0

    @pytest.mark.parametrize(
        ("counts", "paid"), [(WHILE_LIVE, 0), (UNLESS_FAILED, 1), (frozenset(Phase), 1)]
    )
    async def test_an_end_moves_what_was_taken(
        self, store: Store, counts: frozenset[Phase], paid: int
    ) -> None:
        """Paid, it keeps what counts once settled; over without pay, nothing; each end once."""
        ends = {state: paid if state is _PAID else 0 for state in sorted(_EVERY - UNPAID)}
        for state, left in ends.items():
            part = reservation(state, limit=None, counts=counts)
            opening = checkout(state, reservations=(part,))
            await _add(store, opening)
            assert await _move(store, _as(CheckoutState.OPEN, opening), CheckoutState.OPENING)
            assert await total(store, state) == 1
            assert await _move(store, _as(state, opening), *UNPAID)
            assert await total(store, state) == left
            assert not await _move(store, _as(state, opening), *UNPAID)
            assert await _move(store, _as(state, opening), state)
            assert await total(store, state) == left

    async def test_what_is_paid_after_all_counts_again(self, store: Store) -> None:
        """Money that came late is tested against no limit, and may be taken back."""
        one = checkout("a", reservations=(reservation(),))
        for state in sorted(ENDED_WITHOUT_PAY):
            await _add(store, one)
            assert await _move(store, _as(state, one), *_EVERY)
            await claim(store, payment("a", reservations=(reservation(),)))
            assert await _move(store, _as(_PAID, one), state)
            assert await total(store, "stock") == 2
            assert await _move(store, _as(_FAILED, one), _PAID)
            assert await total(store, "stock") == 1

    async def test_a_checkout_keeps_its_reservations(self, store: Store) -> None:
        """A move that brings others gives back what was taken."""
        one = checkout("a", reservations=(reservation(amount=2, limit=2),))
        await _add(store, one)
        odd = evolve(one, state=CheckoutState.OPEN, reservations=(reservation("odd", 9),))
        assert await _move(store, odd, CheckoutState.OPENING)
        assert await _get(store, "a") == evolve(one, state=CheckoutState.OPEN)
        assert await _move(store, evolve(odd, state=_FAILED), CheckoutState.OPEN)
        assert await total(store, "stock") == await total(store, "odd") == 0

    async def test_a_checkout_moves_from_where_it_was_expected(self, store: Store) -> None:
        """From another state nothing is written, and what is not there does not move."""
        await _add(store, checkout("a"))
        opened = evolve(checkout("a", session="cs_a"), state=CheckoutState.OPEN, url="https://pay")
        assert not await _move(store, opened, CheckoutState.OPEN, _PAID)
        assert not await _move(store, opened)
        assert await _get(store, "a") == checkout("a")
        assert await _move(store, opened, *UNPAID)
        assert await _get(store, "a") == opened
        async with store.view() as view:
            assert await view.checkouts.by_session(DEFAULT, "stripe", "cs_a") == opened
        assert not await _move(store, checkout("unknown"), *_EVERY)
        assert await _get(store, "unknown") is None

    async def test_a_checkout_is_found_by_what_it_was_paid_with(self, store: Store) -> None:
        """As its provider names that, and not before it is paid."""
        await _add(store, checkout("a"))
        await _add(store, evolve(checkout("b", OTHER), provider="other"))
        async with store.view() as view:
            assert await view.checkouts.by_payment(DEFAULT, "stripe", "pi_checkout_a") is None
        await _move(store, _as(_PAID, checkout("a")), *UNPAID)
        async with store.view() as view:
            found = await view.checkouts.by_payment(DEFAULT, "stripe", "pi_checkout_a")
            assert found == _as(_PAID, checkout("a"))
            assert await view.checkouts.by_payment(DEFAULT, "other", "pi_checkout_a") is None
            assert await view.checkouts.by_payment(OTHER, "stripe", "pi_checkout_a") is None
        await _add(store, checkout("b"))
        theirs = evolve(checkout("b"), state=_PAID, paid_with="pi_checkout_a")
        assert not await _move(store, theirs, *UNPAID)
        assert await _get(store, "b") == checkout("b")

    async def test_what_must_be_paid_may_be_learned_later(self, store: Store) -> None:
        """Of a price that is the provider's own: it is stored with the session."""
        asked = evolve(checkout("a"), amount=None)
        assert await _add(store, asked) is True
        assert await _get(store, "a") == asked
        opened = evolve(checkout("a", session="cs_a"), state=CheckoutState.OPEN)
        assert await _move(store, opened, CheckoutState.OPENING)
        assert await _get(store, "a") == opened

    async def test_a_session_is_one_checkouts(self, store: Store) -> None:
        """A move takes no other's."""
        await _add(store, checkout("a", session="cs_a"))
        await _add(store, checkout("b"))
        assert not await _move(store, checkout("b", session="cs_a"), *UNPAID)
        assert await _get(store, "b") == checkout("b")

    async def test_what_has_ended_is_not_unpaid_again(self, store: Store) -> None:
        """Its reservations were given back, or used."""
        for state in sorted(_EVERY - UNPAID):
            await _add(store, checkout(state))
            await _move(store, _as(state, checkout(state)), *UNPAID)
            for unpaid in sorted(UNPAID):
                with pytest.raises(ValueError, match="unpaid"):
                    await _move(store, _as(unpaid, checkout(state)), state)
            assert await _get(store, state) == _as(state, checkout(state))

    async def test_of_checkouts_at_once_no_more_than_fit_are_written(self, store: Store) -> None:
        """32 race for a third of it: each share is taken once."""
        for n in range(count(2, 50)):
            part = reservation(str(n), limit=10)
            asked = [checkout(f"{n}-{who}", reservations=(part,)) for who in range(32)]
            told = await asyncio.gather(*(_add(store, each) for each in asked))
            assert told.count(True) == 10
            assert told.count(Refused(reservation=part)) == 22
            assert await total(store, str(n)) == 10

    async def test_of_ends_at_once_one_is_written(self, store: Store) -> None:
        """Paid and over race: the total is that of the one that is stored."""
        for n in range(count(4, 200)):
            one = checkout(str(n), reservations=(reservation(str(n)),))
            await _add(store, one)
            ends = [_as(state, one) for state in sorted(_EVERY - UNPAID)]
            told = await asyncio.gather(*(_move(store, each, *UNPAID) for each in ends))
            assert told.count(True) == 1
            won = ends[told.index(True)]
            assert await _get(store, str(n)) == won
            assert await total(store, str(n)) == (won.state is _PAID)

    async def test_expired_checkouts_are_due(self, store: Store) -> None:
        """Unpaid ones of all tenants after their time, the longest expired first."""
        for n in (2, 0, 1):
            tenant = OTHER if n == 1 else DEFAULT
            await _add(store, evolve(checkout(str(n), tenant), expires_at=NOW + n * _MOMENT))
        for state in sorted(_EVERY - UNPAID):
            await _add(store, checkout(state))
            await _move(store, _as(state, checkout(state)), *UNPAID)
        wanted = [checkout(str(n)).id for n in range(3)]
        for later, limit, expected in ((2, 10, wanted[:2]), (3, 10, wanted), (3, 1, wanted[:1])):
            async with store.view() as view:
                due = await view.checkouts.due(NOW + later * _MOMENT, limit)
            assert [one.id for one in due] == expected
        late = await read(store, lambda view: view.checkouts.due(NOW + 2 * TERM, 10))
        assert [one.id for one in late] == wanted

    async def test_what_was_over_long_ago_is_purged(self, store: Store) -> None:
        """After its time, up to the limit; unpaid and paid ones stay."""
        for state in sorted(_EVERY):
            await _add(store, checkout(state))
            if state not in UNPAID:
                await _move(store, _as(state, checkout(state)), *UNPAID)

        async def purge(before: datetime, limit: int = 10) -> int:
            return await write(store, lambda unit: unit.checkouts.purge(before, limit))

        assert await purge(NOW + TERM) == await purge(NOW + 2 * TERM, 0) == 0
        assert await purge(NOW + TERM + _MOMENT, 1) == 1
        assert await purge(NOW + TERM + _MOMENT) == 1
        assert await purge(NOW + TERM + _MOMENT) == 0
        for state in sorted(_EVERY):
            assert (await _get(store, state) is None) == (state in ENDED_WITHOUT_PAY)
