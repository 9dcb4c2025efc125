"""One sandbox for all guides that leave its clock alone."""

from collections.abc import Iterator

import pytest

from support.guides import Reader, reader


@pytest.fixture(scope="session")
def someone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    with reader(tmp_path_factory.mktemp("reader")) as reading:
        yield reading
