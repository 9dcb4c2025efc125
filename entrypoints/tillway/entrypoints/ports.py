"""Parts that a host may bring."""

import secrets
from collections.abc import Sequence
from typing import TypedDict

from attrs import field, frozen

from tillway.core.observations import Observer
from tillway.core.ports.catalogue import Catalogue
from tillway.core.ports.clock import Clock, Random
from tillway.core.ports.rails import Rail
from tillway.core.ports.store import Store
from tillway.entrypoints.clocks import SystemClock
from tillway.plugins.api import Api


@frozen(kw_only=True)
class Ports:
    """Parts that a host gives in place of those that the settings name.

    They are opened and closed with the gateway all the same.
    """

    clock: Clock = field(factory=SystemClock)
    random: Random = secrets.token_bytes
    store: Store | None = None
    catalogue: Catalogue | None = None
    rails: Sequence[Rail] | None = None
    observers: Sequence[Observer] = ()
    apis: Sequence[Api] = ()


class Given(TypedDict, total=False):
    """The fields of `Ports`, to be given one by one."""

    clock: Clock
    random: Random
    store: Store
    catalogue: Catalogue
    rails: Sequence[Rail]
    observers: Sequence[Observer]
    apis: Sequence[Api]
