"""Where pytest comes in; everything is in ``tillway.core.contracts.plugin``.

It stands outside of the namespace for the sake of others: pytest rewrites the assertions of
whatever a distribution with a plugin has at its top, and where it finds no module there it looks
one folder deeper, and takes a stranger's ``core`` or ``plugins`` for ours.
"""

from tillway.core.contracts.plugin import pytest_addoption, pytest_configure

__all__ = ["pytest_addoption", "pytest_configure"]
