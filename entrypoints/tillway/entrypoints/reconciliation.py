"""Reconciling what the settings name: the store with its rails, beside gateways that run."""

from collections.abc import Callable
from datetime import datetime

from tillway.adapters.heads import HeadSignatures
from tillway.core.services.books.audit import Audit
from tillway.core.services.reconciling.reconcile import Reconcile
from tillway.core.services.reconciling.report import Report
from tillway.entrypoints.configuration import Configured
from tillway.entrypoints.unopened import refuse_memory, unopened
from tillway.plugins.settings.refunds import RefundSettings


async def reconcile(
    configured: Configured,
    *,
    since: datetime | None,
    until: datetime | None,
    books: bool,
    tell: Callable[[str, int], None],
    now: datetime | None = None,
) -> Report:
    """Reconcile. Raises Unavailable if the store is away, CannotStart for one in memory.

    ``now`` is the present of the gateways, where that is not the machine's.
    """
    refuse_memory(configured)
    async with unopened(configured) as gateway:
        store = gateway.store
        await store.start()
        run = Reconcile(
            store=store,
            rails=gateway.rails,
            now=gateway.services.clock.now if now is None else lambda: now,
            since=since,
            until=until,
            audit=Audit(store=store, signatures=HeadSignatures()) if books else None,
            least=configured.settings.section(RefundSettings).minimum,
            tell=tell,
        )
        return await run.run()
