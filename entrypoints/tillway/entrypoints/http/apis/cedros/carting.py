"""The routes of carts."""

from collections.abc import Sequence

from tillway.core.errors import Code
from tillway.core.services.gateway import Services
from tillway.entrypoints.http.apis.cedros import cart_bodies
from tillway.entrypoints.http.apis.cedros.cart_checkout import Open
from tillway.entrypoints.http.apis.cedros.cart_looks import Looks
from tillway.entrypoints.http.apis.cedros.cart_quote import Quote
from tillway.entrypoints.http.apis.cedros.refusals import PRICING, PROVING
from tillway.plugins.api import Answer, Pace, Parameter, Route

_CART = Parameter(
    name="cartId",
    where="path",
    required=True,
    description="The cart's id, `cart:` before it or not.",
    schema={"pattern": "^(?:cart:)?cart_[0-9a-f]{32}$"},
)
_PRICED = (Code.EMPTY_CART, Code.INVALID_CART_ITEM, Code.INVALID_AMOUNT)


def routes(services: Services, prefix: str) -> Sequence[Route]:
    """Give them."""
    looks = Looks(services)
    return [
        Route(
            method="POST",
            path="/paywall/v1/cart/quote",
            handler=Quote(services, prefix).handle,
            name="quote_cart",
            summary="Quote several resources together",
            body=cart_bodies.CartRequest,
            answers=(
                Answer(status=402, description="How to pay.", body=cart_bodies.CartQuote),
                Answer(status=200, description="It costs nothing.", body=cart_bodies.CartQuote),
            ),
            refusals=(*PRICING, *_PRICED),
            idempotent=True,
        ),
        Route(
            method="POST",
            path="/paywall/v1/cart/checkout",
            handler=Open(services).handle,
            name="check_cart_out",
            summary="Open a Stripe checkout for several resources",
            body=cart_bodies.CheckoutRequest,
            answers=(
                Answer(status=200, description="Where to pay.", body=cart_bodies.CheckoutOpened),
            ),
            refusals=(
                *PRICING,
                *_PRICED,
                Code.CART_NOT_FOUND,
                Code.CART_ALREADY_PAID,
                Code.QUOTE_EXPIRED,
                Code.STRIPE_ERROR,
            ),
            idempotent=True,
        ),
        Route(
            method="GET",
            path="/paywall/v1/cart/{cartId}",
            handler=looks.state,
            name="show_cart",
            summary="What a cart costs, and whether it is paid",
            parameters=(_CART,),
            pace=Pace.LIGHT,
            answers=(Answer(status=200, description="The cart.", body=cart_bodies.CartState),),
            refusals=(Code.CART_NOT_FOUND,),
        ),
        Route(
            method="GET",
            path="/paywall/v1/cart/{cartId}/inventory-status",
            handler=looks.stock,
            name="show_cart_inventory",
            summary="Whether all of a cart can be had",
            parameters=(_CART,),
            pace=Pace.LIGHT,
            answers=(Answer(status=200, description="Its lines.", body=cart_bodies.CartStock),),
            refusals=(Code.CART_NOT_FOUND,),
        ),
        Route(
            method="POST",
            path="/paywall/v1/cart/{cartId}/verify",
            handler=looks.verify,
            name="verify_cart",
            summary="Pay for a cart with an x402 payment of any version",
            parameters=(
                _CART,
                Parameter(name="X-PAYMENT", where="header", description="An x402 payment."),
                Parameter(
                    name="PAYMENT-SIGNATURE", where="header", description="An x402 v2 payment."
                ),
                Parameter(name="Idempotency-Key", where="header", description="A repeat is free."),
            ),
            answers=(
                Answer(status=200, description="It is paid.", body=cart_bodies.CartVerified),
                Answer(status=402, description="Refused, or on its way."),
            ),
            refusals=(
                Code.MISSING_FIELD,
                Code.CART_NOT_FOUND,
                Code.CART_ALREADY_PAID,
                Code.COUPON_USAGE_LIMIT_REACHED,
                Code.RATE_LIMIT_EXCEEDED,
                Code.STRIPE_ERROR,
                *PROVING,
            ),
        ),
    ]
