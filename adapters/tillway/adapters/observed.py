"""A store that tells how long its units of work and views last."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

from attrs import define

from tillway.core.errors import TillwayError
from tillway.core.observations import Observer, QueryRan
from tillway.core.ports.store import Store, UnitOfWork, View
from tillway.core.ports.upkeep import ChecksWriting

_Open = TypeVar("_Open")


@define(kw_only=True)
class ObservedStore:
    """Any store, observed; all laws are those of the store inside."""

    store: Store
    backend: str
    observe: Observer

    def begin(self, *, once: bool = False) -> AbstractAsyncContextManager[UnitOfWork]:
        """Open a unit of work."""
        return self._timed("write", lambda: self.store.begin(once=once))

    def view(self, *, once: bool = False) -> AbstractAsyncContextManager[View]:
        """Open a consistent view for reading."""
        return self._timed("read", lambda: self.store.view(once=once))

    async def start(self) -> None:
        """Open the place."""
        await self.store.start()

    async def aclose(self) -> None:
        """Close it."""
        await self.store.aclose()

    async def check_writing(self) -> None:
        """Ask the store inside, if it can tell."""
        if isinstance(self.store, ChecksWriting):
            await self.store.check_writing()

    @asynccontextmanager
    async def _timed(
        self, operation: str, opening: Callable[[], AbstractAsyncContextManager[_Open]]
    ) -> AsyncIterator[_Open]:
        started, error = time.perf_counter(), None
        try:
            async with opening() as opened:
                yield opened
        except TillwayError as refused:
            error = refused.code.value
            raise
        finally:
            seconds = time.perf_counter() - started
            self.observe(
                QueryRan(operation=operation, backend=self.backend, seconds=seconds, error=error)
            )
