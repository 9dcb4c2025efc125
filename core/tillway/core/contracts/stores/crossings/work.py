"""Deliveries, leases and settings, reached for by another tenant."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from attrs import evolve

from tillway.core.contracts.samples import LEASE, NOW, OTHER, OURS, THEIRS, delivery
from tillway.core.contracts.stores.crossings.case import Case
from tillway.core.deliveries import DeliveryState
from tillway.core.ports.store import UnitOfWork, View
from tillway.core.tenancy import DEFAULT

_EARLY: Final = NOW - timedelta(hours=1)
_BETWEEN: Final = NOW - timedelta(minutes=30)


async def _add(unit: UnitOfWork) -> bool:
    return await unit.deliveries.add(delivery("mine", OTHER))


async def _take(unit: UnitOfWork) -> bool:
    theirs = delivery("mine", OTHER, due_at=_EARLY)
    await unit.deliveries.add(theirs)
    taken = await unit.deliveries.take(THEIRS, _BETWEEN, NOW, 10)
    return list(taken) == [evolve(theirs, owner=THEIRS, due_at=NOW)]


async def _finish(unit: UnitOfWork) -> bool:
    done = evolve(delivery("taken", OTHER), state=DeliveryState.DONE, completed_at=NOW)
    return not await unit.deliveries.finish(evolve(done, owner=OURS))


async def _get(unit: UnitOfWork) -> bool:
    return await unit.deliveries.get(OTHER, delivery("mine").id) is None


async def _listed(unit: UnitOfWork) -> bool:
    return not await unit.deliveries.listed(OTHER, set(DeliveryState), 100)


async def _revive(unit: UnitOfWork) -> bool:
    return not await unit.deliveries.revive(OTHER, delivery("dead").id, NOW)


async def _remove(unit: UnitOfWork) -> bool:
    return not await unit.deliveries.remove(OTHER, delivery("mine").id)


async def _purge(unit: UnitOfWork) -> bool:
    theirs = delivery("mine", OTHER)
    await unit.deliveries.add(evolve(theirs, state=DeliveryState.DONE, completed_at=_EARLY))
    return await unit.deliveries.purge(_BETWEEN, 10) == 1


async def _acquire(unit: UnitOfWork) -> bool:
    # Turns are the gateway's: what is told apart is processes.
    return not await unit.leases.acquire("sweeper", THEIRS, NOW, NOW + LEASE)


async def _give_up(unit: UnitOfWork) -> bool:
    return not await unit.leases.give_up("sweeper", THEIRS)


async def _put(unit: UnitOfWork) -> bool:
    over = await unit.settings.put(OTHER, "limit", {"most": 2}, 1, NOW, "admin")
    return not over and await unit.settings.put(OTHER, "limit", {"most": 2}, 0, NOW, "admin")


async def _get_setting(unit: UnitOfWork) -> bool:
    return await unit.settings.get(OTHER, "limit") is None


async def _all(unit: UnitOfWork) -> bool:
    return not await unit.settings.all(OTHER)


CASES: Final[Mapping[str, Case]] = {
    "deliveries.add": _add,
    "deliveries.take": _take,
    "deliveries.finish": _finish,
    "deliveries.get": _get,
    "deliveries.listed": _listed,
    "deliveries.revive": _revive,
    "deliveries.remove": _remove,
    "deliveries.purge": _purge,
    "leases.acquire": _acquire,
    "leases.give_up": _give_up,
    "settings.put": _put,
    "settings.get": _get_setting,
    "settings.all": _all,
}


async def fill(unit: UnitOfWork) -> None:
    """Leave deliveries in every state and one that is taken, a lease and a setting."""
    await unit.deliveries.add(delivery("taken", due_at=_EARLY))
    await unit.deliveries.take(OURS, _BETWEEN, NOW, 1)
    await unit.deliveries.add(delivery("mine"))
    await unit.deliveries.add(evolve(delivery("dead"), state=DeliveryState.DEAD))
    done = evolve(delivery("done"), state=DeliveryState.DONE, completed_at=NOW)
    await unit.deliveries.add(done)
    await unit.leases.acquire("sweeper", OURS, NOW, NOW + LEASE)
    await unit.settings.put(DEFAULT, "limit", {"most": 1}, 0, NOW, "admin")


async def seen(view: View) -> list[object]:
    """Give the first tenant's deliveries and settings; leases are asked for by the cases."""
    return [
        list(await view.deliveries.listed(DEFAULT, set(DeliveryState), 100)),
        await view.deliveries.get(DEFAULT, delivery("mine").id),
        await view.settings.get(DEFAULT, "limit"),
        list(await view.settings.all(DEFAULT)),
    ]
