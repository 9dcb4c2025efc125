import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from attrs import define, field

from tillway.adapters.stores.memory import MemoryStore
from tillway.core.contracts.kit.factories import Factory, FactoryError, store_named
from tillway.core.ports.store import Store


@define
class Watched(MemoryStore):
    """A store that remembers what was done to it."""

    seen: list[str] = field(factory=list, kw_only=True)

    async def start(self) -> None:
        self.seen.append("started")

    async def aclose(self) -> None:
        self.seen.append("closed")


class Shop:
    """Something that has a factory."""

    @staticmethod
    def store() -> Watched:
        return Watched()


@asynccontextmanager
async def in_context() -> AsyncIterator[Watched]:
    store = Watched()
    store.seen.append("opened")
    yield store
    store.seen.append("left")


async def generated() -> AsyncIterator[Watched]:
    async with in_context() as store:
        yield store


async def awaited() -> Watched:
    return Watched()


async def number() -> int:
    return 7


@asynccontextmanager
async def number_in_context() -> AsyncIterator[int]:
    yield 7


def in_folder(folder: Path, spare: bool = False) -> Watched:
    (folder / "was here").touch()
    return Watched()


def made_of(name: str) -> Factory[Store]:
    return store_named(f"{__name__}:{name}")


class TestFactories:
    @pytest.mark.parametrize("name", ["Watched", "Shop.store", "awaited", "in_folder"])
    async def test_a_store_is_started_and_closed(self, name: str, tmp_path: Path) -> None:
        """One that is given as it is, at once or awaited."""
        async with made_of(name).opened(tmp_path) as store:
            assert isinstance(store, Watched)
            assert store.seen == ["started"]
        assert store.seen == ["started", "closed"]

    @pytest.mark.parametrize("name", ["in_context", "generated"])
    async def test_a_context_opens_and_closes_itself(self, name: str, tmp_path: Path) -> None:
        """What comes out of it has been started."""
        async with made_of(name).opened(tmp_path) as store:
            assert isinstance(store, Watched)
            assert store.seen == ["opened"]
        assert store.seen == ["opened", "left"]

    async def test_a_factory_may_take_a_folder(self, tmp_path: Path) -> None:
        """It is called with it; what has a default is not."""
        async with made_of("in_folder").opened(tmp_path):
            assert os.listdir(tmp_path) == ["was here"]

    @pytest.mark.parametrize("name", ["number", "number_in_context"])
    async def test_what_is_no_store_is_refused(self, name: str, tmp_path: Path) -> None:
        """By what it is."""
        with pytest.raises(FactoryError, match=f"{name} gives a int, no Store"):
            async with made_of(name).opened(tmp_path):
                raise AssertionError

    @pytest.mark.parametrize(
        ("name", "told"),
        [
            ("shop", "'shop' is no package:factory"),
            (":make", "':make' is no package:factory"),
            ("shop:", "'shop:' is no package:factory"),
            ("nobody.knows:make", "nobody.knows cannot be imported: ModuleNotFoundError: "),
            (f"{__name__}:Shop.till", f"{__name__} has no Shop.till"),
            (f"{__name__}:__name__", f"{__name__}:__name__ is a str and cannot be called"),
        ],
    )
    def test_what_cannot_be_found_is_said(self, name: str, told: str) -> None:
        """In one line."""
        with pytest.raises(FactoryError) as refused:
            store_named(name)
        assert str(refused.value).startswith(told)
        assert "\n" not in str(refused.value)
