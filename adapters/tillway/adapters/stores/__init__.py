"""Stores: where the gateway remembers, one folder a technology."""
