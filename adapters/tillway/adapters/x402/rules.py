"""Rules that hold for a payment whoever pays its fee."""

from tillway.adapters.x402.destinations import Expected
from tillway.adapters.x402.reasons import Reason, refused
from tillway.adapters.x402.transaction import Transaction
from tillway.adapters.x402.transfer import Transfer
from tillway.core.errors import Code, Declined


def require_token(transfer: Transfer, expected: Expected) -> None:
    """Refuse another program, mint or count of decimals than the quoted token's.

    A transfer that names no mint is held to it by its destination, which has only one.
    """
    token = expected.token
    if transfer.program != token.program:
        raise refused(Reason.MINT, code=Code.INVALID_TOKEN_PROGRAM)
    if transfer.mint is None:
        return
    if transfer.mint != token.mint:
        raise refused(Reason.MINT)
    if transfer.decimals != token.asset.decimals:
        raise refused(
            Reason.MINT, "The transfer names wrong decimals.", code=Code.INVALID_TRANSACTION
        )


def require_destination(transfer: Transfer, expected: Expected) -> None:
    """Refuse money for another account, and money that only goes in a circle."""
    if transfer.destination != expected.account or transfer.source == expected.account:
        raise refused(Reason.RECIPIENT)


def refusal_of_amount(transfer: Transfer, expected: Expected) -> Declined | None:
    """Give the refusal of any other amount than the quoted one, more as well as less."""
    if transfer.amount < expected.amount:
        return refused(Reason.AMOUNT, code=Code.AMOUNT_BELOW_MINIMUM)
    return refused(Reason.AMOUNT) if transfer.amount > expected.amount else None


def require_amount(transfer: Transfer, expected: Expected) -> None:
    """Refuse any other amount than the quoted one."""
    refusal = refusal_of_amount(transfer, expected)
    if refusal is not None:
        raise refusal


def require_signatures(transaction: Transaction, first: int) -> None:
    """Verify every signature from that place on, here and now."""
    if not all(transaction.is_signed_by(at) for at in range(first, len(transaction.signatures))):
        raise refused(Reason.SIGNATURE)
