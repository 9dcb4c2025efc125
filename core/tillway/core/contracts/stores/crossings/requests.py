"""Nonces, kept answers and events from outside, reached for by another tenant."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from tillway.core.contracts.samples import NOW, OTHER, OURS, TERM, THEIRS, answer, inbound, nonce
from tillway.core.contracts.stores.crossings.case import Case
from tillway.core.ports.store import (
    Answers,
    InboundState,
    NonceUse,
    Running,
    Started,
    UnitOfWork,
    View,
)
from tillway.core.tenancy import DEFAULT, Tenant

_EARLY: Final = NOW - timedelta(hours=1)
_BETWEEN: Final = NOW - timedelta(minutes=30)
_SECOND: Final = timedelta(seconds=1)


async def _add_nonce(unit: UnitOfWork) -> bool:
    return await unit.nonces.add(nonce("mine", OTHER))


async def _use(unit: UnitOfWork) -> bool:
    use = await unit.nonces.use(OTHER, nonce("mine").nonce, "approve", NOW)
    return use is NonceUse.UNKNOWN


async def _waiting(unit: UnitOfWork) -> bool:
    return await unit.nonces.waiting(OTHER, "approve", NOW) == 0


async def _purge_nonces(unit: UnitOfWork) -> bool:
    await unit.nonces.add(nonce("mine", OTHER, expires_at=_EARLY))
    return await unit.nonces.purge(_BETWEEN, 10) == 1


async def _start(unit: UnitOfWork) -> bool:
    ours = await _started(unit.answers, OTHER) == Started()
    return ours and await _is_mine(unit.answers)


async def _complete(unit: UnitOfWork) -> bool:
    late = NOW + TERM
    done = await unit.answers.complete(OTHER, "key", OURS, answer(500), late)
    return not done and await _is_mine(unit.answers)


async def _abandon(unit: UnitOfWork) -> bool:
    return not await unit.answers.abandon(OTHER, "key", OURS) and await _is_mine(unit.answers)


async def _purge_answers(unit: UnitOfWork) -> bool:
    await unit.answers.start(OTHER, "key", "request", OURS, _EARLY, _EARLY + _SECOND)
    return await unit.answers.purge(_BETWEEN, 10) == 1 and await _is_mine(unit.answers)


async def _started(answers: Answers, tenant: Tenant, owner: str = OURS) -> object:
    return await answers.start(tenant, "key", "request", owner, NOW, NOW + TERM)


async def _is_mine(answers: Answers) -> bool:
    """Tell whether the first tenant has its key reserved as before."""
    return await _started(answers, DEFAULT, THEIRS) == Running()


async def _receive(unit: UnitOfWork) -> bool:
    return await unit.inbox.receive(inbound("mine", OTHER))


async def _get_inbound(unit: UnitOfWork) -> bool:
    return await unit.inbox.get(OTHER, "stripe", "evt_mine") is None


async def _apply(unit: UnitOfWork) -> bool:
    return not await unit.inbox.apply(OTHER, "stripe", "evt_mine", NOW)


async def _take(unit: UnitOfWork) -> bool:
    theirs = inbound("mine", OTHER, _EARLY)
    await unit.inbox.receive(theirs)
    return list(await unit.inbox.take(THEIRS, _BETWEEN, NOW, 10)) == [theirs]


async def _put_off(unit: UnitOfWork) -> bool:
    return not await unit.inbox.put_off(OTHER, "stripe", "evt_mine", "no", NOW)


async def _listed_inbound(unit: UnitOfWork) -> bool:
    return not await unit.inbox.listed(OTHER, set(InboundState), 100)


async def _revive(unit: UnitOfWork) -> bool:
    return not await unit.inbox.revive(OTHER, "stripe", "evt_mine", NOW)


async def _purge_inbox(unit: UnitOfWork) -> bool:
    await unit.inbox.receive(inbound("done", OTHER))
    await unit.inbox.apply(OTHER, "stripe", "evt_done", _EARLY)
    return await unit.inbox.purge(_BETWEEN, 10) == 1


CASES: Final[Mapping[str, Case]] = {
    "nonces.add": _add_nonce,
    "nonces.use": _use,
    "nonces.waiting": _waiting,
    "nonces.purge": _purge_nonces,
    "answers.start": _start,
    "answers.complete": _complete,
    "answers.abandon": _abandon,
    "answers.purge": _purge_answers,
    "inbox.receive": _receive,
    "inbox.get": _get_inbound,
    "inbox.listed": _listed_inbound,
    "inbox.apply": _apply,
    "inbox.take": _take,
    "inbox.put_off": _put_off,
    "inbox.revive": _revive,
    "inbox.purge": _purge_inbox,
}


async def fill(unit: UnitOfWork) -> None:
    """Leave a nonce, a reserved key, an event that waits, one given up and one applied."""
    await unit.nonces.add(nonce("mine"))
    await _started(unit.answers, DEFAULT)
    await unit.inbox.receive(inbound("mine"))
    for name in ("done", "over"):
        await unit.inbox.receive(inbound(name))
    await unit.inbox.apply(DEFAULT, "stripe", "evt_done", NOW)
    await unit.inbox.put_off(DEFAULT, "stripe", "evt_over", "no", None)


async def seen(view: View) -> list[object]:
    """Give the first tenant's nonces and events; answers are asked for by the cases."""
    return [
        await view.nonces.waiting(DEFAULT, "approve", NOW),
        await view.inbox.get(DEFAULT, "stripe", "evt_mine"),
        await view.inbox.get(DEFAULT, "stripe", "evt_done"),
        list(await view.inbox.listed(DEFAULT, set(InboundState), 100)),
    ]
