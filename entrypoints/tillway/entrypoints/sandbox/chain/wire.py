"""JSON-RPC's values: parameters, errors with Agave's codes, base58 and amounts as shown."""

import base64
import binascii
from enum import IntEnum
from typing import Any, Final

from attrs import define, frozen
from solders.hash import Hash
from solders.pubkey import Pubkey
from solders.signature import Signature

# What JSON carries. Its shape is checked where it is read, by Params.
Json = Any

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
BLOCK_CLEANED_UP: Final = -32001
PREFLIGHT_FAILED: Final = -32002
BAD_SIGNATURE: Final = -32003
BLOCK_NOT_AVAILABLE: Final = -32004
UNSUPPORTED_VERSION: Final = -32015
CONTEXT_NOT_REACHED: Final = -32016

_ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS: Final = {letter: value for value, letter in enumerate(_ALPHABET)}


@define
class RpcError(Exception):
    """A refusal as JSON-RPC says it. Codes are those of Agave's rpc-client-api."""

    code: int
    message: str
    data: Json = None

    def json(self) -> dict[str, Json]:
        """Give the `error` member of the answer."""
        body = {"code": self.code, "message": self.message}
        return body if self.data is None else {**body, "data": self.data}


def invalid(message: str) -> RpcError:
    """Say that the parameters are wrong; asking again will not help."""
    return RpcError(INVALID_PARAMS, message)


class Commitment(IntEnum):
    """How sure the cluster is. A higher one implies the lower ones."""

    processed = 0
    confirmed = 1
    finalized = 2


# Names that Solana retired and that old clients still send.
_RETIRED: Final = {
    "recent": Commitment.processed,
    "single": Commitment.confirmed,
    "singleGossip": Commitment.confirmed,
    "root": Commitment.finalized,
    "max": Commitment.finalized,
}


def commitment(name: Json) -> Commitment:
    """Absent means finalized, as on every Solana node."""
    if name is None:
        return Commitment.finalized
    if isinstance(name, str) and name in Commitment.__members__:
        return Commitment[name]
    if isinstance(name, str) and name in _RETIRED:
        return _RETIRED[name]
    raise invalid(f"Invalid params: unknown variant `{name}`, expected a commitment level.")


@frozen
class Config:
    """The optional object that ends most methods' parameters."""

    values: dict[str, Json]

    @property
    def commitment(self) -> Commitment:
        """The level asked for."""
        return commitment(self.values.get("commitment"))

    def flag(self, key: str) -> bool:
        """Read an optional boolean, false when absent."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, bool):
            raise invalid(f"Invalid params: {key}: invalid type, expected a boolean.")
        return bool(value)

    def text(self, key: str) -> str | None:
        """Read an optional string."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, str):
            raise invalid(f"Invalid params: {key}: invalid type, expected a string.")
        return value

    def integer(self, key: str) -> int | None:
        """Read an optional unsigned 64-bit integer."""
        value = self.values.get(key)
        return None if value is None else _unsigned(value, key)

    def section(self, key: str) -> "Config | None":
        """Read an optional object inside."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, dict):
            raise invalid(f"Invalid params: {key}: invalid type, expected an object.")
        return None if value is None else Config(value)


@frozen
class Params:
    """A method's positional parameters; each accessor refuses what does not fit."""

    values: list[Json]

    def text(self, index: int) -> str:
        """Read a required string."""
        value = self._required(index)
        if not isinstance(value, str):
            raise invalid("Invalid params: invalid type, expected a string.")
        return value

    def integer(self, index: int) -> int:
        """Read a required unsigned 64-bit integer."""
        return _unsigned(self._required(index), "value")

    def texts(self, index: int, limit: int) -> list[str]:
        """Read a required list of at most `limit` strings."""
        value = self._required(index)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise invalid("Invalid params: invalid type, expected a list of strings.")
        if len(value) > limit:
            raise invalid(f"Too many inputs provided; max {limit}")
        return value

    def pubkey(self, index: int) -> Pubkey:
        """Read a required address."""
        return pubkey(self.text(index))

    def signature(self, index: int) -> str:
        """Read a required signature, in its one base58 form."""
        return signature(self.text(index))

    def config(self, index: int) -> Config:
        """Read the optional configuration object; a bare string means an encoding."""
        value = self.values[index] if index < len(self.values) else None
        if isinstance(value, str):
            value = {"encoding": value}
        if value is not None and not isinstance(value, dict):
            raise invalid("Invalid params: invalid type, expected a configuration object.")
        return Config(value or {})

    def _required(self, index: int) -> Json:
        if index >= len(self.values):
            raise invalid(f"`params` should have at least {index + 1} argument(s)")
        return self.values[index]


def _unsigned(value: Json, key: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**64:
        raise invalid(f"Invalid params: {key}: invalid value, expected u64.")
    return value


def pubkey(text: str) -> Pubkey:
    """Read an address, or the refusal."""
    try:
        return Pubkey.from_string(text)
    except ValueError as error:
        raise invalid(f"Invalid param: {_why(error)}") from error


def signature(text: str) -> str:
    """Read a signature in canonical base58, or the refusal."""
    try:
        return str(Signature.from_string(text))
    except ValueError as error:
        raise invalid(f"Invalid param: {_why(error)}") from error


def blockhash(text: str) -> str:
    """Read a blockhash in canonical base58, or the refusal."""
    try:
        return str(Hash.from_string(text))
    except ValueError as error:
        raise invalid(f"Invalid param: {_why(error)}") from error


def _why(error: ValueError) -> str:
    return "WrongSize" if "size" in str(error) else "Invalid"


def base64_bytes(text: str) -> bytes:
    """Strict base64, or the refusal."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid(f"invalid base64 encoding: {error}") from error


def base64_text(data: bytes) -> str:
    """Write standard base64 with padding."""
    return base64.b64encode(data).decode("ascii")


def base58_bytes(text: str) -> bytes:
    """Bytes of any length; quadratic, so callers bound the text first."""
    number = 0
    for letter in text:
        if letter not in _DIGITS:
            raise invalid(f"invalid base58 encoding: InvalidCharacter {letter!r}")
        number = number * 58 + _DIGITS[letter]
    body = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes(len(text) - len(text.lstrip("1"))) + body


def base58_text(data: bytes) -> str:
    """Base58 of any length; quadratic, so callers bound the data first."""
    number, letters = int.from_bytes(data, "big"), []
    while number:
        number, digit = divmod(number, 58)
        letters.append(_ALPHABET[digit])
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + "".join(reversed(letters))


def ui_amount(amount: int, decimals: int) -> dict[str, Json]:
    """Solana's UiTokenAmount; the string is exact, the float is not."""
    whole, part = divmod(amount, 10**decimals)
    fraction = f"{part:0{decimals}d}".rstrip("0") if decimals else ""
    return {
        "amount": str(amount),
        "decimals": decimals,
        "uiAmount": amount / 10**decimals,
        "uiAmountString": f"{whole}.{fraction}" if fraction else str(whole),
    }
