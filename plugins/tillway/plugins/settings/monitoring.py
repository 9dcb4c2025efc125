"""The section `monitoring`: warnings about the sponsor wallets' balances."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import ClassVar

from attrs import frozen

from tillway.core.secrets import Secret
from tillway.plugins.rules import hide_url, is_not_positive, url
from tillway.plugins.setting import Family, setting
from tillway.plugins.settings.headers import header_name, sendable


@frozen(kw_only=True)
class MonitoringSettings:
    """Warnings about the sponsor wallets' balances."""

    IN_FORCE: ClassVar[bool] = False

    low_balance_alert_url: str = setting(
        default="",
        env="MONITORING_LOW_BALANCE_ALERT_URL",
        rules=(url("http", "https"),),
        shown=hide_url,
        doc="Where warnings go; blank sends none.",
    )
    low_balance_threshold: Decimal = setting(
        default=Decimal("0.01"),
        env="MONITORING_LOW_BALANCE_THRESHOLD",
        unset_when=is_not_positive,
        doc="Warns below so many SOL.",
    )
    check_interval: timedelta = setting(
        default=timedelta(minutes=15),
        env="MONITORING_CHECK_INTERVAL",
        unset_when=is_not_positive,
        doc="How often balances are looked at.",
    )
    headers: Mapping[str, Secret] = setting(
        factory=dict,
        env=None,
        family=Family(prefix="MONITORING_HEADER_", key=header_name, ignores_case=True),
        rules=(sendable,),
        doc="Sent along with every warning.",
    )
    body_template: str = setting(
        default="", env=None, doc="A template of the warning; blank sends Discord's form."
    )
    timeout: timedelta = setting(
        default=timedelta(seconds=5),
        env="MONITORING_TIMEOUT",
        unset_when=is_not_positive,
        doc="How long the receiver may take.",
    )
