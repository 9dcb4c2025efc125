"""The sections `rate_limit` and `api_key`: who may ask how often."""

from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar, Literal

from attrs import frozen

from tillway.core.secrets import Secret
from tillway.plugins.rules import positive
from tillway.plugins.setting import Family, setting

Tier = Literal["free", "pro", "enterprise", "partner"]


@frozen(kw_only=True)
class RateLimitSettings:
    """How often anybody may ask. `global: {enabled, limit, window}` and so on are read too."""

    IN_FORCE: ClassVar[bool] = False

    global_enabled: bool = setting(
        default=True, env=None, also=("global.enabled",), doc="Limits all requests together."
    )
    global_limit: int = setting(
        default=1000,
        env=None,
        also=("global.limit",),
        rules=(positive,),
        doc="The most requests in a window.",
    )
    global_window: timedelta = setting(
        default=timedelta(minutes=1),
        env=None,
        also=("global.window",),
        rules=(positive,),
        doc="The window.",
    )
    per_wallet_enabled: bool = setting(
        default=True, env=None, also=("per_wallet.enabled",), doc="Limits each wallet."
    )
    per_wallet_limit: int = setting(
        default=60,
        env=None,
        also=("per_wallet.limit",),
        rules=(positive,),
        doc="The most requests in a window.",
    )
    per_wallet_window: timedelta = setting(
        default=timedelta(minutes=1),
        env=None,
        also=("per_wallet.window",),
        rules=(positive,),
        doc="The window.",
    )
    per_ip_enabled: bool = setting(
        default=True, env=None, also=("per_ip.enabled",), doc="Limits each address."
    )
    per_ip_limit: int = setting(
        default=120,
        env=None,
        also=("per_ip.limit",),
        rules=(positive,),
        doc="The most requests in a window.",
    )
    per_ip_window: timedelta = setting(
        default=timedelta(minutes=1),
        env=None,
        also=("per_ip.window",),
        rules=(positive,),
        doc="The window.",
    )


@frozen(kw_only=True)
class ApiKey:
    """A key, and what it entitles to."""

    key: Secret
    tier: Tier


def _keys(tiers: Mapping[str, Tier]) -> tuple[ApiKey, ...]:
    return tuple(ApiKey(key=Secret(key), tier=tier) for key, tier in sorted(tiers.items()))


@frozen(kw_only=True)
class ApiKeySettings:
    """Keys that lift limits."""

    IN_FORCE: ClassVar[bool] = False

    enabled: bool = setting(default=False, env="CEDROS_API_KEY_ENABLED", doc="Reads `X-API-Key`.")
    keys: tuple[ApiKey, ...] = setting(
        default=(),
        shape=Mapping[str, Tier],
        convert=_keys,
        env=None,
        family=Family(prefix="CEDROS_API_KEY_", key=str.lower, skip=frozenset({"ENABLED"})),
        secret_keys=True,
        doc="Each key and its tier: free, pro, enterprise or partner. A variable's name is the "
        "key, in lower case.",
    )
