"""The laws of sending and looking: money moves once, and nobody is told what is not proven."""

import asyncio

import pytest

from tillway.core.contracts.rails.stage import Trial, known, remembered
from tillway.core.contracts.stores.steps import count
from tillway.core.payments import Failed, Settled, Unresolved
from tillway.core.ports.rails import Sends, Signed
from tillway.core.services.rails import TakesProofs


@pytest.mark.asyncio
class SendLaws:
    """``Sends``: ``send`` and ``look``."""

    async def test_sending_moves_the_price(self, trial: Trial) -> None:
        """To the last unit, and the outcome names the signature that was claimed."""
        assert isinstance(trial.rail, Sends)
        paid, before = await trial.paid(), await trial.moved()
        assert isinstance(await trial.send(await trial.sign(paid)), Settled)
        assert await trial.moved() == before + paid.price

    async def test_sending_again_moves_nothing(self, trial: Trial) -> None:
        """A repeat gives the same word, and the money has moved once."""
        paid, before = await trial.paid(), await trial.moved()
        signed = await trial.sign(paid)
        for _ in range(3):
            assert isinstance(await trial.send(signed), Settled)
        assert await trial.moved() == before + paid.price

    async def test_sending_at_once_moves_money_once(self, trial: Trial) -> None:
        """Of many senders none is told that it failed."""
        paid, before = await trial.paid(), await trial.moved()
        signed = await trial.sign(paid)
        outcomes = await asyncio.gather(*(trial.send(signed) for _ in range(count(8, 64))))
        assert any(isinstance(each, Settled) for each in outcomes)
        assert not any(isinstance(each, Failed) for each in outcomes)
        assert await trial.moved() == before + paid.price

    async def test_another_process_sends_what_a_claim_remembers(
        self, trial: Trial, twin: TakesProofs
    ) -> None:
        """After a crash the stored bytes are enough, and a second sender moves nothing."""
        paid, before = await trial.paid(), await trial.moved()
        signed = remembered(await trial.sign(paid))
        for rail in (twin, trial.rail):
            assert isinstance(known(await rail.send(signed), signed), Settled)
        assert await trial.moved() == before + paid.price

    async def test_what_was_cut_off_can_be_sent_again(self, trial: Trial) -> None:
        """Wherever a sender was stopped, sending again ends with the money moved once."""
        for turns in (0, 1, 3, 10):
            paid, before = await trial.paid(), await trial.moved()
            signed = await trial.sign(paid)
            await _cut_off(trial, signed, turns)
            assert isinstance(await trial.send(signed), Settled)
            assert await trial.moved() == before + paid.price

    async def test_looking_before_sending_proves_nothing(self, trial: Trial) -> None:
        """What can still be sent has neither settled nor failed."""
        paid, before = await trial.paid(), await trial.moved()
        signed = await trial.sign(paid)
        for _ in range(3):
            assert isinstance(await trial.look(signed), Unresolved)
        assert await trial.moved() == before
        assert isinstance(await trial.send(signed), Settled)

    async def test_looking_after_sending_agrees(self, trial: Trial, twin: TakesProofs) -> None:
        """In every process, as often as it is asked, and nothing moves by it."""
        paid, before = await trial.paid(), await trial.moved()
        signed = await trial.sign(paid)
        assert isinstance(await trial.send(signed), Settled)
        for rail in (trial.rail, twin, trial.rail):
            seen = known(await rail.look(remembered(signed)), signed)
            assert isinstance(seen, Settled)
        assert await trial.moved() == before + paid.price

    async def test_payments_do_not_hold_each_other_up(self, trial: Trial) -> None:
        """Several buyers at once all get what they paid for."""
        before = await trial.moved()
        paid = [await trial.paid() for _ in range(count(4, 32))]
        signed = [await trial.sign(each) for each in paid]
        outcomes = await asyncio.gather(*(trial.send(each) for each in signed))
        assert all(isinstance(each, Settled) for each in outcomes)
        assert await trial.moved() == before + sum(each.price for each in paid)


async def _cut_off(trial: Trial, signed: Signed, turns: int) -> None:
    """Begin to send, and stop after so many turns of the event loop."""
    task = asyncio.ensure_future(trial.rail.send(signed))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
