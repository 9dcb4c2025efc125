"""Hostile payment headers: what stands around the transaction, at both faces."""

import base64
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import orjson
import pytest
import pytest_asyncio
from attrs import evolve
from solders.keypair import Keypair

from support.hostile import Stage, honest
from support.shop import (
    ARTICLE,
    COURSE,
    Shop,
    open_shop,
    v0_header,
    v1_header,
    v2_header,
)
from support.untouched import is_offered_anew, untouched
from tillway.core.tenancy import Tenant

pytestmark = pytest.mark.asyncio(loop_scope="module")

Accepted = Mapping[str, Any]

ANOTHER = str(Keypair.from_seed(bytes(range(32))).pubkey())
OTHER_NETWORK = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"
MISMATCH = "invalid_exact_svm_network_mismatch"
UNDECODABLE = "invalid_exact_svm_payload_transaction_could_not_be_decoded"


def text_of(body: object) -> str:
    return base64.b64encode(orjson.dumps(body)).decode()


GARBAGE = {
    "not base64": "%%%",
    "base64 of nothing": "====",
    "not JSON": base64.b64encode(b"\xff\xfe").decode(),
    "cut JSON": base64.b64encode(b'{"x402Version": 2').decode(),
    "a number": text_of(7),
    "a list": text_of([{"x402Version": 2}]),
    "null": text_of(None),
    "an empty object": text_of({}),
    "raw JSON, cut": '{"x402Version": 0',
    "raw JSON of another scheme": '{"x402Version": 0, "scheme": "stripe"}',
    "deep": base64.b64encode(b'{"a":' * 5000 + b"1" + b"}" * 5000).decode(),
    "a version that is true": text_of({"x402Version": True, "scheme": "exact"}),
    "a version that is text": text_of({"x402Version": "2"}),
    "a version to come": text_of({"x402Version": 3, "scheme": "exact"}),
    "a negative version": text_of({"x402Version": -1}),
    "url-safe letters": "e30-_" * 9,
    "more than 16 KiB": "e" * 16_385,
    "bytes of no alphabet": "é" * 40,
    "members of wrong types": text_of(
        {"x402Version": 2, "accepted": {"scheme": "exact", "network": 7}, "payload": []}
    ),
    "no payload": text_of(
        {
            "x402Version": 1,
            "scheme": "exact",
            "network": "solana-devnet",
        }
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop() -> AsyncIterator[Shop]:
    """Give one shop to all attacks: none may leave anything that the next would meet."""
    async with open_shop() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def offer(shop: Shop) -> Accepted:
    found: Accepted = (await shop.offer()).offer
    return found


@pytest_asyncio.fixture(loop_scope="module")
async def stage(shop: Shop, offer: Accepted) -> Stage:
    return Stage(shop, shop.buyer(), note=offer["extra"]["memo"])


class TestGarbage:
    @pytest.mark.parametrize("name", ["X-PAYMENT", "PAYMENT-SIGNATURE"])
    @pytest.mark.parametrize("text", GARBAGE.values(), ids=GARBAGE)
    async def test_it_is_refused_and_offered_anew(self, shop: Shop, name: str, text: str) -> None:
        """An unreadable header is a plain 402 with offers, as the official middlewares do."""
        async with untouched(shop):
            answer = await shop.get("/paywall/article", {name: text})

        assert is_offered_anew(answer, "")
        assert answer.body["error"] in ("invalid_payload", "unsupported_scheme")
        assert answer.receipt is None

    @pytest.mark.parametrize("name", ["X-PAYMENT", "PAYMENT-SIGNATURE"])
    @pytest.mark.parametrize("text", GARBAGE.values(), ids=GARBAGE)
    async def test_verify_answers_a_bad_proof(self, shop: Shop, name: str, text: str) -> None:
        """The same headers are 400 invalid_payment_proof there."""
        async with untouched(shop):
            answer = await shop.post("/paywall/v1/verify", headers={name: text})

        assert (answer.status, answer.code) == (400, "invalid_payment_proof")

    @pytest.mark.parametrize("size", [20_000, 70_000, 200_000])
    async def test_a_huge_header_never_reaches_a_handler(self, shop: Shop, size: int) -> None:
        """Beyond what a server reads at all the answer is a 4xx and the next request works."""
        async with untouched(shop):
            answer = await shop.get("/paywall/article", {"X-PAYMENT": "e" * size})

        assert 400 <= answer.status < 500
        assert (await shop.offer()).status == 402

    async def test_many_headers_are_one_payment_at_most(
        self, shop: Shop, stage: Stage, offer: Accepted
    ) -> None:
        """With both headers the newer version counts; the other is not looked at."""
        header = v2_header(honest(stage), offer) | v1_header(honest(stage))
        before = shop.balance()

        answer = await shop.get("/paywall/article", header)

        assert answer.status == 200
        assert answer.headers["PAYMENT-RESPONSE"]
        assert shop.balance() - before == ARTICLE


def _scheme(accepted: dict[str, Any]) -> None:
    accepted["scheme"] = "upto"


def _chain(accepted: dict[str, Any]) -> None:
    accepted["network"] = "eip155:8453"


def _network(accepted: dict[str, Any]) -> None:
    accepted["network"] = OTHER_NETWORK


def _stranger(accepted: dict[str, Any]) -> None:
    accepted["extra"]["feePayer"] = str(Keypair().pubkey())


def _no_key(accepted: dict[str, Any]) -> None:
    accepted["extra"]["feePayer"] = "no key"


def _merchant(accepted: dict[str, Any]) -> None:
    accepted["extra"]["feePayer"] = accepted["payTo"]


def _spoiled_quote(accepted: dict[str, Any]) -> None:
    quote = accepted["extra"]["quote"]
    accepted["extra"]["quote"] = quote[:40] + ("A" if quote[40] != "A" else "B") + quote[41:]


def _invented_quote(accepted: dict[str, Any]) -> None:
    accepted["extra"]["quote"] = "q1." + "A" * 400


REFUSED_ECHOES: Mapping[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "scheme": (_scheme, "unsupported_scheme"),
    "chain": (_chain, "unsupported_scheme"),
    "network": (_network, MISMATCH),
    "a stranger as fee payer": (
        _stranger,
        "invalid_exact_svm_fee_payer_not_managed_by_facilitator",
    ),
    "no key as fee payer": (_no_key, "invalid_payload"),
    "the merchant as fee payer": (
        _merchant,
        "invalid_exact_svm_fee_payer_not_managed_by_facilitator",
    ),
    "a spoiled quote": (_spoiled_quote, "invalid_payment_proof"),
    "an invented quote": (_invented_quote, "invalid_payment_proof"),
}


class TestEcho:
    @pytest.mark.parametrize(("spoil", "reason"), REFUSED_ECHOES.values(), ids=list(REFUSED_ECHOES))
    async def test_what_names_another_offer_is_refused(
        self,
        shop: Shop,
        stage: Stage,
        offer: Accepted,
        spoil: Callable[[dict[str, Any]], None],
        reason: str,
    ) -> None:
        """The transaction is the one asked for; what is said of it is not."""
        accepted = orjson.loads(orjson.dumps(offer))
        spoil(accepted)

        async with untouched(shop):
            answer = await shop.get("/paywall/article", v2_header(honest(stage), accepted))

        assert answer.body["error"] == reason
        assert is_offered_anew(answer, stage.note)

    @pytest.mark.parametrize(
        ("member", "said"),
        [
            ("amount", "1"),
            ("amount", str(COURSE)),
            ("payTo", ANOTHER),
            ("asset", ANOTHER),
            ("maxTimeoutSeconds", 10**9),
        ],
    )
    async def test_it_changes_neither_price_nor_payee(
        self, shop: Shop, stage: Stage, offer: Accepted, member: str, said: object
    ) -> None:
        """Other terms in the echo are not believed: what was quoted is moved, and no other."""
        before = shop.balance()

        accepted = {**offer, member: said}
        answer = await shop.get("/paywall/article", v2_header(honest(stage), accepted))

        assert answer.status == 200
        assert shop.balance() - before == ARTICLE

    @pytest.mark.parametrize("amount", [1, ARTICLE - 1])
    async def test_an_echoed_bargain_is_refused(
        self, shop: Shop, stage: Stage, offer: Accepted, amount: int
    ) -> None:
        """A transaction over what the echo says, and not what the quote says, pays nothing."""
        transaction = stage.draft(move=stage.move(amount=amount)).raw()
        accepted = {**offer, "amount": str(amount)}

        async with untouched(shop):
            answer = await shop.get("/paywall/article", v2_header(transaction, accepted))

        assert answer.body["error"] == "invalid_exact_svm_payload_amount_mismatch"


class TestAnotherWorld:
    @pytest.mark.parametrize("network", ["mainnet-beta", "testnet", "localnet", "", "Devnet"])
    async def test_version_0_must_name_our_network(
        self, shop: Shop, stage: Stage, network: str
    ) -> None:
        """Byte for byte as it is configured."""
        header = v0_header(honest(stage), "article", network, feePayer=str(stage.sponsor))

        async with untouched(shop):
            verified = await shop.post("/paywall/v1/verify", headers=header)
            bought = await shop.get("/paywall/article", header)

        assert (verified.status, verified.code) == (400, "invalid_payment_proof")
        assert bought.body["error"] == MISMATCH

    @pytest.mark.parametrize("network", ["solana", "solana-testnet", "solana-mainnet"])
    async def test_version_1_must_name_our_network(
        self, shop: Shop, stage: Stage, network: str
    ) -> None:
        """Another cluster of the same family is a mismatch."""
        async with untouched(shop):
            answer = await shop.get("/paywall/article", v1_header(honest(stage), network))

        assert answer.body["error"] == MISMATCH

    async def test_a_quote_for_another_tenant_is_refused(
        self, shop: Shop, stage: Stage, offer: Accepted
    ) -> None:
        """Sealed by the same gateway under the same master key, for another seller."""
        seals = shop.gateway.services.seals
        quote = seals.open(offer["extra"]["quote"], shop.tenant)
        theirs = evolve(quote, tenant=Tenant("another"))
        note, sealed = str(seals.authenticate(theirs)), seals.seal(theirs)

        async with untouched(shop):
            by_quote = await shop.get(
                "/paywall/article",
                v2_header(honest(stage), {**offer, "extra": {**offer["extra"], "quote": sealed}}),
            )
            by_memo = await shop.get(
                "/paywall/article", v1_header(honest(evolve(stage, note=note)))
            )

        assert by_quote.body["error"] == "invalid_payment_proof"
        assert by_memo.body["error"] == "invalid_exact_svm_payload_memo_mismatch"

    async def test_a_quote_for_another_network_is_refused(
        self, shop: Shop, stage: Stage, offer: Accepted
    ) -> None:
        """A gateway on another cluster may share our keys: its quotes buy nothing here."""
        seals = shop.gateway.services.seals
        quote = seals.open(offer["extra"]["quote"], shop.tenant)
        theirs = evolve(quote, network=OTHER_NETWORK)
        note, sealed = str(seals.authenticate(theirs)), seals.seal(theirs)
        accepted = {**offer, "extra": {**offer["extra"], "quote": sealed}}

        async with untouched(shop):
            noted = honest(evolve(stage, note=note))
            by_quote = await shop.get("/paywall/article", v2_header(noted, accepted))
            by_memo = await shop.get("/paywall/article", v1_header(noted))

        assert by_quote.body["error"] == "invalid_exact_svm_network_mismatch"
        assert by_memo.body["error"] == "invalid_exact_svm_payload_memo_mismatch"
