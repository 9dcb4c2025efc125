"""The laws of trouble: silence proves nothing, and costs nobody money."""

import asyncio

import pytest

from tillway.core.contracts.rails.stage import Trial, Trouble
from tillway.core.errors import Declined, Unavailable
from tillway.core.payments import Outcome, Settled, Unresolved
from tillway.core.ports.rails import Signed

_LOOKS = 100
_PAUSE = 0.1


@pytest.mark.asyncio
class FaultLaws:
    """``Sends`` and ``Checks`` when the rail's other side fails."""

    async def test_a_lost_reply_is_no_failure(
        self, trial: Trial, lose_reply: Trouble | None
    ) -> None:
        """Money moved and nobody said so: Settled or Unresolved, and nothing is raised."""
        trouble = given_or_skipped(lose_reply, "lose_reply")
        paid, before = await trial.paid(), await trial.moved()
        signed = await trial.sign(paid)
        with trouble():
            assert isinstance(await trial.send(signed), Settled | Unresolved)
        assert isinstance(await looked_for(trial, signed), Settled)
        assert await trial.moved() == before + paid.price

    async def test_after_a_lost_reply_sending_again_moves_nothing(
        self, trial: Trial, lose_reply: Trouble | None
    ) -> None:
        """Once or many times, in trouble or out of it."""
        trouble = given_or_skipped(lose_reply, "lose_reply")
        paid, before = await trial.paid(), await trial.moved()
        signed = await trial.sign(paid)
        with trouble():
            await trial.send(signed)
            await trial.send(signed)
        assert isinstance(await trial.send(signed), Settled)
        assert await trial.moved() == before + paid.price

    async def test_nobody_is_refused_for_silence(
        self, trial: Trial, go_away: Trouble | None
    ) -> None:
        """A check that cannot be made is Unavailable: the buyer did nothing wrong."""
        trouble = given_or_skipped(go_away, "go_away")
        paid, before = await trial.paid(), await trial.moved()
        with trouble(), pytest.raises(Unavailable):
            await trial.check(paid)
        assert await trial.moved() == before

    async def test_what_is_wrong_by_itself_is_declined_even_in_silence(
        self, trial: Trial, go_away: Trouble | None
    ) -> None:
        """Bytes that are no payment need nobody's word."""
        trouble = given_or_skipped(go_away, "go_away")
        paid = await trial.paid()
        with trouble(), pytest.raises(Declined):
            trial.read({**paid.envelope, "payload": {}})

    async def test_silence_while_sending_is_no_failure(
        self, trial: Trial, go_away: Trouble | None
    ) -> None:
        """Unavailable if nothing can have been sent, otherwise Unresolved; nothing moves."""
        trouble = given_or_skipped(go_away, "go_away")
        paid, before = await trial.paid(), await trial.moved()
        signed = await trial.sign(paid)
        with trouble():
            assert isinstance(await _sent(trial, signed), Unresolved | None)
            assert isinstance(await trial.look(signed), Unresolved)
        assert await trial.moved() == before


def given_or_skipped(trouble: Trouble | None, name: str) -> Trouble:
    """Give the fixture, or skip the test."""
    if trouble is None:
        pytest.skip(f"there is no fixture {name}")
    return trouble


async def looked_for(trial: Trial, signed: Signed) -> Outcome:
    """Look until there is proof, for ten seconds at most."""
    seen = await trial.look(signed)
    for _ in range(_LOOKS):
        if not isinstance(seen, Unresolved):
            return seen
        await asyncio.sleep(_PAUSE)
        seen = await trial.look(signed)
    return seen


async def _sent(trial: Trial, signed: Signed) -> Outcome | None:
    try:
        return await trial.send(signed)
    except Unavailable:
        return None
