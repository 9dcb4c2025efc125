import asyncio

import pytest

from support.manual_clock import ManualClock
from tillway.adapters.stores.memory import MemoryStore
from tillway.core.contracts.samples import NOW, coupon, product
from tillway.core.errors import Declined
from tillway.core.ids import CouponCode, ProductId
from tillway.core.services.catalogue.editing import Editing
from tillway.core.services.catalogue.edition import Edition
from tillway.core.tenancy import DEFAULT, Tenant

OTHER = Tenant("other")
ARTICLE, SPRING = ProductId("article"), CouponCode("SPRING")


class Process:
    """What a process remembers, as far as it matters here: how often it has forgotten it."""

    def __init__(self, store: MemoryStore) -> None:
        self.forgotten = 0
        self.edition = Edition(store=store, forget=self.forget)
        self.edit = Editing(store=store, clock=ManualClock(), random=bytes, forget=self.forget)

    def forget(self) -> None:
        """Count it."""
        self.forgotten += 1


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
async def others(store: MemoryStore) -> list[Process]:
    """Give processes that have looked once and forgotten what they had from before."""
    made = [Process(store) for _ in range(3)]
    for each in made:
        await each.edition.look()
        each.forgotten = 0
    return made


async def looked(processes: list[Process]) -> list[int]:
    """Have them look, and tell how often each has forgotten since."""
    for each in processes:
        await each.edition.look()
    counts = [each.forgotten for each in processes]
    for each in processes:
        each.forgotten = 0
    return counts


class TestEditions:
    async def test_every_change_is_heard_of_once_by_everybody(
        self, store: MemoryStore, others: list[Process]
    ) -> None:
        """Products and coupons, written and removed, of any tenant."""
        edit = Process(store).edit
        for change in (
            edit.put_product(DEFAULT, product("article")),
            edit.put_coupon(OTHER, coupon("SPRING")),
            edit.remove_product(DEFAULT, ARTICLE),
            edit.remove_coupon(OTHER, SPRING),
        ):
            await change
            assert await looked(others) == [1, 1, 1]
            assert await looked(others) == [0, 0, 0]

    async def test_several_changes_between_two_looks_are_one(
        self, store: MemoryStore, others: list[Process]
    ) -> None:
        """It does not matter how many there were."""
        edit = Process(store).edit
        for cents in range(1, 6):
            await edit.put_product(DEFAULT, product("article", cents))

        assert await looked(others) == [1, 1, 1]

    async def test_changes_at_once_are_all_done_and_heard_of(
        self, store: MemoryStore, others: list[Process]
    ) -> None:
        """Those who meet try again, and none is lost."""
        names = [f"p{number}" for number in range(8)]
        editors = [Process(store).edit for _ in names]
        await asyncio.gather(
            *(
                edit.put_product(DEFAULT, product(name))
                for edit, name in zip(editors, names, strict=True)
            )
        )
        async with store.view() as view:
            assert [each.id for each in await view.products.all(DEFAULT)] == names
        assert await looked(others) == [1, 1, 1]

    async def test_who_begins_forgets_what_he_read_before_his_first_look(
        self, store: MemoryStore
    ) -> None:
        """He cannot tell what has changed between the two."""
        begun = Process(store)
        await begun.edition.look()
        assert begun.forgotten == 1

    async def test_who_changes_something_forgets_at_once(self, store: MemoryStore) -> None:
        """Without waiting for his own next look."""
        process = Process(store)
        await process.edit.put_coupon(DEFAULT, coupon("SPRING"))
        assert process.forgotten == 1

    async def test_a_change_that_fails_is_no_change(
        self, store: MemoryStore, others: list[Process]
    ) -> None:
        """Neither it nor its mark is written."""
        with pytest.raises(Declined):
            await Process(store).edit.put_product(DEFAULT, product("article", -1))
        assert await looked(others) == [0, 0, 0]


class TestRefusals:
    async def test_all_that_is_wrong_is_named(self, store: MemoryStore) -> None:
        """As whoever edits wants it."""
        with pytest.raises(Declined) as raised:
            await Process(store).edit.put_product(DEFAULT, product("v1", -1))

        fields = raised.value.details["fields"]
        assert isinstance(fields, list)
        assert [each["field"] for each in fields] == ["id", "fiat_price", "crypto_price"]

    async def test_what_comes_from_elsewhere_is_not_written_here(self, store: MemoryStore) -> None:
        """A change that nobody would read is refused, and says where to make it."""
        edit = Editing(
            store=store,
            clock=ManualClock(),
            random=bytes,
            products="the settings",
            coupons="another database",
        )
        for refused, where in (
            (edit.put_product(DEFAULT, product("article")), "the settings"),
            (edit.remove_product(DEFAULT, ARTICLE), "the settings"),
            (edit.put_coupon(DEFAULT, coupon("SPRING")), "another database"),
            (edit.remove_coupon(DEFAULT, SPRING), "another database"),
        ):
            with pytest.raises(Declined, match=f"come from {where}: change them there"):
                await refused
        async with store.view() as view:
            assert await view.products.all(DEFAULT) == []


class TestTimes:
    async def test_a_changed_price_leaves_the_one_before(self, store: MemoryStore) -> None:
        """For a quote's time, as every way to change it does."""
        edit = Process(store).edit
        await edit.put_product(DEFAULT, product("article", 100))
        await edit.put_product(DEFAULT, product("article", 200))
        async with store.view() as view:
            found = await view.products.get(DEFAULT, ARTICLE)
        assert found is not None
        assert found.previous is not None
        assert found.previous.fiat_price == product("article", 100).fiat_price
        assert found.previous.changed_at == NOW
