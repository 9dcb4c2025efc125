"""The rules for a transaction whose fee the buyer pays: the oldest dialect, in any order.

None of our keys signs it, so it can do what it likes, as long as our money arrives.
"""

from collections.abc import Iterable

from tillway.adapters.x402.destinations import Expected
from tillway.adapters.x402.reasons import Reason, refused
from tillway.adapters.x402.rules import (
    require_destination,
    require_signatures,
    require_token,
)
from tillway.adapters.x402.transaction import Transaction
from tillway.adapters.x402.transfer import Transfer, transfers
from tillway.core.errors import Code


def verify(transaction: Transaction, expected: Expected, *, ours: Iterable[bytes]) -> Transfer:
    """Refuse what is not fully signed, or does not pay what is expected just once.

    The amount is the caller's to judge: the buyer may have sent it already.
    """
    if not set(ours).isdisjoint(transaction.signers):
        raise refused(Reason.FEE_PAYER_SPENDS)
    transfer = _payment(list(transfers(transaction.instructions)), expected)
    require_token(transfer, expected)
    require_destination(transfer, expected)
    require_signatures(transaction, first=0)
    return transfer


def _payment(found: list[Transfer], expected: Expected) -> Transfer:
    if not found:
        raise refused(Reason.NO_TRANSFER)
    ours = [one for one in found if one.destination == expected.account]
    if len(ours) > 1:
        raise refused(
            Reason.AMOUNT, "The payment must be one transfer.", code=Code.INVALID_TRANSACTION
        )
    return ours[0] if ours else found[0]
