"""POST /paywall/v1/nonce: something to be signed once."""

from collections.abc import Sequence

from aiohttp import web
from attrs import define

from tillway.core.errors import Code
from tillway.core.services.gateway import Services
from tillway.entrypoints.http.apis.cedros.signing_bodies import NonceAnswer, NonceRequest
from tillway.entrypoints.http.convert import body_of
from tillway.entrypoints.http.render import answer
from tillway.entrypoints.http.request import CLIENT, TENANT
from tillway.plugins.api import Answer, Route


@define
class Nonces:
    """Hand a nonce out. Whoever asks need not show who he is: a nonce alone does nothing."""

    services: Services

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with the nonce, its end in seconds since 1970, and the purpose as asked."""
        asked = await body_of(request, NonceRequest)
        made = await self.services.nonces.issue(request[TENANT], asked.purpose, request[CLIENT])
        body = {
            "nonce": made.nonce,
            "expiresAt": int(made.expires_at.timestamp()),
            "purpose": asked.purpose,
        }
        return answer(body, headers={"Cache-Control": "no-store"})


def routes(services: Services) -> Sequence[Route]:
    """Give them."""
    return [
        Route(
            method="POST",
            path="/paywall/v1/nonce",
            handler=Nonces(services).handle,
            name="issue_nonce",
            summary="A nonce to be signed once",
            body=NonceRequest,
            answers=(Answer(status=200, description="To be signed.", body=NonceAnswer),),
            refusals=(Code.RATE_LIMIT_EXCEEDED,),
        ),
    ]
