"""What every part of a gateway is joined to: its store, its rails, its clock, its settings."""

import os
from datetime import timedelta
from typing import Final
from uuid import uuid4

from attrs import frozen

from tillway.core.observations import Observers
from tillway.core.ports.catalogue import Catalogue
from tillway.core.ports.clock import Clock, Random
from tillway.core.ports.seals import Seals
from tillway.core.ports.store import Store
from tillway.core.services.paying.leases import Leases
from tillway.core.services.rails import Rails
from tillway.core.services.turns import Turn
from tillway.entrypoints.settings.loading import Settings
from tillway.plugins.settings.x402 import X402Settings

LEASE: Final = timedelta(seconds=5)
"""How long a claim is ours without renewal, where no rail says otherwise."""


@frozen(kw_only=True)
class Ground:
    """The ports of a gateway, and this process among those that share its store."""

    settings: Settings
    store: Store
    rails: Rails
    catalogue: Catalogue
    seals: Seals
    clock: Clock
    random: Random
    observe: Observers
    leases: Leases

    def turn(self, name: str, every: timedelta) -> Turn:
        """Give this process's turn at work that one does for all."""
        return Turn(
            store=self.store,
            clock=self.clock,
            owner=self.leases.process,
            name=name,
            every=every,
        )


def leases(settings: Settings, store: Store, clock: Clock) -> Leases:
    """Give this process's leases."""
    x402 = settings.find(X402Settings)
    length = LEASE if x402 is None else x402.claim_lease
    return Leases(store=store, clock=clock, process=_process(), length=length)


def _process() -> str:
    """Name this process and its start: a process that comes back is another."""
    return f"{os.getpid()}-{uuid4().hex}"
