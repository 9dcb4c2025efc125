"""Add our signature, and say what the payment holds until it has ended."""

from collections.abc import Callable
from typing import Final, Protocol

from attrs import define, field
from solders.signature import Signature

from tillway.adapters.x402.check import Verified
from tillway.adapters.x402.config import RailConfig
from tillway.adapters.x402.heights import BLOCKHASH_LIFE, Heights
from tillway.adapters.x402.programs import written
from tillway.adapters.x402.sponsors import Budget, Sponsors
from tillway.core.neighbours import neighbours_of
from tillway.core.payments import Phase, Reservation
from tillway.core.ports.rails import Checked, Signed
from tillway.core.tenancy import Tenant

_IN_FLIGHT: Final = frozenset({Phase.LIVE})
_SPENT: Final = frozenset({Phase.LIVE, Phase.SETTLED, Phase.LANDED_FAILURE})
_FAILED: Final = frozenset({Phase.LANDED_FAILURE})


class KnowsHeights(Protocol):
    """A chain that can tell how far it has come."""

    async def know_heights(self) -> Heights:
        """Give the highest slot and height seen, asking only if nothing is known yet."""
        ...


def _nothing(_: Checked) -> tuple[Reservation, ...]:
    """Take nothing more."""
    return ()


@define(kw_only=True)
class Signer:
    """Sign what was checked, exactly as it was checked."""

    config: RailConfig
    chain: KnowsHeights
    sponsors: Sponsors = field(repr=False)
    budget: Budget
    also: Callable[[Checked], tuple[Reservation, ...]] = field(default=_nothing, repr=False)
    """Gives what else a payment takes of limits of ours."""

    async def sign(self, checked: Checked) -> Signed:
        """Fill slot 0 if our wallet pays the fee; a buyer's own transaction stays as it is.

        The last valid height is the highest that any node can have shown, and a blockhash's
        whole life: what was alive just now cannot land after it.
        """
        verified = _verified(checked)
        heights = await self.chain.know_heights()
        payload, signature = self._completed(verified)
        return Signed(
            chain=checked.identity.chain,
            key=checked.identity.key,
            payload=payload,
            signature=signature,
            last_valid_height=heights.height + BLOCKHASH_LIFE,
            seen_height=heights.height,
            seen_slot=heights.slot,
            reservations=() if checked.landed else self._reservations(checked, verified),
            landed=checked.landed,
            refund_to=None if verified.owner is None else written(verified.owner),
        )

    def _completed(self, verified: Verified) -> tuple[bytes, str]:
        transaction = verified.transaction
        if verified.sponsor is None:
            return transaction.raw, transaction.signature
        raw = self.sponsors.sign(verified.sponsor, transaction.message)
        return transaction.with_first_signature(raw), str(Signature(raw))

    def _reservations(self, checked: Checked, verified: Verified) -> tuple[Reservation, ...]:
        transfer = verified.transfer
        in_flight = Reservation(
            name=f"source:{written(transfer.source)}",
            amount=transfer.amount,
            limit=verified.balance,
            counts=_IN_FLIGHT,
            tenant=None,
        )
        if verified.sponsor is None:
            return (in_flight, *self.also(checked))
        tenant = checked.quote.tenant
        fee = self._fee(verified, verified.sponsor, tenant)
        return (in_flight, fee, *self._failures(checked, verified, tenant))

    def _fee(self, verified: Verified, sponsor: bytes, tenant: Tenant) -> Reservation:
        name = self.budget.name_of(sponsor)
        self.budget.took(tenant, name, verified.lamports)
        return Reservation(
            name=name,
            amount=verified.lamports,
            limit=self.config.sponsoring.lamports_per_hour,
            counts=_SPENT,
            tenant=tenant,
        )

    def _failures(
        self, checked: Checked, verified: Verified, tenant: Tenant
    ) -> tuple[Reservation, ...]:
        blamed = {
            "authority": checked.identity.payer,
            "source": written(verified.transfer.source),
            "address": neighbours_of(checked.proof.address),
        }
        return tuple(
            Reservation(
                name=f"failures:{kind}:{who}:{self.budget.hour}",
                amount=1,
                limit=self.config.sponsoring.landed_failures_per_hour,
                counts=_FAILED,
                tenant=tenant,
            )
            for kind, who in blamed.items()
            if who
        )


def _verified(checked: Checked) -> Verified:
    if not isinstance(checked.context, Verified):
        raise TypeError("only what this rail has checked can be signed")
    return checked.context
