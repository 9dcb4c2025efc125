"""The section `subscriptions`: products that are paid again and again."""

from typing import Literal

from attrs import frozen

from tillway.core.secrets import Secret
from tillway.plugins.rules import not_negative
from tillway.plugins.setting import Alias, setting

_PREFIX = "SUBSCRIPTIONS_"


def _older(name: str) -> tuple[Alias, ...]:
    return (Alias(name=f"{_PREFIX}{name}"),)


@frozen(kw_only=True)
class SubscriptionSettings:
    """Products that are paid again and again."""

    enabled: bool = setting(
        default=False,
        env=f"CEDROS_{_PREFIX}ENABLED",
        aliases=_older("ENABLED"),
        doc="Sells subscriptions.",
    )
    backend: Literal["memory", "postgres"] = setting(
        default="memory",
        env=f"CEDROS_{_PREFIX}BACKEND",
        aliases=_older("BACKEND"),
        doc="Where Cedros keeps them. Ours are in the store.",
    )
    postgres_url: Secret | None = setting(
        default=None,
        default_is="`storage.postgres_url` when `backend` is `postgres`",
        env=f"CEDROS_{_PREFIX}POSTGRES_URL",
        aliases=_older("POSTGRES_URL"),
        doc="The database of subscriptions.",
    )
    grace_period_hours: int = setting(
        default=24,
        env=f"CEDROS_{_PREFIX}GRACE_PERIOD_HOURS",
        aliases=_older("GRACE_PERIOD_HOURS"),
        rules=(not_negative,),
        doc="How long access lasts beyond a period that is not paid on, where the product has no "
        "grace of its own.",
    )
