"""What always holds of a store's books, totals and log, whatever was done to it."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from tillway.core.assets import USDC
from tillway.core.checkouts import UNPAID, CheckoutState
from tillway.core.contracts.samples import CHAIN, CREDITS, checkout, entry, hold, refund
from tillway.core.contracts.stores.side_by_side.calls import NAMES, TENANTS
from tillway.core.contracts.stores.side_by_side.commerce import MOST_REFUNDED, PURCHASES
from tillway.core.contracts.stores.side_by_side.ledger import ACCOUNTS, ASSETS, KEYS
from tillway.core.contracts.stores.side_by_side.payments import CHAINS, TALLIES
from tillway.core.ledger import HoldState, sums
from tillway.core.money import Money
from tillway.core.payments import Chain, Phase, Reservation, phase_of
from tillway.core.ports.store import UnitOfWork, View
from tillway.core.refunds import LIVE
from tillway.core.tenancy import Tenant

_ALL: Final = 1_000


async def audit(view: View) -> None:
    """Find that everything holds."""
    for tenant in TENANTS:
        await _books(view, tenant)
    await _totals(view)
    await _log(view)


async def probe(unit: UnitOfWork) -> None:
    """Find what only a write tells. The unit has to be left unwritten."""
    for tenant in TENANTS:
        for purchase in PURCHASES:
            await _shares(unit, tenant, purchase)


async def _books(view: View, tenant: Tenant) -> None:
    for key in KEYS:
        known = await view.ledger.entry(tenant, entry(key).key)
        assert known is None or not any(sums(known.postings).values()), "an entry sums to zero"
    named: Counter[str] = Counter()
    for name, total in await view.ledger.balances(tenant, _ALL):
        named[total.asset.code] += total.minor
        assert name.endswith(f":{total.asset.code}")
    assert not any(named.values()), "the accounts sum to zero for each asset"
    held = await _held(view, tenant)
    for account in ACCOUNTS:
        for asset in ASSETS:
            balance = await view.ledger.balance(tenant, account, asset)
            lines = await view.ledger.history(tenant, account, asset, _ALL, None)
            assert balance.total == sum(line.amount.minor for line in lines)
            assert balance.held == held[f"{account}:{asset.code}"], "open holds are kept"
            assert account != CREDITS or balance.available >= 0, "no more is spent than was there"


async def _held(view: View, tenant: Tenant) -> Counter[str]:
    """Sum what open holds keep, by the names of their accounts."""
    kept: Counter[str] = Counter()
    for name in NAMES:
        one = await view.ledger.held(tenant, hold(name).id)
        if one is not None and one.state is HoldState.OPEN:
            kept[f"{one.account}:{one.amount.asset.code}"] += one.amount.minor
    return kept


async def _shares(unit: UnitOfWork, tenant: Tenant, purchase: str) -> None:
    """Find that exactly what is left of a purchase can be paid back."""
    refunds = await unit.refunds.of(tenant, purchase)
    left = MOST_REFUNDED - sum(one.amount.minor for one in refunds if one.state in LIVE)
    assert left >= 0, "no more is paid back than was paid"
    limit = Money(MOST_REFUNDED, USDC)
    rest = refund(f"rest of {purchase}", left, tenant, purchase)
    assert left == 0 or await unit.refunds.add(rest, limit), "what is left is free"
    assert not await unit.refunds.add(refund(f"more of {purchase}", 1, tenant, purchase), limit)


async def _totals(view: View) -> None:
    """Compare every running total with what counts for it. Failures are told by nobody else."""
    counted: Counter[tuple[Tenant | None, str, str]] = Counter()
    for tenant in TENANTS:
        payments = [
            *await view.payments.newest(tenant, _ALL),
            *await view.payments.archived(tenant, _ALL),
        ]
        for one in payments:
            _count(counted, one.chain, one.reservations, phase_of(one.state))
        for name in NAMES:
            found = await view.checkouts.get(tenant, checkout(name).id)
            if found is not None:
                chain = Chain(found.provider)
                _count(counted, chain, found.reservations, _phase(found.state))
    for owner in (*TENANTS, None):
        for chain in CHAINS if owner is None else (CHAIN,):
            told = await view.tallies.totals(owner, TALLIES, chain)
            shared = chain if owner is None else ""
            wanted = {name: counted[owner, shared, name] for name in TALLIES}
            del wanted["strikes"]
            assert {name: told.get(name, 0) for name in wanted} == wanted, "totals are exact"
            assert 0 not in told.values(), "a name without claims is absent"


def _count(
    counted: Counter[tuple[Tenant | None, str, str]],
    chain: Chain,
    reservations: Iterable[Reservation],
    phase: Phase | None,
) -> None:
    for one in reservations:
        shared = chain if one.tenant is None else ""
        counted[one.tenant, shared, one.name] += one.change(None, phase)


def _phase(state: CheckoutState) -> Phase | None:
    if state in UNPAID:
        return Phase.LIVE
    return Phase.SETTLED if state is CheckoutState.PAID else None


async def _log(view: View) -> None:
    sealed = await view.events.after(0, _ALL)
    assert [one.link.position for one in sealed] == list(range(1, len(sealed) + 1))
    numbers: Counter[Tenant] = Counter()
    for one in sealed:
        numbers[one.link.tenant] += 1
        assert one.link.number == numbers[one.link.tenant], "numbers have no gaps"
        assert (one.link.tenant, one.link.fact) == (one.event.tenant, one.event.id)
    waiting = await view.events.unsealed(_ALL)
    placed = [(one.event.tenant, one.event.id) for one in sealed]
    facts = placed + [(one.tenant, one.id) for one in waiting]
    assert len(set(facts)) == len(facts), "a fact has one place, or waits for it"
    told = [
        (one.tenant, one.id) for tenant in TENANTS for one in await view.events.newest(tenant, _ALL)
    ]
    assert set(told) <= set(facts)
