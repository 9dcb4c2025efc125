"""What an operator does to a store: capabilities that it has or lacks.

None of it needs the store to be started, and other processes may use it meanwhile. All raise
Unavailable, with the place and the cause in one line, where the store cannot be used.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from attrs import frozen


@frozen(kw_only=True)
class Step:
    """A step in the history of a schema; ``version`` is the one that it leads to, from 1 on."""

    version: int
    name: str


@runtime_checkable
class Migrates(Protocol):
    """Bring the schema of a store's place up to date."""

    async def pending(self) -> Sequence[Step]:
        """Give the steps that are still to be taken, in their order, and change nothing.

        Where nothing is yet, these are all. A schema that a newer version made is Unavailable.
        """
        ...

    async def migrate(self, taken: Callable[[Step], object]) -> None:
        """Take the pending steps in their order, and tell of each once it is durable.

        A step is taken whole or not at all, by one of the processes that try, which alone is
        told of it. A repeat, after a crash too, goes on with what is pending.
        """
        ...
