"""The one place that joins ports to adapters: HTTP, worker, CLI and tests all start here."""

import os
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Unpack
from uuid import uuid4

from aiohttp import web
from attrs import define, evolve, field

from tillway.adapters.heads import HeadSigner
from tillway.adapters.observed import ObservedStore
from tillway.adapters.sealing import MasterKey, Sealer
from tillway.core.assets import BUILT_IN, Assets
from tillway.core.money import Rounding
from tillway.core.observations import Observers
from tillway.core.ports.catalogue import Catalogue
from tillway.core.ports.store import QuoteKey, Store
from tillway.core.services.archival import Archival
from tillway.core.services.books.sequencing import Sequencer
from tillway.core.services.catalogue.editing import Editing
from tillway.core.services.catalogue.shop import Shop
from tillway.core.services.cleanup import Cleanup
from tillway.core.services.gateway import Services
from tillway.core.services.hosted.pages import Pages
from tillway.core.services.nonces import NonceBook
from tillway.core.services.paying.budgets import Budgets
from tillway.core.services.paying.build import Build
from tillway.core.services.paying.elsewhere import Elsewhere
from tillway.core.services.paying.endings import Endings
from tillway.core.services.paying.finality import Finality
from tillway.core.services.paying.free import Free
from tillway.core.services.paying.leases import Leases
from tillway.core.services.paying.quote import Quoting
from tillway.core.services.paying.quote_keys import Keyring
from tillway.core.services.paying.repeats import Repeats
from tillway.core.services.paying.resolve import Resolve
from tillway.core.services.paying.settle import Settle
from tillway.core.services.paying.terms import Terms
from tillway.core.services.rails import Rails
from tillway.core.services.refunds.unapplied import Givebacks
from tillway.core.services.signatures import Signatures
from tillway.core.services.subjects import Products, Subjects
from tillway.core.services.subscriptions.bills import Bills
from tillway.core.services.turns import Turn
from tillway.entrypoints.cart_parts import CartParts, longest_quote
from tillway.entrypoints.configuration import Configured
from tillway.entrypoints.gateway import Gateway, lifetime
from tillway.entrypoints.hosting import Hosting
from tillway.entrypoints.http.app import build_application
from tillway.entrypoints.http.config import HttpConfig
from tillway.entrypoints.http.idempotency import once
from tillway.entrypoints.paywall.handlers import GATEWAY
from tillway.entrypoints.ports import Given as Given
from tillway.entrypoints.ports import Ports as Ports
from tillway.entrypoints.refunds import refunds
from tillway.entrypoints.settings.loading import Settings
from tillway.entrypoints.settings.sections import LedgerSettings, QuoteSettings, ServerSettings
from tillway.entrypoints.sources import Sources
from tillway.entrypoints.subscriptions import subscriptions
from tillway.entrypoints.version import version
from tillway.plugins.api import Route
from tillway.plugins.context import Context
from tillway.plugins.settings.coupons import CouponSettings
from tillway.plugins.settings.paywall import PaywallSettings
from tillway.plugins.settings.refunds import RefundSettings
from tillway.plugins.settings.storage import StorageSettings
from tillway.plugins.settings.stripe import StripeSettings
from tillway.plugins.settings.subscriptions import SubscriptionSettings
from tillway.plugins.settings.x402 import X402Settings

CLOCK_SKEW = timedelta(minutes=1)
"""How far the clocks of processes that share a store may differ."""

LEASE = timedelta(seconds=5)
"""How long a claim is ours without renewal, where no rail says otherwise."""

WAIT = timedelta(seconds=30)
"""How long a request waits for its payment, where no rail says otherwise."""


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


async def _nothing() -> None:
    """Have nothing to prepare: a host that brings its own catalogue looks after it."""


@define(kw_only=True)
class _Assembly:
    """The joining of one gateway, step by step."""

    configured: Configured
    ports: Ports
    context: Context = field(init=False)
    observe: Observers = field(init=False)
    sync: Callable[[], Awaitable[None]] = field(init=False, default=_nothing)
    sources: Sources | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        """Enable the plugins that the settings name, and let them observe first."""
        self.observe = Observers()
        self.context = Context(
            sections=self.settings.sections,
            assets=self._assets(),
            clock=self.ports.clock,
            random=self.ports.random,
            observe=self.observe,
            environment=self.configured.environment,
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
        sealer = Sealer(
            keys=(),
            assets=self.context.assets,
            now=self.ports.clock.now,
            random=self.ports.random,
            retention=longest_quote(self.settings) + CLOCK_SKEW,
        )
        services = self._services(sealer)
        keyring = self._keyring(services.store)
        gateway = Gateway(
            settings=self.settings,
            services=services,
            web=build_application(self._routes(services), config=self._http()),
            sources=self.sources,
            prepare=(lambda: self._agree(keyring, sealer), self.sync),
            refresh=lambda: self._follow(keyring, sealer),
        )
        gateway.web.cleanup_ctx.append(lifetime(gateway, background=background))
        return gateway

    def store(self) -> Store:
        """Give the host's store, or make the one that the settings name."""
        return self.ports.store or self.configured.registry.store(self.context)

    def _services(self, sealer: Sealer) -> Services:
        ports, clock = self.ports, self.ports.clock
        store = self.ports.store or self._observed(self.store())
        rails = Rails.of(
            self.configured.registry.rails(self.context) if ports.rails is None else ports.rails
        )
        catalogue = ports.catalogue or self._catalogue(store)
        subjects = Subjects()
        subjects.add(Products(catalogue))
        quoting = Quoting(
            store=store,
            catalogue=catalogue,
            subjects=subjects,
            rails=rails,
            seals=sealer,
            clock=clock,
            random=ports.random,
            lifetime=self._paywall.quote_ttl,
            rounding=self._rounding(),
            strict=self.settings.section(CouponSettings).strict,
            observe=self.observe,
        )
        return self._joined(store, rails, quoting, sealer)

    def _joined(self, store: Store, rails: Rails, quoting: Quoting, sealer: Sealer) -> Services:
        clock, random, x402 = self.ports.clock, self.ports.random, self._x402
        lease, wait = (x402.claim_lease, x402.confirm_wait) if x402 else (LEASE, WAIT)
        leases = Leases(store=store, clock=clock, process=_process(), length=lease)
        subjects, back = quoting.subjects, self.settings.section(RefundSettings)
        endings = Endings(
            store=store, subjects=subjects, clock=clock, random=random, least=back.minimum
        )
        repeats = Repeats(seals=sealer, clock=clock)
        terms = Terms(quoting=quoting, seals=sealer)
        nonces = NonceBook(store=store, clock=clock, random=random)
        settle = Settle(
            store=store,
            rails=rails,
            terms=terms,
            repeats=repeats,
            endings=endings,
            leases=leases,
            wait=wait.total_seconds(),
            observe=self.observe,
        )
        free = Free(store=store, terms=terms, repeats=repeats, leases=leases, random=random)
        givebacks = Givebacks(store=store, clock=clock, random=random, least=back.minimum)
        bills = Bills(clock=clock, random=random)
        hosting = Hosting.of(
            quoting=quoting,
            free=free,
            leases=leases,
            givebacks=givebacks,
            pages=self._pages(),
            observe=self.observe,
            most_unpaid=self._stripe.max_unpaid_coupons,
            subscriptions=bills,
        )
        carts = CartParts.of(
            quoting=quoting,
            checkouts=hosting.checkouts,
            free=free,
            lifetime=self.settings.section(StorageSettings).cart_quote_ttl,
        )
        subscribing = self.settings.section(SubscriptionSettings)
        return Services(
            store=store,
            rails=rails,
            catalogue=quoting.catalogue,
            seals=sealer,
            clock=clock,
            random=random,
            observe=self.observe,
            quote=quoting,
            shop=Shop(catalogue=quoting.catalogue, quoting=quoting),
            edit=self._editing(store),
            build=Build(quoting=quoting),
            free=free,
            checkouts=hosting.checkouts,
            cards=hosting.cards,
            carting=carts.carting,
            cart_sales=carts.sales,
            carts=carts.carts,
            incoming=hosting.incoming,
            overdue=hosting.overdue,
            settle=settle,
            elsewhere=Elsewhere(quoting=quoting, settle=settle),
            subscribe=subscriptions(subscribing, terms, hosting.checkouts, bills, leases.process),
            resolve=Resolve(store=store, rails=rails, endings=endings, leases=leases),
            leases=leases,
            budgets=Budgets(store=store, rails=rails),
            sequence=self._sequencer(store, leases),
            givebacks=givebacks,
            finality=Finality(
                store=store,
                rails=rails,
                leases=leases,
                random=random,
                subjects=subjects,
                least=back.minimum,
            ),
            cleanup=self._cleanup(store, leases),
            archival=self._archival(store, leases),
            nonces=nonces,
            signatures=Signatures(rails=rails, nonces=nonces),
            refunding=refunds(
                self.settings, quoting, settle, random, partial(self._turn, store, leases)
            ),
        )

    @property
    def _stripe(self) -> StripeSettings:
        return self.settings.find(StripeSettings) or StripeSettings()

    def _pages(self) -> Pages:
        stripe = self._stripe
        return Pages(
            success_url=stripe.success_url,
            cancel_url=stripe.cancel_url,
            hosts=frozenset(stripe.redirect_hosts),
        )

    def _sequencer(self, store: Store, leases: Leases) -> Sequencer:
        ledger = self.settings.section(LedgerSettings)
        return Sequencer(
            store=store,
            clock=self.ports.clock,
            owner=leases.process,
            heads=None if ledger.seal_key is None else HeadSigner(ledger.seal_key),
            every=ledger.head_interval,
        )

    def _cleanup(self, store: Store, leases: Leases) -> Cleanup:
        every = self.settings.section(StorageSettings).cleanup_interval
        return Cleanup(store=store, turn=self._turn(store, leases, "cleanup", every))

    def _archival(self, store: Store, leases: Leases) -> Archival | None:
        settings = self.settings.section(StorageSettings).archival
        if not settings.enabled:
            return None
        return Archival(
            store=store,
            turn=self._turn(store, leases, "archival", settings.run_interval),
            retention=settings.retention_period,
            observe=self.observe,
        )

    def _turn(self, store: Store, leases: Leases, name: str, every: timedelta) -> Turn:
        owner, clock = leases.process, self.ports.clock
        return Turn(store=store, clock=clock, owner=owner, name=name, every=every)

    def _routes(self, services: Services) -> Sequence[Route]:
        apis = (*self.configured.registry.apis(self.context), *self.ports.apis)
        routes = [route for api in apis for route in api.routes(services)]
        return once(routes, services.store, services.clock)

    async def _agree(self, keyring: Keyring, sealer: Sealer) -> None:
        sealer.keys = _master_keys(await keyring.agree(self.ports.clock.now()))

    async def _follow(self, keyring: Keyring, sealer: Sealer) -> None:
        """Learn what other processes have done to the keys since."""
        sealer.keys = _master_keys(await keyring.now())

    def _keyring(self, store: Store) -> Keyring:
        configured = self.settings.section(QuoteSettings).keys
        return Keyring(store=store, configured=configured, random=self.ports.random)

    def _observed(self, store: Store) -> Store:
        backend = self.settings.section(StorageSettings).backend
        return ObservedStore(store=store, backend=backend, observe=self.observe)

    def _catalogue(self, store: Store) -> Catalogue:
        self.sources = sources = Sources(
            settings=self.settings,
            store=store,
            clock=self.ports.clock,
            context=self.context,
            registry=self.configured.registry,
        )
        self.sync = lambda: sources.sync(self.ports.clock.now())
        return sources.catalogue

    def _editing(self, store: Store) -> Editing:
        """Give what edits the catalogue; a host that brings its own sees to its readers."""
        if self.sources is not None:
            return self.sources.editing()
        return Editing(store=store, clock=self.ports.clock, random=self.ports.random)

    def _http(self) -> HttpConfig:
        server = self.settings.section(ServerSettings)
        return HttpConfig(
            environment=self.configured.environment,
            version=version(),
            route_prefix=server.route_prefix,
            origins=server.cors_allowed_origins,
            trusted_proxies=tuple(str(each) for each in server.trusted_proxies),
            metrics_key=server.admin_metrics_api_key,
            admin_key=server.admin_api_key,
        )

    @property
    def _paywall(self) -> PaywallSettings:
        return self.settings.section(PaywallSettings)

    @property
    def _x402(self) -> X402Settings | None:
        return self.settings.find(X402Settings)

    def _assets(self) -> Assets:
        return self._x402.assets if self._x402 else BUILT_IN

    def _rounding(self) -> Rounding:
        return Rounding(self._x402.rounding_mode) if self._x402 else Rounding.STANDARD


def _master_keys(keys: Sequence[QuoteKey]) -> Sequence[MasterKey]:
    return [MasterKey(secret=key.secret, retired_at=key.retired_at) for key in keys if key.secret]


def _process() -> str:
    """Name this process and its start: a process that comes back is another."""
    return f"{os.getpid()}-{uuid4().hex}"
