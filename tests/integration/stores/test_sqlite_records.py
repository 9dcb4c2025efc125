"""Calls of records in SQLite: one visit to a thread each, alone or among others."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from attrs import evolve

from support.sqlite_journal import commits
from tillway.adapters.stores.records.rows import Sight
from tillway.adapters.stores.sqlite import SqliteStore
from tillway.core.assets import USDC
from tillway.core.contracts.samples import (
    CREDITS,
    ISSUED,
    NOW,
    cart,
    entry,
    event,
    hold,
    payment,
    reservation,
    settled,
)
from tillway.core.contracts.stores.steps import claim, total
from tillway.core.errors import Code, Declined, Unavailable
from tillway.core.ledger import Account, AccountKind
from tillway.core.money import MOST
from tillway.core.payments import Payment
from tillway.core.ports.store import Posted, Short
from tillway.core.tenancy import DEFAULT

_MANY = 120
_LATER = NOW + timedelta(days=365)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    made = SqliteStore(tmp_path / "tillway.db", patience=4.0)
    await made.start()
    yield made
    await made.aclose()


def _count(store: SqliteStore, table: str) -> int:
    other = sqlite3.connect(store.path)
    number = int(other.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    other.close()
    return number


async def _balance(store: SqliteStore, account: Account = CREDITS) -> tuple[int, int]:
    async with store.view(once=True) as view:
        found = await view.ledger.balance(DEFAULT, account, USDC)
        return found.total, found.available


async def _post(store: SqliteStore, name: str, minor: int, least: int | None = None) -> object:
    async with store.begin(once=True) as unit:
        return await unit.ledger.post(entry(name, minor, least=least))


class TestCallsAlone:
    async def test_what_is_answered_is_committed(self, store: SqliteStore) -> None:
        """A call that was promised to be alone has reached the disk before its unit is left."""
        async with store.begin(once=True) as unit:
            assert await unit.carts.add(cart("a"))
            assert _count(store, "carts") == 1

    async def test_a_second_call_is_refused(self, store: SqliteStore) -> None:
        """In a unit as in a view."""
        async with store.begin(once=True) as unit:
            assert await unit.carts.add(cart("a"))
            with pytest.raises(RuntimeError, match="single call"):
                await unit.carts.add(cart("b"))
        async with store.view(once=True) as view:
            assert await view.carts.get(DEFAULT, cart("a").id) == cart("a")
            with pytest.raises(RuntimeError, match="single call"):
                await view.carts.get(DEFAULT, cart("b").id)
        assert _count(store, "carts") == 1

    async def test_many_at_once_share_commits(self, store: SqliteStore) -> None:
        """Calls of several statements wait for the disk together too."""
        await _post(store, "first", 1)
        before = commits(store.path)
        found = await asyncio.gather(*(_post(store, str(n), 1) for n in range(_MANY)))
        assert found == [Posted()] * _MANY
        assert await _balance(store) == (_MANY + 1, _MANY + 1)
        assert 1 <= commits(store.path) - before <= _MANY // 4

    async def test_one_that_fails_harms_no_other(self, store: SqliteStore) -> None:
        """What it has written is undone, and what others wrote beside it is not."""
        await _post(store, "first", MOST)
        small = Account(AccountKind.CREDITS, "user-2")

        async def post(name: str, account: Account) -> object:
            async with store.begin(once=True) as unit:
                return await unit.ledger.post(entry(name, -1, account=account))

        async def overflow() -> object:
            async with store.begin(once=True) as unit:
                return await unit.ledger.post(entry("too much", 1))

        found = await asyncio.gather(
            *(post(f"a{n}", small) for n in range(20)),
            overflow(),
            *(post(f"b{n}", small) for n in range(20)),
            return_exceptions=True,
        )
        assert isinstance(found[20], Declined)
        assert [*found[:20], *found[21:]] == [Posted()] * 40
        assert await _balance(store, small) == (-40, -40)
        assert _count(store, "lines") == 82

    async def test_what_must_be_left_is_left_under_a_race(self, store: SqliteStore) -> None:
        """Of many that spend from one account at once, as many win as there is money for."""
        await _post(store, "filled", 70)
        found = await asyncio.gather(*(_post(store, f"{n}", -10, 0) for n in range(30)))
        assert found.count(Posted()) == 7
        assert sum(isinstance(each, Short) for each in found) == 23
        assert await _balance(store) == (0, 0)

    async def test_holds_and_spending_share_what_there_is(self, store: SqliteStore) -> None:
        """What is held is nobody's to spend, however they come."""
        await _post(store, "filled", 100)

        async def keep(name: str) -> bool:
            async with store.begin(once=True) as unit:
                return await unit.ledger.hold(hold(name))

        works = [each for n in range(15) for each in (keep(f"h{n}"), _post(store, f"s{n}", -10, 0))]
        found = await asyncio.gather(*works)
        assert found.count(True) + found.count(Posted()) == 10
        assert await _balance(store) == (100 - 10 * found.count(Posted()), 0)


class TestCallsAmongOthers:
    async def test_an_error_spoils_the_unit(self, store: SqliteStore) -> None:
        """Caught or not, nothing of the unit is written."""

        async def spoiled() -> None:
            async with store.begin() as unit:
                assert await unit.carts.add(cart("a"))
                with suppress(ValueError):
                    await unit.ledger.hold(
                        evolve(hold("h"), amount=entry("x", 0).postings[0].amount)
                    )
                with pytest.raises(ValueError, match="above zero"):
                    await unit.carts.add(cart("b"))

        with pytest.raises(ValueError, match="above zero"):
            await spoiled()
        assert _count(store, "carts") == 0

    async def test_one_that_is_left_in_the_middle_writes_nothing(self, store: SqliteStore) -> None:
        """Its unit is worth nothing, even if the caller goes on as if it were."""
        other = sqlite3.connect(store.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")

        async def impatient() -> None:
            async with store.begin() as unit:
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await unit.ledger.post(entry("a"))
                other.execute("ROLLBACK")

        with pytest.raises(Unavailable, match="in the middle"):
            await impatient()
        other.close()
        assert _count(store, "events") == _count(store, "lines") == 0
        assert await _post(store, "a", 5) == Posted()

    async def test_one_that_is_cancelled_is_whole_or_not_at_all(self, store: SqliteStore) -> None:
        """A caller that leaves cannot tell, but never leaves half of it behind."""
        await _post(store, "filled", 1_000)
        tasks = [asyncio.create_task(_post(store, f"{n}", -1, 0)) for n in range(60)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert found[1::2] == [Posted()] * 30
        spent = _count(store, "events") - 1
        assert 30 <= spent <= 60
        assert _count(store, "lines") == 2 * (spent + 1)
        assert await _balance(store) == (1_000 - spent, 1_000 - spent)
        assert await _balance(store, ISSUED) == (spent - 1_000, spent - 1_000)

    async def test_a_purge_that_is_cancelled_is_undone(self, store: SqliteStore) -> None:
        """A unit that was not left in peace has removed nothing."""
        async with store.begin() as unit:
            for n in range(1_000):
                await unit.carts.add(cart(str(n)))

        async def purge() -> None:
            async with store.begin() as unit:
                await unit.carts.purge(_LATER, 1_000)
                await asyncio.sleep(60)

        task = asyncio.create_task(purge())
        await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert _count(store, "carts") == 1_000

    async def test_what_waits_for_anything_else_is_refused(self, store: SqliteStore) -> None:
        """A call holds the thread of all, and so may wait for nothing but the store."""

        async def slow(rows: Sight) -> None:
            await asyncio.sleep(0)

        async def wait() -> None:
            async with store.begin() as unit:
                await unit.calls.write(slow)

        with pytest.raises(RuntimeError, match="nothing but the store"):
            await wait()


class TestLargeTotals:
    async def test_a_balance_never_leaves_64_bits(self, store: SqliteStore) -> None:
        """The entry is refused whole, and the balance stays exact to the last unit."""
        assert await _post(store, "all", MOST) == Posted()
        for least in (None, 0):
            with pytest.raises(Declined) as refused:
                await _post(store, "one more", 1, least)
            assert refused.value.code is Code.INVALID_AMOUNT
        assert await _balance(store) == (MOST, MOST)
        assert _count(store, "events") == 1
        # Below zero there is room for one more; SQLite's own sum would lose the next silently.
        assert await _post(store, "back", -MOST) == Posted()
        assert await _post(store, "down", -MOST) == Posted()
        with pytest.raises(Declined):
            await _post(store, "too far", -2)
        assert await _balance(store) == (-MOST, -MOST)

    async def test_a_repeat_is_a_repeat_however_full_the_account(self, store: SqliteStore) -> None:
        """Nothing is added for it, so nothing can be too much."""
        await _post(store, "all", MOST)
        async with store.begin(once=True) as unit:
            repeated = await unit.ledger.post(entry("all", MOST))
        assert not isinstance(repeated, Posted)
        assert await _balance(store) == (MOST, MOST)

    async def test_a_running_total_never_leaves_64_bits(self, store: SqliteStore) -> None:
        """The claim is refused, and no float is written in its place."""
        much = (reservation("much", amount=MOST, limit=None),)
        await claim(store, payment("a", reservations=much))
        with pytest.raises(Declined) as refused:
            await claim(store, payment("b", reservations=much))
        assert refused.value.code is Code.INVALID_AMOUNT
        assert await total(store, "much") == MOST
        assert _count(store, "payments") == 1


class TestSettlingWithEntries:
    async def test_all_of_it_shares_commits(self, store: SqliteStore) -> None:
        """Payment, facts, entries and accounts of many are written in a few visits."""
        claims = [payment(str(n)) for n in range(_MANY)]
        await asyncio.gather(*(claim(store, one) for one in claims))
        before = commits(store.path)

        async def settle(one: Payment) -> bool:
            name = one.signature
            async with store.begin(once=True) as unit:
                return await unit.payments.settle(settled(one), [event(name)], [entry(name, 7)])

        assert await asyncio.gather(*map(settle, claims)) == [True] * _MANY
        assert 1 <= commits(store.path) - before <= _MANY // 4
        assert await _balance(store) == (7 * _MANY, 7 * _MANY)
        assert await _balance(store, ISSUED) == (-7 * _MANY, -7 * _MANY)
        assert _count(store, "events") == 2 * _MANY
        assert _count(store, "lines") == 2 * _MANY

    async def test_a_repeated_entry_is_left_out_alone(self, store: SqliteStore) -> None:
        """The payment, the facts and the other entries are written with it or without."""
        await _post(store, "known", 5)
        await claim(store, payment("a"))
        async with store.begin(once=True) as unit:
            entries = [entry("known", 5), entry("new", 3)]
            assert await unit.payments.settle(settled(payment("a")), [event("a")], entries)
        assert await _balance(store) == (8, 8)
        assert _count(store, "events") == 3

    async def test_a_payment_that_is_not_ours_books_nothing(self, store: SqliteStore) -> None:
        """The entries stand under the condition of the payment."""
        await claim(store, payment("a"))
        theirs = evolve(settled(payment("a")), owner="somebody else")
        async with store.begin(once=True) as unit:
            assert not await unit.payments.settle(theirs, [event("a")], [entry("a")])
        assert _count(store, "events") == _count(store, "accounts") == 0

    async def test_an_entry_that_does_not_fit_keeps_the_payment_live(
        self, store: SqliteStore
    ) -> None:
        """Nothing of a settlement is written without the rest."""
        await _post(store, "all", MOST)
        await claim(store, payment("a"))
        with pytest.raises(Declined):
            async with store.begin(once=True) as unit:
                await unit.payments.settle(settled(payment("a")), [event("a")], [entry("a", 1)])
        async with store.view(once=True) as view:
            assert await view.payments.find(payment("a").chain, payment("a").key) == payment("a")
        assert _count(store, "events") == 1
