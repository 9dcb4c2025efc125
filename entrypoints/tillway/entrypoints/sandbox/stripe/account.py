"""One Stripe account in test mode: what it holds, its clock, and what it tells."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

import orjson
from attrs import define, field

from tillway.entrypoints.sandbox.stripe.agenda import Agenda
from tillway.entrypoints.sandbox.stripe.errors import missing
from tillway.entrypoints.sandbox.stripe.idempotency import Remembered
from tillway.entrypoints.sandbox.stripe.shelves import Shelves
from tillway.entrypoints.sandbox.stripe.wire import Json

CURRENT: Final = "2026-10-28.endive"
"""The version of Stripe's API whose shape the objects have."""

SECRET_KEY: Final = "sk_test_tillwaysandbox00000000"  # noqa: S105  # opens nothing but a sandbox


@define(eq=False)
class Account:
    """A Stripe account that exists nowhere but here.

    ``version`` is what callers and webhooks without one of their own are answered in: before
    2025-03-31, some fields have their older places. ``failing`` counts, by subscription, the
    payments of invoices that will be declined.
    """

    clock: Callable[[], float] = time.time
    version: str = CURRENT
    address: str = "http://127.0.0.1"
    shelves: Shelves = field(factory=Shelves)
    agenda: Agenda = field(factory=Agenda)
    failing: dict[str, int] = field(factory=dict)
    remembered: Remembered = field(factory=Remembered)
    listeners: list[Callable[[Json], None]] = field(factory=list)
    asked: Mapping[str, str | None] | None = None
    _at: int | None = None

    def now(self) -> int:
        """Give the time; while the past is caught up with, the time of what is being done."""
        return int(self.clock()) if self._at is None else self._at

    def move(self, address: str) -> None:
        """Be served elsewhere: pages that were kept are found there too."""
        for kind in ("checkout.session", "billing_portal.session"):
            for item in self.shelves.newest(kind):
                if item["url"] is not None:
                    item["url"] = address + urlsplit(item["url"]).path
        self.address = address

    @contextmanager
    def at(self, moment: int) -> Iterator[None]:
        """Act as of a moment that has passed."""
        self._at = moment
        try:
            yield
        finally:
            self._at = None

    def make(self, kind: str, *, id: str | None = None, aside: bool = False, **rest: Json) -> Json:  # noqa: A002  # Stripe's word
        """Make an object and keep it."""
        item = self.part(kind, id=id, created=self.now(), livemode=False, **rest)
        return self.shelves.put(item, aside=aside)

    def part(self, kind: str, *, id: str | None = None, **rest: Json) -> Json:  # noqa: A002  # Stripe's word
        """Make what is kept inside another object."""
        return {"id": id or self.shelves.id(kind), "object": kind, **rest}

    def get(self, kind: str, id: str, param: str = "id", status: int = 404) -> Json:  # noqa: A002  # Stripe's word
        """Give an object; Refused if there is none. ``param`` names who asked for it."""
        found = self.shelves.get(kind, id)
        if found is None:
            raise missing(_SPOKEN.get(kind, kind), id, param, status)
        return found

    def tell(self, type: str, item: Json, before: Json | None = None) -> None:  # noqa: A002  # Stripe's word
        """Write an event about an object as it is; ``before`` is what it was."""
        shown = visible(item)
        data: Json = {"object": shown}
        if before is not None:
            data["previous_attributes"] = {
                name: value for name, value in visible(before).items() if shown.get(name) != value
            }
        event = self.make(
            "event",
            api_version=self.version,
            pending_webhooks=0,
            request=dict(self.asked or {"id": None, "idempotency_key": None}),
            type=type,
            # A text takes a tenth of the memory that the tree takes.
            _data=orjson.dumps(data).decode(),
        )
        for listener in self.listeners:
            listener(event)

    def change(self, type: str, item: Json, **changes: Json) -> None:  # noqa: A002  # Stripe's word
        """Change an object and tell."""
        before = dict(item)
        item.update(changes)
        self.shelves.changes += 1
        self.tell(type, item, before)


def visible(item: Json) -> Json:
    """Copy what may be shown. Metadata are the caller's: none of their names is ours."""
    if isinstance(item, dict):
        return {
            key: value if key == "metadata" else visible(value)
            for key, value in item.items()
            if not key.startswith("_")
        }
    if isinstance(item, list):
        return [visible(each) for each in item]
    return item


_SPOKEN: Final = {"promotion_code": "promotion code", "tax_rate": "tax rate"}
