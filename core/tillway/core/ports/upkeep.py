"""What an operator does to a store: capabilities that it has or lacks.

Other processes may use the store meanwhile. All raise Unavailable, with the cause in one line,
where the store cannot be used. Migrating and copying need no store that is started.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
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


@runtime_checkable
class BacksUp(Protocol):
    """Copy a store while it is at work."""

    async def back_up(self, file: Path, progress: Callable[[int, int], object]) -> None:
        """Write everything, as it stands at one moment, into a new file.

        What was committed before the call is in it, and of every unit of work all or nothing.
        Once this returns, the copy opens as a store, has been checked, and is on the disk;
        before, and after an error or a crash, no file has that name. ``progress`` is told how
        much of how much is done, from any thread. FileExistsError for a file that is there, and
        other OSErrors where it cannot be written.
        """
        ...


@runtime_checkable
class ChecksWriting(Protocol):
    """Tell whether what is written now would be kept."""

    async def check_writing(self) -> None:
        """Raise Unavailable where writes are known to be refused: a full disk, a standby.

        Changes nothing, and may be asked every second. That it passes is no promise.
        """
        ...
