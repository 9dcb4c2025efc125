import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillway.adapters.x402.errors import RpcRefused, SendRefused, describe, explain, read_text
from tillway.core.codes import SERVER_INSUFFICIENT_FUNDS, Code

CUSTOM_1 = {"InstructionError": [2, {"Custom": 1}]}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


class TestExplaining:
    @pytest.mark.parametrize(
        ("err", "code"),
        [
            (CUSTOM_1, Code.INSUFFICIENT_FUNDS_TOKEN),
            ({"InstructionError": [0, "InsufficientFunds"]}, Code.INSUFFICIENT_FUNDS_TOKEN),
            ({"InstructionError": [2, "InvalidAccountData"]}, Code.MISSING_TOKEN_ACCOUNT),
            ({"InstructionError": [2, "UninitializedAccount"]}, Code.MISSING_TOKEN_ACCOUNT),
            ("InsufficientFundsForFee", Code.INSUFFICIENT_FUNDS_SOL),
            ("AccountNotFound", Code.INSUFFICIENT_FUNDS_SOL),
            ({"InsufficientFundsForRent": {"account_index": 0}}, Code.INSUFFICIENT_FUNDS_SOL),
            ("BlockhashNotFound", Code.TRANSACTION_EXPIRED),
            ("SanitizeFailure", Code.TRANSACTION_FAILED),
            ({"InstructionError": [2, {"Custom": 17}]}, Code.TRANSACTION_FAILED),
            ({"InstructionError": [2, "ComputationalBudgetExceeded"]}, Code.TRANSACTION_FAILED),
            ({"InstructionError": "odd"}, Code.TRANSACTION_FAILED),
            (None, Code.TRANSACTION_FAILED),
        ],
    )
    def test_each_error_has_its_code(self, err: object, code: Code) -> None:
        """As agave writes it in JSON."""
        assert explain(err).code is code

    def test_the_system_programs_first_error_is_a_want_of_sol(self) -> None:
        """Only its log tells it from the token program's, which has the same number."""
        logs = ["Program 11111111111111111111111111111111 invoke [1]"]
        logs.append("Transfer: insufficient lamports 5, need 10")
        assert explain(CUSTOM_1, logs).code is Code.INSUFFICIENT_FUNDS_SOL

    @pytest.mark.parametrize("err", ["InsufficientFundsForFee", "AccountNotFound"])
    def test_our_wallets_want_of_sol_is_not_the_buyers_fault(self, err: str) -> None:
        """He is told to come back, not to add SOL."""
        explained = explain(err, sponsored=True)
        assert (explained.code, explained.message) == (
            Code.INTERNAL_ERROR,
            SERVER_INSUFFICIENT_FUNDS,
        )

    def test_a_buyers_want_of_tokens_is_his_even_if_we_pay_the_fee(self) -> None:
        """Sponsoring changes who pays the fee and nothing else."""
        assert explain(CUSTOM_1, sponsored=True).code is Code.INSUFFICIENT_FUNDS_TOKEN

    @given(JSON, st.lists(st.text(), max_size=3), st.booleans())
    def test_never_fails_and_keeps_its_reason_short(
        self, err: object, logs: list[str], sponsored: bool
    ) -> None:
        """Nodes may answer anything."""
        explained = explain(err, logs, sponsored=sponsored)
        assert len(explained.reason) <= 200
        assert "\n" not in explained.reason


class TestReadingText:
    @pytest.mark.parametrize(
        ("text", "err"),
        [
            ("Transaction already processed", "AlreadyProcessed"),
            ("This transaction has already been processed", "AlreadyProcessed"),
            ("Transaction simulation failed: Blockhash not found", "BlockhashNotFound"),
            ("Transfer: insufficient lamports 1, need 2", "InsufficientFundsForFee"),
            ("insufficient funds for fee payer", "InsufficientFundsForFee"),
            ("custom program error: 0x1", {"InstructionError": [0, {"Custom": 1}]}),
            ("custom program error: 0x1: etc", {"InstructionError": [0, {"Custom": 1}]}),
            ("Error: insufficient funds", {"InstructionError": [0, {"Custom": 1}]}),
            ("could not find account", {"InstructionError": [0, "InvalidAccountData"]}),
            (
                "invalid account data for instruction",
                {"InstructionError": [0, "InvalidAccountData"]},
            ),
            (
                "Attempt to debit an account but found no record of a prior credit.",
                "AccountNotFound",
            ),
        ],
    )
    def test_what_only_a_text_tells_is_understood(self, text: str, err: object) -> None:
        """Some nodes give no structured error."""
        assert read_text(text) == err

    @pytest.mark.parametrize("number", ["0x10", "0x11", "0x1770", "0x178c", "0x1f"])
    def test_the_whole_number_of_a_program_error_counts(self, number: str) -> None:
        """A prefix test would report all of these as a want of tokens."""
        assert read_text(f"custom program error: {number}") is None


class TestRefusals:
    def test_the_structured_error_comes_before_the_text(self) -> None:
        """What the node says in data is what happened."""
        refused = RpcRefused(-32002, "Blockhash not found", {"err": CUSTOM_1, "logs": ["a", 5]})
        send = SendRefused.of(refused)
        assert send is not None
        assert (send.err, send.logs) == (CUSTOM_1, ("a",))

    @pytest.mark.parametrize(
        ("number", "err"),
        [(-32003, "SignatureFailure"), (-32006, "SignatureFailure"), (-32602, "SanitizeFailure")],
    )
    def test_the_number_alone_may_tell(self, number: int, err: str) -> None:
        """Agave gives these no data."""
        send = SendRefused.of(RpcRefused(number, "no"))
        assert send is not None
        assert send.err == err

    @pytest.mark.parametrize("number", [-32002, -32000, -32005, 1])
    def test_an_error_that_says_nothing_of_the_bytes_is_no_refusal(self, number: int) -> None:
        """A node's own trouble must not be told to a buyer as his."""
        assert SendRefused.of(RpcRefused(number, "priority fee too low today")) is None

    @given(st.integers(-(2**31), 2**31), st.text(), JSON)
    def test_any_error_object_can_be_read(self, number: int, text: str, data: object) -> None:
        """It is a refusal of the bytes or it is not; nothing else comes out."""
        send = SendRefused.of(RpcRefused(number, text, data))
        assert send is None or send.err is not None


class TestDescribing:
    @pytest.mark.parametrize("err", [CUSTOM_1, {"DuplicateInstruction": 3}])
    def test_is_the_json_of_the_error(self, err: object) -> None:
        """One line that can be searched for."""
        assert json.loads(describe(err)) == err

    def test_a_plain_name_stands_alone(self) -> None:
        """Most transaction errors are one word."""
        assert describe("AccountInUse") == "AccountInUse"
