"""Move the money, once: send, wait for the chain's word, and look up what became of it."""

import asyncio
import logging
from contextlib import suppress
from typing import Final, Protocol

from attrs import define, field
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from tillway.adapters.x402.confirm import Confirmations, Silence, Word
from tillway.adapters.x402.errors import (
    ALREADY_PROCESSED,
    BLOCKHASH_NOT_FOUND,
    RpcRefused,
    SendRefused,
    explain,
)
from tillway.adapters.x402.lookup import look_up, outcome_of
from tillway.adapters.x402.queue import Queue
from tillway.adapters.x402.rpc import Rpc
from tillway.core.errors import Code, Unavailable
from tillway.core.payments import Failed, Outcome, Unresolved
from tillway.core.ports.clock import Clock
from tillway.core.ports.rails import Signed

_log = logging.getLogger(__name__)

_WAIT_ON: Final = (ALREADY_PROCESSED, BLOCKHASH_NOT_FOUND)
"""Preflight errors after which it may well land: sent before, or a node that lags."""


class Sponsors(Protocol):
    """Our wallets, as far as sending concerns them."""

    def pays(self, key: Pubkey) -> bool:
        """Tell whether the key is ours."""
        ...

    def doubt(self, key: Pubkey) -> None:
        """Take note that a fee could not be paid, so that the balance is looked at soon."""
        ...


@define(kw_only=True)
class NoSponsors:
    """A gateway without wallets of its own."""

    def pays(self, key: Pubkey) -> bool:
        """Tell that no key is ours."""
        return False

    def doubt(self, key: Pubkey) -> None:
        """Note nothing."""


@define(kw_only=True)
class Sender:
    """Send exactly the signed bytes, again while nothing is known of them, and wait.

    ``skip_preflight`` is for the first send; repeats always skip it, since what a node makes of
    bytes that went out before proves nothing. A first send that fails is made again ``retries``
    times, 0.5 s later and twice as long each time, before all others in the queue. While there
    is no word the bytes go out again every ``resend_after`` seconds, for ``patience`` seconds
    at most and until their last valid block has passed.
    """

    rpc: Rpc = field(repr=False)
    clock: Clock = field(repr=False)
    confirmations: Confirmations = field(repr=False)
    queue: Queue = field(repr=False)
    sponsors: Sponsors = field(factory=NoSponsors, repr=False)
    skip_preflight: bool = False
    patience: float = 90.0
    resend_after: float = 2.0
    retries: int = 3
    first_retry_after: float = 0.5

    async def send(self, signed: Signed) -> Outcome:
        """Move the buyer's money; the law is that of the port Sends.

        Settled needs a status at the configured commitment without an error. Failed needs a
        finalized error that no other node contradicts. A confirmed error, or a preflight error
        before anything went out, is Unresolved with what the buyer may be told.
        """
        signature = Signature.from_string(signed.signature)
        async with self.queue.place():
            watching = self.confirmations.watching(
                signature, signed.last_valid_height, self.patience
            )
            with watching as word:
                refused = await self._first(signed, word)
                if refused is not None and refused.err not in _WAIT_ON:
                    return self._refused(signed, refused)
                outcome = self._outcome(signed, await self._word(signed, word))
        # That one node calls it a final failure is not enough while another knows better.
        return await self.look(signed) if isinstance(outcome, Failed) else outcome

    async def look(self, signed: Signed) -> Outcome:
        """Look it up with all nodes; Failed only by a finalized error or the height proof."""
        return await look_up(self.rpc, signed, sponsored=self._sponsored(signed))

    async def _first(self, signed: Signed, word: "asyncio.Future[Word]") -> SendRefused | None:
        """Send until a node has the bytes; give its refusal if nothing can have gone out."""
        written = False
        for attempt in range(self.retries + 1):
            await self.queue.turn(first=attempt > 0)
            try:
                await self.rpc.send(signed.payload, skip_preflight=self.skip_preflight)
            except SendRefused as refused:
                return None if written or refused.written else refused
            except Unavailable as away:
                written = written or getattr(away, "written", False)
                if attempt == self.retries and not written:
                    raise
                _log.warning("sending %s failed: %s", signed.signature, away)
            else:
                return None
            if word.done() or attempt == self.retries:
                return None
            await self.clock.sleep(self.first_retry_after * 2**attempt)
        return None

    async def _word(self, signed: Signed, word: "asyncio.Future[Word]") -> Word:
        resending = asyncio.create_task(self._resend(signed), name="x402 resend")
        try:
            return await word
        finally:
            resending.cancel()
            await asyncio.gather(resending, return_exceptions=True)

    async def _resend(self, signed: Signed) -> None:
        while True:
            await self.clock.sleep(self.resend_after)
            await self.queue.turn(first=True)
            with suppress(Unavailable, RpcRefused):
                await self.rpc.send(signed.payload, skip_preflight=True)

    def _outcome(self, signed: Signed, word: Word) -> Outcome:
        if isinstance(word, Silence):
            return Unresolved(reason=word.reason)
        sponsored = self._sponsored(signed) if word.err is not None else False
        return outcome_of(signed.signature, word, self.rpc.commitment, sponsored=sponsored)

    def _refused(self, signed: Signed, refused: SendRefused) -> Unresolved:
        payer = fee_payer(signed.payload)
        ours = self.sponsors.pays(payer)
        explained = explain(refused.err, refused.logs, sponsored=ours)
        if ours and explained.code is Code.INTERNAL_ERROR:
            self.sponsors.doubt(payer)
        reason = f"refused before sending: {explained.reason}"
        told = Failed(code=explained.code, reason=explained.reason, landed=False)
        return Unresolved(reason=reason, refusal=told)

    def _sponsored(self, signed: Signed) -> bool:
        return self.sponsors.pays(fee_payer(signed.payload))


def fee_payer(payload: bytes) -> Pubkey:
    """Give the account that pays the fee: the first of the message (solana-sdk, Message)."""
    return VersionedTransaction.from_bytes(payload).message.account_keys[0]
