"""The routes by which one looks and buys nothing."""

from collections.abc import Sequence

from tillway.core.errors import Code
from tillway.core.services.gateway import Services
from tillway.entrypoints.http.apis.cedros import bodies
from tillway.entrypoints.http.apis.cedros.coupons import Coupons
from tillway.entrypoints.http.apis.cedros.lookup import Lookup
from tillway.plugins.api import Answer, Parameter, Route


def routes(services: Services) -> Sequence[Route]:
    """Give them."""
    return [
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
