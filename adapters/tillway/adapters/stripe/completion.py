"""What events leave out: since API 2025-03-31 which money an invoice brought, and back again.

Older endpoints' invoices do not tell whose the subscription is that they bill, either.
"""

import logging
from typing import Final

from attrs import define, evolve, field

from tillway.adapters.stripe.answers import Fields
from tillway.adapters.stripe.client import Api, segment
from tillway.adapters.stripe.errors import Refused
from tillway.adapters.stripe.metadata import CHECKOUT
from tillway.adapters.stripe.sessions import Sessions, invoice_payment
from tillway.core.ports.hosting import DisputeTold, InvoiceTold, News, PayBackTold, SessionTold

_EXPANDED: Final = {"expand": ["payments"]}

_log = logging.getLogger(__name__)


@define(kw_only=True)
class Completion:
    """Asks for it. The law is that of `CompletesNews`."""

    api: Api = field(repr=False)
    sessions: Sessions = field(repr=False)

    async def complete(self, news: News) -> News:
        """Name the money of a session or an invoice, the invoice of money that went back."""
        try:
            return await self._completed(news)
        except Refused as refused:
            # A restricted key may not look at invoices: the news are none the worse.
            _log.warning("Stripe does not tell what news are about: %s", refused)
            return news

    async def _completed(self, news: News) -> News:
        match news:
            case SessionTold(session=told) if told.payment is None:
                found = await self.sessions.retrieve(told.id)
                return news if found is None else self._named(news, found.payment)
            case InvoiceTold():
                return await self._owned(await self._paid(news))
            case PayBackTold() | DisputeTold() if news.invoice is None:
                return evolve(news, invoice=await self._invoice_of(news.payment))
        return news

    async def _paid(self, news: InvoiceTold) -> InvoiceTold:
        if news.payment is not None:
            return news
        return evolve(news, payment=await self.money_of(news.id))

    async def _owned(self, news: InvoiceTold) -> InvoiceTold:
        """Say whose subscription it bills, if that is not known and Stripe tells it."""
        if news.reference is not None or news.foreign:
            return news
        path = f"/v1/subscriptions/{segment(news.subscription)}"
        try:
            reference = await self.api.find("subscriptions.retrieve", path, {}, _reference)
        except Refused as refused:  # its money may have been told all the same
            _log.warning("Stripe does not tell whose %s is: %s", news.subscription, refused)
            return news
        if reference is None:
            return news
        return evolve(news, reference=reference or None, foreign=not reference)

    def _named(self, news: SessionTold, payment: str | None) -> SessionTold:
        return evolve(news, session=evolve(news.session, payment=payment))

    async def money_of(self, invoice: str) -> str | None:
        """Give the money that has paid an invoice; None for none, or for an unknown one."""
        path = f"/v1/invoices/{segment(invoice)}"
        return await self.api.find("invoices.retrieve", path, _EXPANDED, invoice_payment)

    async def _invoice_of(self, payment: str) -> str | None:
        if not payment.startswith("pi_"):
            return None
        money = {"type": "payment_intent", "payment_intent": payment}
        return await self.api.read(
            "invoice_payments.list", "/v1/invoice_payments", {"payment": money}, _first_invoice
        )


def _reference(subscription: Fields) -> str:
    return subscription.texts("metadata").get(CHECKOUT, "")


def _first_invoice(answer: Fields) -> str | None:
    return next((one.ref("invoice") for one in answer.each("data")), None)
