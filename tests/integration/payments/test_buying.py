"""Buying by every dialect, over HTTP, on a real chain and both stores."""

import asyncio
import base64

import pytest
from attrs import evolve
from solders.message import to_bytes_versioned
from solders.transaction import VersionedTransaction

from support.chain import Wallet
from support.shop import (
    ARTICLE,
    COUPONS,
    Shop,
    open_shop,
    signature_of,
    v0_header,
    v1_header,
    v2_header,
)
from tillway.core.payments import Purchase
from tillway.core.quotes import Purpose
from tillway.core.services.catalogue.catalogues import FixedCatalogue, JoinedCatalogue
from tillway.core.services.paying.free import FREE_AN_HOUR
from tillway.core.services.subjects import Products
from tillway.core.tenancy import DEFAULT


class TestVersion2:
    async def test_a_purchase_moves_the_price_and_grants(self, shop: Shop) -> None:
        """The merchant has exactly the price, and the buyer a grant with a receipt."""
        buyer = shop.buyer()

        answer = await shop.paid(buyer)

        assert answer.status == 200
        assert answer.body["granted"] is True
        assert answer.body["wallet"] == str(buyer.address)
        assert answer.receipt["success"] is True
        assert answer.receipt["transaction"] == answer.body["signature"]
        assert shop.balance() == ARTICLE

    async def test_the_buyer_needs_no_sol(self, shop: Shop) -> None:
        """The sponsor pays the network fee."""
        before = shop.sponsored()

        answer = await shop.paid(shop.buyer(sol=0))

        assert answer.status == 200
        assert before - shop.sponsored() == 10_001

    async def test_a_lost_reply_is_free_with_the_sealed_quote(self, shop: Shop) -> None:
        """The same proof with its quote gets the very same answer and moves nothing."""
        asked = await shop.offer()
        header = v2_header(shop.sign(shop.buyer(), asked.offer), asked.offer)
        first = await shop.get("/paywall/article", header)

        again = await shop.get("/paywall/article", header)

        assert (again.status, again.body) == (200, first.body)
        assert again.receipt == first.receipt
        assert shop.balance() == ARTICLE

    async def test_sixty_four_at_once_buy_one(self, shop: Shop) -> None:
        """The same proof many times at once lands once, and every asker has the one grant."""
        asked = await shop.offer()
        header = v2_header(shop.sign(shop.buyer(), asked.offer), asked.offer)

        answers = await asyncio.gather(*(shop.get("/paywall/article", header) for _ in range(64)))

        assert {answer.status for answer in answers} == {200}
        assert len({answer.body["signature"] for answer in answers}) == 1
        assert shop.balance() == ARTICLE
        async with shop.gateway.store.view() as view:
            assert len(await view.payments.newest(DEFAULT, 10)) == 1
            assert len(await view.events.newest(DEFAULT, 10)) == 1


class TestVersion1:
    async def test_a_legacy_client_without_memo_pays_the_price_of_now(self, shop: Shop) -> None:
        """No memo, no quote: the list price buys."""
        offer = (await shop.offer()).offer
        transaction = shop.sign(shop.buyer(), offer, note=b"")

        answer = await shop.get("/paywall/article", v1_header(transaction))

        assert answer.status == 200
        assert answer.receipt["network"] == "solana-devnet"
        assert shop.balance() == ARTICLE

    async def test_a_memo_of_ours_is_enough(self, shop: Shop) -> None:
        """The authenticator vouches for the price without the sealed quote."""
        offer = (await shop.offer()).offer

        answer = await shop.get("/paywall/article", v1_header(shop.sign(shop.buyer(), offer)))

        assert answer.status == 200


class TestVersion0:
    async def test_a_buyer_who_pays_the_fee_is_granted(self, shop: Shop) -> None:
        """Quote, transfer and verify as the Cedros client does."""
        buyer = shop.buyer(sol=1)
        quoted = await shop.post("/paywall/v1/quote", {"resource": "article", "couponCode": None})
        transaction = shop.sign_old(buyer, quoted.body["accepts"][0])

        answer = await shop.post("/paywall/v1/verify", headers=v0_header(transaction, "article"))

        assert quoted.status == 402
        assert answer.status == 200
        assert answer.body["resource"] == "article"
        assert answer.receipt == {
            "success": True,
            "error": None,
            "txHash": signature_of(transaction),
            "networkId": "devnet",
        }

    async def test_a_transaction_of_ours_needs_only_a_signature(self, shop: Shop) -> None:
        """Gasless: the gateway builds, the buyer signs, the sponsor pays."""
        buyer = shop.buyer()
        signed = await _gasless(shop, buyer, "article")

        answer = await shop.post(
            "/paywall/v1/verify",
            headers=v0_header(signed, "article", feePayer=str(shop.sponsor.address)),
        )

        assert answer.status == 200
        assert shop.balance() == ARTICLE


async def _gasless(shop: Shop, buyer: Wallet, resource: str) -> bytes:
    built = await shop.post(
        "/paywall/v1/gasless-transaction",
        {"resourceId": resource, "userWallet": str(buyer.address)},
    )
    assert built.status == 200, built.body
    unsigned = VersionedTransaction.from_bytes(base64.b64decode(built.body["transaction"]))
    place = unsigned.message.account_keys.index(buyer.address)
    signatures = list(unsigned.signatures)
    signatures[place] = buyer.keypair.sign_message(to_bytes_versioned(unsigned.message))
    return bytes(VersionedTransaction.populate(unsigned.message, signatures))


class TestCoupons:
    async def test_a_limited_coupon_is_redeemed_once(self, shop: Shop) -> None:
        """Two quotes with it can be had; only one can be paid."""
        first, second = [await shop.offer("article", "?couponCode=ONCE") for _ in range(2)]
        headers = [
            v2_header(shop.sign(shop.buyer(), asked.offer), asked.offer)
            for asked in (first, second)
        ]

        paid = await shop.get("/paywall/article?couponCode=ONCE", headers[0])
        refused = await shop.get("/paywall/article?couponCode=ONCE", headers[1])

        assert paid.status == 200
        assert refused.status == 402
        assert refused.body["error"] == "coupon_usage_limit_reached"
        assert refused.offer["amount"] == str(ARTICLE)
        assert shop.balance() == ARTICLE // 2 + 5_000  # rounded up to the cent

    async def test_what_costs_nothing_is_granted_and_counted(self, shop: Shop) -> None:
        """A coupon of 100 % grants as often as its limit says."""
        answers = [await shop.get("/paywall/article?couponCode=FREE") for _ in range(3)]

        assert [answer.status for answer in answers] == [200, 200, 402]
        assert answers[0].body["method"] == "free"

    @pytest.mark.parametrize("code", ["NOSUCH", "x" * 300, "a,b", "\x7f"])
    async def test_an_unknown_coupon_is_ignored(self, shop: Shop, code: str) -> None:
        """As in Cedros, unless coupons.strict is set."""
        answer = await shop.post(
            "/paywall/v1/quote", {"resource": "article", "couponCode": code[:255]}
        )

        assert answer.body["accepts"][0]["maxAmountRequired"] == str(ARTICLE)


class TestVerifyTakesEveryDialect:
    async def test_version_1_names_the_resource_in_the_query(self, shop: Shop) -> None:
        """It has no other place for it."""
        offer = (await shop.offer()).offer
        header = v1_header(shop.sign(shop.buyer(), offer))

        unnamed = await shop.post("/paywall/v1/verify", headers=header)
        answer = await shop.post("/paywall/v1/verify?resource=article", headers=header)

        assert (unnamed.status, unnamed.code) == (400, "missing_field")
        assert answer.status == 200

    async def test_version_2_is_known_by_its_quote_or_by_its_address(self, shop: Shop) -> None:
        """With the quote, and with the address alone."""
        for extra in ("quote", "none"):
            offer = (await shop.offer()).offer
            accepted = {**offer, "extra": {**offer["extra"]}}
            if extra == "none":
                del accepted["extra"]["quote"]
            place = {"url": f"{shop.address}/paywall/article"}
            header = v2_header(shop.sign(shop.buyer(), offer), accepted, resource=place)

            answer = await shop.post("/paywall/v1/verify", headers=header)

            assert answer.status == 200, answer.body


class TestWhatWasPromised:
    async def test_a_sealed_quote_is_good_when_the_product_is_gone(self) -> None:
        """Design 5: the quote fixes what the buyer saw."""
        async with open_shop() as shop:
            asked = await shop.offer()
            header = v2_header(shop.sign(shop.buyer(), asked.offer), asked.offer)
            _take_away(shop)

            answer = await shop.get("/paywall/article", header)

            assert (await shop.get("/paywall/article")).status == 404
            assert answer.status == 200

    async def test_a_coupon_that_is_switched_off_keeps_its_limit(self) -> None:
        """Two quotes with a coupon for one: switched off, it still redeems once."""
        async with open_shop() as shop:
            path = "/paywall/article?couponCode=ONCE"
            headers = []
            for _ in range(2):
                asked = await shop.get(path)
                headers.append(v2_header(shop.sign(shop.buyer(), asked.offer), asked.offer))
            _switch_off(shop)

            statuses = sorted([(await shop.get(path, header)).status for header in headers])

            assert statuses == [200, 402]

    async def test_what_costs_nothing_takes_no_payment(self) -> None:
        """Nobody is sponsored for a transfer of nothing."""
        async with open_shop() as shop:
            offer = (await shop.offer()).offer
            transaction = shop.sign(shop.buyer(), offer, amount=0, note=b"")
            before = shop.sponsored()

            answer = await shop.get("/paywall/article?couponCode=FREE", v1_header(transaction))

            assert answer.status != 200
            assert shop.sponsored() == before

    async def test_one_address_is_given_so_much_for_nothing(self) -> None:
        """Each grant is a row and an event, so there is an end to them."""
        always = {**COUPONS["FREE"], "usage_limit": None}
        async with open_shop(coupons={"coupons": {"FREE": always}}) as shop:
            path = "/paywall/article?couponCode=FREE"
            statuses = [(await shop.get(path)).status for _ in range(FREE_AN_HOUR + 1)]

            assert statuses == [200] * FREE_AN_HOUR + [429]


def _catalogue(shop: Shop) -> JoinedCatalogue:
    found = shop.gateway.catalogue
    assert isinstance(found, JoinedCatalogue)
    return found


def _take_away(shop: Shop) -> None:
    """Sell nothing any more, as a gateway with other settings would."""
    products = shop.gateway.quote.subjects.of(
        Purchase(tenant=DEFAULT, purpose=Purpose.PURCHASE, resource="article")
    )
    assert isinstance(products, Products)
    products.catalogue = evolve(_catalogue(shop), of_products=FixedCatalogue((), ()))


def _switch_off(shop: Shop) -> None:
    """Have no coupons any more, as a gateway with other settings would."""
    shop.gateway.quote.catalogue = evolve(_catalogue(shop), of_coupons=FixedCatalogue((), ()))
