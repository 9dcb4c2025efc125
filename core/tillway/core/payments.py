"""A payment: claimed before anything is sent, and ended once.

A claim's identity is computed by us from what was signed, never taken from a client. What the
payment uses up is reserved with the claim, in the same commit.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import NewType

from attrs import evolve, frozen

from tillway.core.errors import Code
from tillway.core.money import Money
from tillway.core.quotes import Purpose
from tillway.core.tenancy import Tenant

Chain = NewType("Chain", str)
"""Where a payment's key is unique: a blockchain, or a name of ours for what has none."""

PaymentKey = NewType("PaymentKey", str)
"""64 hexadecimal digits: sha256 of the message bytes as signed."""


class State(StrEnum):
    """What is stored about a payment."""

    CLAIMED = "claimed"
    UNRESOLVED = "unresolved"
    SETTLED = "settled"
    UNAPPLIED = "unapplied"
    FAILED = "failed"
    REVERSED = "reversed"


LIVE = frozenset({State.CLAIMED, State.UNRESOLVED})
"""The states in which money may yet move."""

ENDED = frozenset(State) - LIVE
"""The states in which what became of the money is known."""


@frozen(kw_only=True)
class Settled:
    """The rail has proven that the money arrived.

    ``final`` False: it is as sure as was asked for and may yet turn out to be gone.
    """

    signature: str
    slot: int | None = None
    final: bool = True


@frozen(kw_only=True)
class Failed:
    """The rail has proven that the money did not and cannot arrive.

    ``landed`` tells that the attempt was executed, and so cost its fee payer a fee.
    """

    code: Code
    reason: str
    landed: bool = False


@frozen(kw_only=True)
class Unresolved:
    """Money may have moved and nothing is proven: look it up, send only the same bytes.

    ``refusal`` is what the buyer may be told already, when failure is all but certain: the
    payment itself stays open until the rail has proven its end.
    """

    reason: str
    refusal: Failed | None = None


Outcome = Settled | Failed | Unresolved


@frozen(kw_only=True)
class Missing:
    """The rail does not know a payment, which proves nothing: it may come back."""


class Phase(StrEnum):
    """The part of a payment's life in which a reservation counts."""

    LIVE = "live"
    SETTLED = "settled"
    LANDED_FAILURE = "landed-failure"


def phase_of(state: State) -> Phase | None:
    """Tell in which phase a payment's reservations are; None where all are given back.

    Of a failed payment only its end tells whether it has landed: None here.
    """
    if state in LIVE:
        return Phase.LIVE
    return Phase.SETTLED if state is State.SETTLED else None


@frozen(kw_only=True)
class Reservation:
    """A share of something limited, taken by a claim.

    The sum of the amounts of all claims that are in one of the phases ``counts`` never passes
    ``limit`` by this claim: it is tested once, in the claim's commit, and ends test nothing.
    ``limit`` None only counts. ``tenant`` None is for what all tenants of a chain share.
    """

    name: str
    amount: int
    limit: int | None
    counts: frozenset[Phase]
    tenant: Tenant | None

    def change(self, before: Phase | None, after: Phase | None) -> int:
        """Tell by how much the running total changes when the claim moves on."""
        was, becomes = before in self.counts, after in self.counts
        return self.amount * (becomes - was)


@frozen(kw_only=True)
class Purchase:
    """What is bought. The client's word decides none of it without a quote or a price of ours."""

    tenant: Tenant
    purpose: Purpose
    resource: str
    quantity: int = 1
    inputs: Mapping[str, str] = {}
    coupon: str | None = None


@frozen(kw_only=True)
class Word:
    """A message with a wallet's signature over it, not yet believed."""

    signer: str
    message: str
    signature: str


@frozen(kw_only=True)
class Asked:
    """How a request asked, hashed: what a free repeat is compared with.

    ``request`` covers method, path, query and body. ``idempotency`` covers the principal and
    its Idempotency-Key. ``address`` is the client's address as the trusted proxies tell it.
    ``word`` is something that a wallet signed for this very repeat; it is never stored.
    """

    request: str
    address: str
    idempotency: str | None = None
    principal: str | None = None
    word: Word | None = None


@frozen(kw_only=True)
class Payment:
    """One claim and what became of it.

    ``signed`` are the exact bytes that are sent, and the only ones that may be sent again.
    ``seen_slot`` and ``seen_height`` are the highest that any node showed before the claim.
    ``grant`` is the answer that the buyer gets, stored in the commit that settles. Times are
    UTC with zone. ``owner`` and ``lease_until`` say which process works on it. ``refund_to`` is
    whose the money was, where that is another than the ``payer``, who moved it. ``for_refund``
    tells that it was claimed only to be given back: see ``kept``.
    """

    chain: Chain
    key: PaymentKey
    purchase: Purchase
    asked: Asked
    rail: str
    method: str
    amount: Money
    payer: str
    pay_to: str
    signature: str
    signed: bytes
    quote_id: str | None
    coupons: tuple[str, ...]
    last_valid_height: int
    seen_height: int
    seen_slot: int
    owner: str
    lease_until: datetime
    created_at: datetime
    reservations: tuple[Reservation, ...]
    metadata: Mapping[str, str] = {}
    user_id: str | None = None
    state: State = State.CLAIMED
    ended_at: datetime | None = None
    slot: int | None = None
    code: Code | None = None
    reason: str | None = None
    grant: Mapping[str, object] | None = None
    watched: bool = False
    turn: int = 0
    refund_to: str | None = None
    for_refund: bool = False

    @property
    def tenant(self) -> Tenant:
        """The tenant whose purchase it is."""
        return self.purchase.tenant

    @property
    def is_live(self) -> bool:
        """Tell whether money may yet move."""
        return self.state in LIVE

    def settled(
        self, at: datetime, slot: int | None, grant: Mapping[str, object], *, final: bool = True
    ) -> "Payment":
        """Give the payment as it stands once the money has arrived."""
        arrived = self._arrived(State.SETTLED, at, slot, final=final)
        return evolve(arrived, grant=grant, code=None, reason=None)

    def unapplied(
        self, at: datetime, slot: int | None, code: Code, reason: str, *, final: bool = True
    ) -> "Payment":
        """Give the payment as it stands once money has arrived that buys nothing."""
        arrived = self._arrived(State.UNAPPLIED, at, slot, final=final)
        return evolve(arrived, code=code, reason=reason)

    def _arrived(self, state: State, at: datetime, slot: int | None, *, final: bool) -> "Payment":
        return evolve(
            self, state=state, ended_at=at, slot=slot, watched=not final, turn=self.turn + 1
        )

    def reversed(self, at: datetime, failure: Failed) -> "Payment":
        """Give the payment as it stands once the rail has proven that the money is gone again.

        It is watched on: should the money arrive after all, it settles again.
        """
        return evolve(
            self,
            state=State.REVERSED,
            ended_at=at,
            code=failure.code,
            reason=failure.reason,
            watched=True,
        )

    def refused(self, refusal: Failed) -> "Payment":
        """Give the payment whose buyer was refused although its end is not proven.

        From then on it is only looked up and never sent again: the buyer may have paid anew.
        Should its money arrive, it buys nothing.
        """
        return evolve(self, code=refusal.code, reason=refusal.reason)

    def kept(self, refusal: Failed) -> "Payment":
        """Give the claim on money that is there and buys nothing.

        It takes nothing of what is limited, and whoever finishes it finds that it is refused.
        """
        return evolve(self.refused(refusal), reservations=(), for_refund=True)

    @property
    def is_refused(self) -> bool:
        """Tell whether the buyer was refused before the end was proven."""
        return self.is_live and self.code is not None

    def failed(self, at: datetime, failure: Failed) -> "Payment":
        """Give the payment as it stands once failure is proven."""
        return evolve(
            self, state=State.FAILED, ended_at=at, code=failure.code, reason=failure.reason
        )
