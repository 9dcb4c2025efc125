"""The least that Stripe charges.

docs.stripe.com/currencies#minimum-and-maximum-charge-amounts names it for each currency in which an
account is paid out. What is charged in another currency has to come to that account's least after
Stripe has converted it, by a rate that we do not know: we go by the currency of the charge, and
what Stripe refuses beyond that is its own refusal. Some ways to pay, like iDEAL, take any amount.
"""

from collections.abc import Mapping
from typing import Final

from tillway.adapters.stripe.config import StripeConfig
from tillway.core.assets import Asset
from tillway.core.money import Money

CARD: Final = "card"

LEAST: Final[Mapping[str, int]] = {
    "usd": 50,
    "aed": 200,
    "aud": 50,
    "bgn": 100,
    "brl": 50,
    "cad": 50,
    "chf": 50,
    "czk": 1500,
    "dkk": 250,
    "eur": 50,
    "gbp": 30,
    "hkd": 400,
    "huf": 17500,
    "inr": 50,
    "jpy": 50,
    "mxn": 1000,
    "myr": 200,
    "nok": 300,
    "nzd": 50,
    "pln": 200,
    "ron": 200,
    "sek": 300,
    "sgd": 50,
    "thb": 1000,
}
"""In minor units as Stripe counts them: a yen has none smaller, a forint has a hundred."""


def least(asset: Asset, config: StripeConfig) -> Money | None:
    """Give the least that is charged; None where it depends on more than the amount.

    Tax that is added makes the charge larger than our price.
    """
    minor = LEAST.get(asset.stripe or "")
    if minor is None or config.tax_rate or config.payment_methods != (CARD,):
        return None
    return Money(minor, asset)
