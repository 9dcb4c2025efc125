"""What has landed: records by signature and by address, messages that ran, token holders."""

from collections import defaultdict, deque

from attrs import Factory, define, field, frozen
from solders.pubkey import Pubkey

from tillway.entrypoints.sandbox.chain.slots import BLOCKHASH_WINDOW
from tillway.entrypoints.sandbox.chain.transactions import Keys
from tillway.entrypoints.sandbox.chain.wire import Json


@frozen(kw_only=True)
class Holding:
    """A token account's balance, before or after a transaction."""

    index: int
    mint: str
    owner: str
    program: str
    amount: int
    decimals: int


@frozen(kw_only=True)
class Landed:
    """A transaction in a block. `err` is None when it succeeded; the fee was taken anyway."""

    signature: str
    slot: int
    at: float
    wire: bytes
    keys: Keys
    err: Json
    fee: int
    units: int
    logs: tuple[str, ...]
    inner: tuple[Json, ...]
    returned: Json
    balances: tuple[tuple[int, ...], tuple[int, ...]]
    holdings: tuple[tuple[Holding, ...], tuple[Holding, ...]]


@define
class Landings:
    """Landed transactions, the oldest forgotten beyond a bound."""

    limit: int = 200_000
    total: int = field(default=0, init=False)
    _records: dict[str, Landed] = field(factory=dict, init=False)
    _by_address: dict[Pubkey, deque[Landed]] = field(
        default=Factory(lambda: defaultdict(deque)), init=False
    )

    def add(self, record: Landed) -> None:
        """Keep a record; records are added in the order of their slots."""
        self.total += 1
        self._records[record.signature] = record
        for key in set(record.keys.all):
            self._by_address[key].append(record)
        if len(self._records) > self.limit:
            self._forget(self._records.pop(next(iter(self._records))))

    def _forget(self, oldest: Landed) -> None:
        for key in set(oldest.keys.all):
            mentions = self._by_address[key]
            mentions.popleft()
            if not mentions:
                del self._by_address[key]

    def get(self, signature: str) -> Landed | None:
        """The record of this landing signature."""
        return self._records.get(signature)

    def all(self) -> list[Landed]:
        """Oldest first."""
        return list(self._records.values())

    def of(self, address: Pubkey) -> list[Landed]:
        """Records that name the address, newest first."""
        return list(reversed(self._by_address.get(address, ())))


@define
class Ran:
    """Messages that ran, kept for as long as their blockhash could let them run again."""

    _slots: dict[bytes, int] = field(factory=dict, init=False)

    def add(self, key: bytes, slot: int) -> None:
        """Note a message; slots never go back."""
        self._slots[key] = slot

    def slot_of(self, key: bytes) -> int | None:
        """The slot in which the message ran."""
        return self._slots.get(key)

    def prune(self, now: int) -> None:
        """Forget messages whose blockhash, older than their slot, must be dead."""
        for key, slot in list(self._slots.items()):
            if slot + BLOCKHASH_WINDOW >= now:
                return
            del self._slots[key]

    def all(self) -> dict[bytes, int]:
        """A copy, oldest first."""
        return dict(self._slots)


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
