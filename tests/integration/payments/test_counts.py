"""How little a payment asks of the node and of the store."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.counting import Counting, open_counting

BURST = 40
BACKGROUND = 4
"""Reads that a process makes by itself in some seconds: quote keys, what sponsors have spent."""

PER_PAYMENT = {
    "simulateTransaction",
    "sendTransaction",
    "signatureSubscribe",
    "signatureUnsubscribe",
}
"""The last two are messages on the one WebSocket: one asks for news, the other for no more of it
where a question was answered sooner."""


@pytest.fixture(params=["memory", "file"])
async def counting(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Counting]:
    async with open_counting(request.param, tmp_path) as made:
        yield made


class TestCounts:
    async def test_the_node_simulates_once_and_is_sent_to_once(self, counting: Counting) -> None:
        """Each further call would cost a quota that operators pay for, and time."""
        counted = await counting.paid(5, together=False)
        assert counted.calls["simulateTransaction"] == 5
        assert counted.calls["sendTransaction"] == 5

    async def test_the_store_commits_twice_and_looks_once(self, counting: Counting) -> None:
        """The claim, and the end with its fact; before both, whether the payment is known."""
        counted = await counting.paid(5, together=False)
        assert counted.writes == 10
        assert 5 <= counted.reads <= 5 + BACKGROUND

    async def test_many_at_once_share_their_questions(self, counting: Counting) -> None:
        """What is open is asked for together, and nothing is asked for each payment."""
        counted = await counting.paid(BURST, together=True)
        assert counted.calls["simulateTransaction"] == BURST
        assert counted.calls["sendTransaction"] == BURST
        assert counted.calls["signatureUnsubscribe"] <= BURST
        assert counted.calls["getSignatureStatuses"] <= BURST / 2
        others = set(counted.calls) - PER_PAYMENT - {"getSignatureStatuses"}
        assert sum(counted.calls[method] for method in others) <= 3, counted.calls
        assert counted.writes == 2 * BURST

    async def test_a_quote_asks_nobody(self, counting: Counting) -> None:
        """It is made from what is in memory: no node, no store, whatever coupons there are."""
        calls, ran = Counter(counting.shop.node.node.calls), Counter(counting.queries.ran)
        for _ in range(10):
            assert (await counting.shop.offer()).status == 402
            assert (await counting.shop.offer(query="?couponCode=HALF")).status == 402
        assert counting.shop.node.node.calls == calls
        assert counting.queries.ran["write"] == ran["write"]
        assert counting.queries.ran["read"] - ran["read"] <= BACKGROUND

    async def test_a_limited_coupon_is_looked_up_once(self, counting: Counting) -> None:
        """Only the store knows how often it was used."""
        ran = Counter(counting.queries.ran)
        for _ in range(10):
            assert (await counting.shop.offer(query="?couponCode=ONCE")).status == 402
        assert 10 <= counting.queries.ran["read"] - ran["read"] <= 10 + BACKGROUND
        assert counting.queries.ran["write"] == ran["write"]
