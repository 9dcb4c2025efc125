"""What the seller hears of a payment."""

from datetime import timedelta

import pytest
from attrs import evolve

from tillway.core.assets import USD, USDC
from tillway.core.contracts.samples import NOW, payment
from tillway.core.errors import Code
from tillway.core.ids import EVENT_ID
from tillway.core.money import Money
from tillway.core.payments import Failed
from tillway.core.services.books.facts import (
    PAYMENT_REVERSED,
    PAYMENT_SUCCEEDED,
    PAYMENT_UNAPPLIED,
    facts_of,
)

GONE = Failed(code=Code.TRANSACTION_EXPIRED, reason="gone")


class TestBody:
    @pytest.mark.parametrize(
        ("amount", "fields"),
        [
            (Money(50_000, USDC), {"cryptoAtomicAmount": 50_000, "cryptoToken": "USDC"}),
            (Money(499, USD), {"fiatAmountCents": 499, "fiatCurrency": "usd"}),
        ],
    )
    def test_amounts_have_the_fields_of_their_kind(
        self, amount: Money, fields: dict[str, object]
    ) -> None:
        """Minor units always, under the contract's names for tokens and for currencies."""
        paid = evolve(payment("a"), amount=amount).settled(NOW, 7, {})

        (fact,) = facts_of(paid)

        assert fact.type == PAYMENT_SUCCEEDED
        assert fields.items() <= dict(fact.body).items()
        assert len({"cryptoToken", "fiatCurrency"} & fact.body.keys()) == 1

    def test_money_that_bought_nothing_says_why(self) -> None:
        """Who paid, how much, and the refusal's code."""
        (fact,) = facts_of(payment("a").unapplied(NOW, 7, Code.QUOTE_EXPIRED, "spent"))

        assert fact.type == PAYMENT_UNAPPLIED
        assert fact.body["code"] == "quote_expired"
        assert fact.body["reason"] == "spent"
        assert fact.body["wallet"] == payment("a").payer

    def test_nothing_is_told_of_what_never_arrived(self) -> None:
        """Neither of a claim nor of a failure."""
        assert facts_of(payment("a")) == facts_of(payment("a").failed(NOW, GONE)) == ()


class TestIdentity:
    def test_a_repeat_has_the_same_id(self) -> None:
        """Whenever and by whomever it is written."""
        early, late = (payment("a").settled(at, 7, {}) for at in (NOW, NOW + timedelta(seconds=5)))

        (first,), (second,) = facts_of(early), facts_of(late)

        assert first.id == second.id
        assert EVENT_ID.fullmatch(first.id)

    def test_each_turn_and_each_payment_has_its_own(self) -> None:
        """Settled, reversed, settled again, and another one: four facts."""
        once = payment("a").settled(NOW, 7, {})
        gone = once.reversed(NOW, GONE)
        again = gone.settled(NOW, 8, {})
        ids = {
            facts_of(each)[0].id for each in (once, gone, again, payment("b").settled(NOW, 7, {}))
        }

        assert len(ids) == 4
        assert facts_of(gone)[0].type == PAYMENT_REVERSED
