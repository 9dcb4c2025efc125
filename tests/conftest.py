"""Fixtures for all tests."""

import pytest
from hypothesis import settings

# What is asserted there says as much as in a test.
pytest.register_assert_rewrite("support")

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
