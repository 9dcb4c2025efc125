"""Wait for the chain's word on what was sent: one poller for all, hurried along by hints.

The law: only an answer of getSignatureStatuses decides, because it is about the very
signatures that were asked for. A notification names a subscription and no signature, so it is
a hint to ask at once, whatever it says. A node that knows nothing of a transaction says
nothing about it, until the chain, as that node sees it, is past the transaction's last block.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Final, Protocol

from attrs import define, field, frozen
from solders.signature import Signature

from tillway.adapters.x402.answers import Status, Statuses
from tillway.adapters.x402.rpc import MOST_SIGNATURES, Rpc
from tillway.core.errors import Unavailable
from tillway.core.ports.clock import Clock

_log = logging.getLogger(__name__)

LANDING_MARGIN: Final = 32
"""Blocks past a transaction's last one, after which waiting for it ends: time to be finalized."""

GATHERING: Final = 0.01
"""Seconds for which hints are gathered into one request."""

_BUSY_RETRY_AFTER: Final = 2.0


class Hints(Protocol):
    """Something that may know earlier than a poll that there is news."""

    def watch(self, signature: Signature, tell: Callable[[Signature], None]) -> None:
        """Call ``tell``, from the event loop, whenever it may pay to ask about it."""
        ...

    def forget(self, signature: Signature) -> None:
        """Tell no more. A repeat does nothing."""
        ...


@frozen(kw_only=True)
class Silence:
    """Nothing was decided, and waiting any longer would not help."""

    reason: str


Word = Status | Silence


@define(kw_only=True, eq=False)
class _Watch:
    signature: Signature
    last_valid_height: int
    until: datetime
    word: asyncio.Future[Word]

    def end(self, word: Word) -> None:
        if not self.word.done():
            self.word.set_result(word)


@define(kw_only=True, eq=False)
class Confirmations:
    """Watch any number of signatures with few requests.

    While anything is watched, every ``interval`` seconds, a quarter more or less at random, all
    of it is asked for, 256 to a request; otherwise nothing is sent. A status counts once it
    reaches the commitment of ``rpc``, with or without an error.
    """

    rpc: Rpc
    clock: Clock
    hints: Hints | None = None
    interval: float = 0.4
    most_pending: int = 10_000
    chance: Callable[[], float] = random.random
    _watches: dict[Signature, list[_Watch]] = field(factory=dict, init=False)
    _polling: asyncio.Task[None] | None = field(default=None, init=False)
    _hinted: set[Signature] = field(factory=set, init=False)
    _hurrying: set[asyncio.Task[None]] = field(factory=set, init=False)
    _latest: datetime | None = field(default=None, init=False)

    @property
    def pending(self) -> int:
        """How many signatures are watched."""
        return len(self._watches)

    async def wait(self, signature: Signature, last_valid_height: int, seconds: float) -> Word:
        """Wait for the word on one signature; the law is that of ``watching``."""
        with self.watching(signature, last_valid_height, seconds) as word:
            return await word

    @contextmanager
    def watching(
        self, signature: Signature, last_valid_height: int, seconds: float
    ) -> Iterator["asyncio.Future[Word]"]:
        """Watch a signature for as long as the context lasts.

        The future gives the first status that is firm enough, or Silence once a node that is
        well past the last valid height has none, or after ``seconds`` by our clock. It never
        raises. Raises Unavailable, before anything is watched, if too many are already.
        """
        if self.pending >= self.most_pending:
            raise Unavailable(retry_after=_BUSY_RETRY_AFTER)
        watch = _Watch(
            signature=signature,
            last_valid_height=last_valid_height,
            until=self._now() + timedelta(seconds=seconds),
            word=asyncio.get_running_loop().create_future(),
        )
        self._begin(watch)
        try:
            yield watch.word
        finally:
            self._end(watch)

    def _begin(self, watch: _Watch) -> None:
        others = self._watches.setdefault(watch.signature, [])
        if not others and self.hints is not None:
            self.hints.watch(watch.signature, self.hint)
        others.append(watch)
        if self._polling is None or self._polling.done():
            self._polling = asyncio.create_task(self._poll(), name="x402 confirmations")

    def _end(self, watch: _Watch) -> None:
        watch.word.cancel()
        others = self._watches[watch.signature]
        others.remove(watch)
        if not others:
            del self._watches[watch.signature]
            if self.hints is not None:
                self.hints.forget(watch.signature)

    def hint(self, signature: Signature) -> None:
        """Ask about this signature now, with all others that are hinted at within 10 ms."""
        if signature not in self._watches:
            return
        if not self._hinted:
            hurrying = asyncio.create_task(self._hurry(), name="x402 hints")
            self._hurrying.add(hurrying)
            hurrying.add_done_callback(self._hurrying.discard)
        self._hinted.add(signature)

    async def _hurry(self) -> None:
        await asyncio.sleep(GATHERING)
        hinted, self._hinted = self._hinted, set()
        await self._ask([one for one in hinted if one in self._watches])

    async def _poll(self) -> None:
        while self._watches:
            await self.clock.sleep(self.interval * (0.75 + 0.5 * self.chance()))
            try:
                await self._round()
            except Exception:  # a fault of ours in one round must not strand every payment
                _log.exception("a round of status requests failed")
            self._end_overdue()

    async def _round(self) -> None:
        with suppress(Unavailable):
            await self.rpc.know_heights()
        await self._ask(list(self._watches))

    async def _ask(self, signatures: Sequence[Signature]) -> None:
        starts = range(0, len(signatures), MOST_SIGNATURES)
        batches = [signatures[start : start + MOST_SIGNATURES] for start in starts]
        await asyncio.gather(*(self._ask_batch(batch) for batch in batches))

    async def _ask_batch(self, batch: Sequence[Signature]) -> None:
        try:
            found = await self.rpc.statuses(batch, history=False)
        except Unavailable as away:
            _log.warning("asking for %d signatures failed: %s", len(batch), away)
            return
        for signature, status in zip(batch, found.values, strict=True):
            for watch in self._watches.get(signature, ()):
                self._weigh(watch, status, found)

    def _weigh(self, watch: _Watch, status: Status | None, found: Statuses) -> None:
        if status is not None:
            if status.level.reaches(self.rpc.commitment):
                watch.end(status)
        elif self._is_past(watch.last_valid_height, found.slot):
            watch.end(Silence(reason="not seen by its last valid block"))

    def _is_past(self, height: int, slot: int) -> bool:
        seen = self.rpc.seen
        return seen.known and seen.height_at(slot) > height + LANDING_MARGIN

    def _end_overdue(self) -> None:
        now = self._now()
        for watch in self._all():
            if now >= watch.until:
                watch.end(Silence(reason="not confirmed in time"))

    def _now(self) -> datetime:
        """Tell the time; a clock that was set back takes the ends of all waits with it."""
        now = self.clock.now()
        if self._latest is not None and now < self._latest:
            for watch in self._all():
                watch.until -= self._latest - now
        self._latest = now
        return now

    def _all(self) -> list[_Watch]:
        return [one for some in self._watches.values() for one in some]

    async def aclose(self) -> None:
        """Stop asking; what is still watched ends in Silence. A repeat does nothing."""
        tasks = [*self._hurrying, *([self._polling] if self._polling else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for watch in self._all():
            watch.end(Silence(reason="closed"))
