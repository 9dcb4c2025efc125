"""One run in the VM, and what is written down of it."""

from collections.abc import Callable

from attrs import frozen
from solders.account import Account
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction
from solders.transaction_metadata import (
    FailedTransactionMetadata,
    InnerInstruction,
    SimulatedTransactionInfo,
    TransactionMetadata,
)

from tillway.entrypoints.sandbox.chain import tokens
from tillway.entrypoints.sandbox.chain.errors import error_json
from tillway.entrypoints.sandbox.chain.ledger import Details, Holding, Landed
from tillway.entrypoints.sandbox.chain.transactions import Keys, message_of
from tillway.entrypoints.sandbox.chain.wire import Json, base58_text, base64_text

Result = TransactionMetadata | FailedTransactionMetadata
Executed = tuple[Landed, Details]


@frozen
class Snapshot:
    """Balances of a transaction's accounts at one moment."""

    lamports: list[int]
    holdings: list[Holding]


@frozen(kw_only=True)
class Execution:
    """Runs one transaction; `decimals` tells those of a mint."""

    vm: LiteSVM
    decimals: Callable[[bytes], int]
    transaction: VersionedTransaction
    keys: Keys

    def run(self, slot: int, at: float) -> Executed | None:
        """Run it for good; None when it could not even pay its fee."""
        before = self._snapshot()
        result = self.vm.send_transaction(self.transaction)
        after = self._snapshot()
        failed = isinstance(result, FailedTransactionMetadata)
        if failed and after.lamports[0] == before.lamports[0]:
            return None
        meta = meta_of(result)
        details = Details(
            fee=meta.fee(),
            units=meta.compute_units_consumed(),
            logs=meta.logs(),
            inner=inner_json(meta),
            returned=returned_json(meta),
            lamports=(before.lamports, after.lamports),
            holdings=(before.holdings, after.holdings),
        )
        record = Landed(
            signature=str(self.transaction.signatures[0]),
            slot=slot,
            at=at,
            wire=bytes(self.transaction),
            writable=self.keys.writable,
            readonly=self.keys.readonly,
            err=error_of(result),
            packed=details.pack(),
        )
        return record, details

    def _snapshot(self) -> Snapshot:
        balance = self.vm.get_balance
        return Snapshot([balance(key) or 0 for key in self.keys.all], self._holdings())

    def _holdings(self) -> list[Holding]:
        # Programs are skipped: their accounts are large to copy and hold no tokens.
        programs = {each.program_id_index for each in message_of(self.transaction).instructions}
        found = []
        for index, key in enumerate(self.keys.all):
            account = None if index in programs else self.vm.get_account(key)
            if account is not None and tokens.is_token_account(account):
                found.append(self._holding(index, account))
        return found

    def _holding(self, index: int, account: Account) -> Holding:
        mint, owner, amount = tokens.holding(bytes(account.data))
        return Holding(
            index,
            mint=str(Pubkey(mint)),
            owner=str(Pubkey(owner)),
            program=str(account.owner),
            amount=amount,
            decimals=self.decimals(mint),
        )


def meta_of(result: Result | SimulatedTransactionInfo) -> TransactionMetadata:
    """Find logs, units and fee, of a success or a failure."""
    return result if isinstance(result, TransactionMetadata) else result.meta()


def error_of(result: object) -> Json:
    """Write the error as JSON; None for a success."""
    return error_json(result.err()) if isinstance(result, FailedTransactionMetadata) else None


def inner_json(meta: TransactionMetadata) -> list[Json]:
    """List calls between programs, by the index of the instruction that made them."""
    groups = enumerate(meta.inner_instructions())
    return [{"index": i, "instructions": [_call(x) for x in each]} for i, each in groups if each]


def _call(inner: InnerInstruction) -> Json:
    instruction = inner.instruction()
    return {
        "programIdIndex": instruction.program_id_index,
        "accounts": list(bytes(instruction.accounts)),
        "data": base58_text(bytes(instruction.data)),
        "stackHeight": inner.stack_height(),
    }


def returned_json(meta: TransactionMetadata) -> Json:
    """Tell what the last program returned; None for nothing."""
    returned = meta.return_data()
    data = bytes(returned.data)
    if not data:
        return None
    return {"programId": str(returned.program_id), "data": [base64_text(data), "base64"]}
