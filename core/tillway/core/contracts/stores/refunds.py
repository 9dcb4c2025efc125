"""The laws of refunds: what is on its way back never passes what was paid."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

import pytest
from attrs import evolve

from tillway.core.assets import EUR, USDC
from tillway.core.contracts.samples import AWKWARD, NOW, OTHER, TERM, refund
from tillway.core.contracts.stores.steps import count, read, write
from tillway.core.ids import RefundId
from tillway.core.money import MOST, Money
from tillway.core.ports.store import Store
from tillway.core.refunds import LIVE, Refund, RefundState
from tillway.core.tenancy import DEFAULT

_MOMENT: Final = timedelta(microseconds=1)
_EVERY: Final = frozenset(RefundState)
_OVER: Final = sorted(_EVERY - LIVE)


async def _add(store: Store, one: Refund, limit: int = 100) -> bool:
    return await write(store, lambda unit: unit.refunds.add(one, Money(limit, USDC)))


async def _move(store: Store, one: Refund, *was: RefundState) -> bool:
    return await write(store, lambda unit: unit.refunds.move(one, was))


async def _get(store: Store, name: str) -> Refund | None:
    return await read(store, lambda view: view.refunds.get(DEFAULT, RefundId(f"refund_{name}")))


async def _expire(store: Store, now: datetime, limit: int = 10) -> Sequence[Refund]:
    return list(await write(store, lambda unit: unit.refunds.expire(now, limit)))


def _as(state: RefundState, one: Refund) -> Refund:
    done = NOW if state is RefundState.PROCESSED else None
    return evolve(one, state=state, processed_at=done)


async def _of(store: Store, purchase: str) -> list[Refund]:
    return list(await read(store, lambda view: view.refunds.of(DEFAULT, purchase)))


async def _listed(
    store: Store,
    states: Collection[RefundState],
    limit: int = 10,
    before: datetime | None = None,
) -> list[str]:
    found = await read(store, lambda view: view.refunds.listed(DEFAULT, states, limit, before))
    return [one.id.removeprefix("refund_") for one in found]


@pytest.mark.asyncio
class RefundLaws:
    """``Refunds``."""

    async def test_a_refund_is_read_as_it_was_written(self, store: Store) -> None:
        """Every field comes back equal, whatever its texts say."""
        written = evolve(
            refund("a", purchase=AWKWARD),
            reason=AWKWARD,
            origin="unapplied",
            metadata={AWKWARD: AWKWARD},
            state=RefundState.PROCESSED,
            processed_at=NOW,
            processed_by="admin",
            signature="paid-out",
        )
        assert await _add(store, written)
        assert await _get(store, "a") == written
        assert await _get(store, "b") is None
        assert await _of(store, AWKWARD) == [written]

    async def test_refunds_meet_their_limit_and_do_not_pass_it(self, store: Store) -> None:
        """The one that would is not written; limits are a purchase's own."""
        assert await _add(store, refund("a", 60))
        assert not await _add(store, refund("b", 41))
        assert await _get(store, "b") is None
        assert await _add(store, refund("c", 40))
        assert not await _add(store, refund("d", 1))
        assert await _add(store, refund("e", 1), 101)
        assert await _add(store, refund("f", 100, purchase="signature-b"))
        assert await _add(store, refund("a", 100, OTHER))

    async def test_the_first_refund_alone_may_be_too_much(self, store: Store) -> None:
        """A limit holds for a purchase that nothing was paid back of yet."""
        assert not await _add(store, refund("a", 101))
        assert not await _add(store, refund("a", 1), 0)

    async def test_no_sum_is_too_large_to_be_refused(self, store: Store) -> None:
        """What leaves 64 bits passes every limit."""
        assert await _add(store, refund("a", 1))
        assert not await _add(store, refund("b", MOST), MOST)
        assert await _add(store, refund("c", MOST - 1), MOST)

    async def test_a_known_refund_is_not_written_again(self, store: Store) -> None:
        """A repeat is True, takes nothing and changes nothing, whatever became of the first."""
        await _add(store, refund("a", 60))
        assert await _add(store, evolve(refund("a", 60), reason="another"))
        assert await _get(store, "a") == refund("a", 60)
        assert await _add(store, refund("b", 40))
        denied = _as(RefundState.DENIED, refund("b", 40))
        await _move(store, denied, RefundState.PENDING)
        assert await _add(store, refund("b", 40))
        assert await _get(store, "b") == denied
        assert await _add(store, refund("c", 40))

    async def test_of_refunds_at_once_no_more_than_fit_are_written(self, store: Store) -> None:
        """32 race for a third of what they want together: their sum meets the limit exactly."""
        for n in range(count(2, 50)):
            purchase = f"signature-{n}"
            asked = [refund(f"{n}-{who}", 10, purchase=purchase) for who in range(32)]
            told = await asyncio.gather(*(_add(store, each, 100) for each in asked))
            assert told.count(True) == 10
            written = await _of(store, purchase)
            assert sum(one.amount.minor for one in written) == 100
            expected = [each.id for each, took in zip(asked, told, strict=True) if took]
            assert sorted(one.id for one in written) == sorted(expected)

    async def test_of_repeats_at_once_one_takes_a_share(self, store: Store) -> None:
        """The same refund asked for many times at once is one refund."""
        told = await asyncio.gather(*(_add(store, refund("a", 60)) for _ in range(16)))
        assert told == [True] * 16
        assert await _add(store, refund("b", 40))
        assert not await _add(store, refund("c", 1))

    async def test_odd_refunds_are_refused(self, store: Store) -> None:
        """Two assets, nothing at all, less than that, and what is over already."""
        for odd in (
            evolve(refund("a"), amount=Money(1, EUR)),
            refund("a", 0),
            refund("a", -1),
            *(_as(state, refund("a")) for state in _OVER),
        ):
            with pytest.raises(ValueError, match="refund"):
                await _add(store, odd)
        assert await _get(store, "a") is None

    async def test_a_refund_moves_from_where_it_was_expected(self, store: Store) -> None:
        """From another state, as for a repeat, nothing is written."""
        await _add(store, refund("a"))
        approved = evolve(refund("a"), state=RefundState.APPROVED, processed_by="admin")
        assert not await _move(store, approved, RefundState.PROCESSED, RefundState.DENIED)
        assert not await _move(store, approved)
        assert await _get(store, "a") == refund("a")
        assert await _move(store, approved, RefundState.PENDING, RefundState.DENIED)
        assert await _get(store, "a") == approved
        assert not await _move(store, refund("a"), RefundState.PENDING)
        assert await _move(store, approved, RefundState.APPROVED)
        assert not await _move(store, refund("unknown"), *_EVERY)
        assert await _get(store, "unknown") is None

    @pytest.mark.parametrize("over", _OVER)
    async def test_what_is_over_gives_its_share_back(self, store: Store, over: RefundState) -> None:
        """It does so once, and is not live again."""
        await _add(store, refund("a", 100))
        approved = _as(RefundState.APPROVED, refund("a", 100))
        assert await _move(store, approved, RefundState.PENDING)
        assert not await _add(store, refund("b", 1))
        assert await _move(store, _as(over, refund("a", 100)), *LIVE)
        for _ in range(2):
            assert await _move(store, _as(over, refund("a", 100)), over)
        assert await _add(store, refund("b", 100))
        assert not await _add(store, refund("c", 1))
        for state in sorted(LIVE):
            with pytest.raises(ValueError, match="refund"):
                await _move(store, _as(state, refund("a", 100)), over)
        assert await _get(store, "a") == _as(over, refund("a", 100))

    async def test_what_is_paid_back_keeps_its_share(self, store: Store) -> None:
        """Approved and processed refunds count as pending ones do."""
        await _add(store, refund("a", 100))
        for state in (RefundState.APPROVED, RefundState.PROCESSED):
            assert await _move(store, _as(state, refund("a", 100)), *LIVE)
            assert not await _add(store, refund("b", 1))

    async def test_a_refund_keeps_its_amount_and_purchase(self, store: Store) -> None:
        """What its share was counted by does not change."""
        await _add(store, refund("a"))
        for odd in (
            refund("a", 11),
            evolve(refund("a"), amount=Money(10, EUR)),
            refund("a", purchase="signature-b"),
        ):
            with pytest.raises(ValueError, match="refund"):
                await _move(store, odd, RefundState.PENDING)
        assert await _get(store, "a") == refund("a")

    async def test_of_decisions_at_once_one_is_written(self, store: Store) -> None:
        """Approval and denial race: the one that answers True is what is stored."""
        for n in range(count(4, 200)):
            name = str(n)
            await _add(store, refund(name, 100, purchase=name))
            ends = [_as(RefundState(state), refund(name, 100, purchase=name)) for state in _EVERY]
            ends = [one for one in ends if one.state is not RefundState.PENDING]
            moves = (_move(store, one, RefundState.PENDING) for one in ends)
            told = await asyncio.gather(*moves)
            assert told.count(True) == 1
            won = ends[told.index(True)]
            assert await _get(store, name) == won
            again = await _add(store, refund(f"{name} again", 100, purchase=name))
            assert again == (won.state not in LIVE)

    async def test_pending_refunds_expire(self, store: Store) -> None:
        """After their time, of all tenants, they end and give their shares back."""
        await _add(store, refund("a", 60))
        await _add(store, refund("approved", 40))
        await _move(store, _as(RefundState.APPROVED, refund("approved", 40)), *LIVE)
        await _add(store, evolve(refund("a", 100, OTHER), expires_at=NOW))
        assert await _expire(store, NOW) == []
        theirs = _as(RefundState.EXPIRED, evolve(refund("a", 100, OTHER), expires_at=NOW))
        assert await _expire(store, NOW + TERM) == [theirs]
        ours = _as(RefundState.EXPIRED, refund("a", 60))
        assert await _expire(store, NOW + TERM + _MOMENT) == [ours]
        assert await _expire(store, NOW + TERM + _MOMENT) == []
        assert await _get(store, "a") == ours
        assert not await _add(store, refund("b", 61))
        assert await _add(store, refund("b", 60))

    async def test_as_many_refunds_expire_as_the_limit_says(self, store: Store) -> None:
        """The longest due first; a repeat ends what is left."""
        for n in (2, 0, 1):
            await _add(store, evolve(refund(str(n)), expires_at=NOW + n * _MOMENT))
        assert await _expire(store, NOW + TERM, 0) == []
        first = await _expire(store, NOW + TERM, 2)
        assert [one.id for one in first] == [refund(name).id for name in "01"]
        rest = await _expire(store, NOW + TERM, 2)
        assert [one.id for one in rest] == [refund("2").id]

    async def test_refunds_of_a_purchase_are_given_oldest_first(self, store: Store) -> None:
        """Of one time, the lesser id first; of more than a thousand, the newest."""
        for n in (2, 0, 3, 1):
            at = NOW + (n // 2) * _MOMENT
            await _add(store, evolve(refund(str(n), 1), created_at=at))
        await _add(store, refund("else", purchase="signature-b"))
        found = await _of(store, "signature-a")
        assert [one.id for one in found] == [refund(str(n)).id for n in range(4)]
        async with store.begin() as unit:
            for n in range(1_001):
                many = evolve(refund(f"{n:04}", 1, purchase="many"), created_at=NOW + n * _MOMENT)
                await unit.refunds.add(many, Money(2_000, USDC))
        found = await _of(store, "many")
        assert len(found) == 1_000
        assert found[0].id == refund("0001").id

    async def test_refunds_are_listed_by_state(self, store: Store) -> None:
        """Newest first, within the limit, created before the time given."""
        for n in (2, 0, 4, 1, 3):
            await _add(store, evolve(refund(str(n), 1), created_at=NOW + (n // 2) * _MOMENT))
        await _move(store, _as(RefundState.DENIED, refund("2", 1)), *LIVE)
        await _add(store, refund("theirs", 1, OTHER))
        denied, pending = {RefundState.DENIED}, {RefundState.PENDING}
        assert await _listed(store, pending) == ["4", "3", "1", "0"]
        assert await _listed(store, denied) == ["2"]
        assert await _listed(store, pending | denied, 3) == ["4", "3", "2"]
        assert await _listed(store, pending, 10, NOW + _MOMENT) == ["1", "0"]
        assert await _listed(store, set()) == []
        assert await _listed(store, pending, 0) == []
