"""Changes of subscriptions, for those whose they are and for the operator."""

from collections.abc import Mapping

from aiohttp import web
from attrs import define, field

from tillway.core.errors import Declined
from tillway.core.intervals import CUSTOM, interval_asked, refuse_other_interval
from tillway.core.money import Money
from tillway.core.ports.hosting import Preview, Proration
from tillway.core.services.gateway import Services
from tillway.core.services.nonces import (
    CANCEL_SUBSCRIPTION,
    CHANGE_SUBSCRIPTION,
    REACTIVATE_SUBSCRIPTION,
)
from tillway.core.services.subscriptions.changes import NextPlan
from tillway.core.subscription_moves import X402
from tillway.core.subscriptions import Subscription
from tillway.entrypoints.http.apis.cedros import subscription_bodies as bodies
from tillway.entrypoints.http.apis.cedros.subscription_owners import Owners
from tillway.entrypoints.http.apis.cedros.subscription_reads import NO_STORE
from tillway.entrypoints.http.apis.cedros.subscription_texts import (
    currency,
    price_of,
    status_word,
)
from tillway.entrypoints.http.apis.cedros.texts import moment
from tillway.entrypoints.http.convert import body_of
from tillway.entrypoints.http.proofs import refuse_all_but_admin
from tillway.entrypoints.http.render import answer
from tillway.entrypoints.http.request import TENANT


@define
class Changing:
    """Cancel, reactivate, change and preview; the page at the card provider's."""

    services: Services
    owners: Owners = field(init=False)

    @owners.default
    def _make_owners(self) -> Owners:
        return Owners(self.services)

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        """Answer 200; what has ended has, and a repeat changes nothing."""
        asked = await body_of(request, bodies.CancelRequest)
        found = await self.owners.named(
            request, asked.subscription_id, asked.resource, asked.user_id
        )
        await self.owners.refuse_others(request, found, CANCEL_SUBSCRIPTION)
        at_end = _at_period_end(asked)
        await self.services.subscribe.changes.cancel(found, at_period_end=at_end)
        return answer({"success": True, "atPeriodEnd": at_end}, headers=NO_STORE)

    async def reactivate(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with the subscription, which goes on."""
        asked = await body_of(request, bodies.ReactivateRequest)
        found = await self.owners.named(
            request, asked.subscription_id, asked.resource, asked.user_id
        )
        await self.owners.refuse_others(request, found, REACTIVATE_SUBSCRIPTION)
        moved = await self.services.subscribe.changes.reactivate(found)
        body = {
            "success": True,
            "subscriptionId": moved.id,
            "status": status_word(moved.state),
            "cancelAtPeriodEnd": moved.cancel_at_period_end,
            "currentPeriodEnd": moment(moved.period_end),
        }
        return answer(body, headers=NO_STORE)

    async def change(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with the plan that is, or comes with the next period."""
        asked = await body_of(request, bodies.ChangeRequest)
        found = await self.owners.named(
            request, asked.subscription_id, asked.current_resource, asked.user_id
        )
        await self.owners.refuse_others(request, found, CHANGE_SUBSCRIPTION)
        changes = self.services.subscribe.changes
        plan = await changes.plan(found, asked.new_resource)
        _refuse_interval(asked.new_interval, plan)
        proration = _proration(asked.proration_behavior)
        moved = await changes.change(found, asked.new_resource, proration)
        return answer(self._changed(found, moved, plan, proration), headers=NO_STORE)

    async def preview(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with what another plan would cost. Changes nothing, and needs no proof."""
        asked = await body_of(request, bodies.PreviewRequest)
        found = await self.owners.named(request, None, asked.current_resource, asked.user_id)
        proration = _proration(asked.proration_behavior)
        plan, previewed = await self.services.subscribe.changes.preview(
            found, asked.new_resource, proration
        )
        _refuse_interval(asked.new_interval, plan)
        sold = await self.services.catalogue.product(request[TENANT], found.product)
        now = price_of(found.method, sold)
        return answer(self._previewed(found, plan, now, previewed), headers=NO_STORE)

    async def portal(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with the address of the customer's page, to the operator."""
        asked = await body_of(request, bodies.PortalRequest)
        refuse_all_but_admin(request)
        url = await self.services.subscribe.changes.portal(
            request[TENANT], asked.customer_id, asked.return_url or None
        )
        return answer({"url": url}, headers=NO_STORE)

    def _changed(
        self, before: Subscription, after: Subscription, plan: NextPlan, proration: Proration
    ) -> Mapping[str, object]:
        by_buyer = after.method == X402
        effective = after.period_end if by_buyer else after.updated_at
        return {
            "success": True,
            "subscriptionId": after.id,
            "previousResource": before.product,
            "newResource": plan.product.id,
            "status": status_word(after.state),
            "currentPeriodEnd": moment(after.period_end),
            "prorationBehavior": Proration.NONE.value if by_buyer else proration.value,
            "effectiveDate": moment(effective),
        }

    def _previewed(
        self,
        subscription: Subscription,
        plan: NextPlan,
        price: Money | None,
        previewed: Preview | None,
    ) -> Mapping[str, object]:
        now, after = self.services.clock.now(), plan.price(subscription.method)
        body: dict[str, object] = {
            "success": True,
            "immediateAmount": 0 if previewed is None else previewed.due.minor,
            "currency": "" if after is None else currency(after),
            "currentPlanPrice": 0 if price is None else price.minor,
            "newPlanPrice": 0 if after is None else after.minor,
            "daysRemaining": max(0, (subscription.period_end - now).days),
            "effectiveDate": moment(subscription.period_end if previewed is None else previewed.at),
        }
        if previewed is not None:
            body["currency"] = currency(previewed.due)
            body["prorationDetails"] = {
                "unusedCredit": previewed.credit.minor,
                "newPlanCost": previewed.cost.minor,
            }
        return body


def _at_period_end(asked: bodies.CancelRequest) -> bool:
    """Read both clients: one names what is to end, the other whose, and means the period's end."""
    if asked.at_period_end is not None:
        return asked.at_period_end
    if asked.immediate is not None:
        return not asked.immediate
    return not asked.subscription_id


def _proration(asked: str | None) -> Proration:
    """Take the contract's words; any other is the usual one, as there."""
    try:
        return Proration(asked or Proration.CREATE_PRORATIONS)
    except ValueError:
        return Proration.CREATE_PRORATIONS


def _refuse_interval(asked: str | None, plan: NextPlan) -> None:
    if asked and asked != CUSTOM:
        try:
            refuse_other_interval(interval_asked(asked, None), plan.terms)
        except Declined as refusal:
            raise Declined(refusal.code, refusal.message, field="newInterval") from refusal
