"""The laws of reservations: a limit is never passed, and what is given back can be taken."""

import asyncio

import pytest

from tillway.core.contracts.samples import (
    AWKWARD,
    CHAIN,
    OTHER,
    UNLESS_FAILED,
    WHEN_FAILED,
    WHILE_LIVE,
    failed,
    payment,
    reservation,
    settled,
)
from tillway.core.contracts.stores.steps import (
    claim,
    count,
    fail,
    find,
    release,
    settle,
    take_over,
    total,
)
from tillway.core.payments import Chain, Phase
from tillway.core.ports.store import Claimed, Refused, Store
from tillway.core.tenancy import DEFAULT

_EVERY = frozenset(Phase)


@pytest.mark.asyncio
class ReservationLaws:
    """What claims take and ends give back, and ``Tallies.totals``."""

    async def test_a_limit_is_met_and_not_passed(self, store: Store) -> None:
        """The claim that would pass it is refused, names the reservation, and writes nothing."""
        part = reservation(amount=2, limit=5)
        for name in ("a", "b"):
            assert await claim(store, payment(name, reservations=(part,))) == Claimed()
        beyond = payment("c", reservations=(part,))
        assert await claim(store, beyond) == Refused(reservation=part)
        assert await find(store, beyond) is None
        last = payment("d", reservations=(reservation(amount=1, limit=5),))
        assert await claim(store, last) == Claimed()
        assert await total(store, "stock") == 5

    async def test_the_first_alone_may_be_too_much(self, store: Store) -> None:
        """A limit holds for a name that nobody has used yet."""
        much = reservation(amount=6, limit=5)
        assert await claim(store, payment("a", reservations=(much,))) == Refused(reservation=much)
        none = reservation(amount=1, limit=0)
        assert await claim(store, payment("b", reservations=(none,))) == Refused(reservation=none)

    async def test_a_limit_holds_whatever_its_name_is(self, store: Store) -> None:
        """Names may be made of what came from outside, NUL included."""
        part = reservation(AWKWARD, limit=1)
        like_it = reservation(AWKWARD.partition("\0")[0], limit=None)
        assert await claim(store, payment("a", reservations=(part, like_it))) == Claimed()
        assert await claim(store, payment("b", reservations=(part,))) == Refused(reservation=part)
        assert await total(store, AWKWARD) == 1
        await fail(store, failed(payment("a", reservations=(part, like_it))))
        assert await total(store, AWKWARD) == 0

    async def test_no_limit_only_counts(self, store: Store) -> None:
        """Without a limit nothing is refused and everything is counted."""
        for n in range(3):
            open_end = reservation(amount=7, limit=None)
            assert await claim(store, payment(str(n), reservations=(open_end,))) == Claimed()
        assert await total(store, "stock") == 21

    async def test_the_first_in_order_that_does_not_fit_is_named(self, store: Store) -> None:
        """Reservations are tested in their order, and all are taken or none."""
        full = [reservation(name, limit=0) for name in ("second", "third")]
        refused = payment("a", reservations=(reservation("first"), *full))
        assert await claim(store, refused) == Refused(reservation=full[0])
        assert await total(store, "first") == 0

    async def test_a_refused_claim_leaves_the_unit_as_it_was(self, store: Store) -> None:
        """What else the unit writes is written."""
        async with store.begin() as unit:
            await unit.payments.claim(payment("a", reservations=(reservation(),)))
            full = payment("b", reservations=(reservation("other"), reservation()))
            assert await unit.payments.claim(full) == Refused(reservation=reservation())
        assert await find(store, payment("a")) is not None
        assert await total(store, "other") == 0
        assert await total(store, "stock") == 1

    async def test_one_claim_may_take_twice_from_one_name(self, store: Store) -> None:
        """What a claim has taken already counts against its next reservation."""
        half = reservation(amount=3, limit=5)
        assert await claim(store, payment("a", reservations=(half, half))) == Refused(
            reservation=half
        )
        less = reservation(amount=2, limit=5)
        assert await claim(store, payment("b", reservations=(less, less))) == Claimed()
        assert await total(store, "stock") == 4
        await fail(store, failed(payment("b", reservations=(less, less))))
        assert await total(store, "stock") == 0

    async def test_what_does_not_count_while_live_is_only_tested(self, store: Store) -> None:
        """It takes nothing by the claim, and is refused once the total is too high."""
        strike = reservation("failures", limit=1, counts=WHEN_FAILED)
        for name in ("a", "b"):
            claimed = payment(name, reservations=(strike,))
            assert await claim(store, claimed) == Claimed()
        assert await total(store, "failures") == 0
        await fail(store, failed(payment("a", reservations=(strike,))), landed=True)
        assert await total(store, "failures") == 1
        assert await claim(store, payment("c", reservations=(strike,))) == Refused(
            reservation=strike
        )
        await fail(store, failed(payment("b", reservations=(strike,))), landed=True)
        assert await total(store, "failures") == 2

    @pytest.mark.parametrize(
        ("counts", "live", "after_settling", "after_failing", "after_landing"),
        [
            (WHILE_LIVE, 1, 0, 0, 0),
            (UNLESS_FAILED, 1, 1, 0, 0),
            (WHEN_FAILED, 0, 0, 0, 1),
            (_EVERY, 1, 1, 0, 1),
        ],
    )
    async def test_each_phase_counts_what_it_should(
        self,
        store: Store,
        counts: frozenset[Phase],
        live: int,
        after_settling: int,
        after_failing: int,
        after_landing: int,
    ) -> None:
        """Claim, settle, fail and landed failure move the total by the reservation's phases."""
        ends = {"settled": after_settling, "failed": after_failing, "landed": after_landing}
        for name, expected in ends.items():
            part = reservation(name, limit=None, counts=counts)
            claimed = payment(name, reservations=(part,))
            await claim(store, claimed)
            assert await total(store, name) == live
            if name == "settled":
                assert await settle(store, settled(claimed))
            else:
                assert await fail(store, failed(claimed), landed=name == "landed")
            assert await total(store, name) == expected

    async def test_a_repeated_end_gives_nothing_back_twice(self, store: Store) -> None:
        """Totals move once, with the end that is written."""
        part = reservation(limit=None)
        for name in ("a", "b"):
            await claim(store, payment(name, reservations=(part,)))
        for _ in range(3):
            await fail(store, failed(payment("a", reservations=(part,))))
            await settle(store, settled(payment("a", reservations=(part,))))
        assert await total(store, "stock") == 1

    async def test_what_the_claim_took_is_given_back(self, store: Store) -> None:
        """An end that brings other reservations moves those of the claim."""
        await claim(store, payment("a", reservations=(reservation(amount=2, limit=2),)))
        await fail(store, failed(payment("a", reservations=(reservation(amount=9, limit=9),))))
        assert await total(store, "stock") == 0

    async def test_failure_makes_room(self, store: Store) -> None:
        """What is given back can be taken by the next."""
        first = payment("a", reservations=(reservation(),))
        await claim(store, first)
        second = payment("b", reservations=(reservation(),))
        assert await claim(store, second) == Refused(reservation=reservation())
        await fail(store, failed(first))
        assert await claim(store, second) == Claimed()

    async def test_leases_move_no_totals(self, store: Store) -> None:
        """Releasing and taking over leave reservations with the payment."""
        claimed = payment("a", reservations=(reservation(),))
        await claim(store, claimed)
        await release(store, claimed, claimed.created_at)
        await take_over(store, "process-b", claimed.lease_until, claimed.lease_until)
        assert await total(store, "stock") == 1

    async def test_tenants_have_totals_of_their_own(self, store: Store) -> None:
        """One name is another total for each tenant."""
        for name, tenant in (("a", DEFAULT), ("b", OTHER)):
            own = reservation(tenant=tenant)
            assert await claim(store, payment(name, tenant, reservations=(own,))) == Claimed()
        assert await total(store, "stock") == await total(store, "stock", OTHER) == 1

    async def test_tenants_share_what_is_the_chains(self, store: Store) -> None:
        """A shared limit holds over all tenants of its chain, and for that chain alone."""
        shared = reservation("balance", tenant=None)
        assert await claim(store, payment("a", reservations=(shared,))) == Claimed()
        second = payment("b", OTHER, reservations=(shared,))
        assert await claim(store, second) == Refused(reservation=shared)
        chain = Chain("elsewhere")
        assert await claim(store, payment("c", chain=chain, reservations=(shared,))) == Claimed()
        assert await total(store, "balance", None, CHAIN) == 1
        assert await total(store, "balance", None, chain) == 1
        assert await total(store, "balance", DEFAULT) == 0

    async def test_totals_are_told_by_name(self, store: Store) -> None:
        """Names without claims, and those given back, are absent."""
        taken = tuple(reservation(name, amount=n) for n, name in enumerate("abc", 1))
        claimed = payment("a", reservations=tuple(reservation(one.name) for one in taken))
        await claim(store, claimed)
        async with store.view() as view:
            assert await view.tallies.totals(DEFAULT, ["a", "c", "z"]) == {"a": 1, "c": 1}
            assert await view.tallies.totals(DEFAULT, []) == {}
        await fail(store, failed(claimed))
        async with store.view() as view:
            assert await view.tallies.totals(DEFAULT, ["a", "b", "c"]) == {}

    async def test_a_shared_total_needs_its_chain(self, store: Store) -> None:
        """Without tenant and chain nobody knows whose total is meant."""
        async with store.view() as view:
            with pytest.raises(ValueError, match="chain"):
                await view.tallies.totals(None, ["balance"])

    async def test_a_raced_limit_is_met_exactly(self, store: Store) -> None:
        """Ten times as many buyers as redemptions at once: each redemption is sold once."""
        limit = count(10, 100)
        coupon = reservation("coupon:SPRING", limit=limit)
        claims = [payment(str(n), reservations=(coupon,)) for n in range(limit * 10)]
        results = await asyncio.gather(*(claim(store, each) for each in claims))
        assert results.count(Claimed()) == limit
        assert results.count(Refused(reservation=coupon)) == limit * 9
        assert await total(store, "coupon:SPRING") == limit

    async def test_totals_stay_exact_while_claims_come_and_go(self, store: Store) -> None:
        """Claims and failures at once never pass the limit, and leave nothing behind."""
        part = reservation(amount=3, limit=10, counts=WHILE_LIVE)

        async def buy(name: str) -> None:
            claimed = payment(name, reservations=(part,))
            if await claim(store, claimed) == Claimed():
                assert await total(store, "stock") <= 10
                await fail(store, failed(claimed))

        await asyncio.gather(*(buy(str(n)) for n in range(count(40, 1000))))
        assert await total(store, "stock") == 0
