"""Tables for people: as wide as their terminal, and never cut off where nobody looks."""

import sys
from typing import Final

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

WIDE: Final = 400
"""Characters of a line that goes into a file or a pipe."""


def table(*names: str) -> Table:
    """Begin a table; without names it has no heading."""
    made = Table(box=SIMPLE, show_header=bool(names), pad_edge=False)
    for name in names:
        made.add_column(name, overflow="fold")
    return made


def show(made: Table) -> None:
    """Write it to the standard output."""
    width = None if sys.stdout.isatty() else WIDE
    Console(width=width, highlight=False).print(made)
