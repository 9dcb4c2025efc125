"""One message is one payment: under any signatures, any number of times, over many processes."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from solders.keypair import Keypair
from solders.message import to_bytes_versioned
from solders.transaction import VersionedTransaction

from support.chain import Wallet
from support.crew import Crew, crew
from support.ed25519 import sign_anew
from support.hostile import Stage
from support.hostile_self_paid import honest_own
from support.shop import ARTICLE, Shop, v0_header, v1_header, v2_header
from tillway.core.contracts.counts import count

WAYS = 64
ROUNDS = count(2, 20)
PROCESSES = count(3, 4)
PATH = "/paywall/article"


def resigned(raw: bytes, buyer: Wallet) -> bytes:
    """Sign the same message once more: the key's owner can make as many signatures as he likes."""
    transaction = VersionedTransaction.from_bytes(raw)
    message = transaction.message
    data, signatures = to_bytes_versioned(message), list(transaction.signatures)
    signatures[message.account_keys.index(buyer.address)] = sign_anew(buyer.keypair, data)
    return bytes(VersionedTransaction.populate(message, signatures))


def with_first(raw: bytes, signature: bytes) -> bytes:
    """Put something into the place of the fee payer's signature."""
    return raw[:1] + signature + raw[65:]


class TestTwoSignatures:
    async def test_the_buyer_s_second_signature_pays_nothing_more(self, shop: Shop) -> None:
        """The chain runs a message once, and so do we: both get the one answer."""
        offer, buyer = (await shop.offer()).offer, shop.buyer()
        raw = shop.sign(buyer, offer)
        again = resigned(raw, buyer)

        first = await shop.get(PATH, v2_header(raw, offer))
        second = await shop.get(PATH, v2_header(again, offer))
        elsewhere = await shop.get("/paywall/book", v2_header(again, offer))

        assert again != raw
        assert (first.status, second.status, elsewhere.status) == (200, 200, 402)
        assert second.body == first.body
        assert shop.balance() == ARTICLE
        assert len(await shop.payments()) == len(await shop.events()) == 1

    async def test_what_stands_in_the_sponsor_s_place_says_nothing(self, shop: Shop) -> None:
        """Slot 0 is ours to fill: zeros, chance, another's word are the same payment."""
        offer, buyer = (await shop.offer()).offer, shop.buyer()
        raw = shop.sign(buyer, offer)
        others = [
            raw,
            with_first(raw, os.urandom(64)),
            with_first(raw, bytes(Keypair().sign_message(b"something"))),
            with_first(resigned(raw, buyer), b"\xff" * 64),
        ]

        answers = await asyncio.gather(*(shop.get(PATH, v2_header(one, offer)) for one in others))

        assert [answer.status for answer in answers] == [200] * len(others)
        assert len({answer.body["signature"] for answer in answers}) == 1
        assert shop.balance() == ARTICLE
        assert len(await shop.payments()) == 1

    async def test_a_self_paid_message_is_one_payment_too(self, shop: Shop) -> None:
        """Its first signature is the buyer's, and is still not what it is known by."""
        quoted = await shop.post("/paywall/v1/quote", {"resource": "article"})
        extra = quoted.body["accepts"][0]["extra"]
        stage = Stage(shop, shop.buyer(sol=1), note=extra["memo"])
        raw, quote = honest_own(stage), {"quote": extra["quote"]}
        headers = [
            v0_header(each, "article", metadata=quote)
            for each in (raw, *(resigned(raw, stage.buyer) for _ in range(7)))
        ]

        answers = await asyncio.gather(
            *(shop.post("/paywall/v1/verify", None, header) for header in headers)
        )

        assert {answer.status for answer in answers} == {200}
        assert len({answer.body["signature"] for answer in answers}) == 1
        assert shop.balance() == ARTICLE
        assert len(await shop.payments()) == len(await shop.events()) == 1


@pytest.fixture(params=["processes", "workers"])
async def servers(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Crew]:
    """Give gateways on one file: several commands, and one command with several workers."""
    count, workers = (PROCESSES, 1) if request.param == "processes" else (1, PROCESSES)
    async with crew(tmp_path, count=count, workers=workers) as made:
        yield made


class TestManyAtOnce:
    async def test_the_same_proof_lands_once_and_grants_one_purchase(self, servers: Crew) -> None:
        """Sixty-four requests over all processes: one landing, one row, one event, one answer."""
        shop = servers.shop
        for number in range(ROUNDS):
            asked, buyer = await shop.offer(), shop.buyer()
            raw, landed = shop.sign(buyer, asked.offer), shop.chain.landings.total

            answers = await spread(servers, [v2_header(raw, asked.offer)] * WAYS)

            assert {answer.status for answer in answers} == {200}
            assert len({answer.body["signature"] for answer in answers}) == 1
            assert shop.chain.landings.total == landed + 1
            assert shop.balance() == ARTICLE * (number + 1)
        assert len(await shop.payments()) == len(await shop.events()) == ROUNDS

    async def test_so_it_does_under_many_signatures_and_dialects(self, servers: Crew) -> None:
        """Bare and quoted, resigned and refilled: joined, or told that it is on its way."""
        shop = servers.shop
        asked, buyer = await shop.offer(), shop.buyer()
        raw, sponsor = shop.sign(buyer, asked.offer), str(shop.sponsor.address)
        headers: list[dict[str, str]] = []
        for number in range(WAYS):
            one = resigned(raw, buyer) if number % 8 == 0 else with_first(raw, os.urandom(64))
            headers.append(
                [
                    v2_header(one, asked.offer),
                    v1_header(one),
                    v0_header(one, "article", feePayer=sponsor),
                ][number % 3]
            )

        answers = await spread(servers, headers)

        granted = [answer for answer in answers if answer.status == 200]
        assert {answer.status for answer in answers} == {200}
        assert len({answer.body["signature"] for answer in granted}) == 1
        assert shop.balance() == ARTICLE
        assert len(await shop.payments()) == len(await shop.events()) == 1

    async def test_shown_for_two_things_at_once_it_buys_one(self, servers: Crew) -> None:
        """A memo-less proof at two resources of one price: one is bought, the other refused."""
        shop = servers.shop
        for number in range(ROUNDS):
            offer = (await shop.offer()).offer
            header = v1_header(shop.sign(shop.buyer(), offer, note=b""))

            answers = await spread(servers, [header] * WAYS, paths=(PATH, "/paywall/book"))

            bought = {answer.body["resource"] for answer in answers if answer.status == 200}
            refused = [answer for answer in answers if answer.status != 200]
            assert len(bought) == 1
            assert {answer.status for answer in refused} == {402}
            assert shop.balance() == ARTICLE * (number + 1)
        assert len(await shop.payments()) == len(await shop.events()) == ROUNDS

    async def test_two_transactions_on_one_quote_are_one_purchase(self, servers: Crew) -> None:
        """The quote is spent once, and the second transaction is never sent."""
        shop = servers.shop
        for number in range(ROUNDS):
            offer, buyer = (await shop.offer()).offer, shop.buyer()
            headers = [v2_header(shop.sign(buyer, offer, price=n), offer) for n in range(1, 9)]

            answers = await spread(servers, headers)

            assert sorted(answer.status for answer in answers) == [200] + [402] * 7
            assert shop.balance() == ARTICLE * (number + 1)
        assert len(await shop.events()) == ROUNDS

    async def test_a_coupon_for_one_is_redeemed_by_one(self, servers: Crew) -> None:
        """Many buyers hold a quote with it; the first claim takes it, the others pay in full."""
        shop, query = servers.shop, "?couponCode=ONCE"
        offers = [(await shop.offer("article", query)).offer for _ in range(8)]
        headers = [v2_header(shop.sign(shop.buyer(), offer), offer) for offer in offers]

        answers = await spread(servers, headers, paths=(f"{PATH}{query}",))

        refused = [answer for answer in answers if answer.status != 200]
        assert len(refused) == 7
        assert {answer.body["error"] for answer in refused} == {"coupon_usage_limit_reached"}
        assert {answer.offer["amount"] for answer in refused} == {str(ARTICLE)}
        assert shop.balance() == ARTICLE // 2 + 5_000  # rounded up to the cent


async def spread(
    servers: Crew, headers: list[dict[str, str]], paths: tuple[str, ...] = (PATH,)
) -> list[Any]:
    """Ask all servers in turn, at once."""
    shops = servers.shops
    return await asyncio.gather(
        *(
            shops[number % len(shops)].get(paths[number // len(shops) % len(paths)], header)
            for number, header in enumerate(headers)
        )
    )
