"""One attempt to pay: who presents what, for which purchase."""

from attrs import field, frozen

from tillway.core.payments import Asked, Purchase
from tillway.core.ports.rails import Identity, Proof
from tillway.core.services.rails import TakesProofs


@frozen(kw_only=True)
class Attempt:
    """A proof with its identity, what it is presented for, and how it was asked."""

    rail: TakesProofs = field(repr=False)
    proof: Proof
    identity: Identity
    purchase: Purchase
    asked: Asked
