"""The use cases of one gateway, joined."""

from attrs import define

from tillway.core.observations import Observers
from tillway.core.ports.catalogue import Catalogue
from tillway.core.ports.clock import Clock, Random
from tillway.core.ports.seals import Seals
from tillway.core.ports.store import Store
from tillway.core.services.archival import Archival
from tillway.core.services.budgets import Budgets
from tillway.core.services.build import Build
from tillway.core.services.cards import CardSales
from tillway.core.services.cart_sales import CartSales
from tillway.core.services.cart_subject import Carts
from tillway.core.services.carting import Carting
from tillway.core.services.checkout import Checkouts
from tillway.core.services.cleanup import Cleanup
from tillway.core.services.editing import Editing
from tillway.core.services.elsewhere import Elsewhere
from tillway.core.services.finality import Finality
from tillway.core.services.free import Free
from tillway.core.services.givebacks import Givebacks
from tillway.core.services.incoming import Incoming
from tillway.core.services.leases import Leases
from tillway.core.services.nonces import NonceBook
from tillway.core.services.overdue import Overdue
from tillway.core.services.quote import Quoting
from tillway.core.services.rails import Rails
from tillway.core.services.refunding import Refunding
from tillway.core.services.resolve import Resolve
from tillway.core.services.sequencing import Sequencer
from tillway.core.services.settle import Settle
from tillway.core.services.shop import Shop
from tillway.core.services.signatures import Signatures
from tillway.core.services.subscribe import Subscribe


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
    givebacks: Givebacks
    carting: Carting
    cart_sales: CartSales
    carts: Carts
    cleanup: Cleanup
    archival: Archival | None
    nonces: NonceBook
    signatures: Signatures
    refunding: Refunding
