"""Units that promised a single call, and calls that wait to be committed together."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from attrs import define, field, frozen

from tillway.core.errors import Unavailable

T = TypeVar("T")

MOST_CALLS: Final = 64
"""How many calls are committed together at most."""


@define(eq=False)
class Promise:
    """The one call of a unit, which is committed once that has been answered."""

    _used: bool = field(default=False, init=False)
    _over: bool = field(default=False, init=False)
    _spoiled: Exception | None = field(default=None, init=False)

    async def kept(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make the one call that was promised; RuntimeError for another."""
        if self._over:
            raise RuntimeError("this unit of work has ended")
        if self._used:
            raise self._spoiled or RuntimeError("this unit of work has promised a single call")
        self._used = True
        try:
            return await call()
        except Exception as error:
            self._spoiled = error
            raise

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the unit until the block ends; raise what its call raised, even if it was caught."""
        try:
            yield
        finally:
            self._over = True
        if self._spoiled is not None:
            raise self._spoiled


@frozen
class Done:
    """What came of one call: its value, or what it raised."""

    value: object = None
    error: Exception | None = None

    def tell(self, answer: "asyncio.Future[Any]") -> None:
        """Answer whoever made the call."""
        if answer.done():  # the caller was cancelled
            return
        if self.error is None:
            answer.set_result(self.value)
        else:
            answer.set_exception(own_of(self.error))


def own_of(error: Exception) -> Exception:
    """Give whoever waits an error of its own: many may, and each raises it."""
    if not isinstance(error, Unavailable):
        return error
    own = Unavailable(error.code, error.message, retry_after=error.retry_after)
    own.__cause__ = error
    return own
