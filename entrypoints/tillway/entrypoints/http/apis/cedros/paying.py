"""The routes by which a resource is paid with a proof."""

from collections.abc import Sequence

from tillway.core.errors import Code
from tillway.core.services.gateway import Services
from tillway.entrypoints.http.apis.cedros import bodies
from tillway.entrypoints.http.apis.cedros.gasless import Gasless
from tillway.entrypoints.http.apis.cedros.quote import Quote
from tillway.entrypoints.http.apis.cedros.refusals import PRICING, PROVING
from tillway.entrypoints.http.apis.cedros.verify import Verify
from tillway.plugins.api import Answer, Parameter, Route


def routes(services: Services, prefix: str) -> Sequence[Route]:
    """Give them."""
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
                Code.CART_ALREADY_PAID,
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
            refusals=(
                Code.INVALID_WALLET,
                *PRICING,
                Code.QUOTE_EXPIRED,
                Code.CART_ALREADY_PAID,
                Code.RPC_ERROR,
                Code.NETWORK_ERROR,
            ),
        ),
    ]
