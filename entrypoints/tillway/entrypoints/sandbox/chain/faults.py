"""Faults on demand: what a node does wrong, on purpose, so that its clients can be tested."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from attrs import asdict, define, evolve, field, fields_dict, frozen
from attrs.validators import ge
from cattrs import Converter, transform_error
from cattrs.errors import BaseValidationError

from tillway.entrypoints.sandbox.chain.wire import Json

ANY: Final = "*"


class Kind(StrEnum):
    """How an answer is spoiled."""

    HTTP_500 = "http_500"
    HTTP_429 = "http_429"
    TRUNCATED = "truncated"
    HANG = "hang"
    RESET = "reset"
    ERROR = "error"
    ANSWER = "answer"


@frozen(kw_only=True)
class Fault:
    """Spoils the calls of a method (`*`: of any), the next `times` of them or all.

    With `effective`, the call is carried out first and only its answer is spoiled, as when
    a reply is lost on the way. `error` answers a JSON-RPC error of `code` and `message`;
    `answer` gives `result` instead of the truth. `truncated` calls are always carried out.
    """

    kind: Kind
    method: str = ANY
    times: int | None = None
    effective: bool = False
    code: int = -32005
    message: str = "Node is unhealthy"
    result: Json = None


@define(kw_only=True)
class Faults:
    """One node's faults; nothing is wrong by default.

    `latency_ms` by method, `*` for the rest. `drop_next` and `drop_all`: accepted, but never
    lands. `deliver_after_ms`: lands that much later. `behind_slots` and `frozen_at` (a clock
    reading) make the node stale: it reports a lower tip and hides what landed later (account
    states excepted: a chain has one). `first_available_slot`: older history is gone.
    `mute`: accepts subscriptions and never notifies. `refuse_pubsub`: HTTP 503 for WebSockets.
    """

    latency_ms: dict[str, float] = field(factory=dict)
    drop_next: int = field(default=0, validator=ge(0))
    drop_all: bool = False
    deliver_after_ms: float = field(default=0, validator=ge(0))
    behind_slots: int = field(default=0, validator=ge(0))
    frozen_at: float | None = None
    first_available_slot: int = field(default=0, validator=ge(0))
    mute: bool = False
    refuse_pubsub: bool = False
    spoiled: list[Fault] = field(factory=list)

    def clear(self) -> None:
        """Everything works again."""
        self.update(Faults())

    def update(self, other: "Faults") -> None:
        """Take over every setting of another."""
        for name in fields_dict(Faults):
            setattr(self, name, getattr(other, name))

    def json(self) -> dict[str, Json]:
        """Show the settings as /_control shows them."""
        return asdict(self)

    def spoil(self, kind: Kind, method: str = ANY, times: int | None = None, **more: Json) -> None:
        """Add one fault; faults are tried in the order in which they were added."""
        self.spoiled.append(Fault(kind=kind, method=method, times=times, **more))

    def take(self, methods: Iterable[str]) -> Fault | None:
        """Find the fault that meets these calls; a counted one is used up by one."""
        named = {ANY, *methods}
        for index, fault in enumerate(self.spoiled):
            if fault.method in named:
                self._use(index, fault)
                return fault
        return None

    def _use(self, index: int, fault: Fault) -> None:
        if fault.times is None:
            return
        left = fault.times - 1
        self.spoiled[index : index + 1] = [evolve(fault, times=left)] if left > 0 else []

    def latency(self, methods: Iterable[str]) -> float:
        """Seconds that these calls wait: the slowest one's."""
        if not self.latency_ms:
            return 0
        rest = self.latency_ms.get(ANY, 0)
        return max((self.latency_ms.get(name, rest) for name in methods), default=rest) / 1000

    def drops(self) -> bool:
        """Whether the next transaction is lost; a counted loss is used up by one."""
        if self.drop_all:
            return True
        self.drop_next = max(0, self.drop_next - 1) if (lost := self.drop_next > 0) else 0
        return lost


_CONVERTER: Final = Converter(forbid_extra_keys=True)


def changed(faults: Faults, change: Json) -> Faults:
    """Change the named settings; raises ValueError for what does not fit."""
    if not isinstance(change, dict):
        raise ValueError("an object of settings is expected")
    try:
        return _CONVERTER.structure({**_CONVERTER.unstructure(faults), **change}, Faults)
    except BaseValidationError as error:
        raise ValueError("; ".join(transform_error(error, "settings"))) from error
