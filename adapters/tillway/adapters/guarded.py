"""Retries, a circuit breaker and metrics around any port's calls, and nowhere else.

Only Unavailable is repeated, and only where the caller says that a repeat is harmless. A breaker
trips on Unavailable, never on Declined: an answer that is a no is an answer.
"""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from attrs import define, field, frozen
from pybreaker import CircuitBreaker, CircuitBreakerError, CircuitBreakerListener
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from tillway.core.errors import Unavailable

T = TypeVar("T")
Observe = Callable[[str, float, str | None], None]
"""Hears of every guarded call: operation, seconds, the error's code or None."""


class CircuitOpen(Unavailable):
    """Too many calls have failed of late, so this one was not made."""


@frozen(kw_only=True)
class Tripping:
    """When a circuit opens and closes; the names are those of the configuration.

    It opens after ``consecutive_failures``, or when of at least ``min_requests`` within
    ``interval`` seconds the share ``failure_ratio`` has failed; stays open for ``timeout``
    seconds; and closes after ``max_requests`` calls in a row have worked.
    """

    consecutive_failures: int = 5
    failure_ratio: float = 0.5
    min_requests: int = 10
    interval: float = 60.0
    timeout: float = 30.0
    max_requests: int = 3


def breaker(
    name: str, tripping: Tripping, monotonic: Callable[[], float] = time.monotonic
) -> CircuitBreaker:
    """Make a breaker that counts only Unavailable."""
    return CircuitBreaker(
        name=name,
        fail_max=tripping.consecutive_failures,
        reset_timeout=tripping.timeout,
        success_threshold=tripping.max_requests,
        exclude=[lambda error: not isinstance(error, Unavailable)],
        listeners=[_Share(tripping=tripping, monotonic=monotonic)],
        # Otherwise the call that trips it would be reported as one that was never made.
        throw_new_error_on_trip=False,
    )


@define(kw_only=True, eq=False)
class _Share(CircuitBreakerListener):
    """Trip on the share of failures, which pybreaker does not count itself."""

    tripping: Tripping
    monotonic: Callable[[], float]
    _since: float = field(default=float("-inf"), init=False)
    _failures: int = field(default=0, init=False)
    _requests: int = field(default=0, init=False)

    def success(self, cb: CircuitBreaker) -> None:
        self._count(failures=0)

    def failure(self, cb: CircuitBreaker, exc: BaseException) -> None:
        self._count(failures=1)
        if self._requests < self.tripping.min_requests:
            return
        if self._failures / self._requests >= self.tripping.failure_ratio:
            self._since = float("-inf")
            cb.open()

    def _count(self, *, failures: int) -> None:
        now = self.monotonic()
        if now - self._since >= self.tripping.interval:
            self._since, self._failures, self._requests = now, 0, 0
        self._failures += failures
        self._requests += 1


def ignore(operation: str, seconds: float, error: str | None) -> None:
    """Observe nothing."""


@define(kw_only=True)
class Guard:
    """Make calls for one port.

    A call that may be repeated is made at most ``attempts`` times, with ``first_wait`` to
    ``longest_wait`` seconds, doubling and random, between them; a longer Retry-After ends it.
    """

    sleep: Callable[[float], Awaitable[None]] = field(repr=False)
    breaker: CircuitBreaker | None = field(default=None, repr=False)
    attempts: int = 3
    first_wait: float = 0.1
    longest_wait: float = 2.0
    observe: Observe = field(default=ignore, repr=False)

    async def run(self, operation: str, call: Callable[[], Awaitable[T]], *, repeat: bool) -> T:
        """Make the call; after Unavailable make it again only if ``repeat``.

        Raises what the last call raised, or CircuitOpen if none was made.
        """
        try:
            return await self._once(operation, call)
        except Unavailable as away:
            if not repeat:
                raise
            failure = away
        return await self._repeated(operation, call, failure)

    async def _repeated(
        self, operation: str, call: Callable[[], Awaitable[T]], first: Unavailable
    ) -> T:
        # Calls that work, which are nearly all, never pay for the machinery of repeating.
        failures = [first]

        async def attempt() -> T:
            if failures:
                raise failures.pop()
            return await self._once(operation, call)

        retrying = AsyncRetrying(
            sleep=self.sleep,
            stop=stop_after_attempt(self.attempts),
            retry=retry_if_exception(self._again),
            wait=self._wait,
            reraise=True,
        )
        return await retrying(attempt)

    async def _once(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        started, error = time.perf_counter(), None
        try:
            return await self._through(call)
        except Unavailable as away:
            error = away.code.value
            raise
        finally:
            self.observe(operation, time.perf_counter() - started, error)

    async def _through(self, call: Callable[[], Awaitable[T]]) -> T:
        if self.breaker is None:
            return await call()
        try:
            with self.breaker.calling():
                return await call()
        except CircuitBreakerError:
            raise CircuitOpen(retry_after=float(self.breaker.reset_timeout)) from None

    def _again(self, error: BaseException) -> bool:
        if not isinstance(error, Unavailable) or isinstance(error, CircuitOpen):
            return False
        return (error.retry_after or 0.0) <= self.longest_wait

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        told = error.retry_after if isinstance(error, Unavailable) else None
        backoff = wait_random_exponential(multiplier=self.first_wait, max=self.longest_wait)
        return max(backoff(state), told or 0.0)
