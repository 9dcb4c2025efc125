"""Why a payment is refused, in the words of x402 and in our codes.

The words are the ``invalidReason`` names that the official TypeScript and Go facilitators share;
where the Python one differs, theirs count.
"""

from enum import StrEnum
from types import MappingProxyType
from typing import Final

from tillway.core.errors import Code, Declined


class Reason(StrEnum):
    """What ``invalidReason`` can say."""

    INVALID_PAYLOAD = "invalid_payload"
    INVALID_STATE = "invalid_transaction_state"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    DUPLICATE = "duplicate_settlement"
    NETWORK_MISMATCH = "invalid_exact_svm_network_mismatch"
    UNDECODABLE = "invalid_exact_svm_payload_transaction_could_not_be_decoded"
    LENGTH = "invalid_exact_svm_payload_transaction_instructions_length"
    UNIT_LIMIT = "invalid_exact_svm_payload_transaction_instructions_compute_limit_instruction"
    UNIT_LIMIT_HIGH = (
        "invalid_exact_svm_payload_transaction_instructions_compute_limit_instruction_too_high"
    )
    UNIT_PRICE = "invalid_exact_svm_payload_transaction_instructions_compute_price_instruction"
    UNIT_PRICE_HIGH = (
        "invalid_exact_svm_payload_transaction_instructions_compute_price_instruction_too_high"
    )
    NO_TRANSFER = "invalid_exact_svm_payload_no_transfer_instruction"
    UNKNOWN_FOURTH = "invalid_exact_svm_payload_unknown_fourth_instruction"
    UNKNOWN_FIFTH = "invalid_exact_svm_payload_unknown_fifth_instruction"
    UNKNOWN_SIXTH = "invalid_exact_svm_payload_unknown_sixth_instruction"
    UNKNOWN_SEVENTH = "invalid_exact_svm_payload_unknown_seventh_instruction"
    FEE_PAYER_SPENDS = "invalid_exact_svm_payload_transaction_fee_payer_transferring_funds"
    FEE_PAYER_MISSING = "invalid_exact_svm_payload_missing_fee_payer"
    FEE_PAYER_UNKNOWN = "invalid_exact_svm_fee_payer_not_managed_by_facilitator"
    FEE_PAYER_MISMATCH = "invalid_exact_svm_fee_payer_mismatch"
    SIGNERS = "invalid_exact_svm_payload_excessive_signers"
    SIGNATURE = "invalid_exact_svm_payload_signature_invalid"
    MINT = "invalid_exact_svm_payload_mint_mismatch"
    RECIPIENT = "invalid_exact_svm_payload_recipient_mismatch"
    AMOUNT = "invalid_exact_svm_payload_amount_mismatch"
    MEMO_COUNT = "invalid_exact_svm_payload_memo_count"
    MEMO = "invalid_exact_svm_payload_memo_mismatch"
    SIMULATION = "invalid_exact_svm_transaction_simulation_failed"
    FAILED = "invalid_exact_svm_transaction_failed"


CODES: Final = MappingProxyType(
    {
        Reason.INVALID_PAYLOAD: Code.INVALID_PAYMENT_PROOF,
        Reason.INVALID_STATE: Code.INVALID_TRANSACTION,
        Reason.INSUFFICIENT_FUNDS: Code.INSUFFICIENT_FUNDS_TOKEN,
        Reason.DUPLICATE: Code.PAYMENT_ALREADY_USED,
        Reason.NETWORK_MISMATCH: Code.INVALID_PAYMENT_PROOF,
        Reason.UNDECODABLE: Code.INVALID_TRANSACTION,
        Reason.LENGTH: Code.INVALID_TRANSACTION,
        Reason.UNIT_LIMIT: Code.INVALID_TRANSACTION,
        Reason.UNIT_LIMIT_HIGH: Code.INVALID_TRANSACTION,
        Reason.UNIT_PRICE: Code.INVALID_TRANSACTION,
        Reason.UNIT_PRICE_HIGH: Code.INVALID_TRANSACTION,
        Reason.NO_TRANSFER: Code.NOT_SPL_TRANSFER,
        Reason.UNKNOWN_FOURTH: Code.INVALID_TRANSACTION,
        Reason.UNKNOWN_FIFTH: Code.INVALID_TRANSACTION,
        Reason.UNKNOWN_SIXTH: Code.INVALID_TRANSACTION,
        Reason.UNKNOWN_SEVENTH: Code.INVALID_TRANSACTION,
        Reason.FEE_PAYER_SPENDS: Code.INVALID_TRANSACTION,
        Reason.FEE_PAYER_MISSING: Code.INVALID_TRANSACTION,
        Reason.FEE_PAYER_UNKNOWN: Code.INVALID_TRANSACTION,
        Reason.FEE_PAYER_MISMATCH: Code.INVALID_TRANSACTION,
        Reason.SIGNERS: Code.INVALID_TRANSACTION,
        Reason.SIGNATURE: Code.INVALID_SIGNATURE,
        Reason.MINT: Code.INVALID_TOKEN_MINT,
        Reason.RECIPIENT: Code.INVALID_RECIPIENT,
        Reason.AMOUNT: Code.AMOUNT_MISMATCH,
        Reason.MEMO_COUNT: Code.INVALID_MEMO,
        Reason.MEMO: Code.INVALID_MEMO,
        Reason.SIMULATION: Code.TRANSACTION_FAILED,
        Reason.FAILED: Code.TRANSACTION_FAILED,
    }
)
"""What each reason is on routes that answer the Cedros codes."""


def refused(
    reason: Reason,
    message: str | None = None,
    *,
    code: Code | None = None,
    field: str | None = None,
) -> Declined:
    """Make the refusal for a reason; ``code`` where the reason's usual one says too little."""
    return Declined(code or CODES[reason], message, field=field, reason=reason.value)
