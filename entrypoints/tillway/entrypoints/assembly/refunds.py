"""The parts of a gateway that pay refunds, joined."""

from datetime import timedelta
from typing import Final

from attrs import frozen

from tillway.core.ports.payouts import PaysOut
from tillway.core.services.refunds.automatic import AutomaticRefunds
from tillway.core.services.refunds.deeds import RefundDeeds
from tillway.core.services.refunds.proofs import PayableRefunds
from tillway.core.services.refunds.providers import ProviderRefunds
from tillway.core.services.refunds.requests import RefundRequests
from tillway.core.services.subjects import Subjects
from tillway.entrypoints.assembly.ground import Ground
from tillway.entrypoints.assembly.paying import PayingParts
from tillway.plugins.settings.refunds import RefundSettings
from tillway.plugins.settings.storage import StorageSettings
from tillway.plugins.settings.x402 import X402Settings

EVERY: Final = timedelta(seconds=30)
"""How often refunds that wait for a provider are asked about."""

SOON: Final = timedelta(seconds=5)
"""How often approved refunds are looked for that a wallet of ours pays."""


@frozen(kw_only=True)
class RefundParts:
    """The services of it."""

    refunding: RefundRequests

    @classmethod
    def of(cls, ground: Ground, paying: PayingParts) -> "RefundParts":
        """Join them, and have approved ones be paid by proof: by the paid wallet, or ours."""
        section = ground.settings.section(RefundSettings)
        issuer = _issuer(ground)
        paying.quote.subjects.add(_payable(ground, paying.quote.subjects, issuer))
        return cls(
            refunding=RefundRequests(
                store=ground.store,
                quoting=paying.quote,
                by_provider=_by_provider(ground, paying.quote.subjects),
                automatic=_automatic(ground, paying),
                deeds=RefundDeeds(issuer=issuer, needs_nonce=section.require_nonce),
                clock=ground.clock,
                random=ground.random,
                lifetime=ground.settings.section(StorageSettings).refund_quote_ttl,
                waits=section.request_ttl,
                least=section.minimum,
            )
        )


def _issuer(ground: Ground) -> str | None:
    x402 = ground.settings.find(X402Settings)
    return None if x402 is None else x402.payment_address


def _payable(ground: Ground, subjects: Subjects, issuer: str | None) -> PayableRefunds:
    rails = [rail for rail in ground.rails.all if isinstance(rail, PaysOut)]
    issuers = frozenset(filter(None, [issuer, *(rail.pays_from() for rail in rails)]))
    return PayableRefunds(
        store=ground.store, clock=ground.clock, subjects=subjects, issuers=issuers
    )


def _by_provider(ground: Ground, subjects: Subjects) -> ProviderRefunds:
    return ProviderRefunds(
        store=ground.store,
        rails=ground.rails,
        clock=ground.clock,
        observe=ground.observe,
        subjects=subjects,
        turn=ground.turn("refunds", EVERY),
    )


def _automatic(ground: Ground, paying: PayingParts) -> AutomaticRefunds:
    return AutomaticRefunds(
        store=ground.store,
        quoting=paying.quote,
        settle=paying.settle,
        clock=ground.clock,
        turn=ground.turn("autopay", SOON),
    )
