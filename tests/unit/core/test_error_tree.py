"""The error tree, its codes and their words."""

from __future__ import annotations

import pickle

import pytest

from tillway.core import codes
from tillway.core.codes import Code
from tillway.core.errors import Declined, Fault, TillwayError, Unavailable, Unsettled

OURS = {
    Code.ROUTE_NOT_FOUND,
    Code.METHOD_NOT_ALLOWED,
    Code.PAYLOAD_TOO_LARGE,
    Code.RATE_LIMIT_EXCEEDED,
    Code.UNAUTHORIZED,
    Code.FORBIDDEN,
    Code.IDEMPOTENCY_KEY_REUSED,
    Code.INSUFFICIENT_CREDITS,
    Code.SERVICE_UNAVAILABLE,
    Code.TIMEOUT,
}


class TestCodes:
    def test_there_are_forty_nine_of_the_contract(self) -> None:
        """Besides ours, the enum holds as many codes as the contract counts."""
        assert len(set(Code) - OURS) == 49

    def test_four_of_the_contract_are_retryable(self) -> None:
        """The contract's retryable codes are retryable, and no other of its codes."""
        assert {
            Code.TRANSACTION_NOT_CONFIRMED,
            Code.STRIPE_ERROR,
            Code.RPC_ERROR,
            Code.NETWORK_ERROR,
        } == codes.RETRYABLE - OURS

    @pytest.mark.parametrize("code", Code)
    def test_each_says_something(self, code: Code) -> None:
        """No code leaves a person without words."""
        assert codes.message_of(code)

    def test_a_proof_without_words_names_its_code(self) -> None:
        """What the verifier finds and the contract gives no words for is named by code."""
        expected = "Payment verification failed: not_spl_transfer"
        assert codes.message_of(Code.NOT_SPL_TRANSFER) == expected

    def test_the_contracts_words_are_kept(self) -> None:
        """Words that clients may show are those of the contract."""
        assert codes.message_of(Code.INSUFFICIENT_FUNDS_TOKEN) == (
            "Insufficient token balance. Please add more tokens to your wallet and try again."
        )


class TestMessageRules:
    @pytest.mark.parametrize(
        ("technical", "code"),
        [
            ("Custom program error: 0x1", Code.INSUFFICIENT_FUNDS_TOKEN),
            ("custom program error: 0x1: insufficient lamports", Code.INSUFFICIENT_FUNDS_TOKEN),
            ("Error: insufficient funds", Code.INSUFFICIENT_FUNDS_TOKEN),
            ("Transfer: insufficient lamports 5, need 9", Code.INSUFFICIENT_FUNDS_SOL),
            ("could not find account", Code.MISSING_TOKEN_ACCOUNT),
            ("Account not found", Code.MISSING_TOKEN_ACCOUNT),
            ("something else", Code.TRANSACTION_FAILED),
            ("", Code.TRANSACTION_FAILED),
        ],
    )
    def test_a_failed_transaction_is_explained(self, technical: str, code: Code) -> None:
        """The first rule that fits the node's text chooses the words."""
        assert codes.transaction_failed_message(technical) == codes.message_of(code)

    @pytest.mark.parametrize("number", ["0x10", "0x11", "0x1770", "0x178c", "0x1a"])
    def test_the_error_number_is_compared_whole(self, number: str) -> None:
        """A program's error that only begins like 0x1 is not a lack of tokens."""
        said = codes.transaction_failed_message(f"custom program error: {number}")
        assert said == codes.message_of(Code.TRANSACTION_FAILED)

    @pytest.mark.parametrize(
        ("technical", "expected"),
        [
            (
                "insufficient funds: custom program error: 0x1",
                codes.message_of(Code.INSUFFICIENT_FUNDS_TOKEN),
            ),
            (
                "Insufficient lamports: custom program error: 0x1770",
                codes.message_of(Code.INSUFFICIENT_FUNDS_SOL),
            ),
            ("insufficient funds for fee", codes.message_of(Code.INSUFFICIENT_FUNDS_SOL)),
            ("account not found", codes.message_of(Code.MISSING_TOKEN_ACCOUNT)),
            ("custom program error: 0x1", codes.SEND_FAILED),
            ("node is behind", codes.SEND_FAILED),
        ],
    )
    def test_a_failed_send_is_explained(self, technical: str, expected: str) -> None:
        """Sending has rules of its own, and its own words when none fits."""
        assert codes.send_failed_message(technical) == expected


class TestTree:
    def test_what_stays_no_is_not_retryable(self) -> None:
        """A refusal carries field, reason and details, and says so again each time."""
        error = Declined(
            Code.MISSING_MEMO, field="memo", reason="invalid_memo", details={"expected": 24}
        )
        assert (error.field, error.reason, error.details) == (
            "memo",
            "invalid_memo",
            {"expected": 24},
        )
        assert not error.retryable

    def test_unavailable_is_retryable_by_default(self) -> None:
        """Without a code, nothing having been sent is `service_unavailable`."""
        error = Unavailable(retry_after=2.5)
        assert (error.code, error.retry_after, error.retryable) == (
            Code.SERVICE_UNAVAILABLE,
            2.5,
            True,
        )

    def test_unsettled_names_what_to_look_up(self) -> None:
        """What was sent has a reference, and its code says that no answer came."""
        error = Unsettled(reference="5sig")
        assert (error.code, error.reference) == (Code.TRANSACTION_NOT_CONFIRMED, "5sig")

    @pytest.mark.parametrize("kind", [Declined, Unavailable, Unsettled])
    def test_all_are_of_the_tree(self, kind: type[TillwayError]) -> None:
        """One except clause catches all of ours, and the text shows code and message."""
        error = kind(Code.RPC_ERROR)
        assert isinstance(error, TillwayError)
        assert str(error) == f"rpc_error: {codes.message_of(Code.RPC_ERROR)}"

    def test_details_are_our_own_copy(self) -> None:
        """Changing the mapping afterwards changes no error."""
        details: dict[str, object] = {"item": 1}
        error = Declined(Code.INVALID_CART_ITEM, details=details)
        details["item"] = 2
        assert error.details == {"item": 1}

    def test_an_error_survives_pickling(self) -> None:
        """An error that crosses a process keeps what it says."""
        error = Declined(Code.INVALID_FIELD, "no", field="a", details={"b": 1})
        copy = pickle.loads(pickle.dumps(error))
        assert (copy.code, copy.message, copy.field, copy.details) == (
            error.code,
            error.message,
            error.field,
            error.details,
        )


class TestFaults:
    def test_all_faults_are_named_at_once(self) -> None:
        """Two faults make one refusal that lists both, in order."""
        faults = (Fault(field="a", message="is odd"), Fault(field="b[0]", message="is even"))
        error = Declined.for_faults(faults)
        assert error.code is Code.INVALID_FIELD
        assert error.field == "a"
        assert error.message == "is odd; is even"
        assert error.details == {
            "fields": [
                {"field": "a", "message": "is odd"},
                {"field": "b[0]", "message": "is even"},
            ]
        }

    def test_no_faults_are_no_refusal(self) -> None:
        """Declining without a fault is a mistake of the caller."""
        with pytest.raises(ValueError, match="no faults"):
            Declined.for_faults(())
