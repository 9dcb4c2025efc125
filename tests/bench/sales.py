"""Payments for stores to claim and to settle, made before the clock runs.

A gateway's payment of one product: it takes its quote, is in flight at its source, takes from a
sponsor's budget that all payments share, and may yet fail. Its end is written with its event and
its ledger entry.
"""

import itertools
from collections.abc import Sequence
from typing import Final, Self

from attrs import frozen

from tillway.adapters.stores.codec import Codec, EventRow, LineRow, PaymentRow
from tillway.adapters.stores.reservations import changes
from tillway.core.contracts.samples import (
    UNLESS_FAILED,
    WHEN_FAILED,
    WHILE_LIVE,
    payment,
    reservation,
    settled,
)
from tillway.core.events import Event
from tillway.core.ledger import Entry
from tillway.core.payments import Payment, Phase
from tillway.core.services.books.bookkeeping import entries_of
from tillway.core.services.books.facts import facts_of

_CODEC: Final = Codec()

Numbers = itertools.count
"""Everybody who writes to a database takes the next one, so that no two payments are equal."""


@frozen
class Sale:
    """A claim and its end, with all that is written with it."""

    claim: Payment
    ended: Payment
    facts: Sequence[Event]
    entries: Sequence[Entry]

    @classmethod
    def of(cls, name: str) -> Self:
        """Make one; equal names give the same."""
        claim = payment(
            name,
            reservations=(
                reservation(f"quote:{name}", counts=UNLESS_FAILED),
                reservation(f"source:{name}", counts=WHILE_LIVE, tenant=None),
                reservation("sponsor:wallet:1", 5_000, limit=10**15, counts=UNLESS_FAILED),
                reservation(f"failures:{name}", counts=WHEN_FAILED),
            ),
        )
        ended = settled(claim)
        return cls(claim, ended, facts_of(ended), entries_of(ended))


@frozen(kw_only=True)
class Rows:
    """What a sale comes to in tables: rows, and by how much each total changes."""

    sale: Sale
    claim: PaymentRow
    ended: PaymentRow
    taken: Sequence[tuple[tuple[str, str, str], int]]
    freed: Sequence[tuple[tuple[str, str, str], int]]
    facts: Sequence[EventRow]
    lines: Sequence[LineRow]

    @classmethod
    def of(cls, sale: Sale) -> Self:
        """Turn it into rows as stores do."""
        entries = _CODEC.entries(sale.ended, sale.entries)
        return cls(
            sale=sale,
            claim=_CODEC.payment_row(sale.claim),
            ended=_CODEC.payment_row(sale.ended),
            taken=sorted(changes(sale.claim, None, Phase.LIVE)),
            freed=sorted(changes(sale.claim, Phase.LIVE, Phase.SETTLED)),
            facts=[*_CODEC.facts(sale.ended, sale.facts), *(fact for fact, _ in entries)],
            lines=[line for _, some in entries for line in some],
        )


def sales(numbers: "itertools.count[int]", count: int) -> Sequence[Sale]:
    """Make the next so many."""
    return [Sale.of(f"bench {number}") for number in itertools.islice(numbers, count)]


def rows(numbers: "itertools.count[int]", count: int) -> Sequence[Rows]:
    """Make the next so many, as rows."""
    return [Rows.of(sale) for sale in sales(numbers, count)]
