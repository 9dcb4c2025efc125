"""The use cases of one gateway, joined."""

from attrs import define

from tillway.core.observations import Observers
from tillway.core.ports.catalogue import Catalogue
from tillway.core.ports.clock import Clock, Random
from tillway.core.ports.seals import Seals
from tillway.core.ports.store import Store
from tillway.core.services.archival import Archival
from tillway.core.services.books.sequencing import Sequencer
from tillway.core.services.carts.carting import Carting
from tillway.core.services.carts.sales import CartSales
from tillway.core.services.carts.subject import Carts
from tillway.core.services.catalogue.editing import Editing
from tillway.core.services.catalogue.shop import Shop
from tillway.core.services.cleanup import Cleanup
from tillway.core.services.hosted.cards import CardSales
from tillway.core.services.hosted.checkouts import Checkouts
from tillway.core.services.hosted.incoming import Incoming
from tillway.core.services.hosted.overdue import Overdue
from tillway.core.services.nonces import NonceBook
from tillway.core.services.paying.budgets import Budgets
from tillway.core.services.paying.build import Build
from tillway.core.services.paying.elsewhere import Elsewhere
from tillway.core.services.paying.finality import Finality
from tillway.core.services.paying.free import Free
from tillway.core.services.paying.leases import Leases
from tillway.core.services.paying.quote import Quoting
from tillway.core.services.paying.resolve import Resolve
from tillway.core.services.paying.settle import Settle
from tillway.core.services.rails import Rails
from tillway.core.services.refunds.requests import RefundRequests
from tillway.core.services.refunds.unapplied import UnappliedMoney
from tillway.core.services.signatures import Signatures
from tillway.core.services.subscriptions.subscribe import Subscribe


@define(kw_only=True)
class Services:
    """What faces call, and the ports that it is made of."""

    store: Store
    rails: Rails
    catalogue: Catalogue
    seals: Seals
    clock: Clock
    random: Random
    observe: Observers
    quote: Quoting
    shop: Shop
    edit: Editing
    build: Build
    free: Free
    checkouts: Checkouts
    cards: CardSales
    incoming: Incoming
    overdue: Overdue
    settle: Settle
    elsewhere: Elsewhere
    subscribe: Subscribe
    resolve: Resolve
    leases: Leases
    budgets: Budgets
    sequence: Sequencer
    finality: Finality
    unapplied: UnappliedMoney
    carting: Carting
    cart_sales: CartSales
    carts: Carts
    cleanup: Cleanup
    archival: Archival | None
    nonces: NonceBook
    signatures: Signatures
    refunding: RefundRequests
