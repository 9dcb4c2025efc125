"""What the laws of rails are tried on: a rail, a buyer, and what an implementer may add."""

import itertools
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final

import pytest
import pytest_asyncio
from attrs import define, field, frozen

from tillway.core.catalog import Product
from tillway.core.ids import ProductId
from tillway.core.money import Money
from tillway.core.payments import Failed, Outcome, Settled, Unresolved, Word
from tillway.core.ports.rails import Checked, Identity, Offer, Proof, Shown, Signed
from tillway.core.quotes import MAC_BYTES, NONCE_BYTES, Authenticator, Purpose, Quote
from tillway.core.services.rails import TakesProofs
from tillway.core.tenancy import DEFAULT

Envelope = Mapping[str, object]
"""A decoded payment header."""

Pay = Callable[[Offer, int], Awaitable[Envelope]]
Moved = Callable[[], Awaitable[int]]
Trouble = Callable[[], AbstractContextManager[None]]

LIFETIME: Final = 300
PRICELESS: Final = Product(id=ProductId("priceless"))
SHOWN: Final = Shown(url="http://shop.test/paywall/thing", description="A thing")


@frozen(kw_only=True)
class Paid:
    """What a buyer has presented for a quote."""

    quote: Quote
    sealed: str
    version: int
    envelope: Envelope
    proof: Proof

    @property
    def price(self) -> int:
        """What it costs, in minor units."""
        return self.quote.amount.minor


@define(kw_only=True)
class Trial:
    """A rail and a buyer, with the steps that the core takes between them."""

    rail: TakesProofs
    product: Product
    pay: Pay
    moved: Moved
    now: Callable[[], int]
    _nonces: "itertools.count[int]" = field(factory=lambda: itertools.count(1), init=False)

    def quote(self) -> Quote:
        """Promise the product's list price from now on; no two quotes are equal."""
        destination = self.rail.sells(self.product)
        assert destination is not None, "the fixture `product` must be one that the rail sells"
        now = self.now()
        return Quote(
            network=destination.network,
            tenant=DEFAULT,
            purpose=Purpose.PURCHASE,
            resource=self.product.id,
            quantity=1,
            inputs={},
            amount=destination.price,
            pay_to=destination.pay_to,
            coupons=(),
            applied=(),
            principal=None,
            issued_at=now,
            expires_at=now + LIFETIME,
            nonce=next(self._nonces).to_bytes(NONCE_BYTES, "big"),
        )

    def offer(self, quote: Quote) -> Offer:
        """Have the rail offer a quote."""
        return self.rail.offer(quote, sealed_of(quote), authenticator_of(quote), SHOWN)

    def versions(self) -> Sequence[int]:
        """Give the x402 versions in which the rail makes offers."""
        return sorted(self.offer(self.quote()).accepts)

    async def paid(self, version: int | None = None) -> Paid:
        """Have a buyer pay a new quote, in the newest version offered if none is named."""
        quote = self.quote()
        offer = self.offer(quote)
        chosen = max(offer.accepts) if version is None else version
        envelope = await self.pay(offer, chosen)
        proof = self.read(envelope)
        sealed = sealed_of(quote)
        return Paid(quote=quote, sealed=sealed, version=chosen, envelope=envelope, proof=proof)

    def read(self, envelope: Envelope) -> Proof:
        """Read an envelope that must be the rail's."""
        proof = self.rail.read(envelope)
        assert proof is not None, "the rail does not know its own payment"
        return proof

    def identify(self, envelope: Envelope) -> Identity:
        """Read an envelope and tell which payment it is."""
        return self.rail.identify(self.read(envelope))

    async def check(self, paid: Paid) -> Checked:
        """Check what was presented against its quote."""
        return await self.rail.check(paid.proof, paid.quote)

    async def sign(self, paid: Paid) -> Signed:
        """Check and sign what was presented; nothing is sent."""
        return await self.rail.sign(await self.check(paid))

    async def send(self, signed: Signed) -> Outcome:
        """Send, and hold the outcome to its form."""
        return known(await self.rail.send(signed), signed)

    async def look(self, signed: Signed) -> Outcome:
        """Look, and hold the outcome to its form."""
        return known(await self.rail.look(signed), signed)


def known(outcome: object, signed: Signed) -> Outcome:
    """Take one of the outcomes that there are, in its form; anything else fails the test."""
    assert isinstance(outcome, Settled | Failed | Unresolved), f"{outcome!r} is no outcome"
    if isinstance(outcome, Settled):
        assert outcome.signature == signed.signature
    else:
        assert outcome.reason
    return outcome


def remembered(signed: Signed) -> Signed:
    """Give what a claim keeps of signed bytes: all that is left of them after a crash."""
    return Signed(
        chain=signed.chain,
        key=signed.key,
        payload=signed.payload,
        signature=signed.signature,
        last_valid_height=signed.last_valid_height,
        seen_height=signed.seen_height,
        seen_slot=signed.seen_slot,
    )


def sealed_of(quote: Quote) -> str:
    """Give the text that stands for a sealed quote; to a rail it is opaque."""
    return f"q1.{quote.id}"


def authenticator_of(quote: Quote) -> str:
    """Give an authenticator for a quote; its MAC is the core's to judge."""
    mac = b"m" * MAC_BYTES
    made = Authenticator(key_id=1, expires_at=quote.expires_at, nonce=quote.nonce, mac=mac)
    return str(made)


def seconds() -> int:
    """Give the time in seconds since 1970."""
    return int(time.time())


def told_again(envelope: Envelope) -> Envelope:
    """Give the same header as another client might write it: keys in another order."""
    again: Envelope = json.loads(json.dumps(envelope, sort_keys=True))
    return dict(sorted(again.items(), reverse=True))


def in_another_order(envelope: Envelope) -> Sequence[Envelope]:
    """Give the one other way to write any payment."""
    return [told_again(envelope)]


class Stage:
    """Fixtures with defaults, for implementers to override."""

    @pytest.fixture
    def unsold(self) -> Product:
        """Give a product that the rail cannot sell: one without any price."""
        return PRICELESS

    @pytest.fixture
    def now(self) -> Callable[[], int]:
        """Give the rail's clock, in seconds since 1970."""
        return seconds

    @pytest.fixture
    def twin(self, rail: TakesProofs) -> TakesProofs:
        """Give another rail over the same money, as a second process has one."""
        return rail

    @pytest.fixture
    def retold(self) -> Callable[[Envelope], Sequence[Envelope]]:
        """Give other ways to write the very same payment: other encodings, other signatures."""
        return in_another_order

    @pytest.fixture
    def lose_reply(self) -> Trouble | None:
        """Give a context in which money moves and the answer to sending is lost."""
        return None

    @pytest.fixture
    def go_away(self) -> Trouble | None:
        """Give a context in which nothing that the rail asks is answered, and nothing moves."""
        return None

    @pytest.fixture
    def payer(self) -> str | None:
        """Name a payer for whom a transaction can be built."""
        return None

    @pytest.fixture
    def speak(self) -> Callable[[str], Word] | None:
        """Have a payer sign a message off the rail."""
        return None

    @pytest.fixture
    def trial(
        self,
        rail: TakesProofs,
        product: Product,
        pay: Pay,
        moved: Moved,
        now: Callable[[], int],
    ) -> Trial:
        """Join the fixtures."""
        return Trial(rail=rail, product=product, pay=pay, moved=moved, now=now)

    @pytest_asyncio.fixture
    async def presented(self, trial: Trial) -> Paid:
        """Give what a buyer presents."""
        return await trial.paid()


def dearer(quote: Quote, minor: int) -> Money:
    """Give another amount of a quote's asset."""
    return Money(minor=minor, asset=quote.amount.asset)
