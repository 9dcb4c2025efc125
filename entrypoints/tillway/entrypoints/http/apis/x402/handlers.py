"""GET or POST a resource: 402 with offers, then 200 with the grant."""

from aiohttp import web
from attrs import define, field

from tillway.core.payments import Purchase
from tillway.core.services.gateway import Services
from tillway.core.services.subjects import addressed
from tillway.entrypoints.http.apis.x402.headers import neutral
from tillway.entrypoints.http.apis.x402.page import Page
from tillway.entrypoints.http.convert import raw_body
from tillway.entrypoints.http.render import answer
from tillway.entrypoints.http.replies import response_of
from tillway.entrypoints.http.request import TENANT
from tillway.entrypoints.paywall.core import Paywall
from tillway.entrypoints.paywall.replies import Reply


@define
class Resource:
    """The handler of ``/paywall/{resourceId}``."""

    services: Services
    page: Page | None = None
    _paywall: Paywall = field(init=False, repr=False)

    @_paywall.default
    def _make_paywall(self) -> Paywall:
        return Paywall.over(self.services)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request; a repeat is answered as `Repeats` allows. Browsers get a page."""
        await raw_body(request)  # a repeat is the same request only with the same body
        asked, purchase = neutral(request), _purchase(request)
        page = await self.page.reply(asked, purchase) if self.page else None
        if page is not None:
            return response_of(page)
        decision = await self._paywall.decide(asked, purchase)
        if isinstance(decision, Reply):
            return response_of(decision)
        return answer(decision.grant, 200, decision.headers)


def _purchase(request: web.Request) -> Purchase:
    query = request.query
    purpose, resource = addressed(request.match_info["resourceId"])
    return Purchase(
        tenant=request[TENANT],
        purpose=purpose,
        resource=resource,
        coupon=query.get("couponCode") or query.get("coupon") or None,
    )
