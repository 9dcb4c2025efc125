"""The laws of finality: what is not final can be asked about, and nothing is gone without proof."""

import asyncio
from typing import Final

import pytest

from tillway.core.contracts.rails.capabilities import lacks
from tillway.core.contracts.rails.faults import given_or_skipped
from tillway.core.contracts.rails.stage import Trial, Trouble, remembered
from tillway.core.payments import Failed, Missing, Settled, Unresolved
from tillway.core.ports.rails import KnowsFinality

_LOOKS: Final = 300
_PAUSE: Final = 0.1


@pytest.mark.asyncio
class FinalityLaws:
    """``KnowsFinality``, and what a rail without it may say."""

    async def test_only_what_can_be_asked_about_is_not_final(self, trial: Trial) -> None:
        """A rail that cannot tell later must be certain at once."""
        sent = await trial.send(await trial.sign(await trial.paid()))
        assert isinstance(sent, Settled)
        assert sent.final or isinstance(trial.rail, KnowsFinality)

    async def test_what_has_settled_stands(self, trial: Trial) -> None:
        """Asked at once and as often as one likes, and in the end it is final."""
        rail = _knowing(trial)
        signed = await trial.sign(await trial.paid())
        assert isinstance(await trial.send(signed), Settled)
        for _ in range(_LOOKS):
            (stands,) = await rail.standing([remembered(signed)])
            assert isinstance(stands, Settled)
            assert stands.signature == signed.signature
            if stands.final:
                return
            await asyncio.sleep(_PAUSE)
        pytest.fail("it does not become final")

    async def test_asking_moves_nothing(self, trial: Trial) -> None:
        """Neither what was sent nor what was not."""
        rail = _knowing(trial)
        sent, kept = [await trial.sign(await trial.paid()) for _ in range(2)]
        await trial.send(sent)
        before = await trial.moved()
        for _ in range(3):
            await rail.standing([sent, kept])
        assert await trial.moved() == before

    async def test_what_is_not_there_is_missing_and_not_gone(self, trial: Trial) -> None:
        """It can still arrive: absence proves nothing."""
        rail = _knowing(trial)
        signed = await trial.sign(await trial.paid())
        (stands,) = await rail.standing([signed])
        assert isinstance(stands, Missing | Unresolved)
        assert isinstance(await trial.send(signed), Settled)

    async def test_answers_come_in_the_order_of_the_questions(self, trial: Trial) -> None:
        """Of many, each has its own; of none, there is none."""
        rail = _knowing(trial)
        signed = [await trial.sign(await trial.paid()) for _ in range(4)]
        for each in signed[::2]:
            await trial.send(each)
        stands = await rail.standing(signed)
        assert [isinstance(one, Settled) for one in stands] == [True, False, True, False]
        assert list(await rail.standing([])) == []

    async def test_silence_reverses_nothing(self, trial: Trial, go_away: Trouble | None) -> None:
        """It is Unresolved, and no exception."""
        rail, trouble = _knowing(trial), given_or_skipped(go_away, "go_away")
        signed = await trial.sign(await trial.paid())
        await trial.send(signed)
        with trouble():
            stands = await rail.standing([signed])
        assert not any(isinstance(one, Failed | Missing) for one in stands)


def _knowing(trial: Trial) -> KnowsFinality:
    if not isinstance(trial.rail, KnowsFinality):
        lacks(KnowsFinality)
    return trial.rail
