"""The calls of the public React SDK (cedros-pay ui/src, without admin), as it sends them.

Written from what was read of its source: method, path, the names in the body, and the fields that
it reads in the answer. A story is a sequence of calls, of which later ones use what earlier ones
have brought.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from attrs import define, field, frozen

from support.shop import Answer, Shop

State = dict[str, Any]
"""What a story knows so far."""

Given = Callable[[State], Any] | Any
"""A value, or how it is worked out from what is known."""

IDEMPOTENT: Final = {"Idempotency-Key": "6a2f41a3-c54c-4b1a-9f6e-1f4b6c2d7e11"}


@frozen(kw_only=True)
class Call:
    """One request, the statuses that the SDK takes, and the fields that it reads.

    A field is a path (`quote.payTo`); alternatives stand with ``|`` between them. ``keep`` says
    under which names later calls know what was read.
    """

    name: str
    method: str
    path: Given
    body: Given = None
    headers: Given = None
    statuses: frozenset[int] = frozenset({200})
    reads: Sequence[str] = ()
    keep: Mapping[str, str] = {}


@define
class Teller:
    """Tell stories to a gateway."""

    shop: Shop
    state: State = field(factory=dict)

    async def tell(self, story: Sequence[Call]) -> None:
        """Send all calls in order, and find in each answer what is read there."""
        for call in story:
            answer = await self.send(call)
            assert answer.status in call.statuses, (call.name, answer.status, answer.body)
            for wanted in call.reads:
                assert _any_of(answer.body, wanted) is not None, (call.name, wanted, answer.body)
            for name, path in call.keep.items():
                self.state[name] = _any_of(answer.body, path)

    async def send(self, call: Call) -> Answer:
        """Send one call."""
        path, body, headers = (self._given(each) for each in (call.path, call.body, call.headers))
        usual = {} if body is None else {"Content-Type": "application/json"}
        return await self.shop.call(call.method, path, {**usual, **(headers or {})}, body)

    def _given(self, given: Given) -> Any:
        return given(self.state) if callable(given) else given


def _any_of(body: Any, paths: str) -> Any:
    return next(
        (found for path in paths.split("|") if (found := _at(body, path)) is not None), None
    )


def _at(body: Any, path: str) -> Any:
    for part in path.split("."):
        if isinstance(body, list):
            body = body[int(part)] if int(part) < len(body) else None
        else:
            body = body.get(part) if isinstance(body, Mapping) else None
    return body


def requirement_of(place: str) -> Sequence[str]:
    """Give the fields that a requirement needs."""
    names = ("scheme", "network", "maxAmountRequired", "resource", "payTo", "asset")
    return [f"{place}.{name}" for name in (*names, "maxTimeoutSeconds")]
