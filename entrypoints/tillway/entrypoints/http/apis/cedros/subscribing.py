"""The routes by which one subscribes."""

from collections.abc import Sequence

from tillway.core.errors import Code
from tillway.core.services.gateway import Services
from tillway.entrypoints.http.apis.cedros import subscription_bodies as bodies
from tillway.entrypoints.http.apis.cedros.refusals import PRICING
from tillway.entrypoints.http.apis.cedros.subscription_buys import Buys
from tillway.entrypoints.http.apis.cedros.subscription_reads import Reads
from tillway.plugins.api import Answer, Parameter, Route

_WHOSE = (
    Parameter(name="resource", where="query", required=True, description="A product's id."),
    Parameter(
        name="userId",
        where="query",
        required=True,
        description="The subscriber: a wallet, or a customer of the card provider's (`cus_...`).",
    ),
)
_ASKING = (Code.MISSING_FIELD, Code.INVALID_FIELD)


def routes(services: Services, prefix: str) -> Sequence[Route]:
    """Give them."""
    return [*_reading(services), *_buying(services, prefix)]


def _reading(services: Services) -> Sequence[Route]:
    reads = Reads(services)
    return [
        Route(
            method="GET",
            path="/paywall/v1/subscription/status",
            handler=reads.status,
            name="subscription_status",
            summary="Whether somebody has access by a subscription",
            parameters=_WHOSE,
            answers=(
                Answer(status=200, description="How it stands.", body=bodies.SubscriptionStatus),
            ),
            refusals=_ASKING,
        ),
        Route(
            method="GET",
            path="/paywall/v1/subscription/details",
            handler=reads.details,
            name="subscription_details",
            summary="A subscription",
            parameters=_WHOSE,
            answers=(
                Answer(status=200, description="All of it.", body=bodies.SubscriptionDetails),
            ),
            refusals=(*_ASKING, Code.RESOURCE_NOT_FOUND),
        ),
    ]


def _buying(services: Services, prefix: str) -> Sequence[Route]:
    buys = Buys(services, prefix)
    return [
        Route(
            method="POST",
            path="/paywall/v1/subscription/quote",
            handler=buys.quote,
            name="quote_subscription",
            summary="Quote a period of a subscription for x402 v0",
            body=bodies.SubscriptionQuoteRequest,
            answers=(
                Answer(status=402, description="How to pay for it.", body=bodies.SubscriptionQuote),
            ),
            refusals=PRICING,
            idempotent=True,
        ),
        Route(
            method="POST",
            path="/paywall/v1/subscription/x402/activate",
            handler=buys.activate,
            name="activate_subscription",
            summary="The subscription that an x402 payment has begun or extended",
            body=bodies.ActivateRequest,
            answers=(
                Answer(status=200, description="It runs.", body=bodies.Activated),
                Answer(status=402, description="It has to be paid: a quote."),
            ),
            refusals=(*PRICING, Code.AMOUNT_MISMATCH, Code.TRANSACTION_NOT_FOUND),
            idempotent=True,
        ),
    ]
