"""How money moves. A rail has the ports that it can honour and lacks the others.

Every rail has a ``name``, unique in a gateway, and a ``method``, the word by which a payment
is reported (``x402``, ``stripe``, ``credits``).
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from attrs import field, frozen

from tillway.core.catalog import Product
from tillway.core.money import Money
from tillway.core.payments import (
    Chain,
    Failed,
    Missing,
    Outcome,
    PaymentKey,
    Reservation,
    Word,
)
from tillway.core.quotes import Quote
from tillway.core.tenancy import Tenant


@frozen(kw_only=True)
class Destination:
    """Where a rail would take the money for a product, and in what."""

    network: str
    pay_to: str
    price: Money


@frozen(kw_only=True)
class Shown:
    """What an offer tells a buyer about the thing itself.

    ``url`` is the absolute address of the resource as the client asked for it.
    """

    url: str
    description: str
    extra: Mapping[str, str] = {}
    memo_template: str | None = None


@frozen(kw_only=True)
class Offer:
    """One way to pay a quote, as each version of x402 writes it.

    ``accepts`` maps an x402 version (0, 1, 2) to requirement objects that are ready for JSON;
    a version that clients of the rail cannot use is absent.
    """

    rail: str
    quote: Quote
    accepts: Mapping[int, Sequence[Mapping[str, object]]]


@frozen(kw_only=True)
class Proof:
    """What a buyer presents, in no dialect: opaque to the core but for what it names.

    ``payload`` is the signed thing itself. ``resource``, ``resource_type`` and ``coupon`` are
    the buyer's words and are only ever compared with ours. ``sealed`` is our quote, if it
    came back. ``address`` is the client's network address, for budgets.
    """

    rail: str
    version: int
    payload: bytes = field(repr=False)
    network: str
    resource: str | None = None
    resource_type: str | None = None
    coupon: str | None = None
    sealed: str | None = field(default=None, repr=False)
    sponsor: str | None = None
    metadata: Mapping[str, str] = {}
    address: str = ""


@frozen(kw_only=True)
class Identity:
    """Which payment a proof is. All of it is computed from what was signed.

    ``payer`` is the authority over the money. ``amount`` is what would move, in minor units,
    None where the proof does not show it. ``memo`` is the text on the transaction.
    """

    chain: Chain
    key: PaymentKey
    payer: str
    amount: int | None
    memo: str | None


@frozen(kw_only=True)
class Checked:
    """A proof from which everything that can be refused has been refused.

    ``landed`` tells that the chain already has it, so that it must not be sent. ``refusal`` is
    why such a one, although it is the quote's own, buys nothing: it is kept for a refund.
    """

    proof: Proof
    identity: Identity
    quote: Quote
    landed: bool
    refusal: Failed | None = None
    context: object = field(default=None, repr=False)


@frozen(kw_only=True)
class Signed:
    """The exact bytes to send, and what a claim must remember of them.

    ``reservations`` are the rail's own: balance in flight, sponsor budgets, failure counts.
    ``last_valid_height`` is the last block in which the bytes can land. ``seen_height`` and
    ``seen_slot`` are the highest seen so far. ``refund_to`` is whose the money is, where that
    may be another than the payer: refunds go to him.
    """

    chain: Chain
    key: PaymentKey
    payload: bytes = field(repr=False)
    signature: str
    last_valid_height: int
    seen_height: int
    seen_slot: int
    reservations: tuple[Reservation, ...] = ()
    landed: bool = False
    refund_to: str | None = None


@runtime_checkable
class Rail(Protocol):
    """What every rail has."""

    name: str
    method: str


@runtime_checkable
class Offers(Rail, Protocol):
    """Say how a quote can be paid."""

    def sells(self, product: Product) -> Destination | None:
        """Tell where the money for this product would go; None if this rail cannot sell it."""
        ...

    def offer(self, quote: Quote, sealed: str, authenticator: str, shown: Shown) -> Offer:
        """Write the offer. Pure: it reserves and stores nothing."""
        ...


@runtime_checkable
class Reads(Protocol):
    """Understand a payment header."""

    def read(self, envelope: Mapping[str, object]) -> Proof | None:
        """Read a decoded payment payload; None if its scheme is not this rail's.

        Raises Declined (invalid_payment_proof) if it is this rail's and malformed.
        """
        ...


@runtime_checkable
class Checks(Protocol):
    """Refuse everything that can be refused before money moves."""

    def identify(self, proof: Proof) -> Identity:
        """Compute which payment this is. Pure, no network.

        Two proofs have one key exactly when the rail would run them as one payment.
        Raises Declined for what cannot be decoded.
        """
        ...

    async def check(self, proof: Proof, quote: Quote) -> Checked:
        """Refuse what does not pay exactly this quote. Spends, stores and signs nothing.

        Raises Declined with the rail's own reason; Unavailable if the rail cannot be asked.
        A repeat gives the same answer as long as the rail's state is the same.
        """
        ...

    async def sign(self, checked: Checked) -> Signed:
        """Add our signature where one is due. Sends nothing."""
        ...


@runtime_checkable
class Sends(Protocol):
    """Move a buyer's money, once."""

    async def send(self, signed: Signed) -> Outcome:
        """Send exactly these bytes, again if need be, and wait for the rail's word.

        A repeat never moves money again: the rail runs a message once. Settled and Failed
        only when the rail has proven it, otherwise Unresolved. Never raises once anything
        may have been sent; raises Unavailable only if nothing can have been sent.
        """
        ...

    async def look(self, signed: Signed) -> Outcome:
        """Look up what became of the bytes; sends nothing. A repeat is free.

        Failed only by proof: the rail shows the failure, or shows that the bytes can no
        longer arrive. Silence, time-outs and single nodes' errors are Unresolved.
        """
        ...


@runtime_checkable
class KnowsFinality(Protocol):
    """A rail whose Settled may not be final: only such a one ever says so."""

    async def standing(self, signed: Sequence[Signed]) -> Sequence[Outcome | Missing]:
        """Look up how payments that have settled stand now, in the order asked; sends nothing.

        Settled says whether it is final. Failed only by the proof that ``look`` needs: the money
        is gone, and cannot arrive any more. Missing if whoever answered does not know it, and
        Unresolved for silence and contradictions. Never raises Unavailable; a repeat is free.
        """
        ...


@frozen(kw_only=True)
class Built:
    """A transaction for a buyer to sign."""

    transaction: bytes
    blockhash: str
    fee_payer: str
    last_valid_height: int


@runtime_checkable
class BuildsTransactions(Protocol):
    """Write a transaction that pays a quote and that the gateway sponsors."""

    async def build(
        self, quote: Quote, payer: str, sponsor: str | None, authenticator: str, shown: Shown
    ) -> Built:
        """Build it unsigned. Spends nothing; a repeat builds another one.

        Raises Declined (invalid_wallet, invalid_field) for keys that are malformed or not
        ours, Unavailable if the rail cannot be asked.
        """
        ...


@runtime_checkable
class KeepsBudget(Protocol):
    """A rail that spends our own money on buyers, up to a limit that all processes share."""

    def budget_names(self) -> Sequence[str]:
        """Name the running totals that limit it now."""
        ...

    def learn_budget(self, tenant: Tenant, totals: Mapping[str, int]) -> None:
        """Take over a tenant's totals, so that no offer is made that a claim would refuse."""
        ...


@runtime_checkable
class KnowsPayers(Protocol):
    """Tell whether a payer has signed a message off the rail."""

    def has_signed(self, word: Word) -> bool:
        """Verify that ``word.signer``, named as payers are on this rail, signed the message.

        Pure. The message is signed as its UTF-8 bytes; malformed parts are False.
        """
        ...

    def is_payer(self, name: str) -> bool:
        """Tell whether a text can name a payer on this rail. Pure."""
        ...


@frozen(kw_only=True)
class WalletHealth:
    """A key of ours and whether it can still pay fees."""

    address: str
    balance: str
    status: str
    checked_at: str
    error: str | None = None


@frozen(kw_only=True)
class RailHealth:
    """Whether a rail can be used now. ``facts`` are public: network, addresses, features."""

    reachable: bool
    wallets: tuple[WalletHealth, ...] = ()
    features: tuple[str, ...] = ()
    facts: Mapping[str, str] = {}


@runtime_checkable
class HasHealth(Protocol):
    """Tell whether a rail can be used."""

    async def health(self) -> RailHealth:
        """Answer from memory or within two seconds; never raises, names no secret."""
        ...


@frozen(kw_only=True)
class Finding:
    """One fact about what a rail depends on. Nothing in it is secret.

    ``advice`` says what to do, None if all is well. ``fatal`` means that the rail cannot be
    used as it is.
    """

    subject: str
    good: bool
    fact: str
    advice: str | None = None
    fatal: bool = False


@runtime_checkable
class Examines(Protocol):
    """Look for what is wrong around a rail, for the operator."""

    async def examine(self, products: Sequence[Product]) -> Sequence[Finding]:
        """Look at what the rail depends on, and at what selling these products needs.

        Changes nothing and works before the rail is started. Never raises Unavailable: that
        something is away is a finding.
        """
        ...


@runtime_checkable
class Starts(Protocol):
    """A part with work of its own between opening and closing."""

    async def start(self) -> None:
        """Open connections and begin background work. Once."""
        ...

    async def aclose(self) -> None:
        """Stop and release everything. A repeat does nothing."""
        ...
