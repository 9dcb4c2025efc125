"""The log in MongoDB: what holds when processes die, lag, stop for hours, or meet."""

import asyncio
import random
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from attrs import evolve

from support.lossy import line
from support.mongo import Mongo
from support.store_places import mongo_database, mongo_name, mongo_open
from support.store_processes import begin, check, lines, ready, started
from tillway.adapters.stores.codec import Codec
from tillway.adapters.stores.layered.kinds import EVENTS, PAYMENTS, PRODUCTS, Definition
from tillway.core.assets import USDC
from tillway.core.contracts.samples import (
    NOW,
    event,
    payment,
    product,
    refund,
    reservation,
    settled,
)
from tillway.core.contracts.stores.steps import claim, count, find, settle, total
from tillway.core.errors import Unavailable
from tillway.core.ids import CouponCode, ProductId
from tillway.core.ledger import Account, AccountKind
from tillway.core.money import Money
from tillway.core.ports.store import Claimed, Store, Taken
from tillway.core.services.books.bookkeeping import entries_of
from tillway.core.services.books.facts import facts_of
from tillway.core.tenancy import DEFAULT

pytest.importorskip("motor", reason="motor is not installed")

if TYPE_CHECKING:
    from tillway.adapters.stores.mongo.log import Entry

Rows = Mapping[str, Mapping[tuple[str, ...], tuple[Any, Any]]]


@pytest.fixture
async def place(mongo: Mongo) -> str:
    return mongo.place()


def _entry(position: int, rows: Rows, by: str = "dead-1") -> tuple["Entry", dict[str, Any]]:
    from tillway.adapters.stores.mongo.log import entry

    return entry(position=position, by=by, at=int(time.time() * 1_000_000), done=(), changes=rows)


def _claim_and_fact(name: str) -> Rows:
    row, fact = Codec().payment_row(payment(name)), Codec().event_row(event(name))
    return {
        PAYMENTS.name: {PAYMENTS.key_of(row): (None, row)},
        EVENTS.name: {EVENTS.key_of(fact): (None, fact)},
    }


async def _committed(place: str, *units: Rows) -> None:
    """Commit as a process that dies before it has spread anything."""
    from tillway.adapters.stores.mongo.log import Log

    async with mongo_database(place) as database:
        for n, rows in enumerate(units, 1):
            assert await Log(database, 10.0).append(_entry(n, rows)[1])


async def _documents(place: str, collection: str) -> Sequence[Mapping[str, Any]]:
    async with mongo_database(place) as database:
        return await database.find(f"tillway_{collection}", {})


async def _eventually(place: str, collection: str, amount: int) -> Sequence[Mapping[str, Any]]:
    async with asyncio.timeout(20):
        while len(found := await _documents(place, collection)) < amount:  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.05)
    return found


class TestWhoDied:
    async def test_what_was_committed_is_seen_before_it_is_spread(self, place: str) -> None:
        """The log is the commit: a reader has it whole, in views of one call and of several."""
        async with mongo_open(place):
            pass
        await _committed(place, _claim_and_fact("a"))
        assert not await _documents(place, "payments")
        async with mongo_open(place) as store:
            assert await find(store, payment("a")) == payment("a")
            async with store.view() as view:
                assert await view.events.newest(DEFAULT, 10) == [event("a")]
                assert await view.payments.newest(DEFAULT, 10) == [payment("a")]
            assert await claim(store, payment("a")) == Taken(payment=payment("a"))

    async def test_whoever_comes_next_spreads_it(self, place: str) -> None:
        """A reader is enough; and it is written how far everything is spread."""
        async with mongo_open(place):
            pass
        await _committed(place, _claim_and_fact("a"), _claim_and_fact("b"))
        async with mongo_open(place) as store:
            assert await find(store, payment("b")) == payment("b")
            await _eventually(place, "payments", 2)
            await _eventually(place, "events", 2)
        marks = {one["_id"]: one for one in await _documents(place, "marks")}
        assert marks["applied"]["n"] == 2

    async def test_a_writer_builds_on_it(self, place: str) -> None:
        """What is decided next is decided on what the dead one has committed."""
        async with mongo_open(place):
            pass
        await _committed(place, _claim_and_fact("a"))
        async with mongo_open(place) as store:
            assert await settle(store, settled(payment("a")))
            assert not await settle(store, settled(payment("a")))
            assert await find(store, payment("a")) == settled(payment("a"))
        (row,) = await _documents(place, "payments")
        assert row["state"] == "settled"

    async def test_killed_right_after_the_commit_nothing_is_missing(self, place: str) -> None:
        """Killed as soon as it has acknowledged, again and again, mostly before spreading."""
        acknowledged, unspread, lives = set[str](), 0, 0
        async with mongo_open(place):
            pass
        # On a busy machine most die a little later: some have to die in time.
        while lives < count(8, 100) or not unspread:
            lives += 1
            async with started("work", place, f"life-{lives}", 100_000) as child:
                await ready(child)
                await begin(child)
                assert child.stdout is not None
                acknowledged.add((await child.stdout.readline()).decode().strip())
                child.kill()
                acknowledged.update(await lines(child))
            in_log = {one["_id"] for one in await _documents(place, "log")}
            in_tables = {one["n"] for one in await _documents(place, "payments")}
            unspread += max(in_log) not in in_tables
        async with mongo_open(place) as store:
            await check(store, acknowledged)


class TestWhoIsLate:
    async def test_a_late_spreader_brings_nothing_back(self, place: str) -> None:
        """A row that was taken out stays out, and one that was replaced stays as it is."""
        from tillway.adapters.stores.mongo.spreading import spread

        old, new = (Definition(DEFAULT, "article", text) for text in ("old", "new"))
        gone = Definition(DEFAULT, "gone", "text")
        key, gone_key = PRODUCTS.key_of(old), PRODUCTS.key_of(gone)
        first, _ = _entry(1, {"products": {key: (None, old), gone_key: (None, gone)}})
        second, _ = _entry(2, {"products": {key: (old, new), gone_key: (gone, None)}})
        async with mongo_open(place), mongo_database(place) as database:
            for entries in ([second], [first], [first, second], [first]):
                await spread(database, entries)
                rows = {one["_id"]: one for one in await _documents(place, "products")}
                assert {one["n"] for one in rows.values()} == {2}
                assert sorted(one.get("text", "gone") for one in rows.values()) == ["gone", "new"]

    async def test_spreading_at_once_ends_as_spreading_in_turn(self, place: str) -> None:
        """Several that spread entries of the same rows side by side leave the last of each."""
        from tillway.adapters.stores.mongo.spreading import spread

        states = [Definition(DEFAULT, "article", str(n)) for n in range(6)]
        pairs = zip([None, *states[:-1]], states, strict=True)
        key = PRODUCTS.key_of(states[0])
        entries = [_entry(n, {"products": {key: pair}})[0] for n, pair in enumerate(pairs, 1)]
        async with mongo_open(place), mongo_database(place) as database:
            await asyncio.gather(*(spread(database, [each]) for each in entries * 3))
        (row,) = await _documents(place, "products")
        assert (row["text"], row["n"]) == ("5", 6)

    async def test_a_view_stays_at_its_moment_while_others_write(self, place: str) -> None:
        """Another process's commits, spread or not, do not show in a view that has begun."""
        async with mongo_open(place) as store, mongo_open(place) as other:
            await claim(other, payment("before"))
            async with store.view() as view:
                first = await view.payments.newest(DEFAULT, 10)
                for n in range(20):
                    await claim(other, payment(f"after-{n}"))
                assert await settle(other, settled(payment("before")))
                await _eventually(place, "payments", 21)
                assert await view.payments.newest(DEFAULT, 10) == first == [payment("before")]
                assert await view.payments.find(payment("a").chain, payment("after-1").key) is None
                assert await view.events.newest(DEFAULT, 10) == []
            async with store.view() as view:
                assert len(await view.payments.newest(DEFAULT, 100)) == 21


class TestViews:
    async def test_a_view_agrees_with_itself_while_others_write(self, place: str) -> None:
        """Whatever is half spread, payments, totals and facts in a view are of one moment."""
        seen, amount = list[int](), count(60, 300)

        async def sell(store: Store, who: int) -> None:
            for n in range(amount // 2):
                one = payment(f"{who}-{n}", reservations=(reservation("worked", 1, None),))
                assert await claim(store, one) == Claimed()
                async with store.begin(once=n % 3 > 0) as unit:
                    assert await unit.payments.settle(settled(one), [event(f"{who}-{n}")])

        async def look(store: Store) -> None:
            while not all(task.done() for task in selling):
                async with store.view() as view:
                    worked = (await view.tallies.totals(DEFAULT, ["worked"])).get("worked", 0)
                    sold = await view.payments.newest(DEFAULT, 10**6)
                    told = await view.events.newest(DEFAULT, 10**6)
                    assert len(sold) == worked
                    assert sum(not one.is_live for one in sold) == len(told)
                    assert (await view.tallies.totals(DEFAULT, ["worked"])).get(
                        "worked", 0
                    ) == worked
                seen.append(worked)

        async with AsyncExitStack() as stack:
            stores = [await stack.enter_async_context(mongo_open(place, 60.0)) for _ in range(3)]
            selling = [asyncio.ensure_future(sell(stores[n], n)) for n in range(2)]
            await asyncio.gather(*selling, look(stores[2]), look(stores[0]))
        assert len(set(seen)) > 3


class TestWhoMeets:
    async def test_calls_of_two_processes_are_decided_again(self, place: str) -> None:
        """Of claims that race for a limit, as many win as there is room, whoever was first."""
        async with AsyncExitStack() as stack:
            stores = [await stack.enter_async_context(mongo_open(place)) for _ in range(3)]
            racing = [
                claim(stores[n % 3], payment(str(n), reservations=(reservation("seat", 1, 20),)))
                for n in range(60)
            ]
            results = await asyncio.gather(*racing)
            assert sum(result == Claimed() for result in results) == 20
            assert await total(stores[0], "seat") == 20

    async def test_a_unit_whose_reads_were_overtaken_is_not_written(self, place: str) -> None:
        """A call of another process changes what the unit has read: Unavailable, nothing done."""
        async with mongo_open(place) as store, mongo_open(place) as other:
            await claim(store, payment("a"))
            with pytest.raises(Unavailable, match="busy"):  # noqa: PT012 - the leaving is tested
                async with store.begin() as unit:
                    known = await unit.payments.find(payment("a").chain, payment("a").key)
                    assert known == payment("a")
                    assert await settle(other, settled(payment("a")))
                    await unit.products.put(DEFAULT, product(), NOW)
            async with store.view() as view:
                assert await view.products.get(DEFAULT, product().id) is None

    async def test_a_unit_is_not_disturbed_by_what_it_has_not_read(self, place: str) -> None:
        """Other rows may change as they like: the unit goes behind them in the log."""
        async with mongo_open(place) as store, mongo_open(place) as other:
            async with store.begin() as unit:
                await unit.products.put(DEFAULT, product(), NOW)
                assert list(await unit.coupons.all(DEFAULT)) == []
                for n in range(5):
                    await claim(other, payment(str(n)))
            assert await find(store, payment("4")) == payment("4")
            async with other.view() as view:
                assert await view.products.get(DEFAULT, product().id) == product()

    async def test_a_unit_that_others_come_before_is_decided_again(self, place: str) -> None:
        """Where all its calls still answer the same it is written, on top of what they wrote."""
        wallet, sales = (
            Account(AccountKind.WALLET, "shop-wallet"),
            Account(AccountKind.SALES, "x402"),
        )
        async with mongo_open(place) as store, mongo_open(place) as other:
            payments = [payment(str(n)) for n in range(6)]
            for each in payments:
                await claim(store, each)
            mine, *theirs = [settled(each) for each in payments]
            async with store.begin() as unit:
                assert await unit.payments.settle(mine, facts_of(mine), entries_of(mine))
                for each in theirs:
                    async with other.begin(once=True) as meanwhile:
                        await meanwhile.payments.settle(each, facts_of(each), entries_of(each))
                assert await unit.refunds.add(refund("a"), Money(10, USDC))
            async with other.view() as view:
                booked = [await view.ledger.balance(DEFAULT, one, USDC) for one in (wallet, sales)]
                lines = await view.ledger.history(DEFAULT, wallet, USDC, 10, None)
                assert await view.refunds.get(DEFAULT, refund("a").id) == refund("a")
        assert [one.total for one in booked] == [-6 * 50_000, 6 * 50_000]
        assert len(lines) == 6

    async def test_a_row_that_appears_where_a_unit_has_looked_is_noticed(self, place: str) -> None:
        """A list that a unit has read counts as read, with what was not in it."""
        async with mongo_open(place) as store, mongo_open(place) as other:
            with pytest.raises(Unavailable, match="busy"):  # noqa: PT012 - the leaving is tested
                async with store.begin() as unit:
                    assert list(await unit.products.all(DEFAULT)) == []
                    async with other.begin(once=True) as meanwhile:
                        await meanwhile.products.put(DEFAULT, product("other"), NOW)
                    await unit.coupons.remove(DEFAULT, CouponCode("SPRING"))
                    await unit.products.put(DEFAULT, product(), NOW)
            async with store.view() as view:
                assert [one.id for one in await view.products.all(DEFAULT)] == ["other"]

    async def test_units_of_several_processes_take_turns(self, place: str) -> None:
        """Read-then-write in units of several processes loses nothing and gives few up."""
        busy = list[Unavailable]()

        async def until_written(store: Store) -> None:
            while True:
                try:
                    return await one_more(store)
                except Unavailable as refused:
                    busy.append(refused)

        async def one_more(store: Store) -> None:
            async with store.begin() as unit:
                known = await unit.products.get(DEFAULT, ProductId("article"))
                was = 0 if known is None else int(known.metadata["count"])
                counted = evolve(product(), metadata={"count": str(was + 1)})
                await unit.products.put(DEFAULT, counted, NOW)

        async with AsyncExitStack() as stack:
            stores = [await stack.enter_async_context(mongo_open(place)) for _ in range(3)]
            amount = count(30, 600)
            await asyncio.gather(*(until_written(stores[n % 3]) for n in range(amount)))
            async with stores[0].view() as view:
                known = await view.products.get(DEFAULT, ProductId("article"))
        assert known is not None
        assert known.metadata["count"] == str(amount)
        # A machine that stands still for as long as a turn lasts lets another go ahead.
        assert len(busy) <= amount // 3


class TestWhileItIsCut:
    async def test_cutting_keeps_nothing_from_being_spread(self, place: str) -> None:
        """What a month has left may take a while to remove; nobody waits for that."""
        from tillway.adapters.stores.mongo.log import Log
        from tillway.adapters.stores.mongo.spreading import Spreader
        from tillway.adapters.stores.mongo.tail import Tail
        from tillway.adapters.stores.mongo.trimming import Trimming

        class Endless(Trimming):
            """Has so much to cut that it ends when it is told to."""

            async def run(self, applied: int) -> None:
                while not self.over:  # noqa: ASYNC110 - as pages go
                    await asyncio.sleep(0.01)

        async with mongo_open(place):
            pass
        async with mongo_database(place) as database:
            tail = Tail(database, Log(database, 10.0))
            spreader = Spreader(database, tail, "ours", Endless(database, keep=0, step=0))
            tail.told = spreader.wake
            for n in (1, 2):
                made, document = _entry(n, _claim_and_fact(f"{n}"), by="ours-1")
                await tail.begin()
                assert await tail.log.append(document)
                tail.learn(made)
                await _eventually(place, "payments", n)
            async with asyncio.timeout(10):
                await spreader.aclose()


class TestWhatIsCut:
    async def _cut(self, place: str, applied: int, forget_after: float = 1e9) -> None:
        from tillway.adapters.stores.mongo.trimming import Trimming

        async with mongo_database(place) as database:
            trimming = Trimming(database, keep=2, keep_for=0.0, step=1, forget_after=forget_after)
            await trimming.run(applied)

    async def test_a_cut_log_keeps_its_positions(self, place: str) -> None:
        """Old entries lose their rows, and nobody can commit in their place."""
        from tillway.adapters.stores.mongo.log import Log

        async with mongo_open(place) as store:
            for n in range(10):
                await claim(store, payment(str(n)))
            await _eventually(place, "payments", 10)
        await self._cut(place, 10)
        entries = {one["_id"]: "rows" in one for one in await _documents(place, "log")}
        assert entries == {n: n > 8 for n in range(1, 11)}
        async with mongo_database(place) as database:
            late = _entry(3, _claim_and_fact("late"), by="stopped-1")[1]
            assert not await Log(database, 10.0).append(late)
        async with mongo_open(place) as store:
            assert await find(store, payment("3")) == payment("3")
            assert await find(store, payment("late")) is None

    async def test_a_process_that_was_stopped_goes_on(self, place: str) -> None:
        """Stopped while others write and the log is cut, it loses nothing, nor does it twice."""
        async with mongo_open(place) as store, started("sell", place, "stopped", 10**6) as child:
            await ready(child)
            await begin(child)
            assert child.stdout is not None
            heard = [(await child.stdout.readline()).decode().strip() for _ in range(5)]
            child.send_signal(signal.SIGSTOP)
            for n in range(30):
                one = payment(f"ours-{n}", reservations=(reservation("worked", 1, None),))
                await claim(store, one)
            await _eventually(place, "payments", 30)
            async with store.view() as view:
                await view.quote_keys.all()
            await asyncio.sleep(0.5)
            marks = {one["_id"]: one for one in await _documents(place, "marks")}
            await self._cut(place, int(marks["applied"]["n"]))
            child.send_signal(signal.SIGCONT)
            await asyncio.sleep(0.5)
            child.kill()
            heard += await lines(child)
            assert len(heard) > 5
            await check(store, heard)

    async def test_a_view_that_is_older_than_the_log_is_told(self, place: str) -> None:
        """Where the log does not reach back, a view is Unavailable rather than wrong."""
        async with mongo_open(place) as store, mongo_open(place) as other:
            await claim(store, payment("a"))
            async with store.view() as view:
                assert await view.payments.newest(DEFAULT, 1) == [payment("a")]
                for n in range(8):
                    await claim(other, payment(str(n)))
                await _eventually(place, "payments", 9)
                await asyncio.sleep(0.5)
                marks = {one["_id"]: one for one in await _documents(place, "marks")}
                await self._cut(place, int(marks["applied"]["n"]))
                with pytest.raises(Unavailable, match="moved on"):
                    await view.payments.newest(DEFAULT, 10)
            async with store.view() as view:
                assert len(await view.payments.newest(DEFAULT, 100)) == 9

    async def test_what_marks_removed_rows_goes_with_the_stubs(self, place: str) -> None:
        """After their time stubs and marks are removed; the end of the log never is."""
        async with mongo_open(place) as store:
            async with store.begin() as unit:
                await unit.products.put(DEFAULT, product(), NOW)
            async with store.begin() as unit:
                await unit.products.remove(DEFAULT, product().id)
            for n in range(6):
                await claim(store, payment(str(n)))
            await _eventually(place, "payments", 6)
            await asyncio.sleep(0.3)
        assert ["gone" in one for one in await _documents(place, "products")] == [True]
        await self._cut(place, 8, forget_after=0.0)
        assert not await _documents(place, "products")
        assert sorted(one["_id"] for one in await _documents(place, "log")) == [7, 8]
        async with mongo_open(place) as store:
            assert await claim(store, payment("next")) == Claimed()


class TestAnswersThatAreLost:
    async def test_a_commit_that_is_there_is_known_again(self, place: str) -> None:
        """Sent again after an answer that was lost, a document finds itself."""
        from tillway.adapters.stores.mongo.log import Log

        document = _entry(1, _claim_and_fact("a"))[1]
        async with mongo_open(place), mongo_database(place) as database:
            log = Log(database, 10.0)
            assert await log.append(document)
            assert await log.append(document)
            assert not await log.append(_entry(1, _claim_and_fact("b"), by="other-1")[1])

    @pytest.mark.parametrize("loses_request", [True, False])
    async def test_a_line_that_breaks_at_the_commit_costs_nothing(
        self, mongo: Mongo, place: str, loses_request: bool
    ) -> None:
        """Whether the request is lost or its answer: what is told is so, and is there once."""
        there = urlsplit(mongo.url.reveal())
        if there.port is None or there.hostname is None or there.query:
            pytest.skip("the line can only be broken to a single server that is named by its port")
        async with line(there.hostname, there.port) as (wire, port):
            wire.loses_request = loses_request
            through = f"mongodb://127.0.0.1:{port}/{mongo_name(place)}?directConnection=true"
            async with mongo_open(through) as store:
                dice = random.Random(7)
                wire.breaks = lambda request: (
                    b"tillway_log" in request and (b"insert" in request and dice.random() < 0.4)
                )
                for n in range(count(6, 100)):
                    one = payment(str(n), reservations=(reservation("worked", 1, None),))
                    assert await claim(store, one) == Claimed()
                    async with store.begin(once=n % 2 > 0) as unit:
                        assert await unit.payments.settle(settled(one), [event(str(n))])
                    await check(store, [f"claimed {n}", f"settled {n}"])
                wire.breaks = lambda request: False
                assert wire.broken > 1
        entries = await _documents(place, "log")
        assert sorted(one["_id"] for one in entries) == list(range(1, 2 * count(6, 100) + 1))
