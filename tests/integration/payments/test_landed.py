"""Transactions that the chain had before we were shown them, and those that it never will have."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve
from solders.transaction import VersionedTransaction

from support.chain import blockhash_of, pay
from support.hostile_self_paid import honest_own, own
from support.landed import VERIFY, Asked, asked_for
from support.shop import (
    ARTICLE,
    Shop,
    another_gateway,
    open_shop,
    signature_of,
    v0_header,
    v1_header,
    v2_header,
)
from support.transactions import memo
from support.untouched import untouched
from support.waiting import until
from tillway.core.payments import State
from tillway.entrypoints.sandbox.chain import Kind, serve_chain

PATIENCE: dict[str, Any] = {"confirm_wait": "200ms"}


@pytest.fixture
async def asked(shop: Shop) -> Asked:
    return await asked_for(shop)


class TestSentByTheBuyer:
    async def test_it_is_taken_with_quote_and_memo(self, shop: Shop, asked: Asked) -> None:
        """The money is there, the memo is ours and the quote is his: nothing is sent again."""
        raw = honest_own(asked.stage)
        asked.land(raw)

        answer = await asked.show(raw)

        assert answer.status == 200
        assert answer.body["signature"] == signature_of(raw)
        assert shop.sent() == 0
        assert shop.balance() == ARTICLE
        assert len(await shop.events()) == 1

    @pytest.mark.parametrize("later", [90, 600, 80_000])
    async def test_it_is_taken_long_after(self, shop: Shop, asked: Asked, later: int) -> None:
        """What counts is when it ran, not when it is shown: its blockhash may be long dead."""
        raw = honest_own(asked.stage)
        asked.land(raw)
        shop.clock.forward(timedelta(seconds=later))

        answer = await asked.show(raw)

        assert answer.status == 200
        assert len(await shop.payments()) == 1

    async def test_many_at_once_are_one_purchase(self, shop: Shop, asked: Asked) -> None:
        """All who show quote and memo get the one grant."""
        raw = honest_own(asked.stage)
        asked.land(raw)

        answers = await asyncio.gather(*(asked.show(raw) for _ in range(20)))

        assert {answer.status for answer in answers} == {200}
        assert len(await shop.payments()) == len(await shop.events()) == 1

    async def test_not_without_the_quote(self, shop: Shop, asked: Asked) -> None:
        """Everybody can read transaction and memo from the chain."""
        raw = honest_own(asked.stage)
        asked.land(raw)

        async with untouched(shop):
            shown = await asked.show(raw, quote=None)
            shop.clock.forward(timedelta(seconds=90))
            later = await asked.show(raw, quote=None)

        assert (shown.status, shown.code) == (402, "payment_already_used")
        assert (later.status, later.code) == (402, "transaction_expired")

    async def test_not_with_another_quote(self, shop: Shop, asked: Asked) -> None:
        """A thief has quotes of his own, for the same thing and for others."""
        raw = honest_own(asked.stage)
        asked.land(raw)
        same, other = await asked_for(shop), await asked_for(shop, resource="book")

        async with untouched(shop):
            fresh = await asked.show(raw, quote=same.sealed)
            elsewhere = await asked.show(raw, quote=other.sealed, resource="book")
            moved = await asked.show(raw, resource="book")

        assert (fresh.status, fresh.code) == (400, "invalid_memo")
        assert (elsewhere.status, elsewhere.code) == (400, "invalid_memo")
        assert (moved.status, moved.code) == (400, "invalid_payment_proof")

    @pytest.mark.parametrize("text", [(), ("thanks",)], ids=["no memo", "another memo"])
    async def test_not_without_our_memo(
        self, shop: Shop, asked: Asked, text: tuple[str, ...]
    ) -> None:
        """A transfer of the right amount in the right minute is not yet for us."""
        raw = own(asked.stage, asked.stage.move().plain(), *(memo(each) for each in text))
        asked.land(raw)

        async with untouched(shop):
            answer = await asked.show(raw)
            bare = await asked.show(raw, quote=None)

        assert (answer.status, answer.code) == (400, "missing_memo")
        assert (bare.status, bare.code) == (400, "missing_memo")

    async def test_after_the_quote_had_expired_it_buys_nothing(
        self, shop: Shop, asked: Asked
    ) -> None:
        """Whoever pays too late pays for nothing, and is paid back: the memo said until when."""
        shop.clock.forward(timedelta(seconds=301))
        raw = honest_own(asked.stage)
        asked.land(raw)

        answer = await asked.show(raw)

        (payment,) = await shop.payments()
        assert (answer.status, answer.code) == (402, "quote_expired")
        assert payment.state is State.UNAPPLIED

    async def test_not_from_before_the_quote(self, shop: Shop, asked: Asked) -> None:
        """A block older than the quote cannot have been paid for it."""
        seals = shop.gateway.services.seals
        quote = seals.open(asked.sealed, shop.tenant)
        later = evolve(
            quote, issued_at=quote.issued_at + 60, expires_at=quote.expires_at + 60, nonce=b"later"
        )
        raw = honest_own(evolve(asked.stage, note=str(seals.authenticate(later))))
        asked.land(raw)
        shop.clock.forward(timedelta(seconds=61))

        async with untouched(shop):
            answer = await asked.show(raw, quote=seals.seal(later))

        assert (answer.status, answer.code) == (402, "payment_already_used")

    @pytest.mark.parametrize("change", [-1, 1])
    async def test_another_amount_buys_nothing(self, shop: Shop, asked: Asked, change: int) -> None:
        """Exactly what was quoted: what came instead is given back, to the unit."""
        raw = honest_own(evolve(asked.stage, price=ARTICLE + change))
        asked.land(raw)

        answer = await asked.show(raw)

        (payment,) = await shop.payments()
        assert answer.code in ("amount_below_minimum", "amount_mismatch")
        assert payment.state is State.UNAPPLIED
        assert payment.amount.minor == ARTICLE + change

    @pytest.mark.parametrize("amount", [0, ARTICLE - 1, ARTICLE + 1])
    async def test_not_for_another_amount_that_has_not_landed(
        self, shop: Shop, asked: Asked, amount: int
    ) -> None:
        """It is refused, and the buyer keeps his money."""
        raw = honest_own(evolve(asked.stage, price=amount))

        async with untouched(shop):
            answer = await asked.show(raw)

        assert answer.code in ("amount_below_minimum", "amount_mismatch")

    async def test_nothing_is_no_money(self, shop: Shop, asked: Asked) -> None:
        """A transfer of nothing needs no refund, landed or not."""
        raw = honest_own(evolve(asked.stage, price=0))
        asked.land(raw)

        async with untouched(shop):
            answer = await asked.show(raw)

        assert answer.code == "amount_below_minimum"

    async def test_not_when_it_failed(self, shop: Shop) -> None:
        """It is on chain, fee and all, and moved nothing."""
        asked = await asked_for(shop, shop.buyer(usdc=ARTICLE - 1, sol=1))
        raw = honest_own(asked.stage)
        asked.land(raw)

        async with untouched(shop):
            answer = await asked.show(raw)
            bare = await asked.show(raw, quote=None)
            shop.clock.forward(timedelta(seconds=120))
            later = await asked.show(raw)

        assert (answer.status, answer.code) == (402, "insufficient_funds_token")
        assert bare.status == 402
        assert (later.status, later.code) == (402, "insufficient_funds_token")

    async def test_a_second_one_on_the_same_quote_is_refused(
        self, shop: Shop, asked: Asked
    ) -> None:
        """A quote is spent once, whichever way the second payment comes."""
        first = honest_own(asked.stage)
        asked.land(first)
        assert (await asked.show(first)).status == 200
        shop.clock.forward(timedelta(seconds=2))
        second = honest_own(asked.stage)
        asked.land(second)

        answer = await asked.show(second)
        at_the_resource = await shop.get("/paywall/article", asked.header(second))

        assert (answer.status, answer.code) == (402, "quote_expired")
        assert at_the_resource.status == 402
        assert at_the_resource.required is not None
        assert sorted(event.type for event in await shop.events()) == [
            "payment.succeeded",
            "payment.unapplied",
        ]

    async def test_a_block_that_is_not_confirmed_yet_is_waited_for(self) -> None:
        """402 transaction_not_confirmed, with a time to come back, and without an offer."""
        async with open_shop(confirm_delay_ms=1500, x402=PATIENCE) as shop:
            asked = await asked_for(shop)
            raw = honest_own(asked.stage)
            asked.land(raw, confirmed=False)

            early = await shop.get("/paywall/article", asked.header(raw))
            repeated = await shop.get("/paywall/article", asked.header(raw))
            await asyncio.sleep(1.6)
            late = await shop.get("/paywall/article", asked.header(raw))

        for answer in (early, repeated):
            assert (answer.status, answer.code) == (402, "transaction_not_confirmed")
            assert answer.required is None
            assert int(answer.headers["Retry-After"]) >= 1
            assert answer.headers["Cache-Control"] == "no-store"
        assert late.status == 200


class TestSeenBeforeItIsConfirmed:
    """A stranger sees the buyer's own transaction in a block, and brings it to us first."""

    async def test_in_a_block_that_our_simulation_does_not_see(self) -> None:
        """The stranger gets nothing; the buyer gets what he paid for."""
        async with open_shop(confirm_delay_ms=60_000) as shop:
            asked = await asked_for(shop)
            raw = honest_own(asked.stage)
            asked.land(raw, confirmed=False)

            async with untouched(shop), shop.visited_from() as stranger:
                taken = await stranger.post(VERIFY, None, asked.header(raw, quote=None))
            shop.clock.forward(timedelta(seconds=60))
            mine = await asked.show(raw)

        assert (taken.status, taken.code) == (402, "payment_already_used")
        assert mine.status == 200

    @pytest.mark.parametrize("first_fails", [False, True])
    async def test_on_any_node_that_we_know(self, first_fails: bool) -> None:
        """The first node lags or fails to tell; the second has the block."""
        async with (
            open_shop(confirm_delay_ms=800) as shop,
            serve_chain(shop.chain) as node,
            another_gateway(shop, x402={"rpc_urls": [node.rpc_url]}) as till,
        ):
            asked = await asked_for(till)
            raw = honest_own(asked.stage)
            shop.clock.forward(timedelta(seconds=3))
            shop.faults.behind_slots = 2
            asked.land(raw)
            if first_fails:
                shop.faults.spoil(Kind.RESET, "getSignatureStatuses")

            async with untouched(till), till.visited_from() as stranger:
                taken = await stranger.post(VERIFY, None, asked.header(raw, quote=None))
            shop.faults.clear()
            mine = await asked.show(raw)

        assert (taken.status, taken.code) == (402, "payment_already_used")
        assert mine.status == 200

    async def test_nobody_is_believed_while_no_node_can_tell(
        self, shop: Shop, asked: Asked
    ) -> None:
        """Without the sealed quote it waits until a node answers."""
        raw = honest_own(asked.stage)
        shop.faults.spoil(Kind.RESET, "getSignatureStatuses")
        async with untouched(shop):
            away = await asked.show(raw, quote=None)
        shop.faults.clear()
        again = await asked.show(raw, quote=None)

        assert away.status in (502, 503)
        assert again.status == 200


class TestOldTransfers:
    @pytest.mark.parametrize("note", [None, "invoice 7", ""])
    async def test_a_transfer_to_the_wallet_buys_nothing(
        self, shop: Shop, note: str | None
    ) -> None:
        """Somebody paid the merchant for something else; its bytes are on the chain."""
        raw = bytes(
            pay(
                shop.buyer(sol=1),
                shop.merchant.address,
                ARTICLE,
                blockhash_of(shop.chain),
                note=note,
            )
        )
        assert shop.chain.land(VersionedTransaction.from_bytes(raw)) is not None
        fresh = (await shop.offer()).offer
        quote = {"quote": fresh["extra"]["quote"]}

        async with untouched(shop):
            for seconds in (0, 90):
                shop.clock.forward(timedelta(seconds=seconds))
                answers = [
                    await shop.get("/paywall/article", v1_header(raw)),
                    await shop.get("/paywall/article", v2_header(raw, fresh)),
                    await shop.get("/paywall/article", v0_header(raw, "article")),
                    await shop.post(VERIFY, None, v0_header(raw, "article")),
                    await shop.post(VERIFY, None, v0_header(raw, "article", metadata=quote)),
                ]
                assert {answer.status for answer in answers} <= {400, 402}

    @pytest.mark.parametrize("bare", [True, False], ids=["no memo", "our memo"])
    async def test_what_we_sent_and_have_forgotten_buys_nothing(
        self, shop: Shop, bare: bool
    ) -> None:
        """A gateway with an empty store meets payments that its wallet signed: never again."""
        offer = (await shop.offer()).offer
        changes: dict[str, Any] = {"note": b""} if bare else {}
        raw = shop.sign(shop.buyer(), offer, **changes)
        first = await shop.get("/paywall/article", v1_header(raw))
        assert first.status == 200

        async with another_gateway(shop) as forgetful, untouched(forgetful):
            for seconds in (0, 90):
                shop.clock.forward(timedelta(seconds=seconds))
                answers = [
                    await forgetful.get("/paywall/article", v1_header(raw)),
                    await forgetful.get("/paywall/book", v1_header(raw)),
                    await forgetful.get("/paywall/article", v2_header(raw, offer)),
                ]
                assert {answer.status for answer in answers} == {402}


class TestNeverOnChain:
    async def test_a_dead_blockhash_is_refused_before_sending(self, shop: Shop) -> None:
        """It was never seen and can never land."""
        offer = (await shop.offer()).offer
        raw = shop.sign(shop.buyer(), offer)
        shop.clock.forward(timedelta(seconds=90))

        async with untouched(shop):
            answer = await shop.get("/paywall/article", v2_header(raw, offer))
            bare = await shop.get("/paywall/article", v1_header(raw))

        assert answer.body["error"] == bare.body["error"] == "invalid_transaction_state"
        assert answer.required is not None

    async def test_what_the_network_drops_is_never_granted(self) -> None:
        """Pending without an offer while it may land; failed by proof; refused ever after."""
        async with open_shop(x402=PATIENCE) as shop:
            offer = (await shop.offer()).offer
            header = v2_header(shop.sign(shop.buyer(), offer), offer)
            shop.faults.drop_all = True

            early = await shop.get("/paywall/article", header)
            before = (await shop.payments())[0]
            shop.clock.forward(timedelta(seconds=120))
            await until(lambda: _has_failed(shop))
            late = await shop.get("/paywall/article", header)
            events, failed = await shop.events(), (await shop.payments())[0]

        assert (early.status, early.code) == (402, "transaction_not_confirmed")
        assert early.required is None
        assert before.is_live
        assert (failed.state, failed.code) == (State.FAILED, "transaction_expired")
        assert late.status == 402
        assert late.required is not None
        assert late.receipt["success"] is False
        assert events == []
        assert shop.balance() == 0

    async def test_the_quote_of_a_failed_payment_can_be_paid(self) -> None:
        """A proven failure gives everything back: the buyer pays with a new transaction."""
        async with open_shop(x402=PATIENCE, paywall={"quote_ttl": "30m"}) as shop:
            offer, buyer = (await shop.offer()).offer, shop.buyer(usdc=ARTICLE)
            shop.faults.drop_all = True
            await shop.get("/paywall/article", v2_header(shop.sign(buyer, offer), offer))
            shop.clock.forward(timedelta(seconds=120))
            await until(lambda: _has_failed(shop))
            shop.faults.clear()

            answer = await shop.get("/paywall/article", v2_header(shop.sign(buyer, offer), offer))

        assert answer.status == 200
        assert shop.balance() == ARTICLE


async def _has_failed(shop: Shop) -> bool:
    return (await shop.payments())[0].state is State.FAILED
