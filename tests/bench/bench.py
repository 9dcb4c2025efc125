"""How far a run of the benchmarks goes."""

from pathlib import Path
from typing import Final

from attrs import frozen

DEFAULT_SECONDS: Final = 4.0


@frozen(kw_only=True)
class Bench:
    """``seconds`` is how long one setting is measured for, ``folder`` is for files.

    ``full`` runs the counts that promises name, which take minutes.
    """

    folder: Path
    seconds: float = DEFAULT_SECONDS
    full: bool = False
