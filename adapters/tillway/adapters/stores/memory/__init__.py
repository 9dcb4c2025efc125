"""A store in memory: the same laws as the others, gone when its process ends."""

from tillway.adapters.stores.memory.store import MemoryStore

__all__ = ["MemoryStore"]
