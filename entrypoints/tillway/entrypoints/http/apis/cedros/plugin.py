"""The face for clients of the Cedros Pay server."""

from collections.abc import Sequence

from tillway.core.services.gateway import Services
from tillway.entrypoints.http.apis.cedros import (
    browsing,
    carding,
    carting,
    looking,
    paying,
    refunds,
    signing,
    subscribing,
)
from tillway.entrypoints.http.apis.cedros.facts import facts_of
from tillway.entrypoints.settings.sections import ServerSettings
from tillway.plugins.api import Api, Route
from tillway.plugins.context import Context
from tillway.plugins.hooks import hookimpl
from tillway.plugins.plugin import Kind, Plugin

PLUGIN = Plugin(kind=Kind.API, name="cedros", summary="the public routes of the Cedros Pay server")


@hookimpl
def tillway_apis(context: Context) -> Sequence[Api]:
    """Give the face."""
    prefix = context.section("server", ServerSettings).route_prefix

    facts = facts_of(context)

    def routes(services: Services) -> Sequence[Route]:
        return [
            *paying.routes(services, prefix),
            *looking.routes(services),
            *browsing.routes(services, prefix, facts),
            *signing.routes(services),
            *carding.routes(services),
            *subscribing.routes(services, prefix),
            *refunds.routes(services, prefix),
            *carting.routes(services, prefix),
        ]

    return [Api(name="cedros", routes=routes)]
