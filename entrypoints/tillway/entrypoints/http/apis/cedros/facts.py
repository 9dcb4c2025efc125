"""What the settings say of either way to pay that pages may know."""

from collections.abc import Mapping

from tillway.entrypoints.http.apis.cedros.storefront import Facts
from tillway.plugins.context import Context
from tillway.plugins.settings.stripe import StripeSettings
from tillway.plugins.settings.x402 import X402Settings


def facts_of(context: Context) -> Facts:
    """Give what is public of the sections that are set."""
    return Facts(
        card=_card(context.sections.get("stripe")), token=_token(context.sections.get("x402"))
    )


def _card(section: object) -> Mapping[str, object] | None:
    if not isinstance(section, StripeSettings):
        return None
    return {"publishableKey": section.publishable_key, "mode": section.mode}


def _token(section: object) -> Mapping[str, object] | None:
    if not isinstance(section, X402Settings):
        return None
    return {
        "network": section.network,
        "paymentAddress": section.payment_address,
        "tokenMint": section.token_mint,
        "tokenSymbol": section.token,
    }
