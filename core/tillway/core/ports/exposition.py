"""Metrics, as something that collects them reads them."""

from typing import Protocol, runtime_checkable

from attrs import frozen


@frozen(kw_only=True)
class Exposition:
    """All metrics at one moment, in the format that ``content_type`` names."""

    content_type: str
    body: bytes


@runtime_checkable
class Exposes(Protocol):
    """An observer that can tell what it has seen so far."""

    def expose(self) -> Exposition:
        """Write all metrics, those of sibling processes included.

        Takes milliseconds and may read files, so call it in a thread. Safe there while
        observations go on.
        """
        ...
