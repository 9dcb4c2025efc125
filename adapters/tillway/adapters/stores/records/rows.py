"""What repositories of records ask of a store: rows, running totals and books.

A record is a value in JSON with a few columns, by which it is found. Its repository is written
once, over these ports; a store only brings them. In a unit of work whatever was read stays as it
is until the end, but for what was not there, which a write decides. Of several that count a group,
one goes on, and the others wait for its end.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from enum import StrEnum
from typing import Protocol, TypeVar

from attrs import frozen

from tillway.adapters.stores.codec import EventRow, LineRow


class Kind(StrEnum):
    """The tables of records."""

    CARTS = "carts"
    REFUNDS = "refunds"
    SUBSCRIPTIONS = "subscriptions"
    CHECKOUTS = "checkouts"
    NONCES = "nonces"
    ANSWERS = "answers"
    INBOX = "inbox"
    DELIVERIES = "deliveries"
    SETTINGS = "settings"
    HOLDS = "holds"
    LEASES = "leases"

    @property
    def is_shared(self) -> bool:
        """Tell whether its rows are the gateway's own: their tenant is then empty."""
        return self is Kind.LEASES


@frozen(kw_only=True)
class Row:
    """A record. Times are microseconds since 1970, UTC.

    (tenant, id) is unique in its table, and so are (tenant, mark) and (tenant, slot) where they
    are not None. ``group`` is what lists are made of besides the tenant, ``due`` when somebody
    has to look at it. ``version`` counts its changes from 0.
    """

    tenant: str
    id: str
    at: int
    body: str
    state: str = ""
    group: str = ""
    mark: str | None = None
    slot: str | None = None
    due: int | None = None
    version: int = 0


@frozen(kw_only=True)
class AccountRow:
    """An account of one asset: what is in it, and what of that no hold keeps."""

    tenant: str
    name: str
    asset: str
    total: int
    free: int


class Rows(Protocol):
    """Tables of records."""

    async def insert(self, kind: Kind, row: Row) -> bool:
        """Write a new row; False, and nothing written, if its id, mark or slot is taken."""
        ...

    async def swap(self, kind: Kind, row: Row) -> bool:
        """Write a row over the version that it names, one version up, with its ``at`` as it is.

        False, and nothing written, if another version is there, or its mark or slot is taken.
        """
        ...

    async def remove(self, kind: Kind, tenant: str, name: str) -> bool:
        """Remove a row and tell whether it was there."""
        ...

    async def get(self, kind: Kind, tenant: str, name: str) -> Row | None:
        """Give a row."""
        ...

    async def marked(self, kind: Kind, tenant: str, mark: str) -> Row | None:
        """Give the row with this mark."""
        ...

    async def slotted(self, kind: Kind, tenant: str, slot: str) -> Row | None:
        """Give the row in this slot."""
        ...

    async def newest(
        self,
        kind: Kind,
        tenant: str,
        limit: int,
        *,
        before: int | None = None,
        group: str | None = None,
        states: Collection[str] | None = None,
    ) -> Sequence[Row]:
        """Give rows with ``at`` below ``before``, newest first; of one time, the greater id first.

        Of one group, or in some of the states, or all; ValueError for both at once.
        """
        ...

    async def due(
        self, kind: Kind, states: Collection[str], before: int, limit: int
    ) -> Sequence[Row]:
        """Give rows of all tenants in these states, due before that time.

        The longest due first; of one time by tenant and id. Where several processes ask at once
        a store may leave out what another one has read, until that one's end.
        """
        ...

    async def count(
        self, kind: Kind, tenant: str, group: str, state: str, due_from: int, most: int
    ) -> int:
        """Count a group's rows in a state that are due at or after that time, to ``most``."""
        ...

    async def in_order(self, kind: Kind, tenant: str, limit: int) -> Sequence[Row]:
        """Give a tenant's rows by id, ascending."""
        ...


class Totals(Protocol):
    """Running totals, as claims use them: what is nothing has no row."""

    async def take(self, tenant: str, chain: str, name: str, change: int, most: int | None) -> bool:
        """Add to a total if that leaves it at ``most`` at most; else False, and nothing added."""
        ...


class Books(Protocol):
    """Accounts, and the lines that make them."""

    async def enter(self, fact: EventRow, lines: Sequence[LineRow]) -> int | None:
        """Write an entry's fact and lines, and change the accounts.

        None if it is written, -1 if a fact of that id is there, else the place of the first line
        whose account would have less than its ``least`` free; nothing is written then.
        """
        ...

    async def fact(self, tenant: str, name: str) -> EventRow | None:
        """Give a fact by its id."""
        ...

    async def account(self, tenant: str, name: str) -> AccountRow | None:
        """Give an account as it stands."""
        ...

    async def accounts(self, tenant: str, limit: int, after: str) -> Sequence[AccountRow]:
        """Give accounts with names beyond ``after``, ascending."""
        ...

    async def lines(
        self, tenant: str, account: str, limit: int, before: tuple[int, str] | None
    ) -> Sequence[LineRow]:
        """Give an account's lines, newest first: by time, then entry and place, descending.

        Those of entries whose (time, key) is below ``before``.
        """
        ...

    async def reserve(self, tenant: str, account: str, change: int, least: int | None) -> bool:
        """Change what is free in an account, and not its total, if ``least`` is left at least.

        False, and nothing written, if it is not, or if there is no such account and that is
        less than ``least``.
        """
        ...


class Claims(Protocol):
    """What records have to know of payments."""

    async def is_live(self, chain: str, key: str) -> bool:
        """Tell whether there is a live payment with this key."""
        ...


class Sight(Rows, Totals, Books, Claims, Protocol):
    """All of it, in one unit of work or one view."""


T = TypeVar("T")
Work = Callable[[Sight], Awaitable[T]]


class Calls(Protocol):
    """Where a repository's call runs: in the unit or view that it belongs to.

    Where that was promised a single call, the call is all of it: it is committed, or read in one
    consistent view, by itself. Work that has been told nothing yet may be run again.
    """

    async def write(self, work: Work[T], *, steps: bool = True) -> T:
        """Run a call that writes. RuntimeError in a view. An exception spoils the unit.

        Without ``steps`` it writes with its first statement or not at all, and that may be
        committed before the rest, which reads what never changes.
        """
        ...

    async def read(self, work: Work[T]) -> T:
        """Run a call that reads."""
        ...
