"""The calls that a payment needs of a Solana node, in types.

Every method raises Unavailable (rpc_error, network_error) when no node gave a usable answer.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, TypeVar

from attrs import Factory, define, evolve, field, frozen
from solders.pubkey import Pubkey
from solders.signature import Signature

from tillway.adapters.x402 import answers, holdings, mentions
from tillway.adapters.x402.answers import (
    Account,
    Accounts,
    Blockhash,
    Landed,
    Level,
    Misshapen,
    Simulation,
    Statuses,
    Tip,
)
from tillway.adapters.x402.endpoints import Calls, Endpoints, Read
from tillway.adapters.x402.errors import INVALID_PARAMS, NodeFailed, RpcRefused, SendRefused
from tillway.adapters.x402.heights import Heights
from tillway.adapters.x402.holdings import Holdings
from tillway.adapters.x402.mentions import Mention
from tillway.core.errors import Unavailable
from tillway.core.ports.clock import Clock

T = TypeVar("T")
A = TypeVar("A", Accounts, Simulation, Statuses, Tip)

MOST_SIGNATURES: Final = 256
"""The most that getSignatureStatuses takes (agave, MAX_GET_SIGNATURE_STATUSES_QUERY_ITEMS)."""

BLOCKHASH_LIFETIME: Final = timedelta(seconds=1)
"""How long an answer of getLatestBlockhash is used again."""

_LAST_ANSWER_AFTER: Final = 1.0
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Guards(Protocol):
    """What stands between a call and its failures: retries, a circuit breaker, metrics."""

    async def run(self, operation: str, call: Callable[[], Awaitable[T]], *, repeat: bool) -> T:
        """Make the call; make it again after Unavailable only if ``repeat``."""
        ...


@frozen
class Unguarded:
    """Make each call once."""

    async def run(self, operation: str, call: Callable[[], Awaitable[T]], *, repeat: bool) -> T:
        """Make the call."""
        return await call()


@define(kw_only=True)
class Rpc:
    """The nodes of one cluster, as the rail asks them.

    Times that limit the use of old answers are of ``clock``; network time-outs are real time.
    """

    calls: Calls = field(repr=False)
    clock: Clock = field(repr=False)
    commitment: Level = Level.CONFIRMED
    guard: Guards = field(factory=Unguarded, repr=False)
    seen: Heights = field(default=Factory(lambda self: Heights(clock=self.clock), takes_self=True))
    _latest: tuple[Blockhash | None, datetime] = field(default=(None, _NEVER), init=False)
    _asking: asyncio.Task[Blockhash] | None = field(default=None, init=False, repr=False)

    def each(self) -> Iterator["Rpc"]:
        """Give one Rpc for each node, healthy ones first, so that a proof can stay with one."""
        if not isinstance(self.calls, Endpoints):
            yield self
            return
        for place in self.calls.order():
            yield evolve(self, calls=self.calls.nodes[place], guard=Unguarded())

    async def simulate(self, raw: bytes, accounts: Sequence[Pubkey] = ()) -> Simulation:
        """Run it at the configured commitment without checking signatures; changes nothing.

        A transaction that nodes cannot read gives ``err`` ``SanitizeFailure``.
        """
        config: dict[str, object] = {
            "encoding": "base64",
            "commitment": self.commitment,
            "sigVerify": False,
            "replaceRecentBlockhash": False,
        }
        if accounts:
            addresses = [str(key) for key in accounts]
            config["accounts"] = {"encoding": "base64", "addresses": addresses}
        try:
            return await self._ask(
                "simulateTransaction",
                [_base64(raw), config],
                self._timely(lambda result: answers.simulation(result, len(accounts))),
            )
        except RpcRefused as refused:
            return self._unreadable(refused, len(accounts))

    def _unreadable(self, refused: RpcRefused, accounts: int) -> Simulation:
        if refused.number != INVALID_PARAMS:
            raise NodeFailed(str(refused.number)) from refused
        return Simulation(
            err="SanitizeFailure",
            logs=(refused.text,),
            units=None,
            slot=self.seen.slot,
            accounts=(None,) * accounts,
        )

    async def send(self, raw: bytes, *, skip_preflight: bool) -> None:
        """Hand the signed bytes to a node, or to the next one if it fails: a repeat is harmless.

        Raises SendRefused if a node would not take these bytes; NodeFailed, a kind of
        Unavailable. ``written`` of either tells whether they may have gone out all the same.
        """
        config = {
            "encoding": "base64",
            "skipPreflight": skip_preflight,
            "preflightCommitment": self.commitment,
        }
        try:
            await self._ask("sendTransaction", [_base64(raw), config], answers.text, repeat=False)
        except RpcRefused as refused:
            raise SendRefused.of(refused) or NodeFailed(str(refused.number)) from refused

    async def statuses(self, signatures: Sequence[Signature], *, history: bool) -> Statuses:
        """Look up at most 256 signatures; ``history`` searches more than the recent ones."""
        return await self._read(
            "getSignatureStatuses",
            [[str(one) for one in signatures], {"searchTransactionHistory": history}],
            self._timely(lambda result: answers.statuses(result, len(signatures))),
        )

    async def has_run(self, signature: Signature) -> bool:
        """Tell whether any node shows any recent status, of a block that is not confirmed too.

        All are asked at once; who answers a second later than another is not waited for. False
        proves nothing: all nodes may lag. Raises Unavailable if none answers.
        """
        asked = [asyncio.create_task(_shows(node, signature)) for node in self.each()]
        try:
            return await _any(asked)
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)

    async def latest_blockhash(self) -> Blockhash:
        """Give the newest blockhash, at most a second old by our clock."""
        return self.known_blockhash() or await self._refreshed()

    def known_blockhash(self) -> Blockhash | None:
        """Give the newest blockhash if it was heard less than a second ago. Asks nobody."""
        latest, at = self._latest
        # By a clock that was set back nobody can tell how old it is.
        fresh = timedelta() <= self.clock.now() - at < BLOCKHASH_LIFETIME
        return latest if fresh else None

    async def know_heights(self) -> Heights:
        """Make sure that ``seen.height`` can be read and is not far off; mostly no call."""
        if self.seen.stale:
            await self._refreshed()
        return self.seen

    async def _refreshed(self) -> Blockhash:
        # Callers share one request; one that leaves does not take it from the others.
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._latest_blockhash(), name="x402 blockhash")
            # All callers may have left by the time that it fails.
            self._asking.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(self._asking)

    async def _latest_blockhash(self) -> Blockhash:
        config = {"commitment": self.commitment}
        latest = await self._read("getLatestBlockhash", [config], self._blockhash)
        self._latest = (latest, self.clock.now())
        return latest

    async def block_height(self, commitment: Level = Level.FINALIZED) -> int:
        """Give the height of the newest block at that commitment."""
        return await self._read("getBlockHeight", [{"commitment": commitment}], answers.whole)

    async def tip(self, commitment: Level = Level.FINALIZED) -> Tip:
        """Give slot and height of the newest block at that commitment, from one answer."""
        reading = self._timely(answers.tip)
        return await self._read("getEpochInfo", [{"commitment": commitment}], reading)

    async def first_available_block(self) -> int:
        """Give the lowest slot whose block a node still has."""
        return await self._read("getFirstAvailableBlock", [], answers.whole)

    async def slot(self) -> int:
        """Give the newest slot at the configured commitment."""
        config = {"commitment": self.commitment}
        return await self._read("getSlot", [config], self._slot)

    async def genesis_hash(self) -> str:
        """Give the hash by which a cluster is known."""
        return await self._read("getGenesisHash", [], answers.text)

    async def transaction(self, signature: Signature) -> Landed | None:
        """Look up a transaction that is at least confirmed; None if the node has none."""
        return await self._landed(signature, answers.landed)

    async def wire(self, signature: Signature) -> bytes | None:
        """Give the bytes of such a transaction."""
        return await self._landed(signature, mentions.wire)

    async def holdings(self, signature: Signature) -> Holdings | None:
        """Give what token accounts held before and after such a transaction."""
        return await self._landed(signature, holdings.holdings)

    async def _landed(self, signature: Signature, read: Read[T]) -> T:
        config = {
            "encoding": "base64",
            "commitment": self._firm,
            "maxSupportedTransactionVersion": 0,
        }
        return await self._read("getTransaction", [str(signature), config], read)

    async def mentions(
        self, account: Pubkey, limit: int, before: Signature | None = None
    ) -> Sequence[Mention]:
        """List transactions that name an account and are at least confirmed, newest first.

        Those that are older than ``before``.
        """
        config: dict[str, object] = {"limit": limit, "commitment": self._firm}
        if before is not None:
            config["before"] = str(before)
        return await self._read(
            "getSignaturesForAddress",
            [str(account), config],
            lambda result: mentions.mentions(result, limit),
        )

    @property
    def _firm(self) -> Level:
        return self.commitment if self.commitment.reaches(Level.CONFIRMED) else Level.CONFIRMED

    async def accounts(self, keys: Sequence[Pubkey]) -> tuple[Account | None, ...]:
        """Give at most 100 accounts in the order asked, None for those that do not exist."""
        found: Accounts = await self._read(
            "getMultipleAccounts",
            [
                [str(key) for key in keys],
                {"encoding": "base64", "commitment": self.commitment},
            ],
            self._timely(lambda result: answers.accounts(result, len(keys))),
        )
        return found.values

    async def balance(self, key: Pubkey) -> int:
        """Give an account's lamports; 0 if it does not exist."""
        config = {"commitment": self.commitment}
        return await self._read("getBalance", [str(key), config], answers.balance)

    def _timely(self, read: Read[A]) -> Read[A]:
        """Read an answer with its slot; one from the far future is none (see Heights)."""

        def timely(result: object) -> A:
            answer = read(result)
            self._require_timely(self.seen.saw_slot(answer.slot))
            return answer

        return timely

    def _slot(self, result: object) -> int:
        slot = answers.whole(result)
        self._require_timely(self.seen.saw_slot(slot))
        return slot

    def _blockhash(self, result: object) -> Blockhash:
        latest = answers.blockhash(result)
        self._require_timely(self.seen.saw_blockhash(latest))
        return latest

    def _require_timely(self, timely: bool) -> None:
        if not timely:
            raise Misshapen("a slot that cannot have been reached")

    async def _read(self, method: str, params: Sequence[object], read: Read[T]) -> T:
        try:
            return await self._ask(method, params, read)
        except RpcRefused as refused:
            raise NodeFailed(str(refused.number)) from refused

    async def _ask(
        self, method: str, params: Sequence[object], read: Read[T], *, repeat: bool = True
    ) -> T:
        return await self.guard.run(
            method, lambda: self.calls.call(method, params, read), repeat=repeat
        )


async def _shows(node: Rpc, signature: Signature) -> bool | None:
    try:
        found = await node.statuses([signature], history=False)
    except Unavailable:
        return None
    return found.values[0] is not None


async def _any(asked: Iterable[asyncio.Task[bool | None]]) -> bool:
    waiting, heard = set(asked), False
    while waiting:
        patience = _LAST_ANSWER_AFTER if heard else None
        done, waiting = await asyncio.wait(
            waiting, timeout=patience, return_when=asyncio.FIRST_COMPLETED
        )
        answers = [task.result() for task in done]
        if any(answers):
            return True
        if not done:
            break
        heard = heard or False in answers
    if not heard:
        raise NodeFailed("no node answered", written=False)
    return False


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
