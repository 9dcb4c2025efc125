"""Who a record belongs to: every key, index and query carries a tenant."""

from typing import NewType

Tenant = NewType("Tenant", str)

DEFAULT = Tenant("default")
"""The tenant of a gateway that has only one."""
