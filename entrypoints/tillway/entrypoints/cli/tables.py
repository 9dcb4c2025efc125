"""Tables for people: as wide as their terminal, and never cut off where nobody looks."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from rich.box import SIMPLE
from rich.console import Console
from rich.live import Live
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
    console().print(made)


@contextmanager
def growing(*names: str) -> Iterator[Callable[..., None]]:
    """Show a table as its rows are added; without any there is no table.

    Where nobody looks it is written at the end, also if the work fails on the way.
    """
    made, out = table(*names), console()
    if out.is_terminal:
        with Live(console=out, auto_refresh=False) as live:
            yield lambda *words: _grow(made, words, live)
        return
    try:
        yield made.add_row
    finally:
        if made.rows:
            out.print(made)


def _grow(made: Table, words: Sequence[str], live: Live) -> None:
    made.add_row(*words)
    live.update(made, refresh=True)


def console() -> Console:
    """Give the standard output, to be written to with style."""
    return Console(width=None if sys.stdout.isatty() else WIDE, highlight=False)
