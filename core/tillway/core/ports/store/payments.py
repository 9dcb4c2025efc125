"""Claims, what became of them, and the totals that limit them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from attrs import frozen

from tillway.core.events import Event
from tillway.core.ledger import Entry
from tillway.core.payments import Chain, Payment, PaymentKey, Reservation, State
from tillway.core.tenancy import Tenant


@frozen(kw_only=True)
class Claimed:
    """The claim is ours and durable once the unit commits."""


@frozen(kw_only=True)
class Taken:
    """The key or the signature is already claimed; ``payment`` is that claim as it stands."""

    payment: Payment


@frozen(kw_only=True)
class Refused:
    """A reservation would pass its limit; nothing was written."""

    reservation: Reservation


ClaimResult = Claimed | Taken | Refused


class Payments(Protocol):
    """Claims and what became of them."""

    async def claim(self, payment: Payment) -> ClaimResult:
        """Write a claim and take its reservations, all or nothing.

        A repeat, or a race, finds the first: Taken. (chain, key) is unique, and so is
        (chain, signature), among payments and in the archive: where two payments have them, it
        is the key's that is found. Reservations are tested in their order.
        """
        ...

    async def settle(
        self, payment: Payment, facts: Sequence[Event] = (), entries: Sequence[Entry] = ()
    ) -> bool:
        """Write the settled or unapplied payment if it is live and owned by ``payment.owner``.

        Reservations, as the claim took them, that do not count once settled are given back; of
        an unapplied payment, all. The facts and ledger entries of it are written too, repeats of
        theirs left out. False, and nothing written, if it is not so; a repeat is therefore
        False. ValueError if the payment given is live, if a fact or an entry is another
        tenant's, or a posting tests what it leaves; Declined (signature_reused) if its signature
        is another's.
        """
        ...

    async def fail(self, payment: Payment, landed: bool, facts: Sequence[Event] = ()) -> bool:
        """Write the failed payment under the condition of ``settle``; False likewise.

        Reservations are given back, but for those that count after a landed failure.
        """
        ...

    async def release(self, payment: Payment, until: datetime) -> bool:
        """Leave a live payment that we own unresolved, to be looked up from ``until`` on.

        False, and nothing written, if it is no longer live and ours.
        """
        ...

    async def amend(
        self,
        payment: Payment,
        was: State,
        facts: Sequence[Event] = (),
        entries: Sequence[Entry] = (),
    ) -> bool:
        """Write a payment that has ended otherwise, if it is stored as ``was`` and ours.

        For what is learned afterwards: that it is final, was reversed, or has arrived after
        all. Reservations move as its states say (what counts of a landed failure stays counted),
        and nothing is tested. Facts and entries are written as ``settle`` does. False, and
        nothing written, if it is not so; a repeat to another state is therefore False.
        ValueError if the payment or ``was`` is live, or for what ``settle`` has it for.
        """
        ...

    async def renew(self, owner: str, keys: Sequence[PaymentKey], until: datetime) -> int:
        """Extend the leases that this owner still holds on live payments, and tell how many.

        A lease is never cut short; a repeat is harmless.
        """
        ...

    async def take_over(
        self, owner: str, now: datetime, until: datetime, limit: int
    ) -> Sequence[Payment]:
        """Make live payments whose lease ended before ``now`` ours, oldest first, each once.

        Oldest is whose lease ended first, and of those, which was created first, then by chain
        and key. Of several processes that ask, one gets a payment.
        """
        ...

    async def watch(
        self, owner: str, now: datetime, until: datetime, limit: int
    ) -> Sequence[Payment]:
        """Do as ``take_over`` with payments that have ended and are ``watched``."""
        ...

    async def find(self, chain: Chain, key: PaymentKey) -> Payment | None:
        """Give the payment with this key, of whichever tenant: its key is the chain's.

        What is archived is found too.
        """
        ...

    async def by_signature(self, tenant: Tenant, signature: str) -> Payment | None:
        """Give the tenant's payment with this landing signature, the newest of several chains'.

        What is archived is found too, after what is not.
        """
        ...

    async def newest(
        self,
        tenant: Tenant,
        limit: int,
        before: datetime | None = None,
        user_id: str | None = None,
    ) -> Sequence[Payment]:
        """Give the tenant's payments, or those of one user, newest first, created before that time.

        Of two of one time, the one with the greater chain and key comes first. What is archived
        is left out.
        """
        ...

    async def of_payer(
        self, tenant: Tenant, payer: str, limit: int, after: Payment | None = None
    ) -> Sequence[Payment]:
        """Give the tenant's payments that this payer has made and that are settled, newest first.

        The order is that of ``newest``, and what is archived is left out. Given is what comes
        ``after`` a payment in it, by that one's time, chain and key alone, wherever it is now: so
        pages, each after the last of the one before, have once each what is settled all along.
        """
        ...

    async def archive(self, before: datetime, limit: int) -> int:
        """Move payments that ended, are not watched and were created before that time.

        Oldest first, of one time by chain and key, at most ``limit``; tell how many. Their keys
        and signatures stay taken, and what they redeemed stays counted. A repeat moves what is
        left.
        """
        ...

    async def archived(
        self, tenant: Tenant, limit: int, before: datetime | None = None
    ) -> Sequence[Payment]:
        """Do as ``newest`` with what is archived."""
        ...


class Tallies(Protocol):
    """Running totals of reservations."""

    async def totals(
        self, tenant: Tenant | None, names: Sequence[str], chain: Chain | None = None
    ) -> dict[str, int]:
        """Give the totals of these names; a name without claims is absent.

        With ``tenant`` None, of what all tenants of ``chain`` share; ValueError without one.
        """
        ...
