"""What a case is."""

from collections.abc import Awaitable, Callable

from tillway.core.ports.store import UnitOfWork

Case = Callable[[UnitOfWork], Awaitable[bool]]
"""Uses a method as one tenant with another's ids; tells whether it kept them apart.

What works for all tenants (a resolver, a purge) is asked for what is only the other tenant's.
"""
