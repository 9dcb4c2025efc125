"""All repositories of records over one unit of work or view."""

from attrs import frozen

from tillway.adapters.stores.codec import Codec
from tillway.adapters.stores.records.carts import CartRecords
from tillway.adapters.stores.records.checkouts import CheckoutRecords
from tillway.adapters.stores.records.inbox import InboxRecords
from tillway.adapters.stores.records.ledger import LedgerRecords
from tillway.adapters.stores.records.refunds import RefundRecords
from tillway.adapters.stores.records.requests import AnswerRecords, NonceRecords
from tillway.adapters.stores.records.rows import Calls
from tillway.adapters.stores.records.subscriptions import SubscriptionRecords
from tillway.adapters.stores.records.work import (
    DeliveryRecords,
    LeaseRecords,
    SettingRecords,
)


@frozen(kw_only=True)
class Records:
    """What a store's unit adds to its own repositories. Made when asked for: most need none."""

    calls: Calls
    codec: Codec

    @property
    def ledger(self) -> LedgerRecords:
        """Accounts, entries and holds."""
        return LedgerRecords(self.calls, self.codec)

    @property
    def carts(self) -> CartRecords:
        """Carts, open and paid."""
        return CartRecords(self.calls, self.codec)

    @property
    def refunds(self) -> RefundRecords:
        """Refunds, whatever became of them."""
        return RefundRecords(self.calls, self.codec)

    @property
    def subscriptions(self) -> SubscriptionRecords:
        """Subscriptions, running and ended."""
        return SubscriptionRecords(self.calls, self.codec)

    @property
    def checkouts(self) -> CheckoutRecords:
        """Sessions at providers."""
        return CheckoutRecords(self.calls, self.codec)

    @property
    def nonces(self) -> NonceRecords:
        """Nonces that wait to be signed, and that were."""
        return NonceRecords(self.calls, self.codec)

    @property
    def answers(self) -> AnswerRecords:
        """Answers to be given again."""
        return AnswerRecords(self.calls, self.codec)

    @property
    def inbox(self) -> InboxRecords:
        """Events from outside."""
        return InboxRecords(self.calls, self.codec)

    @property
    def deliveries(self) -> DeliveryRecords:
        """Facts on their way to endpoints."""
        return DeliveryRecords(self.calls, self.codec)

    @property
    def leases(self) -> LeaseRecords:
        """Turns at what one process does at a time."""
        return LeaseRecords(self.calls)

    @property
    def settings(self) -> SettingRecords:
        """Settings of tenants."""
        return SettingRecords(self.calls, self.codec)
