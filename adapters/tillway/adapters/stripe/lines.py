"""What is sold, as Stripe's line items: at exactly our prices, however many lines there are."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from tillway.adapters.stripe.config import StripeConfig
from tillway.adapters.stripe.prices import Price
from tillway.core.catalog import STRIPE_MOST_MINOR, SubscriptionTerms
from tillway.core.errors import Code, Declined
from tillway.core.money import Money
from tillway.core.ports.hosting import Order, OrderLine
from tillway.core.quotes import Purpose

MOST_LINES: Final = 100
MOST_PLANS: Final = 20
"""Stripe's limits of lines that are paid once, and from period to period."""

MOST_QUANTITY: Final = 999_999
LONGEST_NAME: Final = 250

Item = Mapping[str, Any]


@frozen(kw_only=True)
class Charged:
    """A line and what it is charged by: Stripe's price, or ours for one piece."""

    line: OrderLine
    price: Price | None
    unit: Money | None

    @property
    def total(self) -> Money | None:
        """Give what all pieces come to, as far as it is known."""
        return None if self.unit is None else self.unit * self.line.quantity


def charged(order: Order, prices: Mapping[str, Price | None]) -> Sequence[Charged]:
    """Say by what each line is charged.

    Stripe's price is, where it is on sale, charged as often, and comes to the same as ours or is
    all there is to go by. Raises Declined for lines that cannot be charged at all.
    """
    return [_charged(line, prices.get(line.price_id), order.terms) for line in order.lines]


def _charged(line: OrderLine, price: Price | None, terms: SubscriptionTerms | None) -> Charged:
    if not 1 <= line.quantity <= MOST_QUANTITY:
        raise Declined(
            Code.INVALID_FIELD, f"quantity must be 1 to {MOST_QUANTITY}", field="quantity"
        )
    usable = price is not None and price.active and price.is_for(terms)
    if price is not None and usable and line.unit in (None, price.unit):
        return Charged(line=line, price=price, unit=price.unit)
    if line.unit is None:
        raise Declined(Code.INVALID_RESOURCE, "The product has no price that can be paid by card.")
    if line.unit.asset.stripe is None:
        raise Declined(Code.INVALID_AMOUNT, "The price is in no currency that cards take.")
    return Charged(line=line, price=None, unit=line.unit)


def refuse_amount(lines: Sequence[Charged]) -> None:
    """Raise Declined where the sum is more than Stripe takes."""
    if sum(line.total.minor for line in lines if line.total is not None) > STRIPE_MOST_MINOR:
        raise Declined(Code.INVALID_AMOUNT, "The amount is too large to be paid by card.")


def items(order: Order, lines: Sequence[Charged], config: StripeConfig) -> Sequence[Item]:
    """Write the lines as Stripe takes them; what is beyond its limit becomes one line."""
    most = MOST_LINES if order.terms is None else MOST_PLANS
    kept = lines if len(lines) <= most else [*lines[: most - 1], folded(lines[most - 1 :])]
    taxed = order.checkout.purchase.purpose is Purpose.CART
    return [_item(line, order, config, taxed=taxed) for line in kept]


def folded(lines: Sequence[Charged], less: Money | None = None) -> Charged:
    """Make one line of several, ``less`` a discount on them."""
    totals = [line.total for line in lines]
    known = [total for total in totals if total is not None]
    if len(known) < len(totals):
        raise Declined(Code.INVALID_RESOURCE, "A product has no fixed price to be added up.")
    total = Money(sum(total.minor for total in known), known[0].asset)
    unit = total if less is None else total - less
    name = lines[0].line.description if len(lines) == 1 else f"{len(lines)} items"
    return Charged(line=OrderLine(description=name, unit=unit), price=None, unit=unit)


def _item(charged: Charged, order: Order, config: StripeConfig, *, taxed: bool) -> Item:
    item: dict[str, Any] = {"quantity": charged.line.quantity}
    if charged.price is not None:
        item["price"] = charged.price.id
    elif charged.unit is not None:
        item["price_data"] = {
            **priced(charged.unit, order.terms),
            "product_data": {"name": named(charged.line, order.checkout.purchase.resource)},
        }
    if config.tax_rate and (taxed or charged.price is None):
        item["tax_rates"] = [config.tax_rate]
    return item


def priced(unit: Money, terms: SubscriptionTerms | None) -> Mapping[str, Any]:
    """Write a price of ours for one piece, paid once or from period to period."""
    price: dict[str, Any] = {"currency": unit.asset.stripe, "unit_amount": unit.minor}
    if terms is not None:
        price["recurring"] = {
            "interval": terms.billing_period.value,
            "interval_count": terms.billing_interval,
        }
    return price


def named(line: OrderLine, otherwise: str) -> str:
    """Name a line for the buyer: Stripe takes no empty name."""
    return (line.description.strip() or otherwise)[:LONGEST_NAME]
