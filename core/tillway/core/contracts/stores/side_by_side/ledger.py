"""Calls of the ledger. One account is never overdrawn, another one may be."""

from typing import Final

from hypothesis import strategies as st

from tillway.core.assets import USD, USDC, Asset
from tillway.core.contracts.samples import CHAIN, CREDITS, ISSUED, OTHER, entry, hold, key_of
from tillway.core.contracts.stores.side_by_side.calls import (
    NAMES,
    TIMES,
    call,
    limits,
    names,
    tenants,
    times,
)
from tillway.core.ledger import Account, AccountKind, Entry
from tillway.core.money import MOST
from tillway.core.tenancy import DEFAULT, Tenant

FREE: Final = Account(AccountKind.CUSTOMER, "payer-wallet")
FAR: Final = Account(AccountKind.WALLET, "far")
ACCOUNTS: Final = (CREDITS, FREE, FAR, ISSUED)
ASSETS: Final = (USDC, USD)
KEYS: Final = tuple(f"{kind}{name}" for kind in ("", "booked ", "spent ") for name in NAMES)

_minors: Final = st.sampled_from((100, 100, 5, 0, -10, -60))
_tellers: Final = st.sampled_from((*[DEFAULT] * 20, OTHER))
_times: Final = st.sampled_from(TIMES[:3])


def _posted(name: str, tenant: Tenant, minor: int, account: Account, asset: Asset) -> Entry:
    guarded = account == CREDITS and minor < 0
    least = 0 if guarded else 20 if minor == 5 else None
    at = TIMES[NAMES.index(name) // 2]
    return entry(name, minor, tenant, least=least, account=account, asset=asset, at=at)


def _booked(name: str, tenant: Tenant, minor: int, asset: Asset) -> Entry:
    return entry(f"booked {name}", minor, tenant, account=FREE, asset=asset, at=TIMES[1])


def _spent(name: str, tenant: Tenant, minor: int, account: Account) -> Entry:
    return entry(f"spent {name}", minor, tenant, account=account, at=TIMES[2])


_assets: Final = st.sampled_from((USDC, USDC, USDC, USD))
_holders: Final = st.sampled_from((CREDITS, CREDITS, FREE))
bookings: Final = st.lists(st.builds(_booked, names, _tellers, _minors, _assets), max_size=2)
entries: Final = st.builds(_posted, names, tenants, _minors, _holders, _assets)
# Far from everything else: what leaves 64 bits there is refused, and nothing else is near.
_far: Final = st.builds(
    lambda name, tenant: entry(name, MOST // 2 + 1, tenant, account=FAR), names, tenants
)
_holds: Final = st.builds(
    lambda name, minor, tenant, account, expires, claimed: hold(
        name,
        minor,
        tenant,
        account=account,
        expires_at=expires,
        claim=(CHAIN, key_of(name)) if claimed else None,
    ),
    names,
    st.sampled_from((5, 5, 40, 40, 0)),
    tenants,
    _holders,
    times,
    st.booleans(),
)
_hold_ids: Final = names.map(lambda name: hold(name).id)
_accounts: Final = st.sampled_from(ACCOUNTS)
_before: Final = st.one_of(st.none(), st.sampled_from(KEYS).map(lambda key: entry(key).key))

CALLS: Final = st.one_of(
    call("ledger.post", entries),
    call("ledger.post", entries),
    call("ledger.post", _far),
    call("ledger.hold", _holds),
    call("ledger.hold", _holds),
    call(
        "ledger.capture",
        tenants,
        _hold_ids,
        st.builds(_spent, names, tenants, st.sampled_from((-5, -3, -40, 5)), _holders),
    ),
    call("ledger.let_go", tenants, _hold_ids, times),
    call("ledger.expire", times, limits),
)
READS: Final = st.one_of(
    call("ledger.entry", tenants, st.sampled_from(KEYS).map(lambda key: entry(key).key)),
    call("ledger.balance", tenants, _accounts, _assets),
    call("ledger.history", tenants, _accounts, _assets, limits, _before),
    call("ledger.balances", tenants, limits, st.sampled_from(("", "customer", "issued:gateway:"))),
    call("ledger.held", tenants, _hold_ids),
)
