"""Where the gateway remembers.

What is written in one unit of work is committed together or not at all, and holds after any
crash once the unit has been left without an exception. Every write says what a repeat does.
Every query takes the tenant, but for a payment's key, which is unique for its whole chain.

Lists are newest first, and of one time the greater id first, where nothing else is said. What
works through all tenants at once (what is due, taken, ended, purged) goes by time, the oldest
first, and of one time by tenant and id. Ids and names are ordered by code point. A limit of
nothing gives nothing; one below is a ValueError.

A store raises Unavailable when it cannot be reached or is full, and then nothing of the unit
is written; any other exception leaves the unit unwritten too.
"""

from tillway.core.ports.store.catalogue import Coupons, Products, QuoteKey, QuoteKeys
from tillway.core.ports.store.commerce import Carts, Checkouts, Refunds, Subscriptions
from tillway.core.ports.store.ledger import Ledger, Posted, PostResult, Repeated, Short
from tillway.core.ports.store.log import Events, Link, Sealed
from tillway.core.ports.store.payments import (
    Claimed,
    ClaimResult,
    Payments,
    Refused,
    Taken,
    Tallies,
)
from tillway.core.ports.store.requests import (
    NOT_APPLIED,
    Answer,
    Answers,
    Inbound,
    InboundState,
    Inbox,
    Mismatch,
    Nonces,
    NonceUse,
    Replay,
    Running,
    SingleUse,
    Started,
)
from tillway.core.ports.store.units import Store, UnitOfWork, View
from tillway.core.ports.store.work import Deliveries, Leases, Setting, Settings

__all__ = [
    "NOT_APPLIED",
    "Answer",
    "Answers",
    "Carts",
    "Checkouts",
    "ClaimResult",
    "Claimed",
    "Coupons",
    "Deliveries",
    "Events",
    "Inbound",
    "InboundState",
    "Inbox",
    "Leases",
    "Ledger",
    "Link",
    "Mismatch",
    "NonceUse",
    "Nonces",
    "Payments",
    "PostResult",
    "Posted",
    "Products",
    "QuoteKey",
    "QuoteKeys",
    "Refunds",
    "Refused",
    "Repeated",
    "Replay",
    "Running",
    "Sealed",
    "Setting",
    "Settings",
    "Short",
    "SingleUse",
    "Started",
    "Store",
    "Subscriptions",
    "Taken",
    "Tallies",
    "UnitOfWork",
    "View",
]
