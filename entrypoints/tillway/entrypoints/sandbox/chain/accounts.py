"""Accounts as JSON, in the encodings that Agave's account decoder knows."""

import struct
from collections.abc import Callable

from solders.account import Account
from solders.pubkey import Pubkey

from tillway.entrypoints.sandbox.chain import nonces, tokens
from tillway.entrypoints.sandbox.chain.params import Config
from tillway.entrypoints.sandbox.chain.programs import SYSTEM, TOKEN
from tillway.entrypoints.sandbox.chain.wire import (
    INVALID_REQUEST,
    Json,
    RpcError,
    base58_text,
    base64_text,
    invalid,
    ui_amount,
)

_ENCODINGS = ("binary", "base58", "base64", "base64+zstd", "jsonParsed")
_BASE58_LIMIT = 128  # bytes; Agave refuses more, as base58 is quadratic
_ZSTD_BLOCK = 128 * 1024
_RENT_EPOCH = 2**64 - 1

Decimals = Callable[[bytes], int]


def account_json(account: Account | None, config: Config, decimals: Decimals) -> Json:
    """Show the account as asked for; None where there is none."""
    if account is None:
        return None
    return {
        "data": _data(account, config, decimals),
        "executable": account.executable,
        "lamports": account.lamports,
        "owner": str(account.owner),
        "rentEpoch": _RENT_EPOCH,
        "space": len(account.data),
    }


def _data(account: Account, config: Config, decimals: Decimals) -> Json:
    encoding = config.text("encoding") or "binary"
    if encoding not in _ENCODINGS:
        raise invalid(f"Invalid params: unknown variant `{encoding}`, expected an encoding.")
    parsed = parsed_json(account, decimals) if encoding == "jsonParsed" else None
    return parsed or encoded(_sliced(bytes(account.data), config), encoding)


def _sliced(data: bytes, config: Config) -> bytes:
    part = config.section("dataSlice")
    if part is None:
        return data
    offset, length = part.integer("offset") or 0, part.integer("length") or 0
    return data[offset : offset + length]


def encoded(data: bytes, encoding: str) -> Json:
    """Bytes with the name of their encoding; `binary` is bare base58, of old."""
    if encoding in ("binary", "base58"):
        if len(data) > _BASE58_LIMIT:
            limit = "Encoded binary (base 58) data should be less than 128 bytes"
            raise RpcError(INVALID_REQUEST, f"{limit}, please use Base64 encoding.")
        text = base58_text(data)
        return text if encoding == "binary" else [text, "base58"]
    if encoding == "base64+zstd":
        return [base64_text(_zstd(data)), encoding]
    return [base64_text(data), "base64"]


def _zstd(data: bytes) -> bytes:
    """Make a Zstandard frame (RFC 8878) of raw blocks: valid, if not small."""
    parts = [data[i : i + _ZSTD_BLOCK] for i in range(0, len(data), _ZSTD_BLOCK)] or [b""]
    frame = struct.pack("<IBI", 0xFD2FB528, 0b1010_0000, len(data))
    for index, part in enumerate(parts):
        head = len(part) << 3 | (index == len(parts) - 1)
        frame += head.to_bytes(3, "little") + part
    return frame


def parsed_json(account: Account, decimals: Decimals) -> Json:
    """Token accounts, mints and nonces in words; None for all else."""
    if tokens.is_token_account(account):
        return _parsed(account, _program(account.owner), "account", _token(account, decimals))
    if tokens.is_mint(account):
        return _parsed(account, _program(account.owner), "mint", _mint(account))
    nonce = nonces.value_of(account) if account.owner == SYSTEM else None
    if nonce is None:
        return None
    return _parsed(account, "nonce", "initialized", _nonce(account))


def _parsed(account: Account, program: str, kind: str, info: Json) -> Json:
    parsed = {"info": info, "type": kind}
    return {"parsed": parsed, "program": program, "space": len(account.data)}


def _program(owner: Pubkey) -> str:
    return "spl-token" if owner == TOKEN else "spl-token-2022"


def _token(account: Account, decimals: Decimals) -> dict[str, Json]:
    state = tokens.token_state(account)
    places = decimals(bytes(state.mint))
    info: dict[str, Json] = {
        "isNative": state.native is not None,
        "mint": str(state.mint),
        "owner": str(state.owner),
        "state": state.state,
        "tokenAmount": ui_amount(state.amount, places),
    }
    if state.native is not None:
        info["rentExemptReserve"] = ui_amount(state.native, places)
    if state.delegate is not None:
        info["delegate"] = str(state.delegate)
        info["delegatedAmount"] = ui_amount(state.delegated, places)
    if state.close_authority is not None:
        info["closeAuthority"] = str(state.close_authority)
    if state.extensions:
        names = map(tokens.extension_name, state.extensions)
        info["extensions"] = [{"extension": name} for name in names]
    return info


def _mint(account: Account) -> Json:
    state = tokens.mint_state(account)
    freeze = state.freeze_authority
    return {
        "decimals": state.decimals,
        "freezeAuthority": None if freeze is None else str(freeze),
        "isInitialized": state.initialized,
        "mintAuthority": None if state.authority is None else str(state.authority),
        "supply": str(state.supply),
    }


def _nonce(account: Account) -> Json:
    data = bytes(account.data)
    return {
        "authority": str(Pubkey(data[8:40])),
        "blockhash": str(nonces.value_of(account)),
        "feeCalculator": {"lamportsPerSignature": str(int.from_bytes(data[72:80], "little"))},
    }
