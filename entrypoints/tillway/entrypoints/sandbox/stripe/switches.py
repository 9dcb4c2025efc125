"""What happens at Stripe without the shop: buyers, banks, invoices and deliveries, on demand."""

from collections.abc import Callable
from typing import Final

from attrs import define

from tillway.entrypoints.sandbox.stripe import buying, disputes, refunds
from tillway.entrypoints.sandbox.stripe.account import Account
from tillway.entrypoints.sandbox.stripe.errors import invalid
from tillway.entrypoints.sandbox.stripe.subscriptions import collect
from tillway.entrypoints.sandbox.stripe.timing import catch_up
from tillway.entrypoints.sandbox.stripe.webhooks import Outbox
from tillway.entrypoints.sandbox.stripe.wire import Json


@define(eq=False)
class Switches:
    """Verbs by id; Refused (StripeError's shape, over HTTP) for what cannot be done now."""

    account: Account
    outbox: Outbox

    def pay(self, session: str, email: str | None = None) -> Json:
        """Pay a session by card."""
        return self._buy(buying.pay, session, email)

    def decline(self, session: str, email: str | None = None) -> Json:
        """Try a card that is declined."""
        return self._buy(buying.decline, session, email)

    def pay_slowly(self, session: str, email: str | None = None) -> Json:
        """Pay by a bank that takes days."""
        return self._buy(buying.pay_slowly, session, email)

    def _buy(
        self, does: Callable[[Account, Json, str | None], None], session: str, email: str | None
    ) -> Json:
        catch_up(self.account)
        found = self.account.get("checkout.session", session)
        does(self.account, found, email)
        return found

    def settle(self, session: str, *, paid: bool = True) -> Json:
        """Have the bank's money come, or not."""
        found = self.account.get("checkout.session", session)
        buying.settle(self.account, found, paid=paid)
        return found

    def dispute(self, payment: str, amount: int | None = None, reason: str = "fraudulent") -> Json:
        """Have the buyer dispute a charge, or the one of a payment intent."""
        return disputes.dispute(self.account, self._charge(payment), amount, reason)

    def close_dispute(self, dispute: str, *, won: bool) -> Json:
        """End a dispute."""
        return disputes.close(self.account, self.account.get("dispute", dispute), won=won)

    def fail_refund(self, refund: str) -> Json:
        """Have the bank send a refund back."""
        found = self.account.get("refund", refund)
        refunds.fail(self.account, found)
        return found

    def fail_invoices(self, subscription: str, times: int = 1) -> Json:
        """Have so many of the next payments of a subscription's invoices declined."""
        found = self.account.get("subscription", subscription)
        self.account.failing[found["id"]] = times
        self.account.shelves.changes += 1
        return found

    def recover(self, subscription: str) -> Json:
        """Have the customer's card work again, and pay all open invoices."""
        found = self.account.get("subscription", subscription)
        self.account.failing.pop(found["id"], None)
        wanted = {"_subscription": found["id"], "status": "open"}
        for issued in reversed(self.account.shelves.of("invoice", **wanted)):
            collect(self.account, found, issued)
        return found

    def resend(self, event: str) -> Json:
        """Send an event once more."""
        found = self.account.get("event", event)
        self.outbox.take(found)
        return found

    def _charge(self, payment: str) -> Json:
        paid = self.account.shelves.get("payment_intent", payment)
        charge = paid["latest_charge"] if paid else payment
        if not charge:
            raise invalid("There is no charge to dispute.", "payment")
        return self.account.get("charge", charge)


VERBS: Final = (
    *("pay", "decline", "pay_slowly", "settle", "dispute", "close_dispute", "fail_refund"),
    *("fail_invoices", "recover", "resend"),
)
