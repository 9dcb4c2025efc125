"""Fixtures for all tests."""

from hypothesis import settings

pytest_plugins = [
    "support.store_summary",
    "support.chain",
    "support.mongo",
    "support.postgres",
    "support.shop",
    "support.all_stores",
]

# How long an example takes says more about the machine than about the code.
settings.register_profile("tillway", deadline=None)
settings.load_profile("tillway")
