"""Sending and simulating transactions, their fees, and the faucet."""

from attrs import frozen
from solders.account import Account
from solders.instruction import Instruction
from solders.message import MessageV0, from_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.system_program import TransferParams, transfer
from solders.transaction import SanitizeError, VersionedTransaction
from solders.transaction_metadata import SimulatedTransactionInfo

from tillway.entrypoints.sandbox.chain.errors import sentence
from tillway.entrypoints.sandbox.chain.execution import error_of, inner_json, meta_of, returned_json
from tillway.entrypoints.sandbox.chain.methods.cluster import latest
from tillway.entrypoints.sandbox.chain.methods.state import shown
from tillway.entrypoints.sandbox.chain.node import Node
from tillway.entrypoints.sandbox.chain.params import Config, Params, commitment, pubkey
from tillway.entrypoints.sandbox.chain.programs import MEMO
from tillway.entrypoints.sandbox.chain.svm import Simulated
from tillway.entrypoints.sandbox.chain.transactions import (
    AnyMessage,
    decode,
    fee,
    message_of,
    signed,
    with_blockhash,
)
from tillway.entrypoints.sandbox.chain.wire import (
    BAD_SIGNATURE,
    PREFLIGHT_FAILED,
    Json,
    RpcError,
    base64_bytes,
    invalid,
)

_ACCOUNTS = 64  # a message cannot name more
_AIRDROP = 1_000 * 10**9  # lamports


def send_transaction(node: Node, params: Params) -> Json:
    """Accept a transaction; that it was accepted says nothing about its landing."""
    config = params.config(1)
    transaction = decode(params.text(0), config.text("encoding") or "base58")
    skipped = config.flag("skipPreflight")
    if not skipped:
        _preflight(node, transaction, config)
    _deliver(node, transaction, verified=not skipped)
    return str(transaction.signatures[0])


def _preflight(node: Node, transaction: VersionedTransaction, config: Config) -> None:
    if not signed(transaction):
        raise RpcError(BAD_SIGNATURE, "Transaction signature verification failure")
    level = commitment(config.values.get("preflightCommitment"))
    settings = Config({**config.values, "commitment": level.name})
    node.asked(settings)
    simulation = _simulated(node, transaction, settings)
    if simulation.err is not None:
        message = f"Transaction simulation failed: {sentence(simulation.err)}"
        raise RpcError(PREFLIGHT_FAILED, message, simulation.json(Config({})))


def _deliver(node: Node, transaction: VersionedTransaction, *, verified: bool) -> None:
    if not (verified or signed(transaction)) or node.faults.drops():
        return
    if node.faults.deliver_after_ms:
        node.chain.schedule(transaction, node.chain.now + node.faults.deliver_after_ms / 1000)
    else:
        node.chain.land(transaction, verified=True)


@frozen
class Simulation:
    """A run that was kept by nobody; `result` is None when nothing was run."""

    err: Json
    result: Simulated | None = None

    def json(self, config: Config) -> dict[str, Json]:
        """Write the answer's value, as RpcSimulateTransactionResult."""
        meta = None if self.result is None else meta_of(self.result)
        inner = config.flag("innerInstructions") and meta is not None
        return {
            "accounts": None,
            "err": self.err,
            "fee": None if meta is None else meta.fee(),
            "innerInstructions": inner_json(meta) if inner and meta is not None else None,
            "loadedAccountsDataSize": 0,
            "loadedAddresses": None,
            "logs": [] if meta is None else meta.logs(),
            "postBalances": None,
            "postTokenBalances": None,
            "preBalances": None,
            "preTokenBalances": None,
            "replacementBlockhash": None,
            "returnData": None if meta is None else returned_json(meta),
            "unitsConsumed": 0 if meta is None else meta.compute_units_consumed(),
        }

    def after(self) -> dict[Pubkey, Account]:
        """Accounts as the run left them; none when it failed."""
        if not isinstance(self.result, SimulatedTransactionInfo):
            return {}
        return dict(self.result.post_accounts())


def _simulated(node: Node, transaction: VersionedTransaction, config: Config) -> Simulation:
    refusal = node.refusal(transaction, config)
    if refusal is not None:
        return Simulation(refusal)
    result = node.chain.simulate(transaction)
    return Simulation(error_of(result), result)


def simulate_transaction(node: Node, params: Params) -> Json:
    """Run a transaction and keep nothing of it."""
    config = params.config(1)
    transaction = decode(params.text(0), config.text("encoding") or "base58")
    slot, replaces = node.asked(config), config.flag("replaceRecentBlockhash")
    _check_signatures(transaction, config)
    if replaces:
        transaction = with_blockhash(transaction, node.chain.slots.hash_of(slot))
    simulation = _simulated(node, transaction, config)
    value = simulation.json(config)
    value["accounts"] = _accounts(node, simulation, config)
    value["replacementBlockhash"] = latest(node, slot) if replaces else None
    return node.answer(config, value)


def _check_signatures(transaction: VersionedTransaction, config: Config) -> None:
    if not config.flag("sigVerify"):
        return
    if config.flag("replaceRecentBlockhash"):
        raise invalid("sigVerify may not be used with replaceRecentBlockhash")
    if not signed(transaction):
        raise RpcError(BAD_SIGNATURE, "Transaction signature verification failure")


def _accounts(node: Node, simulation: Simulation, config: Config) -> Json:
    wanted = config.section("accounts")
    if wanted is None:
        return None
    encoding = wanted.text("encoding") or "base64"
    if encoding in ("binary", "base58"):
        raise invalid("base58 encoding not supported")
    addresses = Params([wanted.values.get("addresses")]).texts(0, _ACCOUNTS)
    after = simulation.after()
    settings = Config({"encoding": encoding})
    if simulation.err is not None:
        return [None] * len(addresses)
    keys = [pubkey(text) for text in addresses]
    return [shown(node, after.get(key) or node.chain.account(key), settings) for key in keys]


def get_fee_for_message(node: Node, params: Params) -> Json:
    """Lamports that landing would cost; None when the blockhash is dead."""
    config = params.config(1)
    message = _message(params.text(0))
    alive = node.chain.slots.alive(str(message.recent_blockhash), node.asked(config))
    return node.answer(config, fee(message) if alive else None)


def _message(text: str) -> AnyMessage:
    try:
        message = from_bytes_versioned(base64_bytes(text))
        unsigned = [Signature.default()] * message.header.num_required_signatures
        transaction = VersionedTransaction.populate(message, unsigned)
        transaction.sanitize()
    except (SanitizeError, ValueError) as error:
        raise invalid(f"failed to deserialize VersionedMessage: {error}") from error
    return message_of(transaction)


def request_airdrop(node: Node, params: Params) -> Json:
    """Land a real transfer from the faucet, at most 1,000 SOL a time."""
    address, lamports = params.pubkey(0), params.integer(1)
    if lamports > _AIRDROP:
        raise invalid("Invalid params: the faucet gives at most 1000 SOL at a time.")
    chain, payer = node.chain, node.chain.faucet
    move = TransferParams(from_pubkey=payer.pubkey(), to_pubkey=address, lamports=lamports)
    # The number keeps equal wishes within a slot apart: a message runs once.
    number = Instruction(MEMO, f"airdrop {chain.landings.total}".encode(), [])
    blockhash = chain.slots.hash_of(chain.slots.now)
    message = MessageV0.try_compile(payer.pubkey(), [transfer(move), number], [], blockhash)
    transaction = VersionedTransaction(message, [payer])
    _deliver(node, transaction, verified=True)
    return str(transaction.signatures[0])


METHODS = {
    "sendTransaction": send_transaction,
    "simulateTransaction": simulate_transaction,
    "getFeeForMessage": get_fee_for_message,
    "requestAirdrop": request_airdrop,
}
