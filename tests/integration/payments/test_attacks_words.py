"""Words of a buyer's that try to stand for ours: keys, names, metadata, signatures."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio
from attrs import evolve
from solders.keypair import Keypair

from support.hostile import Stage, honest
from support.hostile_self_paid import honest_own
from support.shop import (
    ARTICLE,
    COURSE,
    Answer,
    Shop,
    open_shop,
    signature_of,
    v0_header,
    v1_header,
    v2_header,
)
from support.untouched import untouched
from support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANOTHER = str(Keypair.from_seed(bytes(range(32))).pubkey())
VERIFY = "/paywall/v1/verify"
LOOKUP = "/paywall/v1/x402-transaction/verify"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop() -> AsyncIterator[Shop]:
    """Give one shop to all attacks."""
    async with open_shop() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def stage(shop: Shop) -> Stage:
    quoted = await shop.post("/paywall/v1/quote", {"resource": "article"})
    return Stage(shop, shop.buyer(sol=1), note=quoted.body["accepts"][0]["extra"]["memo"])


async def verified(shop: Shop, raw: bytes, resource: str = "article", **payload: Any) -> Answer:
    return await shop.post(VERIFY, headers=v0_header(raw, resource, **payload))


async def _is_claimed(shop: Shop, raw: bytes) -> bool:
    return any(payment.signature == signature_of(raw) for payment in await shop.payments())


class TestSignaturesOfClients:
    """A key is computed from what was signed; no text of a client's is one."""

    @pytest.mark.parametrize("word", ["stripe:x", "stripe:cs_test_1", "x", "1" * 88, ANOTHER])
    async def test_a_junk_transaction_with_a_name_leaves_no_row(
        self, shop: Shop, word: str
    ) -> None:
        """Nothing that failed a check is ever found again as a payment."""
        header = v0_header(b"junk", "article", signature=word)

        async with untouched(shop):
            answer = await shop.post(VERIFY, headers=header)
            found = await shop.get(f"{LOOKUP}?signature={word}")

        assert (answer.status, answer.code) == (400, "invalid_transaction")
        assert (found.status, found.code) == (402, "transaction_not_found")

    @pytest.mark.parametrize("word", ["stripe:x", "1" * 88])
    async def test_a_good_transaction_under_another_name_is_refused(
        self, shop: Shop, stage: Stage, word: str
    ) -> None:
        """The string may only agree with what was signed."""
        async with untouched(shop):
            answer = await verified(shop, honest_own(stage), signature=word)

        assert (answer.status, answer.code) == (400, "invalid_payment_proof")

    async def test_many_names_for_one_transaction_are_one_payment(
        self, shop: Shop, stage: Stage
    ) -> None:
        """Sixteen strings beside one sponsored transaction move its price once."""
        raw, before = honest(stage), shop.balance()
        payments, sponsor = len(await shop.payments()), str(stage.sponsor)

        answers = await asyncio.gather(
            *(verified(shop, raw, signature=f"s{n}", feePayer=sponsor) for n in range(16))
        )

        assert {answer.body["signature"] for answer in answers if answer.status == 200}
        assert shop.balance() - before == ARTICLE
        assert len(await shop.payments()) - payments == 1
        assert len(await shop.events()) == len(await shop.payments())

    async def test_a_payment_on_its_way_verifies_nothing(self, shop: Shop, stage: Stage) -> None:
        """A claim is no payment: it is found only once the money has arrived."""
        raw = honest_own(stage)
        shop.faults.deliver_after_ms = 600
        try:
            paying = asyncio.create_task(verified(shop, raw))
            await until(lambda: _is_claimed(shop, raw))
            during = await shop.get(f"{LOOKUP}?signature={signature_of(raw)}")
            await paying
        finally:
            shop.faults.clear()
        after = await shop.get(f"{LOOKUP}?signature={signature_of(raw)}")

        assert (during.status, during.code) == (402, "transaction_not_found")
        assert after.body["verified"] is True
        assert after.body["resource_id"] == "article"


RESERVED = {
    "resource": "course",
    "resource_id": "course",
    "item_0_resource": "course",
    "item_0_quantity": "99",
    "stripe_session": "cs_1",
    "tillway_tenant": "another",
    "tenant": "another",
    "tenant_id": "another",
    "user_id": "somebody",
    "wallet": str(Keypair().pubkey()),
    "status": "settled",
    "type": "refund",
    "coupon_codes": "HALF,ONCE",
    "coupons": "ONCE",
    "discounted_amount": "0",
    "original_amount": "0",
    "subscription": "sub_1",
    "session_id": "stripe:x",
    "network": "mainnet-beta",
}


class TestMetadata:
    async def test_our_keys_are_nobody_elses(self, shop: Shop, stage: Stage) -> None:
        """Reserved keys change no term and are not stored; the buyer's own are."""
        before = shop.balance()

        answer = await verified(shop, honest_own(stage), metadata={**RESERVED, "order": "17"})
        payment = (await shop.payments())[0]
        event = (await shop.events())[0]

        assert answer.status == 200
        assert answer.body["resource"] == payment.purchase.resource == "article"
        assert answer.body["wallet"] == str(stage.buyer.address)
        assert shop.balance() - before == ARTICLE
        assert dict(payment.metadata) == {"order": "17"}
        assert event.body["metadata"] == {"order": "17"}
        assert event.body["resource"] == "article"
        assert payment.coupons == ()
        assert payment.user_id is None

    @pytest.mark.parametrize(
        "metadata",
        [
            {f"k{n}": "v" for n in range(51)},
            {"k": "v" * 501},
            {"k" * 501: "v"},
            {"k": 1},
            {"k": ["v"]},
            {"k": {"resource_id": "course"}},
            {"k": "\0"},
            {"quote": 7},
            ["resource_id"],
            "resource_id",
        ],
        ids=str,
    )
    async def test_what_cannot_be_kept_is_refused(
        self, shop: Shop, stage: Stage, metadata: object
    ) -> None:
        """Too much, too long, or no text: refused before anything is looked at."""
        async with untouched(shop):
            answer = await verified(shop, honest_own(stage), metadata=metadata)

        assert (answer.status, answer.code) == (400, "invalid_payment_proof")

    @pytest.mark.parametrize("name", ["couponCode", "coupon_code"])
    async def test_a_coupon_in_it_lowers_no_quoted_price(
        self, shop: Shop, stage: Stage, name: str
    ) -> None:
        """Half the money, with the memo of the whole price and a coupon named afterwards."""
        half = evolve(stage, price=ARTICLE // 2 + 5_000)

        async with untouched(shop):
            answer = await verified(shop, honest_own(half), metadata={name: "HALF"})

        assert answer.code in ("invalid_memo", "amount_mismatch", "amount_below_minimum")

    async def test_a_limited_coupon_counts_only_when_it_was_quoted(
        self, shop: Shop, stage: Stage
    ) -> None:
        """Without a quote or a memo that covers its code it takes nothing off."""
        sponsor = str(stage.sponsor)
        move = stage.move(amount=ARTICLE // 2 + 5_000)
        raw = stage.draft(move=move, after=()).raw()

        async with untouched(shop):
            answer = await verified(shop, raw, feePayer=sponsor, metadata={"couponCode": "ONCE"})

        assert (answer.status, answer.code) == (402, "amount_below_minimum")


class TestNamesOfResources:
    @pytest.mark.parametrize("resource", ["book", "course", "nothing", "Article", "article "])
    async def test_a_memo_buys_only_what_it_was_written_for(
        self, shop: Shop, stage: Stage, resource: str
    ) -> None:
        """The resource in the payload is compared with the memo, whatever it costs."""
        async with untouched(shop):
            answer = await verified(shop, honest_own(stage), resource)

        assert answer.status in (400, 404)
        assert answer.code in ("invalid_memo", "resource_not_found", "invalid_resource")

    @pytest.mark.parametrize(
        ("kind", "code"),
        [("cart", "cart_not_found"), ("refund", "refund_not_found"), ("gift", "invalid_field")],
    )
    async def test_a_type_does_not_turn_it_into_something_else(
        self, shop: Shop, stage: Stage, kind: str, code: str
    ) -> None:
        """There is no cart and no refund under a product's id."""
        async with untouched(shop):
            answer = await verified(shop, honest_own(stage), resourceType=kind)

        assert answer.code == code

    async def test_the_path_counts_where_there_is_one(self, shop: Shop, stage: Stage) -> None:
        """An article's payment, named so, does not buy the course at whose path it is shown."""
        async with untouched(shop):
            answer = await shop.get("/paywall/course", v0_header(honest_own(stage), "article"))

        assert answer.body["error"] == "invalid_exact_svm_payload_memo_mismatch"
        assert answer.offer["amount"] == str(COURSE)


class TestVerifyWithoutAQuote:
    """Version 1 says in the query what it is for, version 2 by the address it was offered at."""

    @pytest.mark.parametrize("resource", ["book", "course", "nothing", "", "Article"])
    async def test_a_memo_moves_to_nothing_else(
        self, shop: Shop, stage: Stage, resource: str
    ) -> None:
        """Whatever the buyer says, his memo was written for the article."""
        offer = (await shop.offer()).offer
        raw = honest(evolve(stage, note=offer["extra"]["memo"]))
        bare = {**offer, "extra": {"feePayer": str(stage.sponsor)}}
        echoed = {"url": f"http://elsewhere.test/paywall/{resource}"}

        async with untouched(shop):
            answers = [
                await shop.post(f"{VERIFY}?resource={resource}", None, v1_header(raw)),
                await shop.post(VERIFY, None, v2_header(raw, bare, resource=echoed)),
                await shop.post(f"{VERIFY}?resource={resource}", None, v2_header(raw, bare)),
            ]

        assert {answer.code for answer in answers} <= {
            "invalid_memo",
            "resource_not_found",
            "invalid_resource",
            "missing_field",
        }

    async def test_named_rightly_it_buys(self, shop: Shop, stage: Stage) -> None:
        """The same payment, with its own resource in the query."""
        offer = (await shop.offer()).offer
        raw = honest(evolve(stage, note=offer["extra"]["memo"]))

        answer = await shop.post(f"{VERIFY}?resource=article", None, v1_header(raw))

        assert answer.status == 200
        assert answer.body["resource"] == "article"


class TestJson:
    @pytest.mark.parametrize(
        "text",
        ['%s {"x402Version": 1}', "%s trailing", "[%s]"],
        ids=["a second object", "trailing text", "a list"],
    )
    async def test_one_object_and_nothing_beside_it(
        self, shop: Shop, stage: Stage, text: str
    ) -> None:
        """What follows or surrounds the payment makes it none."""
        header = v0_header(honest_own(stage), "article")["X-PAYMENT"]
        around = text % base64.b64decode(header).decode()

        async with untouched(shop):
            encoded = base64.b64encode(around.encode()).decode()
            answer = await shop.post(VERIFY, headers={"X-PAYMENT": encoded})

        assert (answer.status, answer.code) == (400, "invalid_payment_proof")

    async def test_names_are_told_apart_by_case(self, shop: Shop, stage: Stage) -> None:
        """`Payload` is another member than `payload`."""
        header = v0_header(honest_own(stage), "article")["X-PAYMENT"]
        body = orjson.loads(base64.b64decode(header))
        body["Payload"] = body.pop("payload")

        async with untouched(shop):
            encoded = base64.b64encode(orjson.dumps(body)).decode()
            answer = await shop.post(VERIFY, headers={"X-PAYMENT": encoded})

        assert (answer.status, answer.code) == (400, "invalid_payment_proof")
