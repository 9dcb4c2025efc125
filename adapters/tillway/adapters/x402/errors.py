"""What a Solana node says went wrong, and what it means for a payment.

    Unavailable (core)
    ├── NodeFailed      this node gave no usable answer; another may
    └── (from a guard)  the circuit is open
    RpcRefused          the node answered, and the answer is an error object
    └── SendRefused     it was about the bytes to send: preflight or sanitising failed

Transaction errors are read as agave writes them in JSON (solana-sdk, ``TransactionError``). Text
is read only where a node gives nothing else. No message here ever holds a node's address: URLs
carry API keys.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import orjson
from attrs import frozen

from tillway.core.codes import SERVER_INSUFFICIENT_FUNDS
from tillway.core.errors import Code, Unavailable

SIGNATURE_FAILURE: Final = -32003
PRECOMPILE_FAILURE: Final = -32006
INVALID_PARAMS: Final = -32602

ALREADY_PROCESSED: Final = "AlreadyProcessed"
BLOCKHASH_NOT_FOUND: Final = "BlockhashNotFound"

_ABOUT_THE_BYTES: Final = {
    SIGNATURE_FAILURE: "SignatureFailure",
    PRECOMPILE_FAILURE: "SignatureFailure",
    INVALID_PARAMS: "SanitizeFailure",
}
_LONGEST_REASON: Final = 200


class NodeFailed(Unavailable):
    """A node gave no usable answer.

    ``kind`` says how, in a few words. ``written`` tells that the request may have reached the
    node, so that what it asked for may have been done.
    """

    def __init__(
        self,
        kind: str,
        *,
        code: Code = Code.RPC_ERROR,
        written: bool = True,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(code, retry_after=retry_after, details={"kind": kind})
        self.kind = kind
        self.written = written


def label_of(kind: str) -> str:
    """Give a failure's name in metrics, one of the contract's few."""
    return _LABELS.get(kind, "other")


_LABELS: Final = {
    "timeout": "timeout",
    "connect": "connection",
    "connection": "connection",
    "http 429": "rate_limit",
    "429": "rate_limit",
    "http 404": "not_found",
}


class RpcRefused(Exception):
    """A node answered with a JSON-RPC error object.

    ``written`` tells that another node may have been reached before within the same call, so
    that what was asked for may have been done all the same.
    """

    def __init__(
        self, number: int, text: str, data: object = None, *, written: bool = False
    ) -> None:
        super().__init__(number, text[:_LONGEST_REASON])
        self.number = number
        self.text = text
        self.data = data
        self.written = written


class SendRefused(RpcRefused):
    """A node would not take these bytes. It proves nothing: they may have gone out before.

    ``err`` is agave's transaction error, as a status would show it.
    """

    def __init__(self, refused: RpcRefused, *, err: object, logs: Sequence[str]) -> None:
        super().__init__(refused.number, refused.text, refused.data, written=refused.written)
        self.err = err
        self.logs = tuple(logs)

    @classmethod
    def of(cls, refused: RpcRefused) -> "SendRefused | None":
        """Read a refusal to send; None if it does not say what is wrong with the bytes."""
        data = refused.data if isinstance(refused.data, Mapping) else {}
        err = data.get("err")
        if err is None:
            err = _ABOUT_THE_BYTES.get(refused.number) or read_text(refused.text)
        if err is None:
            return None
        logs = data.get("logs")
        lines = [line for line in logs if isinstance(line, str)] if isinstance(logs, list) else []
        return cls(refused, err=err, logs=lines)


@frozen(kw_only=True)
class Explanation:
    """A transaction error in the gateway's words.

    ``message`` is for buyers, None for the code's own. ``reason`` is technical, for logs and
    our records; it is made of the error alone and is at most 200 characters.
    """

    code: Code
    reason: str
    message: str | None = None


_PATTERNS: Final[tuple[tuple[re.Pattern[str], object], ...]] = (
    (re.compile(r"already (been )?processed", re.I), ALREADY_PROCESSED),
    (re.compile(r"blockhash not found", re.I), BLOCKHASH_NOT_FOUND),
    (re.compile(r"insufficient lamports", re.I), "InsufficientFundsForFee"),
    (
        re.compile(r"insufficient funds.*fee payer|fee payer.*insufficient funds", re.I),
        "InsufficientFundsForFee",
    ),
    (re.compile(r"no record of a prior credit", re.I), "AccountNotFound"),
    (
        re.compile(
            r"(account not found|could not find account|invalid ?account ?(owner|data))", re.I
        ),
        {"InstructionError": [0, "InvalidAccountData"]},
    ),
    # The whole number counts: 0x10 or 0x1770 are other errors.
    (
        re.compile(r"custom program error: 0x0*1(?![0-9a-f])", re.I),
        {"InstructionError": [0, {"Custom": 1}]},
    ),
    (re.compile(r"insufficient funds", re.I), {"InstructionError": [0, {"Custom": 1}]}),
)


def read_text(text: str) -> object | None:
    """Give the transaction error that a plain text names, or None; the first match counts."""
    for pattern, err in _PATTERNS:
        if pattern.search(text):
            return err
    return None


_FEES: Final = frozenset({"InsufficientFundsForFee", "AccountNotFound", "InvalidAccountForFee"})
_ACCOUNTS: Final = frozenset(
    {"InvalidAccountData", "InvalidAccountOwner", "UninitializedAccount", "IllegalOwner",
     "IncorrectProgramId", "ProgramAccountNotFound"}
)  # fmt: skip


def explain(err: object, logs: Sequence[str] = (), *, sponsored: bool = False) -> Explanation:
    """Say what a transaction error means for who pays.

    ``sponsored`` tells that a wallet of ours pays the fee: its want of SOL is our fault.
    """
    reason = describe(err)
    if _lacks_lamports(err, logs):
        if sponsored:
            message = SERVER_INSUFFICIENT_FUNDS
            return Explanation(code=Code.INTERNAL_ERROR, reason=reason, message=message)
        return Explanation(code=Code.INSUFFICIENT_FUNDS_SOL, reason=reason)
    return Explanation(code=_code(err), reason=reason)


def describe(err: object) -> str:
    """Write a transaction error in one short line."""
    return orjson.dumps(err).decode("utf-8", "replace")[:_LONGEST_REASON].strip('"')


def _code(err: object) -> Code:
    if err == BLOCKHASH_NOT_FOUND:
        return Code.TRANSACTION_EXPIRED
    match _instruction_error(err):
        case {"Custom": 1}:
            return Code.INSUFFICIENT_FUNDS_TOKEN
        case "InsufficientFunds":
            return Code.INSUFFICIENT_FUNDS_TOKEN
        case str(name) if name in _ACCOUNTS:
            return Code.MISSING_TOKEN_ACCOUNT
    return Code.TRANSACTION_FAILED


def _lacks_lamports(err: object, logs: Sequence[str]) -> bool:
    if isinstance(err, str):
        return err in _FEES
    if isinstance(err, Mapping) and "InsufficientFundsForRent" in err:
        return True
    # The system program's Custom(1) is a want of lamports; only its log tells it from a token's.
    custom = _instruction_error(err) == {"Custom": 1}
    return custom and any("insufficient lamports" in line for line in logs)


def _instruction_error(err: object) -> object | None:
    if not isinstance(err, Mapping):
        return None
    match err.get("InstructionError"):
        case [int(), inner]:
            return inner  # type: ignore[no-any-return]  # JSON
    return None
