"""What a reconciliation has compared, and what it found."""

from collections import Counter

from attrs import define, field

from tillway.core.services.reconciling.findings import Findings


@define
class Report:
    """Counts of what was compared, what nobody could tell, and the findings."""

    compared: Counter[str] = field(factory=Counter, init=False)
    unsure: Counter[str] = field(factory=Counter, init=False)
    findings: Findings = field(factory=Findings, init=False)

    @property
    def agrees(self) -> bool:
        """Tell whether nothing differs."""
        return not self.findings.total
