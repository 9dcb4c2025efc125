"""Answers that many ask for at once and that may be a little old."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from attrs import define, field

T = TypeVar("T")


@define(eq=False)
class Fresh(Generic[T]):
    """Makes a value at most once in ``seconds``, however many ask meanwhile.

    Who asks while it is being made waits for that one. What making raises, all of them get, and
    the next asks anew.
    """

    make: Callable[[], Awaitable[T]]
    seconds: float = 1.0
    _making: "asyncio.Task[T] | None" = field(default=None, init=False)
    _until: float = field(default=0.0, init=False)

    async def get(self) -> T:
        """Give the value. A caller that is cancelled leaves the making to the others."""
        task = self._making
        if task is None or (task.done() and self._is_old(task)):
            task = self._making = asyncio.create_task(self._made())
        return await asyncio.shield(task)

    async def _made(self) -> T:
        made = await self.make()
        self._until = asyncio.get_running_loop().time() + self.seconds
        return made

    def _is_old(self, task: "asyncio.Task[T]") -> bool:
        if task.cancelled() or task.exception() is not None:
            return True
        return asyncio.get_running_loop().time() >= self._until
