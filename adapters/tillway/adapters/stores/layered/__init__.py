"""The store's laws as rules over tables, for stores that have tables and no language of their own.

A table gives a row by its key and rows in an order; whoever has such tables (``Table``) and
commits what units of work have put into their layers (``Layer``) has a store.
"""
