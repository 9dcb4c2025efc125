"""What buyers press on the pages, in a real browser, and how it is seen that they have paid."""

import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.async_api import Page, expect
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from e2e.http_call import call
from e2e.sandbox import Sandbox
from support.waiting import until

WALLET: Final = (Path(__file__).parents[1] / "support" / "wallet.js").read_text()


def wallet_of(keypair: Keypair, name: str = "Test Wallet") -> str:
    """Give the script of a wallet that holds a key."""
    script = WALLET.replace("const seed = SEED", f"const seed = {list(keypair.secret())}")
    script = script.replace("const address = ADDRESS", f'const address = "{keypair.pubkey()}"')
    return script.replace("name: WALLET", f"name: {json.dumps(name)}")


async def granted(page: Page) -> str:
    """Wait until the page says that it was paid, and give the receipt."""
    await expect(page.locator("#status")).to_have_text("Paid. Thank you!")
    shown = await page.locator("#status + p").inner_text()
    return shown.removeprefix("Receipt: ")


async def paid_by_card(page: Page, sandbox: Sandbox, price: str) -> str:
    """Pay on the provider's page, come back, and see it granted; give the session."""
    session = await at_the_provider(page)
    await expect(page.get_by_text(price).first).to_be_visible()
    await page.get_by_role("button", name=f"Pay {price}").click()
    assert (await granted(page)).endswith(price)
    assert page.url.startswith(f"{sandbox.url}/paywall/")
    assert "#" not in page.url
    return session


async def at_the_provider(page: Page, button: str = "Pay by card") -> str:
    """Go to the provider's page; give the session that is to be paid there."""
    await page.get_by_role("button", name=button).click()
    await page.wait_for_url("**/c/pay/*")
    return urlsplit(page.url).path.rpartition("/")[2]


async def proof_of(sandbox: Sandbox, session: str) -> Any:
    """Wait until the gateway has heard that a session was paid, and give what it says of it."""
    address = f"{sandbox.url}/paywall/v1/stripe-session/verify?session_id={session}"
    await until(lambda: _is_found(address))
    return call(address).json()


async def _is_found(address: str) -> bool:
    return call(address).status == 200


def mint_of(sandbox: Sandbox) -> Pubkey:
    """Give the token that is paid with."""
    return Pubkey.from_string(call(f"{sandbox.url}/sandbox").json()["mints"]["USDC"])


def cart_of(sandbox: Sandbox, *resources: str, **more: object) -> str:
    """Have a cart quoted."""
    items = [{"resource": each, "quantity": 1} for each in resources]
    answer = call(f"{sandbox.url}/paywall/v1/cart/quote", {"items": items, **more})
    assert answer.status == 402, answer.content
    return str(answer.json()["cartId"])
