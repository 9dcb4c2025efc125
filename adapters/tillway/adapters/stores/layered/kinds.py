"""What is kept: each kind of row, its key, and the orders in which it is read."""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Final, Generic, TypeVar

from attrs import field, frozen

from tillway.adapters.stores.codec import EventRow, PaymentRow
from tillway.adapters.stores.records import rows as records
from tillway.core.events import LEDGER_ENTRY
from tillway.core.payments import ENDED, LIVE, State

R = TypeVar("R")

Key = tuple[str, ...]
"""The values of a row's key, or of what it shares with the others of its group."""

Rank = tuple[Any, ...]
"""Where a row stands in its group: ranks compare as tuples do, and none has a None."""

Getter = Callable[[Any], tuple[Any, ...]]


@frozen(kw_only=True)
class Order:
    """Rows that share the fields ``group``, ascending by the fields ``rank`` and then their key.

    Left out are rows that have a None in ``group``, and those that ``among`` does not take.
    In a ``unique`` order a group has one row at the most.
    """

    group: tuple[str, ...] = ()
    rank: tuple[str, ...] = ()
    among: Callable[[Any], bool] | None = None
    unique: bool = False
    _group: Getter = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Prepare to read rows."""
        object.__setattr__(self, "_group", _getter(self.group))

    def group_of(self, row: object) -> Key | None:
        """Name the group that a row is in; None for a row that is left out."""
        if self.among is not None and not self.among(row):
            return None
        group = self._group(row)
        return None if None in group else group


@frozen(eq=False)
class Kind(Generic[R]):
    """A kind of rows: ``key`` names the fields of their key, which are texts."""

    name: str
    row: type[R]
    key: tuple[str, ...]
    orders: Mapping[str, Order] = field(factory=dict)
    _key: Getter = field(init=False, repr=False)
    _ranks: Mapping[str, Getter] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Prepare to read rows."""
        ranks = {name: _getter(order.rank + self.key) for name, order in self.orders.items()}
        object.__setattr__(self, "_key", _getter(self.key))
        object.__setattr__(self, "_ranks", ranks)

    def key_of(self, row: R) -> Key:
        """Give a row's key."""
        return self._key(row)

    def rank_of(self, order: str, row: R) -> Rank:
        """Give a row's rank, which ends in its key."""
        return self._ranks[order](row)


def _getter(names: tuple[str, ...]) -> Getter:
    if not names:
        return lambda row: ()
    get = attrgetter(*names)
    return get if len(names) > 1 else lambda row: (get(row),)


# The rows that have no codec of their own


@frozen
class TallyRow:
    """A running total; one of nothing is no row."""

    tenant: str
    chain: str
    name: str
    total: int


@frozen
class Definition:
    """A product or a coupon as JSON."""

    tenant: str
    id: str
    text: str


@frozen
class QuoteKeyRow:
    """A key for quotes and its place in the order of arrival."""

    id: str
    number: int
    secret: bytes | None = field(repr=False)
    retired_at: int | None


@frozen
class LinkRow:
    """A fact's place in the log and in its tenant's chain."""

    tenant: str
    id: str
    position: int
    number: int
    seal: str


@frozen
class WaitingRow:
    """A fact that has no place yet."""

    tenant: str
    id: str
    at: int


@frozen
class PostedRow:
    """One posting; ``id`` is its entry's key and its place in it."""

    tenant: str
    id: str
    entry: str
    place: int
    account: str
    at: int
    minor: int
    asset: str


_LIVE: Final = frozenset(state.value for state in LIVE)
_ENDED: Final = frozenset(state.value for state in ENDED)


def _is_live(row: PaymentRow) -> bool:
    return row.state in _LIVE


def _is_watched(row: PaymentRow) -> bool:
    return row.watched and row.state in _ENDED


def _is_settled(row: PaymentRow) -> bool:
    return row.state == State.SETTLED.value


def _is_over(row: PaymentRow) -> bool:
    return row.state in _ENDED and not row.watched


def _is_told(row: EventRow) -> bool:
    return row.type != LEDGER_ENTRY


def _is_due(row: records.Row) -> bool:
    return row.due is not None


_LISTED: Final = {
    "newest": Order(group=("tenant",), rank=("created_at",)),
    "signature": Order(group=("chain", "signature"), unique=True),
    "tenant signature": Order(group=("tenant", "signature"), rank=("created_at",)),
}
PAYMENTS: Final = Kind(
    "payments",
    PaymentRow,
    ("chain", "key"),
    _LISTED
    | {
        "of user": Order(group=("tenant", "user_id"), rank=("created_at",)),
        "of payer": Order(group=("tenant", "payer"), rank=("created_at",), among=_is_settled),
        "idle": Order(rank=("lease_until", "created_at"), among=_is_live),
        "watched": Order(rank=("lease_until", "created_at"), among=_is_watched),
        "over": Order(rank=("created_at",), among=_is_over),
        "owned": Order(group=("owner",), among=_is_live),
    },
)
ARCHIVE: Final = Kind("archive", PaymentRow, ("chain", "key"), _LISTED)
TALLIES: Final = Kind("tallies", TallyRow, ("tenant", "chain", "name"))
EVENTS: Final = Kind(
    "events",
    EventRow,
    ("tenant", "id"),
    {"newest": Order(group=("tenant",), rank=("at",), among=_is_told)},
)
WAITING: Final = Kind("waiting", WaitingRow, ("tenant", "id"), {"oldest": Order(rank=("at",))})
LINKS: Final = Kind(
    "links",
    LinkRow,
    ("tenant", "id"),
    {
        "all": Order(rank=("position",)),
        "chain": Order(group=("tenant",), rank=("position",)),
    },
)
ACCOUNTS: Final = Kind(
    "accounts", records.AccountRow, ("tenant", "name"), {"all": Order(group=("tenant",))}
)
LINES: Final = Kind(
    "lines",
    PostedRow,
    ("tenant", "id"),
    {"history": Order(group=("tenant", "account"), rank=("at", "entry", "place"))},
)
PRODUCTS: Final = Kind("products", Definition, ("tenant", "id"), {"all": Order(group=("tenant",))})
COUPONS: Final = Kind("coupons", Definition, ("tenant", "id"), {"all": Order(group=("tenant",))})
QUOTE_KEYS: Final = Kind("quote_keys", QuoteKeyRow, ("id",), {"oldest": Order(rank=("number",))})


def _records(kind: records.Kind) -> Kind[records.Row]:
    orders = {
        "all": Order(group=("tenant",)),
        "newest": Order(group=("tenant",), rank=("at",)),
        "of group": Order(group=("tenant", "group"), rank=("at",)),
        "in state": Order(group=("tenant", "state"), rank=("at",)),
        "mark": Order(group=("tenant", "mark"), unique=True),
        "slot": Order(group=("tenant", "slot"), unique=True),
        "due": Order(group=("state",), rank=("due",), among=_is_due),
        "standing": Order(group=("tenant", "group", "state"), rank=("due",), among=_is_due),
    }
    return Kind(kind.value, records.Row, ("tenant", "id"), orders)


RECORDS: Final = {kind: _records(kind) for kind in records.Kind}

KINDS: Final[tuple[Kind[Any], ...]] = (
    PAYMENTS,
    ARCHIVE,
    TALLIES,
    EVENTS,
    WAITING,
    LINKS,
    ACCOUNTS,
    LINES,
    PRODUCTS,
    COUPONS,
    QUOTE_KEYS,
    *RECORDS.values(),
)
"""Everything that is kept. To keep another kind, declare it and name it here."""
