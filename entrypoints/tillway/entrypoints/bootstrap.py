"""The one place that joins ports to adapters: HTTP, worker, CLI and tests all start here."""

from typing import Unpack

from aiohttp import web
from attrs import define, evolve, field

from tillway.adapters.observed import ObservedStore
from tillway.core.assets import BUILT_IN
from tillway.core.observations import Observers
from tillway.core.ports.catalogue import Catalogue
from tillway.core.ports.seals import Seals
from tillway.core.ports.store import Store
from tillway.core.services.catalogue.editing import Editing
from tillway.core.services.catalogue.shop import Shop
from tillway.core.services.gateway import Services
from tillway.core.services.nonces import NonceBook
from tillway.core.services.rails import Rails
from tillway.core.services.signatures import Signatures
from tillway.core.services.subscriptions.bills import Bills
from tillway.entrypoints.assembly.carts import CartParts
from tillway.entrypoints.assembly.catalogue import CatalogueParts
from tillway.entrypoints.assembly.ground import Ground, leases
from tillway.entrypoints.assembly.hosted import HostedParts
from tillway.entrypoints.assembly.keys import KeyParts
from tillway.entrypoints.assembly.paying import PayingParts
from tillway.entrypoints.assembly.refunds import RefundParts
from tillway.entrypoints.assembly.subscriptions import SubscriptionParts
from tillway.entrypoints.assembly.upkeep import UpkeepParts
from tillway.entrypoints.assembly.web import application
from tillway.entrypoints.configuration import Configured
from tillway.entrypoints.gateway import Gateway, lifetime
from tillway.entrypoints.paywall.handlers import GATEWAY
from tillway.entrypoints.ports import Given as Given
from tillway.entrypoints.ports import Ports as Ports
from tillway.entrypoints.settings.loading import Settings
from tillway.entrypoints.settings.sections import ServerSettings
from tillway.plugins.context import Context
from tillway.plugins.settings.storage import StorageSettings
from tillway.plugins.settings.x402 import X402Settings


def create_app(
    configured: Configured,
    *,
    background: bool = True,
    ports: Ports | None = None,
    **given: Unpack[Given],
) -> Gateway:
    """Join a gateway. Nothing is opened until ``open``, or until its application starts.

    ``background`` False leaves the gateway's workers to the host. Ports are given by name, or
    all in ``ports``. Raises SettingsError and PluginError for what cannot be used as configured.
    """
    assembly = _Assembly(configured=configured, ports=evolve(ports or Ports(), **given))
    return assembly.gateway(background=background)


def register_routes(host: web.Application, gateway: Gateway, path: str = "/pay") -> None:
    """Mount a gateway under a path of a host's application, to open and close with it.

    The host's own handlers can be sold through it then: see `paywalled`.
    """
    host.add_subapp(path, gateway.web)
    host[GATEWAY] = gateway


def store_of(configured: Configured) -> Store:
    """Give the store that the settings name, not yet started, and nothing else.

    Raises PluginError if it cannot be had.
    """
    return _Assembly(configured=configured, ports=Ports()).store()


@define(kw_only=True)
class _Assembly:
    """The joining of one gateway, step by step."""

    configured: Configured
    ports: Ports
    context: Context = field(init=False)
    observe: Observers = field(init=False, factory=Observers)

    def __attrs_post_init__(self) -> None:
        """Enable the plugins that the settings name, and let them observe first."""
        x402 = self.settings.find(X402Settings)
        self.context = Context(
            sections=self.settings.sections,
            assets=BUILT_IN if x402 is None else x402.assets,
            clock=self.ports.clock,
            random=self.ports.random,
            observe=self.observe,
            environment=self.configured.environment,
            addresses=self.settings.section(ServerSettings).public_url,
        )
        self.observe.all = (
            *self.configured.registry.observers(self.context),
            *self.ports.observers,
        )

    @property
    def settings(self) -> Settings:
        """The settings themselves."""
        return self.configured.settings

    def gateway(self, *, background: bool) -> Gateway:
        """Join everything."""
        store, rails = self._observed_store(), self._rails()
        keys = KeyParts.of(self.settings, self.context, store)
        sold = CatalogueParts.of(self.configured, self.context, store, self.ports.catalogue)
        services = _services(self._ground(store, rails, sold.catalogue, keys.sealer), sold.edit)
        apis = (*self.configured.registry.apis(self.context), *self.ports.apis)
        gateway = Gateway(
            settings=self.settings,
            services=services,
            web=application(self.configured, services, apis),
            sources=sold.sources,
            prepare=(keys.agree, sold.sync),
            refresh=keys.follow,
        )
        gateway.web.cleanup_ctx.append(lifetime(gateway, background=background))
        return gateway

    def store(self) -> Store:
        """Give the host's store, or make the one that the settings name."""
        return self.ports.store or self.configured.registry.store(self.context)

    def _observed_store(self) -> Store:
        if self.ports.store is not None:
            return self.ports.store
        backend = self.settings.section(StorageSettings).backend
        return ObservedStore(store=self.store(), backend=backend, observe=self.observe)

    def _rails(self) -> Rails:
        given = self.ports.rails
        return Rails.of(self.configured.registry.rails(self.context) if given is None else given)

    def _ground(self, store: Store, rails: Rails, catalogue: Catalogue, seals: Seals) -> Ground:
        return Ground(
            settings=self.settings,
            store=store,
            rails=rails,
            catalogue=catalogue,
            seals=seals,
            clock=self.ports.clock,
            random=self.ports.random,
            observe=self.observe,
            leases=leases(self.settings, store, self.ports.clock),
        )


def _services(ground: Ground, edit: Editing) -> Services:
    """Join the parts, in an order that gives each what it is made of."""
    paying, upkeep = PayingParts.of(ground), UpkeepParts.of(ground)
    bills = Bills(clock=ground.clock, random=ground.random)
    hosted = HostedParts.of(ground, paying, bills)
    carts = CartParts.of(ground, paying, hosted.checkouts)
    plans = SubscriptionParts.of(ground, paying, hosted.checkouts, bills)
    nonces = NonceBook(store=ground.store, clock=ground.clock, random=ground.random)
    return Services(
        store=ground.store,
        rails=ground.rails,
        catalogue=ground.catalogue,
        seals=ground.seals,
        clock=ground.clock,
        random=ground.random,
        observe=ground.observe,
        leases=ground.leases,
        edit=edit,
        shop=Shop(catalogue=ground.catalogue, quoting=paying.quote),
        quote=paying.quote,
        build=paying.build,
        free=paying.free,
        settle=paying.settle,
        elsewhere=paying.elsewhere,
        resolve=paying.resolve,
        finality=paying.finality,
        unapplied=paying.unapplied,
        checkouts=hosted.checkouts,
        cards=hosted.cards,
        incoming=hosted.incoming,
        overdue=hosted.overdue,
        carting=carts.carting,
        carts=carts.carts,
        cart_sales=carts.sales,
        subscribe=plans.subscribe,
        refunding=RefundParts.of(ground, paying).refunding,
        nonces=nonces,
        signatures=Signatures(rails=ground.rails, nonces=nonces),
        budgets=upkeep.budgets,
        sequence=upkeep.sequence,
        cleanup=upkeep.cleanup,
        archival=upkeep.archival,
    )
