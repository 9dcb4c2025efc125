"""What has landed: records by signature and by address, messages that ran, token holders."""

import zlib
from collections import Counter, defaultdict
from typing import Final

import orjson
from attrs import Factory, astuple, define, field, frozen
from solders.pubkey import Pubkey

from tillway.entrypoints.sandbox.chain.slots import BLOCKHASH_WINDOW
from tillway.entrypoints.sandbox.chain.transactions import Keys, from_wire
from tillway.entrypoints.sandbox.chain.wire import Json

_FASTEST: Final = 1


@frozen
class Holding:
    """A token account's balance, before or after a transaction."""

    index: int
    mint: str
    owner: str
    program: str
    amount: int
    decimals: int


@frozen(kw_only=True)
class Details:
    """What a transaction did. Pairs are before and after, by the index of the account."""

    fee: int
    units: int
    logs: list[str]
    inner: Json
    returned: Json
    lamports: tuple[list[int], list[int]]
    holdings: tuple[list[Holding], list[Holding]]

    def pack(self) -> bytes:
        """Write them small: a chain keeps some hundred thousand."""
        before, after = ([astuple(held) for held in side] for side in self.holdings)
        facts = [self.fee, self.units, self.logs, self.inner, self.returned, *self.lamports]
        return zlib.compress(orjson.dumps([*facts, before, after]), _FASTEST)

    @classmethod
    def unpack(cls, packed: bytes) -> "Details":
        """Read what `pack` has written."""
        fee, units, logs, inner, returned, *pairs = orjson.loads(zlib.decompress(packed))
        before, after = ([Holding(*held) for held in side] for side in pairs[2:])
        return cls(
            fee=fee,
            units=units,
            logs=logs,
            inner=inner,
            returned=returned,
            lamports=(pairs[0], pairs[1]),
            holdings=(before, after),
        )


@frozen(kw_only=True)
class Landed:
    """A transaction in a block. `err` is None when it succeeded; the fee was taken anyway."""

    signature: str
    slot: int
    at: float
    wire: bytes
    writable: tuple[Pubkey, ...]
    readonly: tuple[Pubkey, ...]
    err: Json
    packed: bytes = field(repr=False)

    @property
    def keys(self) -> Keys:
        """Its accounts: those in the message, and those loaded from lookup tables."""
        static = tuple(from_wire(self.wire).message.account_keys)
        return Keys(static=static, writable=self.writable, readonly=self.readonly)

    @property
    def details(self) -> Details:
        """What it did."""
        return Details.unpack(self.packed)


@define
class Landings:
    """Landed transactions, the oldest forgotten beyond a bound. `total` counts all ever."""

    limit: int = 100_000
    total: int = field(default=0, init=False)
    _records: dict[str, Landed] = field(factory=dict, init=False)
    _by_address: dict[Pubkey, list[Landed]] = field(
        default=Factory(lambda: defaultdict(list)), init=False
    )

    def add(self, record: Landed, keys: Keys) -> None:
        """Keep a record; records are added in the order of their slots."""
        self.total += 1
        self._records[record.signature] = record
        for key in set(keys.all):
            self._by_address[key].append(record)
        if len(self._records) > self.limit:
            self._forget(self.limit // 16 + 1)

    def _forget(self, count: int) -> None:
        # Many at once, so that the lists are shifted seldom: the busiest have them all.
        oldest = list(self._records.values())[:count]
        for record in oldest:
            del self._records[record.signature]
        for key, gone in Counter(k for each in oldest for k in set(each.keys.all)).items():
            del self._by_address[key][:gone]
            if not self._by_address[key]:
                del self._by_address[key]

    def remove(self, record: Landed) -> None:
        """Take one record out."""
        del self._records[record.signature]
        for key in set(record.keys.all):
            self._by_address[key].remove(record)

    def get(self, signature: str) -> Landed | None:
        """Find the record of this landing signature."""
        return self._records.get(signature)

    def all(self) -> list[Landed]:
        """Oldest first."""
        return list(self._records.values())

    def of(self, address: Pubkey) -> list[Landed]:
        """List records that name the address, newest first."""
        return list(reversed(self._by_address.get(address, ())))


@frozen
class Run:
    """When a message ran: its slot, and the clock reading."""

    slot: int
    at: float


@define
class Ran:
    """Messages that ran, kept for as long as their blockhash could let them run again."""

    _runs: dict[bytes, Run] = field(factory=dict, init=False)

    def add(self, key: bytes, run: Run) -> None:
        """Note a message; slots never go back."""
        self._runs[key] = run

    def get(self, key: bytes) -> Run | None:
        """Tell when the message ran."""
        return self._runs.get(key)

    def remove(self, key: bytes) -> None:
        """Let the message run again."""
        self._runs.pop(key, None)

    def prune(self, now: int) -> None:
        """Forget messages whose blockhash, older than their slot, must be dead."""
        while self._runs:
            key, run = next(iter(self._runs.items()))
            if run.slot + BLOCKHASH_WINDOW >= now:
                return
            del self._runs[key]

    def all(self) -> dict[bytes, int]:
        """Give their slots, oldest first."""
        return {key: run.slot for key, run in self._runs.items()}


@define
class Holders:
    """Which token accounts an owner may have; each is to be checked when it is read."""

    _accounts: dict[str, dict[Pubkey, None]] = field(
        default=Factory(lambda: defaultdict(dict)), init=False
    )

    def add(self, owner: str, account: Pubkey) -> None:
        """Note that the owner has, or had, this token account."""
        self._accounts[owner][account] = None

    def of(self, owner: str) -> list[Pubkey]:
        """Candidates, in the order in which they were first seen."""
        return list(self._accounts.get(owner, ()))
