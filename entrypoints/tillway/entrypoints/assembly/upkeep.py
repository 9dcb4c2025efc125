"""The parts of a gateway that look after what it has written, joined."""

from attrs import frozen

from tillway.adapters.heads import HeadSigner
from tillway.core.services.archival import Archival
from tillway.core.services.books.sequencing import Sequencer
from tillway.core.services.cleanup import Cleanup
from tillway.core.services.paying.budgets import Budgets
from tillway.entrypoints.assembly.ground import Ground
from tillway.entrypoints.settings.sections import LedgerSettings
from tillway.plugins.settings.storage import StorageSettings


@frozen(kw_only=True)
class UpkeepParts:
    """The services of it."""

    budgets: Budgets
    sequence: Sequencer
    cleanup: Cleanup
    archival: Archival | None

    @classmethod
    def of(cls, ground: Ground) -> "UpkeepParts":
        """Join them."""
        return cls(
            budgets=Budgets(store=ground.store, rails=ground.rails),
            sequence=_sequencer(ground),
            cleanup=_cleanup(ground),
            archival=_archival(ground),
        )


def _sequencer(ground: Ground) -> Sequencer:
    ledger = ground.settings.section(LedgerSettings)
    return Sequencer(
        store=ground.store,
        clock=ground.clock,
        owner=ground.leases.process,
        heads=None if ledger.seal_key is None else HeadSigner(ledger.seal_key),
        every=ledger.head_interval,
    )


def _cleanup(ground: Ground) -> Cleanup:
    every = ground.settings.section(StorageSettings).cleanup_interval
    return Cleanup(store=ground.store, turn=ground.turn("cleanup", every))


def _archival(ground: Ground) -> Archival | None:
    settings = ground.settings.section(StorageSettings).archival
    if not settings.enabled:
        return None
    return Archival(
        store=ground.store,
        turn=ground.turn("archival", settings.run_interval),
        retention=settings.retention_period,
        observe=ground.observe,
    )
