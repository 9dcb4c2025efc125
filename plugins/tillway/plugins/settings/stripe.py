"""The section `stripe`: cards."""

from typing import ClassVar, Literal

from attrs import frozen

from tillway.core.secrets import Secret
from tillway.plugins.rules import is_blank, url
from tillway.plugins.setting import Alias, Rule, setting

_PAGE = url("http", "https")


def _bare(name: str) -> tuple[Alias, ...]:
    return (Alias(name=f"STRIPE_{name}"),)


def _has_secret_key(secret_key: Secret | None, publishable_key: str) -> str | None:
    if secret_key or not publishable_key:
        return None
    return "stripe.secret_key is required when publishable key is set"


@frozen(kw_only=True)
class StripeSettings:
    """Cards, by Stripe. Loads when anything in it is set."""

    WHEN_SET: ClassVar[bool] = True
    IN_FORCE: ClassVar[bool] = False
    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(fields=("secret_key", "publishable_key"), check=_has_secret_key),
    )

    secret_key: Secret | None = setting(
        default=None,
        env="CEDROS_STRIPE_SECRET_KEY",
        aliases=_bare("SECRET_KEY"),
        doc="The API key.",
    )
    webhook_secret: Secret | None = setting(
        default=None,
        env="CEDROS_STRIPE_WEBHOOK_SECRET",
        aliases=_bare("WEBHOOK_SECRET"),
        doc="Signs Stripe's webhooks; without it every webhook is refused.",
    )
    publishable_key: str = setting(
        default="",
        env="CEDROS_STRIPE_PUBLISHABLE_KEY",
        aliases=_bare("PUBLISHABLE_KEY"),
        doc="The key for browsers.",
    )
    success_url: str = setting(
        default="http://localhost:8080/stripe/success?session_id={CHECKOUT_SESSION_ID}",
        env="CEDROS_STRIPE_SUCCESS_URL",
        aliases=_bare("SUCCESS_URL"),
        unset_when=is_blank,
        rules=(_PAGE,),
        doc="Where a buyer goes who paid.",
    )
    cancel_url: str = setting(
        default="http://localhost:8080/stripe/cancel",
        env="CEDROS_STRIPE_CANCEL_URL",
        aliases=_bare("CANCEL_URL"),
        unset_when=is_blank,
        rules=(_PAGE,),
        doc="Where a buyer goes who did not.",
    )
    tax_rate_id: str = setting(
        default="",
        env="CEDROS_STRIPE_TAX_RATE_ID",
        aliases=_bare("TAX_RATE_ID"),
        doc="A tax rate for prices that we make ourselves.",
    )
    mode: Literal["test", "live"] = setting(
        default="test",
        env="CEDROS_STRIPE_MODE",
        aliases=_bare("MODE"),
        doc="Whether the keys are test keys.",
    )
