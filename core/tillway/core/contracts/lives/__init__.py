"""Processes that write to a store's place until they are killed, and what must then be there.

Nothing here needs pytest: a life begins as soon as its process does.
"""
