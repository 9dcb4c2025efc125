"""Every kind of difference is planted, and found under its name; sound books raise no alarm."""

import sqlite3
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from support.manual_clock import ManualClock
from support.mongo import Mongo
from support.planted import AT_PROVIDER, ON_CHAIN, PLANTS, sound
from support.postgres import Databases
from support.store_places import store_at
from tillway.adapters.heads import HeadSignatures
from tillway.adapters.stores.memory import MemoryStore
from tillway.adapters.stores.sqlite import SqliteStore
from tillway.core.contracts.counts import FULL, count
from tillway.core.contracts.samples.payments import NOW
from tillway.core.ports.store import Store
from tillway.core.services.books.audit import Audit
from tillway.core.services.books.sequencing import Sequencer
from tillway.core.services.rails import Rails
from tillway.core.services.reconciling.findings import MEANINGS, Kind
from tillway.core.services.reconciling.reconcile import Reconcile
from tillway.core.services.reconciling.report import Report

LATER = NOW + timedelta(minutes=30)


@pytest.fixture(params=["memory", "file"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """Give each store that needs no server."""
    made: Store = MemoryStore()
    if request.param == "file":
        made = SqliteStore(tmp_path / "tillway.db")
    await made.start()
    await sound(made)
    yield made
    await made.aclose()


async def reconciled(
    store: Store,
    share: int = 200_000,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Report:
    """Reconcile half an hour later, with no rails."""
    return await Reconcile(
        store=store, rails=Rails.of(()), now=lambda: LATER, share=share, since=since, until=until
    ).run()


def kinds(report: Report) -> set[Kind]:
    """Give the kinds that were found."""
    return {finding.kind for finding in report.findings.kept}


class TestPlanted:
    async def test_sound_books_raise_no_alarm(self, store: Store) -> None:
        """With one of everything in them."""
        report = await reconciled(store)
        assert [str(each) for each in report.findings.kept] == []
        assert report.compared["payments"] == 7

    @pytest.mark.parametrize("kind", list(PLANTS))
    async def test_it_is_found_and_named(self, kind: Kind) -> None:
        """It, and nothing that is sound."""
        store = MemoryStore()
        await sound(store)
        await finds(store, kind)

    @pytest.mark.parametrize("kind", list(PLANTS) if FULL else list(PLANTS)[::6])
    async def test_it_is_found_in_a_file(self, tmp_path: Path, kind: Kind) -> None:
        """Some of them by default, all in a full run."""
        store = SqliteStore(tmp_path / "tillway.db")
        await store.start()
        await sound(store)
        await finds(store, kind)
        await store.aclose()

    @pytest.mark.parametrize("kind", list(PLANTS)[:: count(24, 1)])
    async def test_it_is_found_in_postgresql(self, postgres: Databases, kind: Kind) -> None:
        """As everywhere."""
        store = store_at(postgres.server.url(await postgres.fresh()).reveal())
        await store.start()
        await sound(store)
        await finds(store, kind)
        await store.aclose()

    @pytest.mark.parametrize("kind", list(PLANTS)[:: count(24, 1)])
    async def test_it_is_found_in_mongodb(self, mongo: Mongo, kind: Kind) -> None:
        """As everywhere."""
        store = store_at(mongo.place())
        await store.start()
        await sound(store)
        await finds(store, kind)
        await store.aclose()

    async def test_money_that_is_new_is_left_to_the_next_run(self, store: Store) -> None:
        """It may still be being written."""
        async with store.begin() as unit:
            await PLANTS[Kind.ENTRY_MISSING](unit)
        soon = NOW + timedelta(seconds=30)
        report = await Reconcile(store=store, rails=Rails.of(()), now=lambda: soon).run()
        assert report.agrees
        assert report.compared["payments"] == 0

    async def test_a_window_leaves_out_what_lies_outside(self, store: Store) -> None:
        """Before it and after it."""
        async with store.begin() as unit:
            await PLANTS[Kind.FACT_MISSING](unit)
        minute = timedelta(minutes=1)
        assert (await reconciled(store, since=NOW + minute)).agrees
        assert (await reconciled(store, until=NOW)).agrees
        inside = await reconciled(store, since=NOW - minute, until=NOW + minute)
        assert kinds(inside) == {Kind.FACT_MISSING}

    async def test_the_log_is_gone_through_in_shares(self, store: Store) -> None:
        """As many as keep memory small; what is found is the same, once."""
        for kind in (Kind.FACT_MISSING, Kind.FACT_WITHOUT_PAYMENT):
            async with store.begin() as unit:
                await PLANTS[kind](unit)
        await sealed(store)
        whole, shared = await reconciled(store), await reconciled(store, share=2)
        assert sorted(map(str, shared.findings.kept)) == sorted(map(str, whole.findings.kept))
        assert shared.compared == whole.compared
        assert kinds(whole) == {Kind.FACT_MISSING, Kind.FACT_WITHOUT_PAYMENT}

    async def test_what_is_archived_is_compared_too(self, store: Store) -> None:
        """Whatever is wrong with it."""
        async with store.begin() as unit:
            await PLANTS[Kind.ENTRY_MISSING](unit)
        async with store.begin() as unit:
            assert await unit.payments.archive(LATER, 100)
        report = await reconciled(store)
        assert kinds(report) == {Kind.ENTRY_MISSING}
        assert report.compared["payments"] == 8

    async def test_books_that_were_changed_behind_our_back(self, tmp_path: Path) -> None:
        """The seals tell, as `ledger verify` has it."""
        store = SqliteStore(tmp_path / "tillway.db")
        await store.start()
        await sound(store)
        await sealed(store)
        assert (await audited(store)).agrees
        with sqlite3.connect(tmp_path / "tillway.db") as behind:
            behind.execute("UPDATE accounts SET total = total + 1")
        report = await audited(store)
        await store.aclose()
        assert kinds(report) == {Kind.BOOKS_UNSOUND}

    async def test_an_entry_that_cannot_be_read_is_told(self, tmp_path: Path) -> None:
        """One side of it was changed: that is found, and stops nothing."""
        store = SqliteStore(tmp_path / "tillway.db")
        await store.start()
        await sound(store)
        await sealed(store)
        with sqlite3.connect(tmp_path / "tillway.db") as behind:
            behind.execute("UPDATE events SET body = replace(body, '-50000', '-49999')")
        report = await audited(store)
        await store.aclose()
        assert {Kind.BOOKS_UNSOUND, Kind.ENTRY_MISSING} <= kinds(report)
        assert report.compared["payments"] == 7

    def test_every_kind_is_planted_somewhere(self) -> None:
        """Forty of them at least, each with its meaning."""
        assert set(MEANINGS) == set(Kind)
        assert set(PLANTS) | ON_CHAIN | AT_PROVIDER | {Kind.BOOKS_UNSOUND} == set(Kind)
        assert len(Kind) >= 40


async def finds(store: Store, kind: Kind) -> None:
    """Plant an error into sound books, and have it be found, and nothing else."""
    async with store.begin() as unit:
        await PLANTS[kind](unit)
    report = await reconciled(store)
    assert kinds(report) == {kind}, [str(each) for each in report.findings.kept]


async def sealed(store: Store) -> None:
    """Give all facts their places."""
    clock = ManualClock(LATER)
    await Sequencer(store=store, clock=clock, owner="test").sweep()


async def audited(store: Store) -> Report:
    """Reconcile, and verify the books."""
    audit = Audit(store=store, signatures=HeadSignatures())
    return await Reconcile(store=store, rails=Rails.of(()), now=lambda: LATER, audit=audit).run()
