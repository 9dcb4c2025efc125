"""The section `refunds`: money that goes back."""

from datetime import timedelta
from decimal import Decimal

from attrs import frozen

from tillway.plugins.rules import not_negative, positive
from tillway.plugins.setting import setting


@frozen(kw_only=True)
class RefundSettings:
    """Money that goes back. `storage.refund_quote_ttl` says how long an approved one is offered."""

    minimum: Decimal = setting(
        default=Decimal("0.01"),
        rules=(not_negative,),
        doc="The least of a token that is given back, in major units, unless it is all that was "
        "paid. What arrives without buying anything and is less stays booked to its payer.",
    )
    request_ttl: timedelta = setting(
        default=timedelta(days=30),
        rules=(positive,),
        doc="How long a request waits to be decided.",
    )
    require_nonce: bool = setting(
        default=False,
        doc="Refuses messages that are signed without a nonce (`approve-refund:<id>:<nonce>`). "
        "Clients of the Cedros server in Go send none, and those of the one in Rust do not sign "
        "theirs.",
    )
