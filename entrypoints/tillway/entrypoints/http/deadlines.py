"""Time limits for very many short tasks, by one timer instead of one each."""

import asyncio
from typing import Any, Final

from attrs import define, field

Task = asyncio.Task[Any]

LONGEST_TICK: Final = 0.25
TICKS: Final = 10
"""How finely a short limit is looked at."""


@define(eq=False)
class Deadlines:
    """Cancels tasks that take longer than ``seconds``.

    It is late by up to a tenth of that, at most by 0.25 s. `asyncio.timeout` is exact and costs
    a timer of the loop for each use, which here would be a fifth of a whole request.

        task = deadlines.begin()
        try:
            return await work
        except CancelledError:
            if deadlines.expired(task): ...
            raise
        finally:
            deadlines.end(task)
    """

    seconds: float
    _began: dict[Task, float] = field(factory=dict, init=False)
    _ticking: bool = field(default=False, init=False)

    def begin(self) -> Task:
        """Time the current task from now on. RuntimeError if there is none."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("only a task can be timed")
        loop = task.get_loop()
        self._began[task] = loop.time()
        if not self._ticking:
            self._tick_later(loop)
        return task

    def expired(self, task: Task) -> bool:
        """Tell whether it was cancelled because its time was up, and by nobody else as well.

        To be asked once, where the cancellation arrives; if true, it is over.
        """
        return task not in self._began and task.uncancel() == 0

    def end(self, task: Task) -> None:
        """Time it no more. A repeat does nothing."""
        self._began.pop(task, None)

    def _tick_later(self, loop: asyncio.AbstractEventLoop) -> None:
        self._ticking = True
        loop.call_later(min(LONGEST_TICK, self.seconds / TICKS), self._tick, loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cancel what is overdue. A task that is cancelled here is no longer among the timed."""
        self._ticking = False
        latest = loop.time() - self.seconds
        for task in [task for task, began in self._began.items() if began <= latest]:
            del self._began[task]
            task.cancel()
        if self._began:
            self._tick_later(loop)
