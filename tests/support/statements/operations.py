"""What one thing is that a gateway does to a store."""

from collections.abc import Awaitable, Callable

from tillway.core.ports.store import Store

Operation = Callable[[Store], Awaitable[object]]
