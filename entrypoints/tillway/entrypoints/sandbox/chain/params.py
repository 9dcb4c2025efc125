"""A request's parameters: each accessor gives what fits and refuses the rest as Agave does."""

from enum import IntEnum
from typing import Final

from attrs import frozen
from solders.pubkey import Pubkey
from solders.signature import Signature

from tillway.entrypoints.sandbox.chain.wire import Json, invalid


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
    # As long as an address and written like one; solders reads both alike.
    return str(pubkey(text))


def _why(error: ValueError) -> str:
    return "WrongSize" if "size" in str(error) else "Invalid"
