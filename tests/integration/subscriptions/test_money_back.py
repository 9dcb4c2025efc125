"""Periods whose money goes back: nobody has access by what he has not paid for in the end."""

import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from support.card_members import ADMIN, Club, open_club
from support.chain import Wallet, old_blockhash_of
from support.members import GOLD, MEMBERS, activated, status, subscribed
from support.refunds import REFUNDS, Bought, approve, execute, refunds_of, root
from support.shop import Shop, open_shop
from tillway.core.contracts.counts import count
from tillway.core.payments import Payment
from tillway.core.refunds import paid_back
from tillway.core.services.hosted.payments import MONEY
from tillway.core.subscriptions import Subscription, SubscriptionState

pytestmark = pytest.mark.asyncio

PRICE = GOLD / 1_000_000
TAKEN = "subscription.period_taken_back"
GIVEN = "subscription.period_given_back"


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """Give a shop that sells subscriptions for tokens, in which nothing happens by itself."""
    async with open_shop(background=False, **MEMBERS) as made:
        yield made


@pytest.fixture
async def club() -> AsyncIterator[Club]:
    """Give a club that takes cards."""
    async with open_club() as made:
        yield made


async def paid_period(shop: Shop, buyer: Wallet) -> Bought:
    """Pay for a period, and wait until that is final."""
    signature = await subscribed(shop, buyer)
    await root(shop)
    return Bought(shop, buyer, signature)


async def given_back(case: Bought, amount: float = PRICE, **how: Any) -> str:
    """Pay some of a period back; give the signature of that."""
    answer = await execute(case.shop, await case.approved(amount), **how)
    assert answer.status == 200, answer.body
    return str(answer.body["signature"])


async def ends(shop: Shop, buyer: Wallet) -> datetime:
    """Give when the buyer's access ends."""
    shown = await status(shop, str(buyer.address))
    assert shown["active"], shown
    return datetime.fromisoformat(shown["expiresAt"])


async def is_in(shop: Shop, buyer: Wallet) -> bool:
    """Tell whether the buyer has access."""
    active: bool = (await status(shop, str(buyer.address)))["active"]
    return active


async def told(shop: Shop) -> list[str]:
    """Give the kinds of facts about subscriptions, oldest first."""
    kinds = [each.type for each in reversed(await shop.events())]
    return [each for each in kinds if each.startswith("subscription.")]


class TestTokens:
    """Periods that the subscriber has paid for one by one."""

    async def test_paid_back_it_is_over(self, shop: Shop) -> None:
        """The only period goes with its money."""
        buyer = shop.buyer(usdc=GOLD)
        case = await paid_period(shop, buyer)
        await given_back(case)
        assert not await is_in(shop, buyer)
        assert sorted(await told(shop)) == ["subscription.cancelled", "subscription.created", TAKEN]

    async def test_part_by_part_it_is_over_with_the_last(self, shop: Shop) -> None:
        """What is paid back in part is still paid for."""
        buyer = shop.buyer(usdc=GOLD)
        case = await paid_period(shop, buyer)
        await given_back(case, 4.0)
        assert await is_in(shop, buyer)
        await given_back(case, 5.98)
        assert not await is_in(shop, buyer)

    async def test_of_periods_paid_ahead_one_goes(self, shop: Shop) -> None:
        """Whichever is paid back, as much is left as is still paid for."""
        buyer = shop.buyer(usdc=3 * GOLD)
        first = await paid_period(shop, buyer)
        one = await ends(shop, buyer)
        second = await paid_period(shop, buyer)
        two = await ends(shop, buyer)
        await paid_period(shop, buyer)
        await given_back(second)
        assert await ends(shop, buyer) == two
        await given_back(first)
        assert await ends(shop, buyer) == one
        assert (await told(shop)).count(TAKEN) == 2

    async def test_a_period_that_is_over_takes_nothing_along(self, shop: Shop) -> None:
        """Paid back later, out of kindness, it was had all the same."""
        buyer = shop.buyer(usdc=2 * GOLD)
        first = await paid_period(shop, buyer)
        await paid_period(shop, buyer)
        shop.clock.forward(timedelta(days=32))
        until = await ends(shop, buyer)
        await given_back(first)
        assert await ends(shop, buyer) == until

    async def test_a_purchase_that_was_made_a_period_is_one(self, shop: Shop) -> None:
        """What bought the product itself takes the period along that it was made."""
        buyer = shop.buyer(usdc=GOLD)
        signature = (await shop.paid(buyer, "gold")).body["signature"]
        assert (await activated(shop, str(buyer.address), signature)).status == 200
        await root(shop)
        await given_back(Bought(shop, buyer, signature))
        assert not await is_in(shop, buyer)

    async def _void(self, shop: Shop, case: Bought) -> None:
        """Pay it back by a transaction that turns out to be gone."""
        signature = await given_back(case, blockhash=old_blockhash_of(shop.chain))
        assert not await is_in(shop, case.buyer)
        shop.chain.tick()
        assert shop.chain.fork(signature)
        shop.faults.spoiled = []
        await shop.gateway.services.finality.aclose()

    async def _seen(self, shop: Shop) -> None:
        shop.clock.forward(timedelta(seconds=90))
        await shop.gateway.services.finality.sweep()
        await shop.gateway.services.finality.sweep()

    async def test_a_refund_that_never_arrived_gives_it_back(self, shop: Shop) -> None:
        """To the same end; paid back after all, it is over again."""
        buyer = shop.buyer(usdc=GOLD)
        case = await paid_period(shop, buyer)
        until = await ends(shop, buyer)
        await self._void(shop, case)
        await self._seen(shop)
        assert await ends(shop, buyer) == until
        assert (await told(shop)).count(GIVEN) == 1
        (refund,) = await refunds_of(shop, case.purchase)
        again = await approve(shop, refund.id)
        assert (await execute(shop, again.body["quote"])).status == 200
        assert not await is_in(shop, buyer)

    async def test_it_is_added_to_what_was_begun_since(self, shop: Shop) -> None:
        """Who has subscribed anew has both periods."""
        buyer = shop.buyer(usdc=2 * GOLD)
        case = await paid_period(shop, buyer)
        await self._void(shop, case)
        await subscribed(shop, buyer)
        one = await ends(shop, buyer)
        await self._seen(shop)
        assert await ends(shop, buyer) > one + timedelta(days=27)


async def only(club: Club) -> Payment:
    """Give the newest payment."""
    return (await club.shop.payments())[0]


async def gone_back(club: Club) -> int:
    """Give how much of the newest payment went back, as we have it."""
    payment = await only(club)
    async with club.shop.gateway.store.view() as view:
        return paid_back(await view.refunds.of(payment.tenant, payment.signature))


async def has_access(club: Club, one: Subscription) -> bool:
    """Tell whether the subscriber has access."""
    active: bool = (await status(club.shop, one.subscriber))["active"]
    return active


class TestCards:
    """Periods that the provider bills."""

    async def test_paid_back_it_gives_no_access_until_the_next_is_paid(self, club: Club) -> None:
        """The subscription stays, here and at the provider's, and goes on with its next invoice."""
        one = await club.joined()
        await club.sdk_refund((await only(club)).metadata[MONEY], 998)
        await club.heard()
        assert not await has_access(club, one)
        theirs = club.stripe.account.get("subscription", str(one.stripe_subscription))
        assert theirs["status"] == "active"
        await club.wait(days=32)
        assert await has_access(club, one)
        assert await club.told() == ["subscription.created", TAKEN, "subscription.renewed"]

    async def test_part_by_part_it_goes_with_the_last(self, club: Club) -> None:
        """What is paid back in part is still paid for."""
        one = await club.joined()
        for amount, paid in ((500, True), (498, False)):
            await club.sdk_refund((await only(club)).metadata[MONEY], amount)
            await club.heard()
            assert await has_access(club, one) is paid

    async def test_as_approved_here(self, club: Club) -> None:
        """It is heard of by the answer, and told by the provider once more."""
        one = await club.joined()
        body = {"originalPurchaseId": (await only(club)).signature}
        asked = await club.shop.post(f"{REFUNDS}/request", body, ADMIN)
        assert asked.status == 200, asked.body
        refund = {"refundId": asked.body["refundId"]}
        assert (await club.shop.post(f"{REFUNDS}/approve", refund, ADMIN)).status == 200
        assert not await has_access(club, one)
        await club.heard()
        assert not await has_access(club, one)
        assert (await club.told()).count(TAKEN) == 1

    async def test_an_earlier_period_takes_nothing_along(self, club: Club) -> None:
        """What is paid for now is paid for."""
        one = await club.joined()
        first = await only(club)
        await club.wait(days=32)
        await club.sdk_refund(first.metadata[MONEY], 998)
        await club.heard()
        assert await has_access(club, one)
        await club.sdk_refund((await only(club)).metadata[MONEY], 998)
        await club.heard()
        assert not await has_access(club, one)

    async def test_a_refund_that_fails_gives_it_back(self, club: Club) -> None:
        """The bank has sent it back: it is paid for."""
        one = await club.joined()
        await club.sdk_refund((await only(club)).metadata[MONEY], 998)
        await club.heard()
        assert not await has_access(club, one)
        club.stripe.switches.fail_refund(next(club.stripe.account.shelves.newest("refund"))["id"])
        await club.heard()
        assert await has_access(club, one)
        assert await club.told() == ["subscription.created", TAKEN, GIVEN]

    async def test_a_dispute_takes_it_and_gives_it_back_when_won(self, club: Club) -> None:
        """While the money is at the bank there is no access."""
        one = await club.joined()
        dispute = club.stripe.switches.dispute((await only(club)).metadata[MONEY])
        await club.heard()
        assert not await has_access(club, one)
        club.stripe.switches.close_dispute(dispute["id"], won=True)
        await club.heard()
        assert await has_access(club, one)

    async def test_what_a_refund_leaves_and_a_dispute_takes_is_all(self, club: Club) -> None:
        """Part of it was paid back, and the rest is at the bank."""
        one = await club.joined()
        money = (await only(club)).metadata[MONEY]
        await club.sdk_refund(money, 498)
        await club.heard()
        assert await has_access(club, one)
        dispute = club.stripe.switches.dispute(money, 500)
        await club.heard()
        assert not await has_access(club, one)
        club.stripe.switches.close_dispute(dispute["id"], won=True)
        await club.heard()
        assert await has_access(club, one)

    @pytest.mark.parametrize("fails", [False, True])
    @pytest.mark.parametrize("seed", range(count(2, 20)))
    async def test_in_any_order_and_twice(self, club: Club, seed: int, fails: bool) -> None:
        """All is told late, doubled and shuffled: what failed in the end did not go back."""
        outbox = club.stripe.outbox
        outbox.chance = random.Random(seed)
        said = await club.session()
        outbox.trouble.paused = outbox.trouble.shuffle = True
        outbox.trouble.copies = 1
        club.stripe.switches.pay(said.body["sessionId"])
        paid: Any = club.stripe.account.get("checkout.session", said.body["sessionId"])
        club.passed(days=32)
        newest = next(club.stripe.account.shelves.newest("payment_intent"))
        for amount in (300, 698):
            club.shop.clock.forward(timedelta(minutes=1))
            await club.sdk_refund(newest["id"], amount)
        if fails:
            club.shop.clock.forward(timedelta(minutes=1))
            refund = next(club.stripe.account.shelves.newest("refund"))
            club.stripe.switches.fail_refund(refund["id"])
        outbox.resume()
        for _ in range(6):
            await club.heard()
        one = await club.found(paid["subscription"])
        assert one.state is SubscriptionState.ACTIVE
        assert await has_access(club, one) is fails
        assert await gone_back(club) == (300 if fails else 998)
