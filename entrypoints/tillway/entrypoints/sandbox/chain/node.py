"""One node's view of the chain: its tip, what it has seen, how sure it is."""

from collections import Counter

from attrs import define, field
from solders.transaction import VersionedTransaction

from tillway.entrypoints.sandbox.chain.errors import ALREADY_PROCESSED, BLOCKHASH_NOT_FOUND
from tillway.entrypoints.sandbox.chain.faults import Faults
from tillway.entrypoints.sandbox.chain.ledger import Landed, Run
from tillway.entrypoints.sandbox.chain.params import Commitment, Config
from tillway.entrypoints.sandbox.chain.slots import BLOCKHASH_WINDOW, FINALITY
from tillway.entrypoints.sandbox.chain.svm import Chain
from tillway.entrypoints.sandbox.chain.transactions import message_key
from tillway.entrypoints.sandbox.chain.wire import CONTEXT_NOT_REACHED, Json, RpcError

API_VERSION = "3.0.10"


@define(kw_only=True, eq=False)
class Node:
    """Answers for a chain, with faults of its own. `calls` counts methods since the reset."""

    chain: Chain
    faults: Faults = field(factory=Faults)
    calls: Counter[str] = field(factory=Counter)

    def time(self) -> float:
        """Give the clock reading that this node has arrived at."""
        now = self.chain.now if self.faults.frozen_at is None else self.faults.frozen_at
        return now - self.faults.behind_slots * self.chain.slot_ms / 1000

    def slot(self, level: Commitment = Commitment.processed) -> int:
        """Give the newest slot of this commitment."""
        tip = self.chain.slots.at_time(self.time())
        if level is Commitment.finalized:
            return tip - FINALITY
        return tip - 1 if level is Commitment.confirmed and self.chain.confirm_delay_ms else tip

    def asked(self, config: Config) -> int:
        """Tell the slot that a request speaks of; refuses when it is below minContextSlot."""
        slot = self.slot(config.commitment)
        least = config.integer("minContextSlot")
        if least is not None and slot < least:
            message = "Minimum context slot has not been reached"
            raise RpcError(CONTEXT_NOT_REACHED, message, {"contextSlot": slot})
        return slot

    def answer(self, config: Config, value: Json) -> Json:
        """Put a value in its context."""
        return {"context": {"apiVersion": API_VERSION, "slot": self.asked(config)}, "value": value}

    def find(self, signature: str) -> Landed | None:
        """Find the record, where this node has seen it and still keeps it."""
        record = self.chain.landings.get(signature)
        return record if record is not None and self.sees(record) else None

    def sees(self, record: Landed) -> bool:
        """Whether this node has seen the record and still keeps it."""
        return self.faults.first_available_slot <= record.slot and record.at <= self.time()

    def level(self, record: Landed | Run) -> Commitment:
        """How sure this node is of a record that it sees."""
        if (self.time() - record.at + 1e-6) * 1000 < self.chain.confirm_delay_ms:
            return Commitment.processed
        rooted = self.slot() - record.slot >= FINALITY
        return Commitment.finalized if rooted else Commitment.confirmed

    def reached(self, record: Landed, level: Commitment) -> bool:
        """Whether this node is at least so sure."""
        return self.sees(record) and self.level(record) >= level

    def recent(self, record: Landed) -> bool:
        """Whether the record is in the status cache, which holds the last 150 slots."""
        return self.slot() - record.slot <= BLOCKHASH_WINDOW

    def refusal(self, transaction: VersionedTransaction, config: Config) -> str | None:
        """Why this node's bank of that commitment would not run it; None when it would.

        A bank knows of the messages that have reached its commitment, and of no others.
        """
        if not self.chain.stands(transaction, self.slot(config.commitment)):
            return BLOCKHASH_NOT_FOUND
        ran = self.chain.ran.get(message_key(transaction))
        if ran is None or ran.at > self.time() or self.level(ran) < config.commitment:
            return None
        return ALREADY_PROCESSED
