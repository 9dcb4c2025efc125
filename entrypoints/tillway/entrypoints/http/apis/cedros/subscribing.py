"""The routes by which one subscribes."""

from collections.abc import Sequence

from tillway.core.errors import Code
from tillway.core.services.gateway import Services
from tillway.entrypoints.http.apis.cedros import subscription_bodies as bodies
from tillway.entrypoints.http.apis.cedros.refusals import PRICING
from tillway.entrypoints.http.apis.cedros.subscription_buys import Buys
from tillway.entrypoints.http.apis.cedros.subscription_changes import Changing
from tillway.entrypoints.http.apis.cedros.subscription_reads import Reads
from tillway.entrypoints.http.signed import parameters
from tillway.plugins.api import Answer, Handler, Parameter, Route

_WHOSE = (
    Parameter(
        name="resource",
        where="query",
        required=True,
        description="A product's id.",
        schema={"maxLength": 255},
    ),
    Parameter(
        name="userId",
        where="query",
        required=True,
        description="The subscriber: a wallet, or a customer of the card provider's (`cus_...`).",
        schema={"maxLength": 255},
    ),
)
_ASKING = (Code.MISSING_FIELD, Code.INVALID_FIELD)


def routes(services: Services, prefix: str) -> Sequence[Route]:
    """Give them."""
    return [*_reading(services), *_buying(services, prefix), *_changing(services)]


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
            path="/paywall/v1/subscription/stripe-session",
            handler=buys.session,
            name="open_subscription_session",
            summary="Open a Stripe checkout for a subscription",
            body=bodies.SubscriptionSessionRequest,
            answers=(
                Answer(status=200, description="Where to pay.", body=bodies.SubscriptionSession),
            ),
            refusals=(*PRICING, Code.INVALID_AMOUNT, Code.STRIPE_ERROR),
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


def _changing(services: Services) -> Sequence[Route]:
    changing = Changing(services)
    return [
        _change(
            "cancel",
            "End a subscription now or with its period",
            changing.cancel,
            bodies.CancelRequest,
            Answer(status=200, description="It ends.", body=bodies.Cancelled),
        ),
        _change(
            "reactivate",
            "Take back that a subscription ends with its period",
            changing.reactivate,
            bodies.ReactivateRequest,
            Answer(status=200, description="It goes on.", body=bodies.Reactivated),
        ),
        _change(
            "change",
            "Put a subscription on another plan",
            changing.change,
            bodies.ChangeRequest,
            Answer(status=200, description="The plan that comes.", body=bodies.Changed),
            idempotent=True,
        ),
        _change(
            "change/preview",
            "What another plan would cost",
            changing.preview,
            bodies.PreviewRequest,
            Answer(status=200, description="What is due.", body=bodies.ChangePreview),
            proven=False,
        ),
        _change(
            "portal",
            "A customer's own page at Stripe, for the operator",
            changing.portal,
            bodies.PortalRequest,
            Answer(status=200, description="Its address.", body=bodies.Portal),
        ),
    ]


def _change(
    what: str,
    summary: str,
    handler: Handler,
    body: type,
    answer: Answer,
    *,
    idempotent: bool = False,
    proven: bool = True,
) -> Route:
    needs = (Code.UNAUTHORIZED, Code.FORBIDDEN) if proven else ()
    return Route(
        method="POST",
        path=f"/paywall/v1/subscription/{what}",
        handler=handler,
        name=f"{what.replace('/', '_')}_subscription",
        summary=summary,
        body=body,
        answers=(answer,),
        parameters=_PROOF if proven else (),
        refusals=(
            *_ASKING,
            *needs,
            Code.RESOURCE_NOT_FOUND,
            Code.INVALID_RESOURCE,
            Code.STRIPE_ERROR,
        ),
        idempotent=idempotent,
    )


_PROOF = parameters(
    "The subscriber's wallet.",
    "What it signed: `cancel-subscription:<id>:<nonce>` and the like.",
)
