"""What requests leave behind: nonces, answers to be given again, and what others told us."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from attrs import field, frozen

from tillway.core.ids import Nonce
from tillway.core.tenancy import Tenant


@frozen(kw_only=True)
class SingleUse:
    """A nonce that may be signed once, for one purpose, before ``expires_at``."""

    nonce: Nonce
    tenant: Tenant
    purpose: str
    created_at: datetime
    expires_at: datetime


class NonceUse(StrEnum):
    """What became of using a nonce."""

    USED = "used"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    CONSUMED = "consumed"


class Nonces(Protocol):
    """Nonces that wait to be signed, and that were."""

    async def add(self, nonce: SingleUse) -> bool:
        """Write a nonce; a repeat does nothing and is False."""
        ...

    async def use(self, tenant: Tenant, nonce: Nonce, purpose: str, now: datetime) -> NonceUse:
        """Consume a nonce. Of all that ask in time, under any race, one gets USED.

        A nonce for another purpose is UNKNOWN and stays as it is. Whoever asks again gets
        CONSUMED, expired or not, until it is purged.
        """
        ...

    async def waiting(self, tenant: Tenant, purpose: str, now: datetime) -> int:
        """Count nonces for a purpose that could be used, to a thousand at most.

        Of units that count those of one purpose, one goes on and the others wait for its end:
        what they add after counting is counted by the next.
        """
        ...

    async def purge(self, before: datetime, limit: int) -> int:
        """Remove nonces of all tenants that expired before that time, and tell how many."""
        ...


@frozen(kw_only=True)
class Answer:
    """What a request was answered, to be answered the same again."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@frozen(kw_only=True)
class Started:
    """The request is ours to run: it must be completed or abandoned."""


@frozen(kw_only=True)
class Running:
    """The same request runs elsewhere."""


@frozen(kw_only=True)
class Mismatch:
    """The key was used for another request."""


@frozen(kw_only=True)
class Replay:
    """The same request was answered."""

    answer: Answer


class Answers(Protocol):
    """Idempotency records. ``key`` covers the principal, the route and the client's key."""

    async def start(
        self,
        tenant: Tenant,
        key: str,
        request: str,
        owner: str,
        now: datetime,
        until: datetime,
    ) -> Started | Running | Mismatch | Replay:
        """Reserve a key for a request, which ``request`` is a hash of, until ``until``.

        Of all that ask, under any race, one gets Started: its owner asking again gets Running
        too. A reservation whose time is over, and an answer whose time is over, count for nothing
        from that time on: the next one that asks starts anew, with any request.
        """
        ...

    async def complete(
        self, tenant: Tenant, key: str, owner: str, answer: Answer, until: datetime
    ) -> bool:
        """Keep the answer until then, if the owner still has the key reserved; else False.

        Late is not too late, as long as nobody has started anew. A repeat is False.
        """
        ...

    async def abandon(self, tenant: Tenant, key: str, owner: str) -> bool:
        """Give the key up, if the owner still has it reserved; else False."""
        ...

    async def purge(self, before: datetime, limit: int) -> int:
        """Remove what counted until before that time, of all tenants, and tell how many."""
        ...


class InboundState(StrEnum):
    """What has become of an event. ``given_up``: nobody tries it again by himself."""

    RECEIVED = "received"
    APPLIED = "applied"
    GIVEN_UP = "given_up"


NOT_APPLIED: frozenset[InboundState] = frozenset({InboundState.RECEIVED, InboundState.GIVEN_UP})


@frozen(kw_only=True)
class Inbound:
    """An event that somebody sent us, as it came. ``id`` is unique for its source and tenant."""

    tenant: Tenant
    source: str
    id: str
    type: str
    received_at: datetime
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = {}
    applied_at: datetime | None = None
    attempts: int = 0
    last_error: str | None = None
    given_up: bool = False

    @property
    def state(self) -> InboundState:
        """What has become of it."""
        if self.applied_at is not None:
            return InboundState.APPLIED
        return InboundState.GIVEN_UP if self.given_up else InboundState.RECEIVED

    @property
    def created_at(self) -> datetime:
        """When it came to be, as lists have it."""
        return self.received_at


class Inbox(Protocol):
    """Events from outside: received first, applied once."""

    async def receive(self, inbound: Inbound) -> bool:
        """Write an event as received, not applied yet and never tried.

        A repeat of its id does nothing and is False.
        """
        ...

    async def get(self, tenant: Tenant, source: str, event: str) -> Inbound | None:
        """Give an event."""
        ...

    async def apply(self, tenant: Tenant, source: str, event: str, at: datetime) -> bool:
        """Mark an event as applied, in the unit that applies it.

        False if it is applied already, as for a repeat, or is not there.
        """
        ...

    async def listed(
        self,
        tenant: Tenant,
        states: Collection[InboundState],
        limit: int,
        before: datetime | None = None,
    ) -> Sequence[Inbound]:
        """Give events in these states, newest first, received before that time."""
        ...

    async def take(
        self, owner: str, now: datetime, until: datetime, limit: int
    ) -> Sequence[Inbound]:
        """Give events of all tenants that wait and that nobody works on before ``now``.

        The longest waiting first, each to one process until ``until``.
        """
        ...

    async def put_off(
        self, tenant: Tenant, source: str, event: str, error: str, until: datetime | None
    ) -> bool:
        """Count a failed attempt at what is not applied, to be taken again after that time.

        None gives it up: it is taken no more. False if it is applied, or is not there. A repeat
        counts another, and a time has what was given up wait again.
        """
        ...

    async def revive(self, tenant: Tenant, source: str, event: str, at: datetime) -> bool:
        """Let an event that is not applied wait from ``at`` on, with no attempts counted.

        Whether it was given up or waits, and whoever works on it. Its last error stays. False if
        it is applied, or is not there; a repeat does the same again.
        """
        ...

    async def purge(self, before: datetime, limit: int) -> int:
        """Remove events of all tenants that were applied before that time, and tell how many."""
        ...
