"""A day at the shop by a browser, in one sandbox: what buyers press, and what is booked then.

The same day by the command line is `docs/tutorial/cards-and-subscriptions.md`, run by `tests/docs`.
"""

import re
from collections.abc import Iterator
from datetime import datetime

import pytest
from playwright.async_api import Browser, Page, expect
from solders.keypair import Keypair

from e2e.buyers import cart_of, granted, mint_of, paid_by_card, proof_of, wallet_of
from e2e.cedros_buyer import CedrosBuyer
from e2e.day import MONTH, PATIENCE, Day, Refunds, Subscriber, a_day
from e2e.http_call import Answer, call
from support.browser import DESKTOP, PHONE, visit
from support.waiting import until
from support.words import signed_headers

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    with a_day(tmp_path_factory.mktemp("day")) as begun:
        yield begun


class TestItem:
    async def test_a_mug_is_bought_by_the_second_card_and_paid_back_in_parts(
        self, chromium: Browser, day: Day
    ) -> None:
        """The session opens the paywall until all is back, and Stripe has what we have."""
        async with visit(chromium, PHONE) as seen:
            await seen.page.goto(f"{day.sandbox.url}/paywall/demo-mug")
            await seen.page.get_by_role("button", name="Pay by card").click()
            await seen.page.get_by_role("button", name="Use a card that is declined").click()
            await expect(seen.page.get_by_role("alert")).to_have_text("Your card was declined.")
            assert paid_for(day, "demo-mug") == []
            await seen.page.goto(f"{day.sandbox.url}/paywall/demo-mug")
            session = await paid_by_card(seen.page, day.sandbox, "12.50 USD")
        assert (await proof_of(day.sandbox, session))["amount"] == "12.50 USD"
        bought = day.purchases()[f"stripe:{session}"]
        assert (bought["resource_id"], bought["amount"]) == ("demo-mug", "12.50 USD")
        assert day.at_stripe(f"checkout/sessions/{session}")["amount_total"] == 1250

        refunds = Refunds(day=day, purchase={"originalPurchaseId": f"stripe:{session}"})
        await refunds.given(4.0)
        assert day.opens("demo-mug", session) == 200
        assert refunds.asked(8.51).json()["error"]["code"] == "refund_already_processed"
        await refunds.given(8.5)
        assert day.opens("demo-mug", session) != 200
        gone = [each["amount"] for each in day.at_stripe("refunds")["data"]]
        assert sorted(gone) == [400, 850]


class TestCart:
    async def test_its_charge_is_our_total(self, chromium: Browser, day: Day) -> None:
        """With the coupon taken off, on the page, at Stripe and in what was bought."""
        things = ("demo-course", "demo-article", "demo-article")
        cart = cart_of(day.sandbox, *things, couponCode="SAVE20")
        async with visit(chromium, DESKTOP) as seen:
            await seen.page.goto(f"{day.sandbox.url}/paywall/{cart}")
            session = await paid_by_card(seen.page, day.sandbox, "39.28 USD")
        await proof_of(day.sandbox, session)

        assert day.told(f"/paywall/v1/cart/{cart}")["status"] == "paid"
        assert day.purchases()[f"stripe:{session}"]["amount"] == "39.28 USD"
        assert day.at_stripe(f"checkout/sessions/{session}")["amount_total"] == 3928


class TestSubscription:
    async def test_from_the_trial_to_the_end(self, chromium: Browser, day: Day) -> None:
        """An invoice fails and is paid after all, the plan changes, and what is over is refused."""
        async with visit(chromium, PHONE) as seen:
            reader = await subscribed(seen.page, day)
            await reader.becomes("demo-magazine", "trialing", active=True)
            day.switch("fail_invoices", subscription=reader.subscription)
            day.forward(14 * 24 * 3600 + 3600)
            await reader.becomes("demo-magazine", "past_due", active=True)
            day.switch("recover", subscription=reader.subscription)
            await reader.becomes("demo-magazine", "active", active=True)
            await until(lambda: has_paid(day, "demo-magazine", "49.00 USD"), PATIENCE)

            day.forward(5)  # Stripe tells time in seconds: of two changes in one, none is the later
            change = {"currentResource": "demo-magazine", "newResource": "demo-club"}
            day.told("/paywall/v1/subscription/change", {**change, "userId": reader.id})
            await reader.becomes("demo-club", "active", active=True)

            day.forward(5)
            portal = {"customerId": reader.id, "returnUrl": f"{day.sandbox.url}/stripe/success"}
            await seen.page.goto(day.told("/paywall/v1/subscription/portal", portal)["url"])
            await seen.page.get_by_role("button", name="End with this period").click()
            await expect(seen.page.get_by_text("Ends on")).to_be_visible()
            await until(lambda: is_ending(reader, "demo-club"), PATIENCE)
            assert reader.status("demo-club")["active"] is True
            day.forward(MONTH)
            await reader.becomes("demo-club", "canceled", active=False)
            await seen.page.reload()
            await expect(seen.page.get_by_text("Ended.")).to_be_visible()
        at_stripe = day.at_stripe(f"subscriptions/{reader.subscription}")
        assert at_stripe["status"] == "canceled"
        assert at_stripe["items"]["data"][0]["price"]["unit_amount"] == 900


class TestWallet:
    async def test_what_it_has_paid_for_opens_until_the_period_is_over(self, day: Day) -> None:
        """By its signature alone: it pays a month, ends that, and is asked for money again."""
        buyer = CedrosBuyer(sandbox=day.sandbox, wallet=Keypair())
        day.sandbox.fund(buyer.wallet.pubkey(), usdc="9", sol="1")
        member = Subscriber(day=day, id=str(buyer.wallet.pubkey()), subscription="")
        assert entered(day, buyer.wallet).status == 402
        asked = {"resource": "demo-club", "interval": "monthly"}
        quoted = day.ask("/paywall/v1/subscription/quote", asked).json()
        paid = buyer.submit(buyer.self_paid(quoted["requirement"]))
        assert paid.status == 200, paid.content
        await member.becomes("demo-club", "active", active=True)
        assert entered(day, buyer.wallet).json()["method"] == "subscription"

        ending = {"resource": "demo-club", "userId": member.id, "atPeriodEnd": True}
        day.told("/paywall/v1/subscription/cancel", ending)
        assert entered(day, buyer.wallet).status == 200
        day.forward(MONTH)
        await member.becomes("demo-club", "canceled", active=False)
        assert entered(day, buyer.wallet).status == 402


class TestTokens:
    async def test_a_course_is_bought_by_a_wallet_and_paid_back(
        self, chromium: Browser, day: Day
    ) -> None:
        """In part, and then whole: at the end the wallet has what it had."""
        wallet = Keypair()
        day.sandbox.fund(wallet.pubkey(), usdc="49")
        async with visit(chromium, PHONE, wallet_of(wallet)) as seen:
            await seen.page.goto(f"{day.sandbox.url}/paywall/demo-course")
            await seen.page.get_by_role("button", name="Pay with Test Wallet").click()
            signature = await granted(seen.page)
        mint = mint_of(day.sandbox)
        assert day.sandbox.tokens(wallet.pubkey(), mint) == 0

        day.forward(60)
        purchase = {"originalPurchaseId": signature, "recipientWallet": str(wallet.pubkey())}
        refunds = Refunds(day=day, purchase={**purchase, "token": "USDC"})
        await refunds.given(9.0)
        assert day.sandbox.tokens(wallet.pubkey(), mint) == 9_000_000
        await refunds.given(40.0)
        assert day.sandbox.tokens(wallet.pubkey(), mint) == 49_000_000
        assert refunds.asked(0.01).json()["error"]["code"] == "refund_already_processed"


class TestBooks:
    async def test_they_are_sound_and_agree(self, day: Day) -> None:
        """After all of the day: store, ledger, log, chain and Stripe."""
        day.forward(120)
        now = day.told("/sandbox")["time"]
        verified = day.command("ledger", "verify")
        assert (verified.code, verified.err) == (0, "")
        agreed = day.command("reconcile", "--now", now)
        assert (agreed.code, agreed.out.splitlines()[-1]) == (0, "everything agrees"), agreed
        compared = re.search(r"(\d+) payments,", agreed.out)
        assert compared is not None
        assert int(compared[1]) >= len(day.purchases())


def entered(day: Day, wallet: Keypair) -> Answer:
    """Ask for the club as whoever signs with this wallet."""
    club = f"{day.sandbox.url}/paywall/demo-club"
    now = datetime.fromisoformat(day.told("/sandbox")["time"])
    return call(club, headers=signed_headers(wallet, f"access:{club}:{int(now.timestamp())}"))


async def subscribed(page: Page, day: Day) -> Subscriber:
    """Subscribe to the magazine on Stripe's page."""
    asked = {"resource": "demo-magazine", "interval": "yearly", "customerEmail": "a@b.example"}
    opened = day.told("/paywall/v1/subscription/stripe-session", asked)
    await page.goto(opened["url"])
    await page.get_by_role("button", name="Start trial 0.00 USD").click()
    await expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    session = day.at_stripe(f"checkout/sessions/{opened['sessionId']}")
    return Subscriber(day=day, id=session["customer"], subscription=session["subscription"])


def paid_for(day: Day, resource: str) -> list[str]:
    """Give what was paid for a product."""
    bought = day.purchases().values()
    return [each["amount"] for each in bought if each["resource_id"] == resource]


async def has_paid(day: Day, resource: str, amount: str) -> bool:
    """Tell whether so much was paid for a product: an invoice is heard of apart from its end."""
    return amount in paid_for(day, resource)


async def is_ending(reader: Subscriber, resource: str) -> bool:
    """Tell whether the gateway has heard that a subscription ends with its period."""
    return bool(reader.status(resource)["cancelAtPeriodEnd"])
