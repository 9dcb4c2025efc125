"""Hostile payments whose fee our wallet would pay, by every dialect and at both faces."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest
import pytest_asyncio
from attrs import frozen

from support.hostile import BARE_ONLY, SPONSORED, Attack, Stage, honest
from support.shop import ARTICLE, Shop, open_shop, v0_header, v1_header, v2_header
from support.untouched import is_offered_anew, untouched
from tillway.adapters.x402.reasons import Reason
from tillway.entrypoints.http.statuses import STATUSES

FEE_PAYER_SPENDS, UNKNOWN_FIFTH = Reason.FEE_PAYER_SPENDS, Reason.UNKNOWN_FIFTH

pytestmark = pytest.mark.asyncio(loop_scope="module")


def against(attacks: Sequence[Attack]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("attack", attacks, ids=[one.name for one in attacks])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop() -> AsyncIterator[Shop]:
    """Give one shop to all attacks: none may leave anything that the next would meet."""
    async with open_shop() as made:
        yield made


@frozen
class Begun:
    """An offer in hand, and a buyer who could pay it."""

    stage: Stage
    offer: Mapping[str, Any]

    @property
    def note(self) -> str:
        return self.stage.note

    def version_0(self, attack: Attack) -> dict[str, str]:
        """Show what an attack builds as clients of Cedros do."""
        return v0_header(
            attack.build(self.stage),
            "article",
            feePayer=str(self.stage.sponsor),
            metadata={"quote": self.offer["extra"]["quote"]},
        )


@pytest_asyncio.fixture(loop_scope="module")
async def begun(shop: Shop) -> Begun:
    offer = (await shop.offer()).offer
    return Begun(Stage(shop, shop.buyer(sol=1), note=offer["extra"]["memo"]), offer)


class TestVersion2:
    @against([*SPONSORED, *BARE_ONLY])
    async def test_it_is_refused_with_its_reason_and_a_fresh_offer(
        self, shop: Shop, begun: Begun, attack: Attack
    ) -> None:
        """402 with the x402 reason and another quote; no receipt, since nothing was sent."""
        header = v2_header(attack.build(begun.stage), begun.offer)

        async with untouched(shop):
            answer = await shop.get("/paywall/article", header)

        assert answer.body["error"] == answer.required["error"] == attack.reason
        assert is_offered_anew(answer, begun.note)
        assert answer.receipt is None

    @against([*SPONSORED, *BARE_ONLY])
    async def test_at_verify_it_is_refused_with_the_code_of_cedros(
        self, shop: Shop, begun: Begun, attack: Attack
    ) -> None:
        """Both faces take every dialect, and one core code has two renderings."""
        header = v2_header(attack.build(begun.stage), begun.offer)

        async with untouched(shop):
            answer = await shop.post("/paywall/v1/verify", headers=header)

        assert (answer.code, answer.status) == (attack.code, STATUSES[attack.code])
        assert answer.required is None
        assert answer.status != 402 or answer.headers["Cache-Control"] == "no-store"

    async def test_what_is_not_spoiled_buys(self, shop: Shop, begun: Begun) -> None:
        """The attacks differ from this payment in the one thing that they are about."""
        before = shop.balance()

        answer = await shop.get("/paywall/article", v2_header(honest(begun.stage), begun.offer))

        assert answer.status == 200
        assert shop.balance() - before == ARTICLE


class TestVersion1:
    @against([attack for attack in [*SPONSORED, *BARE_ONLY] if attack.bound])
    async def test_it_is_refused_with_its_reason_and_a_fresh_offer(
        self, shop: Shop, begun: Begun, attack: Attack
    ) -> None:
        """The same reasons where no quote comes back and only the memo binds the payment."""
        async with untouched(shop):
            answer = await shop.get("/paywall/article", v1_header(attack.build(begun.stage)))

        assert answer.body["error"] == attack.reason
        assert is_offered_anew(answer, begun.note)
        assert answer.receipt is None

    @pytest.mark.parametrize("change", [-1, 1])
    async def test_without_a_memo_the_price_of_now_counts(
        self, shop: Shop, begun: Begun, change: int
    ) -> None:
        """A payment that names nothing is held to the list price, exactly."""
        draft = begun.stage.draft(move=begun.stage.move(amount=ARTICLE + change), after=())

        async with untouched(shop):
            answer = await shop.get("/paywall/article", v1_header(draft.raw()))

        assert answer.body["error"] == "invalid_exact_svm_payload_amount_mismatch"


class TestVersion0:
    @against(SPONSORED)
    async def test_it_is_refused_with_the_code_of_cedros(
        self, shop: Shop, begun: Begun, attack: Attack
    ) -> None:
        """/paywall/v1/verify answers the code with its status, and offers nothing."""
        header = begun.version_0(attack)

        async with untouched(shop):
            answer = await shop.post("/paywall/v1/verify", headers=header)

        assert (answer.code, answer.status) == (attack.code, STATUSES[attack.code])
        assert answer.required is None
        assert answer.status != 402 or answer.headers["Cache-Control"] == "no-store"
        assert answer.receipt is None

    @against(SPONSORED)
    async def test_at_the_resource_it_is_refused_as_any_other(
        self, shop: Shop, begun: Begun, attack: Attack
    ) -> None:
        """The oldest dialect is refused at /paywall/{id} with the x402 reason too."""
        header = begun.version_0(attack)

        async with untouched(shop):
            answer = await shop.get("/paywall/article", header)

        assert answer.body["error"] == attack.reason
        assert is_offered_anew(answer, begun.note)


class TestOneWallet:
    """A small seller is paid into the wallet that pays the fees: its money is within reach."""

    @against([one for one in SPONSORED if one.reason in (FEE_PAYER_SPENDS, UNKNOWN_FIFTH)])
    async def test_its_tokens_cannot_be_moved(self, attack: Attack) -> None:
        """What would use the wallet's signature for more than the fee is refused all the same."""
        async with open_shop(one_wallet=True) as shop:
            assert (await shop.paid(shop.buyer())).status == 200
            offer = (await shop.offer()).offer
            stage = Stage(shop, shop.buyer(), note=offer["extra"]["memo"])
            async with untouched(shop):
                answer = await shop.get("/paywall/article", v2_header(attack.build(stage), offer))

        assert answer.body["error"] == attack.reason
        assert shop.balance() == ARTICLE
