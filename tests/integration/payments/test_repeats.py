"""Asking again for what was paid: free to who shows what the chain does not, and to no other."""

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from support.repeating import ARTICLE_PATH, Paid, buy_bare, rebuilt, word_of
from support.shop import (
    ARTICLE,
    Answer,
    Shop,
    open_shop,
    signature_of,
    v0_header,
    v1_header,
    v2_header,
)
from support.untouched import is_offered_anew, untouched
from support.waiting import until

KEY = {"Idempotency-Key": "3f0a9c52-5a55-4f07-9b1c-7a1f0d9b2a11"}
DAY = timedelta(hours=24)


@pytest.fixture
async def elsewhere(shop: Shop) -> AsyncIterator[Shop]:
    """Give the shop as another address sees it."""
    async with shop.visited_from("127.0.0.2") as other:
        yield other


def is_same(again: Answer, first: Answer) -> bool:
    return again.status == 200 and (again.body, again.receipt) == (first.body, first.receipt)


def is_used(answer: Answer) -> bool:
    """Tell whether it is refused as used, with the x402 reason and a fresh offer."""
    return answer.body["error"] == "duplicate_settlement" and is_offered_anew(answer, "")


class TestSealedQuote:
    async def test_it_is_enough_from_anywhere_for_a_day(self, shop: Shop, elsewhere: Shop) -> None:
        """The stored answer comes back, nothing moves, and the next day it is over."""
        asked = await shop.offer()
        header = v2_header(shop.sign(shop.buyer(), asked.offer), asked.offer)
        first = await shop.get(ARTICLE_PATH, header)

        async with untouched(shop):
            soon = await elsewhere.get(ARTICLE_PATH, header)
            shop.clock.forward(DAY - timedelta(minutes=1))
            late = await elsewhere.get(ARTICLE_PATH, header)
            shop.clock.forward(timedelta(minutes=2))
            too_late = await elsewhere.get(ARTICLE_PATH, header)

        assert is_same(soon, first)
        assert is_same(late, first)
        assert is_used(too_late)

    @pytest.mark.parametrize("path", ["/paywall/book", "/paywall/course"])
    async def test_it_buys_nothing_else(self, shop: Shop, path: str) -> None:
        """The same proof at another resource, of the same price or not, is used up."""
        asked = await shop.offer()
        header = v2_header(shop.sign(shop.buyer(), asked.offer), asked.offer)
        await shop.get(ARTICLE_PATH, header)

        async with untouched(shop):
            answer = await shop.get(path, header)

        assert is_used(answer)

    async def test_another_request_for_the_same_thing_is_not_a_repeat(self, shop: Shop) -> None:
        """Method, path, query and body are the first request's, or it is no repeat."""
        asked = await shop.offer()
        header = v2_header(shop.sign(shop.buyer(), asked.offer), asked.offer)
        first = await shop.call("POST", f"{ARTICLE_PATH}?a=1", header, {"n": 1})

        async with untouched(shop):
            again = await shop.call("POST", f"{ARTICLE_PATH}?a=1", header, {"n": 1})
            others = [
                await shop.call("GET", f"{ARTICLE_PATH}?a=1", header, {"n": 1}),
                await shop.call("POST", f"{ARTICLE_PATH}?a=2", header, {"n": 1}),
                await shop.call("POST", ARTICLE_PATH, header, {"n": 1}),
                await shop.call("POST", f"{ARTICLE_PATH}?a=1", header, {"n": 2}),
                await shop.call("POST", f"{ARTICLE_PATH}?a=1", header),
                await shop.call("POST", "/paywall/%61rticle?a=1", header, {"n": 1}),
            ]
            verified = await shop.post("/paywall/v1/verify", headers=header)

        assert is_same(again, first)
        assert all(is_used(answer) for answer in others)
        assert (verified.status, verified.code) == (402, "payment_already_used")

    async def test_another_quote_for_the_same_thing_is_not_enough(
        self, shop: Shop, elsewhere: Shop
    ) -> None:
        """Anyone can have a fresh quote; only the payment's own shows who paid."""
        asked, fresh = await shop.offer(), await shop.offer()
        raw = shop.sign(shop.buyer(), asked.offer)
        await shop.get(ARTICLE_PATH, v2_header(raw, asked.offer))

        async with untouched(shop):
            answer = await elsewhere.get(ARTICLE_PATH, v2_header(raw, fresh.offer))

        assert is_used(answer)

    async def test_a_repeat_is_an_answer_of_its_own(self, shop: Shop) -> None:
        """Headers that belong to one exchange are not repeated with it."""
        asked = await shop.offer()
        header = v2_header(shop.sign(shop.buyer(), asked.offer), asked.offer)
        first = await shop.get(ARTICLE_PATH, header)

        again = await shop.get(ARTICLE_PATH, header)

        assert again.headers["X-Request-ID"] != first.headers["X-Request-ID"]


class TestIdempotencyKey:
    async def test_the_first_request_s_key_is_enough(self, shop: Shop, elsewhere: Shop) -> None:
        """A key that nobody else knows stands for the quote, for a day."""
        paid = await buy_bare(shop, KEY)
        header = v1_header(paid.transaction)

        async with untouched(shop):
            shop.clock.forward(timedelta(hours=1))
            again = await elsewhere.get(ARTICLE_PATH, header | KEY)
            other = await elsewhere.get(ARTICLE_PATH, header | {"Idempotency-Key": "another"})
            none = await elsewhere.get(ARTICLE_PATH, header)
            shop.clock.forward(DAY)
            too_late = await elsewhere.get(ARTICLE_PATH, header | KEY)

        assert is_same(again, paid.answer)
        assert is_used(other)
        assert is_used(none)
        assert is_used(too_late)

    async def test_a_short_key_counts_where_it_was_used(self, shop: Shop, elsewhere: Shop) -> None:
        """Whoever saw the transaction could guess it; where it was used, it is enough."""
        short = {"Idempotency-Key": "order-17"}
        paid = await buy_bare(shop, short)

        async with untouched(shop):
            shop.clock.forward(timedelta(hours=1))
            guessed = await elsewhere.get(ARTICLE_PATH, v1_header(paid.transaction) | short)
            again = await shop.get(ARTICLE_PATH, v1_header(paid.transaction) | short)

        assert is_used(guessed)
        assert is_same(again, paid.answer)

    async def test_a_later_key_is_none(self, shop: Shop, elsewhere: Shop) -> None:
        """Whoever saw the transaction cannot give it a key afterwards."""
        paid = await buy_bare(shop)

        async with untouched(shop):
            await shop.get(ARTICLE_PATH, v1_header(paid.transaction) | KEY)
            answer = await elsewhere.get(ARTICLE_PATH, v1_header(paid.transaction) | KEY)

        assert is_used(answer)

    async def test_it_is_no_key_to_another_resource(self, shop: Shop) -> None:
        """The request must be the same, not only the key."""
        paid = await buy_bare(shop, KEY)

        async with untouched(shop):
            answer = await shop.get("/paywall/book", v1_header(paid.transaction) | KEY)

        assert is_used(answer)


class TestWordOfThePayer:
    async def test_a_fresh_signature_is_enough(self, shop: Shop, elsewhere: Shop) -> None:
        """The payer signs the wish to hear it again; nothing was kept but the wallet."""
        paid = await buy_bare(shop)
        header = v1_header(paid.transaction)

        async with untouched(shop):
            shop.clock.forward(timedelta(hours=2))
            again = await elsewhere.get(ARTICLE_PATH, header | paid.word(shop.clock.seconds()))
            shop.clock.forward(DAY)
            too_late = await elsewhere.get(ARTICLE_PATH, header | paid.word(shop.clock.seconds()))

        assert is_same(again, paid.answer)
        assert is_used(too_late)

    async def test_any_other_signature_is_not(self, shop: Shop, elsewhere: Shop) -> None:
        """Another's, an old one, one for later, for another payment, or a malformed one."""
        paid, stranger = await buy_bare(shop), shop.buyer()
        now, header = shop.clock.seconds(), v1_header(paid.transaction)
        right = f"repeat-payment:{paid.signature}:{int(now)}"
        good = paid.word(now)["X-Signature"]
        long = base64.b64encode(base64.b64decode(good) + b"\0").decode()
        words = [
            word_of(stranger, right),
            word_of(stranger, right, **{"X-Signer": str(paid.buyer.address)}),
            paid.word(now - 301),
            paid.word(now + 302),
            word_of(paid.buyer, f"repeat-payment:{signature_of(paid.transaction)}:{int(now)}"),
            word_of(paid.buyer, right.replace("repeat", "Repeat")),
            word_of(paid.buyer, f"repeat-payment:{paid.signature}"),
            word_of(paid.buyer, f"repeat-payment:{paid.signature}:"),
            word_of(paid.buyer, f"repeat-payment:{paid.signature}:-{int(now)}"),
            word_of(paid.buyer, f"repeat-payment:{paid.signature}:{'9' * 400}"),
            word_of(paid.buyer, f"repeat-payment:{paid.signature}:{now}"),
            paid.word(now, **{"X-Signature": long}),
            paid.word(now, **{"X-Signature": good[:-4]}),
            paid.word(now, **{"X-Signature": "x"}),
            paid.word(now, **{"X-Message": right + "0"}),
        ]

        async with untouched(shop):
            answers = [await elsewhere.get(ARTICLE_PATH, header | word) for word in words]

        assert [is_used(answer) for answer in answers] == [True] * len(words)

    async def test_it_is_for_the_same_request_only(self, shop: Shop) -> None:
        """The payer himself has bought one thing with it."""
        paid = await buy_bare(shop)
        header = v1_header(paid.transaction) | paid.word(shop.clock.seconds())

        async with untouched(shop):
            answer = await shop.get("/paywall/book", header)

        assert is_used(answer)


class TestTheProofAlone:
    async def test_the_same_address_hears_it_again_for_half_a_minute(self, shop: Shop) -> None:
        """A client whose reply was lost asks at once, from where it was."""
        paid = await buy_bare(shop)
        header = v1_header(paid.transaction)

        async with untouched(shop):
            soon = await shop.get(ARTICLE_PATH, header)
            shop.clock.forward(timedelta(seconds=31))
            later = await shop.get(ARTICLE_PATH, header)

        assert is_same(soon, paid.answer)
        assert is_used(later)

    async def test_what_the_chain_shows_is_never_granted(self, shop: Shop, elsewhere: Shop) -> None:
        """Every header that can be rebuilt, at every place, right after landing and later."""
        paid = await buy_bare(shop)
        headers = await rebuilt(shop, paid.signature)

        async with untouched(shop):
            statuses = set()
            for seconds in (0, 40, 4000):
                shop.clock.forward(timedelta(seconds=seconds))
                for header in headers:
                    for path in (ARTICLE_PATH, "/paywall/book"):
                        statuses.add((await elsewhere.get(path, header)).status)
                    statuses.add((await elsewhere.post("/paywall/v1/verify", None, header)).status)

        assert not statuses & {200, 201, 202, 204}
        assert len(await shop.payments()) == 1


class Running:
    """A bare payment that the chain has not confirmed yet."""

    def __init__(self, shop: Shop, seconds: float = 0.8) -> None:
        self.shop = shop
        shop.faults.deliver_after_ms = seconds * 1000

    async def begin(self, headers: dict[str, str]) -> "asyncio.Task[Answer]":
        task = asyncio.create_task(self.shop.get(ARTICLE_PATH, headers))
        await until(self._is_sent)
        self.shop.faults.clear()
        return task

    async def _is_sent(self) -> bool:
        return self.shop.sent() > 0


class TestWhileItRuns:
    async def test_a_stranger_is_told_so_and_offered_nothing(
        self, shop: Shop, elsewhere: Shop
    ) -> None:
        """signature_reused without an offer: clients pay any offer they see."""
        raw = shop.sign(shop.buyer(), (await shop.offer()).offer)
        task = await Running(shop).begin(v1_header(raw))

        answers = [
            await elsewhere.get(ARTICLE_PATH, v1_header(raw)),
            await elsewhere.post("/paywall/v1/verify", None, _v0(shop, raw)),
            await shop.get("/paywall/book", v1_header(raw)),
            await shop.get(f"{ARTICLE_PATH}?a=1", v1_header(raw)),
        ]
        first = await task

        assert [(answer.status, answer.code) for answer in answers] == [
            (402, "signature_reused")
        ] * len(answers)
        assert all(answer.required is None for answer in answers)
        assert all("accepts" not in answer.body for answer in answers)
        assert first.status == 200
        assert shop.balance() == ARTICLE

    async def test_a_stranger_with_a_quote_of_his_own_is_offered_nothing(
        self, shop: Shop, elsewhere: Shop
    ) -> None:
        """A fresh quote, a spoiled one, and an invented one are all no reason to pay twice."""
        asked, fresh = await shop.offer(), (await shop.offer()).offer
        raw = shop.sign(shop.buyer(), asked.offer)
        task = await Running(shop).begin(v2_header(raw, asked.offer))

        answers = [
            await elsewhere.get(ARTICLE_PATH, v2_header(raw, accepted))
            for accepted in (fresh, _quoting(fresh, "q1." + "A" * 400), _quoting(fresh, "no quote"))
        ]
        await task

        assert [(answer.status, answer.code) for answer in answers] == [
            (402, "signature_reused")
        ] * len(answers)
        assert all(answer.required is None for answer in answers)

    @pytest.mark.parametrize("shows", ["quote", "key", "word", "address"])
    async def test_who_may_have_it_waits_for_it(
        self, shop: Shop, elsewhere: Shop, shows: str
    ) -> None:
        """The same purchase joins the payment on its way and gets the same answer."""
        asked, buyer = await shop.offer(), shop.buyer()
        raw = shop.sign(buyer, asked.offer)
        header = v2_header(raw, asked.offer) if shows == "quote" else v1_header(raw)
        task = await Running(shop, 0.7).begin(header | (KEY if shows == "key" else {}))
        signature = (await shop.payments())[0].signature
        again = {
            "quote": header,
            "key": header | KEY,
            "word": header | Paid(buyer, raw, _answer(signature)).word(shop.clock.seconds()),
            "address": header,
        }[shows]

        second = await (shop if shows == "address" else elsewhere).get(ARTICLE_PATH, again)
        first = await task

        assert is_same(second, first)
        assert shop.balance() == ARTICLE
        assert len(await shop.events()) == 1

    async def test_a_buyer_who_will_not_wait_any_longer_is_offered_nothing(self) -> None:
        """402 transaction_not_confirmed with signature, Retry-After and settlement_pending."""
        async with open_shop(x402={"confirm_wait": "300ms"}) as shop:
            asked = await shop.offer()
            raw = shop.sign(shop.buyer(), asked.offer)
            header = v2_header(raw, asked.offer)
            shop.faults.deliver_after_ms = 1500

            early = await shop.get(ARTICLE_PATH, header)
            joined = await shop.get(ARTICLE_PATH, header)
            verified = await shop.post("/paywall/v1/verify", None, header)
            await until(lambda: _is_settled(shop))
            late = await shop.get(ARTICLE_PATH, header)

        signature = late.body["signature"]
        for answer in (early, joined):
            assert (answer.status, answer.code) == (402, "transaction_not_confirmed")
            assert answer.required is None
            assert "accepts" not in answer.body
            assert int(answer.headers["Retry-After"]) >= 1
            assert answer.receipt["success"] is False
            assert answer.receipt["errorReason"] == "settlement_pending"
            assert answer.receipt["transaction"] == signature
        assert (verified.status, verified.code) == (402, "signature_reused")
        assert late.status == 200


def _v0(shop: Shop, raw: bytes) -> dict[str, str]:
    return v0_header(raw, "article", feePayer=str(shop.sponsor.address))


def _quoting(offer: dict[str, dict[str, str]], quote: str) -> dict[str, object]:
    return {**offer, "extra": {**offer["extra"], "quote": quote}}


def _answer(signature: str) -> Answer:
    return Answer(200, {"signature": signature}, {})


async def _is_settled(shop: Shop) -> bool:
    return not any(payment.is_live for payment in await shop.payments())


class TestFree:
    async def test_a_repeat_redeems_nothing_twice(self, shop: Shop) -> None:
        """What costs nothing after coupons is given again with the same key, and counted once."""
        path = f"{ARTICLE_PATH}?couponCode=FREE"
        answers = [await shop.get(path, KEY) for _ in range(4)]
        other = await shop.get("/paywall/book?couponCode=FREE", KEY)
        second = await shop.get(path, {"Idempotency-Key": "another"})
        third = await shop.get(path, {"Idempotency-Key": "a third"})

        assert {answer.status for answer in answers} == {200}
        assert len({str(answer.body) for answer in answers}) == 1
        assert (other.status, other.code) == (409, "idempotency_key_reused")
        assert second.status == 200
        assert third.status == 402
        assert len(await shop.events()) == 2
