"""Units that promised a single call: decided together, and committed as one entry.

Those that come while others are committed wait together. All are first tried side by side, which
tells what they need to read; then each is decided after the other, over what those before it have
changed. If another process was first with the next entry, all are decided again.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from attrs import define, field, frozen

from tillway.adapters.stores.layered.layers import Layer, Layers, Stacked, Work
from tillway.adapters.stores.mongo.committing import Committer, changes_of
from tillway.adapters.stores.mongo.faults import is_too_much
from tillway.adapters.stores.mongo.loader import Loader
from tillway.adapters.stores.mongo.log import Changes
from tillway.adapters.stores.mongo.sight import Sight
from tillway.adapters.stores.patience import busy, within
from tillway.adapters.stores.promises import MOST_CALLS, Done, Promise
from tillway.core.errors import Unavailable

T = TypeVar("T")


@frozen(eq=False)
class _Call:
    """Work that waits to be committed, and for its answer."""

    work: Work[Any]
    answer: "asyncio.Future[Any]"


@define(eq=False)
class SingleSession:
    """A unit of one call, which is committed once that has been answered."""

    singles: "Singles"
    promise: Promise = field(factory=Promise)

    async def read(self, work: Work[T]) -> T:
        """Do the one call that was promised; RuntimeError for another."""
        return await self.promise.kept(lambda: self.singles.run(work))

    async def write(self, work: Work[T]) -> T:
        """Do the one call that was promised; RuntimeError for another."""
        return await self.read(work)


@define(eq=False)
class Singles:
    """Take calls and commit them together, in the order in which they come.

    ``turn`` is held while they are, so that they and longer units keep out of each other's way.
    """

    committer: Committer
    loader: Loader
    turn: asyncio.Lock
    _waiting: deque[_Call] = field(init=False, factory=deque)
    _working: "asyncio.Task[None] | None" = field(init=False, default=None)

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[SingleSession]:
        """Open a unit of one call."""
        session = SingleSession(self)
        with session.promise.held():
            yield session

    async def run(self, work: Work[T]) -> T:
        """Do work, and give its result once it is committed."""
        call = _Call(work, asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        if self._working is None:
            self._working = asyncio.create_task(self._work(), name="mongo singles")
        result: T = await call.answer
        return result

    async def aclose(self) -> None:
        """Wait until every call has its answer."""
        while self._working is not None:
            await asyncio.wait([self._working])

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._some()
        finally:
            self._working = None

    async def _some(self) -> None:
        try:
            async with within(self.committer.patience):
                await self.turn.acquire()
        except Unavailable as failure:
            _answer(self._taken(len(self._waiting)), failure)
            return
        try:
            await self._committed(self._taken(MOST_CALLS))
        finally:
            self.turn.release()

    def _taken(self, most: int) -> list[_Call]:
        calls = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        return [call for call in calls if not call.answer.done()]

    async def _committed(self, calls: Sequence[_Call]) -> None:
        try:
            done = await self._decided([call.work for call in calls])
        except Exception as failure:  # whoever waits has to hear of it
            if len(calls) > 1 and isinstance(failure, Unavailable) and is_too_much(failure):
                for call in calls:
                    await self._committed([call])
                return
            _answer(calls, failure)
            return
        for call, what in zip(calls, done, strict=True):
            what.tell(call.answer)

    async def _decided(self, works: Sequence[Work[Any]]) -> Sequence[Done]:
        loop, committer = asyncio.get_running_loop(), self.committer
        deadline = loop.time() + committer.patience
        await committer.room()
        await committer.tail.begin()
        sight = Sight(committer.tail, self.loader, checked=False)
        with sight.open():
            await asyncio.gather(committer.tail.refresh(), *(_tried(sight, work) for work in works))
            attempt = 0
            while True:
                position = committer.tail.head
                done, changes = await _decided_on(sight, works)
                if changes:
                    if await committer.commit(position, changes):
                        return done
                    await committer.others(position, attempt)
                else:
                    await committer.tail.refresh()
                    if committer.tail.head == position:
                        return done
                attempt += 1
                if loop.time() > deadline:
                    raise busy()


async def _tried(sight: Sight, work: Work[Any]) -> None:
    """Have work read what it needs; what it says is of no account yet."""
    try:
        await work(sight.layers())
    except Unavailable:
        raise
    except Exception:  # noqa: S110 - it is raised again when it is decided
        pass


async def _decided_on(sight: Sight, works: Sequence[Work[Any]]) -> tuple[Sequence[Done], Changes]:
    together = sight.layers()
    done = [await _one(together, work) for work in works]
    return done, await changes_of(together, sight)


async def _one(together: Layers, work: Work[Any]) -> Done:
    own = Layers({name: Layer(Stacked(layer)) for name, layer in together.each.items()})
    try:
        value = await work(own)
    except Unavailable:
        raise
    except Exception as error:
        return Done(error=error)
    for name, layer in own.each.items():
        together.each[name].own.update(layer.own)
    return Done(value=value)


def _answer(calls: Sequence[_Call], failure: Exception) -> None:
    for call in calls:
        Done(error=failure).tell(call.answer)
