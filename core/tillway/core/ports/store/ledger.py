"""The double-entry ledger, and holds on what is in its accounts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from attrs import frozen

from tillway.core.assets import Asset
from tillway.core.ledger import Account, Balance, Entry, EntryKey, Hold, HoldId, Line, Posting
from tillway.core.money import Money
from tillway.core.tenancy import Tenant


@frozen(kw_only=True)
class Posted:
    """The entry is written."""


@frozen(kw_only=True)
class Repeated:
    """The key was there before; ``entry`` is what it stands for, and nothing was written."""

    entry: Entry


@frozen(kw_only=True)
class Short:
    """An account would have less than its posting leaves in it; nothing was written."""

    posting: Posting


PostResult = Posted | Repeated | Short


class Ledger(Protocol):
    """Accounts, entries and holds. Balances are exact at every commit, under any concurrency.

    Declined (invalid_amount), and nothing written, if an amount of 2**53 or more would take a
    balance out of 64 bits. Of smaller ones, of which it takes a thousand to get there, a store
    may ask no such thing, so that they need not wait for each other.
    """

    async def post(self, entry: Entry) -> PostResult:
        """Write an entry once, whole, with its fact in the log.

        A repeat of its key finds the first: Repeated, whatever it says. Postings are tested in
        their order, each after those before it.
        """
        ...

    async def entry(self, tenant: Tenant, key: EntryKey) -> Entry | None:
        """Give an entry. What its postings left in their accounts at least is not kept."""
        ...

    async def balance(self, tenant: Tenant, account: Account, asset: Asset) -> Balance:
        """Give an account's balance; nothing at all for one that was never posted to."""
        ...

    async def history(
        self, tenant: Tenant, account: Account, asset: Asset, limit: int, before: EntryKey | None
    ) -> Sequence[Line]:
        """Give an account's postings, newest first, those that come after that entry's in it.

        Of two of one time, the greater key comes first; of one entry, the last posting. Nothing
        if there is no such entry.
        """
        ...

    async def balances(
        self, tenant: Tenant, limit: int, after: str = ""
    ) -> Sequence[tuple[str, Money]]:
        """Give the names of the accounts of each asset with their totals, ascending by name.

        A name is ``kind:owner:ASSET``. Those that come after ``after``; one that was ever posted
        to is among them, whatever its total.
        """
        ...

    async def hold(self, hold: Hold) -> bool:
        """Keep an amount in an account if that much is available; tell whether it is kept.

        A repeat of its id changes nothing and tells whether the first was kept and is open.
        ValueError for an amount that is not above zero, or a hold that has ended.
        """
        ...

    async def held(self, tenant: Tenant, hold: HoldId) -> Hold | None:
        """Give a hold, open or not."""
        ...

    async def capture(self, tenant: Tenant, hold: HoldId, entry: Entry) -> PostResult | None:
        """End an open hold by an entry that takes at most its amount from its account.

        What is not taken is available again, and to the entry as well. None, and nothing
        written, if the hold is not open. An entry that is there is Repeated, as for a repeat, and
        one that is Short leaves the hold open. ValueError if the entry is another tenant's, or
        takes more, or nothing.
        """
        ...

    async def let_go(self, tenant: Tenant, hold: HoldId, at: datetime) -> bool:
        """Release an open hold; False if it is not open, as for a repeat."""
        ...

    async def expire(self, now: datetime, limit: int) -> Sequence[Hold]:
        """End open holds of all tenants that were due before ``now``, and give them as they stand.

        One whose claim is live stays open, and keeps no other from its end. A repeat ends what
        is left.
        """
        ...
