"""What somebody has bought, and what is read to tell."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import pytest
from attrs import define, evolve, field, frozen

from tillway.adapters.stores.layered.payments import LayeredPayments
from tillway.adapters.stores.layered.unit import LayeredUnit
from tillway.adapters.stores.memory import MemoryStore
from tillway.core.contracts.samples import NOW, failed, payment, purchase, settled
from tillway.core.payments import Payment
from tillway.core.quotes import Purpose
from tillway.core.services.paging import PAGE
from tillway.core.services.purchases import Purchases
from tillway.core.tenancy import DEFAULT, Tenant

SECOND = timedelta(seconds=1)
WALLET = "wallet"


@define
class Reader:
    """Knows how many payments were read in lists, and the largest of these."""

    read: int = 0
    most: int = 0

    def heard(self, page: Sequence[Payment]) -> Sequence[Payment]:
        self.read += len(page)
        self.most = max(self.most, len(page))
        return page


@frozen
class ReadPayments(LayeredPayments):
    """Payments that tell a reader what they give."""

    reader: Reader

    async def newest(
        self,
        tenant: Tenant,
        limit: int,
        before: datetime | None = None,
        user_id: str | None = None,
    ) -> Sequence[Payment]:
        return self.reader.heard(await super().newest(tenant, limit, before, user_id))

    async def of_payer(
        self, tenant: Tenant, payer: str, limit: int, after: Payment | None = None
    ) -> Sequence[Payment]:
        return self.reader.heard(await super().of_payer(tenant, payer, limit, after))


@define(eq=False, slots=False)
class ReadStore(MemoryStore):
    """A store whose views tell a reader."""

    reader: Reader = field(factory=Reader, kw_only=True)

    @asynccontextmanager
    async def view(self, *, once: bool = False) -> AsyncIterator[LayeredUnit]:
        async with super().view(once=once) as view:
            told = ReadPayments(view.payments.session, view.codec, self.reader)
            yield evolve(view, payments=told)


def bought(
    names: Iterable[object], payer: str = WALLET, after: timedelta = SECOND
) -> list[Payment]:
    """Give settled payments, each a second after the one before."""
    return [
        settled(payment(f"{payer} {name}", payer=payer, created_at=NOW + after + n * SECOND))
        for n, name in enumerate(names)
    ]


@pytest.fixture
def store() -> ReadStore:
    return ReadStore()


async def kept(store: ReadStore, ends: Iterable[Payment]) -> None:
    async with store.begin() as unit:
        for end in ends:
            await unit.payments.claim(payment_before(end))
            await unit.payments.settle(end)


def payment_before(end: Payment) -> Payment:
    name = end.signature.removeprefix("signature-")
    before = payment(name, payer=end.payer, created_at=end.created_at)
    return evolve(before, purchase=end.purchase)


class TestOfAPayer:
    async def test_only_his_payments_are_read(self, store: ReadStore) -> None:
        """However many others have bought since, and no more of his than are asked for."""
        ours = bought(range(120))
        await kept(store, ours)
        await kept(store, bought(range(300), "others", timedelta(days=1)))
        found = await Purchases(store=store).of(DEFAULT, WALLET, 60, 5)
        assert [*found.payments] == [*reversed(ours)][5:65]
        assert not found.complete
        assert store.reader.read == 66

    async def test_pages_join(self, store: ReadStore) -> None:
        """By limit and offset, up to the last, which is known to be it."""
        ours = bought(range(7))
        await kept(store, ours)
        pages = [await Purchases(store=store).of(DEFAULT, WALLET, 3, at) for at in (0, 3, 6, 9)]
        assert [one for page in pages for one in page.payments] == [*reversed(ours)]
        assert [page.complete for page in pages] == [False, False, True, True]

    async def test_a_far_page_is_read_in_parts(self, store: ReadStore) -> None:
        """The store is asked for no more at a time than it has to answer everywhere else."""
        ours = bought(range(2 * PAGE + 30))
        await kept(store, ours)
        found = await Purchases(store=store).of(DEFAULT, WALLET, 500, 2 * PAGE)
        assert [*found.payments] == [*reversed(ours)][2 * PAGE :]
        assert found.complete
        assert store.reader.most == PAGE

    async def test_what_was_paid_back_was_not_bought(self, store: ReadStore) -> None:
        """A wallet of the shop's own pays refunds, and they are no purchases of it."""
        (back,) = bought(["back"], after=timedelta(days=1))
        refund = evolve(purchase(), purpose=Purpose.REFUND)
        ours = bought(range(2))
        await kept(store, [*ours, evolve(back, purchase=refund)])
        found = await Purchases(store=store).of(DEFAULT, WALLET, 5, 0)
        assert [*found.payments] == [*reversed(ours)]


class TestOfEverybody:
    async def test_all_that_settled_is_there_by_time(self, store: ReadStore) -> None:
        """Whoever has paid; what failed is passed over."""
        ours, theirs = bought(range(3)), bought(range(2), "others", timedelta(days=1))
        await kept(store, [*ours, *theirs])
        async with store.begin() as unit:
            await unit.payments.claim(payment("failed", created_at=NOW + timedelta(days=2)))
            await unit.payments.fail(
                failed(payment("failed", created_at=NOW + timedelta(days=2))), landed=False
            )
        found = await Purchases(store=store).of(DEFAULT, None, 4, 0)
        assert [*found.payments] == [*reversed(theirs), *reversed(ours)][:4]
        assert not found.complete

    async def test_a_page_of_a_few_reads_a_few(self, store: ReadStore) -> None:
        """And not as many as go into the largest."""
        await kept(store, bought(range(200)))
        assert len((await Purchases(store=store).of(DEFAULT, None, 10, 0)).payments) == 10
        assert store.reader.read <= 50
