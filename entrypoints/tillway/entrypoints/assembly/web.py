"""The HTTP application of a gateway, joined from its plugins' routes and its own."""

from collections.abc import Sequence

from aiohttp import web

from tillway.core.services.gateway import Services
from tillway.entrypoints.configuration import Configured
from tillway.entrypoints.http.app import build_application
from tillway.entrypoints.http.config import HttpConfig
from tillway.entrypoints.http.idempotency import once
from tillway.entrypoints.settings.sections import ServerSettings
from tillway.entrypoints.version import version
from tillway.plugins.api import Api, Route


def application(configured: Configured, services: Services, apis: Sequence[Api]) -> web.Application:
    """Give what serves these APIs, each request with a key once."""
    return build_application(_routes(services, apis), config=_config(configured))


def _routes(services: Services, apis: Sequence[Api]) -> Sequence[Route]:
    routes = [route for api in apis for route in api.routes(services)]
    return once(routes, services.store, services.clock)


def _config(configured: Configured) -> HttpConfig:
    server = configured.settings.section(ServerSettings)
    return HttpConfig(
        environment=configured.environment,
        version=version(),
        route_prefix=server.route_prefix,
        origins=server.cors_allowed_origins,
        trusted_proxies=tuple(str(each) for each in server.trusted_proxies),
        metrics_key=server.admin_metrics_api_key,
        admin_key=server.admin_api_key,
        public_urls=server.public_url,
    )
