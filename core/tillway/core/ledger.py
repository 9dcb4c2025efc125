"""The double-entry ledger: what every movement of money leaves behind.

An entry has a key that is unique for its tenant, and postings that sum to zero for each asset.
An account is named by its kind and its owner and holds any number of assets. Amounts are signed
whole minor units, as accountants write credits: what somebody has, is owed or has earned is above
zero, and where that money lies or comes from is below zero.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import NewType

from attrs import Attribute, evolve, field, frozen

from tillway.core.money import Money
from tillway.core.payments import Chain, PaymentKey
from tillway.core.tenancy import Tenant

EntryKey = NewType("EntryKey", str)
"""Unique for a tenant, made from what is booked, so that booking it again is a repeat."""

HoldId = NewType("HoldId", str)


class AccountKind(StrEnum):
    """What an account stands for.

    ``wallet``: minus what a rail holds for the tenant; the owner is where it was paid to.
    ``sales``: what was earned; the owner is the rail. ``customer``: what is owed to a payer whose
    money bought nothing. ``credits``: what a user has prepaid. ``issued``: minus all credits.
    """

    WALLET = "wallet"
    SALES = "sales"
    CUSTOMER = "customer"
    CREDITS = "credits"
    ISSUED = "issued"


@frozen(order=True)
class Account:
    """An account of a tenant."""

    kind: AccountKind
    owner: str

    def __str__(self) -> str:
        """Give its name, unique for the tenant."""
        return f"{self.kind}:{self.owner}"


@frozen(kw_only=True)
class Posting:
    """A change of one account. ``least``: what must be available in it afterwards, at least.

    Available is the balance without what holds keep. None asks nothing of the account, and so
    lets any number of entries change it at once.
    """

    account: Account
    amount: Money
    least: int | None = None


@frozen(kw_only=True)
class Entry:
    """Postings that happen together. ``about`` says what for, in words for people and machines.

    ValueError if there are none, or they do not sum to zero for each asset.
    """

    key: EntryKey
    tenant: Tenant
    at: datetime
    postings: tuple[Posting, ...] = field()
    about: Mapping[str, str] = {}

    @postings.validator
    def _balance(self, _: "Attribute[tuple[Posting, ...]]", postings: tuple[Posting, ...]) -> None:
        if not postings:
            raise ValueError("an entry has postings")
        if any(sums(postings).values()):
            raise ValueError("the postings of an entry sum to zero for each asset")


def sums(postings: Iterable[Posting]) -> Mapping[str, int]:
    """Sum postings for each asset, by its code."""
    found: defaultdict[str, int] = defaultdict(int)
    for posting in postings:
        found[posting.amount.asset.code] += posting.amount.minor
    return found


@frozen(kw_only=True)
class Balance:
    """What an account has of an asset, in minor units, and how much of that holds keep."""

    total: int
    held: int

    @property
    def available(self) -> int:
        """What can be spent now."""
        return self.total - self.held


@frozen(kw_only=True)
class Line:
    """One posting as an account's history shows it."""

    entry: EntryKey
    at: datetime
    amount: Money


class HoldState(StrEnum):
    """What became of a hold."""

    OPEN = "open"
    CAPTURED = "captured"
    RELEASED = "released"
    EXPIRED = "expired"


@frozen(kw_only=True)
class Hold:
    """An amount, above zero, that is kept in an account for one purpose until it ends.

    ``claim`` names a payment that it was made for: while that is live the hold does not expire.
    ``captured`` is how much was spent of it in the end, the rest having been given back.
    """

    id: HoldId
    tenant: Tenant
    account: Account
    amount: Money
    created_at: datetime
    expires_at: datetime
    claim: tuple[Chain, PaymentKey] | None = None
    state: HoldState = HoldState.OPEN
    ended_at: datetime | None = None
    captured: int = 0

    def ended(self, state: HoldState, at: datetime, captured: int = 0) -> "Hold":
        """Give the hold as it stands once it has ended."""
        return evolve(self, state=state, ended_at=at, captured=captured)
