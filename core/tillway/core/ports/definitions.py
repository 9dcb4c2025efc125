"""Where products and coupons are defined, which need not be where payments are kept."""

from collections.abc import Sequence
from typing import Protocol, TypeAlias, TypeVar, runtime_checkable

from tillway.core.catalog import Coupon, Product
from tillway.core.errors import Fault
from tillway.core.ids import CouponCode, ProductId
from tillway.core.tenancy import Tenant

Name = TypeVar("Name", contravariant=True)
Defined = TypeVar("Defined", covariant=True)


class Misfit(Exception):
    """A place that is not as the settings describe it: all faults at once, by field.

    Nothing changes until somebody changes the settings or the place.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{fault.field}: {fault.message}" for fault in faults))
        self.faults = tuple(faults)


@runtime_checkable
class Definitions(Protocol[Name, Defined]):
    """Definitions of one kind as their place has them, active or not.

    For reading: whoever owns the place writes there. Raises Unavailable while it cannot be read.
    """

    async def get(self, tenant: Tenant, name: Name) -> Defined | None:
        """Give a definition. Unavailable if it is there and makes no sense."""
        ...

    async def all(self, tenant: Tenant) -> Sequence[Defined]:
        """Give the tenant's by name, ascending, at most 10,000.

        One that makes no sense is left out and logged as an error: nobody can buy by it, and it
        keeps nobody from buying by the others.
        """
        ...

    async def start(self) -> None:
        """Open the place. Raises Unavailable with the cause, Misfit if it is another one."""
        ...

    async def aclose(self) -> None:
        """Close it. A repeat does nothing."""
        ...


@runtime_checkable
class NamesFaults(Protocol):
    """A place that can say which of its definitions make no sense, for the operator."""

    async def faults(self, tenant: Tenant) -> Sequence[str]:
        """Give a line for each, without values. Raises Unavailable."""
        ...


ProductDefinitions: TypeAlias = Definitions[ProductId, Product]
CouponDefinitions: TypeAlias = Definitions[CouponCode, Coupon]
