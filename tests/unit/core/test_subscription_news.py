"""News of a provider's in any order, twice and late: one subscription comes of them."""

from collections.abc import Sequence
from datetime import datetime

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from support.told import (
    FAILED,
    FIRST,
    HOUR,
    RENEWED,
    START,
    STORIES,
    S,
    Told,
    begun,
    month,
    seen,
    stands,
)
from tillway.core.ports.hosting import InvoiceTold
from tillway.core.subscription_moves import access_until, gives_access, lapsed
from tillway.core.subscription_news import heard_of, standing_by
from tillway.core.subscriptions import Subscription


def after(news: Sequence[Told], now: datetime = START) -> Subscription:
    """Apply news one by one, as they come."""
    one = begun()
    for told in news:
        heard = heard_of(one)
        if isinstance(told, InvoiceTold):
            known = heard.billed(told)
        else:
            known = heard.told(told.subscription, told.at)
        if known != heard:
            one = evolve(standing_by(one, known, now), version=one.version + 1)
    return one


class TestNews:
    """``Heard`` and ``standing_by``."""

    @pytest.mark.parametrize("name", STORIES)
    def test_in_order_they_tell_a_story(self, name: str) -> None:
        """The state, the end and whether it ends with it."""
        story = STORIES[name]
        one = after(story.news)
        assert (one.state, one.period_end) == (story.state, story.end)
        assert one.cancel_at_period_end is story.ends

    @given(name=st.sampled_from(sorted(STORIES)), data=st.data())
    @settings(max_examples=300)
    def test_disorder_and_duplicates_make_the_same(self, name: str, data: st.DataObject) -> None:
        """However they come, what counts is the same as in their order."""
        news = list(STORIES[name].news)
        again = data.draw(st.lists(st.sampled_from(news), max_size=6))
        mixed = data.draw(st.permutations([*news, *again]))
        assert seen(after(mixed)) == seen(after(news))

    @given(name=st.sampled_from(sorted(STORIES)), data=st.data())
    def test_nobody_has_access_beyond_what_was_paid(self, name: str, data: st.DataObject) -> None:
        """Of a period that was billed and is not paid, there is the grace and no more."""
        news = data.draw(st.permutations(STORIES["failed"].news))
        one = after(news)
        assert access_until(one, 24) == month(1) + 24 * HOUR
        assert not gives_access(one, month(1) + 24 * HOUR, 24)
        over = lapsed(one, month(1) + 24 * HOUR, 24)
        assert over.state is S.EXPIRED

    def test_an_answer_of_ours_waits_for_the_providers_word(self) -> None:
        """What we changed shows at once, and whatever is told of later times replaces it."""
        one = after([*FIRST, *RENEWED])
        asked = stands(S.ACTIVE, 1, START, cancel_at_period_end=True).subscription
        ending = standing_by(one, heard_of(one).answered(asked), START)
        assert ending.cancel_at_period_end
        back = stands(S.ACTIVE, 1, month(1) + 41 * HOUR)
        told = heard_of(ending).told(back.subscription, back.at)
        assert not standing_by(ending, told, START).cancel_at_period_end
        older = heard_of(ending).told(stands(S.ACTIVE, 0, START).subscription, START)
        assert older == heard_of(ending)

    def test_another_price_is_looked_into_at_once(self) -> None:
        """It is due now: somebody has to find out whose price it is."""
        news = [*FIRST, stands(S.ACTIVE, 0, START + HOUR, price_id="price_silver")]
        assert after(news, START + 2 * HOUR).due_at == START + 2 * HOUR

    def test_a_trial_ends_by_its_first_invoice(self) -> None:
        """Access to its end, then as paid; unpaid, the grace."""
        trial = stands(S.TRIALING, 0, START, trial_end=month(1))
        assert after([trial]).state is S.TRIALING
        for news in ([trial, *RENEWED], [*RENEWED, trial]):
            assert after(news).state is S.ACTIVE
            assert after(news).period_end == month(2)
        for news in ([trial, *FAILED], [*FAILED, trial]):
            assert after(news).state is S.PAST_DUE
            assert after(news).period_end == month(1)
