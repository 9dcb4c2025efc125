"""JSON-RPC's values: errors with Agave's codes, base58 and base64, amounts as shown."""

import base64
import binascii
from typing import Any, Final

from attrs import define

# What JSON carries. Its shape is checked where it is read, by params.Params.
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
