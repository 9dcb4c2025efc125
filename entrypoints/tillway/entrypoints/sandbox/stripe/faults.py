"""Faults on demand: what Stripe, or the way to it, does wrong so that clients can be tested."""

from enum import StrEnum
from fnmatch import fnmatchcase

from attrs import define, evolve, field, frozen


class Kind(StrEnum):
    """How an answer is spoiled."""

    HTTP_500 = "http_500"
    HTTP_429 = "http_429"
    DROP = "drop"
    DECLINE = "decline"


@frozen(kw_only=True)
class Fault:
    """Spoils calls whose `METHOD /path` is like ``calls``, the next ``times`` of them or all.

    With ``effective``, the call is carried out first and only its answer is lost. Stripe answers
    the same key with the same 500 again; ``remembered`` False gives the true answer instead, as
    where something on the way has failed. A call that was not carried out is not remembered.
    """

    kind: Kind
    calls: str = "*"
    times: int | None = 1
    effective: bool = False
    remembered: bool = True


@define
class Faults:
    """What goes wrong; nothing by default. ``latency_ms`` is waited before each call is begun."""

    latency_ms: float = 0
    spoiled: list[Fault] = field(factory=list)

    def add(self, kind: Kind | str, calls: str = "*", times: int | None = 1, **more: bool) -> None:
        """Add one; they are tried in the order in which they were added."""
        self.spoiled.append(Fault(kind=Kind(kind), calls=calls, times=times, **more))

    def clear(self) -> None:
        """Everything works again."""
        self.latency_ms = 0
        self.spoiled.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """Give the fault that meets a call; a counted one is used up by one."""
        for index, fault in enumerate(self.spoiled):
            if fnmatchcase(f"{method} {path}", fault.calls):
                left = None if fault.times is None else fault.times - 1
                self.spoiled[index : index + 1] = [] if left == 0 else [evolve(fault, times=left)]
                return fault
        return None
