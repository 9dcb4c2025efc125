"""Every answer of the Cedros contract to those who buy by x402, word for word."""

import base64
import re
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio

from support.chain import USDC, Wallet, blockhash_of, pay
from support.contract_shop import TIME, contract_shop, error, faulty, posted, requirement
from support.shop import Shop, signature_of, v0_header

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUOTE, VERIFY = "/paywall/v1/quote", "/paywall/v1/verify"
GASLESS = "/paywall/v1/gasless-transaction"
LOOKUP = "/paywall/v1/x402-transaction/verify"
ARTICLE = 40_000
"""The article's price of 50,000 less the 20 % of the checkout's coupon."""
SIGNATURE = re.compile(r"[1-9A-HJ-NP-Za-km-z]{80,90}")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shop() -> AsyncIterator[Shop]:
    async with contract_shop() as made:
        yield made


async def self_paid(shop: Shop, buyer: Wallet, **changes: Any) -> bytes:
    """Sign what a quote for the article wants, as a buyer who pays the fee."""
    wanted = await requirement(shop)
    arguments = {"note": wanted["extra"]["memo"], "legacy": True, **changes}
    amount = int(arguments.pop("amount", wanted["maxAmountRequired"]))
    latest = blockhash_of(shop.chain)
    return bytes(pay(buyer, shop.merchant.address, amount, latest, **arguments))


def header(**payload: Any) -> dict[str, str]:
    """Write a payment of version 0 with this payload."""
    payment = {
        "x402Version": 0,
        "scheme": "solana-spl-transfer",
        "network": "devnet",
        "payload": payload,
    }
    return {"X-PAYMENT": base64.b64encode(orjson.dumps(payment)).decode()}


def altered(headers: dict[str, str], **top: Any) -> dict[str, str]:
    """Write the same payment with other members at its top."""
    payment = {**orjson.loads(base64.b64decode(headers["X-PAYMENT"])), **top}
    return {"X-PAYMENT": base64.b64encode(orjson.dumps(payment)).decode()}


def _text(transaction: bytes) -> str:
    return base64.b64encode(transaction).decode()


class TestQuote:
    async def test_402(self, shop: Shop) -> None:
        """One requirement in `accepts`, with every field of the contract, and `error`."""
        answer = await shop.post(QUOTE, {"resource": "article"})

        assert answer.status == 402
        assert answer.headers["Content-Type"].startswith("application/json")
        assert set(answer.body) == {"x402Version", "accepts", "error"}
        assert (answer.body["x402Version"], answer.body["error"]) == (0, "payment required")
        (wanted,) = answer.body["accepts"]
        extra = wanted.pop("extra")
        assert wanted == {
            "scheme": "solana-spl-transfer",
            "network": "devnet",
            "maxAmountRequired": str(ARTICLE),
            "resource": "article",
            "description": "Text",
            "mimeType": "application/json",
            "payTo": str(shop.merchant.address),
            "maxTimeoutSeconds": 300,
            "asset": str(USDC.mint),
        }
        assert re.fullmatch(r"article:[A-Za-z0-9_-]{24}", extra.pop("memo"))
        assert extra.pop("quote").startswith("q1.")
        assert extra == {
            "recipientTokenAccount": str(shop.merchant.account()),
            "decimals": 6,
            "tokenSymbol": "USDC",
            "feePayer": str(shop.sponsor.address),
            "original_amount": "0.050000",
            "discounted_amount": "0.040000",
            "applied_coupons": "TILL",
            "checkout_coupons": "TILL",
        }

    async def test_402_with_coupons_of_both_phases(self, shop: Shop) -> None:
        """Each phase lists its own: the typed one counts with the catalogue's."""
        wanted = await requirement(shop, "course", couponCode="HALF")

        assert wanted["maxAmountRequired"] == "360000"
        assert wanted["extra"]["applied_coupons"] == "HALF,SALE,TILL"
        assert wanted["extra"]["catalog_coupons"] == "HALF,SALE"
        assert wanted["extra"]["checkout_coupons"] == "TILL"

    @pytest.mark.parametrize("coupon", [None, "", "NOSUCH", "OFF", "LATE", "CARD", "BOOKS"])
    async def test_coupons_that_do_not_count_are_ignored(
        self, shop: Shop, coupon: str | None
    ) -> None:
        """Silently, and null is the same as absent."""
        wanted = await requirement(shop, couponCode=coupon)

        assert wanted["maxAmountRequired"] == str(ARTICLE)
        assert wanted["extra"]["applied_coupons"] == "TILL"

    async def test_what_costs_nothing_is_granted(self, shop: Shop) -> None:
        """Ours: the reference would ask for a payment of zero."""
        answer = await shop.post(QUOTE, {"resource": "article", "couponCode": "GIFT"})

        assert answer.status == 200
        assert SIGNATURE.fullmatch(answer.body["signature"]) is None
        assert (answer.body["granted"], answer.body["method"]) == (True, "free")

    @pytest.mark.parametrize("raw", [b"{", b"nonsense", b'{"resource":"article"}}', b"\xff"])
    async def test_400_for_no_json(self, shop: Shop, raw: bytes) -> None:
        """In the contract's words."""
        answer = await posted(shop, QUOTE, raw)

        assert answer.status == 400
        assert answer.body == error("invalid_field", "Invalid request body")

    @pytest.mark.parametrize("raw", [b"{}", b'{"resource":""}', b'{"resource":null}'])
    async def test_400_without_resource(self, shop: Shop, raw: bytes) -> None:
        """Missing, empty and null are the same."""
        answer = await posted(shop, QUOTE, raw)

        assert answer.status == 400
        assert answer.body == faulty("missing_field", "resource", "resource field is required")

    @pytest.mark.parametrize("value", ["HALF", None])
    async def test_400_for_unknown_fields(self, shop: Shop, value: str | None) -> None:
        """Names are compared with their case; only known fields may be null."""
        answer = await shop.post(QUOTE, {"resource": "article", "CouponCode": value})

        assert answer.status == 400
        text = "unknown field CouponCode"
        assert answer.body == faulty("invalid_field", "CouponCode", text)

    async def test_404(self, shop: Shop) -> None:
        """With the id and a hint."""
        answer = await shop.post(QUOTE, {"resource": "nosuch"})

        assert answer.status == 404
        hint = "The resource does not exist or is not for sale."
        details = {"resourceId": "nosuch", "hint": hint}
        assert answer.body == error("resource_not_found", "Resource not found", **details)

    async def test_400_for_what_only_cards_buy(self, shop: Shop) -> None:
        """Ours, in place of the reference's 500; the methods are told."""
        answer = await shop.post(QUOTE, {"resource": "mug"})

        assert answer.status == 400
        assert answer.body["error"]["code"] == "invalid_resource"
        assert answer.body["error"]["details"] == {"resourceId": "mug", "methods": ["stripe"]}


class TestVerify:
    async def test_200(self, shop: Shop) -> None:
        """The grant, and the settlement in the receipt's header."""
        buyer = shop.buyer(sol=1)
        transaction = await self_paid(shop, buyer)

        answer = await shop.post(VERIFY, headers=v0_header(transaction, "article"))

        assert answer.status == 200
        assert answer.body == {
            "success": True,
            "resource": "article",
            "granted": True,
            "method": "x402",
            "wallet": str(buyer.address),
            "signature": signature_of(transaction),
        }
        assert answer.receipt == {
            "success": True,
            "error": None,
            "txHash": signature_of(transaction),
            "networkId": "devnet",
        }

    async def test_the_header_may_be_raw_json_or_unpadded(self, shop: Shop) -> None:
        """As the reference's second parser has it."""
        for strip in (False, True):
            text = v0_header(await self_paid(shop, shop.buyer(sol=1)), "article")["X-PAYMENT"]
            sent = text.rstrip("=") if strip else base64.b64decode(text).decode()
            answer = await shop.post(VERIFY, headers={"X-PAYMENT": sent})
            assert answer.status == 200

    async def test_the_body_is_ignored(self, shop: Shop) -> None:
        """Whatever it is."""
        headers = v0_header(await self_paid(shop, shop.buyer(sol=1)), "article")
        async with shop.http.post(shop.address + VERIFY, data=b"{", headers=headers) as response:
            assert response.status == 200

    async def test_400_without_header(self, shop: Shop) -> None:
        """In the contract's words."""
        answer = await shop.post(VERIFY)

        assert answer.status == 400
        assert answer.body == error("missing_field", "Missing X-PAYMENT header")

    @pytest.mark.parametrize("text", ["%%%", "e30x", "{", "bm8=", "W10="])
    async def test_400_for_an_unreadable_header(self, shop: Shop, text: str) -> None:
        """Not base64, not JSON, not an object."""
        answer = await shop.post(VERIFY, headers={"X-PAYMENT": text})

        assert answer.status == 400
        assert answer.body["error"]["code"] == "invalid_payment_proof"

    async def test_400_without_resource(self, shop: Shop) -> None:
        """In the contract's words."""
        headers = header(transaction=_text(await self_paid(shop, shop.buyer(sol=1))))

        answer = await shop.post(VERIFY, headers=headers)

        assert answer.status == 400
        assert answer.body == error("missing_field", "resource field required in payment payload")

    async def test_400_for_another_resource_type(self, shop: Shop) -> None:
        """In the contract's words."""
        transaction = await self_paid(shop, shop.buyer(sol=1))

        answer = await shop.post(
            VERIFY, headers=v0_header(transaction, "article", resourceType="gift")
        )

        assert answer.status == 400
        text = "Invalid resourceType (must be: regular, cart, or refund)"
        assert answer.body == error("invalid_field", text)

    async def test_404_for_an_unknown_product(self, shop: Shop) -> None:
        """In place of the reference's 500."""
        transaction = await self_paid(shop, shop.buyer(sol=1))

        answer = await shop.post(VERIFY, headers=v0_header(transaction, "nosuch"))

        assert (answer.status, answer.code) == (404, "resource_not_found")

    @pytest.mark.parametrize(
        "top", [{"scheme": "other"}, {"network": "mainnet-beta"}, {"x402Version": 3}]
    )
    async def test_400_for_another_scheme_network_or_version(
        self, shop: Shop, top: dict[str, Any]
    ) -> None:
        """A proof that is not for this gateway; the network is told in the contract's words."""
        headers = v0_header(await self_paid(shop, shop.buyer(sol=1)), "article")

        answer = await shop.post(VERIFY, headers=altered(headers, **top))

        assert (answer.status, answer.code) == (400, "invalid_payment_proof")
        if "network" in top:
            text = "network mismatch: expected devnet, got mainnet-beta"
            assert answer.body["error"]["message"] == text

    async def test_400_without_transaction(self, shop: Shop) -> None:
        """A payment carries one."""
        answer = await shop.post(VERIFY, headers=header(resource="article"))

        assert answer.status == 400
        text = "payload.transaction is missing"
        assert answer.body == error("invalid_payment_proof", text)

    async def test_402_for_a_replay(self, shop: Shop) -> None:
        """The same proof for another purchase."""
        transaction = await self_paid(shop, shop.buyer(sol=1))
        await shop.post(VERIFY, headers=v0_header(transaction, "article"))

        answer = await shop.post(VERIFY, headers=v0_header(transaction, "course"))

        assert answer.status == 402
        text = "This payment has already been processed. Each payment can only be used once."
        assert answer.body == error("payment_already_used", text)

    @pytest.mark.parametrize(
        ("resource", "kind", "code", "name"),
        [
            ("cart_" + "0" * 32, "cart", "cart_not_found", "cart"),
            ("cart_" + "0" * 32, "regular", "cart_not_found", "cart"),
            ("refund_" + "0" * 32, "refund", "refund_not_found", "refund"),
            ("refund_" + "0" * 32, "regular", "refund_not_found", "refund"),
        ],
    )
    async def test_404_for_carts_and_refunds_that_are_not_there(
        self, shop: Shop, resource: str, kind: str, code: str, name: str
    ) -> None:
        """Ids lead there whatever type is named."""
        transaction = await self_paid(shop, shop.buyer(sol=1))

        answer = await shop.post(
            VERIFY, headers=v0_header(transaction, resource, resourceType=kind)
        )

        assert answer.status == 404
        assert answer.body == error(code, f"{name} not found: {resource}")

    @pytest.mark.parametrize(
        ("changes", "status", "code"),
        [
            ({"amount": ARTICLE + 1}, 402, "amount_mismatch"),
            ({"note": "article:" + "A" * 24}, 400, "invalid_memo"),
            ({"note": "article:xyz", "amount": ARTICLE}, 400, "missing_memo"),
        ],
    )
    async def test_the_verifiers_codes_pass(
        self, shop: Shop, changes: dict[str, Any], status: int, code: str
    ) -> None:
        """With the status of the code."""
        transaction = await self_paid(shop, shop.buyer(sol=1), **changes)

        answer = await shop.post(VERIFY, headers=v0_header(transaction, "article"))

        assert (answer.status, answer.code) == (status, code)

    async def test_402_for_too_little_money(self, shop: Shop) -> None:
        """With the message for people that the contract has."""
        transaction = await self_paid(shop, shop.buyer(usdc=1, sol=1))

        answer = await shop.post(VERIFY, headers=v0_header(transaction, "article"))

        assert answer.status == 402
        text = "Insufficient token balance. Please add more tokens to your wallet and try again."
        assert answer.body == error("insufficient_funds_token", text)


class TestLookup:
    async def test_200(self, shop: Shop) -> None:
        """What was paid for, by whom, when and how much."""
        buyer = shop.buyer(sol=1)
        transaction = await self_paid(shop, buyer)
        headers = v0_header(transaction, "article", metadata={"note": "mine"})
        await shop.post(VERIFY, headers=headers)

        answer = await shop.get(f"{LOOKUP}?signature={signature_of(transaction)}")

        assert answer.status == 200
        assert TIME.fullmatch(answer.body.pop("paid_at"))
        assert answer.body == {
            "verified": True,
            "resource_id": "article",
            "wallet": str(buyer.address),
            "amount": "0.040000 USDC",
            "metadata": {"note": "mine", "shelf": "3"},
        }

    async def test_metadata_is_null_without_any(self, shop: Shop) -> None:
        """The field is always there, also for a product that has none."""
        paid = await shop.paid(shop.buyer(), "course")

        answer = await shop.get(f"{LOOKUP}?signature={paid.body['signature']}")

        assert answer.body["metadata"] is None

    @pytest.mark.parametrize("query", ["", "?signature="])
    async def test_400(self, shop: Shop, query: str) -> None:
        """In the contract's words."""
        answer = await shop.get(LOOKUP + query)

        assert answer.status == 400
        assert answer.body == error("missing_field", "signature is required")

    @pytest.mark.parametrize("signature", ["1" * 88, "x", "1" * 500])
    async def test_402(self, shop: Shop, signature: str) -> None:
        """In the contract's words."""
        answer = await shop.get(f"{LOOKUP}?signature={signature}")

        assert answer.status == 402
        text = "Transaction not found or not verified"
        assert answer.body == error("transaction_not_found", text)


class TestGasless:
    async def test_200(self, shop: Shop) -> None:
        """The three fields of the contract, and how long the transaction lives."""
        asked = {"resourceId": "article", "userWallet": str(shop.buyer().address)}

        answer = await shop.post(GASLESS, {**asked, "feePayer": None, "couponCode": None})

        assert answer.status == 200
        assert set(answer.body) == {
            "transaction",
            "blockhash",
            "feePayer",
            "lastValidBlockHeight",
        }
        assert answer.body["feePayer"] == str(shop.sponsor.address)
        raw = base64.b64decode(answer.body["transaction"], validate=True)
        assert raw[0] == 2  # signatures
        assert raw[1:129] == bytes(128)  # both empty
        assert raw[129] < 0x80  # a legacy message

    @pytest.mark.parametrize(
        ("body", "field", "message"),
        [
            ({"userWallet": "x"}, "resourceId", "resourceId required"),
            ({"resourceId": "article", "userWallet": ""}, "userWallet", "userWallet required"),
        ],
    )
    async def test_400_for_missing_fields(
        self, shop: Shop, body: dict[str, str], field: str, message: str
    ) -> None:
        """In the contract's words and under its code, which is not that of other routes."""
        answer = await shop.post(GASLESS, body)

        assert answer.status == 400
        assert answer.body == faulty("invalid_field", field, message)

    async def test_400_for_no_json(self, shop: Shop) -> None:
        """The contract's words begin so."""
        answer = await posted(shop, GASLESS, b"{")

        assert (answer.status, answer.code) == (400, "invalid_field")
        assert answer.body["error"]["message"].startswith("invalid request: ")

    async def test_400_for_a_wallet_that_is_none(self, shop: Shop) -> None:
        """Under the code that errors.yaml keeps for it."""
        answer = await shop.post(GASLESS, {"resourceId": "article", "userWallet": "nobody"})

        assert (answer.status, answer.code) == (400, "invalid_wallet")

    @pytest.mark.parametrize("payer", ["nobody", "11111111111111111111111111111111"])
    async def test_400_for_a_fee_payer_that_is_not_ours(self, shop: Shop, payer: str) -> None:
        """The contract's words begin so."""
        asked = {"resourceId": "article", "userWallet": str(shop.buyer().address)}

        answer = await shop.post(GASLESS, {**asked, "feePayer": payer})

        assert (answer.status, answer.code) == (400, "invalid_field")
        assert answer.body["error"]["message"].startswith("invalid feePayer: ")

    async def test_400_when_not_enabled(self) -> None:
        """In the contract's words."""
        async with contract_shop(x402={"gasless_enabled": False}) as shop:
            asked = {"resourceId": "article", "userWallet": str(shop.buyer().address)}
            answer = await shop.post(GASLESS, asked)

        assert answer.status == 400
        assert answer.body == error("invalid_field", "gasless transactions not enabled")

    @pytest.mark.parametrize("resource", ["nosuch", "cart_" + "0" * 32])
    async def test_404(self, shop: Shop, resource: str) -> None:
        """For products and for carts."""
        asked = {"resourceId": resource, "userWallet": str(shop.buyer().address)}

        answer = await shop.post(GASLESS, asked)

        assert (answer.status, answer.code) == (404, "resource_not_found")
