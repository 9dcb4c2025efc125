"""The parts of a gateway, a module each: `bootstrap` joins them, on the ground they share.

A module has one value, whose fields are services, and ``of`` makes it.
"""
