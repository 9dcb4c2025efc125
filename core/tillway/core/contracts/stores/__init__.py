"""What every store must pass: each law that stands in a docstring of ``ports.store``.

Inherit ``StoreContract`` in a test module and give it the fixture ``store``: a store that was
started and is empty, closed again afterwards. Nothing else is needed of the store. What happens in
a crash and between processes is in ``contracts.places``; a full disk is for tests of its own.

Without a test module: ``pytest --tillway-store=package:factory``.
"""

from tillway.core.contracts.stores.amendments import AmendmentLaws
from tillway.core.contracts.stores.answers import AnswerLaws
from tillway.core.contracts.stores.archives import ArchiveLaws
from tillway.core.contracts.stores.bookings import BookingLaws
from tillway.core.contracts.stores.carts import CartLaws
from tillway.core.contracts.stores.catalogue import CouponLaws, ProductLaws, QuoteKeyLaws
from tillway.core.contracts.stores.checkouts import CheckoutLaws
from tillway.core.contracts.stores.claims import ClaimLaws
from tillway.core.contracts.stores.deliveries import DeliveryLaws
from tillway.core.contracts.stores.endings import EndingLaws
from tillway.core.contracts.stores.holds import HoldLaws
from tillway.core.contracts.stores.inbox import InboxLaws
from tillway.core.contracts.stores.leases import LeaseLaws
from tillway.core.contracts.stores.ledger import EntryLaws
from tillway.core.contracts.stores.logs import LogLaws
from tillway.core.contracts.stores.nonces import NonceLaws
from tillway.core.contracts.stores.payers import PayerLaws
from tillway.core.contracts.stores.refunds import RefundLaws
from tillway.core.contracts.stores.reservations import ReservationLaws
from tillway.core.contracts.stores.seals import SealLaws
from tillway.core.contracts.stores.settings import SettingLaws
from tillway.core.contracts.stores.subscriptions import SubscriptionLaws
from tillway.core.contracts.stores.tenants import TenantLaws
from tillway.core.contracts.stores.together import TogetherLaws
from tillway.core.contracts.stores.turns import TurnLaws
from tillway.core.contracts.stores.units import UnitLaws

__all__ = ["StoreContract"]


class StoreContract(
    ClaimLaws,
    EndingLaws,
    LeaseLaws,
    ReservationLaws,
    UnitLaws,
    LogLaws,
    ProductLaws,
    CouponLaws,
    QuoteKeyLaws,
    CartLaws,
    RefundLaws,
    SubscriptionLaws,
    CheckoutLaws,
    EntryLaws,
    HoldLaws,
    NonceLaws,
    AnswerLaws,
    InboxLaws,
    DeliveryLaws,
    TurnLaws,
    SettingLaws,
    BookingLaws,
    AmendmentLaws,
    ArchiveLaws,
    PayerLaws,
    SealLaws,
    TogetherLaws,
    TenantLaws,
):
    """All laws of a store."""
