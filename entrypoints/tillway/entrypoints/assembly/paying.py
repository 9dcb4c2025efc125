"""The parts of a gateway that price and that take proofs of payment, joined."""

from datetime import timedelta
from typing import Final

from attrs import frozen

from tillway.core.money import Rounding
from tillway.core.services.paying.build import Build
from tillway.core.services.paying.elsewhere import Elsewhere
from tillway.core.services.paying.endings import Endings
from tillway.core.services.paying.finality import Finality
from tillway.core.services.paying.free import Free
from tillway.core.services.paying.quote import Quoting
from tillway.core.services.paying.repeats import Repeats
from tillway.core.services.paying.resolve import Resolve
from tillway.core.services.paying.settle import Settle
from tillway.core.services.paying.terms import Terms
from tillway.core.services.refunds.unapplied import UnappliedMoney
from tillway.core.services.subjects import Products, Subjects
from tillway.entrypoints.assembly.ground import Ground
from tillway.plugins.settings.coupons import CouponSettings
from tillway.plugins.settings.paywall import PaywallSettings
from tillway.plugins.settings.refunds import RefundSettings
from tillway.plugins.settings.x402 import X402Settings

WAIT: Final = timedelta(seconds=30)
"""How long a request waits for its payment, where no rail says otherwise."""


@frozen(kw_only=True)
class PayingParts:
    """The services of it."""

    quote: Quoting
    terms: Terms
    build: Build
    free: Free
    settle: Settle
    elsewhere: Elsewhere
    resolve: Resolve
    finality: Finality
    unapplied: UnappliedMoney

    @classmethod
    def of(cls, ground: Ground) -> "PayingParts":
        """Join them, with products alone to be paid for yet: other parts add their subjects."""
        quoting = _quoting(ground)
        terms = Terms(quoting=quoting, seals=ground.seals)
        repeats = Repeats(seals=ground.seals, clock=ground.clock)
        endings = _endings(ground, quoting.subjects)
        settle = _settle(ground, terms, repeats, endings)
        return cls(
            quote=quoting,
            terms=terms,
            build=Build(quoting=quoting),
            free=Free(
                store=ground.store,
                terms=terms,
                repeats=repeats,
                leases=ground.leases,
                random=ground.random,
            ),
            settle=settle,
            elsewhere=Elsewhere(quoting=quoting, settle=settle),
            resolve=Resolve(
                store=ground.store, rails=ground.rails, endings=endings, leases=ground.leases
            ),
            finality=_finality(ground, quoting.subjects),
            unapplied=_unapplied(ground),
        )


def _quoting(ground: Ground) -> Quoting:
    x402 = ground.settings.find(X402Settings)
    subjects = Subjects()
    subjects.add(Products(ground.catalogue))
    return Quoting(
        store=ground.store,
        catalogue=ground.catalogue,
        subjects=subjects,
        rails=ground.rails,
        seals=ground.seals,
        clock=ground.clock,
        random=ground.random,
        lifetime=ground.settings.section(PaywallSettings).quote_ttl,
        rounding=Rounding.STANDARD if x402 is None else Rounding(x402.rounding_mode),
        strict=ground.settings.section(CouponSettings).strict,
        observe=ground.observe,
    )


def _endings(ground: Ground, subjects: Subjects) -> Endings:
    return Endings(
        store=ground.store,
        subjects=subjects,
        clock=ground.clock,
        random=ground.random,
        least=ground.settings.section(RefundSettings).minimum,
    )


def _settle(ground: Ground, terms: Terms, repeats: Repeats, endings: Endings) -> Settle:
    x402 = ground.settings.find(X402Settings)
    wait = WAIT if x402 is None else x402.confirm_wait
    return Settle(
        store=ground.store,
        rails=ground.rails,
        terms=terms,
        repeats=repeats,
        endings=endings,
        leases=ground.leases,
        wait=wait.total_seconds(),
        observe=ground.observe,
    )


def _finality(ground: Ground, subjects: Subjects) -> Finality:
    return Finality(
        store=ground.store,
        rails=ground.rails,
        leases=ground.leases,
        random=ground.random,
        subjects=subjects,
        least=ground.settings.section(RefundSettings).minimum,
    )


def _unapplied(ground: Ground) -> UnappliedMoney:
    return UnappliedMoney(
        store=ground.store,
        clock=ground.clock,
        random=ground.random,
        least=ground.settings.section(RefundSettings).minimum,
    )
