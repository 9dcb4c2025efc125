import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.stripe_objects import (
    AT,
    MONTH,
    WHEN,
    charge,
    dispute,
    event,
    invoice,
    refund,
    session,
    subscription,
)
from support.stripe_rails import dollars
from tillway.adapters.stripe.events import READERS, read_told, translate
from tillway.adapters.stripe.heard import EVENTS
from tillway.core.assets import BUILT_IN
from tillway.core.catalog import BillingPeriod
from tillway.core.errors import Code, Declined
from tillway.core.ports.hosting import (
    DisputeState,
    DisputeTold,
    HostedSession,
    InvoiceTold,
    News,
    NothingTold,
    PaidBack,
    PayBackState,
    PayBackTold,
    SessionStatus,
    SessionTold,
    SubscriptionTold,
)
from tillway.core.subscriptions import SubscriptionState

PERIOD = timedelta(seconds=MONTH)


def told(type_: str, object_: object) -> News:
    return translate(event(type_, object_), BUILT_IN)


def told_session(type_: str = "checkout.session.completed", **changes: Any) -> HostedSession:
    news = told(type_, session(**changes))
    assert isinstance(news, SessionTold)
    return news.session


def told_subscription(**changes: Any) -> SubscriptionTold:
    news = told("customer.subscription.updated", subscription(**changes))
    assert isinstance(news, SubscriptionTold)
    return news


class TestEnvelope:
    def test_it_tells_which_event_it_is(self) -> None:
        """Id, type, time and whether it is real."""
        body = event("charge.refunded", charge(), livemode=True)
        found = read_told(body)

        assert (found.id, found.type, found.at) == ("evt_1", "charge.refunded", WHEN)
        assert found.body == body
        assert not found.test

    @pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"null", b"1", b'{"id":"evt"}'])
    def test_what_is_no_event_is_declined(self, body: bytes) -> None:
        """Never an exception of another kind."""
        with pytest.raises(Declined) as refused:
            read_told(body)

        assert refused.value.code is Code.INVALID_FIELD


class TestSessions:
    def test_a_paid_one(self) -> None:
        """The amount is the subtotal less discounts; tax and shipping stand apart."""
        assert told_session() == HostedSession(
            id="cs_test_1",
            status=SessionStatus.COMPLETE,
            paid=True,
            reference="checkout_1",
            amount=dollars(1000),
            expires_at=WHEN + timedelta(hours=1),
            tax=dollars(100),
            shipping=dollars(0),
            payment="pi_1",
            customer="cus_1",
            customer_email="buyer@example.com",
            metadata={"resource_id": "report"},
        )

    @pytest.mark.parametrize(("total", "added"), [(1000, 0), (1040, 40), (1100, 100), (None, 100)])
    def test_only_tax_that_was_added_stands_apart(self, total: int | None, added: int) -> None:
        """What a price includes was paid with it, and is not paid twice."""
        assert told_session(amount_total=total).tax == dollars(added)

    @pytest.mark.parametrize(
        ("status", "paid"),
        [("paid", True), ("no_payment_required", True), ("unpaid", False), ("new_word", False)],
    )
    def test_only_what_is_paid_is_paid(self, status: str, paid: bool) -> None:
        """Complete alone is not: a payment may take days."""
        assert told_session(payment_status=status).paid is paid

    def test_a_failed_one(self) -> None:
        """A payment that took days did not come."""
        news = told("checkout.session.async_payment_failed", session(payment_status="unpaid"))

        assert isinstance(news, SessionTold)
        assert news.failed
        assert not news.session.paid

    def test_an_expired_one(self) -> None:
        """Nothing of it is paid."""
        found = told_session("checkout.session.expired", status="expired", payment_status="unpaid")

        assert found.status is SessionStatus.EXPIRED

    def test_written_out_objects_are_read_too(self) -> None:
        """Where an id may stand, the whole object may."""
        found = told_session(
            customer={"id": "cus_2"}, payment_intent=None, subscription={"id": "sub_1"},
            invoice=invoice(),
        )  # fmt: skip

        assert (found.customer, found.subscription, found.payment) == ("cus_2", "sub_1", "pi_2")

    def test_without_details_the_email_is_what_was_given(self) -> None:
        """As it was passed when the session was opened."""
        found = told_session(customer_details=None, customer_email="asked@example.com")

        assert found.customer_email == "asked@example.com"

    def test_a_session_without_an_amount_has_none(self) -> None:
        """Nothing is guessed."""
        assert told_session(amount_subtotal=None).amount is None


class TestSubscriptions:
    @pytest.mark.parametrize("old", [False, True], ids=["2025-03-31", "before"])
    def test_the_period_is_read_in_both_places(self, old: bool) -> None:
        """On the items, or on the subscription itself."""
        news = told_subscription(old=old)
        found = news.subscription

        assert news.at == WHEN
        assert (found.period_start, found.period_end) == (WHEN, WHEN + PERIOD)
        assert (found.period, found.interval) == (BillingPeriod.MONTH, 1)
        assert (found.id, found.reference, found.customer) == ("sub_1", "checkout_1", "cus_1")

    @pytest.mark.parametrize(
        ("word", "state"),
        [
            ("active", SubscriptionState.ACTIVE),
            ("trialing", SubscriptionState.TRIALING),
            ("past_due", SubscriptionState.PAST_DUE),
            ("canceled", SubscriptionState.CANCELLED),
            ("unpaid", SubscriptionState.EXPIRED),
            ("incomplete", SubscriptionState.EXPIRED),
            ("incomplete_expired", SubscriptionState.EXPIRED),
            ("paused", SubscriptionState.PAST_DUE),
            ("a_new_word", SubscriptionState.ACTIVE),
        ],
    )
    def test_states_are_the_contracts(self, word: str, state: SubscriptionState) -> None:
        """Its words for Stripe's."""
        assert told_subscription(status=word).subscription.state is state

    @pytest.mark.parametrize(
        ("changes", "ends"),
        [
            ({}, False),
            ({"cancel_at_period_end": True, "cancel_at": AT + MONTH}, True),
            ({"cancel_at": AT + MONTH}, True),
            ({"cancel_at": AT + 2 * MONTH}, False),
        ],
    )
    def test_it_is_told_whether_it_ends_with_its_period(
        self, changes: dict[str, Any], ends: bool
    ) -> None:
        """By a flag, or by the time that Stripe's portal sets in its place."""
        assert told_subscription(**changes).subscription.cancel_at_period_end is ends

    def test_one_that_was_not_begun_here_has_no_reference(self) -> None:
        """It is told all the same."""
        assert told_subscription(metadata={}).subscription.reference is None

    @pytest.mark.parametrize("verb", ["created", "updated", "deleted", "paused", "resumed"])
    def test_all_events_of_subscriptions_are_heard(self, verb: str) -> None:
        """Each says how it stands."""
        news = told(f"customer.subscription.{verb}", subscription())

        assert isinstance(news, SubscriptionTold)


class TestInvoices:
    @pytest.mark.parametrize("old", [False, True], ids=["2025-03-31", "before"])
    def test_a_paid_one_in_both_shapes(self, old: bool) -> None:
        """Whose it is, and which period: that of its lines, not its own."""
        assert told("invoice.paid", invoice(old=old)) == InvoiceTold(
            id="in_1",
            subscription="sub_1",
            paid=True,
            amount=dollars(990),
            period_start=WHEN + PERIOD,
            period_end=WHEN + 2 * PERIOD,
            at=WHEN,
            payment="pi_2",
            reference=None if old else "checkout_1",
        )

    def test_one_that_failed(self) -> None:
        """Its amount is what is due."""
        news = told("invoice.payment_failed", invoice(amount_paid=0, payments=None))

        assert isinstance(news, InvoiceTold)
        assert (news.paid, news.amount, news.payment) == (False, dollars(990), None)

    @pytest.mark.parametrize(
        ("metadata", "foreign"),
        [
            (None, False),
            ({}, True),
            ({"shop": "another"}, True),
            ({"tillway_checkout": "1"}, False),
        ],
    )
    def test_what_is_kept_with_a_subscription_tells_whose_it_is(
        self, metadata: dict[str, str] | None, foreign: bool
    ) -> None:
        """In both shapes; where nothing is told it may be ours."""
        details = {"subscription": "sub_1", "metadata": metadata}
        parent = {"type": "subscription_details", "subscription_details": details}
        for shape in (invoice(parent=parent), invoice(old=True, subscription_details=details)):
            news = told("invoice.paid", shape)
            assert isinstance(news, InvoiceTold)
            assert news.foreign is foreign
            assert news.reference == (metadata or {}).get("tillway_checkout")

    def test_one_without_a_subscription_says_nothing(self) -> None:
        """An invoice of the merchant's own is none of ours."""
        assert told("invoice.paid", invoice(parent=None)) == NothingTold()

    def test_prorated_lines_tell_no_period(self) -> None:
        """They are for a part of one."""
        given = invoice()
        prorated = json.loads(json.dumps(given["lines"]["data"][0]))
        prorated["parent"]["subscription_item_details"]["proration"] = True
        prorated["period"]["end"] += 10 * MONTH
        given["lines"]["data"].insert(0, prorated)
        news = told("invoice.paid", given)

        assert isinstance(news, InvoiceTold)
        assert news.period_end == WHEN + 2 * PERIOD


class TestMoneyThatGoes:
    def test_a_refund_is_told_by_its_sum(self) -> None:
        """Newer events have no single refunds."""
        assert told("charge.refunded", charge()) == PayBackTold(
            payment="pi_1", total=dollars(400), refunds=(), at=WHEN
        )

    def test_single_refunds_are_read_where_they_are_told(self) -> None:
        """Ours by our reference, the dashboard's without one."""
        refunds = {"object": "list", "data": [refund(), refund(id="re_2", metadata={})]}
        news = told("charge.refunded", charge(refunds=refunds))

        assert isinstance(news, PayBackTold)
        assert news.refunds == (
            PaidBack(id="re_1", amount=dollars(400), state=PayBackState.DONE, reference="refund_1"),
            PaidBack(id="re_2", amount=dollars(400), state=PayBackState.DONE),
        )

    @pytest.mark.parametrize("type_", ["charge.refund.updated", "refund.updated", "refund.failed"])
    def test_a_refund_that_a_bank_sends_back_is_told_alone(self, type_: str) -> None:
        """By its id and ours; the sum of all is not known here."""
        assert told(type_, refund(status="failed")) == PayBackTold(
            payment="pi_1",
            total=None,
            refunds=(
                PaidBack(
                    id="re_1",
                    amount=dollars(400),
                    state=PayBackState.FAILED,
                    reference="refund_1",
                ),
            ),
            at=WHEN,
        )

    def test_a_refund_of_nothing_is_passed_over(self) -> None:
        """Stripe has refunds that belong to no payment."""
        alone = refund(payment_intent=None, charge=None)

        assert told("refund.updated", alone) == NothingTold()

    def test_a_charge_without_an_intent_is_its_own_name(self) -> None:
        """Old charges have none."""
        news = told("charge.refunded", charge(payment_intent=None))

        assert isinstance(news, PayBackTold)
        assert news.payment == "ch_1"

    @pytest.mark.parametrize(
        ("status", "state"),
        [
            ("needs_response", DisputeState.OPEN),
            ("under_review", DisputeState.OPEN),
            ("won", DisputeState.WON),
            ("lost", DisputeState.LOST),
        ],
    )
    def test_a_dispute(self, status: str, state: DisputeState) -> None:
        """Whose money it is about, and where it stands."""
        assert told("charge.dispute.updated", dispute(status=status)) == DisputeTold(
            id="dp_1",
            payment="pi_1",
            amount=dollars(1000),
            state=state,
            reason="fraudulent",
            at=WHEN,
        )

    @pytest.mark.parametrize("status", ["warning_needs_response", "warning_closed", "prevented"])
    def test_an_inquiry_takes_no_money(self, status: str) -> None:
        """And so changes nothing."""
        assert told("charge.dispute.created", dispute(status=status)) == NothingTold()


class TestWhatIsPassedOver:
    @pytest.mark.parametrize("type_", ["charge.succeeded", "customer.created", "x"])
    def test_other_events_change_nothing(self, type_: str) -> None:
        """Their objects are not even looked at."""
        assert told(type_, None) == NothingTold()


OBJECTS = {
    "checkout.session.completed": session(),
    "customer.subscription.updated": subscription(),
    "invoice.paid": invoice(),
    "charge.refunded": charge(refunds={"data": [refund()]}),
    "charge.dispute.created": dispute(),
}
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False),
    st.text(max_size=5),
    st.sampled_from(["\0", "xyz", "😀", "a" * 10_000]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def _places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [path, *(place for name, each in inner for place in _places(each, (*path, name)))]


def _code(body: bytes) -> Code | None:
    try:
        translate(body, BUILT_IN)
    except Declined as refused:
        return refused.code
    return None


class TestMalformed:
    @settings(max_examples=400)
    @given(st.data())
    def test_whatever_stands_anywhere_is_read_or_declined(self, data: st.DataObject) -> None:
        """An event that cannot be read is invalid_field, never a fault of ours."""
        type_ = data.draw(st.sampled_from(sorted(OBJECTS)))
        whole = json.loads(event(type_, OBJECTS[type_]))
        path = data.draw(st.sampled_from(_places(whole)[1:]))
        inner: Any = whole
        for name in path[:-1]:
            inner = inner[name]
        inner[path[-1]] = data.draw(ODD)
        assert _code(json.dumps(whole).encode()) in (None, Code.INVALID_FIELD)

    @pytest.mark.parametrize("currency", ["jpy", "", None, 7, "usd\0"])
    def test_an_unknown_currency_is_declined(self, currency: object) -> None:
        """Its decimals are not guessed."""
        with pytest.raises(Declined) as refused:
            told_session(currency=currency)

        assert refused.value.field == "data.object.currency"

    def test_what_we_ask_for_can_be_read(self) -> None:
        """Every event that an endpoint is told to send is one of which we make something."""
        kinds = {"session": session(), "subscription": subscription(), "invoice": invoice()}
        kinds |= {"charge.refunded": charge(), "dispute": dispute(), "refund": refund()}
        assert set(READERS) <= set(EVENTS)
        for named in EVENTS:
            kind = next(kind for kind in ("dispute", *kinds) if kind in named)
            assert told(named, kinds[kind]) != NothingTold()
