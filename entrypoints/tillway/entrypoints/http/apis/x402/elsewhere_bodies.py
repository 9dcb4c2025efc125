"""The JSON bodies of the routes for buyers who pay by themselves."""

from typing import Literal

from attrs import frozen

from tillway.entrypoints.http.apis.cedros.bodies import Grant
from tillway.entrypoints.http.wire import wire

_ID = 255


@frozen(kw_only=True)
class OwnTransactionRequest:
    """What a buyer wants to pay for, and with which wallet."""

    resource_id: str = wire(missing="resourceId is required", longest=_ID)
    user_wallet: str = wire(missing="userWallet is required", longest=64)
    coupon_code: str | None = wire(default=None, longest=_ID)


@frozen(kw_only=True)
class OwnTransaction:
    """A transaction to sign: standard base64 of a legacy transaction without signatures."""

    transaction: str
    blockhash: str
    fee_payer: str = wire(doc="The buyer's own wallet.")
    last_valid_block_height: int


@frozen(kw_only=True)
class PaymentStatusRequest:
    """The sealed quote that came with a payment link."""

    quote: str = wire(missing="quote is required", longest=8192)


@frozen(kw_only=True)
class PaymentStatus:
    """What has become of a payment link."""

    status: Literal["waiting", "granted"]
    expires_at: int = wire(doc="When the quote ends, in seconds since 1970.")
    grant: Grant | None = wire(default=None, doc="Once it was paid.")
