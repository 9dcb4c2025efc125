"""The laws of what only some rails can do."""

import time
from collections.abc import Callable
from typing import Final, NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tillway.core.contracts.rails.faults import given_or_skipped
from tillway.core.contracts.rails.reads import FROM_ANY_CLASS
from tillway.core.contracts.rails.stage import SHOWN, Trial, Trouble, authenticator_of
from tillway.core.contracts.stores.steps import count
from tillway.core.errors import Code, Declined
from tillway.core.payments import Word
from tillway.core.ports.rails import (
    BuildsTransactions,
    Built,
    Examines,
    Finding,
    HasHealth,
    KeepsBudget,
    KnowsPayers,
    RailHealth,
    Starts,
)
from tillway.core.services.rails import TakesProofs
from tillway.core.tenancy import DEFAULT

_HEALTH_SECONDS: Final = 2.5
"""The two seconds of the port, and a little for a busy machine."""

_NOBODY: Final = ("", " ", "nobody", "naïve 💳", "\x00", "\ud800", "1" * 5000)
_LATE: Final = 10**15


def lacks(port: type) -> NoReturn:
    """Skip a law on a port that the rail has not."""
    pytest.skip(f"the rail has not the port {port.__name__}")


@pytest.mark.asyncio
class PayerLaws:
    """``KnowsPayers``."""

    @settings(max_examples=count(50, 2000), deadline=None, suppress_health_check=FROM_ANY_CLASS)
    @given(signer=st.text(), message=st.text(), signature=st.text())
    async def test_malformed_words_are_nobodys(
        self, rail: TakesProofs, signer: str, message: str, signature: str
    ) -> None:
        """False, whatever the texts are, and no exception."""
        if not isinstance(rail, KnowsPayers):
            lacks(KnowsPayers)
        word = Word(signer=signer, message=message, signature=signature)
        assert rail.has_signed(word) is False
        assert rail.is_payer(signer) in (True, False)

    async def test_a_word_is_good_for_its_message_and_signer_only(
        self, rail: TakesProofs, speak: Callable[[str], Word] | None
    ) -> None:
        """The same signature under other words, or another's name, is False."""
        if not isinstance(rail, KnowsPayers):
            lacks(KnowsPayers)
        if speak is None:
            pytest.skip("there is no fixture speak")
        word = speak("naïve 💳")
        assert rail.has_signed(word) is True
        assert rail.has_signed(word) is True
        assert rail.is_payer(word.signer) is True
        for signer in (*_NOBODY, word.signer[:-1]):
            other = Word(signer=signer, message=word.message, signature=word.signature)
            assert rail.has_signed(other) is False
        other = Word(signer=word.signer, message="naive", signature=word.signature)
        assert rail.has_signed(other) is False


@pytest.mark.asyncio
class BuildLaws:
    """``BuildsTransactions``."""

    async def test_nothing_is_built_for_nobody(self, trial: Trial) -> None:
        """A payer or sponsor that is malformed is Declined by its own code."""
        if not isinstance(trial.rail, BuildsTransactions):
            lacks(BuildsTransactions)
        quote = trial.quote()
        for payer in _NOBODY:
            with pytest.raises(Declined) as caught:
                await trial.rail.build(quote, payer, None, authenticator_of(quote), SHOWN)
            assert caught.value.code in (Code.INVALID_WALLET, Code.INVALID_FIELD)

    async def test_building_spends_nothing(self, trial: Trial, payer: str | None) -> None:
        """A transaction can be built again and again, and no money moves."""
        if not isinstance(trial.rail, BuildsTransactions):
            lacks(BuildsTransactions)
        if payer is None:
            pytest.skip("there is no fixture payer")
        quote, before = trial.quote(), await trial.moved()
        for _ in range(3):
            built = await trial.rail.build(quote, payer, None, authenticator_of(quote), SHOWN)
            assert isinstance(built, Built)
            assert built.transaction
            with pytest.raises(Declined):
                await trial.rail.build(quote, payer, "nobody", authenticator_of(quote), SHOWN)
        assert await trial.moved() == before


@pytest.mark.asyncio
class BudgetLaws:
    """``KeepsBudget``."""

    async def test_its_totals_have_names(self, rail: TakesProofs) -> None:
        """Each once, and the same at every asking."""
        if not isinstance(rail, KeepsBudget):
            lacks(KeepsBudget)
        names = rail.budget_names()
        assert len(set(names)) == len(names)
        assert list(rail.budget_names()) == list(names)

    async def test_whatever_was_spent_offers_can_be_made(self, trial: Trial) -> None:
        """Nothing, too much, or totals that nobody asked for: a repeat changes nothing."""
        if not isinstance(trial.rail, KeepsBudget):
            lacks(KeepsBudget)
        names = trial.rail.budget_names()
        for spent in (0, _LATE, _LATE, 0):
            trial.rail.learn_budget(DEFAULT, dict.fromkeys((*names, "unknown"), spent))
            assert trial.offer(trial.quote()).rail == trial.rail.name


@pytest.mark.asyncio
class HealthLaws:
    """``HasHealth``."""

    async def test_health_is_told_in_time(self, rail: TakesProofs) -> None:
        """Within two seconds, and as it is."""
        if not isinstance(rail, HasHealth):
            lacks(HasHealth)
        assert (await _told(rail)).reachable

    async def test_silence_is_an_answer_too(
        self, rail: TakesProofs, go_away: Trouble | None
    ) -> None:
        """A rail that is away says so in time, and raises nothing."""
        if not isinstance(rail, HasHealth):
            lacks(HasHealth)
        with given_or_skipped(go_away, "go_away")():
            assert not (await _told(rail)).reachable


@pytest.mark.asyncio
class ExaminationLaws:
    """``Examines``."""

    async def test_examining_changes_nothing(self, trial: Trial) -> None:
        """It finds something, says it in words, and moves no money."""
        if not isinstance(trial.rail, Examines):
            lacks(Examines)
        before = await trial.moved()
        found = await trial.rail.examine([trial.product])
        assert found
        for each in found:
            assert isinstance(each, Finding)
            assert each.subject
            assert each.fact
            assert each.good or each.advice
        assert await trial.moved() == before

    async def test_that_something_is_away_is_a_finding(
        self, trial: Trial, go_away: Trouble | None
    ) -> None:
        """Never an exception."""
        if not isinstance(trial.rail, Examines):
            lacks(Examines)
        with given_or_skipped(go_away, "go_away")():
            found = await trial.rail.examine([trial.product])
        assert not all(each.good for each in found)


@pytest.mark.asyncio
class LifeLaws:
    """``Starts``."""

    async def test_closing_twice_is_harmless(self, rail: TakesProofs) -> None:
        """The second time there is nothing left to do."""
        if not isinstance(rail, Starts):
            lacks(Starts)
        await rail.aclose()
        await rail.aclose()


async def _told(rail: HasHealth) -> RailHealth:
    began = time.monotonic()
    health = await rail.health()
    assert time.monotonic() - began < _HEALTH_SECONDS
    assert isinstance(health, RailHealth)
    return health
