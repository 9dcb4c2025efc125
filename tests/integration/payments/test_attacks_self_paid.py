"""Hostile payments whose fee the buyer pays: only the oldest dialect has them."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from support.hostile import Attack, Stage
from support.hostile_self_paid import SELF_PAID, honest_own, own
from support.shop import ARTICLE, Shop, open_shop, v0_header
from support.transactions import account_of, memo
from support.untouched import is_offered_anew, untouched
from tillway.entrypoints.http.statuses import STATUSES

pytestmark = pytest.mark.asyncio(loop_scope="module")

ATTACKS = pytest.mark.parametrize("attack", SELF_PAID, ids=[one.name for one in SELF_PAID])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop() -> AsyncIterator[Shop]:
    """Give one shop to all attacks: none may leave anything that the next would meet."""
    async with open_shop() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def stage(shop: Shop) -> Stage:
    quoted = await shop.post("/paywall/v1/quote", {"resource": "article"})
    return Stage(shop, shop.buyer(sol=1), note=quoted.body["accepts"][0]["extra"]["memo"])


class TestRefusal:
    @ATTACKS
    async def test_verify_answers_the_code_of_cedros(
        self, shop: Shop, stage: Stage, attack: Attack
    ) -> None:
        """The code with its status, no offer, nothing sent, and nothing stored."""
        async with untouched(shop):
            header = v0_header(attack.build(stage), "article")
            answer = await shop.post("/paywall/v1/verify", headers=header)

        assert (answer.code, answer.status) == (attack.code, STATUSES[attack.code])
        assert answer.required is None
        assert answer.status != 402 or answer.headers["Cache-Control"] == "no-store"

    @ATTACKS
    async def test_the_resource_answers_the_reason_and_a_fresh_offer(
        self, shop: Shop, stage: Stage, attack: Attack
    ) -> None:
        """402 with the x402 reason, for the buyer to try anew."""
        async with untouched(shop):
            answer = await shop.get("/paywall/article", v0_header(attack.build(stage), "article"))

        assert answer.body["error"] == attack.reason
        assert is_offered_anew(answer, stage.note.rpartition(":")[2])
        assert answer.receipt is None

    async def test_what_is_not_spoiled_buys(self, shop: Shop, stage: Stage) -> None:
        """The attacks differ from this payment in the one thing that they are about."""
        before = shop.balance()

        answer = await shop.post(
            "/paywall/v1/verify", headers=v0_header(honest_own(stage), "article")
        )

        assert answer.status == 200
        assert shop.balance() - before == ARTICLE


class TestWhoPaid:
    async def test_a_first_transfer_to_another_does_not_change_the_payer(
        self, shop: Shop, stage: Stage
    ) -> None:
        """The wallet in the grant is the authority of the transfer that paid."""
        friend = shop.buyer()
        decoy = stage.move(
            authority=friend.address, destination=account_of(stage.buyer.address), amount=1
        )
        raw = own(
            stage,
            decoy.plain(),
            stage.move().plain(),
            memo(stage.note),
            signers=(stage.buyer.keypair, friend.keypair),
        )

        answer = await shop.post("/paywall/v1/verify", headers=v0_header(raw, "article"))

        assert answer.status == 200
        assert answer.body["wallet"] == str(stage.buyer.address)
