"""The settings by which the sandbox's gateway takes cards from the sandbox's Stripe."""

import secrets
from collections.abc import Mapping
from importlib.util import find_spec

from tillway.entrypoints.sandbox.stage import Stage

_SUCCESS = "/stripe/success?session_id={CHECKOUT_SESSION_ID}"


def cards(stage: Stage) -> Mapping[str, object]:
    """Give the section `stripe`, and have Stripe tell the gateway; nothing without the package."""
    if find_spec("stripe") is None:
        return {}
    shop = f"http://{stage.plan.host}:{stage.plan.port}"
    secret = f"whsec_{secrets.token_hex(24)}"
    stage.stripe.listen(f"{shop}/webhook/stripe", secret)
    return {
        "stripe": {
            "secret_key": stage.stripe.secret_key,
            "webhook_secret": secret,
            "api_base": stage.stripe.url,
            "success_url": f"{shop}{_SUCCESS}",
            "cancel_url": f"{shop}/stripe/cancel",
        }
    }
