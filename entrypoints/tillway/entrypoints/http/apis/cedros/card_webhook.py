"""POST /webhook/stripe: what Stripe tells, kept before it is answered."""

from typing import Final

from aiohttp import web
from attrs import define

from tillway.adapters.stripe.heard import EVENTS
from tillway.core.services.gateway import Services
from tillway.entrypoints.http.convert import raw_body
from tillway.entrypoints.http.render import answer
from tillway.entrypoints.http.request import TENANT, url

SOURCE: Final = "stripe"


@define
class HearWebhook:
    """Receive events. The signature is over the raw bytes, so nothing is parsed before it."""

    services: Services

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 once the event is stored, however far applying it has come."""
        body = await raw_body(request)
        incoming = self.services.incoming
        told = await incoming.receive(request[TENANT], SOURCE, request.headers, body)
        return answer({"received": True, "type": told.type})


@define
class WebhookPage:
    """Say where events are to be sent."""

    services: Services

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer for people who set an endpoint up."""
        listens = SOURCE in self.services.rails.hearing
        return answer(
            {
                "status": "listening" if listens else "not configured",
                "webhookUrl": url(request),
                "configuredEvents": list(EVENTS),
            }
        )
