"""What may be wrong around the rail, and what to do about it."""

from collections.abc import Sequence
from typing import Final

from attrs import evolve

from tillway.adapters.stripe.client import Api, segment
from tillway.adapters.stripe.config import StripeConfig
from tillway.adapters.stripe.errors import Unauthentic
from tillway.adapters.stripe.prices import Price, Prices
from tillway.core.catalog import Product
from tillway.core.errors import Declined, Unavailable
from tillway.core.ports.rails import Finding

API: Final = "Stripe's API"


async def examine(
    api: Api, prices: Prices, config: StripeConfig, products: Sequence[Product]
) -> tuple[Finding, ...]:
    """Look at the key, the tax rate and the products' prices, in this order. Changes nothing."""
    key = await _key(api, config)
    if not key.good:
        return (evolve(key, fatal=True),)
    findings = [key, _webhooks(config)]
    if config.tax_rate:
        findings.append(await _tax_rate(api, config))
    findings += [await _price(prices, product) for product in products if product.stripe_price_id]
    return tuple(findings)


async def _key(api: Api, config: StripeConfig) -> Finding:
    path = "/v1/checkout/sessions"
    try:
        await api.read("checkout.sessions.list", path, {"limit": 1}, lambda answer: answer)
    except Unauthentic:
        advice = "check stripe.secret_key: a restricted key must be able to write checkout sessions"
        return Finding(subject=API, good=False, fact="it does not take the key", advice=advice)
    except (Declined, Unavailable) as away:
        advice = "check the network and stripe.api_base, and status.stripe.com"
        return Finding(subject=API, good=False, fact=f"no answer ({away})", advice=advice)
    mode = "live" if config.live else "test"
    return Finding(subject=API, good=True, fact=f"it takes the key, in {mode} mode")


def _webhooks(config: StripeConfig) -> Finding:
    count = len(config.webhook_secrets)
    return Finding(
        subject="webhook secrets",
        good=count > 0,
        fact=f"{count} set" if count else "none: every webhook is refused",
        advice=None if count else "set stripe.webhook_secret",
    )


async def _tax_rate(api: Api, config: StripeConfig) -> Finding:
    subject = f"tax rate {config.tax_rate}"
    path = f"/v1/tax_rates/{segment(config.tax_rate)}"
    try:
        active = await api.find("tax_rates.retrieve", path, {}, lambda rate: rate.flag("active"))
    except (Declined, Unavailable) as away:
        return Finding(subject=subject, good=False, fact=str(away), advice="try again")
    if active:
        return Finding(subject=subject, good=True, fact="there, and active")
    fact = "there is none of this id" if active is None else "it is archived"
    return Finding(subject=subject, good=False, fact=fact, advice="check stripe.tax_rate_id")


async def _price(prices: Prices, product: Product) -> Finding:
    subject = f"price {product.stripe_price_id} of {product.id}"
    try:
        price = await prices.ask(product.stripe_price_id)
    except (Declined, Unavailable) as away:
        return Finding(subject=subject, good=False, fact=str(away), advice="try again")
    fault = _fault(price, product)
    if fault is None:
        return Finding(subject=subject, good=True, fact="there, and charged")
    only = product.fiat_price is None
    advice = "check stripe_price_id" if only else "our own price is charged in its place"
    return Finding(subject=subject, good=False, fact=fault, advice=advice)


def _fault(price: Price | None, product: Product) -> str | None:
    if price is None:
        return "there is none of this id"
    if not price.active:
        return "it is archived"
    if not price.is_for(product.subscription):
        return "it is charged once or from period to period, and the product is not"
    if product.fiat_price is not None and price.unit != product.fiat_price:
        return f"it is {price.unit}, and the product {product.fiat_price}"
    return None
