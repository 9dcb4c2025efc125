"""What nodes say of transactions by account, and how links are written."""

import base64
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.signature import Signature

from support.transactions import quote_of
from tillway.adapters.x402.answers import Misshapen
from tillway.adapters.x402.links import amount_of, reference_of
from tillway.adapters.x402.mentions import mentions, wire
from tillway.core.assets import USDC
from tillway.core.money import Money

SIGNATURE: Final = str(Signature(bytes(range(64))))
MEMO: Final = "A" * 24


def told(**changes: Any) -> dict[str, Any]:
    """Give what a node says of one transaction."""
    usual = {"signature": SIGNATURE, "slot": 7, "err": None, "memo": f"[24] {MEMO}"}
    return {**usual, "blockTime": 1, "confirmationStatus": "confirmed", **changes}


class TestMentions:
    def test_they_are_read_in_order(self) -> None:
        """With what can be told without fetching them."""
        one, other = mentions([told(), told(memo=None)], 2)
        assert str(one.signature) == SIGNATURE
        assert (one.memo, other.memo) == (f"[24] {MEMO}", None)

    @pytest.mark.parametrize(
        ("changes", "may"),
        [
            ({}, True),
            ({"memo": None}, False),
            ({"memo": "[24] " + "B" * 24}, False),
            ({"err": {"InstructionError": [0, "Custom"]}}, False),
            ({"memo": f"[3] foo; [24] {MEMO}"}, True),
        ],
    )
    def test_only_some_may_have_paid(self, changes: dict[str, Any], may: bool) -> None:
        """Those that ran, and carry the memo by the node's word; they are judged afterwards."""
        (one,) = mentions([told(**changes)], 1)
        assert one.may_have_paid(MEMO) is may

    @pytest.mark.parametrize(
        "answer",
        [
            None,
            {},
            [None],
            [told(signature="no")],
            [told(signature=7)],
            [told(memo=7)],
            [{"signature": SIGNATURE, "memo": None}],
            [told(), told()],
        ],
    )
    def test_another_shape_is_no_answer(self, answer: object) -> None:
        """More than was asked for is none either."""
        with pytest.raises(Misshapen):
            mentions(answer, 1)


class TestWire:
    def test_the_bytes_are_those_of_the_transaction(self) -> None:
        """None for what a node has not."""
        raw = base64.b64encode(b"transaction").decode()
        assert wire({"transaction": [raw, "base64"]}) == b"transaction"
        assert wire(None) is None

    @pytest.mark.parametrize(
        "answer",
        [
            {},
            {"transaction": "x"},
            {"transaction": ["x", "json"]},
            {"transaction": ["é", "base64"]},
        ],
    )
    def test_another_shape_is_no_answer(self, answer: object) -> None:
        """Nothing is guessed."""
        with pytest.raises(Misshapen):
            wire(answer)


class TestAmounts:
    @pytest.mark.parametrize(
        ("minor", "text"),
        [(1, "0.000001"), (50_000, "0.05"), (1_000_000, "1"), (10**12, "1000000")],
    )
    def test_they_are_whole_units_without_needless_zeros(self, minor: int, text: str) -> None:
        """As the specification of transfer requests has them."""
        assert amount_of(Money(minor=minor, asset=USDC)) == text

    @given(st.integers(min_value=1, max_value=2**53))
    def test_none_is_lost(self, minor: int) -> None:
        """What a wallet reads back is what is due."""
        money = Money(minor=minor, asset=USDC)
        assert Money.from_major(amount_of(money), USDC) == money


class TestReferences:
    def test_each_authenticator_has_one_of_its_own(self) -> None:
        """Which says nothing of it, and is always the same."""
        one = reference_of(MEMO)
        assert one == reference_of(MEMO)
        assert one != reference_of("B" * 24)
        assert len(one) == 32
        assert quote_of().id not in one.hex()
