"""What observers are told, for metrics, logs and traces. Nothing here is secret."""

import logging
from collections.abc import Callable, Sequence

from attrs import define, frozen

from tillway.core.money import Money

_log = logging.getLogger(__name__)


@frozen(kw_only=True)
class PaymentStarted:
    """A price was quoted. ``resource`` is a product id or ``cart``."""

    method: str
    resource: str


@frozen(kw_only=True)
class PaymentCompleted:
    """A proof was answered. ``reason`` is a code, None for success; ``seconds`` since it came.

    ``settled_in`` is the time from sending to the rail's word, None if nothing was sent.
    """

    method: str
    resource: str
    amount: Money | None
    network: str
    seconds: float
    reason: str | None = None
    settled_in: float | None = None


@frozen(kw_only=True)
class RpcCalled:
    """A node was asked. ``error`` is one of the kinds that metrics name, None if it answered."""

    method: str
    network: str
    seconds: float
    error: str | None = None


@frozen(kw_only=True)
class ProviderCalled:
    """A provider of payments was asked once, or was not because its circuit is open.

    ``operation`` is ours, from a fixed set; ``outcome`` is ``ok``, ``refused``, ``circuit_open``,
    or what went wrong. ``seconds`` is None where no call was made.
    """

    provider: str
    operation: str
    outcome: str
    seconds: float | None


@frozen(kw_only=True)
class EventHeard:
    """A provider's event was refused, or an attempt was made at one that was kept.

    ``outcome`` is one of those of `tillway.core.services.hosted.incoming.Outcome`.
    """

    source: str
    outcome: str


@frozen(kw_only=True)
class QueryRan:
    """A unit of work ended on the store."""

    operation: str
    backend: str
    seconds: float
    error: str | None = None


@frozen(kw_only=True)
class ArchivalRan:
    """Payments were moved into the archive: at least one."""

    moved: int


@frozen(kw_only=True)
class RefundOffered:
    """A refund was approved and offered to whoever pays it."""


@frozen(kw_only=True)
class RefundCompleted:
    """A refund was paid out, or an attempt to was refused or failed: ``reason`` is a code then.

    ``method`` is ``crypto`` or ``card``; ``amount`` None where nothing was paid out.
    """

    method: str
    amount: Money | None
    seconds: float
    reason: str | None = None


@frozen(kw_only=True)
class CartSeen:
    """A cart of so many lines was quoted, sent to a checkout, or paid.

    ``status`` is one of quote, session_created, session_creation_failed and success.
    """

    status: str
    lines: int


Observation = (
    PaymentStarted
    | PaymentCompleted
    | RefundOffered
    | RefundCompleted
    | RpcCalled
    | ProviderCalled
    | EventHeard
    | QueryRan
    | ArchivalRan
    | CartSeen
)
Observer = Callable[[Observation], None]


@define
class Observers:
    """Tell every observer; one that raises is logged and harms nobody."""

    all: Sequence[Observer] = ()

    def __call__(self, seen: Observation) -> None:
        """Pass one observation on, in the order of the observers."""
        for observer in self.all:
            try:
                observer(seen)
            except Exception:  # an observer is a guest: its faults are not the payment's
                _log.exception("an observer failed on %s", type(seen).__name__)
