"""Hooks that a plugin may implement. They run at start-up only and hand objects over.

Each hook is called once with a `Context`; the hot path calls ports and never comes back here.
"""

from collections.abc import Sequence

import pluggy

from tillway.core.observations import Observer
from tillway.core.ports.definitions import CouponDefinitions, ProductDefinitions
from tillway.core.ports.rails import Rail
from tillway.core.ports.store import Store
from tillway.plugins.api import Api
from tillway.plugins.context import Context

PROJECT = "tillway"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def tillway_rails(context: Context) -> Sequence[Rail]:
    """Give the rails that this plugin builds. Their names must be unique in the gateway."""
    return ()


@hookspec
def tillway_stores(context: Context) -> Sequence[Store]:
    """Give the store that this plugin builds, not yet started. Just one plugin is asked."""
    return ()


@hookspec
def tillway_products(context: Context) -> Sequence[ProductDefinitions]:
    """Give the products that this plugin finds where the section ``paywall`` says, not yet started.

    Just the plugin that ``paywall.product_source`` names is asked, and only for products that are
    not the store's own.
    """
    return ()


@hookspec
def tillway_coupons(context: Context) -> Sequence[CouponDefinitions]:
    """Give the coupons that this plugin finds where the section ``coupons`` says, not yet started.

    Just the plugin that ``coupons.coupon_source`` names is asked, and only for coupons that are
    not the store's own.
    """
    return ()


@hookspec
def tillway_apis(context: Context) -> Sequence[Api]:
    """Give the HTTP faces that this plugin adds."""
    return ()


@hookspec
def tillway_observers(context: Context) -> Sequence[Observer]:
    """Give callables that are told of payments, node calls and queries. They must not block."""
    return ()
