"""What a buyer receives."""

from tillway.core.contracts.samples import payment
from tillway.core.services.paying.grants import grant_of


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
