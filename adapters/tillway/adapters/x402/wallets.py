"""Our own keys: reading them, knowing whether they can pay, and choosing one."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from itertools import count
from typing import Final

import orjson
from attrs import define, evolve, field, frozen
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from tillway.adapters.x402.rpc import Rpc
from tillway.core.errors import Unavailable
from tillway.core.ports.clock import Clock
from tillway.core.ports.rails import WalletHealth

_log = logging.getLogger(__name__)

VARIABLE: Final = "X402_SERVER_WALLET_"
LAMPORTS_PER_SOL: Final = 1_000_000_000
HEALTHY_FROM: Final = 5_000_000
CRITICAL_UP_TO: Final = 1_000_000

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class BadKey(ValueError):
    """A wallet's key cannot be read. The text names the variable and never its value."""


def read_keypair(secret: str, name: str) -> Keypair:
    """Read a secret key: 64 bytes in base58, or a JSON array of 64 numbers.

    Raises BadKey, which names the variable ``name`` and nothing of the secret.
    """
    # Causes are cut off (from None): what they say is made of the secret.
    text = secret.strip()
    if text.startswith("["):
        return _of_numbers(text, name)
    try:
        return Keypair.from_base58_string(text)
    except ValueError:
        raise BadKey(f"{name} is not a secret key of 64 bytes in base58") from None


def _of_numbers(text: str, name: str) -> Keypair:
    try:
        return Keypair.from_bytes(bytes(orjson.loads(text)))
    except (ValueError, TypeError):
        raise BadKey(f"{name} is not a JSON array of the 64 bytes of a secret key") from None


def read_keypairs(secrets: Sequence[str]) -> tuple[Keypair, ...]:
    """Read X402_SERVER_WALLET_1, _2 and so on; raises BadKey, for a key given twice as well."""
    pairs: dict[Pubkey, Keypair] = {}
    for number, secret in enumerate(secrets, start=1):
        name = f"{VARIABLE}{number}"
        pair = read_keypair(secret, name)
        if pair.pubkey() in pairs:
            raise BadKey(f"{name} is the same wallet as one before it")
        pairs[pair.pubkey()] = pair
    return tuple(pairs.values())


class Standing(StrEnum):
    """Whether a wallet can pay fees."""

    UNKNOWN = "unknown"
    CRITICAL = "critical"
    UNHEALTHY = "unhealthy"
    HEALTHY = "healthy"


@frozen(kw_only=True)
class Balance:
    """What was last learnt of a wallet. ``error`` tells that the last look failed."""

    lamports: int | None = None
    checked_at: datetime = _NEVER
    error: str | None = None

    @property
    def standing(self) -> Standing:
        """Healthy from 0.005 SOL, critical up to 0.001 SOL, unhealthy between."""
        if self.lamports is None:
            return Standing.UNKNOWN
        if self.lamports >= HEALTHY_FROM:
            return Standing.HEALTHY
        return Standing.CRITICAL if self.lamports <= CRITICAL_UP_TO else Standing.UNHEALTHY

    def health(self, key: Pubkey) -> WalletHealth:
        """Write it as the health route shows it; a wallet not yet known counts as unhealthy."""
        standing = self.standing
        unknown = standing is Standing.UNKNOWN
        return WalletHealth(
            address=f"{str(key)[:8]}...",
            balance=f"{(self.lamports or 0) / LAMPORTS_PER_SOL:.6f}",
            status=Standing.UNHEALTHY if unknown else standing,
            checked_at=self.checked_at.isoformat().replace("+00:00", "Z"),
            error=self.error or ("not checked yet" if unknown else None),
        )


def _by_key(keys: Sequence[Keypair]) -> dict[Pubkey, Keypair]:
    return {pair.pubkey(): pair for pair in keys}


@define(kw_only=True)
class Wallets:
    """Our fee payers. Only healthy ones are chosen, each in its turn.

    Balances are looked at when started, every ``interval`` seconds, after ``retry`` seconds if
    a look has failed, and soon after a doubt. A failed look keeps what was known before.
    """

    rpc: Rpc = field(repr=False)
    clock: Clock = field(repr=False)
    interval: float = 300.0
    retry: float = 15.0
    timeout: float = 10.0
    _pairs: dict[Pubkey, Keypair] = field(alias="keys", converter=_by_key, repr=False)
    _balances: dict[Pubkey, Balance] = field(factory=dict, init=False)
    _healthy: tuple[Pubkey, ...] = field(default=(), init=False)
    _turns: "count[int]" = field(factory=lambda: count(1), init=False)
    _watching: asyncio.Task[None] | None = field(default=None, init=False, repr=False)
    _doubts: dict[Pubkey, asyncio.Task[None]] = field(factory=dict, init=False, repr=False)

    @property
    def addresses(self) -> tuple[Pubkey, ...]:
        """All wallets, in the order configured."""
        return tuple(self._pairs)

    def get(self, key: Pubkey) -> Keypair | None:
        """Give the wallet with this address, healthy or not; None if it is not ours."""
        return self._pairs.get(key)

    def pays(self, key: Pubkey) -> bool:
        """Tell whether the key is ours."""
        return key in self._pairs

    def is_healthy(self, key: Pubkey) -> bool:
        """Tell whether the key is ours and can pay."""
        return key in self._pairs and self.balance(key).standing is Standing.HEALTHY

    def balance(self, key: Pubkey) -> Balance:
        """Give what was last learnt of a wallet."""
        return self._balances.get(key, Balance())

    def next(self) -> Keypair | None:
        """Give the next healthy wallet, round robin; None if there is none."""
        key = self.next_address()
        return None if key is None else self._pairs[key]

    def next_address(self) -> Pubkey | None:
        """Give the address of the next healthy wallet, of the same turns as ``next``.

        No two callers get one turn: nothing is awaited here. For offers, which are many: the
        address of a key pair is worked out anew each time that it is asked for.
        """
        if not self._healthy:
            return None
        return self._healthy[next(self._turns) % len(self._healthy)]

    def health(self) -> tuple[WalletHealth, ...]:
        """Write all wallets as the health route shows them, from memory."""
        return tuple(self.balance(key).health(key) for key in self._pairs)

    async def start(self) -> None:
        """Look at all balances at once, for 10 seconds at most, and go on in the background."""
        if self._pairs and self._watching is None:
            await self.check()
            self._watching = asyncio.create_task(self._watch(), name="x402 wallets")

    async def check(self) -> None:
        """Look at all balances now, at once."""
        await asyncio.gather(*(self._check(key) for key in self._pairs))

    def doubt(self, key: Pubkey) -> None:
        """Look at this balance soon; a repeat before the answer does nothing."""
        if key in self._pairs and key not in self._doubts:
            doubt = asyncio.create_task(self._check(key), name="x402 wallet")
            self._doubts[key] = doubt
            doubt.add_done_callback(lambda _: self._doubts.pop(key, None))

    async def _check(self, key: Pubkey) -> None:
        now = self.clock.now()
        try:
            async with asyncio.timeout(self.timeout):
                lamports = await self.rpc.balance(key)
        except (Unavailable, TimeoutError) as away:
            _log.warning("no balance of wallet %s: %s", str(key)[:8], type(away).__name__)
            before = self.balance(key)
            self._learn(key, evolve(before, checked_at=now, error="balance unavailable"))
            return
        self._learn(key, Balance(lamports=lamports, checked_at=now))

    def _learn(self, key: Pubkey, balance: Balance) -> None:
        self._balances[key] = balance
        self._healthy = tuple(one for one in self._pairs if self.is_healthy(one))

    async def _watch(self) -> None:
        while True:
            failed = any(self.balance(key).error for key in self._pairs)
            await self.clock.sleep(self.retry if failed else self.interval)
            await self.check()

    async def aclose(self) -> None:
        """Stop looking. A repeat does nothing."""
        tasks = [*self._doubts.values(), *([self._watching] if self._watching else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
