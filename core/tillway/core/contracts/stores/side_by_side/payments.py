"""Calls of payments, facts and the sealed log."""

from typing import Final

from hypothesis import strategies as st

from tillway.core.contracts.samples import (
    CHAIN,
    OTHER,
    OURS,
    UNLESS_FAILED,
    WHEN_FAILED,
    WHILE_LIVE,
    event,
    failed,
    key_of,
    link,
    payment,
    reservation,
    settled,
    unapplied,
    watched,
)
from tillway.core.contracts.stores.side_by_side.calls import (
    MINUTE,
    NAMES,
    TIMES,
    call,
    limits,
    names,
    owners,
    tenants,
    times,
)
from tillway.core.contracts.stores.side_by_side.ledger import bookings
from tillway.core.errors import Code
from tillway.core.payments import Chain, Failed, Payment, Phase, Reservation, State
from tillway.core.tenancy import DEFAULT, Tenant

TALLIES: Final = ("stock", "sold", "strikes", "balance")
PAYERS: Final = ("payer-wallet", "another-wallet")
CHAINS: Final = (CHAIN, Chain("elsewhere"), Chain("stripe"))
_GONE: Final = Failed(code=Code.TRANSACTION_EXPIRED, reason="forked away")


def shares(name: str, tenant: Tenant) -> tuple[Reservation, ...]:
    """Give what everything of this name reserves: the same whenever it is asked."""
    stock = reservation("stock", limit=3, counts=UNLESS_FAILED, tenant=tenant)
    live = reservation("balance", 2, limit=5, counts=WHILE_LIVE, tenant=None)
    sold = reservation("sold", limit=None, counts=frozenset({Phase.SETTLED}), tenant=tenant)
    strike = reservation("strikes", limit=1, counts=WHEN_FAILED, tenant=tenant)
    return ((stock,), (stock, live), (sold, strike), (live, stock, stock), (), (live,))[
        NAMES.index(name)
    ]


def claim_of(
    name: str,
    signed: str | None = None,
    tenant: Tenant = DEFAULT,
    owner: str = OURS,
    chain: Chain = CHAIN,
) -> Payment:
    """Give a claim of this name, with its own signature if no other is named."""
    place = NAMES.index(name)
    return payment(
        name,
        tenant,
        chain=chain,
        payer=PAYERS[place % 3 == 1],
        signature=f"signature-{signed or name}",
        owner=owner,
        lease_until=TIMES[place % 3],
        created_at=TIMES[0] + (place // 2) * MINUTE,
        reservations=shares(name, tenant),
        user_id=None if place == 0 else f"user-{place % 2}",
    )


def ended(claimed: Payment, state: State, final: bool) -> Payment:
    """Give a payment in a state."""
    if state is State.SETTLED:
        return settled(claimed) if final else watched(claimed)
    if state is State.UNAPPLIED:
        return unapplied(claimed)
    if state is State.FAILED:
        return failed(claimed)
    if state is State.REVERSED:
        return watched(claimed).reversed(TIMES[1], _GONE)
    return claimed


_chains: Final = st.sampled_from((*[CHAIN] * 6, CHAINS[1]))
# Mostly its own signature: another's is what the law is about, and no more than that.
_named: Final = names.flatmap(
    lambda name: st.tuples(st.just(name), st.sampled_from((*[name] * 8, "x", "a")))
)
claims: Final = st.builds(
    lambda named, *rest: claim_of(*named, *rest), _named, tenants, owners, _chains
)
_ends: Final = (State.SETTLED, State.UNAPPLIED, State.FAILED, State.REVERSED)
states: Final = st.sampled_from((*_ends, *[State.SETTLED] * 3, State.CLAIMED))
# What is another tenant's is refused, and so are all calls that bring it.
_tellers: Final = st.sampled_from((*[DEFAULT] * 20, OTHER))
ends: Final = st.builds(ended, claims, states, st.booleans())
facts: Final = st.lists(st.builds(event, names, _tellers, times), max_size=2)
was: Final = st.sampled_from((*_ends, *[State.SETTLED] * 3, State.CLAIMED))
_links: Final = st.lists(
    st.builds(
        lambda name, tenant, position, number: link(event(name, tenant), position, number),
        names,
        tenants,
        st.integers(1, 4),
        st.integers(1, 3),
    ),
    max_size=2,
)
_keys: Final = st.lists(names.map(key_of), max_size=3)

CALLS: Final = st.one_of(
    call("payments.claim", claims),
    call("payments.settle", ends, facts, bookings),
    call("payments.settle", ends, facts, bookings),
    call("payments.amend", ends, was, facts, bookings),
    call("payments.fail", claims.map(failed), st.booleans(), facts),
    call("payments.amend", ends, was, facts, bookings),
    call("payments.release", claims, times),
    call("payments.renew", owners, _keys, times),
    call("payments.take_over", owners, times, times, limits),
    call("payments.watch", owners, times, times, limits),
    call("payments.archive", times, limits),
    call("events.append", st.builds(event, names, tenants, times)),
    call("events.seal_next", limits),
    call("events.seal", _links),
)
READS: Final = st.one_of(
    call("payments.find", _chains, names.map(key_of)),
    call("payments.by_signature", tenants, names.map(lambda name: f"signature-{name}")),
    call("payments.newest", tenants, limits, times, st.sampled_from((None, "user-0", "user-1"))),
    call(
        "payments.of_payer", tenants, st.sampled_from(PAYERS), limits, st.one_of(st.none(), claims)
    ),
    call("payments.archived", tenants, limits, times),
    call("tallies.totals", tenants, st.just(TALLIES), _chains),
    call("events.newest", tenants, limits),
    call("events.unsealed", limits),
    call("events.last"),
    call("events.head", tenants),
    call("events.after", st.integers(0, 4), limits, st.one_of(st.none(), tenants)),
)
