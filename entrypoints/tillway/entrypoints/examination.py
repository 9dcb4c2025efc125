"""Looking for what is wrong with a gateway: its settings, its store, its rails.

Nothing is changed by it, but that a store which is not there yet is created, as starting would.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from attrs import evolve

from tillway.core.catalog import Product
from tillway.core.errors import TillwayError, Unavailable
from tillway.core.ports.rails import Examines, Finding, Rail
from tillway.core.ports.store import InboundState
from tillway.core.services.rails import Rails
from tillway.core.tenancy import DEFAULT
from tillway.entrypoints.bootstrap import create_app
from tillway.entrypoints.configuration import Configured, load_config, plugins_of
from tillway.entrypoints.gateway import Gateway
from tillway.entrypoints.settings.checking import Report, check
from tillway.entrypoints.settings.faults import Fault, SettingsError
from tillway.entrypoints.settings.loading import read_source
from tillway.entrypoints.settings.sections import BUILT_IN
from tillway.entrypoints.unopened import unopened
from tillway.plugins.registry import PluginError, Registry, sections
from tillway.plugins.settings.storage import StorageSettings

MANY: Final = 50
"""How many events that were given up are counted: each may be a megabyte."""


def examine_settings(path: Path | str | None) -> Report:
    """Check a settings file, the environment, and that a gateway can be joined from them.

    Nothing is opened. Never raises for what is in them.
    """
    try:
        plugins = Registry().load(plugins_of(read_source(path, os.environ)))
        report = check(path, sections=sections(plugins, BUILT_IN))
    except SettingsError as error:
        return Report(ok=False, faults=error.faults)
    except PluginError as error:
        return _with_faults(check(path), [Fault(key="plugins", message=str(error))])
    return _with_faults(report, _faults_of_joining(path)) if report.ok else report


def _faults_of_joining(path: Path | str | None) -> Sequence[Fault]:
    try:
        create_app(load_config(path))
    except SettingsError as error:
        return error.faults
    except (PluginError, ModuleNotFoundError) as error:
        return [Fault(key="", message=str(error))]
    return []


def _with_faults(report: Report, faults: Sequence[Fault]) -> Report:
    every = (*report.faults, *faults)
    return evolve(report, ok=not every, faults=every)


async def examine_surroundings(configured: Configured) -> Sequence[Finding]:
    """Look at the store, at what is for sale, and at what each rail depends on.

    Raises what `create_app` raises. That something is away is a finding.
    """
    async with unopened(configured) as gateway:
        store = await _store(gateway, configured)
        told = await _told(gateway) if store.good else []
        found = [store, *told, *await _sources(gateway)]
        found += await _catalogue(gateway)
        for rail in gateway.rails.all:
            found += await _rail(rail, gateway)
        return found


async def _sources(gateway: Gateway) -> Sequence[Finding]:
    """Open the places of definitions; what is wrong there is fatal, as it is at a start."""
    if gateway.sources is None:
        return []
    try:
        await gateway.sources.start()
        return [
            Finding(subject="definitions", good=False, fact=fault, advice="correct the row")
            for fault in await gateway.sources.faults(DEFAULT)
        ]
    except SettingsError as error:
        advice = "change the settings, or the table"
        return [
            Finding(subject="definitions", good=False, fact=str(fault), advice=advice, fatal=True)
            for fault in error.faults
        ]
    except Unavailable as error:
        advice = "check paywall.postgres_url and coupons.postgres_url"
        return [
            Finding(
                subject="definitions", good=False, fact=error.message, advice=advice, fatal=True
            )
        ]


async def _store(gateway: Gateway, configured: Configured) -> Finding:
    settings = configured.settings.section(StorageSettings)
    subject = f"store {settings.backend}"
    try:
        await gateway.store.start()
        async with gateway.store.begin() as unit:
            await unit.quote_keys.all()
    except Unavailable as error:
        return Finding(
            subject=subject,
            good=False,
            fact=error.message,
            advice="check the section storage, and that this user may write there",
            fatal=True,
        )
    return Finding(subject=subject, good=True, fact="opens and can be written")


async def _told(gateway: Gateway) -> Sequence[Finding]:
    """Warn of what providers have told and nobody could apply."""
    async with gateway.store.view(once=True) as view:
        over = await view.inbox.listed(DEFAULT, {InboundState.GIVEN_UP}, MANY)
    if not over:
        return []
    count = f"{MANY} and more" if len(over) == MANY else f"{len(over)}"
    fact = f"{count} that could not be applied, the last one {over[0].id}: {over[0].last_error}"
    advice = "look at `tillway stripe events`, mend what is wrong, then `tillway stripe retry`"
    return [Finding(subject="events", good=False, fact=fact, advice=advice)]


async def _catalogue(gateway: Gateway) -> Sequence[Finding]:
    try:
        products = await gateway.catalogue.products(DEFAULT)
    except TillwayError as error:
        return [Finding(subject="catalogue", good=False, fact=error.message, advice="see above")]
    if not products:
        advice = "define paywall.resources, or add products to the store"
        return [Finding(subject="catalogue", good=False, fact="nothing for sale", advice=advice)]
    unsold = [each.id for each in products if not _is_sold(each, gateway.rails)]
    found = [Finding(subject="catalogue", good=True, fact=f"{len(products)} for sale")]
    if unsold:
        few = ", ".join(unsold[:5]) + (" and others" if len(unsold) > 5 else "")
        advice = "give them a price in what a rail takes, or configure the rail that takes theirs"
        fact = f"{len(unsold)} that no rail can sell: {few}"
        found.append(Finding(subject="catalogue", good=False, fact=fact, advice=advice))
    return found


def _is_sold(product: Product, rails: Rails) -> bool:
    offered = any(rail.sells(product) for rail in rails.offering)
    return offered or any(rail.takes(product) for rail in rails.hosting)


async def _rail(rail: Rail, gateway: Gateway) -> Sequence[Finding]:
    if not isinstance(rail, Examines):
        return []
    try:
        products = await gateway.catalogue.products(DEFAULT)
    except TillwayError:
        products = []
    found = await rail.examine(products)
    return [evolve(each, subject=f"{rail.name}: {each.subject}") for each in found]
