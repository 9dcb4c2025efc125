"""Refunds at once, on every store: never more than was paid goes back."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from support.all_stores import STORES, place_of, still_on
from support.refunds import (
    VERIFY,
    approve,
    books,
    bought,
    deny,
    execute,
    refund_header,
    refunds_of,
    repay,
    stored,
)
from support.shop import ARTICLE, Answer, Shop
from tillway.adapters.heads import HeadSignatures
from tillway.core.contracts.counts import FULL, count
from tillway.core.payments import State
from tillway.core.quotes import Purpose
from tillway.core.refunds import LIVE, RefundState
from tillway.core.services.books.audit import Audit

AT_ONCE = count(16, 64)
IN_PROCESS = STORES if FULL else ("memory", "file")
"""For what asks nothing more of a store than the others do."""


@pytest.fixture(params=STORES)
async def raced(request: pytest.FixtureRequest, tmp_path: Any) -> AsyncIterator[Shop]:
    """Give a shop on each store, in which nothing happens by itself."""
    async with still_on(await place_of(request, request.param, tmp_path)) as made:
        yield made


async def sound(shop: Shop) -> None:
    """Have the books verified."""
    report = await Audit(store=shop.gateway.store, signatures=HeadSignatures()).run()
    assert report.is_sound, report.faults


async def payouts(shop: Shop, state: State) -> int:
    """Count payments of refunds."""
    return sum(
        each.purchase.purpose is Purpose.REFUND and each.state is state
        for each in await shop.payments()
    )


def statuses(answers: list[Answer]) -> dict[int, int]:
    """Count answers by status."""
    found = [answer.status for answer in answers]
    return {status: found.count(status) for status in sorted(set(found))}


class TestOneRefund:
    async def test_approvals_and_payments_at_once_pay_it_out_once(self, raced: Shop) -> None:
        """Each payment another transaction, two on each quote, with approvals meanwhile."""
        case = await bought(raced)
        before = case.buyer.balance(raced.chain)
        await bought(raced)  # so that the merchant could pay twice
        refund = await case.asked()
        quotes = [(await approve(raced, refund)).body["quote"] for _ in range(AT_ONCE // 4)]

        async def one(number: int) -> Answer:
            if number % 2:
                return await approve(raced, refund)
            return await execute(raced, quotes[number // 2 % len(quotes)], price=number + 1)

        answers = await asyncio.gather(*(one(number) for number in range(AT_ONCE)))

        executed = [each for each in answers if "method" in each.body]
        refused = {each.code for each in answers if each.status != 200}
        assert len(executed) == 1, [each.body for each in answers[:6]]
        assert "refund_already_processed" in refused
        assert refused <= {"refund_already_processed", "quote_expired"}, refused
        assert case.buyer.balance(raced.chain) == before + ARTICLE
        assert await payouts(raced, State.SETTLED) == 1
        assert all(each.status < 500 for each in answers), statuses(list(answers))
        assert (await stored(raced, refund)).state is RefundState.PROCESSED
        payment = await case.payment()
        assert await books(raced, payment, payment.pay_to) == (ARTICLE, ARTICLE)
        assert [e.type for e in await raced.events()].count("refund.succeeded") == 1
        await sound(raced)

    @pytest.mark.parametrize("raced", IN_PROCESS, indirect=True)
    async def test_the_same_payment_many_times_is_one(self, raced: Shop) -> None:
        """All get the answer, or are told that it was used."""
        case = await bought(raced)
        quote = await case.approved()
        header = refund_header(repay(raced, quote), quote)

        answers = await asyncio.gather(
            *(raced.post(VERIFY, headers=header) for _ in range(AT_ONCE))
        )

        assert statuses(list(answers)) == {200: AT_ONCE}
        assert await payouts(raced, State.SETTLED) == 1

    async def test_denied_or_paid_out_and_never_both(self, raced: Shop) -> None:
        """Whoever comes first; what is denied has cost nothing."""
        for _ in range(4):
            case = await bought(raced)
            before = case.buyer.balance(raced.chain)
            quote = await case.approved()
            refund = quote["resource"].removeprefix("refund:")

            paid, denied = await asyncio.gather(execute(raced, quote), deny(raced, refund))

            state = (await stored(raced, refund)).state
            got = case.buyer.balance(raced.chain) - before
            assert (state, got) in [
                (RefundState.PROCESSED, ARTICLE),
                (RefundState.DENIED, 0),
                (RefundState.APPROVED, 0),
            ], (state, got, paid.body, denied.body)
            assert (denied.status == 200) is (state is RefundState.DENIED)
            assert (paid.status == 200) is (state is RefundState.PROCESSED)
        await sound(raced)


class TestPartsOfAPurchase:
    async def test_requests_never_come_to_more_than_was_paid(self, raced: Shop) -> None:
        """Of requests of a fifth to two fifths of it, at once."""
        case = await bought(raced)
        amounts = [0.010001 + number / 1_000_000 for number in range(AT_ONCE)]

        answers = await asyncio.gather(*(case.ask(round(each, 6)) for each in amounts))

        taken = [each for each in await refunds_of(raced, case.purchase) if each.state in LIVE]
        assert sum(each.status == 200 for each in answers) == len(taken) == 4
        assert sum(each.amount.minor for each in taken) <= ARTICLE
        refused = {each.code for each in answers if each.status != 200}
        assert refused == {"refund_already_processed"}

    async def test_the_same_amount_at_once_waits_once(self, raced: Shop) -> None:
        """Although there would be enough for several."""
        case = await bought(raced)

        answers = await asyncio.gather(*(case.ask(0.01) for _ in range(AT_ONCE)))

        assert statuses(list(answers)) == {200: 1, 400: AT_ONCE - 1}
        assert len(await refunds_of(raced, case.purchase)) == 1

    async def test_asking_deciding_and_paying_at_once(self, raced: Shop) -> None:
        """Whatever is asked, denied, approved and paid out: no more than was paid goes back."""
        case = await bought(raced)
        before = case.buyer.balance(raced.chain)
        await bought(raced)

        async def one(number: int) -> None:
            asked = await case.ask(round(0.010001 + number / 100_000, 6))
            if asked.status != 200:
                return
            refund = asked.body["refundId"]
            if number % 3 == 0:
                await deny(raced, refund)
                return
            answer = await approve(raced, refund)
            quote = answer.body["quote"]
            await asyncio.gather(*(execute(raced, quote, price=each) for each in (1, 2)))

        await asyncio.gather(*(one(number) for number in range(AT_ONCE)))

        got = case.buyer.balance(raced.chain) - before
        done = [
            each.amount.minor
            for each in await refunds_of(raced, case.purchase)
            if each.state is RefundState.PROCESSED
        ]
        assert 0 < got <= ARTICLE
        assert sum(done) == got
        payment = await case.payment()
        assert await books(raced, payment, payment.pay_to) == (2 * ARTICLE - got,) * 2
        await sound(raced)
