"""Refunds of a gateway, joined from its settings."""

from collections.abc import Callable
from datetime import timedelta

from tillway.core.ports.clock import Random
from tillway.core.ports.payouts import PaysOut
from tillway.core.services.paying.quote import Quoting
from tillway.core.services.paying.settle import Settle
from tillway.core.services.refunds.automatic import AutoPay
from tillway.core.services.refunds.deeds import RefundDeeds
from tillway.core.services.refunds.proofs import Repaying
from tillway.core.services.refunds.providers import Payouts
from tillway.core.services.refunds.requests import Refunding
from tillway.core.services.turns import Turn
from tillway.entrypoints.settings.loading import Settings
from tillway.plugins.settings.refunds import RefundSettings
from tillway.plugins.settings.storage import StorageSettings
from tillway.plugins.settings.x402 import X402Settings

EVERY = timedelta(seconds=30)
"""How often refunds that wait for a provider are asked about."""

SOON = timedelta(seconds=5)
"""How often approved refunds are looked for that a wallet of ours pays."""


def refunds(
    settings: Settings,
    quoting: Quoting,
    settle: Settle,
    random: Random,
    turn: Callable[[str, timedelta], Turn],
) -> Refunding:
    """Join them, and have approved ones be paid by proof: by the wallet that is paid, or ours."""
    section, x402 = settings.section(RefundSettings), settings.find(X402Settings)
    store, clock = quoting.store, quoting.clock
    issuer = None if x402 is None else x402.payment_address
    rails = [rail for rail in quoting.rails.all if isinstance(rail, PaysOut)]
    issuers = frozenset(filter(None, [issuer, *(rail.pays_from() for rail in rails)]))
    quoting.subjects.add(Repaying(store=store, clock=clock, issuers=issuers))
    return Refunding(
        store=store,
        quoting=quoting,
        payouts=Payouts(
            store=store,
            rails=quoting.rails,
            clock=clock,
            observe=quoting.observe,
            turn=turn("refunds", EVERY),
        ),
        autopay=AutoPay(
            store=store,
            quoting=quoting,
            settle=settle,
            clock=clock,
            turn=turn("autopay", SOON),
        ),
        deeds=RefundDeeds(issuer=issuer, needs_nonce=section.require_nonce),
        clock=clock,
        random=random,
        lifetime=settings.section(StorageSettings).refund_quote_ttl,
        waits=section.request_ttl,
        least=section.minimum,
    )
