"""Who may change a subscription: the wallet that it belongs to, by its signature, or the operator.

One that a card provider bills belongs to a customer of the provider's, who cannot sign: only the
operator changes it here, and the customer on the provider's own page.
"""

from typing import Final

from aiohttp import web
from attrs import define

from tillway.core.errors import Code, Declined
from tillway.core.ids import SUBSCRIPTION_ID, ProductId, SubscriptionId
from tillway.core.services.gateway import Services
from tillway.core.services.signatures import Deed
from tillway.core.services.subscriptions.periods import DISABLED
from tillway.core.subscriptions import Subscription
from tillway.entrypoints.http.proofs import is_admin, word_in
from tillway.entrypoints.http.request import TENANT
from tillway.entrypoints.http.signed import signer

NOT_FOUND: Final = "subscription not found"
_FORBIDDEN: Final = "Only the wallet of this subscription may do this, or the operator."


@define
class Owners:
    """Find the subscription that is meant, and refuse those whose it is not."""

    services: Services

    async def named(
        self,
        request: web.Request,
        subscription: str | None,
        resource: str | None = None,
        subscriber: str | None = None,
    ) -> Subscription:
        """Give a subscription by its id, or by whose it is; Declined if there is none."""
        known = self.services.subscribe.known
        if not known.enabled:
            raise Declined(Code.INVALID_FIELD, DISABLED)
        found: Subscription | None = None
        if subscription:
            if SUBSCRIPTION_ID.fullmatch(subscription):
                found = await known.get(request[TENANT], SubscriptionId(subscription))
        elif resource and subscriber:
            found = await known.latest(request[TENANT], subscriber, ProductId(resource))
        else:
            text = "subscriptionId is required"
            raise Declined(Code.MISSING_FIELD, text, field="subscriptionId")
        if found is None:
            raise Declined(Code.RESOURCE_NOT_FOUND, NOT_FOUND)
        return found

    async def refuse_others(
        self, request: web.Request, subscription: Subscription, action: str
    ) -> None:
        """Raise Declined (unauthorized, forbidden) for all but its owner and the operator."""
        if is_admin(request):
            return
        if subscription.stripe_subscription is not None:
            if word_in(request) is None:
                text = "This subscription is changed by the operator, or in the customer portal."
                raise Declined(Code.UNAUTHORIZED, text)
            raise Declined(Code.FORBIDDEN, _FORBIDDEN)
        deed = Deed(
            action=action,
            subject=subscription.id,
            signers=(subscription.subscriber,),
            stranger=Declined(Code.FORBIDDEN, _FORBIDDEN),
            hint=f"sign {action}:{subscription.id}:<nonce> with the wallet that has subscribed",
            needs_nonce=True,
        )
        await signer(request, deed, self.services.signatures)
