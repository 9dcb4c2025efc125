"""Refunds of a gateway, joined from its settings."""

from datetime import timedelta

from tillway.core.ports.clock import Random
from tillway.core.services.payouts import Payouts
from tillway.core.services.quote import Quoting
from tillway.core.services.refund_deeds import RefundDeeds
from tillway.core.services.refunding import Refunding
from tillway.core.services.repaying import Repaying
from tillway.core.services.turns import Turn
from tillway.plugins.settings.refunds import RefundSettings

EVERY = timedelta(seconds=30)
"""How often refunds that wait for a provider are asked about."""


def refunds(
    settings: RefundSettings,
    quoting: Quoting,
    random: Random,
    *,
    issuer: str | None,
    lifetime: timedelta,
    turn: Turn,
) -> Refunding:
    """Join them, and have approved ones be paid by proof: by ``issuer`` alone."""
    store, clock = quoting.store, quoting.clock
    quoting.subjects.add(Repaying(store=store, clock=clock, issuer=issuer))
    return Refunding(
        store=store,
        quoting=quoting,
        payouts=Payouts(
            store=store, rails=quoting.rails, clock=clock, observe=quoting.observe, turn=turn
        ),
        deeds=RefundDeeds(issuer=issuer, needs_nonce=settings.require_nonce),
        clock=clock,
        random=random,
        lifetime=lifetime,
        waits=settings.request_ttl,
        least=settings.minimum,
    )
