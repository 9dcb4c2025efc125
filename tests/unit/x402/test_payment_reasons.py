"""The names of refusals, and messages that wallets sign."""

import base64

import pytest

from support.transactions import BUYER, PAYER, STRANGER
from tillway.adapters.x402.reasons import CODES, Reason, refused
from tillway.adapters.x402.words import is_signed
from tillway.core.errors import Code
from tillway.core.payments import Word

SHARED = {
    "invalid_exact_svm_payload_transaction_could_not_be_decoded",
    "invalid_exact_svm_payload_transaction_instructions_length",
    "invalid_exact_svm_payload_transaction_instructions_compute_limit_instruction",
    "invalid_exact_svm_payload_transaction_instructions_compute_price_instruction",
    "invalid_exact_svm_payload_transaction_instructions_compute_price_instruction_too_high",
    "invalid_exact_svm_payload_no_transfer_instruction",
    "invalid_exact_svm_payload_unknown_fourth_instruction",
    "invalid_exact_svm_payload_unknown_fifth_instruction",
    "invalid_exact_svm_payload_unknown_sixth_instruction",
    "invalid_exact_svm_payload_transaction_fee_payer_transferring_funds",
    "invalid_exact_svm_payload_mint_mismatch",
    "invalid_exact_svm_payload_recipient_mismatch",
    "invalid_exact_svm_payload_memo_count",
    "invalid_exact_svm_payload_memo_mismatch",
}


class TestReasons:
    def test_every_reason_has_its_code(self) -> None:
        """Routes that answer the Cedros codes know them all."""
        assert set(CODES) == set(Reason)

    def test_all_names_of_the_specification_are_emitted(self) -> None:
        """Those that every official implementation shares, letter by letter."""
        assert set(Reason) >= SHARED

    @pytest.mark.parametrize("reason", Reason)
    def test_a_refusal_carries_both(self, reason: Reason) -> None:
        """The reason for x402, the code for everyone else."""
        found = refused(reason, field="f")
        assert (found.reason, found.code, found.field) == (reason.value, CODES[reason], "f")

    def test_a_code_may_say_more(self) -> None:
        """One reason of x402 covers several codes of ours."""
        assert refused(Reason.AMOUNT, code=Code.AMOUNT_BELOW_MINIMUM).reason == Reason.AMOUNT


def word(
    message: str = "hello", signature: bytes | str | None = None, signer: str = str(PAYER)
) -> Word:
    raw = bytes(BUYER.sign_message(message.encode())) if signature is None else signature
    text = raw if isinstance(raw, str) else base64.b64encode(raw).decode()
    return Word(signer=signer, message=message, signature=text)


class TestWords:
    @pytest.mark.parametrize("message", ["hello", "", "grüezi 🙂", "a\nb"])
    def test_a_signed_message(self, message: str) -> None:
        """The UTF-8 bytes of the text are what is signed."""
        assert is_signed(word(message))

    @pytest.mark.parametrize(
        "bad",
        [
            word(signer=str(STRANGER.pubkey())),
            word(signer="nobody"),
            word(signature=b""),
            word(signature=bytes(64)),
            word(signature=bytes(63)),
            word(signature=bytes(BUYER.sign_message(b"hello")) + b"\0"),
            word(signature="!" * 88),
            word(signature="é" * 88),
            word(signature=bytes(BUYER.sign_message(b"other"))),
            Word(signer=str(PAYER), message="\ud800", signature="A" * 86 + "=="),
        ],
    )
    def test_anything_else_is_not(self, bad: Word) -> None:
        """Longer signatures are refused, not cut."""
        assert not is_signed(bad)
