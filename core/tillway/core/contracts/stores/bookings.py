"""The laws of booking: the end of a payment and its ledger entries are one."""

import asyncio
from collections.abc import Sequence
from typing import Final

import pytest
from attrs import evolve

from tillway.core.assets import USDC
from tillway.core.contracts.samples import (
    CREDITS,
    ISSUED,
    LARGE,
    OTHER,
    THEIRS,
    UNLESS_FAILED,
    WHILE_LIVE,
    entry,
    event,
    failed,
    hold,
    payment,
    posting,
    reservation,
    settled,
    unapplied,
)
from tillway.core.contracts.stores.ledger import balance, post
from tillway.core.contracts.stores.steps import claim, count, fail, find, total, write
from tillway.core.errors import Code, Declined
from tillway.core.events import LEDGER_ENTRY, Event
from tillway.core.ledger import Account, AccountKind, Balance, Entry
from tillway.core.money import MOST
from tillway.core.payments import Payment
from tillway.core.ports.store import Repeated, Store
from tillway.core.tenancy import DEFAULT

_SECOND: Final = Account(AccountKind.CREDITS, "user-2")


async def _settle(
    store: Store, end: Payment, facts: Sequence[Event] = (), entries: Sequence[Entry] = ()
) -> bool:
    return await write(store, lambda unit: unit.payments.settle(end, facts, entries))


async def _total(store: Store) -> int:
    return (await balance(store)).total


@pytest.mark.asyncio
class BookingLaws:
    """``Payments.settle`` with entries, and of what is unapplied."""

    async def test_a_settled_payment_is_booked(self, store: Store) -> None:
        """Its entries and facts are written with it, and move the accounts."""
        await claim(store, payment("a"))
        booked = [entry("a", 100), entry("fee", -3)]
        assert await _settle(store, settled(payment("a")), [event("a")], booked)
        assert await find(store, payment("a")) == settled(payment("a"))
        assert await _total(store) == 97
        async with store.view() as view:
            for one in booked:
                assert await view.ledger.entry(DEFAULT, one.key) == one
            assert list(await view.events.newest(DEFAULT, 10)) == [event("a")]
            waiting = [one.type for one in await view.events.unsealed(10)]
        assert sorted(waiting) == sorted([LEDGER_ENTRY, LEDGER_ENTRY, event("a").type])

    async def test_an_end_that_is_not_written_books_nothing(self, store: Store) -> None:
        """Another's, a repeated, and one that was never claimed leave no entry."""
        await claim(store, payment("theirs", owner=THEIRS))
        await claim(store, payment("failed"))
        await fail(store, failed(payment("failed")))
        for name in ("theirs", "failed", "unknown"):
            assert not await _settle(store, settled(payment(name)), (), [entry(name)])
        await claim(store, payment("a"))
        assert await _settle(store, settled(payment("a")), (), [entry("a")])
        assert not await _settle(store, settled(payment("a")), (), [entry("again")])
        assert await _total(store) == 100

    async def test_an_entry_that_is_there_is_left_out(self, store: Store) -> None:
        """The end is written with the others; of two of one key the first is booked."""
        await post(store, entry("known", 7))
        await claim(store, payment("a"))
        booked = [entry("known", 900), entry("a", 100), entry("a", 800)]
        assert await _settle(store, settled(payment("a")), [event("a"), event("a")], booked)
        assert await _total(store) == 107
        assert await post(store, entry("a")) == Repeated(entry=entry("a", 100))

    async def test_an_entry_of_an_end_is_its_tenants(self, store: Store) -> None:
        """An end books for no other tenant, and is not written with what it may not book."""
        await claim(store, payment("a"))
        for odd in (entry("a", 1, OTHER), entry("a", 1, least=0)):
            with pytest.raises(ValueError, match=r"tenant|tests"):
                await _settle(store, settled(payment("a")), [event("a")], [entry("b"), odd])
        assert await find(store, payment("a")) == payment("a")
        assert await _total(store) == 0
        async with store.view() as view:
            assert list(await view.events.unsealed(10)) == []

    async def test_an_end_that_leaves_64_bits_is_not_written(self, store: Store) -> None:
        """The payment stays live, and nothing of its end is there."""
        await post(store, entry("much", MOST))
        await claim(store, payment("a", reservations=(reservation(counts=WHILE_LIVE),)))
        moved = evolve(entry("a"), postings=(posting(LARGE), posting(-LARGE, _SECOND)))
        with pytest.raises(Declined) as refused:
            await _settle(store, settled(payment("a")), [event("a")], [moved])
        assert refused.value.code is Code.INVALID_AMOUNT
        found = await find(store, payment("a"))
        assert found is not None
        assert found.is_live
        assert await total(store, "stock") == 1
        assert await balance(store, _SECOND) == Balance(total=0, held=0)
        async with store.view() as view:
            assert list(await view.events.newest(DEFAULT, 10)) == []

    async def test_a_booking_asks_for_nothing(self, store: Store) -> None:
        """The end of a payment tests nothing: what is held may be spent by it."""
        await post(store, entry("a", 10))
        assert await write(store, lambda unit: unit.ledger.hold(hold("a", 10)))
        await claim(store, payment("a"))
        assert await _settle(store, settled(payment("a")), (), [entry("c", -15)])
        assert await balance(store) == Balance(total=-5, held=10)

    async def test_what_buys_nothing_gives_everything_back(self, store: Store) -> None:
        """An unapplied payment is written whole, booked, and keeps no reservation."""
        parts = tuple(
            reservation(name, limit=1, counts=counts)
            for name, counts in (("live", WHILE_LIVE), ("sold", UNLESS_FAILED))
        )
        claimed = payment("a", reservations=parts)
        await claim(store, claimed)
        owed = entry("a", account=Account(AccountKind.CUSTOMER, "payer-wallet"))
        assert await _settle(store, unapplied(claimed), [event("a")], [owed])
        assert await find(store, claimed) == unapplied(claimed)
        assert await total(store, "live") == await total(store, "sold") == 0
        async with store.view() as view:
            assert await view.ledger.entry(DEFAULT, owed.key) == owed
        assert not await _settle(store, settled(claimed))
        assert not await fail(store, failed(claimed))

    async def test_of_two_ends_at_once_one_is_booked(self, store: Store) -> None:
        """Settled and unapplied race: the books say what the payment says."""
        for n in range(count(4, 200)):
            claimed = payment(str(n))
            await claim(store, claimed)
            account = Account(AccountKind.CREDITS, str(n))
            ends = [settled(claimed), unapplied(claimed)]
            booked = [entry(f"{n}-{place}", place + 1, account=account) for place in range(2)]
            told = await asyncio.gather(
                *(_settle(store, end, (), [book]) for end, book in zip(ends, booked, strict=True))
            )
            assert told.count(True) == 1
            won = told.index(True)
            assert await find(store, claimed) == ends[won]
            assert (await balance(store, account)).total == won + 1

    async def test_many_ends_at_once_are_all_booked(self, store: Store) -> None:
        """One account is posted to by all of them, and none is lost."""
        names = [str(n) for n in range(count(40, 1000))]
        for name in names:
            await claim(store, payment(name))
        ends = (_settle(store, settled(payment(name)), (), [entry(name, 1)]) for name in names)
        assert all(await asyncio.gather(*ends))
        assert await _total(store) == len(names)
        assert (await balance(store, ISSUED)).total == -len(names)
        async with store.view() as view:
            lines = await view.ledger.history(DEFAULT, CREDITS, USDC, len(names) + 1, None)
        assert len(lines) == len(names)
