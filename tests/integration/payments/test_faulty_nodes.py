"""Nodes that fail, lag, forget, drop and contradict each other: no answer is ever wrong."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from support.chain import Wallet
from support.shop import (
    ARTICLE,
    Answer,
    Shop,
    another_gateway,
    open_shop,
    v1_header,
    v2_header,
)
from support.untouched import untouched
from support.waiting import until
from support.worse import worse
from tillway.adapters.x402.transaction import decode
from tillway.core.contracts.counts import FULL, count
from tillway.core.payments import Payment, PaymentKey, State
from tillway.entrypoints.sandbox.chain import Faults, Kind, serve_chain

SEEDS = count(2, 60)
BUYERS = 24
TROUBLE = 3.0
"""Seconds during which buyers come in and nodes go wrong."""
PATH = "/paywall/article"
QUICK: dict[str, Any] = {"confirm_wait": "500ms", "claim_lease": "1s", "confirm_poll": "50ms"}
PATIENT: dict[str, Any] = {"circuit_breaker": {"enabled": False}}
"""An open circuit is no answer either; here every call is made."""

BROKEN = [Kind.HTTP_500, Kind.HTTP_429, Kind.TRUNCATED, Kind.RESET, Kind.ERROR]
if FULL:
    BROKEN.append(Kind.HANG)  # each one costs ten seconds


@asynccontextmanager
async def two_nodes(*, slot_ms: int = 400, **x402: Any) -> AsyncIterator[tuple[Shop, Faults]]:
    """Open a shop that knows two nodes of its chain; give the second one's faults too."""
    async with open_shop(slot_ms=slot_ms, background=False) as first:
        faults = Faults()
        async with serve_chain(first.chain, faults=faults) as node:
            settings = {**QUICK, **x402, "rpc_urls": [node.rpc_url]}
            async with another_gateway(first, x402=settings, **PATIENT) as shop:
                yield shop, faults


def is_pending(answer: Answer) -> bool:
    """Tell whether it says that money may be moving: signature, time, and nothing to pay."""
    pending = (answer.status, answer.code) == (402, "transaction_not_confirmed")
    if pending:
        assert answer.required is None
        assert "accepts" not in answer.body
        assert int(answer.headers["Retry-After"]) >= 1
        assert answer.headers["Cache-Control"] == "no-store"
    return pending


def shows_its_signature(answer: Answer, payments: Sequence[Payment]) -> bool:
    receipt = answer.receipt
    assert (receipt["success"], receipt["errorReason"]) == (False, "settlement_pending")
    return receipt["transaction"] in {payment.signature for payment in payments}


async def is_over(shop: Shop) -> bool:
    return not any(payment.is_live for payment in await shop.payments())


def landed(shop: Shop, payment: Payment) -> bool:
    """Ask the chain itself whether the money moved."""
    found = shop.chain.landings.get(payment.signature)
    return found is not None and found.err is None


async def assert_true_to_the_chain(shop: Shop) -> None:
    """Settled means landed without an error, failed means not; every cent is accounted for."""
    payments = await shop.payments()
    for payment in payments:
        if payment.state is State.SETTLED:
            assert landed(shop, payment)
        if payment.state is State.FAILED:
            assert not landed(shop, payment)
    settled = [payment for payment in payments if payment.state is State.SETTLED]
    if not any(payment.is_live for payment in payments):
        assert shop.balance() == sum(payment.amount.minor for payment in settled)
    signatures = {event.body["proofSignature"] for event in await shop.events()}
    assert signatures == {payment.signature for payment in settled}
    assert len(await shop.events()) == len(settled)


class TestOneFault:
    @pytest.mark.parametrize("kind", BROKEN)
    @pytest.mark.parametrize("method", ["simulateTransaction", "sendTransaction", "*"])
    async def test_a_second_node_hides_the_first_one_s_failure(
        self, kind: Kind, method: str
    ) -> None:
        """The buyer hears nothing of it, and pays once."""
        async with two_nodes() as (shop, _):
            shop.faults.spoil(kind, method)
            answer = await persistent(shop, await proof(shop, shop.buyer()))
            await assert_true_to_the_chain(shop)

        assert answer.status == 200
        assert shop.balance() == ARTICLE

    @pytest.mark.parametrize("kind", [one for one in BROKEN if one is not Kind.HANG])
    async def test_a_check_without_any_node_refuses_and_leaves_nothing(self, kind: Kind) -> None:
        """A 5xx that may be tried again, for a payment that was not begun."""
        async with open_shop(x402=QUICK, **PATIENT) as shop:
            header = await proof(shop, shop.buyer())
            shop.faults.spoil(kind, "simulateTransaction")
            async with untouched(shop):
                answer = await shop.get(PATH, header)
            shop.faults.clear()
            again = await shop.get(PATH, header)

        assert answer.status in (502, 503)
        assert answer.body["error"]["retryable"] is True
        assert answer.code in ("rpc_error", "network_error", "service_unavailable")
        assert answer.required is None
        assert again.status == 200

    @pytest.mark.parametrize("effective", [True, False], ids=["after sending", "before"])
    @pytest.mark.parametrize("kind", [one for one in BROKEN if one is not Kind.HANG])
    async def test_a_lost_reply_to_sending_loses_nothing(self, kind: Kind, effective: bool) -> None:
        """Whether the bytes went out or not: never an offer, and in the end one payment."""
        async with open_shop(x402=QUICK, **PATIENT) as shop:
            shop.faults.spoil(kind, "sendTransaction", times=2, effective=effective)
            header = await proof(shop, shop.buyer())
            first = await shop.get(PATH, header)
            answer = await persistent(shop, header)
            await assert_true_to_the_chain(shop)

        assert first.status == 200 or is_pending(first)
        assert answer.status == 200
        assert shop.balance() == ARTICLE

    async def test_a_refusal_by_another_node_makes_nobody_pay_twice(self) -> None:
        """The first node took the bytes, its answer was lost, and the second one lags."""
        lagging: dict[str, Any] = {"code": -32002, "message": "custom program error: 0x1"}
        async with two_nodes() as (shop, second):
            shop.faults.spoil(Kind.HTTP_500, "sendTransaction", times=1, effective=True)
            second.spoil(Kind.ERROR, "sendTransaction", times=1, **lagging)
            header = await proof(shop, shop.buyer())
            first = await shop.get(PATH, header)
            answer = await persistent(shop, header)
            await assert_true_to_the_chain(shop)

        assert first.status == 200 or is_pending(first)
        assert answer.status == 200
        assert shop.balance() == ARTICLE

    @pytest.mark.parametrize("kind", [one for one in BROKEN if one is not Kind.HANG])
    async def test_nobody_is_told_no_while_statuses_cannot_be_had(self, kind: Kind) -> None:
        """Pending, with the signature, until a node answers again."""
        async with open_shop(x402=QUICK, **PATIENT) as shop:
            shop.faults.mute = True
            shop.faults.spoil(kind, "getSignatureStatuses")
            header = await proof(shop, shop.buyer())
            first, second = await shop.get(PATH, header), await shop.get(PATH, header)
            payments = await shop.payments()
            shop.faults.clear()
            answer = await persistent(shop, header)
            await assert_true_to_the_chain(shop)

        for early in (first, second):
            assert is_pending(early)
            assert shows_its_signature(early, payments)
        assert answer.status == 200


class TestDisagreement:
    async def test_two_nodes_that_contradict_each_other_decide_nothing(self) -> None:
        """One says that it failed, the other that it did not: pending, until they agree."""
        error = {"InstructionError": [2, {"Custom": 1}]}
        async with two_nodes() as (shop, second):
            shop.faults.mute = second.mute = True
            header = await proof(shop, shop.buyer())
            shop.faults.spoil(
                Kind.ANSWER, "getSignatureStatuses", result=_status(shop, error, "finalized")
            )
            first = await shop.get(PATH, header)
            await asyncio.sleep(2.5)  # the resolver looks at all nodes meanwhile
            between = (await shop.payments())[0]
            shop.faults.clear()
            answer = await persistent(shop, header)
            await assert_true_to_the_chain(shop)

        assert first.status == 402
        assert between.is_live or between.state is State.SETTLED
        assert answer.status == 200

    @pytest.mark.parametrize("level", ["processed", "confirmed"])
    async def test_an_error_that_is_not_final_fails_nothing(self, level: str) -> None:
        """It may be told to the buyer once confirmed; the row waits for proof."""
        async with open_shop(x402=QUICK, **PATIENT) as shop:
            shop.faults.mute = True
            error = {"InstructionError": [2, {"Custom": 1}]}
            lie = {
                "context": {"slot": shop.chain.slots.now},
                "value": [_status(shop, error, level)],
            }
            shop.faults.spoil(Kind.ANSWER, "getSignatureStatuses", result=lie)
            header = await proof(shop, shop.buyer())
            await shop.get(PATH, header)
            await asyncio.sleep(1.5)
            before = (await shop.payments())[0]
            shop.faults.clear()
            await until(lambda: is_over(shop))
            await assert_true_to_the_chain(shop)
            after = (await shop.payments())[0]

        assert before.is_live
        assert after.state is State.SETTLED


def _status(shop: Shop, err: object, level: str) -> Mapping[str, object]:
    slot = shop.chain.slots.now
    told = {"slot": slot, "confirmations": 1, "err": err, "confirmationStatus": level}
    return {"context": {"slot": slot}, "value": [told]}


class TestResolver:
    """Payments that one process began are finished by another."""

    @asynccontextmanager
    async def begun(self, folder: Path, faults: Faults) -> AsyncIterator["Begun"]:
        """Begin a payment that stays open, in a process that then does nothing more for it."""
        place = {"backend": "file", "file_path": str(folder / "tillway.db")}
        settings: dict[str, Any] = {"storage": place, "background": False, **PATIENT}
        async with open_shop(x402={**QUICK, "confirm_wait": "50ms"}, **settings) as shop:
            shop.faults.update(faults)
            header = await proof(shop, shop.buyer())
            assert is_pending(await shop.get(PATH, header))
            shop.clock.forward(timedelta(seconds=91))  # its patience with the chain is over
            await until(lambda: _is_left(shop))
            async with another_gateway(shop, x402=QUICK, **settings) as other:
                yield Begun(shop, other, header)

    async def test_what_landed_is_settled(self, tmp_path: Path) -> None:
        """The money had arrived while nobody could see it."""
        blind = Faults(mute=True)
        blind.spoil(Kind.HTTP_500, "getSignatureStatuses")
        async with self.begun(tmp_path, blind) as begun:
            begun.other.faults.clear()
            ended = await begun.resolved()
            answer = await begun.other.get(PATH, begun.header)
            await assert_true_to_the_chain(begun.other)

        assert ended.state is State.SETTLED
        assert answer.status == 200
        assert not ended.owner.startswith(begun.first_process)

    async def test_what_was_dropped_fails_by_proof_of_heights(self, tmp_path: Path) -> None:
        """Only once a finalized height is past the last block that could hold it."""
        async with self.begun(tmp_path, Faults(drop_all=True)) as begun:
            ended = await begun.resolved()
            answer = await begun.other.get(PATH, begun.header)
            await assert_true_to_the_chain(begun.other)

        assert (ended.state, ended.code) == (State.FAILED, "transaction_expired")
        assert answer.status == 402
        assert answer.required is not None

    @pytest.mark.parametrize(
        "blind",
        [Faults(behind_slots=4000), Faults(first_available_slot=10**9)],
        ids=["a node that lags", "a node without history"],
    )
    async def test_what_cannot_be_proven_stays_open(self, tmp_path: Path, blind: Faults) -> None:
        """A null from such a node is no proof, however long it goes on."""
        async with self.begun(tmp_path, Faults(drop_all=True)) as begun:
            begun.other.faults.update(blind)
            for _ in range(3):
                still = await begun.looked_at()
            answer = await begun.other.get(PATH, begun.header)
            begun.other.faults.clear()
            ended = await begun.resolved()

        assert still.is_live
        assert is_pending(answer)
        assert ended.state is State.FAILED

    async def test_it_is_sent_again_while_it_can_land(self, tmp_path: Path) -> None:
        """A process that begins after a crash sends exactly the stored bytes."""
        place = {"backend": "file", "file_path": str(tmp_path / "tillway.db")}
        settings: dict[str, Any] = {"storage": place, "background": False, **PATIENT}
        async with open_shop(x402={**QUICK, "confirm_wait": "50ms"}, **settings) as shop:
            shop.faults.drop_all = True
            header = await proof(shop, shop.buyer())
            await shop.get(PATH, header)
            await _abandon(shop)
            shop.faults.clear()
            async with another_gateway(shop, x402=QUICK, **settings) as other:
                shop.clock.forward(timedelta(seconds=2))
                await other.gateway.services.resolve.once()
                answer = await other.get(PATH, header)
                await assert_true_to_the_chain(other)

        assert answer.status == 200
        assert shop.balance() == ARTICLE


async def _abandon(shop: Shop) -> None:
    """Have a process stop working on its payments as if it had died: nothing is written."""
    services = shop.gateway.services
    for task in list(services.settle._running.values()):
        task.cancel()
    await asyncio.sleep(0)


@frozen
class Begun:
    """A payment, the process that began it, and another one."""

    shop: Shop
    other: Shop
    header: Mapping[str, str]

    @property
    def first_process(self) -> str:
        return self.shop.gateway.services.leases.process

    async def looked_at(self) -> Payment:
        """Have the other process look at it once, after the lease."""
        self.shop.clock.forward(timedelta(seconds=2))
        looking = asyncio.create_task(self.other.gateway.services.resolve.once())
        await asyncio.wait({looking}, timeout=1)
        if not looking.done():  # it is sent once more, and waited for
            self.shop.clock.forward(timedelta(seconds=91))
        await asyncio.wait_for(looking, 20)
        return (await self.other.payments())[0]

    async def resolved(self) -> Payment:
        """Have it looked at until it has ended."""
        for _ in range(20):
            found = await self.looked_at()
            if not found.is_live:
                return found
        return found


async def _is_left(shop: Shop) -> bool:
    return (await shop.payments())[0].state is State.UNRESOLVED


async def proof(shop: Shop, buyer: Wallet, *, bare: bool = False) -> dict[str, str]:
    offer = (await shop.offer()).offer
    raw = shop.sign(buyer, offer)
    return v1_header(raw) if bare else v2_header(raw, offer)


async def persistent(shop: Shop, header: Mapping[str, str], seconds: float = 30.0) -> Answer:
    """Ask with the same proof until there is a yes, or a no with an offer."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        answer = await shop.get(PATH, header)
        final = answer.status == 200 or answer.required is not None
        if final or asyncio.get_running_loop().time() > deadline:
            return answer
        await asyncio.sleep(0.05)


# Everything at once


async def chaos(shop: Shop, nodes: Sequence[Faults], chance: random.Random) -> None:
    while True:
        faults = chance.choice(nodes)
        worse(faults, chance, shop.clock.seconds(), [0, 200, 2_000])
        await asyncio.sleep(chance.uniform(0.02, 0.2))
        if chance.random() < 0.4:
            faults.clear()


@frozen(kw_only=True)
class Told:
    """What a buyer was told about one of his payments."""

    key: str
    answers: Sequence[Answer]

    @property
    def offered_again(self) -> bool:
        """Tell whether he was invited to pay anew."""
        return any(answer.required is not None for answer in self.answers)


async def stubborn(shop: Shop, chance: random.Random, until_: asyncio.Event) -> Told:
    """Show one proof again and again until there is a word, or the trouble is over."""
    await asyncio.sleep(chance.uniform(0, TROUBLE))
    offer = (await shop.offer()).offer
    raw = shop.sign(shop.buyer(), offer)
    header = v1_header(raw) if chance.random() < 0.3 else v2_header(raw, offer)
    answers: list[Answer] = []
    while not until_.is_set():
        answers.append(await shop.get(PATH, header))
        if answers[-1].status == 200 or answers[-1].required is not None:
            break
        await asyncio.sleep(chance.uniform(0.02, 0.2))
    return Told(key=decode(raw).key, answers=answers)


class TestChaos:
    @pytest.mark.parametrize("seed", range(SEEDS))
    async def test_what_buyers_are_told_is_true(self, seed: int) -> None:
        """Two nodes get worse and better at random while some buyers pay.

        Whoever was granted has paid; whoever was offered to pay anew has not, and will not have;
        whoever was told to wait has been offered nothing; and when the nodes are well again
        every payment ends as the chain has it.
        """
        chance = random.Random(seed)
        async with two_nodes(slot_ms=20, confirm_wait="300ms") as (shop, second):
            calm = asyncio.Event()
            buying = [asyncio.create_task(stubborn(shop, chance, calm)) for _ in range(BUYERS)]
            trouble = asyncio.create_task(chaos(shop, [shop.faults, second], chance))
            await asyncio.sleep(TROUBLE + chance.uniform(0, 1.0))
            trouble.cancel()
            with suppress(asyncio.CancelledError):
                await trouble
            shop.faults.clear()
            second.clear()
            calm.set()
            told = await asyncio.gather(*buying)
            shop.clock.forward(timedelta(seconds=40))
            await until(lambda: is_over(shop), 60)
            await assert_true_to_the_chain(shop)
            payments = {payment.key: payment for payment in await shop.payments()}

        signatures = {payment.signature for payment in payments.values()}
        for each in told:
            ended = payments.get(PaymentKey(each.key))
            for answer in each.answers:
                assert answer.status in (200, 402, 502, 503), answer.body
                if is_pending(answer):
                    assert answer.receipt is None or answer.receipt["transaction"] in signatures
            if any(answer.status == 200 for answer in each.answers):
                assert ended is not None
                assert ended.state is State.SETTLED
            if each.offered_again:
                assert ended is None or ended.state is State.FAILED
