"""The page for people at a resource's own address, and the files that belong to it."""

from collections.abc import Sequence

from aiohttp import web
from attrs import define

from tillway.core.carts import CartItem
from tillway.core.errors import Code, Declined, TillwayError
from tillway.core.payments import Purchase
from tillway.core.services.gateway import Services
from tillway.entrypoints.http.replies import response_of
from tillway.entrypoints.paywall.page.assets import Assets
from tillway.entrypoints.paywall.page.render import Pages
from tillway.entrypoints.paywall.page.theme import Theme
from tillway.entrypoints.paywall.page.view import Views
from tillway.entrypoints.paywall.page.wants import wants_page
from tillway.entrypoints.paywall.replies import Reply
from tillway.entrypoints.paywall.request import Request
from tillway.plugins.api import Answer, Pace, Parameter, Route
from tillway.plugins.settings.paywall import PageSettings


@define
class Page:
    """What browsers get of a resource that is to be paid."""

    views: Views
    pages: Pages

    @classmethod
    def of(cls, services: Services, settings: PageSettings) -> "Page":
        """Make it as the settings want it to look."""
        theme = Theme(title=settings.title, accent=settings.accent.lower(), logo=settings.logo)
        return cls(Views(services), Pages(theme=theme, assets=Assets.of(theme)))

    async def reply(self, request: Request, purchase: Purchase) -> Reply | None:
        """Write the page; None for who is no browser."""
        if not wants_page(request):
            return None
        try:
            return self.pages.page(await self.views.of(request, purchase))
        except TillwayError as error:
            return self.pages.refusal(error, purchase, await self._lines(purchase))

    async def _lines(self, purchase: Purchase) -> Sequence[CartItem]:
        """Give what is in the cart; nothing if that cannot be told now."""
        try:
            return await self.views.lines(purchase)
        except TillwayError:
            return ()

    async def file(self, request: web.Request) -> web.StreamResponse:
        """Answer with the script or the style sheet."""
        found = self.pages.assets.find(request.match_info["file"])
        if found is None:
            raise Declined(Code.ROUTE_NOT_FOUND)
        return response_of(found)


def routes(page: Page) -> Sequence[Route]:
    """Give the route of the files."""
    return [
        Route(
            method="GET",
            path="/paywall/page/{file}",
            handler=page.file,
            name="page_file",
            summary="The script and the style sheet of the page for people",
            pace=Pace.LIGHT,
            parameters=(
                Parameter(
                    name="file", where="path", required=True, description="As the page names it."
                ),
            ),
            answers=(
                Answer(status=200, description="The script.", content_type="text/javascript"),
                Answer(status=200, description="The style sheet.", content_type="text/css"),
            ),
            refusals=(Code.ROUTE_NOT_FOUND,),
        )
    ]
