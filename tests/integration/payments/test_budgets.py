"""What sponsoring can cost at most, whatever buyers do with their balances."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from solders.account import Account
from solders.instruction import Instruction

from support.chain import USDC, Wallet, program_of, signed_by
from support.shop import (
    ARTICLE,
    Answer,
    Shop,
    another_gateway,
    open_shop,
    v0_header,
    v1_header,
    v2_header,
)
from support.transactions import Move, account_of, at, memo, unit_limit, unit_price
from support.untouched import untouched
from support.waiting import until
from tillway.core.contracts.counts import count
from tillway.core.payments import State
from tillway.entrypoints.sandbox.chain import fund
from tillway.entrypoints.sandbox.chain.tokens import with_amount

PROOFS = count(30, 100)
PATH = "/paywall/article"
FEE = 10_001
"""Lamports of one payment: two signatures, and the priority fee of the official clients."""

CAREFREE: dict[str, Any] = {"skip_preflight": True, "claim_lease": "1s"}
"""No node looks before it sends: the worst that a settings file can choose."""

_AMOUNT_AT = 64


def empty(shop: Shop, wallet: Wallet) -> None:
    """Take all tokens out of a wallet, as its owner could at any moment."""
    place = wallet.account()
    held = shop.chain.account(place)
    assert held is not None
    balance = int.from_bytes(bytes(held.data)[_AMOUNT_AT : _AMOUNT_AT + 8], "little")
    data = with_amount(bytes(held.data), _AMOUNT_AT, -balance)
    shop.chain.put(place, Account(held.lamports, data, held.owner))


async def headers(
    shop: Shop, buyers: Sequence[Wallet], *, version: int = 2
) -> Sequence[Mapping[str, str]]:
    """Sign one payment for each of the buyers, each on a quote of its own."""
    made = []
    for buyer in buyers:
        offer = (await shop.offer()).offer
        raw = shop.sign(buyer, offer)
        made.append(v2_header(raw, offer) if version == 2 else v1_header(raw))
    return made


async def at_once(shop: Shop, made: Sequence[Mapping[str, str]]) -> Sequence[Answer]:
    return await asyncio.gather(*(shop.get(PATH, header) for header in made))


async def is_over(shop: Shop) -> bool:
    return not any(payment.is_live for payment in await shop.payments())


def in_flight(payments: Sequence[Any]) -> Counter[str]:
    """Sum what is on its way by the account that it comes from."""
    sums: Counter[str] = Counter()
    for payment in payments:
        for one in payment.reservations if payment.is_live else ():
            if one.name.startswith("source:"):
                sums[one.name] += one.amount
    return sums


class TestBalanceMovedAway:
    async def test_it_costs_no_more_than_the_budget(self) -> None:
        """Many proofs on one balance, all in flight when it goes: the hour's lamports hold."""
        limit = 10 * FEE
        sponsor = {"lamports_per_hour": limit, "max_lamports": FEE}
        async with open_shop(slot_ms=20, x402={**CAREFREE, "sponsor": sponsor}) as shop:
            buyer, before = shop.buyer(PROOFS * ARTICLE), shop.sponsored()
            made = await headers(shop, [buyer] * PROOFS)
            shop.faults.deliver_after_ms = 1000
            asking = asyncio.create_task(at_once(shop, made))
            await until(lambda: _claimed(shop, 10))
            empty(shop, buyer)
            answers = await asking
            await until(lambda: is_over(shop))
            payments = await shop.payments()

        assert {answer.status for answer in answers} <= {402, 503}
        assert before - shop.sponsored() <= limit
        assert {payment.state for payment in payments} == {State.FAILED}
        assert len(payments) == 10
        assert shop.balance() == 0

    async def test_a_node_that_looks_first_spares_it_all(self) -> None:
        """With preflight nothing lands, nothing is paid, and the budget is whole again."""
        async with open_shop(slot_ms=20) as shop:
            buyer, before = shop.buyer(PROOFS * ARTICLE), shop.sponsored()
            made = await headers(shop, [buyer] * PROOFS)
            shop.faults.latency_ms = {"sendTransaction": 400}
            asking = asyncio.create_task(at_once(shop, made))
            await until(lambda: _claimed(shop, 1))
            empty(shop, buyer)
            answers = await asking
            shop.clock.forward(timedelta(minutes=2))
            await until(lambda: is_over(shop))
            totals = await _sponsor_totals(shop)

        granted = sum(answer.status == 200 for answer in answers)
        assert before - shop.sponsored() == granted * FEE
        assert shop.balance() == granted * ARTICLE
        assert totals == granted * FEE

    async def test_fresh_wallets_change_nothing(self) -> None:
        """Money handed from wallet to wallet fails as often as the hour allows, and no more."""
        limit = 8 * FEE
        sponsor = {"lamports_per_hour": limit, "max_lamports": FEE}
        async with open_shop(slot_ms=20, x402={**CAREFREE, "sponsor": sponsor}) as shop:
            before, statuses = shop.sponsored(), set()
            for _ in range(PROOFS // 5):
                buyers = [shop.buyer(ARTICLE) for _ in range(5)]
                made = [
                    v1_header(shop.sign(buyer, {"amount": ARTICLE, "extra": {"memo": ""}}))
                    for buyer in buyers
                ]
                statuses |= {each.status for each in await _emptied(shop, buyers, made)}
            await until(lambda: is_over(shop))

        assert 200 not in statuses
        assert before - shop.sponsored() <= limit

    async def test_in_flight_sums_never_exceed_the_balance(self) -> None:
        """Ten articles' worth of money carries ten payments at a time, of a hundred shown."""
        async with open_shop(slot_ms=20) as shop:
            rich, poor = shop.buyer(PROOFS * ARTICLE), shop.buyer(10 * ARTICLE + 1)
            made = await headers(shop, [poor] * PROOFS + [rich] * 5)
            shop.faults.deliver_after_ms = 500
            asking = asyncio.create_task(at_once(shop, made))
            most: Counter[str] = Counter()
            while not asking.done():
                most |= in_flight(await shop.payments())
                await asyncio.sleep(0.02)
            answers = await asking

        by_status = Counter(answer.status for answer in answers)
        assert most[f"source:{poor.account()}"] <= 10 * ARTICLE
        assert by_status[200] == 15
        assert {answer.body["error"] for answer in answers if answer.status == 402} == {
            "insufficient_funds"
        }
        assert shop.balance() == 15 * ARTICLE


async def _claimed(shop: Shop, count: int) -> bool:
    return len(await shop.payments()) >= count


async def _sponsor_totals(shop: Shop) -> int:
    rail = shop.gateway.rails.all[0]
    names = rail.budget_names()  # type: ignore[attr-defined]  # the Solana rail keeps a budget
    async with shop.gateway.store.view() as view:
        return sum((await view.tallies.totals(shop.tenant, names)).values())


async def _emptied(
    shop: Shop, buyers: Sequence[Wallet], made: Sequence[Mapping[str, str]]
) -> Sequence[Answer]:
    """Show payments and take the money away while they are under way."""
    known = len(await shop.payments())
    shop.faults.deliver_after_ms = 800
    asking = asyncio.create_task(at_once(shop, made))
    await until(lambda: _is_begun(shop, known, asking))
    await asyncio.sleep(0.2)
    for buyer in buyers:
        empty(shop, buyer)
    answers = await asking
    shop.faults.clear()
    return answers


async def _is_begun(shop: Shop, known: int, asking: "asyncio.Task[Any]") -> bool:
    return asking.done() or await _claimed(shop, known + 1)


FEW: dict[str, Any] = {**CAREFREE, "sponsor": {"landed_failures_per_hour": 3}}


async def fail(shop: Shop, buyer: Wallet, times: int = 1) -> None:
    """Have payments of this buyer land and fail, one after the other."""
    for _ in range(times):
        fund(shop.chain, buyer.address, USDC.mint, ARTICLE)
        answers = await _emptied(shop, [buyer], await headers(shop, [buyer]))
        assert answers[0].status == 402, answers[0].body
        await until(lambda: is_over(shop))
    assert [payment.state for payment in await shop.payments()] == [State.FAILED] * times


async def tried(shop: Shop, buyer: Wallet) -> Answer:
    """Have this buyer pay honestly."""
    fund(shop.chain, buyer.address, USDC.mint, ARTICLE)
    return (await at_once(shop, await headers(shop, [buyer])))[0]


class TestLandedFailures:
    async def test_past_a_few_a_buyer_pays_his_own_fee(self) -> None:
        """By wallet and by address alike; another buyer elsewhere is served."""
        async with open_shop(slot_ms=20, x402=FEW) as shop, shop.visited_from() as elsewhere:
            culprit = shop.buyer(0)
            await fail(shop, culprit, 3)
            async with untouched(shop):
                again = await tried(shop, culprit)
                other_wallet = await tried(shop, shop.buyer(0))
                other_address = await tried(elsewhere, culprit)
            honest = await tried(elsewhere, shop.buyer(0))
            own = await _self_paid(shop, culprit)
            shop.clock.forward(timedelta(hours=1))
            later = await tried(shop, culprit)

        for answer in (again, other_wallet, other_address):
            assert answer.status == 402
            assert answer.body["error"] == "insufficient_funds"
        assert (honest.status, own.status, later.status) == (200, 200, 200)

    async def test_fewer_are_forgiven(self) -> None:
        """One failure below the limit changes nothing."""
        async with open_shop(slot_ms=20, x402=FEW) as shop:
            buyer = shop.buyer(0)
            await fail(shop, buyer, 2)
            answer = await tried(shop, buyer)

        assert answer.status == 200

    async def test_a_delegate_does_not_wash_an_account_clean(self) -> None:
        """The account that the money comes from counts too, whoever signs for it."""
        async with open_shop(slot_ms=20, x402=FEW) as shop:
            culprit, delegate = shop.buyer(0, sol=1), shop.buyer(0)
            _approve(shop, culprit, delegate)
            await fail(shop, culprit, 3)
            fund(shop.chain, culprit.address, USDC.mint, ARTICLE)
            async with shop.visited_from() as elsewhere, untouched(shop):
                answer = await elsewhere.get(PATH, await _delegated(shop, culprit, delegate))

        assert answer.status == 402
        assert answer.body["error"] == "insufficient_funds"

    async def test_a_delegate_may_pay(self) -> None:
        """The same payment, without failures before it, is taken."""
        async with open_shop() as shop:
            owner, delegate = shop.buyer(ARTICLE, sol=1), shop.buyer(0)
            _approve(shop, owner, delegate)
            answer = await shop.get(PATH, await _delegated(shop, owner, delegate))

        assert answer.status == 200
        assert answer.body["wallet"] == str(delegate.address)


def _approve(shop: Shop, owner: Wallet, delegate: Wallet) -> None:
    accounts = [
        at(owner.account(), writes=True),
        at(delegate.address),
        at(owner.address, signs=True),
    ]
    data = b"\x04" + (10**9).to_bytes(8, "little")
    instruction = Instruction(program_of(USDC.mint), data, accounts)
    blockhash = shop.chain.slots.hash_of(shop.chain.slots.now)
    landed = shop.chain.land(signed_by([owner.keypair], [instruction], blockhash))
    assert landed is not None
    assert landed.err is None


async def _delegated(shop: Shop, owner: Wallet, delegate: Wallet) -> dict[str, str]:
    offer = (await shop.offer()).offer
    move = Move(
        amount=ARTICLE,
        authority=delegate.address,
        source=account_of(owner.address),
        destination=account_of(shop.merchant.address),
    )
    instructions = [unit_limit(), unit_price(), move.checked(), memo(offer["extra"]["memo"])]
    blockhash = shop.chain.slots.hash_of(shop.chain.slots.now - 1)
    raw = bytes(signed_by([shop.sponsor.address, delegate.keypair], instructions, blockhash))
    return v2_header(raw, offer)


async def _self_paid(shop: Shop, buyer: Wallet) -> Answer:
    fund(shop.chain, buyer.address, USDC.mint, ARTICLE, 10**9)
    offer = (await shop.offer()).offer
    raw = shop.sign(buyer, offer, fee_payer=None, legacy=True)
    return await shop.post("/paywall/v1/verify", None, v0_header(raw, "article"))


class TestHour:
    async def test_an_exhausted_budget_withdraws_the_gasless_offer(self) -> None:
        """Before a claim would be refused; the next hour brings it back."""
        sponsor = {"lamports_per_hour": 3 * FEE, "max_lamports": FEE}
        async with open_shop(x402={"sponsor": sponsor}) as shop:
            bought = [await shop.paid(shop.buyer()) for _ in range(3)]
            without = await shop.offer()
            quoted = await shop.post("/paywall/v1/quote", {"resource": "article"})
            built = await shop.post(
                "/paywall/v1/gasless-transaction",
                {"resourceId": "article", "userWallet": str(shop.buyer().address)},
            )
            shop.clock.forward(timedelta(hours=1))
            back = await shop.offer()

        assert [answer.status for answer in bought] == [200, 200, 200]
        assert without.required is None
        assert without.body["x402Version"] == 0
        assert "feePayer" not in without.body["accepts"][0]["extra"]
        assert "feePayer" not in quoted.body["accepts"][0]["extra"]
        assert built.status == 400
        assert back.offer["extra"]["feePayer"] == str(shop.sponsor.address)

    async def test_who_holds_an_offer_is_told_to_come_back(self, tmp_path: Path) -> None:
        """503 with Retry-After, and nothing is signed: the claim itself counts the lamports."""
        sponsor = {"lamports_per_hour": 3 * FEE, "max_lamports": FEE}
        place = {"backend": "file", "file_path": str(tmp_path / "tillway.db")}
        settings: dict[str, Any] = {"x402": {"sponsor": sponsor}, "storage": place}
        async with open_shop(**settings) as shop, another_gateway(shop, **settings) as second:
            made = await headers(second, [shop.buyer() for _ in range(8)])
            for _ in range(3):
                assert (await shop.paid(shop.buyer())).status == 200
            async with untouched(second):
                answers = await at_once(second, made)

        assert {answer.status for answer in answers} == {503}
        assert all(int(answer.headers["Retry-After"]) >= 1 for answer in answers)
        assert {answer.code for answer in answers} == {"service_unavailable"}

    async def test_many_at_once_do_not_slip_through(self) -> None:
        """The limit is tested in the claim's commit, so that a race is no way round it."""
        sponsor = {"lamports_per_hour": 5 * FEE, "max_lamports": FEE}
        async with open_shop(x402={"sponsor": sponsor}) as shop:
            before = shop.sponsored()
            made = await headers(shop, [shop.buyer() for _ in range(PROOFS)])
            answers = await at_once(shop, made)

        assert Counter(answer.status for answer in answers) == {200: 5, 503: PROOFS - 5}
        assert before - shop.sponsored() == 5 * FEE


class TestWorth:
    async def test_what_is_worth_less_than_its_fee_is_not_sponsored(self) -> None:
        """With the price of a SOL set, the cheap thing is offered without our wallet."""
        sponsor = {"sol_usd": 2000}  # 30,000 lamports are six cents, and twice that is due
        async with open_shop(x402={"sponsor": sponsor}) as shop:
            cheap, dear = await shop.offer("article"), await shop.offer("course")
            raw = shop.sign(shop.buyer(), {"amount": ARTICLE, "extra": {"memo": "x"}})
            async with untouched(shop):
                forced = await shop.get(PATH, v1_header(raw))
            bought = await shop.paid(shop.buyer(), "course")

        assert cheap.required is None
        assert "feePayer" not in cheap.body["accepts"][0]["extra"]
        assert dear.offer["extra"]["feePayer"]
        assert forced.body["error"] == "invalid_exact_svm_fee_payer_not_managed_by_facilitator"
        assert bought.status == 200

    async def test_what_is_worth_it_is(self) -> None:
        """At a price of a SOL at which twice the fee is below five cents."""
        async with open_shop(x402={"sponsor": {"sol_usd": 150}}) as shop:
            answer = await shop.paid(shop.buyer())

        assert answer.status == 200
