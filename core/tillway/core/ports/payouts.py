"""Rails that can pay out by themselves."""

from typing import Protocol, runtime_checkable

from tillway.core.ports.rails import Proof, Rail, Shown
from tillway.core.quotes import Quote


@runtime_checkable
class PaysOut(Rail, Protocol):
    """A rail that may have a wallet of ours from which it pays refunds without being asked."""

    def pays_from(self) -> str | None:
        """Name that wallet as payers are named on this rail; None if none is configured."""
        ...

    async def write_payout(
        self, quote: Quote, sealed: str, authenticator: str, shown: Shown
    ) -> Proof:
        """Write and sign what pays this quote from that wallet; it is checked like any proof.

        Sends nothing, and a repeat signs another. Raises Declined for what must not be paid by
        itself (invalid_amount above the wallet's limit), Unavailable if the rail cannot be asked.
        """
        ...
