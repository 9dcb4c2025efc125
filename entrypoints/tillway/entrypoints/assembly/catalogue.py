"""The parts of a gateway that know what is for sale, joined."""

from attrs import frozen

from tillway.core.ports.catalogue import Catalogue
from tillway.core.ports.store import Store
from tillway.core.services.catalogue.editing import Editing
from tillway.entrypoints.configuration import Configured
from tillway.entrypoints.sources import Sources
from tillway.plugins.context import Context


@frozen(kw_only=True)
class CatalogueParts:
    """The services of it. ``sources`` are not there where a host brings its own catalogue."""

    catalogue: Catalogue
    edit: Editing
    sources: Sources | None

    @classmethod
    def of(
        cls, configured: Configured, context: Context, store: Store, own: Catalogue | None
    ) -> "CatalogueParts":
        """Join them. A host that brings its own sees to its readers when something changes."""
        if own is not None:
            edit = Editing(store=store, clock=context.clock, random=context.random)
            return cls(catalogue=own, edit=edit, sources=None)
        sources = Sources(
            settings=configured.settings,
            store=store,
            clock=context.clock,
            context=context,
            registry=configured.registry,
        )
        return cls(catalogue=sources.catalogue, edit=sources.editing(), sources=sources)

    async def sync(self) -> None:
        """Let the store know the prices in the settings; a host looks after its own catalogue."""
        if self.sources is not None:
            await self.sources.sync(self.sources.clock.now())
