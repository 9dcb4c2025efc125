"""Fixtures for all tests."""

pytest_plugins = ["support.chain", "support.shop"]
