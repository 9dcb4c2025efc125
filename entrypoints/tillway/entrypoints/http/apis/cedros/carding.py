"""The routes by which things are paid by card, and by which Stripe tells what came of it."""

from collections.abc import Sequence

from tillway.core.errors import Code
from tillway.core.services.gateway import Services
from tillway.entrypoints.http.apis.cedros import card_bodies as bodies
from tillway.entrypoints.http.apis.cedros.card_pages import CANCEL, SUCCESS, Page
from tillway.entrypoints.http.apis.cedros.card_session import OpenSession, VerifySession
from tillway.entrypoints.http.apis.cedros.card_webhook import HearWebhook, WebhookPage
from tillway.entrypoints.http.apis.cedros.refusals import PRICING
from tillway.plugins.api import Answer, Parameter, Route


def routes(services: Services) -> Sequence[Route]:
    """Give them."""
    return [
        Route(
            method="POST",
            path="/paywall/v1/stripe-session",
            handler=OpenSession(services).handle,
            name="open_stripe_session",
            summary="Open a Stripe checkout for one resource",
            body=bodies.SessionRequest,
            answers=(Answer(status=200, description="Where to pay.", body=bodies.SessionAnswer),),
            refusals=(*PRICING, Code.INVALID_AMOUNT, Code.STRIPE_ERROR),
            idempotent=True,
        ),
        Route(
            method="GET",
            path="/paywall/v1/stripe-session/verify",
            handler=VerifySession(services).handle,
            name="verify_stripe_session",
            summary="Whether a Stripe session was paid",
            parameters=(
                Parameter(
                    name="session_id",
                    where="query",
                    required=True,
                    description="The session's id, as it was given when it was opened.",
                ),
            ),
            answers=(Answer(status=200, description="It was.", body=bodies.SessionProof),),
            refusals=(Code.MISSING_FIELD, Code.SESSION_NOT_FOUND),
        ),
        *_told(services),
        _page("/stripe/success", SUCCESS, "stripe_success", "Where a buyer goes who has paid"),
        _page("/stripe/cancel", CANCEL, "stripe_cancel", "Where a buyer goes who has not paid"),
    ]


def _told(services: Services) -> Sequence[Route]:
    return [
        Route(
            method="POST",
            path="/webhook/stripe",
            both=True,
            handler=HearWebhook(services).handle,
            name="stripe_webhook",
            summary="An event of Stripe's",
            parameters=(
                Parameter(
                    name="Stripe-Signature",
                    where="header",
                    description="Over the time and the raw body, by the endpoint's secret.",
                ),
            ),
            answers=(Answer(status=200, description="It is kept.", body=bodies.WebhookAnswer),),
            refusals=(Code.INVALID_SIGNATURE, Code.INVALID_FIELD),
        ),
        Route(
            method="GET",
            path="/webhook/stripe",
            both=True,
            handler=WebhookPage(services).handle,
            name="stripe_webhook_info",
            summary="Where Stripe sends events",
            answers=(Answer(status=200, description="For people.", body=bodies.WebhookInfo),),
        ),
    ]


def _page(path: str, page: Page, name: str, summary: str) -> Route:
    return Route(
        method="GET",
        path=path,
        both=True,
        handler=page.handle,
        name=name,
        summary=summary,
        answers=(Answer(status=200, description="A page.", content_type="text/html"),),
    )
