"""When a circuit opens, from the section `circuit_breaker`."""

from tillway.adapters.guarded import Tripping
from tillway.plugins.settings.breakers import Breaker


def tripping(chosen: Breaker) -> Tripping:
    """Say it as the guard takes it."""
    return Tripping(
        consecutive_failures=chosen.consecutive_failures,
        failure_ratio=chosen.failure_ratio,
        min_requests=chosen.min_requests,
        interval=chosen.interval.total_seconds(),
        timeout=chosen.timeout.total_seconds(),
        max_requests=chosen.max_requests,
    )
