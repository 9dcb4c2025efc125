"""Money that arrives and buys nothing: booked to whoever paid it, and queued to be given back."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from attrs import evolve
from solders.account import Account as ChainAccount
from solders.pubkey import Pubkey

from support.chain import USDC as COIN
from support.chain import Wallet
from support.crew import crew
from support.hostile import Stage
from support.hostile_self_paid import honest_own, own
from support.landed import VERIFY, Asked, asked_for
from support.shop import ARTICLE, Answer, Shop, open_shop, signature_of, v2_header
from support.transactions import memo
from support.waiting import until
from tillway.core.errors import Code
from tillway.core.ledger import Account, AccountKind
from tillway.core.payments import Failed, Payment, PaymentKey, Settled, State
from tillway.core.refunds import NEVER, Refund, RefundState
from tillway.entrypoints.sandbox.chain import Kind

PATH = "/paywall/article"
SPENT = Failed(code=Code.CART_ALREADY_PAID, reason="paid twice")
KEPT = "What you have paid is kept to be given back."


async def refunds(shop: Shop, state: RefundState = RefundState.PENDING) -> Sequence[Refund]:
    async with shop.gateway.store.view() as view:
        return await view.refunds.listed(shop.tenant, [state], 100)


async def owed(shop: Shop, payment: Payment) -> int:
    """Tell what the ledger owes a payer."""
    customer = Account(AccountKind.CUSTOMER, payment.payer)
    async with shop.gateway.store.view() as view:
        return (await view.ledger.balance(shop.tenant, customer, payment.amount.asset)).total


async def kept(shop: Shop) -> Payment:
    found = [each for each in await shop.payments() if each.state is State.UNAPPLIED]
    assert len(found) == 1, [each.state for each in await shop.payments()]
    return found[0]


async def types(shop: Shop) -> list[str]:
    return sorted(event.type for event in await shop.events())


async def twice_paid(shop: Shop) -> tuple[Asked, bytes]:
    """Have one quote paid twice by its buyer; only the first is presented."""
    asked = await asked_for(shop)
    first = honest_own(asked.stage)
    asked.land(first)
    assert (await asked.show(first)).status == 200
    shop.clock.forward(timedelta(seconds=2))
    second = honest_own(asked.stage)
    asked.land(second)
    return asked, second


class TestSpentQuote:
    async def test_the_second_payment_is_kept_for_a_refund(self, still_shop: Shop) -> None:
        """Refused with its signature; a row, a fact, an entry and one refund say the same."""
        asked, second = await twice_paid(still_shop)

        answer = await asked.show(second)

        payment, (refund,) = await kept(still_shop), await refunds(still_shop)
        assert (answer.status, answer.code) == (402, "quote_expired")
        assert KEPT in answer.body["error"]["message"]
        assert answer.body["error"]["details"]["transaction"] == signature_of(second)
        assert payment.signature == signature_of(second)
        assert await types(still_shop) == ["payment.succeeded", "payment.unapplied"]
        assert await owed(still_shop, payment) == ARTICLE
        assert still_shop.balance() == 2 * ARTICLE
        assert (refund.purchase, refund.amount) == (payment.signature, payment.amount)
        assert refund.recipient == str(asked.stage.buyer.address)
        assert (refund.origin, refund.expires_at) == ("unapplied", NEVER)

    async def test_the_fact_says_who_paid_how_much_and_why(self, shop: Shop) -> None:
        """All that the seller needs to give it back."""
        asked, second = await twice_paid(shop)
        await asked.show(second)

        fact = next(each for each in await shop.events() if each.type == "payment.unapplied")
        assert fact.body["wallet"] == str(asked.stage.buyer.address)
        assert fact.body["cryptoAtomicAmount"] == ARTICLE
        assert fact.body["proofSignature"] == signature_of(second)
        assert fact.body["code"] == "quote_expired"

    async def test_asking_again_gives_the_same(self, shop: Shop) -> None:
        """At once, and long after free repeats of what was bought have ended."""
        asked, second = await twice_paid(shop)
        first = await asked.show(second)

        again = await asked.show(second)
        shop.clock.forward(timedelta(hours=30))
        late = await asked.show(second)

        assert again.body == late.body == first.body
        assert len(await refunds(shop)) == 1

    async def test_at_the_resource_the_receipt_names_it(self, shop: Shop) -> None:
        """A fresh offer, and the transaction that is not the payment of it."""
        asked, second = await twice_paid(shop)

        answer = await shop.get(PATH, asked.header(second))

        assert answer.status == 402
        assert answer.required is not None
        assert answer.receipt["success"] is False
        assert answer.receipt["txHash"] == signature_of(second)

    async def test_sixteen_at_once_are_one_refund(self, still_shop: Shop) -> None:
        """All hear the same, and it is booked once."""
        asked, second = await twice_paid(still_shop)

        answers = await asyncio.gather(*(asked.show(second) for _ in range(16)))

        assert {(each.status, each.code) for each in answers} == {(402, "quote_expired")}
        assert len({each.body["error"]["message"] for each in answers}) == 1
        assert len(await refunds(still_shop)) == 1
        assert await owed(still_shop, await kept(still_shop)) == ARTICLE
        assert await types(still_shop) == ["payment.succeeded", "payment.unapplied"]

    async def test_who_is_not_the_buyer_hears_nothing_of_it(self, shop: Shop) -> None:
        """Without the sealed quote it is a payment of somebody's."""
        asked, second = await twice_paid(shop)
        async with shop.visited_from() as stranger:
            before = await stranger.post(VERIFY, None, asked.header(second, quote=None))
            assert len(await shop.payments()) == 1
            await asked.show(second)
            after = await stranger.post(VERIFY, None, asked.header(second, quote=None))

        assert {before.code, after.code} == {"payment_already_used"}


class TestCoupon:
    async def test_one_that_ran_out_meanwhile(self, shop: Shop) -> None:
        """Both buyers were promised it, one redeemed it, and the other had paid."""
        mine = await asked_for(shop, coupon="ONCE")
        first, raw = await asked_for(shop, coupon="ONCE"), honest_own(mine.stage)
        other = honest_own(first.stage)
        first.land(other)
        assert (await first.show(other)).status == 200
        mine.land(raw)

        answer = await mine.show(raw)

        payment, (refund,) = await kept(shop), await refunds(shop)
        assert answer.code == "coupon_usage_limit_reached"
        assert payment.signature == signature_of(raw)
        assert refund.amount.minor == mine.stage.price == 30_000

    async def test_it_takes_nothing_of_the_coupon(self, shop: Shop) -> None:
        """What bought nothing has redeemed nothing."""
        await self.test_one_that_ran_out_meanwhile(shop)

        async with shop.gateway.store.view() as view:
            totals = await view.tallies.totals(shop.tenant, ["coupon:ONCE"])
        assert totals == {"coupon:ONCE": 1}


class TestWhoseMoney:
    async def test_a_refund_goes_to_the_owner_and_not_to_his_delegate(self, shop: Shop) -> None:
        """Who was allowed to move money once is not who it belongs to."""
        asked, first = await twice_paid(shop)
        await asked.show(first)
        owner, delegate = asked.stage.buyer, shop.buyer(sol=1)
        allow(shop, owner, delegate)
        raw = by_delegate(asked.stage, delegate)
        asked.land(raw)

        answer = await asked.show(raw)

        queued = {refund.purchase: refund.recipient for refund in await refunds(shop)}
        assert answer.code == "quote_expired"
        assert queued[signature_of(raw)] == str(owner.address)


def allow(shop: Shop, owner: Wallet, delegate: Wallet) -> None:
    """Let another wallet move all that an owner has."""
    account = shop.chain.account(owner.account())
    assert account is not None
    data = bytearray(account.data)
    data[72:108] = (1).to_bytes(4, "little") + bytes(delegate.address)
    data[121:129] = (10**9).to_bytes(8, "little")
    changed = ChainAccount(account.lamports, bytes(data), account.owner)
    shop.chain.put(owner.account(), changed)


def by_delegate(stage: Stage, delegate: Wallet) -> bytes:
    source: Pubkey = stage.buyer.account(COIN.mint)
    move = stage.move(authority=delegate.address, source=source)
    return own(stage, move.plain(), memo(stage.note), signers=(delegate.keypair,))


class TestRefusedTooSoon:
    async def test_what_arrives_after_its_refusal_is_kept(self) -> None:
        """The buyer was told to pay anew, and has: he gets his money back, not a second article."""
        async with open_shop() as shop:
            offer = (await shop.offer()).offer
            buyer = shop.buyer()
            raw = shop.sign(buyer, offer)
            poor = {
                "code": -32002,
                "message": "Transaction simulation failed: custom program error: 0x1",
            }
            shop.faults.spoil(Kind.ERROR, "sendTransaction", times=1, effective=True, **poor)
            refused = await shop.get(PATH, v2_header(raw, offer))
            assert refused.required is not None
            anew = v2_header(shop.sign(buyer, refused.offer), refused.offer)
            assert (await shop.get(PATH, anew)).status == 200

            await until(lambda: _has_kept(shop))
            asked_again = await shop.get(PATH, v2_header(raw, offer))

            assert shop.balance() == 2 * ARTICLE
            assert (await refunds(shop))[0].recipient == str(buyer.address)
            assert await types(shop) == ["payment.succeeded", "payment.unapplied"]
            assert asked_again.status == 402


async def _has_kept(shop: Shop) -> bool:
    return any(each.state is State.UNAPPLIED for each in await shop.payments())


class TestNotFinal:
    async def test_what_is_gone_again_is_owed_to_nobody(self) -> None:
        """The fork gave the money back: the refund is withdrawn, and nothing is sent again."""
        async with open_shop(background=False) as shop:
            asked, second = await twice_paid(shop)
            await asked.show(second)
            shop.chain.tick()
            assert shop.chain.fork(signature_of(second))
            sent = shop.sent()
            await looked(shop)
            await looked(shop, timedelta(seconds=90))

            payment = next(p for p in await shop.payments() if p.signature == signature_of(second))
            assert payment.state is State.REVERSED
            assert shop.sent() == sent
            assert await owed(shop, payment) == 0
            assert await refunds(shop) == []
            assert len(await refunds(shop, RefundState.DENIED)) == 1

    async def test_what_comes_back_is_owed_again(self) -> None:
        """The node was wrong: a second turn, a second fact, and a refund that is not withdrawn."""
        async with open_shop(background=False) as shop:
            asked, second = await twice_paid(shop)
            await asked.show(second)
            record = shop.chain.landings.get(signature_of(second))
            assert record is not None
            shop.chain.landings.remove(record)
            await looked(shop, timedelta(seconds=90))
            (withdrawn,) = await refunds(shop, RefundState.DENIED)
            shop.chain.landings.add(record, record.keys)
            await looked(shop)

            payment, (queued,) = await kept(shop), await refunds(shop)
            assert (payment.turn, payment.watched) == (2, False)
            assert await owed(shop, payment) == ARTICLE
            assert queued.id != withdrawn.id
            assert (await types(shop)).count("payment.unapplied") == 2

    async def test_what_is_final_is_watched_no_more(self) -> None:
        """It is owed, and can be paid back."""
        async with open_shop(background=False) as shop:
            asked, second = await twice_paid(shop)
            await asked.show(second)
            await looked(shop)

            assert not (await kept(shop)).watched
            assert len(await refunds(shop)) == 1


async def looked(shop: Shop, after: timedelta = timedelta(seconds=16)) -> None:
    """Let time pass, and have the watch look once."""
    shop.clock.forward(after)
    await shop.gateway.services.finality.sweep()


class TestEntry:
    """``UnappliedMoney.keep``: for who knows of an arrival before there is a claim."""

    async def test_a_repeat_changes_nothing(self, still_shop: Shop) -> None:
        """Sixteen workers apply the same event: one booking, one refund."""
        (_, settled) = await still_shop.paid(still_shop.buyer()), (await still_shop.payments())[0]
        other = made_of(settled)
        money = still_shop.gateway.services.unapplied
        word = Settled(signature=other.signature)

        all_kept = await asyncio.gather(*(money.keep(other, SPENT, word) for _ in range(16)))

        assert {each.state for each in all_kept} == {State.UNAPPLIED}
        assert len(await refunds(still_shop)) == 1
        assert await owed(still_shop, other) == ARTICLE
        assert await types(still_shop) == ["payment.succeeded", "payment.unapplied"]


def made_of(payment: Payment) -> Payment:
    """Give a claim like a payment's, of another key."""
    return evolve(
        payment,
        key=PaymentKey(payment.key[::-1]),
        signature="other",
        state=State.CLAIMED,
        grant=None,
        turn=0,
    )


@pytest.mark.timeout(120)
class TestKilled:
    async def test_the_claim_says_what_it_is_for(self, tmp_path: Path) -> None:
        """Kill -9 between the claim and its end: whoever finishes it gives nothing for it."""
        quick = {"confirm_wait": "1s", "claim_lease": "1s"}
        async with crew(tmp_path, x402=quick) as made:
            shop, (server,) = made.shop, made.servers
            asked, second = await twice_paid(shop)
            answer = asyncio.create_task(asked.show(second))
            shop.faults.latency_ms = {"getSignatureStatuses": 3000}
            await until(lambda: _is_claimed(shop))
            await server.kill()
            await asyncio.gather(answer, return_exceptions=True)
            claimed = next(each for each in await shop.payments() if each.is_live)
            shop.faults.latency_ms = {}
            await server.start()
            await until(lambda: _has_kept(shop), 30)

            again: Answer = await asked.show(second)
            assert claimed.for_refund
            assert again.code == "quote_expired"
            assert len(await refunds(shop)) == 1
            assert await types(shop) == ["payment.succeeded", "payment.unapplied"]


async def _is_claimed(shop: Shop) -> bool:
    return any(each.is_live for each in await shop.payments())
