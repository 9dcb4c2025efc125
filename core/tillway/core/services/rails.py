"""The rails of one gateway, by what they can do."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from attrs import field, frozen

from tillway.core.errors import Code, Declined
from tillway.core.ports.hosting import HearsWebhooks, HostsCheckout
from tillway.core.ports.rails import Checks, Offers, Proof, Rail, Reads, Sends


@runtime_checkable
class TakesProofs(Offers, Reads, Checks, Sends, Protocol):
    """A rail that a buyer pays by presenting something signed."""


@frozen
class Rails:
    """Rails in the order in which they are offered. Names are unique.

    ``offering`` are those that a quote is offered on, ``hosting`` those whose provider has a page
    to pay on, ``hearing`` those that a provider tells things, by its name.
    """

    all: tuple[Rail, ...]
    offering: tuple[Offers, ...] = field(init=False, repr=False)
    hosting: tuple[HostsCheckout, ...] = field(init=False, repr=False)
    hearing: Mapping[str, HearsWebhooks] = field(init=False, repr=False)
    _reading: tuple[Reads, ...] = field(init=False, repr=False)
    _taking: Mapping[str, TakesProofs] = field(init=False, repr=False)

    # Asking an object for all of a protocol's members takes longer than reading a proof.

    @offering.default
    def _that_offer(self) -> tuple[Offers, ...]:
        return tuple(rail for rail in self.all if isinstance(rail, Offers))

    @hosting.default
    def _that_host(self) -> tuple[HostsCheckout, ...]:
        return tuple(rail for rail in self.all if isinstance(rail, HostsCheckout))

    @hearing.default
    def _that_hear(self) -> Mapping[str, HearsWebhooks]:
        return {rail.source: rail for rail in self.all if isinstance(rail, HearsWebhooks)}

    @_reading.default
    def _that_read(self) -> tuple[Reads, ...]:
        return tuple(rail for rail in self.all if isinstance(rail, Reads))

    @_taking.default
    def _that_take_proofs(self) -> Mapping[str, TakesProofs]:
        return {rail.name: rail for rail in self.all if isinstance(rail, TakesProofs)}

    @classmethod
    def of(cls, rails: Iterable[Rail]) -> "Rails":
        """Collect rails; ValueError if two share a name."""
        found = tuple(rails)
        if len({rail.name for rail in found}) < len(found):
            raise ValueError("two rails have the same name")
        return cls(found)

    def read(self, envelope: Mapping[str, object]) -> Proof:
        """Have the rail that knows the envelope read it.

        Raises Declined (invalid_payment_proof) if none knows it.
        """
        for rail in self._reading:
            proof = rail.read(envelope)
            if proof is not None:
                return proof
        raise Declined(
            Code.INVALID_PAYMENT_PROOF,
            "No payment method here knows this payment's version, scheme and network.",
            field="scheme",
            reason="unsupported_scheme",
        )

    def taking(self, name: str) -> TakesProofs:
        """Give the rail of that name, which must take proofs. KeyError if there is none."""
        return self._taking[name]

    def find(self, name: str) -> TakesProofs | None:
        """Give the rail of that name, if there is one that takes proofs."""
        return self._taking.get(name)

    def methods(self) -> Sequence[str]:
        """Give the words by which payments are reported, in the order of offering."""
        return list(dict.fromkeys(rail.method for rail in self.all))
