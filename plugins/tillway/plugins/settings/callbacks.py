"""The section `callbacks`: telling the seller of a payment."""

from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar

from attrs import frozen

from tillway.core.secrets import Secret
from tillway.plugins.rules import at_least, between, hide_url, is_zero, positive, url
from tillway.plugins.setting import Family, Rule, setting
from tillway.plugins.settings.headers import header_name, sendable


def _grows_to(most: timedelta, first: timedelta) -> str | None:
    return "must not be less than initial_interval" if most < first else None


@frozen(kw_only=True)
class CallbackRetry:
    """When a callback is sent again."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(fields=("max_interval", "initial_interval"), check=_grows_to),
    )

    enabled: bool = setting(default=True, env=None, doc="Sends again what was not taken.")
    max_attempts: int = setting(
        default=5, env=None, rules=(between(1, 1000),), doc="How often at most, first included."
    )
    initial_interval: timedelta = setting(
        default=timedelta(seconds=1), env=None, rules=(positive,), doc="The first wait."
    )
    max_interval: timedelta = setting(
        default=timedelta(minutes=5), env=None, rules=(positive,), doc="The longest wait."
    )
    multiplier: float = setting(default=2.0, env=None, rules=(at_least(1),), doc="How waits grow.")


@frozen(kw_only=True)
class CallbackSettings:
    """Telling the seller of a payment."""

    IN_FORCE: ClassVar[bool] = False

    payment_success_url: str = setting(
        default="",
        env="CALLBACK_PAYMENT_SUCCESS_URL",
        rules=(url("http", "https"),),
        shown=hide_url,
        doc="Where events go; blank sends none.",
    )
    headers: Mapping[str, Secret] = setting(
        factory=dict,
        env=None,
        family=Family(prefix="CALLBACK_HEADER_", key=header_name, ignores_case=True),
        rules=(sendable,),
        doc="Sent along with every event.",
    )
    body: str = setting(default="", env=None, doc="Sent word for word instead of the event.")
    body_template: str = setting(
        default="", env=None, doc="A template of what is sent instead of the event."
    )
    timeout: timedelta = setting(
        default=timedelta(seconds=3),
        env="CALLBACK_TIMEOUT",
        unset_when=is_zero,
        rules=(positive,),
        doc="How long the seller's server may take.",
    )
    retry: CallbackRetry = setting(factory=CallbackRetry, doc="When a callback is sent again.")
    dlq_enabled: bool = setting(
        default=False, env=None, doc="Cedros' file of what was never taken. Ours is in the store."
    )
    dlq_path: str = setting(
        default="./data/webhook-dlq.json", env=None, doc="The path of that file."
    )
