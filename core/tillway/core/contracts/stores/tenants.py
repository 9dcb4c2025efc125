"""The law that no tenant sees or touches another's, for every method that there is.

The methods are read from the port: one that is new, and has no case in ``crossings``, fails.
"""

import inspect
from collections.abc import Iterator
from typing import get_type_hints

import pytest

from tillway.core.contracts.stores.crossings import CASES, everything, fill
from tillway.core.ports.store import Store, View


def methods() -> Iterator[str]:
    """Give every method of every repository of the port, as ``payments.claim``."""
    for name, member in inspect.getmembers(View, lambda each: isinstance(each, property)):
        repository = get_type_hints(member.fget)["return"]
        for verb, _ in inspect.getmembers(repository, inspect.isfunction):
            if not verb.startswith("_"):
                yield f"{name}.{verb}"


@pytest.mark.asyncio
class TenantLaws:
    """Every repository, used by one tenant with another's ids."""

    @pytest.mark.parametrize("method", sorted(methods()))
    async def test_tenants_are_kept_apart(self, store: Store, method: str) -> None:
        """One tenant's call neither shows nor changes what is another's."""
        assert method in CASES, f"{method} has no case that tries to reach another tenant"
        async with store.begin() as unit:
            await fill(unit)
        async with store.view() as view:
            before = await everything(view)
        async with store.begin() as unit:
            assert await CASES[method](unit)
        async with store.view() as view:
            assert await everything(view) == before

    async def test_a_tenant_has_something_of_everything(self, store: Store) -> None:
        """What is compared above is there."""
        async with store.begin() as unit:
            await fill(unit)
        async with store.view() as view:
            assert all(await everything(view))

    async def test_no_case_is_left_over(self) -> None:
        """Each case is for a method that exists."""
        assert sorted(CASES) == sorted(methods())
