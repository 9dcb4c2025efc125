"""The page for people in a real browser: buyers pay in the sandbox by all that it offers."""

import json
import os
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

import pytest
from playwright.async_api import Browser, Page, Route, expect
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from e2e.buyers import (
    at_the_provider,
    cart_of,
    granted,
    mint_of,
    paid_by_card,
    proof_of,
    wallet_of,
)
from e2e.http_call import call
from e2e.sandbox import Sandbox
from support.browser import DESKTOP, PHONE, SIZES, Visit, barriers, visit
from support.chain import memo, signed_by, text, transfer_checked
from support.one_rail import stripe_shop

SHOTS: Final = Path(__file__).parents[2] / "docs" / "images"

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def granted_after(page: Page, signature: str) -> bool:
    """Tell whether the page says that this very payment has paid."""
    return await granted(page) == signature


def is_quiet(seen: Visit, origin: str) -> bool:
    """Tell whether nothing was loaded from elsewhere and nobody complained."""
    return seen.strangers(origin) == [] and seen.complaints == []


class TestPaying:
    async def test_a_wallet_in_the_browser_pays(
        self, chromium: Browser, sandbox: Sandbox, wallet: Keypair
    ) -> None:
        """It connects, signs what we built, and the purchase is on the chain; the fee is ours."""
        sandbox.fund(wallet.pubkey(), usdc="1")
        async with visit(chromium, PHONE, wallet_of(wallet)) as seen:
            await seen.page.goto(f"{sandbox.url}/paywall/demo-article")
            await seen.page.get_by_role("button", name="Pay with Test Wallet").click()
            signature = await granted(seen.page)

            assert is_quiet(seen, sandbox.url)
        assert sandbox.has_confirmed(signature)
        assert sandbox.lamports(wallet.pubkey()) == 0

    async def test_a_coupon_is_taken_off_what_the_wallet_pays(
        self, chromium: Browser, sandbox: Sandbox, wallet: Keypair
    ) -> None:
        """The page is asked for anew with it, and shows both prices."""
        sandbox.fund(wallet.pubkey(), usdc="0.04")
        async with visit(chromium, PHONE, wallet_of(wallet)) as seen:
            await seen.page.goto(f"{sandbox.url}/paywall/demo-article")
            await seen.page.get_by_label("Coupon").fill("SAVE20")
            await seen.page.get_by_role("button", name="Apply").click()
            await expect(seen.page.locator(".prices")).to_contain_text("0.04 USDC")
            await seen.page.get_by_role("button", name="Pay with Test Wallet").click()

            assert sandbox.has_confirmed(await granted(seen.page))

    async def test_a_link_is_paid_by_another_device(
        self, chromium: Browser, sandbox: Sandbox, wallet: Keypair
    ) -> None:
        """The page finds the payment by its reference, and says so by itself."""
        sandbox.fund(wallet.pubkey(), usdc="1", sol="1")
        async with visit(chromium, DESKTOP) as seen:
            await seen.page.goto(f"{sandbox.url}/paywall/demo-article")
            await seen.page.get_by_text("Solana wallet on your phone").click()
            await expect(seen.page.locator("#status")).to_have_text("Waiting for your payment…")
            link = await seen.page.get_by_role("link", name="Open in a wallet").get_attribute(
                "href"
            )
            sent = scan_and_pay(sandbox, wallet, link or "")

            assert await granted(seen.page) == sent
            assert is_quiet(seen, sandbox.url)

    async def test_a_payment_is_found_after_the_page_was_loaded_anew(
        self, chromium: Browser, sandbox: Sandbox, wallet: Keypair
    ) -> None:
        """The browser remembers what it showed, though the page now shows another link."""
        sandbox.fund(wallet.pubkey(), usdc="1", sol="1")
        async with visit(chromium, PHONE) as seen:
            await seen.page.goto(f"{sandbox.url}/paywall/demo-article")
            await seen.page.get_by_text("Solana wallet on your phone").click()
            link = await seen.page.get_by_role("link", name="Open in a wallet").get_attribute(
                "href"
            )
            await expect(seen.page.locator("#status")).to_have_text("Waiting for your payment…")
            await seen.page.close()
            sent = scan_and_pay(sandbox, wallet, link or "")
            again = await seen.page.context.new_page()
            await again.goto(f"{sandbox.url}/paywall/demo-article")

            assert await granted(again) == sent

    async def test_a_card_pays_on_the_providers_page(
        self, chromium: Browser, sandbox: Sandbox
    ) -> None:
        """At the price that the page has shown, coupon and all; then its session is paid."""
        async with visit(chromium, DESKTOP) as seen:
            await seen.page.goto(f"{sandbox.url}/paywall/demo-mug?couponCode=SAVE20")
            await expect(seen.page.locator(".prices")).to_contain_text("10.00 USD")
            session = await paid_by_card(seen.page, sandbox, "10.00 USD")

        assert (await proof_of(sandbox, session))["amount"] == "10.00 USD"

    async def test_a_cart_is_paid_by_card(self, chromium: Browser, sandbox: Sandbox) -> None:
        """It has a page too, with what is in it."""
        cart = cart_of(sandbox, "demo-course", "demo-article")
        async with visit(chromium, PHONE) as seen:
            await seen.page.goto(f"{sandbox.url}/paywall/{cart}")
            await expect(seen.page.locator(".lines li")).to_have_count(2)
            await proof_of(sandbox, await paid_by_card(seen.page, sandbox, "49.05 USD"))
            await seen.page.goto(f"{sandbox.url}/paywall/{cart}")
            await expect(seen.page.get_by_role("alert")).to_contain_text("already been paid")

    async def test_a_cart_is_paid_by_a_wallet(
        self, chromium: Browser, sandbox: Sandbox, wallet: Keypair
    ) -> None:
        """Or so."""
        sandbox.fund(wallet.pubkey(), usdc="0.10")
        cart = cart_of(sandbox, "demo-article", "demo-article")
        async with visit(chromium, PHONE, wallet_of(wallet)) as seen:
            await seen.page.goto(f"{sandbox.url}/paywall/{cart}")
            await seen.page.get_by_role("button", name="Pay with Test Wallet").click()
            assert sandbox.has_confirmed(await granted(seen.page))

    async def test_a_cart_is_paid_by_a_link(
        self, chromium: Browser, sandbox: Sandbox, wallet: Keypair
    ) -> None:
        """Or so."""
        sandbox.fund(wallet.pubkey(), usdc="1", sol="1")
        cart = cart_of(sandbox, "demo-article")
        async with visit(chromium, PHONE) as seen:
            await seen.page.goto(f"{sandbox.url}/paywall/{cart}")
            await seen.page.get_by_text("Solana wallet on your phone").click()
            link = await seen.page.get_by_role("link", name="Open in a wallet").get_attribute(
                "href"
            )
            assert await granted_after(seen.page, scan_and_pay(sandbox, wallet, link or ""))

    async def test_what_costs_nothing_is_had_by_a_click(
        self, chromium: Browser, sandbox: Sandbox
    ) -> None:
        """And not by looking at it."""
        async with visit(chromium, PHONE) as seen:
            await seen.page.goto(f"{sandbox.url}/paywall/demo-article?couponCode=ONTHEHOUSE")
            await seen.page.get_by_role("button", name="Get it").click()
            assert (await granted(seen.page)).startswith("free_")


class TestComingBack:
    async def test_whoever_has_paid_by_card_sees_it_granted(
        self, chromium: Browser, sandbox: Sandbox
    ) -> None:
        """On the page that he came from; nothing of the session, or of what others wrote, stays."""
        async with visit(chromium, PHONE) as seen:
            others = "&couponCode=NOPE&next=https:\\\\evil.example"
            await seen.page.goto(f"{sandbox.url}/paywall/demo-mug?couponCode=SAVE20{others}")
            await paid_by_card(seen.page, sandbox, "10.00 USD")

            assert seen.page.url == f"{sandbox.url}/paywall/demo-mug?couponCode=SAVE20"
            assert await seen.page.evaluate("JSON.stringify(sessionStorage)") == "{}"
            await expect(seen.page.get_by_role("button", name="Pay by card")).to_be_hidden()
            receipt = seen.page.get_by_text("A mug, by card only: 10.00 USD")
            await expect(receipt).to_be_visible()

    async def test_whoever_is_declined_comes_back_and_tries_again(
        self, chromium: Browser, sandbox: Sandbox
    ) -> None:
        """Nothing was paid, and the button is there."""
        async with visit(chromium, PHONE) as seen:
            await seen.page.goto(f"{sandbox.url}/paywall/demo-mug")
            await at_the_provider(seen.page)
            await seen.page.get_by_role("button", name="Use a card that is declined").click()
            await expect(seen.page.get_by_role("alert")).to_have_text("Your card was declined.")
            await seen.page.get_by_role("link", name="Back").click()

            await expect(seen.page.locator("#status")).to_contain_text("Nothing was paid")
            assert seen.page.url == f"{sandbox.url}/paywall/demo-mug"
            await paid_by_card(seen.page, sandbox, "12.50 USD")

    async def test_until_the_bank_has_paid_it_is_being_confirmed(
        self, chromium: Browser, sandbox: Sandbox
    ) -> None:
        """Nobody is asked to pay again meanwhile, nor after the page was loaded anew."""
        async with visit(chromium, DESKTOP) as seen:
            await seen.page.goto(f"{sandbox.url}/paywall/demo-mug")
            await at_the_provider(seen.page)
            address = seen.page.url
            await seen.page.get_by_role("button", name="Pay by bank, which takes days").click()
            status = seen.page.locator("#status")
            await expect(status).to_have_text("Your payment is being confirmed…")
            await expect(seen.page.get_by_role("button", name="Pay by card")).to_be_disabled()
            await seen.page.reload()
            await expect(status).to_have_text("Your payment is being confirmed…")

            bank = await seen.page.context.new_page()
            await bank.goto(address)
            await bank.get_by_role("button", name="The bank pays").click()
            assert (await granted(seen.page)).endswith("12.50 USD")

    async def test_whoever_his_bank_refuses_may_try_again(
        self, chromium: Browser, sandbox: Sandbox
    ) -> None:
        """The page says so as soon as the shop has heard of it."""
        async with visit(chromium, PHONE) as seen:
            await seen.page.goto(f"{sandbox.url}/paywall/demo-mug")
            await at_the_provider(seen.page)
            address = seen.page.url
            await seen.page.get_by_role("button", name="Pay by bank, which takes days").click()
            await expect(seen.page.locator("#status")).to_contain_text("being confirmed")
            bank = await seen.page.context.new_page()
            await bank.goto(address)
            await bank.get_by_role("button", name="The bank refuses").click()

            await expect(seen.page.locator("#status")).to_contain_text("did not go through")
            await paid_by_card(seen.page, sandbox, "12.50 USD")

    async def test_a_cart_that_was_paid_by_card_shows_what_it_was(
        self, chromium: Browser, sandbox: Sandbox
    ) -> None:
        """Whether or not the shop has heard of it when the page is loaded."""
        cart = cart_of(sandbox, "demo-course", "demo-article", couponCode="SAVE20")
        async with visit(chromium, PHONE) as seen:
            await seen.page.goto(f"{sandbox.url}/paywall/{cart}")
            await expect(seen.page.locator(".prices")).to_contain_text("SAVE20")
            session = await paid_by_card(seen.page, sandbox, "39.24 USD")
            await expect(seen.page.locator(".lines li")).to_have_count(2)

            await seen.page.goto(f"{sandbox.url}/paywall/{cart}#paid={session}")
            assert (await granted(seen.page)).endswith("39.24 USD")
            await expect(seen.page.get_by_role("alert")).to_be_hidden()

    async def test_a_session_is_known_though_nobody_names_it(
        self, chromium: Browser, sandbox: Sandbox
    ) -> None:
        """A provider that fills in no fragment leads back too: this tab knows what it opened."""
        async with visit(chromium, PHONE) as seen:
            await seen.page.goto(f"{sandbox.url}/paywall/demo-mug")
            session = await at_the_provider(seen.page)
            await seen.page.get_by_role("button", name="Pay 12.50 USD").click()
            await granted(seen.page)
            held = json.dumps({"session": session, "paid": False, "resource": "demo-mug"})
            await seen.page.evaluate(f"sessionStorage.setItem('tillway-session', '{held}')")
            await seen.page.goto("about:blank")
            await seen.page.goto(f"{sandbox.url}/paywall/demo-mug#paid={{CHECKOUT_SESSION_ID}}")

            assert (await granted(seen.page)).endswith("12.50 USD")

    async def test_what_somebody_else_writes_behind_the_page_shows_nothing(
        self, chromium: Browser, sandbox: Sandbox
    ) -> None:
        """Neither text that is no session, nor one that has paid for something else."""
        async with visit(chromium, PHONE) as seen:
            await seen.page.goto(f"{sandbox.url}/paywall/demo-mug")
            session = await paid_by_card(seen.page, sandbox, "12.50 USD")
            course = f"{sandbox.url}/paywall/demo-course"
            await seen.page.goto(f"{course}#paid=<b>{session}")
            await expect(seen.page.locator("#status")).to_be_empty()
            await seen.page.goto("about:blank")
            await seen.page.goto(f"{course}#paid={session}")
            status = seen.page.locator("#status")
            await expect(status).to_have_text("That payment was for something else.")
            await expect(seen.page.get_by_role("button", name="Pay by card")).to_be_enabled()


class TestSubscribing:
    async def test_a_plan_is_subscribed_to_by_card(
        self, chromium: Browser, sandbox: Sandbox
    ) -> None:
        """At the price and with the trial that the page names; it says when that has begun."""
        async with visit(chromium, PHONE) as seen:
            await seen.page.goto(f"{sandbox.url}/paywall/demo-magazine")
            await expect(seen.page.locator(".prices")).to_contain_text("49.00 USD a year")
            await expect(seen.page.get_by_text("The first 14 days are free")).to_be_visible()
            await at_the_provider(seen.page, "Subscribe by card")
            await seen.page.get_by_role("button", name="Start trial 0.00 USD").click()

            await expect(seen.page.locator("#status")).to_have_text("Subscribed. Thank you!")

    async def test_a_wallet_pays_for_a_period(
        self, chromium: Browser, sandbox: Sandbox, wallet: Keypair
    ) -> None:
        """Its payment begins the subscription, and the page says until when."""
        sandbox.fund(wallet.pubkey(), usdc="9")
        async with visit(chromium, PHONE, wallet_of(wallet)) as seen:
            await seen.page.goto(f"{sandbox.url}/paywall/demo-club")
            await expect(seen.page.get_by_text("A wallet pays for one month.")).to_be_visible()
            await seen.page.get_by_role("button", name="Pay with Test Wallet").click()
            await granted(seen.page)
            await expect(seen.page.get_by_text("Subscribed until")).to_be_visible()
        asked = f"resource=demo-club&userId={wallet.pubkey()}"
        status = call(f"{sandbox.url}/paywall/v1/subscription/status?{asked}").json()
        assert status["active"] is True


class TestShopsOfCardsAlone:
    async def test_a_cart_with_a_coupon_is_bought(self, chromium: Browser) -> None:
        """Quoted, shown, paid at the provider's, and granted where the buyer comes back to."""
        async with stripe_shop(at_home=True) as shop, visit(chromium, PHONE) as seen:
            asked = {"items": [{"resource": "mug", "quantity": 2}], "couponCode": "HALF"}
            cart = (await shop.post("/paywall/v1/cart/quote", asked)).body["cartId"]
            await seen.page.goto(f"{shop.client.address}/paywall/{cart}")
            await expect(seen.page.locator(".prices")).to_contain_text("HALF")
            assert await seen.page.locator("#wallet, #link").count() == 0
            await at_the_provider(seen.page)
            await seen.page.get_by_role("button", name="Pay 12.50 USD").click()

            assert (await granted(seen.page)).endswith("12.50 USD")
            assert seen.page.url == f"{shop.client.address}/paywall/{cart}"
            assert seen.strangers(shop.client.address) == [
                each for each in seen.requests if each.startswith(shop.stripe.url)
            ]

    async def test_a_plan_is_subscribed_to(self, chromium: Browser) -> None:
        """The page says so when it has begun."""
        async with stripe_shop(at_home=True) as shop, visit(chromium, PHONE) as seen:
            await seen.page.goto(f"{shop.client.address}/paywall/club")
            await at_the_provider(seen.page, "Subscribe by card")
            await seen.page.get_by_role("button", name="Start trial 0.00 USD").click()
            await expect(seen.page.locator("#status")).to_have_text("Subscribed. Thank you!")


class TestRefusals:
    async def test_what_is_too_little_for_cards_is_said_to(
        self, chromium: Browser, sandbox: Sandbox
    ) -> None:
        """There is no button that could only fail."""
        async with visit(chromium, PHONE) as seen:
            await seen.page.goto(f"{sandbox.url}/paywall/demo-article")
            await expect(seen.page.get_by_text("0.50 USD is the least")).to_be_visible()
            assert await seen.page.get_by_role("button", name="Pay by card").count() == 0

    async def test_a_poor_wallet_is_told_why(
        self, chromium: Browser, sandbox: Sandbox, wallet: Keypair
    ) -> None:
        """In the words of the contract, and may try again."""
        sandbox.fund(wallet.pubkey(), usdc="0.01")
        async with visit(chromium, PHONE, wallet_of(wallet)) as seen:
            await seen.page.goto(f"{sandbox.url}/paywall/demo-article")
            button = seen.page.get_by_role("button", name="Pay with Test Wallet")
            await button.click()
            await expect(seen.page.locator("#status")).to_contain_text("Insufficient token balance")
            await expect(button).to_be_enabled()

    async def test_a_buyer_who_does_not_sign_pays_nothing(
        self, chromium: Browser, sandbox: Sandbox, wallet: Keypair
    ) -> None:
        """The page says so."""
        async with visit(chromium, PHONE, wallet_of(wallet)) as seen:
            await seen.page.goto(f"{sandbox.url}/paywall/demo-article")
            await seen.page.evaluate("walletRefuses()")
            await seen.page.get_by_role("button", name="Pay with Test Wallet").click()
            await expect(seen.page.locator("#status")).to_have_text("Nothing was paid.")

    async def test_an_answer_that_is_lost_is_asked_for_again(
        self, chromium: Browser, sandbox: Sandbox, wallet: Keypair
    ) -> None:
        """With the very same request, which is free: the purchase is had, and paid once."""
        sandbox.fund(wallet.pubkey(), usdc="1")
        async with visit(chromium, PHONE, wallet_of(wallet)) as seen:
            lost: list[str] = []

            async def lose(route: Route) -> None:
                if lost:
                    await route.continue_()
                    return
                lost.append((await route.fetch()).url)
                await route.abort()

            await seen.page.route("**/v1/verify", lose)
            await seen.page.goto(f"{sandbox.url}/paywall/demo-article")
            await seen.page.get_by_role("button", name="Pay with Test Wallet").click()
            signature = await granted(seen.page)

        assert len(lost) == 1
        assert sandbox.has_confirmed(signature)
        assert sandbox.tokens(wallet.pubkey(), mint_of(sandbox)) == 950_000

    async def test_an_old_price_is_renewed_before_it_is_paid(
        self, chromium: Browser, sandbox: Sandbox, wallet: Keypair
    ) -> None:
        """Whoever left the page open sees the price of now, and is asked for nothing before."""
        async with visit(chromium, PHONE, wallet_of(wallet)) as seen:
            await seen.page.goto(f"{sandbox.url}/paywall/demo-article")
            await seen.page.evaluate("document.querySelector('main').dataset.expires = '1'")
            async with seen.page.expect_navigation():
                await seen.page.get_by_role("button", name="Pay with Test Wallet").click()
            assert await seen.page.evaluate("walletAsked") == []

    async def test_a_page_without_wallets_says_so(
        self, chromium: Browser, sandbox: Sandbox
    ) -> None:
        """A wallet for another chain is none."""
        other = wallet_of(Keypair()).replace('"solana:devnet", ', "")
        async with visit(chromium, PHONE, other) as seen:
            await seen.page.goto(f"{sandbox.url}/paywall/demo-article")
            await expect(seen.page.get_by_text("No wallet found in this browser.")).to_be_visible()

    async def test_a_wallets_name_is_text(self, chromium: Browser, sandbox: Sandbox) -> None:
        """Extensions are not to be trusted with the page."""
        evil = wallet_of(Keypair(), "<img src=x onerror=alert(1)>")
        async with visit(chromium, PHONE, evil) as seen:
            await seen.page.goto(f"{sandbox.url}/paywall/demo-article")
            await expect(seen.page.get_by_role("button", name="<img src=x")).to_be_visible()
            assert await seen.page.locator('img[src="x"]').count() == 0
            assert is_quiet(seen, sandbox.url)

    async def test_without_scripts_it_shows_what_there_is(
        self, chromium: Browser, sandbox: Sandbox
    ) -> None:
        """The price, the coupon and the link; what needs scripts is not shown."""
        async with visit(chromium, PHONE, java_script_enabled=False) as seen:
            await seen.page.goto(f"{sandbox.url}/paywall/demo-article")
            await expect(seen.page.get_by_text("0.05 USDC")).to_be_visible()
            await seen.page.get_by_text("Solana wallet on your phone").click()
            await expect(seen.page.get_by_role("img", name="QR code")).to_be_visible()
            await expect(seen.page.get_by_text("need scripts")).to_be_visible()
            assert await seen.page.locator("#wallet").is_hidden()


class TestLooks:
    @pytest.mark.parametrize(("size", "scheme"), [("phone", "dark"), ("desktop", "light")])
    async def test_everybody_can_use_it(
        self, chromium: Browser, sandbox: Sandbox, axe: str, size: str, scheme: Any
    ) -> None:
        """Axe finds nothing serious, at any width, in either colour, with everything unfolded."""
        async with visit(chromium, SIZES[size], wallet_of(Keypair()), scheme=scheme) as seen:
            for path in (
                "demo-article?couponCode=NOPE",
                "demo-course?couponCode=SAVE20",
                "demo-club",
                "nothing",
            ):
                await seen.page.goto(f"{sandbox.url}/paywall/{path}")
                for link in await seen.page.locator("#link summary").all():
                    await link.click()
                assert await barriers(seen.page, axe) == []
                assert await seen.page.evaluate(
                    "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
                )

    async def test_everybody_can_read_how_a_payment_stands(
        self, chromium: Browser, sandbox: Sandbox, axe: str
    ) -> None:
        """While it is confirmed, and when it is paid."""
        async with visit(chromium, PHONE) as seen:
            await seen.page.goto(f"{sandbox.url}/paywall/demo-mug")
            await at_the_provider(seen.page)
            address = seen.page.url
            await seen.page.get_by_role("button", name="Pay by bank, which takes days").click()
            await expect(seen.page.locator("#status")).to_contain_text("being confirmed")
            assert await barriers(seen.page, axe) == []
            bank = await seen.page.context.new_page()
            await bank.goto(address)
            await bank.get_by_role("button", name="The bank pays").click()
            await granted(seen.page)
            assert await barriers(seen.page, axe) == []

    @pytest.mark.parametrize("size", SIZES)
    async def test_the_pictures_in_the_docs_are_of_it(
        self, chromium: Browser, sandbox: Sandbox, size: str
    ) -> None:
        """Small ones; ``TILLWAY_TEST_SHOTS=1`` takes new ones."""
        kept = SHOTS / f"page-{size}.png"
        async with visit(chromium, SIZES[size], wallet_of(Keypair())) as seen:
            await seen.page.goto(f"{sandbox.url}/paywall/demo-course?couponCode=SAVE20")
            await seen.page.get_by_text("Solana wallet on your phone").click()
            await expect(seen.page.get_by_role("img", name="QR code")).to_be_visible()
            await expect(seen.page.locator("#status")).to_have_text("Waiting for your payment…")
            taken = await seen.page.screenshot(full_page=True)
        if os.environ.get("TILLWAY_TEST_SHOTS"):
            kept.write_bytes(taken)
        assert len(taken) < 150_000
        assert kept.stat().st_size < 150_000


def scan_and_pay(sandbox: Sandbox, buyer: Keypair, link: str) -> str:
    """Do what a wallet does with a link: write, sign and send; give the signature."""
    recipient, _, query = link.removeprefix("solana:").partition("?")
    told = dict(parse_qsl(query))
    latest = sandbox.rpc("getLatestBlockhash")["value"]["blockhash"]
    moved = transfer_checked(
        buyer.pubkey(),
        Pubkey.from_string(recipient),
        round(float(told["amount"]) * 10**6),
        Pubkey.from_string(told["spl-token"]),
    )
    reference = AccountMeta(
        Pubkey.from_string(told["reference"]), is_signer=False, is_writable=False
    )
    moved = Instruction(moved.program_id, moved.data, [*moved.accounts, reference])
    made = signed_by([buyer], [memo(told["memo"]), moved], Hash.from_string(latest))
    return str(sandbox.rpc("sendTransaction", text(made), {"encoding": "base64"}))
