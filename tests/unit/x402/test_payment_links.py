"""What nodes say of transactions by account, and how links are written."""

import asyncio
import base64
from collections.abc import Sequence
from typing import Any, Final

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st
from solders.pubkey import Pubkey
from solders.signature import Signature

from support.solana_fakes import offering_of
from support.transactions import quote_of
from tillway.adapters.x402.answers import Misshapen
from tillway.adapters.x402.links import (
    LOOK_LIFETIME,
    MOST_LOOKING,
    Links,
    amount_of,
    reference_of,
)
from tillway.adapters.x402.mentions import Mention, mentions, wire
from tillway.core.assets import USDC
from tillway.core.errors import Unavailable
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


@define
class Node:
    """A chain that waits until it is let go, and counts who asked."""

    let: asyncio.Event = field(factory=asyncio.Event)
    asked: int = 0
    fault: Exception | None = None

    async def mentions(self, account: Pubkey, limit: int) -> Sequence[Mention]:
        """List nothing, in its own time."""
        self.asked += 1
        await self.let.wait()
        if self.fault is not None:
            raise self.fault
        return []

    async def wire(self, signature: Signature) -> bytes | None:
        """Have nothing."""
        return None


def links(node: Node) -> Links:
    """Give what looks there; nothing else of the rail is needed for looking."""
    offering = offering_of()
    return Links(config=offering.config, chain=node, offering=offering, rail="x402")


class TestLooking:
    async def test_who_asks_for_the_same_shares_one_look(self) -> None:
        """However many pages show it; a second later it is looked for again."""
        node = Node()
        looking = links(node)
        asked = [asyncio.create_task(looking.found(quote_of(), "q1.x", MEMO)) for _ in range(50)]
        await asyncio.sleep(0)
        node.let.set()
        await asyncio.gather(*asked)
        await looking.found(quote_of(), "q1.x", MEMO)
        assert node.asked == 1

        await asyncio.sleep(LOOK_LIFETIME + 0.1)
        await looking.found(quote_of(), "q1.x", MEMO)
        assert node.asked == 2

    async def test_only_so_many_are_looked_for_at_once(self) -> None:
        """Nodes are needed for payments; who comes too late asks again."""
        node = Node()
        looking = links(node)
        memos = [f"{number:024}" for number in range(MOST_LOOKING)]
        asked = [asyncio.create_task(looking.found(quote_of(), "q1.x", memo)) for memo in memos]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await looking.found(quote_of(), "q1.x", MEMO)
        node.let.set()
        await asyncio.gather(*asked)

        assert await looking.found(quote_of(), "q1.x", MEMO) == []

    async def test_a_look_that_failed_is_not_kept(self) -> None:
        """All who waited for it are told, and the next one looks anew."""
        node = Node(fault=Unavailable())
        node.let.set()
        looking = links(node)
        with pytest.raises(Unavailable):
            await looking.found(quote_of(), "q1.x", MEMO)
        node.fault = None
        assert await looking.found(quote_of(), "q1.x", MEMO) == []
