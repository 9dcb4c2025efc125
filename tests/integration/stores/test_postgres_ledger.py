"""Books in PostgreSQL: no account that gets every payment keeps others waiting."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from attrs import define, evolve, field

from support.manual_clock import ManualClock
from support.postgres import Databases
from support.store_processes import begin, lines, ready, started
from tillway.adapters.heads import HeadSignatures
from tillway.core.assets import USDC
from tillway.core.contracts.samples import (
    CREDITS,
    NOW,
    entry,
    event,
    hold,
    payment,
    settled,
)
from tillway.core.contracts.stores.steps import claim, count, find
from tillway.core.errors import Code, Declined
from tillway.core.ledger import Account, AccountKind, Balance, Entry, EntryKey, Posting
from tillway.core.money import MOST, Money
from tillway.core.payments import Payment
from tillway.core.ports.store import Posted, PostResult, Short, Store, View
from tillway.core.services.books.audit import Audit
from tillway.core.services.books.bookkeeping import entries_of
from tillway.core.services.books.sequencing import Sequencer
from tillway.core.tenancy import DEFAULT

if TYPE_CHECKING:
    from tillway.adapters.stores.postgres import PostgresStore

ACCOUNTS = [Account(AccountKind.CREDITS, f"user-{n}") for n in range(5)]
_UNFOLDED = "SELECT count(*) FROM tillway_unfolded"
_SALES = Account(AccountKind.SALES, "x402")


@asynccontextmanager
async def _opened(postgres: Databases, name: str) -> AsyncIterator["PostgresStore"]:
    from tillway.adapters.stores.postgres import PostgresStore

    store = PostgresStore(postgres.server.url(name))
    await store.start()
    yield store
    await store.aclose()


@pytest.fixture
async def name(postgres: Databases) -> str:
    return await postgres.fresh()


@pytest.fixture
async def store(postgres: Databases, name: str) -> AsyncIterator["PostgresStore"]:
    async with _opened(postgres, name) as store:
        yield store


async def _post(store: Store, one: Entry) -> PostResult:
    async with store.begin(once=True) as unit:
        return await unit.ledger.post(one)


async def _balance(store: Store, account: Account = CREDITS) -> int:
    async with store.view(once=True) as view:
        return (await view.ledger.balance(DEFAULT, account, USDC)).total


async def _sell(store: Store, one: Payment, minor: int = 50_000) -> bool:
    """Claim and settle, with what that books."""
    await claim(store, one)
    end = evolve(settled(one), amount=Money(minor, USDC))
    async with store.begin(once=True) as unit:
        return await unit.payments.settle(end, [event(one.signature)], entries_of(end))


async def _unfolded(postgres: Databases, name: str) -> int:
    rows = await postgres.rows(_UNFOLDED, database=name)
    return int(rows[0][0])


async def _seal(store: Store) -> None:
    await Sequencer(store=store, clock=ManualClock(), owner="one").sweep()


async def _sums(view: View) -> Mapping[str, int]:
    listed = await view.ledger.balances(DEFAULT, 100)
    return {name: total.minor for name, total in listed}


@define
class Writers:
    """Move amounts between a few accounts, and remember what was acknowledged."""

    store: Store
    dice: random.Random = field(factory=lambda: random.Random(7))
    expected: defaultdict[str, int] = field(factory=lambda: defaultdict(int))
    refused: int = 0

    async def write(self, who: int, times: int) -> None:
        """Post so many entries, half of them tested, and some in a unit with a balance read."""
        for n in range(times):
            moved = self._entry(f"{who}-{n}")
            if n % 8 == 0:
                async with self.store.begin() as unit:
                    account = moved.postings[0].account
                    await unit.ledger.balance(DEFAULT, account, USDC)
                    result = await unit.ledger.post(moved)
            else:
                result = await _post(self.store, moved)
            self._hear(moved, result)

    def _entry(self, name: str) -> Entry:
        giver, taker = self.dice.sample(ACCOUNTS, 2)
        minor, tested = self.dice.randrange(1, 9), self.dice.random() < 0.5
        return Entry(
            key=EntryKey(name),
            tenant=DEFAULT,
            at=NOW,
            postings=(
                Posting(account=giver, amount=Money(-minor, USDC), least=-20 if tested else None),
                Posting(account=taker, amount=Money(minor, USDC)),
            ),
        )

    def _hear(self, moved: Entry, result: PostResult) -> None:
        if isinstance(result, Short):
            self.refused += 1
            return
        assert result == Posted()
        for one in moved.postings:
            self.expected[f"{one.account}:{USDC.code}"] += one.amount.minor


class TestBalances:
    async def test_balances_are_exact_while_they_are_folded(
        self, store: "PostgresStore", postgres: Databases, name: str
    ) -> None:
        """16 writers, a sequencer that folds, and a reader to whom all sums are zero, always."""
        writers, over = Writers(store), asyncio.Event()

        async def seal() -> None:
            while not over.is_set():
                await _seal(store)

        async def read() -> int:
            times = 0
            while not over.is_set():
                async with store.view(once=True) as view:
                    assert sum((await _sums(view)).values()) == 0
                times += 1
            return times

        aside = asyncio.gather(seal(), read())
        times = count(40, 1000)
        await asyncio.gather(*(writers.write(who, times) for who in range(16)))
        over.set()
        assert (await aside)[1] > 5
        assert 0 < writers.refused < 16 * times
        async with store.view() as view:
            assert await _sums(view) == writers.expected
            for account in ACCOUNTS:
                lines = await view.ledger.history(DEFAULT, account, USDC, 10**5, None)
                total = (await view.ledger.balance(DEFAULT, account, USDC)).total
                assert total == sum(line.amount.minor for line in lines)
        await _seal(store)
        assert await _unfolded(postgres, name) == 0
        async with store.view() as view:
            assert await _sums(view) == writers.expected
        report = await Audit(store=store, signatures=HeadSignatures()).run()
        assert report.is_sound, report.faults

    async def test_no_account_is_overdrawn_by_what_is_not_folded(
        self, store: "PostgresStore"
    ) -> None:
        """What was posted without a test counts at once for what is tested, and for holds."""
        await _post(store, entry("in", 10))
        spent = [entry(f"out-{n}", -3, least=0) for n in range(8)]
        results = await asyncio.gather(*(_post(store, one) for one in spent))
        assert results.count(Posted()) == 3
        await _post(store, entry("more", 5))
        async with store.begin() as unit:
            assert not await unit.ledger.hold(hold("a", 7))
            assert await unit.ledger.hold(hold("b", 6))
            assert await unit.ledger.balance(DEFAULT, CREDITS, USDC) == Balance(total=6, held=6)
        taken = entry("out", -1, least=0)
        assert await _post(store, taken) == Short(posting=taken.postings[0])

    async def test_what_is_tested_leaves_nothing_where_it_fails(
        self, store: "PostgresStore", postgres: Databases, name: str
    ) -> None:
        """Strangers who cannot pay leave no accounts behind, and their keys stay free."""
        out = entry("out", -1, least=0)
        for _ in range(2):
            assert await _post(store, out) == Short(posting=out.postings[0])
        rows = await postgres.rows(
            "SELECT count(*) FROM tillway_accounts UNION ALL SELECT count(*) FROM tillway_events",
            database=name,
        )
        assert list(rows) == [(0,), (0,)]

    async def test_many_changes_are_folded_by_whoever_locks_the_account(
        self, store: "PostgresStore", postgres: Databases, name: str
    ) -> None:
        """Where nobody seals, an account does not get slower without end."""
        for n in range(120):
            await _post(store, entry(str(n), 1))
        assert await _unfolded(postgres, name) == 240
        assert await _post(store, entry("out", -20, least=100)) == Posted()
        assert await _unfolded(postgres, name) == 121
        assert await _balance(store) == 100


class TestHotAccounts:
    async def test_settling_waits_for_nobody(self, store: "PostgresStore") -> None:
        """A unit that has locked the accounts that every payment is booked to holds none up."""
        await _sell(store, payment("first"))
        async with store.begin() as unit:
            for account in (_SALES, Account(AccountKind.WALLET, "shop-wallet")):
                await unit.ledger.balance(DEFAULT, account, USDC)
            await unit.ledger.post(entry("tested", 5, account=_SALES, least=0))
            async with asyncio.timeout(3):
                for n in range(5):
                    assert await _sell(store, payment(str(n)))
                assert await _balance(store, _SALES) == 300_000
                await _seal(store)
        assert await _balance(store, _SALES) == 300_005

    async def test_a_locked_account_is_folded_later(
        self, store: "PostgresStore", postgres: Databases, name: str
    ) -> None:
        """Sealing leaves it out, and the next sealing of the tenant makes up for it."""
        await _sell(store, payment("a"))
        await _seal(store)
        async with store.begin() as unit:
            await unit.ledger.balance(DEFAULT, _SALES, USDC)
            await _sell(store, payment("b"))
            await _seal(store)
            assert await _unfolded(postgres, name) == 1
        await _sell(store, payment("c"))
        await _seal(store)
        assert await _unfolded(postgres, name) == 0
        assert await _balance(store, _SALES) == 150_000


class TestLargeAmounts:
    async def test_a_payment_that_would_leave_64_bits_is_declined(
        self, store: "PostgresStore"
    ) -> None:
        """It is not settled, and nothing of it is written."""
        assert await _sell(store, payment("a"), MOST)
        with pytest.raises(Declined) as refused:
            await _sell(store, payment("b"), MOST)
        assert refused.value.code is Code.INVALID_AMOUNT
        assert await find(store, payment("b")) == payment("b")
        assert await _balance(store, _SALES) == MOST
        with pytest.raises(Declined):
            await _sell(store, payment("b"), 1)
        assert await _post(store, entry("back", -5, account=_SALES)) == Posted()
        assert await _balance(store, _SALES) == MOST - 5

    async def test_what_was_posted_can_be_folded(
        self, store: "PostgresStore", postgres: Databases, name: str
    ) -> None:
        """Amounts just below what is tested add up to more than 64 bits and stop nobody."""
        many, minor = 33_000, 2**48 - 1
        await _post(store, entry("a", minor))
        await postgres.sql(
            "INSERT INTO tillway_unfolded SELECT tenant, account, entry || n, place, minor, asset"
            f" FROM tillway_unfolded, generate_series(2, {many}) AS n",
            database=name,
        )
        await postgres.rows("SELECT tillway_fold_some('default', 100000)", database=name)
        totals = await postgres.rows(
            "SELECT total FROM tillway_accounts ORDER BY total", database=name
        )
        assert [int(total) for (total,) in totals] == [-many * minor, many * minor]


class TestSealing:
    async def test_two_processes_seal_at_once(
        self, store: "PostgresStore", postgres: Databases, name: str
    ) -> None:
        """Each believes that it is its turn: one chain, without gaps, and all lines folded."""
        url, amount = postgres.server.url(name).reveal(), count(150, 3000)
        async with AsyncExitStack() as running:
            children = [
                await running.enter_async_context(started("seal", url, who, amount))
                for who in ("p1", "p2")
            ]
            for child in children:
                await ready(child)
            for child in children:
                await begin(child)
            crowd = asyncio.Semaphore(8)

            async def sell(n: int) -> None:
                async with crowd:
                    await _sell(store, payment(str(n)))

            await asyncio.gather(*(sell(n) for n in range(amount)))
            sealed = await asyncio.gather(*(lines(child) for child in children))
        assert sum(int(n) for each in sealed for n in each) == 2 * amount
        assert all(each for each in sealed)
        report = await Audit(store=store, signatures=HeadSignatures()).run()
        assert report.is_sound, report.faults
        assert (report.facts, report.entries, report.unsealed) == (2 * amount, amount, 0)
        assert await _positions(store) == [*range(1, 2 * amount + 1)]
        await _seal(store)
        assert await _balance(store, _SALES) == amount * 50_000

    async def test_what_does_not_follow_spoils_no_unit(self, store: "PostgresStore") -> None:
        """A unit whose seal was too late goes on, and writes the rest."""
        await _sell(store, payment("a"))
        async with store.view() as view:
            facts = await view.events.unsealed(10)
        await _seal(store)
        async with store.begin() as unit:
            last = await unit.events.last()
            assert last is not None
            late = evolve(last, position=last.position + 1, number=last.number + 1)
            assert not await unit.events.seal([evolve(late, fact=facts[0].id)])
            await unit.events.append(event("more"))
            assert not await unit.events.seal([evolve(late, position=9, fact=event("more").id)])
            assert await unit.events.seal([evolve(late, fact=event("more").id)])
        assert await _positions(store) == [1, 2, 3]


async def _positions(store: Store) -> Sequence[int]:
    async with store.view(once=True) as view:
        return [sealed.link.position for sealed in await view.events.after(0, 10**6)]
