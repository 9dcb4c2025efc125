"""Cards, by Stripe: sessions on its page, webhooks, refunds, subscriptions."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tillway.core.observations import ProviderCalled
from tillway.core.ports.rails import Rail
from tillway.plugins.context import Context
from tillway.plugins.hooks import hookimpl
from tillway.plugins.plugin import Kind, Plugin
from tillway.plugins.settings.breakers import BreakerSettings
from tillway.plugins.settings.stripe import StripeSettings, own_hosts, page_hosts

if TYPE_CHECKING:
    from tillway.adapters.stripe.client import Api
    from tillway.adapters.stripe.config import StripeConfig
    from tillway.core.secrets import Secret

PLUGIN = Plugin(
    kind=Kind.RAIL,
    name="stripe",
    summary="cards, on a page of Stripe's",
    section="stripe",
    settings=StripeSettings,
    extra="stripe",
)

_log = logging.getLogger(__name__)


@hookimpl
def tillway_rails(context: Context) -> Sequence[Rail]:
    """Give the rail, not yet connected; none without a key."""
    settings = context.section("stripe", StripeSettings)
    if not settings.secret_key:
        _log.warning("cards are not taken: stripe.secret_key is not set")
        return ()
    from tillway.adapters.stripe.rail import StripeRail

    return [
        StripeRail(
            config=_config(settings, context),
            api=_api(settings, settings.secret_key, context),
            clock=context.clock,
            random=context.random,
        )
    ]


def _api(settings: StripeSettings, key: Secret, context: Context) -> Api:
    from tillway.adapters.guarded import Guard, breaker
    from tillway.adapters.stripe.client import Api
    from tillway.plugins.tripping import tripping

    breakers = context.section("circuit_breaker", BreakerSettings)
    chosen = tripping(breakers.stripe_api) if breakers.enabled else None
    guard = Guard(
        sleep=context.clock.sleep, breaker=breaker("stripe_api", chosen) if chosen else None
    )

    def observe(operation: str, outcome: str, seconds: float | None) -> None:
        context.observe(
            ProviderCalled(provider="stripe", operation=operation, outcome=outcome, seconds=seconds)
        )

    return Api(key=key, base=settings.api_base, guard=guard, observe=observe)


def _config(settings: StripeSettings, context: Context) -> StripeConfig:
    from tillway.adapters.stripe.config import StripeConfig

    return StripeConfig(
        webhook_secrets=settings.webhook_secret,
        assets=context.assets,
        hosts=(*settings.redirect_hosts, *page_hosts(settings), *own_hosts(context.addresses)),
        tax_rate=settings.tax_rate_id,
        payment_methods=settings.payment_method_types,
        session_lifetime=settings.session_lifetime,
        live=settings.mode == "live",
    )
