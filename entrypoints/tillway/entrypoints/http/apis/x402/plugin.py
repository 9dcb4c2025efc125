"""The face for standard x402 clients."""

from collections.abc import Sequence

from tillway.core.errors import Code
from tillway.core.services.gateway import Services
from tillway.entrypoints.http.apis.cedros.bodies import Challenge, Grant
from tillway.entrypoints.http.apis.cedros.refusals import PRICING, PROVING
from tillway.entrypoints.http.apis.x402 import elsewhere
from tillway.entrypoints.http.apis.x402.handlers import Resource
from tillway.entrypoints.http.apis.x402.page import Page
from tillway.entrypoints.http.apis.x402.page import routes as files
from tillway.entrypoints.paywall.request import LONGEST_WORD
from tillway.plugins.api import Answer, Api, Parameter, Route
from tillway.plugins.context import Context
from tillway.plugins.hooks import hookimpl
from tillway.plugins.plugin import Kind, Plugin
from tillway.plugins.settings.paywall import PaywallSettings

PLUGIN = Plugin(kind=Kind.API, name="paywall", summary="resources, paid by x402 v1 and v2")

_BOUNDED = {"maxLength": LONGEST_WORD}
_PARAMETERS = (
    Parameter(name="resourceId", where="path", required=True, description="A product's id."),
    Parameter(name="couponCode", where="query", description="A coupon to take off."),
    Parameter(name="PAYMENT-SIGNATURE", where="header", description="An x402 v2 payment."),
    Parameter(name="X-PAYMENT", where="header", description="An x402 v1 or v0 payment."),
    Parameter(
        name="X-Stripe-Session",
        where="header",
        description="A paid session's id, which opens what it was for.",
        schema={"maxLength": 255},
    ),
    Parameter(
        name="X-Signer", where="header", description="A subscriber's wallet.", schema=_BOUNDED
    ),
    Parameter(
        name="X-Message",
        where="header",
        description="What it has signed: `access:<this address>:<unix seconds>`.",
        schema=_BOUNDED,
    ),
    Parameter(
        name="X-Signature",
        where="header",
        description="Its signature, in base64.",
        schema=_BOUNDED,
    ),
    Parameter(name="Idempotency-Key", where="header", description="Makes a repeat free."),
)
_ANSWERS = (
    Answer(status=200, description="The grant.", body=Grant),
    Answer(status=402, description="Payment is due, or is on its way.", body=Challenge),
)
_PAGE = Answer(status=402, description="Browsers get a page.", content_type="text/html")


@hookimpl
def tillway_apis(context: Context) -> Sequence[Api]:
    """Give the face."""
    settings = context.section("paywall", PaywallSettings).page

    def routes(services: Services) -> Sequence[Route]:
        page = Page.of(services, settings) if settings.enabled else None
        shown = [] if page is None else files(page)
        return [*_resources(services, page), *elsewhere.routes(services), *shown]

    return [Api(name="paywall", routes=routes)]


def _resources(services: Services, page: Page | None) -> Sequence[Route]:
    handler = Resource(services, page).handle
    return [
        Route(
            method=method,
            path="/paywall/{resourceId}",
            handler=handler,
            name=f"{method.lower()}_resource",
            summary="Buy a resource",
            parameters=_PARAMETERS,
            answers=(*_ANSWERS, _PAGE) if page and method == "GET" else _ANSWERS,
            refusals=(*PROVING, *PRICING, Code.SESSION_NOT_FOUND, Code.FORBIDDEN),
        )
        for method in ("GET", "POST")
    ]
