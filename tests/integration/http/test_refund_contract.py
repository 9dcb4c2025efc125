"""Every answer of the Cedros contract to who asks for refunds or decides them, word for word."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio
from attrs import frozen
from solders.keypair import Keypair

from support.contract_shop import TIME, error, faulty, posted
from support.refunds import PAID, REFUNDS, Bought, approve, bought, decide, deny, execute
from support.shop import Answer, Shop, open_shop
from support.words import signed_headers, signed_text
from tillway.core.services.refunds.requests import MOST_WAITING

pytestmark = pytest.mark.asyncio(loop_scope="module")

STRANGER = Keypair()
GONE = f"refund_{'0' * 32}"
NOBODY_KEY = "an operator's key of some length"
UNSIGNED = "signature required: include X-Signature, X-Message, and X-Signer headers"
NO_PURCHASE = "originalPurchaseId required (must be a Solana transaction signature)"
MALFORMED = "originalPurchaseId must be a valid Solana transaction signature"


@frozen
class Case:
    """A shop, somebody who bought there, and whose purchase nobody refunds."""

    shop: Shop
    bought: Bought


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def case() -> AsyncIterator[Case]:
    async with open_shop(background=False, server={"admin_api_key": NOBODY_KEY}) as shop:
        yield Case(shop, await bought(shop))


def refused(answer: Answer) -> tuple[int, str, str]:
    """Give status, code and message."""
    inner = answer.body["error"]
    assert inner["retryable"] is (inner["code"] == "transaction_not_confirmed")
    return answer.status, inner["code"], inner["message"]


class TestRequests:
    async def test_the_answer(self, case: Case) -> None:
        """With all fields of the contract."""
        other = await bought(case.shop)
        answer = await other.ask(reason="too dear", metadata={"ticket": "7"})

        body = dict(answer.body)
        assert answer.status == 200
        assert TIME.fullmatch(body.pop("createdAt"))
        assert body.pop("refundId").startswith("refund_")
        assert body == {
            "status": "pending",
            "originalPurchaseId": other.purchase,
            "recipientWallet": str(other.buyer.address),
            "amount": 0.05,
            "token": "USDC",
            "reason": "too dear",
            "message": "Refund request submitted successfully. "
            "An admin will review and process your request.",
        }

    @pytest.mark.parametrize(
        ("change", "status", "code", "message"),
        [
            ({"originalPurchaseId": ""}, 400, "missing_field", NO_PURCHASE),
            ({"originalPurchaseId": None}, 400, "missing_field", NO_PURCHASE),
            ({"recipientWallet": ""}, 400, "missing_field", "recipientWallet required"),
            ({"token": None}, 400, "missing_field", "token required"),
            ({"amount": None}, 400, "invalid_amount", "amount must be positive"),
            ({"amount": 0}, 400, "invalid_amount", "amount must be positive"),
            ({"amount": -0.01}, 400, "invalid_amount", "amount must be positive"),
            ({"amount": "1"}, 400, "invalid_field", "amount must be a number"),
            ({"originalPurchaseId": "abc"}, 400, "invalid_signature", MALFORMED),
            ({"originalPurchaseId": "0" * 88}, 400, "invalid_signature", MALFORMED),
            ({"originalPurchaseId": "2" * 64}, 400, "invalid_signature", MALFORMED),
            ({"originalPurchaseId": "1" * 64}, 404, "resource_not_found", "payment not found"),
            ({"color": 1}, 400, "invalid_field", "unknown field color"),
            (
                {"amount": PAID + 0.000001},
                402,
                "amount_mismatch",
                "refund amount exceeds original payment amount",
            ),
            (
                {"token": "PYUSD"},
                400,
                "invalid_token_mint",
                "refund token must match original payment token",
            ),
            (
                {"amount": 0.0123456789},
                400,
                "invalid_amount",
                "amount must have at most 6 decimals",
            ),
            (
                {"amount": 0.001},
                400,
                "invalid_amount",
                "amount must be at least 0.01 USDC, or all that was paid",
            ),
            (
                {"metadata": {"k" * 41: "v"}},
                400,
                "invalid_field",
                "metadata keys have 1 to 40 characters, values at most 500",
            ),
        ],
    )
    async def test_refusals(
        self, case: Case, change: Mapping[str, Any], status: int, code: str, message: str
    ) -> None:
        """By code, status and message."""
        answer = await case.bought.ask(**change)
        assert refused(answer) == (status, code, message)

    async def test_a_body_that_is_none(self, case: Case) -> None:
        """Like everywhere."""
        answer = await posted(case.shop, f"{REFUNDS}/request", b"{")
        assert refused(answer)[:2] == (400, "invalid_field")

    async def test_another_wallet_is_told_nothing_of_the_payer(self, case: Case) -> None:
        """Not whose the payment was, nor how much."""
        wallet = str(STRANGER.pubkey())
        answer = await case.bought.ask(wallet=STRANGER, recipientWallet=wallet)

        assert refused(answer) == (
            400,
            "invalid_recipient",
            "recipientWallet must match the wallet that made the original payment",
        )
        assert answer.body["error"]["details"] == {
            "hint": "refunds go to the wallet that paid",
            "providedWallet": wallet,
        }
        assert str(case.bought.buyer.address) not in str(answer.body)

    async def test_who_has_not_signed_is_told_nothing_at_all(self, case: Case) -> None:
        """Whatever is wrong with what he asks for."""
        hint = f"sign message 'request-refund:{case.bought.purchase}' with your wallet"
        for change in ({}, {"amount": 9}, {"token": "X"}, {"recipientWallet": "x"}):
            bare = await case.bought.ask(headers={}, **change)
            assert bare.body == error("invalid_signature", UNSIGNED, hint=hint)
        forged = await case.bought.ask(wallet=STRANGER)
        assert refused(forged) == (
            400,
            "invalid_signature",
            f"unauthorized: wallet {STRANGER.pubkey()} is not authorized for this request",
        )
        moved = signed_headers(case.bought.buyer.keypair, "request-refund:another")
        other = await case.bought.ask(headers=moved)
        expected = f"(expected: request-refund:{case.bought.purchase})"
        assert refused(other) == (
            400,
            "invalid_signature",
            f"invalid message format {expected}",
        )

    async def test_the_merchant_and_the_operator_may_ask_for_others(self, case: Case) -> None:
        """By the wallet that is paid, or the operator's key."""
        some = await bought(case.shop)
        signed = await some.ask(0.02, wallet=case.shop.merchant.keypair)
        keyed = await some.ask(0.03, headers={"Authorization": f"Bearer {NOBODY_KEY}"})
        wrong = await some.ask(0.01, headers={"Authorization": "Bearer other"})

        assert (signed.status, keyed.status) == (200, 200)
        assert refused(wrong)[1] == "invalid_signature"

    async def test_the_form_of_the_server_in_rust(self, case: Case) -> None:
        """Signer and signature stand in the body, with a nonce or without."""
        some = await bought(case.shop)
        answer = await some.ask(
            headers={},
            signer=str(some.buyer.address),
            signature=signed_text(some.buyer.keypair, f"request-refund:{some.purchase}"),
        )
        assert answer.status == 200, answer.body

    async def test_more_than_is_left(self, case: Case) -> None:
        """The same amount twice while one waits, or in sum more than was paid."""
        some = await bought(case.shop)
        first = await some.asked(0.02)
        again = await some.ask(0.02)
        much = await some.ask(0.04)
        rest = await some.ask(0.03)

        assert refused(again) == (
            400,
            "refund_already_processed",
            f"paywall: refund already exists for this transaction (refund ID: {first})",
        )
        assert refused(much) == (
            400,
            "refund_already_processed",
            "refund already exists for this transaction: all that was paid is given back",
        )
        assert rest.status == 200

    async def test_a_purchase_has_so_many_that_wait(self) -> None:
        """Nobody fills the list with parts of one purchase."""
        async with open_shop(background=False, refunds={"minimum": "0"}) as shop:
            some = await bought(shop)
            for number in range(MOST_WAITING):
                await some.asked((number + 1) / 1_000_000)
            more = await some.ask(0.0001)
        assert refused(more) == (
            400,
            "refund_already_processed",
            f"{MOST_WAITING} refunds of this transaction wait to be decided already",
        )

    async def test_a_payment_that_is_not_final(self, case: Case) -> None:
        """May still be gone: it is asked for again shortly."""
        fresh = await bought(case.shop, final=False)
        answer = await fresh.ask()
        assert refused(answer) == (
            402,
            "transaction_not_confirmed",
            "the original payment is not final yet: please try again shortly",
        )

    async def test_an_idempotency_key_gives_the_first_answer(self, case: Case) -> None:
        """So that a lost answer is no second request."""
        some = await bought(case.shop)
        message = f"request-refund:{some.purchase}"
        headers = {
            **signed_headers(some.buyer.keypair, message),
            "Idempotency-Key": some.purchase[:32],
        }
        first, again = await some.ask(headers=headers), await some.ask(headers=headers)
        assert first.status == 200
        assert again.body == first.body


class TestDecisions:
    async def test_approval(self, case: Case) -> None:
        """Gives the requirement that pays it, in version 0, for as long as it says."""
        some = await bought(case.shop)
        refund = await some.asked(0.02)

        answer = await approve(case.shop, refund)

        body = answer.body
        assert (answer.status, body["refundId"], body["status"]) == (200, refund, "approved")
        assert TIME.fullmatch(body["expiresAt"])
        quote = dict(body["quote"])
        extra = dict(quote.pop("extra"))
        assert 890 < quote.pop("maxTimeoutSeconds") <= 900
        assert quote.pop("asset")
        assert quote == {
            "scheme": "solana-spl-transfer",
            "network": "devnet",
            "maxAmountRequired": "20000",
            "resource": f"refund:{refund}",
            "description": "Refund (0.020000 USDC)",
            "mimeType": "application/json",
            "payTo": str(some.buyer.address),
        }
        assert extra["recipientTokenAccount"] == str(some.buyer.account())
        assert extra["memo"].startswith(f"cedros:refund:{refund}")
        assert (extra["decimals"], extra["tokenSymbol"]) == (6, "USDC")
        assert "feePayer" not in extra
        again = await approve(case.shop, refund)
        assert again.status == 200
        assert again.body["quote"]["extra"]["memo"] != extra["memo"]

    async def test_denial(self, case: Case) -> None:
        """Keeps the refund, with the reason, and frees its share."""
        some = await bought(case.shop)
        refund = await some.asked()

        answer = await deny(case.shop, refund, reason="worn")

        assert (answer.status, answer.body) == (
            200,
            {"success": True, "message": "refund denied"},
        )
        shown = await case.shop.get(f"{REFUNDS}/{refund}")
        assert (shown.body["status"], shown.body["reason"]) == ("denied", "worn")
        assert TIME.fullmatch(shown.body["processedAt"])
        assert (await some.ask()).status == 200
        for what in ("approve", "deny"):
            late = await decide(case.shop, what, refund)
            assert refused(late) == (404, "refund_not_found", "refund not found")
            assert late.body["error"]["details"] == {"status": "denied"}

    @pytest.mark.parametrize("what", ["approve", "deny"])
    async def test_refusals(self, case: Case, what: str) -> None:
        """By code, status and message."""
        path, words = f"{REFUNDS}/{what}", f"{what}-refund:{GONE}"
        admin = case.shop.merchant.keypair
        missing = await case.shop.post(path, {})
        bare = await case.shop.post(path, {"refundId": GONE})
        stranger = await decide(case.shop, what, GONE, STRANGER)
        other = await case.shop.post(path, {"refundId": GONE}, signed_headers(admin, f"{words}x"))
        gone = await decide(case.shop, what, GONE)

        assert missing.body == faulty("missing_field", "refundId", "refundId required")
        assert bare.body == error("invalid_signature", UNSIGNED)
        assert stranger.body == error(
            "invalid_signature", "unauthorized: only payment address can perform this action"
        )
        assert other.body == error(
            "invalid_signature", f"invalid message format (expected: {words})"
        )
        assert (gone.status, gone.body) == (404, error("refund_not_found", "refund not found"))

    async def test_a_sponsor_decides_nothing(self, case: Case) -> None:
        """Only the wallet that is paid does, not those that pay fees."""
        refund = await (await bought(case.shop)).asked()
        answer = await approve(case.shop, refund, case.shop.sponsor.keypair)
        assert refused(answer)[:2] == (400, "invalid_signature")

    async def test_what_is_paid_out(self, case: Case) -> None:
        """Is decided."""
        some = await bought(case.shop)
        quote = await some.approved()
        assert (await execute(case.shop, quote)).status == 200
        refund = quote["resource"].removeprefix("refund:")

        assert refused(await approve(case.shop, refund)) == (
            400,
            "refund_already_processed",
            "refund already processed",
        )
        assert refused(await deny(case.shop, refund)) == (
            400,
            "refund_already_processed",
            "cannot deny already processed refund",
        )


class TestTheList:
    async def nonce(self, case: Case, purpose: str = "list-pending-refunds") -> str:
        answer = await case.shop.post("/paywall/v1/nonce", {"purpose": purpose})
        return str(answer.body["nonce"])

    async def listed(
        self, case: Case, nonce: str, wallet: Keypair | None = None, body: object = None
    ) -> Answer:
        admin = wallet or case.shop.merchant.keypair
        signed = signed_headers(admin, f"list-pending-refunds:{nonce}")
        return await case.shop.post(f"{REFUNDS}/pending", body, signed)

    async def test_the_answer(self, case: Case) -> None:
        """What waits, newest first, in the documents' spelling."""
        some = await bought(case.shop)
        older, newer = await some.asked(0.02), await some.asked(0.03)

        answer = await self.listed(case, await self.nonce(case))

        body = answer.body
        assert (answer.status, body["count"]) == (200, len(body["refunds"]))
        newest, second = body["refunds"][:2]
        assert (newest["id"], second["id"]) == (newer, older)
        assert TIME.fullmatch(newest.pop("createdAt"))
        assert TIME.fullmatch(newest.pop("expiresAt"))
        assert newest == {
            "id": newer,
            "originalPurchaseId": some.purchase,
            "recipientWallet": str(some.buyer.address),
            "amount": 0.03,
            "token": "USDC",
            "reason": "",
            "status": "pending",
            "origin": "request",
            "metadata": {},
        }

    async def test_a_body_beside_the_headers_is_not_read(self, case: Case) -> None:
        """As the reference does not."""
        answer = await self.listed(case, await self.nonce(case), body=["anything"])
        assert answer.status == 200

    async def test_the_form_of_the_server_in_rust(self, case: Case) -> None:
        """With a limit."""
        nonce = await self.nonce(case, "refund_list")
        admin = case.shop.merchant.keypair
        body = {
            "nonce": nonce,
            "signer": str(admin.pubkey()),
            "signature": signed_text(admin, f"list-pending-refunds:{nonce}"),
            "limit": 1,
        }
        answer = await case.shop.post(f"{REFUNDS}/pending", body)
        assert (answer.status, answer.body["count"]) == (200, 1)

    async def test_refusals(self, case: Case) -> None:
        """By code, status and message; a nonce is good once, and for this."""
        path, admin = f"{REFUNDS}/pending", case.shop.merchant.keypair
        hint = "sign message 'list-pending-refunds:<nonce>' with payTo wallet"
        bare = await case.shop.post(path)
        none = await case.shop.post(path, None, signed_headers(admin, "list-pending-refunds"))
        nonce = await self.nonce(case)
        stranger = await self.listed(case, nonce, STRANGER)
        first, again = await self.listed(case, nonce), await self.listed(case, nonce)
        other = await self.nonce(case, "refund_approve")
        moved = await self.listed(case, other)

        assert bare.body == error("invalid_signature", UNSIGNED, hint=hint)
        assert none.body == error("invalid_field", "invalid message format", hint=hint)
        assert (stranger.status, stranger.body) == (
            403,
            error(
                "unauthorized_refund_issuer",
                "unauthorized: only payment address can view pending refunds",
            ),
        )
        assert first.status == 200
        failed = "nonce validation failed: nonce"
        assert refused(again) == (
            400,
            "invalid_signature",
            f"{failed} already consumed: {nonce}",
        )
        assert refused(moved) == (400, "invalid_signature", f"{failed} not found: {other}")
        assert "hint" in moved.body["error"]["details"]


class TestOne:
    async def test_a_refund_is_shown_to_who_knows_its_id(self, case: Case) -> None:
        """As the server in Rust does."""
        some = await bought(case.shop)
        refund = await some.asked()

        answer = await case.shop.get(f"{REFUNDS}/{refund}")

        body = dict(answer.body)
        assert TIME.fullmatch(body.pop("createdAt"))
        assert body == {
            "refundId": refund,
            "status": "pending",
            "originalPurchaseId": some.purchase,
            "recipientWallet": str(some.buyer.address),
            "amount": 0.05,
            "token": "USDC",
            "reason": None,
            "processedAt": None,
            "processedBy": None,
            "signature": None,
        }

    async def test_refusals(self, case: Case) -> None:
        """None of that id; and what is no id is no route."""
        gone = await case.shop.get(f"{REFUNDS}/{GONE}")
        none = await case.shop.get(f"{REFUNDS}/refund_1")

        assert (gone.status, gone.body) == (404, error("refund_not_found", "refund not found"))
        assert (none.status, none.code) == (404, "route_not_found")
