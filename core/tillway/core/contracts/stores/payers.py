"""The laws of a payer's list: what somebody has bought, a page at a time."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import pytest
from attrs import evolve

from tillway.core.contracts.samples import (
    AWKWARD,
    LEASE,
    NOW,
    OTHER,
    failed,
    payment,
    settled,
    unapplied,
    watched,
)
from tillway.core.contracts.stores.steps import claim, fail, read, release, settle, write
from tillway.core.errors import Code
from tillway.core.payments import Chain, Failed, Payment, State
from tillway.core.ports.store import Claimed, Store
from tillway.core.tenancy import DEFAULT, Tenant

_MOMENT: Final = timedelta(microseconds=1)
_WALLET: Final = "wallet-of-one"
_GONE: Final = Failed(code=Code.TRANSACTION_EXPIRED, reason="forked away")


def _of_one(name: str, n: int = 0, tenant: Tenant = DEFAULT, chain: str = "solana:a") -> Payment:
    """Give a claim of the payer whose list it is about, so many moments after the others."""
    made = NOW + n * _MOMENT
    return payment(name, tenant, payer=_WALLET, created_at=made, chain=Chain(chain))


async def _bought(store: Store, claimed: Payment) -> Payment:
    """Claim and settle."""
    assert await claim(store, claimed) == Claimed()
    assert await settle(store, settled(claimed))
    return settled(claimed)


async def _amended(store: Store, payment: Payment, was: State) -> None:
    assert await write(store, lambda unit: unit.payments.amend(payment, was))


async def _list(
    store: Store,
    payer: str = _WALLET,
    limit: int = 100,
    after: Payment | None = None,
    tenant: Tenant = DEFAULT,
) -> list[Payment]:
    found = await read(store, lambda view: view.payments.of_payer(tenant, payer, limit, after))
    return list(found)


def _newest_first(payments: Sequence[Payment]) -> list[Payment]:
    return sorted(payments, key=lambda one: (one.created_at, one.chain, one.key), reverse=True)


@pytest.mark.asyncio
class PayerLaws:
    """``Payments.of_payer``."""

    async def test_a_payer_has_what_he_has_bought(self, store: Store) -> None:
        """Whole, as it was settled; nobody else's, and nothing of another tenant's."""
        assert await _list(store) == []
        ours = await _bought(store, _of_one("a"))
        theirs = await _bought(store, _of_one("b", tenant=OTHER))
        await _bought(store, payment("c"))
        assert await _list(store) == [ours]
        assert await _list(store, tenant=OTHER) == [theirs]
        assert await _list(store, "nobody") == await _list(store, "") == []

    async def test_names_of_payers_are_what_they_are(self, store: Store) -> None:
        """Compared whole, by their characters; none is understood."""
        names = ("", "wallet", "WALLET", "wallet ", "wall%", "1", "é", AWKWARD.replace("\x00", ""))
        for name in names:
            await _bought(store, payment(f"of {name}", payer=name))
        for name in names:
            assert [one.payer for one in await _list(store, name)] == [name]

    async def test_only_what_is_settled_is_listed(self, store: Store) -> None:
        """Not what lives, has failed, or buys nothing."""
        for name in "abcde":
            await claim(store, _of_one(name))
        assert await release(store, _of_one("b"), NOW)
        assert await settle(store, unapplied(_of_one("c")))
        assert await fail(store, failed(_of_one("d")))
        assert await settle(store, watched(_of_one("e")))
        assert await _list(store) == [watched(_of_one("e"))]

    async def test_what_is_learned_afterwards_counts(self, store: Store) -> None:
        """What was reversed is listed no more; what has arrived after all is listed again."""
        await claim(store, _of_one("a"))
        before = watched(_of_one("a"))
        assert await settle(store, before)
        gone = before.reversed(NOW + LEASE, _GONE)
        await _amended(store, gone, State.SETTLED)
        assert await _list(store) == []
        back = settled(gone)
        await _amended(store, back, State.REVERSED)
        assert await _list(store) == [back]
        final = evolve(back, slot=1_003)
        await _amended(store, final, State.SETTLED)
        assert await _list(store) == [final]

    async def test_what_is_archived_is_left_out(self, store: Store) -> None:
        """As of all lists but the archive's own."""
        await _bought(store, _of_one("a"))
        young = await _bought(store, _of_one("b", 2))
        assert await write(store, lambda unit: unit.payments.archive(NOW + _MOMENT, 9)) == 1
        assert await _list(store) == [young]

    async def test_the_newest_come_first(self, store: Store) -> None:
        """Of one time the greater chain, then the greater key; within the limit."""
        made = [("a", 3, "x"), ("b", 0, "x"), ("c", 1, "x"), ("d", 1, "y"), ("e", 1, "x")]
        bought = [await _bought(store, _of_one(name, n, chain=on)) for name, n, on in made]
        ordered = _newest_first(bought)
        assert await _list(store) == ordered
        assert await _list(store, limit=2) == ordered[:2]
        assert await _list(store, limit=0) == []

    async def test_pages_join_at_any_payment(self, store: Store) -> None:
        """Whichever was the last of the page before, of one time with others or not."""
        made = [("a", 1, "x"), ("b", 1, "y"), ("c", 1, "x"), ("d", 0, "x"), ("e", 2, "x")]
        bought = [await _bought(store, _of_one(name, n, chain=on)) for name, n, on in made]
        ordered = _newest_first(bought)
        for place, one in enumerate(ordered, start=1):
            assert await _list(store, after=one) == ordered[place:]
            assert await _list(store, limit=1, after=one) == ordered[place : place + 1]

    async def test_a_place_is_there_without_its_payment(self, store: Store) -> None:
        """One that was never listed, or is no more, has a place all the same."""
        old, young = [await _bought(store, _of_one(name, n)) for name, n in (("a", 0), ("b", 5))]
        assert await _list(store, after=_of_one("never", 3)) == [old]
        assert await _list(store, after=payment("another's", created_at=NOW + 3 * _MOMENT)) == [old]
        assert await _list(store, after=_of_one("never", 6)) == [young, old]
        assert await _list(store, after=_of_one("never", -1)) == []

    async def test_pages_have_everything_once_while_more_is_bought(self, store: Store) -> None:
        """What comes in between is newer or not; what was there is neither missed nor repeated."""
        there = [await _bought(store, _of_one(str(n), n // 3)) for n in range(10)]
        seen: list[Payment] = []
        last: Payment | None = None
        for n in range(10):
            page = await _list(store, limit=3, after=last)
            if not page:
                break
            seen, last = seen + page, page[-1]
            await _bought(store, _of_one(f"late {n}", 50 + n))
            if n < 2:
                await _bought(store, _of_one(f"older than all {n}", -1 - n))
        keys = [one.key for one in seen]
        assert len(set(keys)) == len(keys)
        assert [one for one in seen if one in there] == _newest_first(there)
        assert seen == _newest_first(seen)

    async def test_a_unit_sees_its_own_and_leaves_none(self, store: Store) -> None:
        """What it has settled is in the list within, and gone with it when it fails."""
        known = await _bought(store, _of_one("a"))
        with pytest.raises(LookupError):  # noqa: PT012 - what is tested is the leaving
            async with store.begin() as unit:
                await unit.payments.claim(_of_one("b", 1))
                await unit.payments.settle(settled(_of_one("b", 1)))
                within = list(await unit.payments.of_payer(DEFAULT, _WALLET, 9))
                assert within == [settled(_of_one("b", 1)), known]
                raise LookupError
        assert await _list(store) == [known]
