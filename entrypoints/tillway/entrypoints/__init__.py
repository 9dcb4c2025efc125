"""Everything that is run. What a host embeds a gateway with is found here, imported on use."""

from importlib import import_module
from typing import TYPE_CHECKING, Final

__all__ = [
    "ADMITTED",
    "GATEWAY",
    "Admitted",
    "Configured",
    "Gateway",
    "PaywallMiddleware",
    "Ports",
    "create_app",
    "load_config",
    "paywall_middleware",
    "paywalled",
    "register_routes",
]

_HOMES: Final = {
    "ADMITTED": "paywall.handlers",
    "GATEWAY": "paywall.handlers",
    "Admitted": "paywall.core",
    "Configured": "configuration",
    "Gateway": "gateway",
    "PaywallMiddleware": "paywall.asgi",
    "Ports": "ports",
    "create_app": "bootstrap",
    "load_config": "configuration",
    "paywall_middleware": "paywall.handlers",
    "paywalled": "paywall.handlers",
    "register_routes": "bootstrap",
}

if TYPE_CHECKING:
    from tillway.entrypoints.bootstrap import create_app, register_routes
    from tillway.entrypoints.configuration import Configured, load_config
    from tillway.entrypoints.gateway import Gateway
    from tillway.entrypoints.paywall.asgi import PaywallMiddleware
    from tillway.entrypoints.paywall.core import Admitted
    from tillway.entrypoints.paywall.handlers import (
        ADMITTED,
        GATEWAY,
        paywall_middleware,
        paywalled,
    )
    from tillway.entrypoints.ports import Ports
else:

    def __getattr__(name: str) -> object:
        """Import what is asked for: the web server and YAML cost a host nothing before."""
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{home}"), name)
