"""Which wallet a seller's token account belongs to.

x402 v1 and v2 name wallets, and their clients work out the token account; a product that names
an account itself can be offered to them only if it is its owner's associated one. Offers cannot
wait for the chain, so the owner is looked up behind them, once.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, Protocol

from attrs import define, field
from solders.pubkey import Pubkey

from tillway.adapters.x402.accounts import read_token_account
from tillway.adapters.x402.answers import Account
from tillway.core.errors import Unavailable
from tillway.core.ports.clock import Clock

MOST_KNOWN: Final = 10_000
_BATCH: Final = 100
_BETWEEN: Final = 1.0
_AFTER_FAILURE: Final = 30.0

_log = logging.getLogger(__name__)


class HasAccounts(Protocol):
    """A chain whose accounts can be read."""

    async def accounts(self, keys: Sequence[Pubkey]) -> tuple[Account | None, ...]:
        """Give at most 100 accounts in the order asked."""
        ...


@define(kw_only=True)
class Owners:
    """Owners of token accounts, looked up in the background. Start it, and close it."""

    chain: HasAccounts
    clock: Clock
    _known: dict[bytes, bytes] = field(factory=dict, init=False)
    _wanted: dict[bytes, None] = field(factory=dict, init=False)
    _asked: asyncio.Event = field(factory=asyncio.Event, init=False)
    _task: asyncio.Task[None] | None = field(default=None, init=False)

    def of(self, account: bytes) -> bytes | None:
        """Give the owner if it is known; otherwise have it looked up and give None."""
        owner = self._known.get(account)
        if owner is None and len(self._wanted) + len(self._known) < MOST_KNOWN:
            self._wanted[account] = None
            self._asked.set()
        return owner

    async def look_up(self) -> None:
        """Look up the wanted accounts, at most 100. What is no token account is forgotten.

        Raises Unavailable if the chain cannot be asked; the accounts stay wanted.
        """
        batch = list(self._wanted)[:_BATCH]
        if not batch:
            return
        found = await self.chain.accounts([Pubkey(key) for key in batch])
        for key, account in zip(batch, found, strict=True):
            token = read_token_account(account)
            del self._wanted[key]
            if token is not None:
                self._known[key] = token.owner

    async def start(self) -> None:
        """Begin to look up what is asked for."""
        self._task = asyncio.create_task(self._run(), name="token account owners")

    async def aclose(self) -> None:
        """Stop. A repeat does nothing."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            pause = _BETWEEN
            try:
                await self.look_up()
            except Unavailable as away:
                _log.warning("owners of token accounts could not be looked up: %s", away)
                pause = _AFTER_FAILURE
            await self.clock.sleep(pause)
            if self._wanted:
                self._asked.set()
