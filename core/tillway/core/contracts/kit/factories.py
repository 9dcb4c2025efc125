"""What implementers name as ``package:factory``, and how that is opened.

A factory is anything that can be called. It may take one argument, and is then given an empty
folder (a ``Path``) of the test's own. It gives, at once or awaited:

* for ``--tillway-store``, a store that is not started yet, fresh and empty every time: whatever
  other stores the factory gave, nothing is in it. It is started and closed by the kit.
* for ``--tillway-store-place``, the store that is kept in the folder. Called again with the same
  folder, in this process or in another, it gives a store with what was written there; with
  another folder, an empty one. A store on a server may write into the folder where it is kept, or
  name its database after it. Not started yet, too.
* for ``--tillway-rail``, a ``Scene``: a new world every time, in which nothing was paid. The rail
  is started and closed by the kit, as is its twin, if they have anything to start.

Or it gives one of these as an asynchronous context, such as a function under
``contextlib.asynccontextmanager`` does, or an asynchronous generator: what that yields has been
started, and what follows closes it.
"""

import inspect
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from attrs import frozen

from tillway.core.ports.rails import Starts
from tillway.core.ports.store import Store

Made = TypeVar("Made")

_POSITIONAL: Final = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)


class FactoryError(Exception):
    """A factory cannot be used; the text is a line for whoever named it."""


def itself(made: object) -> Sequence[object]:
    """Give what is to be started of something that is started itself."""
    return [made]


@frozen
class Factory(Generic[Made]):
    """A factory, found by its name, of what is of a kind; ``parts`` of that are started."""

    name: str
    kind: type[Made]
    call: Callable[..., Any]
    parts: Callable[[Made], Sequence[object]] = itself

    @asynccontextmanager
    async def opened(self, folder: Path) -> AsyncIterator[Made]:
        """Open what it gives; closed on leaving."""
        given = self.call(folder) if _takes_one(self.call) else self.call()
        if inspect.isawaitable(given):
            given = await given
        async with AsyncExitStack() as stack:
            if isinstance(given, self.kind):
                for part in self.parts(given):
                    await _start(part, stack)
                yield given
            else:
                yield await self._entered(given, stack)

    async def _entered(self, given: object, stack: AsyncExitStack) -> Made:
        if inspect.isasyncgen(given):
            generator = given
            given = asynccontextmanager(lambda: generator)()
        if not isinstance(given, AbstractAsyncContextManager):
            raise self._unfit(given)
        made = await stack.enter_async_context(given)
        if not isinstance(made, self.kind):
            raise self._unfit(made)
        return made

    def _unfit(self, given: object) -> FactoryError:
        return FactoryError(f"{self.name} gives a {type(given).__name__}, no {self.kind.__name__}")


def named(
    name: str, kind: type[Made], parts: Callable[[Made], Sequence[object]] = itself
) -> Factory[Made]:
    """Find a factory by its name. FactoryError if there is none, or it cannot be imported."""
    module, colon, path = name.partition(":")
    if not (module and colon and path):
        raise FactoryError(f"{name!r} is no package:factory")
    try:
        found: object = import_module(module)
    except Exception as error:  # whatever an import runs into, its owner is to hear of
        raise FactoryError(f"{module} cannot be imported: {told(error)}") from error
    for part in path.split("."):
        if not hasattr(found, part):
            raise FactoryError(f"{module} has no {path}")
        found = getattr(found, part)
    if not callable(found):
        raise FactoryError(f"{name} is a {type(found).__name__} and cannot be called")
    return Factory(name, kind, found, parts)


def store_named(name: str) -> Factory[Store]:
    """Find a factory of stores."""
    return named(name, Store)  # type: ignore[type-abstract] # nothing is made of it


def told(error: BaseException) -> str:
    """Say an error in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _takes_one(call: Callable[..., Any]) -> bool:
    return any(
        each.default is each.empty and each.kind in _POSITIONAL
        for each in inspect.signature(call).parameters.values()
    )


async def _start(part: object, stack: AsyncExitStack) -> None:
    if isinstance(part, Starts):
        stack.push_async_callback(part.aclose)
        await part.start()
