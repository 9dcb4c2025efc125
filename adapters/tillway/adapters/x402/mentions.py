"""Transactions that name an account, as nodes list them, and their bytes."""

import base64
import binascii
from collections.abc import Mapping, Sequence

from attrs import frozen
from solders.signature import Signature

from tillway.adapters.x402.answers import Misshapen, member, text, whole


@frozen(kw_only=True)
class Mention:
    """A transaction that names an account. ``memo`` is what the node says of its memos.

    ``at`` is its block's time in seconds since 1970, if the node knows it.
    """

    signature: Signature
    err: object | None
    memo: str | None
    at: int | None = None

    def may_have_paid(self, authenticator: str) -> bool:
        """Tell whether it ran without an error and carries this memo, by the node's word."""
        return self.err is None and self.memo is not None and authenticator in self.memo


def mentions(value: object, most: int) -> Sequence[Mention]:
    """Read getSignaturesForAddress."""
    if not isinstance(value, list) or len(value) > most:
        raise Misshapen("not a list of at most the length asked for")
    return [_mention(one) for one in value]


def _mention(value: object) -> Mention:
    memo, time = member(value, "memo"), _time(value)
    try:
        signature = Signature.from_string(text(member(value, "signature")))
    except ValueError as error:
        raise Misshapen("not a signature") from error
    return Mention(
        signature=signature,
        err=member(value, "err"),
        memo=None if memo is None else text(memo),
        at=None if time is None else whole(time),
    )


def _time(value: object) -> object:
    # Nodes leave it out, or null, where they do not know it.
    return value.get("blockTime") if isinstance(value, Mapping) else None


def wire(value: object) -> bytes | None:
    """Read the bytes of a transaction from getTransaction."""
    if value is None:
        return None
    told = member(value, "transaction")
    if not isinstance(told, list) or len(told) != 2 or told[1] != "base64":
        raise Misshapen("not base64")
    try:
        return base64.b64decode(text(told[0]), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Misshapen("not base64") from error
