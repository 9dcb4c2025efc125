"""Payments, totals and facts, reached for by another tenant."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from attrs import evolve

from tillway.core.contracts.samples import (
    CHAIN,
    LEASE,
    NOW,
    OTHER,
    OURS,
    THEIRS,
    event,
    failed,
    link,
    payment,
    reservation,
    settled,
    watched,
)
from tillway.core.contracts.stores.crossings.case import Case
from tillway.core.payments import Payment, State
from tillway.core.ports.store import Claimed, Taken, UnitOfWork, View
from tillway.core.tenancy import DEFAULT, Tenant

_EARLY: Final = NOW - timedelta(hours=1)
_BETWEEN: Final = NOW - timedelta(minutes=30)


def _mine(tenant: Tenant = DEFAULT, owner: str = OURS) -> Payment:
    own = reservation(tenant=tenant, limit=5)
    return payment("mine", tenant, reservations=(own,), owner=owner)


def _theirs() -> Payment:
    """Give another tenant's payment, whose turn comes before any of ours."""
    return payment("theirs", OTHER, lease_until=_EARLY, created_at=_EARLY)


async def _claim(unit: UnitOfWork) -> bool:
    fresh = payment("theirs", OTHER, reservations=(reservation(tenant=OTHER),))
    taken = await unit.payments.claim(_mine(OTHER))
    return taken == Taken(payment=_mine()) and await unit.payments.claim(fresh) == Claimed()


async def _settle(unit: UnitOfWork) -> bool:
    return not await unit.payments.settle(settled(_mine(OTHER)))


async def _fail(unit: UnitOfWork) -> bool:
    return not await unit.payments.fail(failed(_mine(OTHER)), landed=True)


async def _release(unit: UnitOfWork) -> bool:
    return not await unit.payments.release(_mine(OTHER), NOW)


async def _amend(unit: UnitOfWork) -> bool:
    final = settled(payment("watched", OTHER))
    return not await unit.payments.amend(final, State.SETTLED)


async def _renew(unit: UnitOfWork) -> bool:
    # An owner is a process, which works for all tenants: a key is enough, another owner is not.
    return await unit.payments.renew(THEIRS, [_mine().key], NOW + LEASE) == 0


async def _take_over(unit: UnitOfWork) -> bool:
    await unit.payments.claim(_theirs())
    taken = await unit.payments.take_over(THEIRS, _BETWEEN, NOW, 10)
    return list(taken) == [evolve(_theirs(), owner=THEIRS, lease_until=NOW)]


async def _watch(unit: UnitOfWork) -> bool:
    await unit.payments.claim(_theirs())
    await unit.payments.settle(watched(_theirs()))
    taken = await unit.payments.watch(THEIRS, _BETWEEN, NOW, 10)
    return list(taken) == [evolve(watched(_theirs()), owner=THEIRS, lease_until=NOW)]


async def _find(unit: UnitOfWork) -> bool:
    # A key is the chain's: whoever has it is told whose payment it is, to refuse it.
    found = await unit.payments.find(CHAIN, _mine().key)
    return found is not None and found.tenant == DEFAULT


async def _by_signature(unit: UnitOfWork) -> bool:
    names = [payment(name).signature for name in ("mine", "over", "watched", "archived")]
    return [await unit.payments.by_signature(OTHER, name) for name in names] == [None] * 4


async def _newest_payments(unit: UnitOfWork) -> bool:
    ours = await unit.payments.newest(OTHER, 100)
    return not ours and not await unit.payments.newest(OTHER, 100, None, "user-1")


async def _of_payer(unit: UnitOfWork) -> bool:
    return not await unit.payments.of_payer(OTHER, _mine().payer, 100)


async def _archive(unit: UnitOfWork) -> bool:
    await unit.payments.claim(_theirs())
    await unit.payments.settle(settled(_theirs()))
    moved = await unit.payments.archive(_BETWEEN, 100)
    return moved == 1 and list(await unit.payments.archived(OTHER, 100)) == [settled(_theirs())]


async def _archived(unit: UnitOfWork) -> bool:
    return not await unit.payments.archived(OTHER, 100)


async def _totals(unit: UnitOfWork) -> bool:
    theirs = await unit.tallies.totals(OTHER, ["stock"], CHAIN)
    return not theirs and not await unit.tallies.totals(None, ["stock"], CHAIN)


async def _append(unit: UnitOfWork) -> bool:
    await unit.events.append(event("mine", OTHER))
    return list(await unit.events.newest(OTHER, 100)) == [event("mine", OTHER)]


async def _newest_events(unit: UnitOfWork) -> bool:
    return not await unit.events.newest(OTHER, 100)


async def _unsealed(unit: UnitOfWork) -> bool:
    # The sequencer works for all tenants, and is given each fact with its own.
    await unit.events.append(event("waiting", OTHER))
    waiting = [one for one in await unit.events.unsealed(100) if one.id == event("waiting").id]
    return sorted(one.tenant for one in waiting) == sorted([DEFAULT, OTHER])


async def _seal(unit: UnitOfWork) -> bool:
    return not await unit.events.seal([link(event("waiting", OTHER), 2, 1)])


async def _last(unit: UnitOfWork) -> bool:
    # Positions are the gateway's, over all tenants.
    await unit.events.append(event("mine", OTHER))
    own = link(event("mine", OTHER), 2, 1)
    return await unit.events.seal([own]) and await unit.events.last() == own


async def _head(unit: UnitOfWork) -> bool:
    return await unit.events.head(OTHER) is None


async def _after(unit: UnitOfWork) -> bool:
    return not await unit.events.after(0, 100, OTHER)


CASES: Final[Mapping[str, Case]] = {
    "payments.claim": _claim,
    "payments.settle": _settle,
    "payments.fail": _fail,
    "payments.release": _release,
    "payments.amend": _amend,
    "payments.renew": _renew,
    "payments.take_over": _take_over,
    "payments.watch": _watch,
    "payments.find": _find,
    "payments.by_signature": _by_signature,
    "payments.newest": _newest_payments,
    "payments.of_payer": _of_payer,
    "payments.archive": _archive,
    "payments.archived": _archived,
    "tallies.totals": _totals,
    "events.append": _append,
    "events.newest": _newest_events,
    "events.unsealed": _unsealed,
    "events.seal": _seal,
    "events.last": _last,
    "events.head": _head,
    "events.after": _after,
}


async def fill(unit: UnitOfWork) -> None:
    """Leave payments of all kinds, and facts with and without a place."""
    old = payment("archived", created_at=_EARLY)
    await unit.payments.claim(old)
    await unit.payments.settle(settled(old))
    await unit.payments.archive(NOW, 1)
    await unit.payments.claim(payment("over"))
    await unit.payments.settle(settled(payment("over")))
    await unit.payments.claim(payment("watched"))
    await unit.payments.settle(watched(payment("watched")))
    await unit.payments.claim(_mine())
    await unit.events.append(event("mine"))
    await unit.events.seal([link(event("mine"), 1)])
    await unit.events.append(event("waiting"))


async def seen(view: View) -> list[object]:
    """Give the first tenant's payments, totals and facts."""
    return [
        list(await view.payments.newest(DEFAULT, 100)),
        list(await view.payments.newest(DEFAULT, 100, None, "user-1")),
        list(await view.payments.of_payer(DEFAULT, _mine().payer, 100)),
        list(await view.payments.archived(DEFAULT, 100)),
        await view.tallies.totals(DEFAULT, ["stock"]),
        list(await view.events.newest(DEFAULT, 100)),
        [one for one in await view.events.unsealed(100) if one.tenant == DEFAULT],
        await view.events.head(DEFAULT),
        list(await view.events.after(0, 100, DEFAULT)),
    ]
