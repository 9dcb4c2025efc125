"""What the rail must be told before it can work: plain values, no settings format."""

from datetime import timedelta
from typing import Final

from attrs import field, frozen

from tillway.core.assets import BUILT_IN, Assets
from tillway.core.secrets import Secret

API_BASE: Final = "https://api.stripe.com"

API_VERSION: Final = "2026-10-28.endive"
"""The version that we ask for, whatever the account's own or the package's may be."""

SHORTEST_SESSION: Final = timedelta(minutes=31)
LONGEST_SESSION: Final = timedelta(hours=23, minutes=55)
"""How long a session may be open: Stripe takes 30 minutes to 24 hours, by its own clock."""


@frozen(kw_only=True)
class StripeConfig:
    """How cards are taken.

    ``webhook_secrets`` are all that may have signed an event: several during a rotation.
    ``hosts`` are those that a buyer may be sent to, each with its port unless that is the usual.
    ``payment_methods`` are Stripe's words; without any, Stripe's dashboard decides. A session is
    open for ``session_lifetime``, or as long as its checkout if that is longer.
    """

    webhook_secrets: tuple[Secret, ...] = field(default=(), repr=False)
    assets: Assets = field(default=BUILT_IN, repr=False)
    hosts: tuple[str, ...] = ()
    tax_rate: str = ""
    payment_methods: tuple[str, ...] = ("card",)
    session_lifetime: timedelta = SHORTEST_SESSION
    live: bool = False
