"""What was paid in all: the price, and what a provider has added on top of it.

Tax and shipping are recorded with a payment and kept apart from its amount, which is the price.
Whatever goes back comes off all parts alike, to the last minor unit.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import evolve

from tillway.core.ids import STRIPE_PREFIX
from tillway.core.money import Money
from tillway.core.payments import Payment

TAX: Final = "stripe_tax"
SHIPPING: Final = "stripe_shipping"
"""Under which names a payment's metadata says what was added: minor units of its asset."""

_ADDED: Final = {"tax": TAX, "shipping": SHIPPING}


def added_to(payment: Payment) -> Mapping[str, int]:
    """Give what was added to the price of what was bought, by its name, where it is not zero.

    Money that bought nothing is one sum. No client's metadata can say such a thing: only a
    provider's payments are asked, whose words are ours.
    """
    if payment.grant is None or not payment.signature.startswith(STRIPE_PREFIX):
        return {}
    found = {name: int(payment.metadata.get(key, "0")) for name, key in _ADDED.items()}
    return {name: minor for name, minor in found.items() if minor}


def paid_in_all(payment: Payment) -> Money:
    """Give all that was paid: the most that can go back."""
    whole = payment.amount.minor + sum(added_to(payment).values())
    return evolve(payment.amount, minor=whole)


def shares(parts: Sequence[int], total: int) -> Sequence[int]:
    """Tell how much of each part is gone once ``total`` of their sum is, in proportion.

    No share shrinks while the total grows, the shares come to it, and all of the sum is all of
    each part: so sums that go one by one never differ from those that go at once. What is beyond
    the sum is the first part's.
    """
    whole, rest = sum(parts), sum(parts[1:])
    if not rest:
        return (total, *(0 for _ in parts[1:]))
    others = min(total, whole) * rest // whole
    return (total - others, *shares(parts[1:], others))
