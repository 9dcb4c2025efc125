"""What one stranger may have at a time is a bound under any crowd of his requests."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from support.shop import Answer, Shop
from tillway.core.services.nonces import MOST_WAITING

CROWD: Final = 64
CART: Final = "/paywall/v1/cart/quote"
NONCE: Final = "/paywall/v1/nonce"
ITEMS: Final[Mapping[str, Any]] = {"items": [{"resource": "article", "quantity": 1}]}


async def crowd(shop: Shop, path: str, body: object) -> list[Answer]:
    """Ask so many times at once."""
    return await asyncio.gather(*(shop.post(path, body) for _ in range(CROWD)))


def served(answers: list[Answer], status: int) -> int:
    """Count who got something; all the others were told to wait."""
    some = [each for each in answers if each.status == status]
    others = [(each.status, each.code) for each in answers if each.status != status]
    assert set(others) <= {(429, "rate_limit_exceeded")}
    return len(some)


class TestCrowds:
    async def test_carts_never_pass_their_bound(self, still_shop: Shop) -> None:
        """As many are made as may be open, and not one more."""
        still_shop.gateway.services.carting.most_unpaid = 20
        assert served(await crowd(still_shop, CART, ITEMS), 402) == 20
        assert served(await crowd(still_shop, CART, ITEMS), 402) == 0

    async def test_nonces_never_pass_their_bound(self, still_shop: Shop) -> None:
        """The usual bound, met by more than it takes at once."""
        answers = await crowd(still_shop, NONCE, {"purpose": "refund_list"})
        assert served(answers, 200) == MOST_WAITING
        more = await crowd(still_shop, NONCE, {"purpose": "refund_request"})
        assert served(more, 200) == 0

    async def test_others_are_not_kept_waiting_by_a_crowd(self, still_shop: Shop) -> None:
        """Only those of one address wait for each other."""
        still_shop.gateway.services.carting.most_unpaid = 5
        async with still_shop.visited_from() as other:
            crowded = asyncio.create_task(crowd(still_shop, CART, ITEMS))
            assert (await other.post(CART, ITEMS)).status == 402
            assert served(await crowded, 402) == 5
