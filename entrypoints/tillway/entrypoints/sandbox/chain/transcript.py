"""Landed transactions as JSON, in the encodings of getTransaction."""

import struct
from collections.abc import Callable

from solders.instruction import CompiledInstruction
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from tillway.entrypoints.sandbox.chain.ledger import Holding, Landed
from tillway.entrypoints.sandbox.chain.programs import MEMO, MEMO_V1, SYSTEM, TOKEN_PROGRAMS
from tillway.entrypoints.sandbox.chain.transactions import (
    AnyMessage,
    from_wire,
    is_signer,
    is_writable,
    message_of,
)
from tillway.entrypoints.sandbox.chain.wire import (
    UNSUPPORTED_VERSION,
    Json,
    RpcError,
    base58_text,
    base64_text,
    invalid,
    ui_amount,
)

_ENCODINGS = ("json", "jsonParsed", "base58", "base64", "binary")


def transaction_json(record: Landed, encoding: str, newest: int | None) -> Json:
    """Write the answer of getTransaction; refuses a version that the client did not ask for."""
    if encoding not in _ENCODINGS:
        raise invalid(f"Invalid params: unknown variant `{encoding}`, expected an encoding.")
    transaction = from_wire(record.wire)
    versioned = isinstance(transaction.message, MessageV0)
    if versioned and newest is None:
        raise RpcError(UNSUPPORTED_VERSION, _UNSUPPORTED)
    answer = {
        "slot": record.slot,
        "blockTime": int(record.at),
        "transaction": _body(transaction, record, encoding),
        "meta": _meta(record, encoding),
    }
    if newest is not None:
        answer["version"] = 0 if versioned else "legacy"
    return answer


_UNSUPPORTED = (
    "Transaction version (0) is not supported by the requesting client. Please try the request "
    'again with the following configuration parameter: "maxSupportedTransactionVersion": 0'
)


def _body(transaction: VersionedTransaction, record: Landed, encoding: str) -> Json:
    if encoding == "base64":
        return [base64_text(record.wire), "base64"]
    if encoding in ("base58", "binary"):
        text = base58_text(record.wire)
        return [text, "base58"] if encoding == "base58" else text
    message = message_of(transaction)
    parsed = encoding == "jsonParsed"
    body = _parsed_message(message, record) if parsed else _plain_message(message)
    return {"signatures": [str(each) for each in transaction.signatures], "message": body}


def _plain_message(message: AnyMessage) -> Json:
    header = message.header
    body: dict[str, Json] = {
        "header": {
            "numRequiredSignatures": header.num_required_signatures,
            "numReadonlySignedAccounts": header.num_readonly_signed_accounts,
            "numReadonlyUnsignedAccounts": header.num_readonly_unsigned_accounts,
        },
        "accountKeys": [str(key) for key in message.account_keys],
        "recentBlockhash": str(message.recent_blockhash),
        "instructions": [_compiled(each) for each in message.instructions],
    }
    if isinstance(message, MessageV0):
        body["addressTableLookups"] = _lookups(message)
    return body


def _compiled(instruction: CompiledInstruction) -> Json:
    return {
        "programIdIndex": instruction.program_id_index,
        "accounts": list(bytes(instruction.accounts)),
        "data": base58_text(bytes(instruction.data)),
        "stackHeight": 1,
    }


def _lookups(message: MessageV0) -> Json:
    return [
        {
            "accountKey": str(lookup.account_key),
            "writableIndexes": list(bytes(lookup.writable_indexes)),
            "readonlyIndexes": list(bytes(lookup.readonly_indexes)),
        }
        for lookup in message.address_table_lookups
    ]


def _parsed_message(message: AnyMessage, record: Landed) -> Json:
    keys = record.keys
    body: dict[str, Json] = {
        "accountKeys": [
            {
                "pubkey": str(key),
                "signer": is_signer(message, index),
                "writable": is_writable(message, index),
                "source": "transaction",
            }
            for index, key in enumerate(keys.static)
        ]
        + [_loaded(key, writable=True) for key in keys.writable]
        + [_loaded(key, writable=False) for key in keys.readonly],
        "recentBlockhash": str(message.recent_blockhash),
        "instructions": [_explained(each, keys.all) for each in message.instructions],
    }
    if isinstance(message, MessageV0):
        body["addressTableLookups"] = _lookups(message)
    return body


def _loaded(key: Pubkey, *, writable: bool) -> Json:
    return {"pubkey": str(key), "signer": False, "writable": writable, "source": "lookupTable"}


def _meta(record: Landed, encoding: str) -> Json:
    details = record.details
    before, after = details.holdings
    meta = {
        "err": record.err,
        "status": {"Ok": None} if record.err is None else {"Err": record.err},
        "fee": details.fee,
        "preBalances": details.lamports[0],
        "postBalances": details.lamports[1],
        "innerInstructions": details.inner,
        "logMessages": details.logs,
        "preTokenBalances": [_holding(each) for each in before],
        "postTokenBalances": [_holding(each) for each in after],
        "rewards": [],
        "computeUnitsConsumed": details.units,
    }
    if details.returned is not None:
        meta["returnData"] = details.returned
    if encoding != "jsonParsed":
        meta["loadedAddresses"] = {
            "writable": [str(key) for key in record.keys.writable],
            "readonly": [str(key) for key in record.keys.readonly],
        }
    return meta


def _holding(held: Holding) -> Json:
    return {
        "accountIndex": held.index,
        "mint": held.mint,
        "owner": held.owner,
        "programId": held.program,
        "uiTokenAmount": ui_amount(held.amount, held.decimals),
    }


def _explained(instruction: CompiledInstruction, keys: tuple[Pubkey, ...]) -> Json:
    program, data = keys[instruction.program_id_index], bytes(instruction.data)
    accounts = [str(keys[index]) for index in bytes(instruction.accounts)]
    explained = _in_words(program, data, accounts)
    if explained is None:
        return {
            "programId": str(program),
            "accounts": accounts,
            "data": base58_text(data),
            "stackHeight": 1,
        }
    name, parsed = explained
    return {"program": name, "programId": str(program), "parsed": parsed, "stackHeight": 1}


def _in_words(program: Pubkey, data: bytes, accounts: list[str]) -> tuple[str, Json] | None:
    if program in (MEMO, MEMO_V1):
        return "spl-memo", data.decode("utf-8", "replace")
    if program in TOKEN_PROGRAMS and data[:1] == _TRANSFER_CHECKED:
        return _whole("spl-token", _transfer_checked, data, accounts)
    if program == SYSTEM and data[:4] == _TRANSFER:
        return _whole("system", _lamports, data, accounts)
    return None


_TRANSFER_CHECKED = b"\x0c"
_TRANSFER = b"\x02\0\0\0"


def _whole(
    name: str, explain: Callable[[bytes, list[str]], Json], data: bytes, accounts: list[str]
) -> tuple[str, Json] | None:
    # A failed transaction may carry an instruction that was cut short.
    try:
        return name, explain(data, accounts)
    except (IndexError, struct.error):
        return None


def _transfer_checked(data: bytes, accounts: list[str]) -> Json:
    (amount,) = struct.unpack_from("<Q", data, 1)
    names = ("source", "mint", "destination", "authority")
    info: dict[str, Json] = {name: accounts[index] for index, name in enumerate(names)}
    info["tokenAmount"] = ui_amount(amount, data[9])
    return {"type": "transferChecked", "info": info}


def _lamports(data: bytes, accounts: list[str]) -> Json:
    (lamports,) = struct.unpack_from("<Q", data, 4)
    info = {"source": accounts[0], "destination": accounts[1], "lamports": lamports}
    return {"type": "transfer", "info": info}


def memo_of(transaction: VersionedTransaction) -> str | None:
    """Show the memos as getSignaturesForAddress shows them: length in brackets, then the text."""
    message = message_of(transaction)
    keys = message.account_keys
    memos = [
        bytes(each.data)
        for each in message.instructions
        if keys[each.program_id_index] in (MEMO, MEMO_V1)
    ]
    shown = [f"[{len(memo)}] {memo.decode('utf-8', 'replace')}" for memo in memos]
    return "; ".join(shown) or None
