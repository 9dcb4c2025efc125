"""What clients need who write transactions themselves: an account's address, a blockhash."""

from aiohttp import web
from attrs import define

from tillway.core.errors import Code, Declined
from tillway.core.ports.chains import AnchorsTransactions
from tillway.core.services.gateway import Services
from tillway.entrypoints.http.apis.cedros.anchor_bodies import AccountRequest
from tillway.entrypoints.http.convert import body_of
from tillway.entrypoints.http.render import answer


@define
class Anchors:
    """Answer from the first rail that has a chain; 404 where there is none."""

    services: Services

    async def account(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with the token account, whether it is there or not."""
        rail = self._rail()
        asked = await body_of(request, AccountRequest)
        account = rail.account_of(asked.owner, asked.mint)
        return answer({"tokenAccount": account, "owner": asked.owner, "mint": asked.mint})

    async def blockhash(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with a recent blockhash."""
        recent = await self._rail().recent()
        return answer(
            {
                "blockhash": recent.blockhash,
                "lastValidBlockHeight": recent.last_valid_height,
                "cached": recent.cached,
            },
            200,
            {"Cache-Control": "no-store"},
        )

    def _rail(self) -> AnchorsTransactions:
        for rail in self.services.rails.all:
            if isinstance(rail, AnchorsTransactions):
                return rail
        raise Declined(Code.ROUTE_NOT_FOUND, "No rail here has a chain.")
