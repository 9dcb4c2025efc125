"""What is told of a subscription. Nothing of it needs a proof, and nothing is changed."""

from collections.abc import Mapping

from aiohttp import web
from attrs import define

from tillway.core.errors import Code, Declined
from tillway.core.ids import ProductId
from tillway.core.services.gateway import Services
from tillway.core.subscription_moves import gives_access, lapsed
from tillway.core.subscriptions import Subscription
from tillway.entrypoints.http.apis.cedros.subscription_texts import (
    details,
    interval_shown,
    status_word,
)
from tillway.entrypoints.http.apis.cedros.texts import moment
from tillway.entrypoints.http.query import text_in
from tillway.entrypoints.http.render import answer
from tillway.entrypoints.http.request import TENANT

NO_STORE = {"Cache-Control": "no-store"}
_NONE = {"active": False, "status": "expired", "cancelAtPeriodEnd": False}


@define
class Reads:
    """``userId`` is a wallet, or a customer of the card provider's (``cus_...``)."""

    services: Services

    async def status(self, request: web.Request) -> web.StreamResponse:
        """Answer 200, for those who have never subscribed too."""
        product, subscriber = _asked(request)
        found = await self._found(request, product, subscriber)
        if found is None:
            return answer(_NONE, headers=NO_STORE)
        known = self.services.subscribe.known
        grace = await known.grace(request[TENANT], product)
        now = known.now()
        body = _status(lapsed(found, now, grace), active=gives_access(found, now, grace))
        return answer(body, headers=NO_STORE)

    async def details(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with the subscription, or 404."""
        product, subscriber = _asked(request)
        found = await self._found(request, product, subscriber)
        if found is None:
            raise Declined(Code.RESOURCE_NOT_FOUND, "subscription not found")
        known = self.services.subscribe.known
        grace = await known.grace(request[TENANT], product)
        sold = await self.services.catalogue.product(request[TENANT], product)
        return answer(details(lapsed(found, known.now(), grace), sold), headers=NO_STORE)

    async def _found(
        self, request: web.Request, product: ProductId, subscriber: str
    ) -> Subscription | None:
        known = self.services.subscribe.known
        if not known.enabled:
            return None
        return await known.latest(request[TENANT], subscriber, product)


def _status(subscription: Subscription, *, active: bool) -> Mapping[str, object]:
    end = moment(subscription.period_end)
    return {
        "active": active,
        "status": status_word(subscription.state),
        "expiresAt": end,
        "currentPeriodEnd": end,
        **interval_shown(subscription),
        "cancelAtPeriodEnd": subscription.cancel_at_period_end,
    }


def _asked(request: web.Request) -> tuple[ProductId, str]:
    resource, subscriber = text_in(request, "resource"), text_in(request, "userId")
    for name, text in (("resource", resource), ("userId", subscriber)):
        if not text:
            raise Declined(Code.MISSING_FIELD, f"{name} is required", field=name)
    return ProductId(resource), subscriber
