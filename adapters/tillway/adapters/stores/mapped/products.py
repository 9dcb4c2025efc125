"""A product out of a row."""

import json
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from attrs import frozen

from tillway.adapters.stores.mapped.row import Row
from tillway.core.assets import Assets
from tillway.core.catalog import BillingPeriod, Product, SubscriptionTerms, product_faults
from tillway.core.ids import ProductId
from tillway.core.money import Money

Plain = TypeVar("Plain", str, int, bool)

_FIELDS: Final[Mapping[str, str]] = {
    "price": "fiat_amount",
    "fiat_price": "fiat_amount",
    "crypto_price": "crypto_amount",
}
"""Where what is wrong with a product's field stands in the row, if not under its name."""


@frozen
class ReadProduct:
    """Make products of rows. Raises Unreadable for what is none, a lost price above all."""

    assets: Assets

    def __call__(self, row: Row) -> Product:
        """Give the product of a row."""
        product = Product(
            id=ProductId(row.required("id")),
            description=row.text("description"),
            fiat_price=self._price(row, "fiat_amount", "fiat_currency"),
            stripe_price_id=row.text("stripe_price_id"),
            crypto_price=self._price(row, "crypto_amount", "crypto_token"),
            crypto_account=row.text("crypto_account"),
            memo_template=row.text("memo_template"),
            metadata=metadata_of(row),
            active=row.flag("active", default=True),
            subscription=_subscription(row),
            created_at=row.moment("created_at"),
            updated_at=row.moment("updated_at"),
        )
        for fault in product_faults(product):
            name = fault.field.partition(".")[0]
            raise row.fault(_FIELDS.get(name, name), fault.message)
        return product

    def _price(self, row: Row, amount: str, asset: str) -> Money | None:
        """Give a price; none where the amount is nothing or zero, as in the settings."""
        minor, code = row.whole(amount), row.text(asset).upper()
        if not minor:
            return None
        if not code:
            raise row.fault(asset, f"must name what {amount} is counted in")
        if code not in self.assets:
            raise row.fault(asset, "must be the code of a known currency or token")
        return Money(minor, self.assets.by_code(code))


def metadata_of(row: Row) -> Mapping[str, str]:
    """Give what goes with a definition; whatever is no text is kept as JSON."""
    members = row.members("metadata") or {}
    return {
        name: value if isinstance(value, str) else json.dumps(value, default=str)
        for name, value in members.items()
        if value is not None
    }


def _subscription(row: Row) -> SubscriptionTerms | None:
    """Give how a product is subscribed to: snake case or camel case, as Cedros has both."""
    members = row.members("subscription")
    if not members:
        return None
    read = _Members(row, {_snake(name): value for name, value in members.items()})
    try:
        period = BillingPeriod(read.text("billing_period"))
    except ValueError:
        raise row.fault("subscription", "billing_period must be day, week, month or year") from None
    return SubscriptionTerms(
        billing_period=period,
        billing_interval=read.whole("billing_interval") or 1,
        trial_days=read.whole("trial_days"),
        stripe_price_id=read.text("stripe_price_id"),
        allow_x402=read.flag("allow_x402"),
        grace_period_hours=read.whole("grace_period_hours"),
    )


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


@frozen
class _Members:
    """The members of a subscription, which have their types already."""

    row: Row
    members: Mapping[str, Any]

    def text(self, name: str) -> str:
        return self._of(name, "", "a text")

    def whole(self, name: str) -> int:
        return self._of(name, 0, "a whole number")

    def flag(self, name: str) -> bool:
        return self._of(name, False, "true or false")

    def _of(self, name: str, nothing: Plain, what: str) -> Plain:
        value = self.members.get(name)
        if value is None:
            return nothing
        if type(value) is not type(nothing):
            raise self.row.fault("subscription", f"{name} must be {what}")
        return value
