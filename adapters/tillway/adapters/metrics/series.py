"""Children of one metric, by their labels, never more than a fixed number of them."""

from typing import Generic, Protocol, TypeVar

from attrs import define, field

OTHER = "other"
"""What stands for every label value beyond the bound."""

Child = TypeVar("Child", covariant=True)


class Labelled(Protocol[Child]):
    """A metric that has one child for each tuple of label values."""

    def labels(self, *values: str) -> Child:
        """Give the child."""
        ...


@define(eq=False)
class Series(Generic[Child]):
    """Finds children without asking the metric, which locks and copies each time.

    ``most`` bounds them: what comes later is counted under `other`, so that no stream of new
    label values can fill the memory of whoever scrapes.
    """

    metric: Labelled[Child]
    most: int = 1000
    _known: dict[tuple[str, ...], Child] = field(factory=dict, init=False)

    def of(self, *values: str) -> Child:
        """Give the child for these label values."""
        known = self._known.get(values)
        return self._new(values) if known is None else known

    def _new(self, values: tuple[str, ...]) -> Child:
        if len(self._known) >= self.most:
            values = (OTHER,) * len(values)
        return self._known.setdefault(values, self.metric.labels(*values))
