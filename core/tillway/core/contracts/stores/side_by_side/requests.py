"""Calls of nonces, answers, the inbox, deliveries, leases and settings."""

from typing import Final

from attrs import evolve
from hypothesis import strategies as st

from tillway.core.contracts.samples import answer, delivery, inbound, nonce
from tillway.core.contracts.stores.side_by_side.calls import (
    NAMES,
    TIMES,
    call,
    few,
    limits,
    owners,
    some,
    tenants,
    times,
)
from tillway.core.deliveries import Delivery, DeliveryState
from tillway.core.ports.store import InboundState
from tillway.core.tenancy import Tenant

_purposes: Final = st.sampled_from(("approve", "approve", "deny"))
_keys: Final = st.sampled_from("ab")
_hashes: Final = st.sampled_from(("request", "request", "another"))
_REQUESTS: Final = (
    call("nonces.add", st.builds(nonce, few, tenants, _purposes, times)),
    call("nonces.use", tenants, few.map(lambda name: nonce(name).nonce), _purposes, times),
    call("nonces.purge", times, limits),
    call("answers.start", tenants, _keys, _hashes, owners, times, times),
    call(
        "answers.complete",
        tenants,
        _keys,
        owners,
        st.builds(answer, st.sampled_from((200, 402))),
        times,
    ),
    call("answers.abandon", tenants, _keys, owners),
    call("answers.purge", times, limits),
)

_event: Final = (tenants, st.just("stripe"), few.map(lambda name: f"evt_{name}"))
_INBOX: Final = (
    call("inbox.receive", st.builds(inbound, few, tenants, times)),
    call("inbox.apply", *_event, times),
    call("inbox.take", owners, times, times, limits),
    call(
        "inbox.put_off",
        *_event,
        st.sampled_from(("no", "not yet")),
        st.one_of(st.none(), times),
    ),
    call("inbox.revive", *_event, times),
    call("inbox.purge", times, limits),
)


def _delivery(name: str, tenant: Tenant, state: DeliveryState, owner: str, time: int) -> Delivery:
    place = NAMES.index(name)
    known = delivery(name, tenant, "shop" if place % 2 else "other", TIMES[time])
    return evolve(
        known,
        created_at=TIMES[place // 2],
        state=state,
        owner=owner,
        attempts=time,
        completed_at=TIMES[time] if state is DeliveryState.DONE else None,
    )


_new: Final = st.builds(
    _delivery, few, tenants, st.sampled_from(DeliveryState), st.just(""), st.integers(0, 3)
)
_attempted: Final = st.builds(
    _delivery, few, tenants, st.sampled_from(DeliveryState), owners, st.integers(0, 3)
)
_delivery_ids: Final = _new.map(lambda one: one.id)
_DELIVERIES: Final = (
    call("deliveries.add", _new),
    call("deliveries.take", owners, times, times, limits),
    call("deliveries.finish", _attempted),
    call("deliveries.revive", tenants, _delivery_ids, times),
    call("deliveries.remove", tenants, _delivery_ids),
    call("deliveries.purge", times, limits),
)
_OTHERS: Final = (
    call("leases.acquire", _keys, owners, times, times),
    call("leases.give_up", _keys, owners),
    call(
        "settings.put",
        tenants,
        _keys,
        st.fixed_dictionaries({"most": st.integers(0, 2)}),
        st.integers(0, 2),
        times,
        owners,
    ),
)

CALLS: Final = st.one_of(*_REQUESTS, *_INBOX, *_DELIVERIES, *_OTHERS)
READS: Final = st.one_of(
    call("nonces.waiting", tenants, _purposes, times),
    call("inbox.get", *_event),
    call("inbox.listed", tenants, some(*InboundState), limits, st.one_of(st.none(), times)),
    call("deliveries.get", tenants, _delivery_ids),
    call("deliveries.listed", tenants, some(*DeliveryState), limits, st.one_of(st.none(), times)),
    call("settings.get", tenants, _keys),
    call("settings.all", tenants),
)
