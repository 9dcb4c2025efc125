"""The laws of settings: a change is made to what was seen."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import pytest

from tillway.core.contracts.samples import AWKWARD, NOW, OTHER
from tillway.core.contracts.stores.steps import count, read, write
from tillway.core.ports.store import Setting, Store
from tillway.core.tenancy import DEFAULT, Tenant

_HOUR: Final = timedelta(hours=1)


async def _put(
    store: Store,
    value: Mapping[str, object],
    version: int,
    key: str = "limit",
    by: str = "admin",
    tenant: Tenant = DEFAULT,
) -> bool:
    at = NOW + version * _HOUR
    return await write(store, lambda unit: unit.settings.put(tenant, key, value, version, at, by))


async def _get(store: Store, key: str = "limit") -> Setting | None:
    return await read(store, lambda view: view.settings.get(DEFAULT, key))


def _setting(
    value: Mapping[str, object], version: int, key: str = "limit", by: str = "admin"
) -> Setting:
    return Setting(
        tenant=DEFAULT,
        key=key,
        value=value,
        version=version,
        changed_at=NOW + (version - 1) * _HOUR,
        changed_by=by,
    )


@pytest.mark.asyncio
class SettingLaws:
    """``Settings``."""

    async def test_a_setting_is_read_as_it_was_written(self, store: Store) -> None:
        """Whatever JSON has comes back equal, under any key."""
        value = {AWKWARD: AWKWARD, "nested": {"list": [1, None, True, 1.5, []]}, "": {}}
        assert await _put(store, value, 0, AWKWARD, AWKWARD)
        assert await _get(store, AWKWARD) == _setting(value, 1, AWKWARD, AWKWARD)
        assert await _get(store) is None

    async def test_a_setting_is_changed_as_it_was_seen(self, store: Store) -> None:
        """Over another version, as for a repeat, nothing is written; each counts up by one."""
        assert not await _put(store, {"most": 0}, 1)
        assert await _get(store) is None
        for version in range(3):
            assert await _put(store, {"most": version}, version)
            for other in (version, version + 2, 0, -1):
                assert not await _put(store, {"most": -1}, other)
            assert await _get(store) == _setting({"most": version}, version + 1)

    async def test_a_value_is_kept_as_it_was_then(self, store: Store) -> None:
        """Changing what was given changes nothing that is stored."""
        value: dict[str, object] = {"most": 1}
        async with store.begin() as unit:
            await unit.settings.put(DEFAULT, "limit", value, 0, NOW, "admin")
            value["most"] = 2
        assert await _get(store) == _setting({"most": 1}, 1)

    async def test_of_changes_at_once_one_is_made(self, store: Store) -> None:
        """32 have seen one version: one of them writes the next."""
        for version in range(count(3, 50)):
            changes = (_put(store, {"who": who}, version, by=f"admin-{who}") for who in range(32))
            told = await asyncio.gather(*changes)
            assert told.count(True) == 1
            winner = told.index(True)
            expected = _setting({"who": winner}, version + 1, by=f"admin-{winner}")
            assert await _get(store) == expected

    async def test_settings_are_given_by_key(self, store: Store) -> None:
        """Ascending by code point, the tenant's own."""
        keys = ["b", "a", "B", "ä", "a-1", "a1", "💳"]
        for key in keys:
            await _put(store, {"key": key}, 0, key)
        await _put(store, {}, 0, "theirs", tenant=OTHER)
        await _put(store, {"key": "changed"}, 1, "a")
        found = await read(store, lambda view: view.settings.all(DEFAULT))
        assert [one.key for one in found] == sorted(keys)
        assert found[1] == _setting({"key": "changed"}, 2, "a")

    async def test_the_list_is_bounded(self, store: Store) -> None:
        """The first thousand are given."""
        async with store.begin() as unit:
            for n in range(1_001):
                await unit.settings.put(DEFAULT, f"{n:04}", {}, 0, NOW, "admin")
        found = await read(store, lambda view: view.settings.all(DEFAULT))
        assert len(found) == 1_000
        assert found[-1].key == "0999"
