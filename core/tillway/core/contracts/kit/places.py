"""The laws of stores that outlive their process, on folders and the factory that opens them."""

from pathlib import Path
from typing import Final

import pytest

from tillway.core.contracts.kit.factories import Factory, store_named
from tillway.core.contracts.places import Place, PlaceContract
from tillway.core.ports.store import Store

FACTORY: Final = pytest.StashKey[Factory[Store]]()
LAWS: Final = PlaceContract.__bases__


def prepare(config: pytest.Config, name: str) -> Factory[Store]:
    """Find the factory, and let the fixture know its name."""
    config.stash[FACTORY] = factory = store_named(name)
    return factory


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Give an empty folder to the factory."""
    folder = tmp_path / "place"
    folder.mkdir()
    return Place(factory=request.config.stash[FACTORY].name, folder=folder)


FIXTURES: Final = {"place": place}
