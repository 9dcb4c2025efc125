"""How a unit of work stands: whether it is over, and what has spoiled it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, field

from tillway.core.errors import Code, Unavailable


@define(eq=False)
class Standing:
    """A unit of work or a view that can be over, and spoiled by an operation that raises."""

    over: bool = field(init=False, default=False)
    spoiled: Exception | None = field(init=False, default=None)

    @contextmanager
    def operating(self) -> Iterator[None]:
        """Run an operation. RuntimeError once all is over, and once spoiled the same again."""
        if self.over:
            raise RuntimeError("this unit of work or view has ended")
        if self.spoiled is not None:
            raise self.spoiled
        try:
            yield
        except asyncio.CancelledError:
            # The work may be done or not, so the unit is worth nothing, whoever catches this.
            text = "The store was left in the middle of an operation."
            self.spoiled = Unavailable(Code.SERVICE_UNAVAILABLE, text, retry_after=1.0)
            raise
        except Exception as error:
            self.spoiled = error
            raise
