"""Everything that an account holds, by kind and id; the oldest of a kind makes room."""

import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final

from attrs import define, field

from tillway.entrypoints.sandbox.stripe.wire import Json

PREFIXES: Final = {
    "customer": "cus",
    "payment_method": "pm",
    "product": "prod",
    "price": "price",
    "coupon": "coupon",
    "promotion_code": "promo",
    "tax_rate": "txr",
    "checkout.session": "cs_test",
    "item": "li",
    "payment_intent": "pi",
    "charge": "ch",
    "refund": "re",
    "dispute": "du",
    "subscription": "sub",
    "subscription_item": "si",
    "discount": "di",
    "shipping_rate": "shr",
    "invoice": "in",
    "line_item": "il",
    "invoice_payment": "inpay",
    "billing_portal.session": "bps",
    "event": "evt",
}
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LENGTH: Final = 24
_LONG: Final = 58
_ASIDE: Final = "/aside"


def random_token(length: int) -> str:
    """Give letters that nobody guesses."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


@define(eq=False)
class Shelves:
    """Objects as they are answered; what begins with `_` is ours and is never shown.

    ``kept`` of a kind are there at most. ``changes`` grows with everything that is put.
    """

    kept: int = 10_000
    token: Callable[[int], str] = random_token
    changes: int = 0
    # A plain dict finds its oldest entry slowly once many have gone before it.
    _kinds: dict[str, OrderedDict[str, Json]] = field(factory=dict)

    def id(self, kind: str) -> str:
        """Make an id for one of a kind."""
        length = _LONG if kind == "checkout.session" else _LENGTH
        return f"{PREFIXES[kind]}_{self.token(length)}"

    def put(self, item: Json, *, aside: bool = False) -> Json:
        """Keep a new one; ``aside``, where it is not listed and drives no listed one out."""
        name = item["object"]
        kind = self._kinds.setdefault(f"{name}{_ASIDE}" if aside else name, OrderedDict())
        kind[item["id"]] = item
        self.changes += 1
        while len(kind) > self.kept:
            kind.popitem(last=False)
        return item

    def get(self, kind: str, id: str) -> Json | None:  # noqa: A002  # Stripe's word
        """Give one, None if there is none."""
        found = self._kind(kind).get(id)
        return found or self._kind(f"{kind}{_ASIDE}").get(id)

    def _kind(self, name: str) -> OrderedDict[str, Json]:
        return self._kinds.get(name) or OrderedDict()

    def drop(self, kind: str, id: str) -> None:  # noqa: A002  # Stripe's word
        """Take one away."""
        self._kind(kind).pop(id, None)
        self.changes += 1

    def newest(self, kind: str) -> Iterator[Json]:
        """Give all of a kind, the last one first."""
        return reversed(self._kind(kind).values())

    def of(self, kind: str, **fields: Json) -> list[Json]:
        """Give those of a kind whose fields are these, the last one first."""
        wanted = fields.items()
        return [each for each in self.newest(kind) if all(each.get(k) == v for k, v in wanted)]

    def state(self) -> Json:
        """Give everything, for keeping."""
        return {name: list(kind.values()) for name, kind in self._kinds.items()}

    def restore(self, state: Json) -> None:
        """Take back what was kept."""
        self._kinds = {
            name: OrderedDict((item["id"], item) for item in items) for name, items in state.items()
        }

    def find(self, id: str) -> Json | None:  # noqa: A002  # Stripe's word
        """Give whatever has an id."""
        kind = _KINDS.get(id.rpartition("_")[0])
        return None if kind is None else self.get(kind, id)


_KINDS: Final = {prefix: kind for kind, prefix in PREFIXES.items()}
