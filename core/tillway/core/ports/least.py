"""What is too little for a provider to charge."""

from typing import Protocol, runtime_checkable

from tillway.core.assets import Asset
from tillway.core.money import Money


@runtime_checkable
class KnowsLeast(Protocol):
    """Know what is too little to be charged at all."""

    def least(self, asset: Asset) -> Money | None:
        """Give the smallest amount above nothing that can be charged; None where nobody can tell.

        What is less is refused before the provider is asked. Pure.
        """
        ...
