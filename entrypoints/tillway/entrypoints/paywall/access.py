"""Access that was bought before: by a subscription, or at a page of the card provider's."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol

from attrs import define, frozen

from tillway.core.checkouts import Checkout, CheckoutState
from tillway.core.errors import Code, Declined
from tillway.core.ids import ProductId
from tillway.core.payments import Payment, Purchase, State, Word
from tillway.core.ports.clock import Clock
from tillway.core.ports.rails import KnowsPayers
from tillway.core.ports.store import Store
from tillway.core.quotes import Purpose
from tillway.core.refunds import is_paid_back
from tillway.core.services.hosted.payments import chain_of, key_of
from tillway.core.services.rails import Rails
from tillway.core.tenancy import Tenant
from tillway.entrypoints.paywall.request import Request, word_in

ACCESS: Final = "access"
"""A subscriber asks by signing ``access:<address without query>:<unix seconds>``."""

WORD_LIFETIME: Final = timedelta(minutes=5)
"""How far a subscriber's signed word may lie from now."""

SESSION_LIFETIME: Final = timedelta(days=30)
"""How long after it was paid a session opens what it has bought."""

X_STRIPE_SESSION: Final = "X-Stripe-Session"

NOWHERE: Final = (
    "A subscriber's word cannot be checked here: this shop has not been told its own address "
    "(server.public_url)."
)

_STRIPE: Final = "stripe"
_SESSION: Final = re.compile(r"cs_[A-Za-z0-9_]{8,250}")
_LONGEST_MOMENT: Final = 12


class KnowsSubscribers(Protocol):
    """Tell who has subscribed to what."""

    async def has_access(self, tenant: Tenant, product: ProductId, subscriber: str) -> bool:
        """Tell whether a subscriber may use a product now, grace included. Writes nothing."""
        ...


@define(kw_only=True)
class Subscribers:
    """Let subscribers in who prove who they are. A name in a header proves nothing."""

    known: KnowsSubscribers
    rails: Rails
    clock: Clock

    async def who(self, request: Request, purchase: Purchase) -> str | None:
        """Give the subscriber that a request is from; None if it is from none.

        That is the wallet whose fresh word comes with it, or whoever was authenticated. Declined
        (forbidden) for a word that asks where nobody knows our address but the client: what was
        signed for another site would be taken, and he might pay twice for what he has.
        """
        if purchase.purpose is not Purpose.PURCHASE:
            return None
        for subscriber in (self._by_word(request), request.principal):
            if subscriber and await self._has_access(purchase, subscriber):
                return subscriber
        return None

    async def _has_access(self, purchase: Purchase, subscriber: str) -> bool:
        product = ProductId(purchase.resource)
        return await self.known.has_access(purchase.tenant, product, subscriber)

    def _by_word(self, request: Request) -> str | None:
        word = word_in(request.headers)
        if word is None or not word.message.startswith(f"{ACCESS}:"):
            return None
        if not request.certain:
            raise Declined(Code.FORBIDDEN, NOWHERE, field="X-Message")
        if not self._is_fresh(word, request.url):
            return None
        knowing = [rail for rail in self.rails.all if isinstance(rail, KnowsPayers)]
        return word.signer if any(rail.has_signed(word) for rail in knowing) else None

    def _is_fresh(self, word: Word, url: str) -> bool:
        claimed, _, moment = word.message.rpartition(":")
        # The address is in it, so that no other site's page can have it signed for us.
        if claimed != f"{ACCESS}:{url}":
            return False
        if not moment.isascii() or not moment.isdigit() or len(moment) > _LONGEST_MOMENT:
            return False
        age = abs(self.clock.now().timestamp() - int(moment))
        return age <= WORD_LIFETIME.total_seconds()


@frozen(kw_only=True)
class PaidSession:
    """A session that has paid for what is asked, and until when it opens it."""

    payment: Payment
    until: datetime


@define(kw_only=True)
class Sessions:
    """Let in who shows a paid session at the card provider's.

    Its id is a secret of the buyer's: 60 random characters that stand in no transaction, no event
    and no open answer. Like any payment it runs a handler once.
    """

    store: Store
    now: Callable[[], datetime]

    async def paid(self, request: Request, purchase: Purchase) -> PaidSession | None:
        """Give the paid session that a request shows; None if it shows none.

        Raises Declined (session_not_found), the same for one that is unknown, unpaid, refunded,
        too old or for another purchase: nothing can be learnt by trying.
        """
        session = request.headers.get(X_STRIPE_SESSION)
        if not session:
            return None
        found = await self._found(purchase, session) if _SESSION.fullmatch(session) else None
        if found is None:
            raise Declined(Code.SESSION_NOT_FOUND, field=X_STRIPE_SESSION)
        return found

    async def _found(self, purchase: Purchase, session: str) -> PaidSession | None:
        async with self.store.view() as view:
            checkout = await view.checkouts.by_session(purchase.tenant, _STRIPE, session)
            if checkout is None or checkout.paid_at is None or not _is_for(checkout, purchase):
                return None
            payment = await view.payments.find(chain_of(checkout), key_of(session))
            if payment is None or payment.state is not State.SETTLED:
                return None
            returned = await view.refunds.of(payment.tenant, payment.signature)
        until = checkout.paid_at + SESSION_LIFETIME
        if self.now() > until or is_paid_back(payment, returned):
            return None
        return PaidSession(payment=payment, until=until)


def _is_for(checkout: Checkout, purchase: Purchase) -> bool:
    bought = (checkout.purchase.tenant, checkout.purchase.purpose, checkout.purchase.resource)
    asked = (purchase.tenant, purchase.purpose, purchase.resource)
    return checkout.state is CheckoutState.PAID and bought == asked
