"""Which payments a subscription lives by, and what is left of it when they go back."""

from datetime import timedelta

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from support.told import START, begun, month
from tillway.core.catalog import BillingPeriod
from tillway.core.ids import ProductId, SubscriptionId
from tillway.core.subscription_money import MOST, PERIODS, Bill, billed, is_unpaid, marked, periods
from tillway.core.subscription_moves import Plan, access_until, extended
from tillway.core.subscription_moves import begun as paid_for
from tillway.core.subscription_returns import given_back, taken_back, taken_with
from tillway.core.subscriptions import Subscription, SubscriptionState
from tillway.core.tenancy import DEFAULT

MONTHLY = Plan(product=ProductId("gold"), period=BillingPeriod.MONTH, interval=1)


def after(one: Subscription, number: int, payment: str | None = None) -> Subscription:
    """Have a month be paid for."""
    bill = Bill(start=month(number), end=month(number + 1), payment=payment or f"paid {number}")
    return evolve(one, metadata=billed(one.metadata, bill))


class TestBills:
    """What a provider has billed."""

    @given(
        order=st.permutations(range(4)),
        back=st.sets(st.integers(0, 3)),
        here=st.sets(st.integers(0, 3)),
    )
    def test_only_the_furthest_decides(
        self, order: list[int], back: set[int], here: set[int]
    ) -> None:
        """In whatever order they are heard of, twice, gone and here again."""
        one = begun()
        for number in [*order, *order]:
            one = after(one, number)
            if number in back:
                one = marked(one, f"paid {number}", START, gone=True)
        assert is_unpaid(one) is (3 in back)
        for number in sorted(here):
            one = marked(one, f"paid {number}", START, gone=False)
        assert is_unpaid(one) is (3 in back - here)
        assert (access_until(one, 0) is None) is is_unpaid(one)

    def test_of_all_that_was_paid_for_it_some_is_enough(self) -> None:
        """What a change of plan has cost in its middle is for the same period."""
        one = after(begun(), 0)
        middle = START + timedelta(days=9)
        more = Bill(start=middle, end=middle, payment="more")
        one = evolve(one, metadata=billed(one.metadata, more))
        one = marked(one, "paid 0", START, gone=True)
        assert not is_unpaid(one)
        assert is_unpaid(marked(one, "more", START, gone=True))

    def test_what_came_to_nothing_cannot_go_back(self) -> None:
        """A period for nothing is had, whatever became of the one before."""
        one = marked(after(begun(), 0), "paid 0", START, gone=True)
        bill = Bill(start=month(1), end=month(2), payment="")
        assert not is_unpaid(evolve(one, metadata=billed(one.metadata, bill)))

    def test_what_is_not_known_changes_nothing(self) -> None:
        """Nor does a repeat."""
        one = after(begun(), 1)
        assert marked(one, "paid 0", START, gone=True) == one
        gone = marked(one, "paid 1", START, gone=True)
        assert marked(gone, "paid 1", month(1), gone=True) == gone


def ahead(*payments: str) -> Subscription:
    """Give a subscription that was paid for ahead, a month with each payment."""
    first, *more = payments
    one = paid_for(
        SubscriptionId("one"), DEFAULT, "wallet", MONTHLY, now=START, start=START, paid_with=first
    )
    for payment in more:
        one = extended(one, MONTHLY, START, payment)
    return one


class TestPeriods:
    """What a subscriber has paid for one by one."""

    @given(
        taken=st.lists(st.sampled_from("abcd"), unique=True),
        given=st.lists(st.sampled_from("abcd"), unique=True),
    )
    def test_as_much_is_left_as_is_paid_for(self, taken: list[str], given: list[str]) -> None:
        """Whichever go back in whatever order, and come again."""
        one, now = ahead(*"abcd"), START + timedelta(days=3)
        for payment in [*taken, *taken]:
            one = taken_back(one, payment, now)
        left = 4 - len(taken)
        assert one.period_end == month(left)
        assert one.is_running is (left > 0)
        for payment in [*given, *given]:
            paid = taken_with(one, payment)
            if paid is not None:
                one = given_back(one, paid, now, one)
                left += 1
        assert one.period_end == month(left)
        assert one.is_running is (left > 0)

    def test_what_was_had_is_not_taken(self) -> None:
        """A period that is over stays paid for, whatever becomes of its money."""
        one = ahead("a", "b")
        assert taken_back(one, "a", month(1)) == one
        assert taken_back(one, "b", month(1)).state is SubscriptionState.CANCELLED

    def test_of_one_that_has_yet_to_begin_nothing_is_left(self) -> None:
        """Without its only period it is over."""
        one = paid_for(
            SubscriptionId("one"),
            DEFAULT,
            "wallet",
            MONTHLY,
            now=START,
            start=month(1),
            paid_with="a",
        )
        assert not taken_back(one, "a", START).is_running

    def test_given_back_too_late_it_begins_anew(self) -> None:
        """Whoever could not use what he had paid for has it from now on."""
        over = taken_back(ahead("a"), "a", START + timedelta(days=1))
        paid = taken_with(over, "a")
        assert paid is not None
        back = given_back(over, paid, month(5), over)
        assert (back.state, back.period_end) == (SubscriptionState.ACTIVE, month(6))
        assert back.cancelled_at is None

    def test_what_is_remembered_is_bounded(self) -> None:
        """The newest payments, and none whose period is over."""
        more = 3
        one = ahead(*(f"paid {number}" for number in range(MOST + more)))
        kept = periods(one, PERIODS)
        assert (len(kept), kept[0].payment) == (MOST, f"paid {more}")
        later = extended(one, MONTHLY, month(MOST), "last")
        assert len(periods(later)) == more + 1
