"""What has landed: statuses, transactions, signatures of an address."""

from tillway.entrypoints.sandbox.chain.ledger import Landed
from tillway.entrypoints.sandbox.chain.node import Node
from tillway.entrypoints.sandbox.chain.params import Commitment, Config, Params, signature
from tillway.entrypoints.sandbox.chain.slots import FINALITY
from tillway.entrypoints.sandbox.chain.transactions import from_wire
from tillway.entrypoints.sandbox.chain.transcript import memo_of, transaction_json
from tillway.entrypoints.sandbox.chain.wire import Json, invalid

_STATUSES = 256
_SIGNATURES = 1_000


def get_signature_statuses(node: Node, params: Params) -> Json:
    """Up to 256 statuses; beyond the last 150 slots only with searchTransactionHistory."""
    signatures = [signature(text) for text in params.texts(0, _STATUSES)]
    search = params.config(1).flag("searchTransactionHistory")
    value = [_status(node, text, search) for text in signatures]
    return node.answer(Config({"commitment": "processed"}), value)


def _status(node: Node, text: str, search: bool) -> Json:
    record = node.find(text)
    if record is None or not (search or node.recent(record)):
        return None
    level = node.level(record)
    depth = min(node.slot() - record.slot, FINALITY - 1)
    return {
        "slot": record.slot,
        "confirmations": None if level is Commitment.finalized else depth,
        "err": record.err,
        "status": {"Ok": None} if record.err is None else {"Err": record.err},
        "confirmationStatus": level.name,
    }


def _at_least_confirmed(config: Config) -> Commitment:
    if config.commitment is Commitment.processed:
        raise invalid("Method does not support commitment below `confirmed`")
    return config.commitment


def get_transaction(node: Node, params: Params) -> Json:
    """One landed transaction, failed ones included; None when unknown at this commitment."""
    text, config = params.signature(0), params.config(1)
    level = _at_least_confirmed(config)
    record = node.find(text)
    if record is None or not node.reached(record, level):
        return None
    encoding, newest = (
        config.text("encoding") or "json",
        config.integer("maxSupportedTransactionVersion"),
    )
    return transaction_json(record, encoding, newest)


def get_signatures_for_address(node: Node, params: Params) -> Json:
    """Transactions that name the address, newest first, between `until` and `before`."""
    address, config = params.pubkey(0), params.config(1)
    level, limit = _at_least_confirmed(config), config.integer("limit")
    if limit is not None and not 0 < limit <= _SIGNATURES:
        raise invalid(f"Invalid limit; max {_SIGNATURES}")
    known = [each for each in node.chain.landings.of(address) if node.reached(each, level)]
    wanted = _between(known, _mark(config, "before"), _mark(config, "until"))
    return [_mention(node, record) for record in wanted[: limit or _SIGNATURES]]


def _mark(config: Config, key: str) -> str | None:
    text = config.text(key)
    return None if text is None else signature(text)


def _between(records: list[Landed], before: str | None, until: str | None) -> list[Landed]:
    signatures = [record.signature for record in records]
    start = signatures.index(before) + 1 if before in signatures else 0
    end = signatures.index(until) if until in signatures else len(records)
    # An unknown `before` is older than all that is known, as on a node that has pruned it.
    return [] if before is not None and before not in signatures else records[start:end]


def _mention(node: Node, record: Landed) -> Json:
    return {
        "signature": record.signature,
        "slot": record.slot,
        "err": record.err,
        "memo": memo_of(from_wire(record.wire)),
        "blockTime": int(record.at),
        "confirmationStatus": node.level(record).name,
    }


METHODS = {
    "getSignatureStatuses": get_signature_statuses,
    "getTransaction": get_transaction,
    "getSignaturesForAddress": get_signatures_for_address,
}
