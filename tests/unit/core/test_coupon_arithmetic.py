"""Baskets in bulk: both implementations of pricing come to the same, by card and by token."""

from collections import Counter
from random import Random
from typing import Final

import pytest

from support.baskets import basket
from support.plain_prices import plain_cart, plain_item
from tillway.core.contracts.counts import count
from tillway.core.pricing import price_cart, price_item

BASKETS: Final = count(2_000, 100_000)
SEEDS: Final = range(4)


class TestBaskets:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_both_implementations_charge_the_same(self, seed: int) -> None:
        """For each basket as a cart, and for its first thing alone, with the same codes."""
        chance, seen = Random(seed), Counter[str]()
        for number in range(BASKETS // len(SEEDS)):
            made = basket(chance)
            lines, sale = made.lines, made.sale
            cart = price_cart(lines, sale)
            assert cart.total.minor == plain_cart(made.asset, made.things, sale), (seed, number)
            first = made.things[0]
            item = price_item(lines[0].product, sale, lines[0].price)
            total, codes = plain_item(made.asset, first[1], sale, first[0])
            assert (item.total.minor, list(item.applied)) == (total, codes), (seed, number)
            seen.update((sale.method, "discounted" if cart.applied else "whole"))
        assert min(seen["x402"], seen["stripe"], seen["discounted"], seen["whole"]) > 100
