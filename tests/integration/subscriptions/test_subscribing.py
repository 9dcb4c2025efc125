"""Paying for periods by x402, from the quote to the access."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.members import (
    GOLD,
    MEMBERS,
    MONTHLY,
    PATH,
    activated,
    headers,
    proof,
    quoted,
    signed,
    status,
    subscribed,
)
from support.refunds import Bought, deny, root
from support.shop import COUPONS, Shop, open_shop, v0_header, v2_header
from tillway.core.quotes import Purpose, read_authenticator

pytestmark = pytest.mark.asyncio

HALF = COUPONS["HALF"]


@pytest.fixture
async def club(storage: dict[str, Any]) -> AsyncIterator[Shop]:
    """Give a shop that sells subscriptions, on each store."""
    async with open_shop(background=False, storage=storage, **MEMBERS) as made:
        yield made


def _days(body: Any, start: str = "periodStart", end: str = "periodEnd") -> int:
    return (datetime.fromisoformat(body[end]) - datetime.fromisoformat(body[start])).days


class TestPaying:
    """From the quote to the access, in the calls of the React SDK."""

    async def test_a_quote_a_payment_and_a_subscription(self, club: Shop) -> None:
        """Verifying the payment of a quote begins it; activating answers it, again and again."""
        buyer = club.buyer(usdc=2 * GOLD)
        wallet = str(buyer.address)
        assert await status(club, wallet) == {
            "active": False,
            "status": "expired",
            "cancelAtPeriodEnd": False,
        }
        signature = await subscribed(club, buyer)
        first = await activated(club, wallet, signature)
        assert first.status == 200
        assert first.body["success"] is True
        assert first.body["wallet"] == wallet
        assert first.body["status"] == "active"
        assert 28 <= _days(first.body) <= 31
        assert first.body["currentPeriodEnd"] == first.body["periodEnd"]
        assert (await activated(club, wallet, signature)).body == first.body
        shown = await status(club, wallet)
        assert shown["active"]
        assert shown["interval"] == "monthly"
        assert shown["expiresAt"] == first.body["periodEnd"]
        (payment,) = await club.payments()
        assert payment.purchase.purpose is Purpose.SUBSCRIPTION

    async def test_paying_again_extends_it_and_access_is_never_lost(self, club: Shop) -> None:
        """The start stays where it was and the end moves by a period."""
        buyer = club.buyer(usdc=2 * GOLD)
        wallet = str(buyer.address)
        first = await activated(club, wallet, await subscribed(club, buyer))
        second = await activated(club, wallet, await subscribed(club, buyer))
        assert second.body["subscriptionId"] == first.body["subscriptionId"]
        assert second.body["periodStart"] == first.body["periodStart"]
        assert 59 <= _days(second.body) <= 62
        assert (await status(club, wallet))["active"]
        told = [each.type for each in await club.events() if each.type.startswith("subscr")]
        assert sorted(told) == ["subscription.created", "subscription.renewed"]

    @pytest.mark.parametrize("storage", ["memory"], indirect=True)
    async def test_a_sealed_quote_says_it_too(self, club: Shop) -> None:
        """With it, or with the memo alone, in any dialect: it is for a period."""
        for number, dialect in enumerate((v0_header, v2_header)):
            buyer = club.buyer(usdc=2 * GOLD)
            requirement = await quoted(club)
            bare = str(read_authenticator(requirement["extra"]["memo"]))
            transaction = signed(club, buyer, requirement, note=bare)
            if dialect is v0_header:
                metadata = {"quote": requirement["extra"]["quote"]}
                fee_payer = str(club.sponsor.address)
                header = v0_header(transaction, "gold", metadata=metadata, feePayer=fee_payer)
            else:
                offer = (await club.offer("gold")).offer
                extra = {**offer["extra"], "quote": requirement["extra"]["quote"]}
                header = v2_header(transaction, {**offer, "extra": extra})
            granted = await club.get("/paywall/gold", header)
            assert granted.status == 200, granted.body
            assert (await status(club, str(buyer.address)))["active"]
            assert len(await club.payments()) == number + 1

    async def test_a_repeated_proof_buys_one_period(self, club: Shop) -> None:
        """Eight requests with one payment, at once and later: one period."""
        buyer = club.buyer(usdc=2 * GOLD)
        header = proof(club, signed(club, buyer, await quoted(club)))
        tries = [club.post("/paywall/v1/verify", None, header) for _ in range(8)]
        said = [each.status for each in await asyncio.gather(*tries)]
        assert said == [200] * 8
        details = await club.get(f"{PATH}/details?resource=gold&userId={buyer.address}")
        assert 28 <= _days(details.body, "currentPeriodStart", "currentPeriodEnd") <= 31
        assert club.balance() == GOLD

    async def test_payments_that_race_each_buy_their_period(self, club: Shop) -> None:
        """Four payments of one wallet at once: four periods, whoever is first."""
        buyer = club.buyer(usdc=8 * GOLD)
        proofs = [proof(club, signed(club, buyer, await quoted(club))) for _ in range(4)]
        said = await asyncio.gather(
            *(club.post("/paywall/v1/verify", None, each) for each in proofs)
        )
        assert [each.status for each in said] == [200] * 4, [each.body for each in said]
        details = await club.get(f"{PATH}/details?resource=gold&userId={buyer.address}")
        assert 119 <= _days(details.body, "currentPeriodStart", "currentPeriodEnd") <= 123

    @pytest.mark.parametrize("storage", ["memory"], indirect=True)
    async def test_a_subscriber_is_let_in_by_his_signature_alone(self, club: Shop) -> None:
        """A bare wallet in a header opens nothing, nor does the word of another."""
        buyer, stranger = club.buyer(usdc=GOLD), club.buyer()
        await subscribed(club, buyer)
        now = int(club.clock.now().timestamp())
        word = f"access:{club.address}/paywall/gold:{now}"
        let_in = await club.get("/paywall/gold", headers(buyer, word))
        assert let_in.status == 200
        assert let_in.body["method"] == "subscription"
        bare = {"X-Wallet": str(buyer.address)}
        for refused in (bare, headers(stranger, word), {**headers(stranger, word), **bare}):
            assert (await club.get("/paywall/gold", refused)).status == 402
        assert (await club.get("/paywall/silver", headers(buyer, word))).status == 402


class TestMoneyThatGoes:
    """A payment that was granted before it was final, and is gone."""

    async def test_its_period_is_taken_back(self, club: Shop) -> None:
        """The one before it stays; the first of all ends the subscription."""
        buyer = club.buyer(usdc=2 * GOLD)
        wallet = str(buyer.address)
        first = await activated(club, wallet, await subscribed(club, buyer))
        club.clock.forward(timedelta(seconds=20))
        await club.gateway.services.finality.sweep()
        signature = await subscribed(club, buyer)
        assert (await status(club, wallet))["expiresAt"] > first.body["periodEnd"]
        club.chain.tick()
        assert club.chain.fork(signature)
        club.faults.drop_all = True
        club.clock.forward(timedelta(seconds=90))
        await club.gateway.services.finality.sweep()
        shown = await status(club, wallet)
        assert (shown["active"], shown["expiresAt"]) == (True, first.body["periodEnd"])
        said = await activated(club, wallet, signature)
        assert said.body["error"]["message"] == "payment signature not found or not yet processed"

    @pytest.mark.parametrize("storage", ["memory"], indirect=True)
    async def test_what_was_never_paid_is_over(self, club: Shop) -> None:
        """The only period goes with its money."""
        buyer = club.buyer(usdc=GOLD)
        signature = await subscribed(club, buyer)
        club.chain.tick()
        assert club.chain.fork(signature)
        club.faults.drop_all = True
        club.clock.forward(timedelta(seconds=90))
        await club.gateway.services.finality.sweep()
        assert not (await status(club, str(buyer.address)))["active"]

    async def test_so_is_what_a_plain_purchase_was_made(self, club: Shop) -> None:
        """It goes with its money like any other, and cannot be had again without it."""
        buyer = club.buyer(usdc=GOLD)
        signature = (await club.paid(buyer, "gold")).body["signature"]
        wallet = str(buyer.address)
        assert (await activated(club, wallet, signature)).status == 200
        club.chain.tick()
        assert club.chain.fork(signature)
        club.faults.drop_all = True
        club.clock.forward(timedelta(seconds=90))
        await club.gateway.services.finality.sweep()
        await club.gateway.services.finality.sweep()

        assert not (await status(club, wallet))["active"]
        assert (await activated(club, wallet, signature)).status == 400


class TestActivating:
    """What is answered to whoever names a payment."""

    @pytest.mark.parametrize("storage", ["memory"], indirect=True)
    async def test_no_payment_gets_a_quote_and_no_subscription(self, club: Shop) -> None:
        """402 with the requirement; nothing runs."""
        wallet = str(club.buyer().address)
        said = await activated(club, wallet, None)
        assert (said.status, said.code) == (402, "transaction_not_found")
        assert said.body["requirement"]["maxAmountRequired"] == str(GOLD)
        assert not (await status(club, wallet))["active"]

    async def test_a_plain_purchase_is_made_one_of_a_period_once(self, club: Shop) -> None:
        """Sixteen at once: the product that was bought at that price is one period, not more."""
        buyer = club.buyer(usdc=GOLD)
        bought = await club.paid(buyer, "gold")
        signature, wallet = bought.body["signature"], str(buyer.address)
        assert not (await status(club, wallet))["active"]
        said = await asyncio.gather(*(activated(club, wallet, signature) for _ in range(16)))
        assert {each.status for each in said} == {200}
        assert {(each.body["periodStart"], each.body["periodEnd"]) for each in said} == {
            (said[0].body["periodStart"], said[0].body["periodEnd"])
        }
        assert 28 <= _days(said[0].body) <= 31
        told = [each.type for each in await club.events() if each.type.startswith("subscr")]
        assert told == ["subscription.created"]

    @pytest.mark.parametrize("storage", ["memory"], indirect=True)
    async def test_only_the_payer_gets_it_for_what_was_paid(self, club: Shop) -> None:
        """In the contract's words for another wallet, another product, and no payment at all."""
        buyer, stranger = club.buyer(usdc=GOLD + 50_000), club.buyer()
        wallet = str(buyer.address)
        article = (await club.paid(buyer, "article")).body["signature"]
        period = await subscribed(club, buyer)
        cases = [
            (str(stranger.address), period, "payment was made from a different wallet"),
            (wallet, article, "payment was for a different product"),
            (wallet, "5" * 88, "payment signature not found or not yet processed"),
        ]
        for who, signature, message in cases:
            said = await activated(club, who, signature)
            assert (said.status, said.code) == (400, "invalid_field")
            assert said.body["error"]["message"] == message
        assert not (await status(club, str(stranger.address)))["active"]

    @pytest.mark.parametrize("storage", ["memory"], indirect=True)
    async def test_money_that_may_go_back_makes_no_period(self, club: Shop) -> None:
        """As long as a refund of it waits; once that is denied, it does."""
        buyer = club.buyer(usdc=GOLD)
        signature = (await club.paid(buyer, "gold")).body["signature"]
        await root(club)
        refund = await Bought(club, buyer, signature).asked(GOLD / 1_000_000)
        said = await activated(club, str(buyer.address), signature)
        assert (said.status, said.code) == (400, "invalid_field")
        assert said.body["error"]["message"] == "payment was refunded, or is to be"
        assert not (await status(club, str(buyer.address)))["active"]
        assert (await deny(club, refund)).status == 200
        assert (await activated(club, str(buyer.address), signature)).status == 200

    async def test_an_hour_later_a_purchase_is_worth_what_a_period_costs(self) -> None:
        """What was cheaper for a while is a period within that hour, and none after it."""
        end = datetime.now(UTC) + timedelta(minutes=30)
        half = {**HALF, "auto_apply": True, "applies_at": "checkout", "expires_at": end.isoformat()}
        coupons = {"coupons": {"HALF": half}}
        async with open_shop(background=False, coupons=coupons, **MEMBERS) as club:
            early, late = club.buyer(usdc=GOLD // 2), club.buyer(usdc=GOLD // 2)
            bought = [(await club.paid(each, "gold")).body["signature"] for each in (early, late)]
            club.clock.forward(timedelta(minutes=59))
            assert (await activated(club, str(early.address), bought[0])).status == 200
            club.clock.forward(timedelta(minutes=2))
            said = await activated(club, str(late.address), bought[1])
            assert (said.status, said.code) == (402, "amount_mismatch")
            assert not (await status(club, str(late.address)))["active"]

    @pytest.mark.parametrize("storage", ["memory"], indirect=True)
    async def test_the_quote_of_a_period_does_not_pay_for_another_product(self, club: Shop) -> None:
        """Its memo is for this product: shown for another it is refused before it is sent."""
        buyer = club.buyer(usdc=GOLD)
        transaction = signed(club, buyer, await quoted(club))
        said = await club.post("/paywall/v1/verify", None, proof(club, transaction, "silver"))
        assert said.status == 400
        assert club.sent() == 0


REFUSED = [
    ({"interval": "monthly"}, 400, "missing_field", "resource is required"),
    ({"resource": "gold"}, 400, "missing_field", "interval is required"),
    ({**MONTHLY, "interval": "hourly"}, 400, "invalid_field", "invalid interval"),
    (
        {**MONTHLY, "interval": "custom"},
        400,
        "invalid_field",
        "intervalDays required for custom interval",
    ),
    ({"resource": "no", "interval": "hourly"}, 400, "invalid_field", "invalid interval"),
    ({**MONTHLY, "resource": "no"}, 404, "resource_not_found", "Resource not found"),
    (
        {**MONTHLY, "resource": "article"},
        400,
        "invalid_field",
        "resource is not configured for subscriptions",
    ),
    (
        {**MONTHLY, "interval": "yearly"},
        400,
        "invalid_field",
        "invalid interval: this resource is billed monthly",
    ),
    (
        {"resource": "quarterly", "interval": "monthly"},
        400,
        "invalid_field",
        "invalid interval: this resource is billed custom with intervalDays 90",
    ),
    ({**MONTHLY, "trialDays": 30}, 400, "invalid_field", "unknown field trialDays"),
]


class TestQuoting:
    """What is priced."""

    @pytest.mark.parametrize("storage", ["memory"], indirect=True)
    @pytest.mark.parametrize(("body", "code", "word", "message"), REFUSED)
    async def test_what_is_refused(
        self, club: Shop, body: Any, code: int, word: str, message: str
    ) -> None:
        """Each by its code, status and words."""
        said = await club.post(f"{PATH}/quote", body)
        assert (said.status, said.code) == (code, word)
        assert said.body["error"]["message"] == message

    @pytest.mark.parametrize("storage", ["memory"], indirect=True)
    async def test_an_interval_has_its_days(self, club: Shop) -> None:
        """A week is also a custom interval of seven days; what cards alone sell has no quote."""
        asked = {"resource": "silver", "interval": "custom", "intervalDays": 7}
        said = await club.post(f"{PATH}/quote", asked)
        assert said.status == 402
        assert said.body["subscription"]["durationSeconds"] == 604_800
        assert said.body["subscription"]["intervalDays"] == 7
        assert _days(said.body["subscription"]) == 7
        card = await club.post(f"{PATH}/quote", {**MONTHLY, "resource": "cards-only"})
        assert card.status == 402
        assert card.body["requirement"] is None

    @pytest.mark.parametrize("storage", ["memory"], indirect=True)
    async def test_coupons_come_off_the_period(self, club: Shop) -> None:
        """As they come off anything, and never the whole of it."""
        half = await quoted(club, couponCode="HALF")
        assert half["maxAmountRequired"] == str(GOLD // 2)
        free = await club.post(f"{PATH}/quote", {**MONTHLY, "couponCode": "FREE"})
        assert (free.status, free.code) == (409, "coupon_not_applicable")


_NOBODY = "subscription not found"
_NOT_PROCESSED = "payment signature not found or not yet processed"
ASKED: list[tuple[str, dict[str, str], int, str, str]] = [
    ("status", {}, 400, "missing_field", "resource is required"),
    ("status", {"resource": "gold"}, 400, "missing_field", "userId is required"),
    ("details", {"userId": "w"}, 400, "missing_field", "resource is required"),
    ("details", {"resource": "gold", "userId": "w"}, 404, "resource_not_found", _NOBODY),
    ("x402/activate", {"wallet": "w"}, 400, "missing_field", "productId is required"),
    ("x402/activate", {"productId": "gold"}, 400, "missing_field", "wallet is required"),
    (
        "x402/activate",
        {"productId": "no", "wallet": "w"},
        404,
        "resource_not_found",
        "Resource not found",
    ),
    (
        "x402/activate",
        {"productId": "article", "wallet": "w"},
        400,
        "invalid_field",
        "product is not configured for subscriptions",
    ),
    (
        "x402/activate",
        {"productId": "cards-only", "wallet": "w"},
        400,
        "invalid_field",
        "product does not allow x402 subscriptions",
    ),
    (
        "x402/activate",
        {"productId": "gold", "wallet": "w", "paymentSignature": "free_1"},
        400,
        "invalid_field",
        _NOT_PROCESSED,
    ),
]


class TestAsking:
    """What has no answer."""

    @pytest.mark.parametrize("storage", ["memory"], indirect=True)
    async def test_each_by_its_code_status_and_words(self, club: Shop) -> None:
        """As the contract has them."""
        for path, asked, code, word, message in ASKED:
            if path.startswith("x402"):
                said = await club.post(f"{PATH}/{path}", asked)
            else:
                query = "&".join(f"{name}={value}" for name, value in asked.items())
                said = await club.get(f"{PATH}/{path}?{query}")
            assert (said.status, said.code) == (code, word), (path, asked)
            assert said.body["error"]["message"] == message


class TestSwitchedOff:
    """A gateway with ``subscriptions.enabled: false``."""

    async def test_it_sells_none_and_lets_nobody_in(self) -> None:
        """Its answers are those for people who never subscribed."""
        async with open_shop(paywall=MEMBERS["paywall"]) as shop:
            for path in ("quote", "x402/activate"):
                body = {**MONTHLY} if path == "quote" else {"productId": "gold", "wallet": "w"}
                said = await shop.post(f"{PATH}/{path}", body)
                assert (said.status, said.code) == (400, "invalid_field")
                assert said.body["error"]["message"] == "subscriptions not enabled"
            assert not (await status(shop, "somebody"))["active"]
