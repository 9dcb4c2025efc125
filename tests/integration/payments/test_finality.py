"""What is granted before the chain is final: watched, sent again if lost, taken back if gone."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from attrs import frozen

from support.chain import Wallet, old_blockhash_of
from support.crowded import CrowdedStore
from support.shop import ARTICLE, Answer, Shop, open_shop, v2_header
from support.waiting import until
from tillway.adapters.stores.memory import MemoryStore
from tillway.core.assets import USDC
from tillway.core.events import Event
from tillway.core.ledger import Account, AccountKind
from tillway.core.payments import Payment, State
from tillway.core.services.paying.finality import REVERSED_WATCH
from tillway.entrypoints.sandbox.chain import Kind

PATH = "/paywall/article"
HALF = 30_000
"""Half an article, rounded up to the cent."""

ROOTED = timedelta(seconds=16)
DEAD = timedelta(seconds=90)
"""Longer than a blockhash lives, and than the block after it needs to be final."""


@frozen
class Bought:
    """A purchase, with all that is needed to ask for it again."""

    shop: Shop
    buyer: Wallet
    header: Mapping[str, str]
    answer: Answer

    async def again(self) -> Answer:
        """Ask with the same proof."""
        return await self.shop.get(PATH, self.header)

    async def payment(self) -> Payment:
        """Give what is stored."""
        (payment,) = await self.shop.payments()
        return payment

    def fork(self) -> None:
        """Have the chain go on without it."""
        self.shop.chain.tick()
        assert self.shop.chain.fork(self.answer.body["signature"])

    async def ledger(self) -> tuple[int, int]:
        """Give what was earned, and what the ledger says the merchant's wallet holds."""
        asset = (await self.payment()).amount.asset
        sales, wallet = Account(AccountKind.SALES, "x402"), await self._wallet()
        async with self.shop.gateway.store.view() as view:
            earned = await view.ledger.balance(self.shop.tenant, sales, asset)
            held = await view.ledger.balance(self.shop.tenant, wallet, asset)
        return earned.total, -held.total

    async def _wallet(self) -> Account:
        return Account(AccountKind.WALLET, (await self.payment()).pay_to)


async def bought(shop: Shop, **changes: Any) -> Bought:
    buyer = shop.buyer()
    offer = (await shop.offer()).offer
    header = v2_header(shop.sign(buyer, offer, **changes), offer)
    answer = await shop.get(PATH, header)
    assert answer.status == 200, answer.body
    return Bought(shop, buyer, header, answer)


async def look(shop: Shop, after: timedelta = ROOTED) -> None:
    """Let time pass, and have the watch look once."""
    shop.clock.forward(after)
    await shop.gateway.services.finality.sweep()


async def sent_again(shop: Shop) -> None:
    finality = shop.gateway.services.finality
    await until(lambda: _idle(finality))


async def _idle(finality: Any) -> bool:
    return not finality._sending


async def denied(shop: Shop, after: timedelta = ROOTED) -> None:
    """Look while the node denies every signature, as one that has lost a part of its ledger."""
    shop.clock.forward(after)
    shop.chain.tick()
    answer = {"context": {"slot": shop.chain.slots.now}, "value": [None]}
    shop.faults.spoil(Kind.ANSWER, "getSignatureStatuses", result=answer)
    await shop.gateway.services.finality.sweep()
    shop.faults.clear()


def types(events: Any) -> list[str]:
    return [event.type for event in events]


async def newest(shop: Shop) -> Event:
    return (await shop.events())[0]


@pytest.fixture
async def quiet() -> Any:
    """Give a shop whose background work only the test does."""
    async with open_shop(background=False) as made:
        yield made


class TestFinal:
    async def test_what_is_confirmed_is_granted_and_watched(self, quiet: Shop) -> None:
        """The buyer does not wait for the last word; the row says that it is due."""
        payment = await (await bought(quiet)).payment()

        assert payment.state is State.SETTLED
        assert payment.watched

    async def test_what_is_rooted_is_watched_no_more(self, still_shop: Shop) -> None:
        """One look once it is final, and nothing is told twice."""
        made = await bought(still_shop)

        await look(still_shop)

        payment = await made.payment()
        assert (payment.state, payment.watched) == (State.SETTLED, False)
        assert types(await still_shop.events()) == ["payment.succeeded"]
        assert await made.ledger() == (ARTICLE, ARTICLE)

    async def test_what_is_not_rooted_yet_is_left_alone(self) -> None:
        """Slots are slow today: it stays watched, and is looked at again."""
        async with open_shop(background=False, slot_ms=4000) as shop:
            made = await bought(shop)
            await look(shop)
            early = await made.payment()
            await look(shop, timedelta(seconds=150))
            late = await made.payment()

        assert early.watched
        assert not late.watched

    async def test_with_the_commitment_finalized_nothing_is_watched(self) -> None:
        """It was the last word that was waited for."""
        async with open_shop(slot_ms=10, x402={"commitment": "finalized"}) as shop:
            blockhash = old_blockhash_of(shop.chain)
            payment = await (await bought(shop, blockhash=blockhash)).payment()

        assert (payment.state, payment.watched) == (State.SETTLED, False)

    async def test_nobody_answering_changes_nothing(self, quiet: Shop) -> None:
        """Silence is no loss."""
        made = await bought(quiet)
        quiet.faults.spoil(Kind.RESET)
        await look(quiet, DEAD)
        quiet.faults.clear()

        payment = await made.payment()
        assert (payment.state, payment.watched) == (State.SETTLED, True)
        assert (await made.again()).status == 200

    async def test_the_background_work_does_it(self, shop: Shop) -> None:
        """On every store, without anybody asking."""
        made = await bought(shop)
        shop.clock.forward(ROOTED)

        await until(lambda: _is_final(made))


async def _is_final(made: Bought) -> bool:
    return not (await made.payment()).watched


class TestLost:
    async def test_it_is_sent_again_and_lands(self, still_shop: Shop) -> None:
        """The fork took the money back; the same bytes move it again, once."""
        made = await bought(still_shop)
        made.fork()
        assert still_shop.balance() == 0

        await look(still_shop)
        await sent_again(still_shop)
        await look(still_shop)

        payment = await made.payment()
        assert still_shop.balance() == ARTICLE
        assert (payment.state, payment.watched) == (State.SETTLED, False)
        assert types(await still_shop.events()) == ["payment.succeeded"]
        assert (await made.again()).status == 200

    async def test_while_it_is_missing_nothing_is_taken_back(self, quiet: Shop) -> None:
        """A network that drops everything proves nothing."""
        made = await bought(quiet)
        made.fork()
        quiet.faults.drop_all = True

        await look(quiet)

        payment = await made.payment()
        assert (payment.state, payment.watched) == (State.SETTLED, True)
        assert await made.ledger() == (ARTICLE, ARTICLE)

    async def test_gone_for_good_it_is_reversed(self, still_shop: Shop) -> None:
        """Books back to nothing, a fact, and no answer is given again."""
        made = await bought(still_shop)
        made.fork()
        still_shop.faults.drop_all = True

        await look(still_shop, DEAD)

        payment = await made.payment()
        again = await made.again()
        assert (payment.state, payment.code) == (State.REVERSED, "transaction_expired")
        assert await made.ledger() == (0, 0)
        assert types(await still_shop.events()) == ["payment.reversed", "payment.succeeded"]
        assert (await newest(still_shop)).body["proofSignature"] == payment.signature
        assert again.status == 402
        assert again.required is not None
        assert again.receipt["success"] is False

    async def test_the_operator_is_told_and_no_secret_is(
        self, quiet: Shop, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The log has the signature, which is public, and nothing of the quote or its buyer."""
        made = await bought(quiet)
        made.fork()
        quiet.faults.drop_all = True
        await look(quiet, DEAD)

        (line,) = [each for each in caplog.messages if "is gone" in each]
        assert (await made.payment()).signature in line
        assert made.header["PAYMENT-SIGNATURE"] not in caplog.text
        assert str(made.buyer.address) not in caplog.text

    async def test_what_it_used_up_is_free_again(self) -> None:
        """A coupon that may be redeemed once can be redeemed by somebody else."""
        async with open_shop(background=False) as shop:
            first = await shop.paid(shop.buyer(), query="?couponCode=ONCE")
            assert first.status == 200
            shop.chain.tick()
            assert shop.chain.fork(first.body["signature"])
            shop.faults.drop_all = True
            await look(shop, DEAD)
            shop.faults.clear()

            second = await shop.paid(shop.buyer(), query="?couponCode=ONCE")

        assert second.status == 200
        assert shop.balance() == HALF

    async def test_an_error_on_the_other_fork_is_a_reversal_too(self, quiet: Shop) -> None:
        """The same message ran after the money had gone elsewhere, and failed for good."""
        made = await bought(quiet)
        signature = made.answer.body["signature"]
        err = {"InstructionError": [2, {"Custom": 1}]}
        status = {"slot": 5, "confirmations": None, "err": err, "confirmationStatus": "finalized"}
        quiet.faults.spoil(
            Kind.ANSWER,
            "getSignatureStatuses",
            result={"context": {"slot": quiet.chain.slots.now}, "value": [status]},
        )

        await look(quiet)
        quiet.faults.clear()

        payment = await made.payment()
        assert (payment.state, payment.signature) == (State.REVERSED, signature)
        assert payment.code == "insufficient_funds_token"


async def wrongly_reversed(shop: Shop) -> Bought:
    """Have a payment reversed although its money is there."""
    made = await bought(shop)
    await denied(shop, DEAD)
    assert (await made.payment()).state is State.REVERSED
    return made


class TestBack:
    async def test_landed_after_all_it_settles_again(self, still_shop: Shop) -> None:
        """The seller hears of it, the books have it, and the buyer has his answer."""
        made = await wrongly_reversed(still_shop)

        await look(still_shop)

        payment = await made.payment()
        events = await still_shop.events()
        assert (payment.state, payment.turn, payment.watched) == (State.SETTLED, 2, False)
        assert types(events) == ["payment.succeeded", "payment.reversed", "payment.succeeded"]
        assert len({event.id for event in events}) == 3
        assert await made.ledger() == (ARTICLE, ARTICLE)
        assert (await made.again()).status == 200

    async def test_it_is_looked_for_less_and_less_often(self, quiet: Shop) -> None:
        """Some tens of looks in a day, and then it is over."""
        made, looks = await wrongly_reversed(quiet), 0
        while (payment := await made.payment()).watched:
            before = quiet.node.node.calls["getSignatureStatuses"]
            pause = payment.lease_until - quiet.clock.now()
            await denied(quiet, max(pause, timedelta()) + timedelta(seconds=1))
            looks += quiet.node.node.calls["getSignatureStatuses"] > before
            assert looks < 100

        assert looks > 20
        assert quiet.clock.now() - payment.ended_at >= REVERSED_WATCH  # type: ignore[operator]  # it has ended
        assert payment.state is State.REVERSED
        assert types(await quiet.events()) == ["payment.reversed", "payment.succeeded"]


class TestTogether:
    async def test_two_that_watch_write_each_end_once(self, still_shop: Shop) -> None:
        """Sixteen sweeps at once, over payments of which half are gone."""
        shop = still_shop
        made = [await bought(shop) for _ in range(8)]
        for each in made[:4]:
            each.fork()
        shop.faults.drop_all = True
        shop.clock.forward(DEAD)

        sweeps = (shop.gateway.services.finality.sweep() for _ in range(16))
        await asyncio.gather(*sweeps)

        states = sorted(each.state for each in await shop.payments())
        told = sorted(types(await shop.events()))
        assert states == [State.REVERSED] * 4 + [State.SETTLED] * 4
        assert told == ["payment.reversed"] * 4 + ["payment.succeeded"] * 8
        async with shop.gateway.store.view() as view:
            sales = Account(AccountKind.SALES, "x402")
            earned = await view.ledger.balance(shop.tenant, sales, USDC)
        assert earned.total == 4 * ARTICLE


class TestCrowded:
    async def test_one_that_meets_others_keeps_none_from_its_end(self) -> None:
        """The store gives the first up again and again: all are written in one look."""
        store = CrowdedStore(MemoryStore())
        async with open_shop(background=False, store=store) as shop:
            made = [await bought(shop) for _ in range(3)]
            for each in made:
                each.fork()
            shop.faults.drop_all = True
            store.refusals = 2

            await look(shop, DEAD)

            states = [each.state for each in await shop.payments()]

        assert store.refusals == 0
        assert states == [State.REVERSED] * 3
