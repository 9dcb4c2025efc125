"""The machine that drives two stores side by side."""

import asyncio
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from functools import partial
from typing import Any, ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tillway.core.contracts.stores.side_by_side import commerce, ledger, payments, requests
from tillway.core.contracts.stores.side_by_side.audits import audit, probe
from tillway.core.contracts.stores.side_by_side.calls import Call, some
from tillway.core.contracts.stores.side_by_side.scenes import SCENES
from tillway.core.errors import TillwayError
from tillway.core.ports.store import Store

Pair = Callable[[], AbstractAsyncContextManager[tuple[Store, Store]]]
"""Opens two empty stores: the one to trust, and the one that is tested."""

_CALLS: Final = {
    "payments": payments.CALLS,
    "ledger": ledger.CALLS,
    "commerce": commerce.CALLS,
    "requests": requests.CALLS,
    "definitions": commerce.DEFINITIONS,
    "reads": st.one_of(payments.READS, ledger.READS, commerce.READS, requests.READS),
}


_STEPS_TO_AUDIT: Final = 20
_MIX: Final = (
    *["payments"] * 6,
    *["ledger"] * 4,
    *["commerce"] * 3,
    *["requests"] * 3,
    "definitions",
    "reads",
)
"""How often each kind is made. One rule makes them all, since rules are left out by turns."""


@st.composite
def _calls(draw: st.DrawFn, *kinds: str) -> Call:
    """Draw a call of these kinds, which hypothesis then reports as what it is."""
    one = draw(_CALLS[draw(st.sampled_from(kinds))])
    return Call(one.method, one.args)


class _UndoneError(Exception):
    """Raised to leave a unit unwritten."""


class StoreMachine(RuleBasedStateMachine):
    """Makes each call on both stores, and compares what they answer or raise.

    ``made`` counts the calls that were made, by their methods, of all machines of a class.
    """

    made: ClassVar[Counter[str]]

    @classmethod
    @abstractmethod
    def pair(cls) -> AbstractAsyncContextManager[tuple[Store, Store]]:
        """Open two stores."""

    @classmethod
    def over(cls, opens: Pair) -> "type[StoreMachine]":
        """Give a machine for these stores."""

        class Machine(cls):  # type: ignore[valid-type,misc]
            made: ClassVar[Counter[str]] = Counter()

            @classmethod
            def pair(cls) -> AbstractAsyncContextManager[tuple[Store, Store]]:
                return opens()

        return Machine

    def __init__(self) -> None:
        super().__init__()
        self._steps = 0
        self._runner = asyncio.Runner()
        self._opened = AsyncExitStack()
        self._stores = self._runner.run(self._opened.enter_async_context(self.pair()))

    @initialize(names=some(*SCENES))
    def begin(self, names: Sequence[str]) -> None:
        """Have something of some kinds, mostly of all."""
        for calls in map(SCENES.__getitem__, names):
            self._both(partial(_together, calls=calls, kept=True), calls)

    @rule(one=_calls(*_MIX))
    def alone(self, one: Call) -> None:
        """Make one call, as was promised."""
        self._both(lambda store: _alone(store, one), [one])

    @rule(calls=st.lists(_calls(*_MIX), min_size=2, max_size=4), kept=st.booleans())
    def together(self, calls: Sequence[Call], kept: bool) -> None:
        """Make some calls in one unit, and keep them or not."""
        self._both(partial(_together, calls=calls, kept=kept), calls)

    @rule(calls=st.lists(_calls("reads"), min_size=1, max_size=4))
    def look(self, calls: Sequence[Call]) -> None:
        """Read some things in one view."""
        self._both(lambda store: _looked(store, calls), calls)

    @invariant()
    def holds(self) -> None:
        """Find now and then that what always holds holds of either store."""
        self._steps += 1
        if self._steps % _STEPS_TO_AUDIT == 0:
            self._audit()

    def teardown(self) -> None:
        """Find that all holds in the end, and close both stores."""
        try:
            self._audit()
        finally:
            self._runner.run(self._opened.aclose())
            self._runner.close()

    def _audit(self) -> None:
        for store in self._stores:
            self._runner.run(_audited(store))

    def _both(self, work: Callable[[Store], Any], calls: Sequence[Call]) -> None:
        trusted, tested = (self._runner.run(work(store)) for store in self._stores)
        assert tested == trusted, f"{calls} came to {tested}, not {trusted}"
        self.made.update(one.method for one in calls)


async def _alone(store: Store, one: Call) -> object:
    try:
        async with store.begin(once=one.is_single) as unit:
            return await one.make(unit)
    except (ValueError, TillwayError) as error:
        return _said(error)


async def _together(store: Store, calls: Sequence[Call], kept: bool) -> Sequence[object]:
    answers: list[object] = []
    try:
        async with store.begin() as unit:
            for one in calls:
                answer = await one.make(unit)
                answers.append(answer)
            if not kept:
                raise _UndoneError
    except (ValueError, TillwayError, _UndoneError) as error:
        answers.append(_said(error))
    return answers


async def _looked(store: Store, calls: Sequence[Call]) -> Sequence[object]:
    async with store.view() as view:
        return [await one.make(view) for one in calls]


async def _audited(store: Store) -> None:
    async with store.view() as view:
        await audit(view)
    with suppress(_UndoneError):
        async with store.begin() as unit:
            await probe(unit)
            raise _UndoneError


def _said(error: Exception) -> object:
    """Give what callers may rely on in an error: its words are the store's own."""
    return type(error).__name__, getattr(error, "code", None)
