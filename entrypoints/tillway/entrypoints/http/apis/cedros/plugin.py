"""The face for clients of the Cedros Pay server."""

from collections.abc import Sequence

from tillway.core.errors import Code
from tillway.core.services.gateway import Services
from tillway.entrypoints.http.apis.cedros import bodies
from tillway.entrypoints.http.apis.cedros.coupons import Coupons
from tillway.entrypoints.http.apis.cedros.gasless import Gasless
from tillway.entrypoints.http.apis.cedros.lookup import Lookup
from tillway.entrypoints.http.apis.cedros.products import Products
from tillway.entrypoints.http.apis.cedros.quote import Quote
from tillway.entrypoints.http.apis.cedros.refusals import PRICING, PROVING
from tillway.entrypoints.http.apis.cedros.verify import Verify
from tillway.entrypoints.settings.sections import ServerSettings
from tillway.plugins.api import Answer, Api, Parameter, Route
from tillway.plugins.context import Context
from tillway.plugins.hooks import hookimpl
from tillway.plugins.plugin import Kind, Plugin

PLUGIN = Plugin(kind=Kind.API, name="cedros", summary="the public routes of the Cedros Pay server")


@hookimpl
def tillway_apis(context: Context) -> Sequence[Api]:
    """Give the face."""
    prefix = context.section("server", ServerSettings).route_prefix

    def routes(services: Services) -> Sequence[Route]:
        return [*_buying(services, prefix), *_looking(services)]

    return [Api(name="cedros", routes=routes)]


def _buying(services: Services, prefix: str) -> Sequence[Route]:
    return [
        Route(
            method="POST",
            path="/paywall/v1/quote",
            handler=Quote(services, prefix).handle,
            name="quote",
            summary="Quote a resource for x402 v0",
            body=bodies.QuoteRequest,
            answers=(
                Answer(status=402, description="How to pay.", body=bodies.Challenge),
                Answer(status=200, description="It costs nothing.", body=bodies.Grant),
            ),
            refusals=(*PRICING, Code.IDEMPOTENCY_KEY_REUSED),
        ),
        Route(
            method="POST",
            path="/paywall/v1/verify",
            handler=Verify(services).handle,
            name="verify",
            summary="Pay for a resource with an x402 payment of any version",
            parameters=(
                Parameter(name="X-PAYMENT", where="header", description="An x402 payment."),
                Parameter(
                    name="PAYMENT-SIGNATURE", where="header", description="An x402 v2 payment."
                ),
                Parameter(
                    name="resource", where="query", description="What a version 1 payment is for."
                ),
                Parameter(name="Idempotency-Key", where="header", description="A repeat is free."),
            ),
            answers=(
                Answer(status=200, description="The grant.", body=bodies.Grant),
                Answer(status=402, description="Refused, or on its way."),
            ),
            refusals=(
                Code.MISSING_FIELD,
                *PROVING,
                *PRICING,
                Code.CART_NOT_FOUND,
                Code.REFUND_NOT_FOUND,
            ),
        ),
        Route(
            method="POST",
            path="/paywall/v1/gasless-transaction",
            handler=Gasless(services).handle,
            name="build_gasless_transaction",
            summary="Build a transaction whose fee the gateway pays",
            body=bodies.GaslessRequest,
            answers=(
                Answer(status=200, description="To be signed.", body=bodies.GaslessTransaction),
            ),
            refusals=(Code.INVALID_WALLET, *PRICING, Code.RPC_ERROR, Code.NETWORK_ERROR),
        ),
    ]


def _looking(services: Services) -> Sequence[Route]:
    return [
        Route(
            method="GET",
            path="/paywall/v1/products",
            handler=Products(services).handle,
            name="list_products",
            summary="The price list",
            answers=(
                Answer(status=200, description="Products and coupons.", body=bodies.PriceList),
            ),
        ),
        Route(
            method="POST",
            path="/paywall/v1/coupons/validate",
            handler=Coupons(services).handle,
            name="validate_coupon",
            summary="What a coupon does",
            body=bodies.CouponRequest,
            answers=(
                Answer(status=200, description="Valid, or why not.", body=bodies.CouponAnswer),
            ),
        ),
        Route(
            method="GET",
            path="/paywall/v1/x402-transaction/verify",
            handler=Lookup(services).handle,
            name="verify_transaction",
            summary="Whether a transaction has paid here",
            parameters=(
                Parameter(
                    name="signature",
                    where="query",
                    required=True,
                    description="A transaction's first signature.",
                ),
            ),
            answers=(
                Answer(status=200, description="It has.", body=bodies.TransactionProof),
                Answer(status=402, description="It has not."),
            ),
            refusals=(Code.MISSING_FIELD, Code.TRANSACTION_NOT_FOUND),
        ),
    ]
