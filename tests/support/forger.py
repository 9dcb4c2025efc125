"""Somebody who wants to be granted what he has not paid, by telling us that he has."""

import hashlib
import hmac
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from attrs import define, frozen

from support.storm import SECRET, completed, event
from tillway.adapters.stripe.signature import signature
from tillway.core.checkouts import Checkout
from tillway.core.secrets import Secret

Headers = Mapping[str, str]


@frozen
class Forged:
    """An event, the headers that it comes with, and whether it looks authentic."""

    kind: str
    body: bytes
    headers: Headers
    authentic: bool


def _header(value: str) -> Headers:
    return {"Stripe-Signature": value}


def _signed(body: bytes, secret: Secret = SECRET, age: float = 0) -> str:
    return signature(body, secret, datetime.now(UTC) - timedelta(seconds=age))


def _with_key(body: bytes, key: bytes) -> str:
    """Sign with any key, the empty one too."""
    moment = str(int(datetime.now(UTC).timestamp()))
    mac = hmac.new(key, moment.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={mac}"


SIGNATURES: Final[Mapping[str, Callable[[bytes, random.Random], Headers]]] = {
    "unsigned": lambda body, chance: {},
    "empty": lambda body, chance: _header(""),
    "garbage": lambda body, chance: _header(chance.randbytes(40).hex()),
    "no mac": lambda body, chance: _header(_signed(body).partition(",")[0]),
    "empty mac": lambda body, chance: _header(_signed(body).partition("v1=")[0] + "v1="),
    "old scheme": lambda body, chance: _header(_signed(body).replace("v1=", "v0=")),
    "cut mac": lambda body, chance: _header(_signed(body)[: -chance.randrange(1, 60)]),
    "wrong key": lambda body, chance: _header(_with_key(body, chance.randbytes(32))),
    "empty key": lambda body, chance: _header(_with_key(body, b"")),
    "api key": lambda body, chance: _header(_with_key(body, b"sk_test_0123456789")),
    "stale": lambda body, chance: _header(_signed(body, age=chance.randrange(301, 10**6))),
    "early": lambda body, chance: _header(_signed(body, age=-chance.randrange(310, 10**6))),
    "other body": lambda body, chance: _header(_signed(body + b" ")),
    "swapped": lambda body, chance: _header(_signed(body.replace(b"paid", b"free"))),
    "other time": lambda body, chance: _header(
        "t=" + str(int(datetime.now(UTC).timestamp()) - 7) + _signed(body)[12:]
    ),
    "many": lambda body, chance: _header(
        _signed(body)[:12] + "".join(f",v1={chance.randbytes(32).hex()}" for _ in range(20))
    ),
}
"""Headers that prove nothing."""


Change = Callable[[Checkout, Checkout, random.Random], Mapping[str, Any]]


def _named(dear: Checkout, **names: str) -> Mapping[str, Any]:
    return {"metadata": {"resource_id": dear.purchase.resource, **names}}


CONTENTS: Final[Mapping[str, Change]] = {
    "other order": lambda dear, cheap, chance: {
        "id": cheap.session,
        "amount_subtotal": 100,
        "amount_total": 100,
    },
    "other order's amount": lambda dear, cheap, chance: {
        "client_reference_id": dear.id,
        "amount_subtotal": 100,
        "amount_total": 100,
    },
    "other session": lambda dear, cheap, chance: {"id": f"cs_{chance.randrange(10**9)}"},
    "other tenant": lambda dear, cheap, chance: _named(dear, tillway_tenant="other"),
    "other checkout": lambda dear, cheap, chance: _named(dear, tillway_checkout=cheap.id),
    "other purpose": lambda dear, cheap, chance: _named(dear, tillway_purpose="cart"),
    "other resource": lambda dear, cheap, chance: {"metadata": {"resource_id": "sticker"}},
    "less": lambda dear, cheap, chance: _amount(chance.randrange(1, 9_900)),
    "more": lambda dear, cheap, chance: _amount(chance.randrange(9_901, 10**8)),
    "nothing": lambda dear, cheap, chance: {
        **_amount(0),
        "payment_status": "no_payment_required",
        "payment_intent": None,
    },
    "discounted": lambda dear, cheap, chance: {
        "amount_total": 1,
        "total_details": {"amount_discount": 9_899, "amount_tax": 0, "amount_shipping": 0},
    },
    "taxed": lambda dear, cheap, chance: {
        "amount_subtotal": 1,
        "total_details": {"amount_discount": 0, "amount_tax": 9_899, "amount_shipping": 0},
    },
    "other currency": lambda dear, cheap, chance: {"currency": "eur"},
    "unpaid": lambda dear, cheap, chance: {"payment_status": "unpaid"},
    "not ours": lambda dear, cheap, chance: {
        "id": f"cs_{chance.randrange(10**9)}",
        "client_reference_id": chance.choice([None, "checkout_x", dear.purchase.resource]),
    },
}
"""What somebody with the key to the account, or a fault of ours, might have Stripe tell."""


def _amount(minor: int) -> Mapping[str, Any]:
    return {"amount_subtotal": minor, "amount_total": minor}


@define
class Forger:
    """Makes events about checkouts that nobody has paid."""

    chance: random.Random
    made: int = 0

    def unsigned(self, dear: Checkout) -> Forged:
        """Tell the truth as it would be, without the proof."""
        kind = self.chance.choice(sorted(SIGNATURES))
        body = self._event(completed(dear))
        return Forged(kind, body, SIGNATURES[kind](body, self.chance), False)

    def signed(self, dear: Checkout, cheap: Checkout) -> Forged:
        """Prove what is not so."""
        kind = self.chance.choice(sorted(CONTENTS))
        body = self._event(completed(dear, **CONTENTS[kind](dear, cheap, self.chance)))
        return Forged(kind, body, _header(_signed(body)), True)

    def _event(self, session: Mapping[str, Any]) -> bytes:
        self.made += 1
        name = f"evt_forged_{self.made}"
        return event(name, "checkout.session.completed", session, 0).body


ODD: Final[Sequence[Any]] = (
    None,
    True,
    -1,
    0,
    2**63,
    -(2**63),
    1.5,
    1e308,
    "",
    "\x00",
    "\ud800",
    "x" * 9_000,
    "stripe:cs_1",
    [],
    [None],
    {},
    {"id": "cs_1"},
    [[[[]]]],
)
"""Values that no member of an event should have."""


def spoiled(value: Any, chance: random.Random) -> Any:
    """Put something odd in one place of an event, or leave that place out."""
    if not isinstance(value, dict) or not value or chance.random() < 0.1:
        return chance.choice(ODD)
    name = chance.choice(sorted(value))
    if chance.random() < 0.15:
        return {key: part for key, part in value.items() if key != name}
    return {**value, name: spoiled(value[name], chance)}


def kinds() -> Sequence[str]:
    """Name all that is tried."""
    return [*SIGNATURES, *CONTENTS]
