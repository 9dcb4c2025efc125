import asyncio
from pathlib import Path

import pytest

from support.store_places import place_at
from support.store_processes import forked
from tillway.core.contracts.places import Place, PlaceContract


class TestPlaces(PlaceContract):
    """Every store that outlives its process."""

    @pytest.fixture
    def place(self, place: str, tmp_path: Path) -> Place:
        return place_at(place, tmp_path / "named")


class TestForks:
    async def test_a_fork_uses_connections_of_its_own(self, place: str) -> None:
        """A store that was in use before a fork works on, in parent and child."""
        ended = await asyncio.to_thread(forked, place, 50)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout.split() == ["parent", "101"]
