"""The section `circuit_breaker`: leaving a failing service alone for a while."""

from datetime import timedelta
from typing import Final

from attrs import frozen

from tillway.plugins.rules import between, positive
from tillway.plugins.setting import setting

_MOST: Final = 2**32 - 1


@frozen(kw_only=True)
class Breaker:
    """When calls to a service stop, and for how long."""

    max_requests: int = setting(
        default=3, env=None, rules=(between(1, _MOST),), doc="Trial calls when it is half open."
    )
    interval: timedelta = setting(
        default=timedelta(seconds=60),
        env=None,
        rules=(positive,),
        doc="How often counts start anew while all is well.",
    )
    timeout: timedelta = setting(
        default=timedelta(seconds=30), env=None, rules=(positive,), doc="How long calls stop."
    )
    consecutive_failures: int = setting(
        default=5, env=None, rules=(between(1, _MOST),), doc="Stops after so many in a row."
    )
    failure_ratio: float = setting(
        default=0.5,
        env=None,
        rules=(between(0.001, 1),),
        doc="Stops at this share of failures among at least `min_requests` calls.",
    )
    min_requests: int = setting(
        default=10, env=None, rules=(between(1, _MOST),), doc="The fewest calls that make a share."
    )


@frozen(kw_only=True)
class BreakerSettings:
    """Leaving a failing service alone for a while."""

    enabled: bool = setting(default=True, env=None, doc="Whether breakers trip.")
    solana_rpc: Breaker = setting(factory=Breaker, doc="Solana nodes.")
    stripe_api: Breaker = setting(factory=Breaker, doc="Stripe's API.")
    webhook: Breaker = setting(
        default=Breaker(
            max_requests=5,
            timeout=timedelta(seconds=60),
            consecutive_failures=10,
            failure_ratio=0.7,
            min_requests=20,
        ),
        in_force=False,
        doc="The receivers of callbacks.",
    )
