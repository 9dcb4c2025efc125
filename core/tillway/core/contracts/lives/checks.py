"""Check what processes leave that tell ``stories``: all that they said, and nothing half-done."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final

from tillway.core.assets import USDC
from tillway.core.carts import CartState
from tillway.core.contracts.lives.stories import claimed, transfer
from tillway.core.contracts.samples import (
    NOW,
    cart,
    delivery,
    event,
    hold,
    inbound,
    nonce,
    refund,
)
from tillway.core.ledger import Account, AccountKind, HoldState
from tillway.core.payments import LIVE, Payment, State
from tillway.core.ports.store import NonceUse, Store, View
from tillway.core.refunds import RefundState
from tillway.core.services.books.audit import Audit, Report
from tillway.core.tenancy import DEFAULT

_ALL: Final = 10**6


class NoHeads:
    """Verifies no signature: nobody publishes heads in these stories."""

    def is_signed(self, public_key: str, text: str, signature: str) -> bool:
        """Take nothing for signed."""
        return False


async def check(store: Store, acknowledged: Iterable[str]) -> Report:
    """Check every acknowledged line, then what must hold of everything; give the audit."""
    for line in acknowledged:
        verb, name = line.split()
        async with store.view() as view:
            assert await _LINES[verb](view, name), f"{line} was acknowledged and is not there"
        if verb == "used":
            await _is_consumed(store, name)
    await _whole(store)
    report = await Audit(store=store, signatures=NoHeads()).run()
    assert report.faults == []
    return report


async def _payment(view: View, name: str) -> Payment | None:
    return await view.payments.find(claimed(name).chain, claimed(name).key)


async def _claimed(view: View, name: str) -> bool:
    return await _payment(view, name) is not None


def _stands(*states: State) -> Callable[[View, str], Awaitable[bool]]:
    async def stands(view: View, name: str) -> bool:
        found = await _payment(view, name)
        return found is not None and found.state in states

    return stands


async def _unapplied(view: View, name: str) -> bool:
    owed = await view.refunds.get(DEFAULT, refund(name).id)
    return owed is not None and await _stands(State.UNAPPLIED)(view, name)


async def _carted(view: View, name: str) -> bool:
    return await view.carts.get(DEFAULT, cart(name).id) is not None


async def _cart_paid(view: View, name: str) -> bool:
    found = await view.carts.get(DEFAULT, cart(name).id)
    paid = found is not None and found.paid_with == claimed(name).signature
    return paid and await _stands(State.SETTLED)(view, name)


async def _denied(view: View, name: str) -> bool:
    found = await view.refunds.get(DEFAULT, refund(name).id)
    return found is not None and found.state is RefundState.DENIED


async def _posted(view: View, name: str) -> bool:
    return await view.ledger.entry(DEFAULT, transfer(name).key) is not None


def _hold(*states: HoldState) -> Callable[[View, str], Awaitable[bool]]:
    async def stands(view: View, name: str) -> bool:
        found = await view.ledger.held(DEFAULT, hold(name).id)
        return found is not None and found.state in states

    return stands


async def _captured(view: View, name: str) -> bool:
    return await _posted(view, name) and await _hold(HoldState.CAPTURED)(view, name)


async def _received(view: View, name: str) -> bool:
    told = inbound(name)
    return await view.inbox.get(DEFAULT, told.source, told.id) is not None


async def _applied(view: View, name: str) -> bool:
    told = inbound(name)
    found = await view.inbox.get(DEFAULT, told.source, told.id)
    sent = await view.deliveries.get(DEFAULT, delivery(name).id)
    return found is not None and found.applied_at is not None and sent is not None


async def _was_there(view: View, name: str) -> bool:
    return True  # only a write can tell: see ``_is_consumed``


async def _is_consumed(store: Store, name: str) -> None:
    once = nonce(name)
    async with store.begin(once=True) as unit:
        again = await unit.nonces.use(DEFAULT, once.nonce, once.purpose, NOW)
    assert again is NonceUse.CONSUMED, f"used {name} was acknowledged and is not there"


_LINES: Final[Mapping[str, Callable[[View, str], Awaitable[bool]]]] = {
    "claimed": _claimed,
    "settled": _stands(State.SETTLED, State.REVERSED),
    "failed": _stands(State.FAILED),
    "reversed": _stands(State.REVERSED),
    "unapplied": _unapplied,
    "carted": _carted,
    "cartpaid": _cart_paid,
    "denied": _denied,
    "posted": _posted,
    "held": _hold(*HoldState),
    "captured": _captured,
    "released": _hold(HoldState.RELEASED),
    "received": _received,
    "applied": _applied,
    "used": _was_there,
}


async def _whole(store: Store) -> None:
    """Check that whatever was begun is all there, acknowledged or not."""
    async with store.view() as view:
        payments = await view.payments.newest(DEFAULT, _ALL)
        told = [one.id for one in await view.events.newest(DEFAULT, _ALL)]
        mixed = (await view.tallies.totals(DEFAULT, ["mixed"])).get("mixed", 0)
        wallet = await view.ledger.balance(
            DEFAULT, Account(AccountKind.WALLET, "shop-wallet"), USDC
        )
        await _carts_agree(view, payments)
    assert len(told) == len(set(told))
    known = set(told)
    for one in payments:
        name = one.signature.removeprefix("signature-")
        arrived = one.state in (State.SETTLED, State.UNAPPLIED, State.REVERSED)
        assert (event(name).id in known) == arrived
        assert (event(f"{name}+reversed").id in known) == (one.state is State.REVERSED)
    redeeming = [one for one in payments if one.state in LIVE or one.state is State.SETTLED]
    assert mixed == len(redeeming)
    received = [one for one in payments if one.state in (State.SETTLED, State.UNAPPLIED)]
    assert -wallet.total == sum(one.amount.minor for one in received)


async def _carts_agree(view: View, payments: Iterable[Payment]) -> None:
    for one in payments:
        name = one.signature.removeprefix("signature-")
        if name.startswith("fill:"):
            found = await view.carts.get(DEFAULT, cart(name).id)
            assert found is not None
            assert (found.state is CartState.PAID) == (one.state is State.SETTLED)
        if name.startswith("strand:"):
            owed = await view.refunds.get(DEFAULT, refund(name).id)
            assert (owed is not None) == (one.state is State.UNAPPLIED)
