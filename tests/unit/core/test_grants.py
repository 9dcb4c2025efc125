"""What a buyer receives, and what the seller hears of it."""

import pytest
from attrs import evolve

from tillway.core.assets import USD, USDC
from tillway.core.contracts.samples import NOW, event, payment
from tillway.core.money import Money
from tillway.core.services.grants import PAYMENT_SUCCEEDED, grant_of, succeeded


class TestGrant:
    def test_it_names_the_resource_and_who_paid(self) -> None:
        """All that a client of the Cedros routes reads."""
        paid = payment("a")

        assert grant_of(paid) == {
            "success": True,
            "resource": paid.purchase.resource,
            "granted": True,
            "method": paid.method,
            "wallet": paid.payer,
            "signature": paid.signature,
        }


class TestFact:
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

        fact = succeeded(event("fact").id, paid)

        assert fact.type == PAYMENT_SUCCEEDED
        assert fields.items() <= dict(fact.body).items()
        assert len({"cryptoToken", "fiatCurrency"} & fact.body.keys()) == 1
