"""Links that wallets pay by themselves, and how their payments are found and taken."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from attrs import define
from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from support.chain import USDC, Wallet, blockhash_of, memo, signed_by, transfer_checked
from support.hosts import purchase
from support.shop import ARTICLE, Answer, Shop, open_shop, v0_header
from support.untouched import untouched
from support.wire_payments import signed_again
from tillway.adapters.x402.links import LOOK_LIFETIME
from tillway.core.payments import State
from tillway.core.services.paying.elsewhere import Linked
from tillway.entrypoints.sandbox.chain import Fault, Kind

STATUS = "/paywall/v1/payment-status"


@define
class Asked:
    """Somebody who looks at a QR code."""

    shop: Shop
    linked: Linked

    @property
    def told(self) -> Mapping[str, str]:
        """What the link tells a wallet."""
        return dict(parse_qsl(self.linked.link.url.partition("?")[2]))

    def pay(self, buyer: Wallet, **changes: Any) -> None:
        """Do what a wallet does with the link: write, sign and send."""
        told = {**self.told, **changes}
        recipient = Pubkey.from_string(self.linked.link.url.partition(":")[2].partition("?")[0])
        minor = round(float(told["amount"]) * 10**6)
        moved = transfer_checked(buyer.address, recipient, minor)
        named = AccountMeta(
            Pubkey.from_string(told["reference"]), is_signer=False, is_writable=False
        )
        moved = Instruction(moved.program_id, moved.data, [*moved.accounts, named])
        latest = blockhash_of(self.shop.chain)
        sent = signed_by([buyer.keypair], [memo(told["memo"]), moved], latest)
        assert self.shop.chain.land(sent) is not None
        self.shop.clock.forward(timedelta(seconds=1))

    async def status(self, **changes: Any) -> Answer:
        """Ask what has become of it."""
        return await self.shop.post(STATUS, {"quote": self.linked.sealed, **changes})


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with open_shop() as made:
        yield made


async def asked_for(shop: Shop, resource: str = "article") -> Asked:
    """Ask for a link."""
    quoted = await shop.gateway.quote.quote(purchase(resource), "https://shop.example/x")
    linked = shop.gateway.services.elsewhere.linked(quoted, "https://shop.example/x")
    assert linked is not None
    return Asked(shop, linked)


@pytest.fixture
async def asked(shop: Shop) -> Asked:
    return await asked_for(shop)


@pytest.fixture
def buyer(shop: Shop) -> Wallet:
    return shop.buyer(sol=1)


class TestLink:
    async def test_it_is_a_transfer_request(self, shop: Shop, asked: Asked) -> None:
        """Recipient, amount in whole units, token, reference and memo: nothing else decides."""
        url = asked.linked.link.url

        assert url.startswith(f"solana:{shop.merchant.address}?")
        assert asked.told["amount"] == "0.05"
        assert asked.told["spl-token"] == str(USDC.mint)
        assert len(asked.told["memo"]) == 24
        assert Pubkey.from_string(asked.told["reference"])
        assert asked.told["message"] == "Text"

    async def test_the_reference_is_of_one_quote(self, shop: Shop, asked: Asked) -> None:
        """Two buyers of one thing never find each other's payments."""
        other = await asked_for(shop)
        assert other.linked.link.reference != asked.linked.link.reference


class TestStatus:
    async def test_it_waits_until_it_is_paid(self, asked: Asked, buyer: Wallet) -> None:
        """Asking costs nothing and writes nothing; then the purchase is granted."""
        async with untouched(asked.shop):
            before = await asked.status()
        asked.pay(buyer)
        await asyncio.sleep(LOOK_LIFETIME)
        after = await asked.status()

        assert (before.status, before.body["status"]) == (200, "waiting")
        assert (after.status, after.body["status"]) == (200, "granted")
        assert after.body["grant"]["wallet"] == str(buyer.address)
        assert after.headers["Cache-Control"] == "no-store"
        assert asked.shop.balance() == ARTICLE
        assert asked.shop.sent() == 0

    async def test_a_repeat_is_granted_again(self, asked: Asked, buyer: Wallet) -> None:
        """One purchase, however often the page asks."""
        asked.pay(buyer)
        first, again = await asked.status(), await asked.status()

        assert first.body == again.body
        assert len(await asked.shop.payments()) == 1

    async def test_another_quote_finds_nothing(self, asked: Asked, buyer: Wallet) -> None:
        """Who has not seen the link cannot look for its payment."""
        asked.pay(buyer)
        other = await asked_for(asked.shop)
        assert (await other.status()).body["status"] == "waiting"

    async def test_a_transaction_with_anothers_reference_buys_nothing(
        self, asked: Asked, buyer: Wallet
    ) -> None:
        """The memo decides, and only ours is found."""
        other = await asked_for(asked.shop)
        asked.pay(buyer, reference=other.told["reference"])
        async with untouched(asked.shop):
            answers = [await asked.status(), await other.status()]
        assert [each.body["status"] for each in answers] == ["waiting"] * 2

    async def test_too_little_is_kept_for_a_refund(self, asked: Asked, buyer: Wallet) -> None:
        """It carries the quote's memo: whoever sent it is paid back, and told so."""
        asked.pay(buyer, amount="0.01")
        answer = await asked.status()

        (payment,) = await asked.shop.payments()
        assert (answer.status, answer.code) == (402, "amount_below_minimum")
        assert payment.state is State.UNAPPLIED

    async def test_too_late_is_kept_for_a_refund(self, asked: Asked, buyer: Wallet) -> None:
        """The memo said until when."""
        asked.shop.clock.forward(timedelta(seconds=301))
        asked.pay(buyer)
        answer = await asked.status()

        assert (answer.status, answer.code) == (402, "quote_expired")

    async def test_it_is_found_long_after(self, asked: Asked, buyer: Wallet) -> None:
        """A page that was closed and opened again still has its quote."""
        asked.pay(buyer)
        asked.shop.clock.forward(timedelta(hours=2))
        assert (await asked.status()).body["status"] == "granted"

    @pytest.mark.parametrize("quote", ["", "q1.forged", "x" * 9000, "é"])
    async def test_a_forged_quote_is_refused(self, asked: Asked, quote: str) -> None:
        """By its field."""
        answer = await asked.status(quote=quote)
        assert (answer.status, answer.code) in [
            (400, "missing_field"),
            (400, "invalid_field"),
            (400, "invalid_payment_proof"),
        ]

    async def test_a_node_that_is_away_is_no_answer(self, asked: Asked) -> None:
        """Ask again: nothing was spent."""
        asked.shop.faults.spoiled.append(Fault(kind=Kind.HTTP_500))
        answer = await asked.status()
        assert answer.status in (502, 503)


class TestOwnTransaction:
    async def test_the_buyer_only_has_to_sign(self, shop: Shop, buyer: Wallet) -> None:
        """He pays the fee himself, and the payment is taken as any of version 0."""
        answer = await shop.post(
            "/paywall/v1/own-transaction",
            {"resourceId": "article", "userWallet": str(buyer.address)},
        )
        raw = signed_again(base64.b64decode(answer.body["transaction"]), buyer)
        paid = await shop.post("/paywall/v1/verify", headers=v0_header(raw, "article"))

        assert answer.body["feePayer"] == str(buyer.address)
        assert (paid.status, paid.body["granted"]) == (200, True)
        assert shop.balance() == ARTICLE
        assert shop.sponsored() == 10 * 10**9

    @pytest.mark.parametrize("wallet", ["", "nobody", "1" * 44])
    async def test_a_wallet_that_is_none_is_refused(self, shop: Shop, wallet: str) -> None:
        """By its field."""
        body = {"resourceId": "article", "userWallet": wallet}
        answer = await shop.post("/paywall/v1/own-transaction", body)
        assert answer.status == 400
