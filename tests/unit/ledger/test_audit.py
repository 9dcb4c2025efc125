import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from support.manual_clock import ManualClock
from tillway.adapters.heads import HeadSignatures, HeadSigner
from tillway.adapters.stores.sqlite import SqliteStore
from tillway.core.contracts.samples import OTHER, payment, settled
from tillway.core.contracts.stores.steps import claim
from tillway.core.payments import Payment
from tillway.core.ports.store import Store
from tillway.core.secrets import Secret
from tillway.core.services.books.audit import Audit, Known, Report
from tillway.core.services.books.bookkeeping import entries_of
from tillway.core.services.books.sequencing import Sequencer
from tillway.core.tenancy import DEFAULT


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give the place of the books."""
    return tmp_path / "tillway.db"


@pytest.fixture
async def store(file: Path) -> AsyncIterator[Store]:
    """Give a store with sealed books of two tenants, and one payment not sealed yet."""
    store = SqliteStore(file)
    await store.start()
    clock = ManualClock()
    signer = HeadSigner(Secret("s" * 32))
    sequencer = Sequencer(store=store, clock=clock, owner="one", heads=signer)
    for name in "abc":
        await _paid(store, payment(name))
    await _paid(store, payment("d", OTHER))
    for _ in range(3):
        await sequencer.sweep()
        clock.move(61)
    await _paid(store, payment("e"))
    yield store
    await store.aclose()


async def _paid(store: Store, one: Payment) -> None:
    await claim(store, one)
    async with store.begin(once=True) as unit:
        assert await unit.payments.settle(settled(one), [], entries_of(settled(one)))


async def _audited(store: Store, *known: Known) -> Report:
    return await Audit(store=store, signatures=HeadSignatures(), known=known).run()


def _change(file: Path, statement: str) -> None:
    with sqlite3.connect(file) as connection:
        assert connection.execute(statement).rowcount > 0
    connection.close()


class TestSoundBooks:
    async def test_everything_is_verified(self, store: Store) -> None:
        """Facts, entries, accounts and heads are counted, and what is not sealed yet is told."""
        report = await _audited(store)
        assert report.faults == []
        assert (report.facts, report.entries, report.accounts) == (6, 5, 4)
        assert report.unsealed == 1
        assert report.signed == {DEFAULT: 3, OTHER: 1}

    async def test_a_known_head_is_met(self, store: Store) -> None:
        """What one run has told can be given to the next."""
        first = await _audited(store)
        heads = [
            Known(tenant=tenant, number=head.number, seal=head.seal)
            for tenant, head in first.heads.items()
        ]
        assert (await _audited(store, *heads)).is_sound


Tamper = Callable[[Path], None]


def _by(statement: str) -> Tamper:
    return lambda file: _change(file, statement)


class TestTampering:
    @pytest.mark.parametrize(
        ("statement", "fault"),
        [
            ("UPDATE events SET at = at + 1 WHERE number = 2", "not what was sealed"),
            (
                "UPDATE events SET body = replace(body, '50000', '60000') WHERE number = 2",
                "not what was sealed",
            ),
            ("UPDATE events SET type = 'other' WHERE number = 1", "not what was sealed"),
            ("DELETE FROM events WHERE number = 2 AND tenant = 'default'", "missing"),
            ("UPDATE accounts SET total = total + 1 WHERE total > 0", "its entries say otherwise"),
            ("DELETE FROM accounts WHERE total > 0", "is missing"),
            ("DELETE FROM accounts WHERE total > 0", "not to 0"),
        ],
    )
    async def test_what_is_changed_shows(
        self, store: Store, file: Path, statement: str, fault: str
    ) -> None:
        """Whoever changes the database behind our back is found out."""
        _change(file, statement)
        report = await _audited(store)
        assert any(fault in line for line in report.faults), report.faults

    async def test_a_chain_that_was_cut_off_shows_by_a_known_head(
        self, store: Store, file: Path
    ) -> None:
        """The end of a chain vouches for nothing: heads that others keep do."""
        head = (await _audited(store)).heads[DEFAULT]
        _change(file, f"DELETE FROM events WHERE position >= {head.position}")
        known = Known(tenant=DEFAULT, number=head.number, seal=head.seal)
        assert any("which was known" in line for line in (await _audited(store, known)).faults)
