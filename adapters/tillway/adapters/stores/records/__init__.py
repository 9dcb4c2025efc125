"""Repositories that are written once, over the rows, totals and books of any store."""

from tillway.adapters.stores.records.records import Records

__all__ = ["Records"]
