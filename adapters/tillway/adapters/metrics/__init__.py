"""Metrics of what happens."""
