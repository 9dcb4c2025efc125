"""How the gateway is: asked of the store and of every rail, at most once a second."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from attrs import define, field, frozen

from tillway.core.ports.clock import Clock
from tillway.core.ports.rails import HasHealth, RailHealth
from tillway.core.ports.store import Store
from tillway.core.ports.upkeep import ChecksWriting
from tillway.core.services.gateway import Services
from tillway.entrypoints.http.fresh import Fresh

_log = logging.getLogger(__name__)

PATIENCE: Final = 2.0
"""Seconds after which a store that has not answered counts as away."""

AWAY: Final = RailHealth(reachable=False)
CRITICAL: Final = "critical"


@frozen(kw_only=True)
class Vitals:
    """What was found. ``rails`` has those that can tell, by name, in the order of offering."""

    at: datetime
    store: bool
    rails: Mapping[str, RailHealth]

    @property
    def rails_reachable(self) -> bool:
        """Tell whether every rail that can tell can be used."""
        return all(health.reachable for health in self.rails.values())

    @property
    def ready(self) -> bool:
        """Tell whether payments can be taken."""
        return self.store and self.rails_reachable

    @property
    def sound(self) -> bool:
        """Tell whether nothing needs an operator: ready, and no wallet about to run dry."""
        wallets = (wallet for health in self.rails.values() for wallet in health.wallets)
        return self.ready and not any(wallet.status == CRITICAL for wallet in wallets)


@define(eq=False)
class Checkup:
    """Asks, and remembers the answer for a second."""

    store: Store
    rails: Mapping[str, HasHealth]
    clock: Clock
    began: datetime
    _vitals: Fresh[Vitals] = field(init=False)

    @classmethod
    def of(cls, services: Services) -> "Checkup":
        """Look after a gateway; its uptime begins now."""
        rails = {rail.name: rail for rail in services.rails.all if isinstance(rail, HasHealth)}
        return cls(services.store, rails, services.clock, services.clock.now())

    def __attrs_post_init__(self) -> None:
        """Prepare to remember."""
        self._vitals = Fresh(self._ask)

    async def vitals(self) -> Vitals:
        """Give what was found at most a second ago. Never raises."""
        return await self._vitals.get()

    async def _ask(self) -> Vitals:
        asked = (_health(name, rail) for name, rail in self.rails.items())
        store, rails = await asyncio.gather(self._store_answers(), asyncio.gather(*asked))
        found = dict(zip(self.rails, rails, strict=True))
        return Vitals(at=self.clock.now(), store=store, rails=found)

    async def _store_answers(self) -> bool:
        try:
            async with asyncio.timeout(PATIENCE):
                async with self.store.view() as view:
                    await view.quote_keys.all()
                if isinstance(self.store, ChecksWriting):
                    await self.store.check_writing()
        except Exception as error:  # whatever it is, the store cannot be used
            _log.warning("the store does not answer: %s", type(error).__name__, exc_info=error)
            return False
        return True


async def _health(name: str, rail: HasHealth) -> RailHealth:
    try:
        async with asyncio.timeout(PATIENCE * 2):
            return await rail.health()
    except Exception as error:  # an outsider's rail may break its word
        _log.warning("rail %s does not say how it is", name, exc_info=error)
        return AWAY
