"""A sound rail of a few lines, and rails that each break one law of it.

Not collected by itself: ``test_rail_contract.py`` has the contract tried on each of them, and
``test_kit.py`` the kit, with the factory ``broken_rails:Class.scene``.
"""

import asyncio
import base64
import hmac
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from hashlib import sha256
from typing import Any, Final

import pytest
from attrs import define, evolve, field

from tillway.core.assets import USD
from tillway.core.catalog import Product
from tillway.core.contracts.rails import Envelope, Moved, Pay, RailContract, Scene
from tillway.core.errors import Code, Declined, Unavailable
from tillway.core.ids import ProductId
from tillway.core.money import Money
from tillway.core.payments import (
    Chain,
    Failed,
    Missing,
    Outcome,
    PaymentKey,
    Settled,
    Unresolved,
)
from tillway.core.ports.rails import Checked, Destination, Identity, Offer, Proof, Shown, Signed
from tillway.core.quotes import Quote

NETWORK: Final = "cheque:test"
MUG: Final = Product(id=ProductId("mug"), fiat_price=Money(1250, USD))
_BUYER: Final = b"the buyer's secret"
_NUMBER, _AMOUNT, _SALT, _MAC = 16, 8, 8, 32
_MESSAGE: Final = _NUMBER + _AMOUNT


def cheque(amount: int, number: bytes, salt: bytes) -> bytes:
    """Write a cheque and sign it; the salt makes many good signatures of one message."""
    message = number + amount.to_bytes(_AMOUNT, "big")
    return message + salt + hmac.digest(_BUYER, message + salt, "sha256")


@define
class Bank:
    """Where cheques are cashed."""

    cashed: list[tuple[PaymentKey, int]] = field(factory=list)
    silent: bool = False
    away: bool = False

    def has(self, key: PaymentKey) -> bool:
        """Tell whether a cheque was cashed."""
        return any(known == key for known, _ in self.cashed)

    def cash(self, key: PaymentKey, amount: int) -> None:
        """Move the money, every time that it is called."""
        self.cashed.append((key, amount))

    async def moved(self) -> int:
        """Give what was moved."""
        return sum(amount for _, amount in self.cashed)

    @contextmanager
    def says_nothing(self) -> Iterator[None]:
        """Cash for a while, and not say so."""
        self.silent = True
        yield
        self.silent = False

    @contextmanager
    def is_away(self) -> Iterator[None]:
        """Answer nothing for a while."""
        self.away = True
        yield
        self.away = False


@define
class Cheques:
    """A sound rail."""

    bank: Bank
    name: str = "cheque"
    method: str = "cheque"

    def sells(self, product: Product) -> Destination | None:
        """Sell what has a price in a currency."""
        if product.fiat_price is None:
            return None
        return Destination(network=NETWORK, pay_to="shop", price=product.fiat_price)

    def offer(self, quote: Quote, sealed: str, authenticator: str, shown: Shown) -> Offer:
        """Offer version 2 only."""
        requirement = {
            "scheme": "cheque",
            "network": NETWORK,
            "amount": str(quote.amount.minor),
            "asset": quote.amount.asset.code,
            "payTo": quote.pay_to,
            "maxTimeoutSeconds": quote.expires_at - quote.issued_at,
            "extra": {"quote": sealed},
        }
        return Offer(rail=self.name, quote=quote, accepts={2: [requirement]})

    def read(self, envelope: Mapping[str, object]) -> Proof | None:
        """Read the cheque out of its base64."""
        accepted = envelope.get("accepted")
        if not isinstance(accepted, Mapping) or accepted.get("scheme") != "cheque":
            return None
        if envelope.get("x402Version") != 2 or accepted.get("network") != NETWORK:
            return None
        payload, extra = envelope.get("payload"), accepted.get("extra")
        sealed = extra.get("quote") if isinstance(extra, Mapping) else None
        if not isinstance(payload, Mapping) or not isinstance(sealed, str | None):
            raise malformed()
        raw = self._decoded(payload)
        return Proof(rail=self.name, version=2, payload=raw, network=NETWORK, sealed=sealed)

    def _decoded(self, payload: Mapping[str, Any]) -> bytes:
        try:
            return base64.b64decode(payload["cheque"], validate=True)
        except (KeyError, TypeError, ValueError) as error:
            raise malformed() from error

    def identify(self, proof: Proof) -> Identity:
        """Hash the message, not what stands around it."""
        message = opened(proof.payload)
        return Identity(
            chain=Chain(NETWORK),
            key=self._key(proof),
            payer="buyer",
            amount=int.from_bytes(message[_NUMBER:], "big"),
            memo=None,
        )

    def _key(self, proof: Proof) -> PaymentKey:
        return PaymentKey(sha256(opened(proof.payload)).hexdigest())

    async def check(self, proof: Proof, quote: Quote) -> Checked:
        """Refuse another amount, and what was cashed before."""
        identity = self.identify(proof)
        self._require_bank()
        if not self._is_enough(identity.amount or 0, quote.amount.minor):
            raise Declined(Code.AMOUNT_MISMATCH)
        if self.bank.has(identity.key):
            raise Declined(Code.PAYMENT_ALREADY_USED)
        return Checked(proof=proof, identity=identity, quote=quote, landed=False)

    def _is_enough(self, amount: int, price: int) -> bool:
        return amount == price

    def _require_bank(self) -> None:
        if self.bank.away:
            raise Unavailable

    async def sign(self, checked: Checked) -> Signed:
        """Remember the message; nothing is to be added."""
        return Signed(
            chain=checked.identity.chain,
            key=checked.identity.key,
            payload=checked.proof.payload,
            signature=checked.identity.key,
            last_valid_height=0,
            seen_height=0,
            seen_slot=0,
        )

    async def send(self, signed: Signed) -> Outcome:
        """Cash it, unless it was cashed before."""
        self._require_bank()
        await asyncio.sleep(0)
        if not self.bank.has(signed.key):
            self._cash(signed)
        return self._told(signed)

    def _cash(self, signed: Signed) -> None:
        message = opened(signed.payload)
        self.bank.cash(signed.key, int.from_bytes(message[_NUMBER:], "big"))

    def _told(self, signed: Signed) -> Outcome:
        if self.bank.silent:
            return Unresolved(reason="the bank does not answer")
        return Settled(signature=signed.signature)

    async def look(self, signed: Signed) -> Outcome:
        """Look it up; a cheque never expires, so that nothing proves a failure."""
        if self.bank.away or not self.bank.has(signed.key):
            return Unresolved(reason="not cashed yet")
        return Settled(signature=signed.signature)

    @classmethod
    def scene(cls) -> Scene:
        """Give a rail of this kind, with a bank of its own and a buyer."""
        bank = Bank()
        return Scene(
            rail=cls(bank),
            twin=cls(bank),
            product=MUG,
            pay=pay_by_cheque,
            moved=bank.moved,
            retold=resalted,
            lose_reply=bank.says_nothing,
            go_away=bank.is_away,
        )


def malformed() -> Declined:
    """Refuse what is no cheque."""
    return Declined(Code.INVALID_PAYMENT_PROOF, "not a cheque")


def opened(raw: bytes) -> bytes:
    """Give the message of a cheque whose signature is good; Declined for any other."""
    signed, mac = raw[: _MESSAGE + _SALT], raw[_MESSAGE + _SALT :]
    if not hmac.compare_digest(hmac.digest(_BUYER, signed, "sha256"), mac):
        raise malformed()
    return signed[:_MESSAGE]


class SpendsEveryTime(Cheques):
    """Moves money again when the same bytes are sent again."""

    async def send(self, signed: Signed) -> Outcome:
        """Cash it without looking."""
        self._cash(signed)
        return self._told(signed)


class KeysByBytes(Cheques):
    """Takes one message under two signatures for two payments."""

    def _key(self, proof: Proof) -> PaymentKey:
        opened(proof.payload)
        return PaymentKey(sha256(proof.payload).hexdigest())


class BelievesClients(Cheques):
    """Lets what comes with a payment decide which payment it is."""

    def _key(self, proof: Proof) -> PaymentKey:
        return PaymentKey(sha256(f"{super()._key(proof)}{proof.sealed}".encode()).hexdigest())


class TakesSilenceForFailure(Cheques):
    """Tells a buyer that he has not paid, because nobody answered."""

    def _told(self, signed: Signed) -> Outcome:
        if self.bank.silent:
            return Failed(code=Code.TRANSACTION_FAILED, reason="no answer")
        return super()._told(signed)


class GivesUpEarly(Cheques):
    """Declares failed what can still arrive."""

    async def look(self, signed: Signed) -> Outcome:
        """Take absence for proof."""
        if not self.bank.has(signed.key):
            return Failed(code=Code.TRANSACTION_NOT_FOUND, reason="not there")
        return await super().look(signed)


class RaisesAfterSending(Cheques):
    """Says that nothing was sent, when it was."""

    def _told(self, signed: Signed) -> Outcome:
        if self.bank.silent:
            raise Unavailable
        return super()._told(signed)


class SpendsOnCheck(Cheques):
    """Moves the money before anything was claimed."""

    async def check(self, proof: Proof, quote: Quote) -> Checked:
        """Cash it at once."""
        checked = await super().check(proof, quote)
        self._cash(await self.sign(checked))
        return checked


class TakesMore(Cheques):
    """Keeps the change."""

    def _is_enough(self, amount: int, price: int) -> bool:
        return amount >= price


class Stumbles(Cheques):
    """Breaks down over what a stranger sends."""

    def _decoded(self, payload: Mapping[str, Any]) -> bytes:
        return base64.b64decode(payload["cheque"])


class BlamesTheBuyer(Cheques):
    """Refuses a buyer because the bank is away."""

    def _require_bank(self) -> None:
        if self.bank.away:
            raise Declined(Code.INVALID_PAYMENT_PROOF)


class Clears(Cheques):
    """Cashes a cheque at once, and is certain of it once it was asked twice; it is sound."""

    async def send(self, signed: Signed) -> Outcome:
        """Cash it, subject to clearing."""
        told = await super().send(signed)
        return evolve(told, final=False) if isinstance(told, Settled) else told

    async def standing(self, signed: Sequence[Signed]) -> Sequence[Outcome | Missing]:
        """Ask the bank."""
        return [self._stands(each) for each in signed]

    def _stands(self, signed: Signed) -> Outcome | Missing:
        if self.bank.away:
            return Unresolved(reason="the bank does not answer")
        if not self.bank.has(signed.key):
            return self._lost()
        return Settled(signature=signed.signature)

    def _lost(self) -> Outcome | Missing:
        return Missing()


class TakesBackWhatIsLate(Clears):
    """Calls money gone that can still arrive."""

    def _lost(self) -> Outcome | Missing:
        return Failed(code=Code.TRANSACTION_EXPIRED, reason="not there")


class IsNeverSure(Cheques):
    """Says that what it has taken is not final, and cannot tell any more later."""

    def _told(self, signed: Signed) -> Outcome:
        told = super()._told(signed)
        return evolve(told, final=False) if isinstance(told, Settled) else told


class ChequeContract(RailContract):
    """The contract with the fixtures that all of these rails share."""

    kind: type[Cheques] = Cheques

    @pytest.fixture
    def bank(self) -> Bank:
        return Bank()

    @pytest.fixture
    def rail(self, bank: Bank) -> Cheques:
        return self.kind(bank)

    @pytest.fixture
    def twin(self, bank: Bank) -> Cheques:
        return self.kind(bank)

    @pytest.fixture
    def product(self) -> Product:
        return MUG

    @pytest.fixture
    def pay(self) -> Pay:
        return pay_by_cheque

    @pytest.fixture
    def moved(self, bank: Bank) -> Moved:
        return bank.moved

    @pytest.fixture
    def retold(self) -> Callable[[Envelope], Sequence[Envelope]]:
        return resalted

    @pytest.fixture
    def lose_reply(self, bank: Bank) -> Callable[[], AbstractContextManager[None]]:
        return bank.says_nothing

    @pytest.fixture
    def go_away(self, bank: Bank) -> Callable[[], AbstractContextManager[None]]:
        return bank.is_away


async def pay_by_cheque(offer: Offer, version: int) -> Envelope:
    """Write a new cheque for an offer."""
    raw = cheque(offer.quote.amount.minor, secrets.token_bytes(_NUMBER), bytes(_SALT))
    payload = {"cheque": base64.b64encode(raw).decode()}
    accepted = dict(offer.accepts[version][0])
    return {"x402Version": version, "accepted": accepted, "payload": payload}


def resalted(envelope: Envelope) -> Sequence[Envelope]:
    """Write the same cheque under other signatures."""
    return [salted(envelope, b"saltsalt"), salted(envelope, b"pepper!!")]


def salted(envelope: Envelope, salt: bytes) -> Envelope:
    """Write the same cheque under another signature."""
    payload = envelope["payload"]
    assert isinstance(payload, Mapping)
    message = base64.b64decode(payload["cheque"])[:_MESSAGE]
    amount = int.from_bytes(message[_NUMBER:], "big")
    raw = cheque(amount, message[:_NUMBER], salt)
    return {**envelope, "payload": {"cheque": base64.b64encode(raw).decode()}}


class TestCheques(ChequeContract):
    kind = Cheques


class TestClears(ChequeContract):
    kind = Clears


class TestTakesBackWhatIsLate(ChequeContract):
    kind = TakesBackWhatIsLate


class TestIsNeverSure(ChequeContract):
    kind = IsNeverSure


class TestSpendsEveryTime(ChequeContract):
    kind = SpendsEveryTime


class TestKeysByBytes(ChequeContract):
    kind = KeysByBytes


class TestBelievesClients(ChequeContract):
    kind = BelievesClients


class TestTakesSilenceForFailure(ChequeContract):
    kind = TakesSilenceForFailure


class TestGivesUpEarly(ChequeContract):
    kind = GivesUpEarly


class TestRaisesAfterSending(ChequeContract):
    kind = RaisesAfterSending


class TestSpendsOnCheck(ChequeContract):
    kind = SpendsOnCheck


class TestTakesMore(ChequeContract):
    kind = TakesMore


class TestStumbles(ChequeContract):
    kind = Stumbles


class TestBlamesTheBuyer(ChequeContract):
    kind = BlamesTheBuyer
