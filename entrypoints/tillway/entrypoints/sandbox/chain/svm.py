"""The chain's state: a virtual machine, slots, what landed, and what is on its way."""

import hashlib
import heapq
import os
from collections.abc import Callable
from typing import Final

from attrs import define, field
from solders.account import Account
from solders.clock import Clock
from solders.keypair import Keypair
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction
from solders.transaction_metadata import FailedTransactionMetadata, SimulatedTransactionInfo

from tillway.entrypoints.sandbox.chain import nonces, tokens
from tillway.entrypoints.sandbox.chain.errors import ALREADY_PROCESSED, BLOCKHASH_NOT_FOUND
from tillway.entrypoints.sandbox.chain.execution import Execution
from tillway.entrypoints.sandbox.chain.forks import undone
from tillway.entrypoints.sandbox.chain.ledger import Details, Holders, Landed, Landings, Ran, Run
from tillway.entrypoints.sandbox.chain.programs import STABLECOINS, SYSTEM, Cluster
from tillway.entrypoints.sandbox.chain.slots import FINALITY, SLOTS_IN_EPOCH, Slots
from tillway.entrypoints.sandbox.chain.transactions import (
    from_wire,
    is_writable,
    keys_of,
    message_key,
    message_of,
    signed,
)

_UNDERWAY: Final = 20_000  # transactions that may wait for their delivery
_SLOT_HASHES: Final = 8  # programs that look back look at the last few slots
_FAUCET_LAMPORTS: Final = 2**60

Simulated = SimulatedTransactionInfo | FailedTransactionMetadata


def _machine() -> LiteSVM:
    # Signatures, blockhashes and repeats are judged here, not in the VM: its window is one
    # blockhash, and it knows a repeat by signature where a cluster knows it by message.
    machine = LiteSVM().with_sigverify(False).with_blockhash_check(False)
    return machine.with_transaction_history(0)


@define(kw_only=True, eq=False)
class Chain:
    """A Solana cluster of one, in memory, driven by a clock and by nothing else.

    The clock answers unix seconds; time passes at `tick`, which every caller does first.
    A transaction that lands is `processed` at once, `confirmed` after `confirm_delay_ms`
    and `finalized` 32 slots later. A message runs once, under any signatures. Accounts
    have one state, that of the newest slot, whatever commitment is asked for; that a message
    has run is known only from the commitment that it has reached. The last
    `kept` transactions can be queried. Not thread-safe: one event loop owns it.
    """

    clock: Callable[[], float]
    cluster: Cluster = "devnet"
    slot_ms: int = 400
    confirm_delay_ms: int = 400
    kept: int = 100_000
    seed: bytes = field(factory=lambda: os.urandom(32), repr=False)
    slots: Slots = field(repr=False)
    landings: Landings = field(init=False, repr=False)
    ran: Ran = field(factory=Ran, init=False, repr=False)
    holders: Holders = field(factory=Holders, init=False, repr=False)
    faucet: Keypair = field(init=False, repr=False)
    now: float = field(init=False)
    changes: int = field(default=0, init=False)
    """Grows with everything that a snapshot would show, but for time."""
    on_landed: list[Callable[[Landed], None]] = field(factory=list, init=False, repr=False)
    _vm: LiteSVM = field(factory=_machine, init=False, repr=False)
    _touched: dict[Pubkey, None] = field(factory=dict, init=False, repr=False)
    _decimals: dict[bytes, int] = field(factory=dict, init=False, repr=False)
    _underway: list[tuple[float, int, VersionedTransaction]] = field(
        factory=list, init=False, repr=False
    )
    _scheduled: int = field(default=0, init=False, repr=False)

    # `now` is the time of the last tick: nothing happens at a later one.

    @slots.default
    def _slots_of_clock(self) -> Slots:
        return Slots(clock=self.clock, seed=self.seed, slot_ms=self.slot_ms)

    def __attrs_post_init__(self) -> None:
        """Begin with the faucet and the cluster's stablecoins."""
        self.now = self.slots.origin
        self.landings = Landings(self.kept)
        self.faucet = Keypair.from_seed(hashlib.sha256(self.seed + b"faucet").digest())
        self._turn()
        self.put(self.faucet.pubkey(), Account(_FAUCET_LAMPORTS, b"", SYSTEM))
        for coin in STABLECOINS[self.cluster]:
            self.create_mint(coin.mint, decimals=coin.decimals, program=coin.program)

    # Time

    def tick(self) -> None:
        """Let the time pass that the clock says has passed; land what is due by now."""
        now = self.clock()
        while self._underway and self._underway[0][0] <= now:
            due, _, transaction = heapq.heappop(self._underway)
            self._pass_to(due)
            self.land(transaction, verified=True)
        self._pass_to(now)

    def _pass_to(self, when: float) -> None:
        self.now = max(self.now, when)
        if self.slots.advance(self.now):
            self._turn()

    def _turn(self) -> None:
        slot = self.slots.now
        epoch = slot // SLOTS_IN_EPOCH
        self._vm.expire_blockhash()
        self._vm.set_clock(
            Clock(
                slot=slot,
                epoch_start_timestamp=int(self.slots.origin),
                epoch=epoch,
                leader_schedule_epoch=epoch + 1,
                unix_timestamp=int(self.now),
            )
        )
        recent = range(slot - 1, slot - 1 - _SLOT_HASHES, -1)
        self._vm.set_slot_hashes([(past, self.slots.hash_of(past)) for past in recent])
        self.ran.prune(slot)

    # Accounts

    def account(self, address: Pubkey) -> Account | None:
        """Give the account, or None where there is none."""
        found = self._vm.get_account(address)
        return None if found is None or not (found.lamports or found.data) else found

    def lamports(self, address: Pubkey) -> int:
        """Give the account's lamports, 0 where there is none."""
        return self._vm.get_balance(address) or 0

    def put(self, address: Pubkey, account: Account) -> None:
        """Write an account as no transaction could; supplies are the caller's affair."""
        self._vm.set_account(address, account)
        self.changes += 1
        self._touched[address] = None
        if tokens.is_token_account(account):
            self.holders.add(str(tokens.token_state(account).owner), address)

    def touched(self) -> list[Pubkey]:
        """Every account that was ever written."""
        return list(self._touched)

    def create_mint(
        self, address: Pubkey, *, decimals: int, program: Pubkey, supply: int = 0
    ) -> None:
        """Make a plain mint, without extensions, whose authority is the faucet."""
        data = tokens.mint_bytes(supply, decimals, self.faucet.pubkey())
        self.put(address, Account(self.rent(len(data)), data, program))

    def rent(self, size: int) -> int:
        """Lamports that keep an account of this size alive."""
        return self._vm.minimum_balance_for_rent_exemption(size)

    def decimals(self, mint: bytes) -> int:
        """Give the mint's decimals, which never change; 0 for what is no mint."""
        if mint not in self._decimals:
            account = self._vm.get_account(Pubkey(mint))
            if account is None or not tokens.is_mint(account):
                return 0
            self._decimals[mint] = tokens.mint_state(account).decimals
        return self._decimals[mint]

    # Transactions

    def stands(self, transaction: VersionedTransaction, at: int) -> bool:
        """Whether a block at this slot would accept its blockhash or durable nonce."""
        blockhash = str(transaction.message.recent_blockhash)
        return self.slots.alive(blockhash, at) or nonces.stands(transaction, self._vm)

    def refusal(self, transaction: VersionedTransaction) -> str | None:
        """Why the newest block would not run it; None when it would."""
        if not self.stands(transaction, self.slots.now):
            return BLOCKHASH_NOT_FOUND
        ran = self.ran.get(message_key(transaction))
        return None if ran is None else ALREADY_PROCESSED

    def simulate(self, transaction: VersionedTransaction) -> Simulated:
        """Run it and keep nothing; judges neither signatures nor blockhash nor repeats."""
        return self._vm.simulate_transaction(transaction)

    def land(self, transaction: VersionedTransaction, *, verified: bool = False) -> Landed | None:
        """Run it in the newest slot; None when no block would carry it.

        A block carries only what is signed, stands on a live blockhash or nonce, has not
        run before and can pay its fee. It carries failures too, and takes their fee.
        `verified` says that the signatures were checked already.
        """
        if self.refusal(transaction) or not (verified or signed(transaction)):
            return None
        execution = self._execution(transaction)
        executed = execution.run(self.slots.now, self.now)
        if executed is None:
            return None
        record, details = executed
        if record.err and transaction.uses_durable_nonce():
            nonces.advance(transaction, self._vm, self.slots.hash_of(self.slots.now))
        self.ran.add(message_key(transaction), Run(record.slot, record.at))
        self._keep(execution, record, details)
        return record

    def fork(self, signature: str) -> bool:
        """Go on as if a transaction had never landed; false if there is none, or it is final.

        Its message may run again for as long as its blockhash lives. What others did to its
        accounts since stays; what has no part in lamports and token amounts is not undone.
        """
        record = self.landings.get(signature)
        if record is None or record.slot + FINALITY <= self.slots.now:
            return False
        for address, account in undone(record, self.account):
            self.put(address, account)
        self.landings.remove(record)
        self.ran.remove(message_key(from_wire(record.wire)))
        return True

    def _execution(self, transaction: VersionedTransaction) -> Execution:
        keys = keys_of(message_of(transaction), self._vm)
        return Execution(vm=self._vm, decimals=self.decimals, transaction=transaction, keys=keys)

    def _keep(self, execution: Execution, record: Landed, details: Details) -> None:
        message, keys = message_of(execution.transaction), execution.keys
        self.landings.add(record, keys)
        self.changes += 1
        named = (key for i, key in enumerate(keys.static) if is_writable(message, i))
        self._touched.update(dict.fromkeys([*named, *keys.writable]))
        for held in details.holdings[1]:
            self.holders.add(held.owner, keys.all[held.index])
        for listener in self.on_landed:
            listener(record)

    def schedule(self, transaction: VersionedTransaction, at: float) -> bool:
        """Land it (already verified) at this clock reading; false when too many wait."""
        if len(self._underway) >= _UNDERWAY:
            return False
        self._scheduled += 1
        heapq.heappush(self._underway, (at, self._scheduled, transaction))
        return True
