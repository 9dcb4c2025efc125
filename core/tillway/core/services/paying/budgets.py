"""Let every process know what all of them have spent on buyers."""

from collections.abc import Sequence

from attrs import define

from tillway.core.ports.rails import KeepsBudget
from tillway.core.ports.store import Store
from tillway.core.services.rails import Rails
from tillway.core.tenancy import DEFAULT, Tenant


@define(kw_only=True)
class Budgets:
    """Tell rails the totals that the claims of all processes have reached.

    Offers only: a claim tests the limit itself, in its own commit.
    """

    store: Store
    rails: Rails
    tenants: Sequence[Tenant] = (DEFAULT,)

    async def refresh(self) -> None:
        """Read the totals once; a repeat is harmless."""
        for rail in self.rails.all:
            if isinstance(rail, KeepsBudget):
                await self._refresh(rail)

    async def _refresh(self, rail: KeepsBudget) -> None:
        names = rail.budget_names()
        if not names:
            return
        for tenant in self.tenants:
            async with self.store.view(once=True) as view:
                totals = await view.tallies.totals(tenant, names)
            rail.learn_budget(tenant, totals)
