"""The laws of rails, on what a factory gives."""

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from tillway.core.catalog import Product
from tillway.core.contracts.kit.factories import Factory, named
from tillway.core.contracts.rails import Envelope, Moved, Pay, RailContract, Scene
from tillway.core.contracts.rails.stage import Stage, Trouble
from tillway.core.payments import Word
from tillway.core.services.rails import TakesProofs

FACTORY: Final = pytest.StashKey[Factory[Scene]]()


def prepare(config: pytest.Config, name: str) -> Factory[Scene]:
    """Find the factory, and let the fixtures know it."""
    config.stash[FACTORY] = factory = named(name, Scene, _parts)
    return factory


def _parts(scene: Scene) -> Sequence[object]:
    if scene.twin is None or scene.twin is scene.rail:
        return [scene.rail]
    return [scene.rail, scene.twin]


@pytest_asyncio.fixture(loop_scope="function")
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    """Open a new world."""
    async with request.config.stash[FACTORY].opened(tmp_path) as scene:
        yield scene


class Staged(Stage):
    """The fixtures of the laws, out of a scene."""

    @pytest.fixture
    def rail(self, scene: Scene) -> TakesProofs:
        """Give the rail."""
        return scene.rail

    @pytest.fixture
    def product(self, scene: Scene) -> Product:
        """Give something that it sells."""
        return scene.product

    @pytest.fixture
    def pay(self, scene: Scene) -> Pay:
        """Give the buyer."""
        return scene.pay

    @pytest.fixture
    def moved(self, scene: Scene) -> Moved:
        """Give the seller's till."""
        return scene.moved

    @pytest.fixture
    def unsold(self, scene: Scene) -> Product:
        """Give something that it cannot sell."""
        return scene.unsold

    @pytest.fixture
    def now(self, scene: Scene) -> Callable[[], int]:
        """Give the rail's clock."""
        return scene.now

    @pytest.fixture
    def twin(self, scene: Scene) -> TakesProofs:
        """Give another rail over the same money."""
        return scene.twin or scene.rail

    @pytest.fixture
    def retold(self, scene: Scene) -> Callable[[Envelope], Sequence[Envelope]]:
        """Give other ways to write the same payment."""
        return scene.retold

    @pytest.fixture
    def lose_reply(self, scene: Scene) -> Trouble | None:
        """Give a time in which answers are lost."""
        return scene.lose_reply

    @pytest.fixture
    def go_away(self, scene: Scene) -> Trouble | None:
        """Give a time in which nothing answers."""
        return scene.go_away

    @pytest.fixture
    def payer(self, scene: Scene) -> str | None:
        """Name a payer."""
        return scene.payer

    @pytest.fixture
    def speak(self, scene: Scene) -> Callable[[str], Word] | None:
        """Have a payer sign."""
        return scene.speak


FIXTURES: Final = {"scene": scene}
LAWS: Final = tuple(
    type(law.__name__, (law, Staged), {"__doc__": law.__doc__, "__module__": law.__module__})
    for law in RailContract.__bases__
    if law is not Stage
)
