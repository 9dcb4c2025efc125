"""Nonces: handed out to be signed, and used once, for one purpose."""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from attrs import define

from tillway.core.errors import Code, Declined, Unavailable
from tillway.core.ids import NONCE, Nonce, new_nonce
from tillway.core.neighbours import neighbours_of
from tillway.core.ports.clock import Clock, Random
from tillway.core.ports.store import NonceUse, SingleUse, Store
from tillway.core.tenancy import Tenant

LIFETIME: Final = timedelta(minutes=5)

MOST_WAITING: Final = 60
"""How many nonces of one address may wait to be signed, under any race. Whoever signs asks for one
at a time."""

LONGEST_PURPOSE: Final = 64

REQUEST_REFUND: Final = "request-refund"
APPROVE_REFUND: Final = "approve-refund"
DENY_REFUND: Final = "deny-refund"
LIST_REFUNDS: Final = "list-pending-refunds"
CANCEL_SUBSCRIPTION: Final = "cancel-subscription"
CHANGE_SUBSCRIPTION: Final = "change-subscription"
REACTIVATE_SUBSCRIPTION: Final = "reactivate-subscription"
MANAGE_SUBSCRIPTION: Final = "manage-subscription"
LIST_PURCHASES: Final = "list-purchases"

ACTIONS: Final[Mapping[str, str]] = {
    "refund_request": REQUEST_REFUND,
    "refund_approve": APPROVE_REFUND,
    "refund_deny": DENY_REFUND,
    "refund_list": LIST_REFUNDS,
    "subscription_cancel": CANCEL_SUBSCRIPTION,
    "subscription_change": CHANGE_SUBSCRIPTION,
    "subscription_reactivate": REACTIVATE_SUBSCRIPTION,
    "subscription_manage": MANAGE_SUBSCRIPTION,
    "purchase_list": LIST_PURCHASES,
}
"""Two words for each action: one that clients ask a nonce for, and one that is signed."""

_BOUND: Final = frozenset(ACTIONS.values())
_OF_ADMINS: Final = ("admin_", "webhook_", "config_")
_UNBOUND: Final = ""
_TEXTS: Final = {
    NonceUse.UNKNOWN: "not found",
    NonceUse.CONSUMED: "already consumed",
    NonceUse.EXPIRED: "expired",
}


def action_of(purpose: str) -> str:
    """Give the action that a nonce for a purpose is bound to, in either of its words.

    Empty for a purpose that we do not know: such a nonce is good for one action, whichever.
    """
    if purpose in _BOUND or purpose.startswith(_OF_ADMINS):
        return purpose
    return ACTIONS.get(purpose, _UNBOUND)


@define(kw_only=True)
class NonceBook:
    """Hand nonces out, and take each of them once."""

    store: Store
    clock: Clock
    random: Random
    most: int = MOST_WAITING

    async def issue(self, tenant: Tenant, purpose: str, address: str) -> SingleUse:
        """Write a nonce down, bound to what ``purpose`` says where we know that.

        Unavailable (rate_limit_exceeded) while too many of this address wait.
        """
        now = self.clock.now()
        nonce = SingleUse(
            nonce=new_nonce(self.random),
            tenant=tenant,
            purpose=action_of(purpose),
            created_at=now,
            expires_at=now + LIFETIME,
        )
        mark = _mark(address)
        async with self.store.view(once=True) as view:  # whoever is at his bound holds no writer up
            self._refuse(await view.nonces.waiting(tenant, mark, now))
        async with self.store.begin() as unit:
            self._refuse(await unit.nonces.waiting(tenant, mark, now))
            # One more row, which nobody can sign, counts for the address.
            await unit.nonces.add(
                SingleUse(
                    nonce=new_nonce(self.random),
                    tenant=tenant,
                    purpose=mark,
                    created_at=now,
                    expires_at=nonce.expires_at,
                )
            )
            await unit.nonces.add(nonce)
        return nonce

    def _refuse(self, waiting: int) -> None:
        if waiting >= self.most:
            raise _too_many()

    async def use(self, tenant: Tenant, nonce: str, action: str) -> None:
        """Take a nonce for an action.

        Declined (invalid_signature) unless it waits for this very action, or for any.
        """
        used = await self._used(tenant, nonce, action)
        if used is not NonceUse.USED:
            text = f"nonce validation failed: nonce {_TEXTS[used]}: {nonce[:LONGEST_PURPOSE]}"
            hint = "request a fresh nonce at POST /paywall/v1/nonce and sign it"
            raise Declined(Code.INVALID_SIGNATURE, text, field="nonce", details={"hint": hint})

    async def _used(self, tenant: Tenant, nonce: str, action: str) -> NonceUse:
        if NONCE.fullmatch(nonce) is None:
            return NonceUse.UNKNOWN
        now, used = self.clock.now(), NonceUse.UNKNOWN
        async with self.store.begin() as unit:
            for purpose in (action, _UNBOUND):
                used = await unit.nonces.use(tenant, Nonce(nonce), purpose, now)
                if used is not NonceUse.UNKNOWN:
                    break
        return used


def _mark(address: str) -> str:
    """Name the rows that count an address: hashed, since it is nobody's business later."""
    return f"from:{hashlib.sha256(neighbours_of(address).encode()).hexdigest()[:32]}"


def _too_many() -> Unavailable:
    text = "Too many nonces of this address wait to be signed. Please use them, or try later."
    return Unavailable(Code.RATE_LIMIT_EXCEEDED, text, retry_after=LIFETIME.total_seconds())
