"""What can become of a subscription, whoever does what in whatever order."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tillway.core.catalog import BillingPeriod
from tillway.core.ids import ProductId, SubscriptionId
from tillway.core.periods import hours_later, later
from tillway.core.services.subscriptions.facts import changes
from tillway.core.subscription_moves import (
    NEXT,
    PAID_WITH,
    Plan,
    access_until,
    begun,
    cancelled,
    ending,
    extended,
    followed,
    gives_access,
    is_over,
    lapsed,
    reactivated,
)
from tillway.core.subscription_returns import undone
from tillway.core.subscriptions import Subscription, SubscriptionState
from tillway.core.tenancy import DEFAULT

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
MONTHLY = Plan(product=ProductId("gold"), period=BillingPeriod.MONTH, interval=1)
GRACE = 24
HOUR = timedelta(hours=1)

PLANS = st.builds(
    Plan,
    product=st.just(ProductId("gold")),
    period=st.sampled_from(BillingPeriod),
    interval=st.integers(1, 6),
)


def one(plan: Plan = MONTHLY, start: datetime = NOW, **changed: Any) -> Subscription:
    """Give one that was just paid for."""
    made = begun(
        SubscriptionId("one"), DEFAULT, "wallet", plan, now=NOW, start=start, paid_with="first"
    )
    return evolve(made, **changed)


class TestMoves:
    """Single moves."""

    def test_paying_ahead_keeps_access_and_adds_to_the_end(self) -> None:
        """The start stays: there is no gap, whenever it is paid."""
        first = one()
        longer = extended(first, MONTHLY, NOW + HOUR, "second")
        assert longer.period_start == first.period_start
        assert longer.period_end == datetime(2026, 3, 31, 12, tzinfo=UTC)
        assert all(gives_access(longer, NOW + each * HOUR, GRACE) for each in (0, 1, 48))

    def test_paying_in_the_grace_goes_on_from_the_old_end(self) -> None:
        """The days that were lived on grace are paid for."""
        first = one()
        late = first.period_end + HOUR
        again = extended(lapsed(first, late, GRACE), MONTHLY, late, "second")
        assert again.state is SubscriptionState.ACTIVE
        assert again.period_end == datetime(2026, 3, 31, 12, tzinfo=UTC)

    def test_grace_past_a_whole_period_is_no_debt(self) -> None:
        """Whoever pays later than a period after the end has a period from now on."""
        first = one()
        late = first.period_end + timedelta(days=90)
        again = extended(lapsed(first, late, 24 * 365), MONTHLY, late, "second")
        assert again.period_end == later(late, BillingPeriod.MONTH, 1)

    def test_one_that_ends_with_its_period_has_no_grace(self) -> None:
        """Nobody waits for a payment that is not to come."""
        noted = ending(one(), NOW + HOUR, GRACE)
        assert noted.is_running
        assert access_until(noted, GRACE) == noted.period_end
        assert not gives_access(noted, noted.period_end, GRACE)
        over = lapsed(noted, noted.period_end, GRACE)
        assert over.state is SubscriptionState.CANCELLED
        assert over.due_at is None

    def test_taking_it_back_leaves_it_as_it_was(self) -> None:
        """But for the time of the change."""
        first = one()
        back = reactivated(followed(first, ProductId("gold"), NOW, GRACE), NOW, GRACE)
        assert back == first
        assert NEXT not in back.metadata

    def test_a_payment_that_is_gone_takes_its_period_along(self) -> None:
        """What was extended is shortened; what was only paid with it ends."""
        first = one()
        longer = extended(first, MONTHLY, NOW + HOUR, "second")
        assert undone(longer, "second", NOW + HOUR).period_end == first.period_end
        ended = undone(first, first.metadata[PAID_WITH], NOW + HOUR)
        assert ended.state is SubscriptionState.CANCELLED

    def test_a_provider_says_itself_what_is_past_due(self) -> None:
        """At the end of a period its news are waited for as long as the grace."""
        card = one(method="stripe")
        end = card.period_end
        assert lapsed(card, end + HOUR, GRACE).state is SubscriptionState.ACTIVE
        assert lapsed(card, end + GRACE * HOUR, GRACE).state is SubscriptionState.EXPIRED
        trial = evolve(card, state=SubscriptionState.TRIALING)
        assert lapsed(trial, end, GRACE).state is SubscriptionState.ACTIVE

    @given(plan=PLANS, hours=st.integers(0, 24 * 800), grace=st.integers(0, 24 * 40))
    def test_dates_tell_what_is_written_late(self, plan: Plan, hours: int, grace: int) -> None:
        """Access is the same before and after the worker has passed by, at any time."""
        first = one(plan)
        now = NOW + timedelta(hours=hours)
        written = lapsed(first, now, grace)
        assert gives_access(written, now, grace) is gives_access(first, now, grace)
        assert lapsed(written, now, grace) == written
        assert written.due_at is None or written.due_at > now

    @pytest.mark.parametrize("state", [SubscriptionState.CANCELLED, SubscriptionState.EXPIRED])
    def test_what_has_ended_stays_so(self, state: SubscriptionState) -> None:
        """Time changes nothing of it, and nobody looks at it again."""
        over = one(state=state, due_at=None)
        assert lapsed(over, NOW + timedelta(days=900), GRACE) == over
        assert access_until(over, GRACE) is None


class Life(RuleBasedStateMachine):
    """One subscriber's subscription, driven at random by buyers, operators and time."""

    @initialize(plan=PLANS, grace=st.integers(0, 24 * 60))
    def begin(self, plan: Plan, grace: int) -> None:
        """Pay for the first period."""
        self.now, self.grace, self.plan = NOW, grace, plan
        self.it = one(plan)
        self.paid = 1
        self.told: set[str] = set()
        self.bought = self.it.period_end

    def become(self, after: Subscription) -> None:
        """Write it, as a store does."""
        for fact in changes(self.it, after):
            assert fact.id not in self.told
            self.told.add(fact.id)
        self.it = evolve(after, version=self.it.version + 1)

    @rule(hours=st.integers(1, 24 * 50))
    def wait(self, hours: int) -> None:
        """Let time pass, and the worker after it."""
        self.now = hours_later(self.now, hours)
        self.become(lapsed(self.it, self.now, self.grace))

    @rule()
    def pay(self) -> None:
        """Pay for another period."""
        if not self.it.is_running or is_over(self.it, self.now):
            return
        before = self.it
        self.become(extended(before, self.plan, self.now, f"payment {self.paid}"))
        self.paid += 1
        assert self.it.period_end > max(before.period_end, self.now)
        assert self.it.period_start == before.period_start
        self.bought = self.it.period_end

    @rule(now=st.booleans())
    def cancel(self, now: bool) -> None:
        """End it now, or with its period."""
        if self.it.is_running:
            ends = cancelled(self.it, self.now) if now else ending(self.it, self.now, self.grace)
            self.become(ends)

    @rule()
    def take_back(self) -> None:
        """Let it go on."""
        if self.it.is_running and self.it.cancel_at_period_end:
            self.become(reactivated(self.it, self.now, self.grace))

    @invariant()
    def nobody_has_more_than_was_paid_and_the_grace(self) -> None:
        """Access never outlasts what was bought."""
        end = hours_later(self.bought, self.grace)
        assert not gives_access(self.it, end, self.grace)

    @invariant()
    def whoever_has_paid_has_access(self) -> None:
        """As long as it was not ended and its time is not over."""
        if self.it.is_running and self.now < self.bought:
            assert gives_access(self.it, self.now, self.grace)

    @invariant()
    def somebody_looks_after_what_runs(self) -> None:
        """Note when what runs is due; what has ended never is."""
        assert (self.it.due_at is not None) == self.it.is_running


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
