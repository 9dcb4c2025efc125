"""That an attack left no trace: nothing sent, nothing spent, nothing stored."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from support.shop import Answer, Shop


async def _seen(shop: Shop) -> Sequence[int]:
    return (
        shop.sponsored(),
        shop.balance(),
        shop.sent(),
        shop.chain.landings.total,
        len(await shop.payments()),
        len(await shop.events()),
    )


@asynccontextmanager
async def untouched(shop: Shop) -> AsyncIterator[None]:
    """Assert that lamports, tokens, the chain, sendings, payments and events stay as they are."""
    before = await _seen(shop)
    yield
    assert await _seen(shop) == before


def is_offered_anew(answer: Answer, note: str) -> bool:
    """Tell whether a 402 of every version came back, with another quote than that memo's."""
    return (
        answer.status == 402
        and answer.headers["Cache-Control"] == "no-store"
        and answer.offer["extra"]["memo"] != note
        and answer.body["x402Version"] == 1
        and answer.body["accepts"][0]["extra"]["memo"] == answer.offer["extra"]["memo"]
    )
