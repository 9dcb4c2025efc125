"""A call of a repository's method as a value, and what its arguments are drawn from.

There are few names, times and tenants, some of them much more often drawn, so that calls meet.
"""

from datetime import timedelta
from typing import Any, Final

from attrs import frozen
from hypothesis import strategies as st

from tillway.core.contracts.samples import NOW, OTHER, OURS, THEIRS
from tillway.core.contracts.stores.seals import next_links
from tillway.core.ports.store import UnitOfWork, View
from tillway.core.tenancy import DEFAULT

NAMES: Final = "abcdef"
TENANTS: Final = (DEFAULT, OTHER)
MINUTE: Final = timedelta(minutes=1)
TIMES: Final = tuple(NOW + n * MINUTE for n in range(6))

names: Final = st.sampled_from("aabbccdef")
few: Final = st.sampled_from("aaabbc")
tenants: Final = st.sampled_from((*[DEFAULT] * 7, OTHER))
owners: Final = st.sampled_from((OURS, OURS, OURS, THEIRS))
times: Final = st.sampled_from(TIMES)
limits: Final = st.sampled_from((9, 2, 1, 0))


_SEAL_NEXT: Final = "events.seal_next"


@frozen(repr=False)
class Call:
    """A method of a repository and its arguments. ``events.seal_next`` is a sequencer's step."""

    method: str
    args: tuple[Any, ...]

    def __repr__(self) -> str:
        """Say it as it would be written."""
        return f"{self.method}({', '.join(map(repr, self.args))})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Say so to hypothesis as well."""
        printer.text(repr(self))

    @property
    def is_single(self) -> bool:
        """Tell whether it is one call of the port, as can be promised."""
        return self.method != _SEAL_NEXT

    async def make(self, unit: UnitOfWork | View) -> object:
        """Make it, and give the answer in a form that compares."""
        if self.method == _SEAL_NEXT:
            return await unit.events.seal(await next_links(unit, *self.args))
        name, verb = self.method.split(".")
        answer = await getattr(getattr(unit, name), verb)(*self.args)
        return list(answer) if isinstance(answer, tuple | list) else answer


def call(method: str, *args: st.SearchStrategy[Any]) -> st.SearchStrategy[Call]:
    """Draw the arguments of a method."""
    return st.tuples(*args).map(lambda drawn: Call(method, drawn))


def some(*values: Any) -> st.SearchStrategy[tuple[Any, ...]]:
    """Draw some of these values, mostly all of them."""
    subset = st.lists(st.sampled_from(values), unique=True).map(tuple)
    return st.one_of(st.just(values), subset)
