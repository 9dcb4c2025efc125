"""One sandbox for all commands that look at a gateway's chain and store."""

from collections.abc import Iterator

import pytest

from support.place import Place, open_place


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with open_place(tmp_path_factory.mktemp("place")) as made:
        yield made
