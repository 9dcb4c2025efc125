"""What a benchmark tells: figures side by side, and whether they are what we aim at."""

from collections.abc import Sequence

from attrs import field, frozen
from rich.console import Console
from rich.table import Table


@frozen
class Aim:
    """Something that we want of a figure. ``met`` None: not measured in this run."""

    text: str
    met: bool | None

    def __str__(self) -> str:
        """Say it in one line."""
        word = {True: "[green]met[/]", False: "[red]missed[/]", None: "not measured"}[self.met]
        return f"{word}: {self.text}"


@frozen(kw_only=True)
class Report:
    """One table. ``notes`` say what has to be known to read it."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    aims: Sequence[Aim] = ()
    notes: Sequence[str] = field(default=())

    def show(self, console: Console) -> None:
        """Print it."""
        console.print(f"[bold]{self.title}[/]")
        table = Table()
        for number, column in enumerate(self.columns):
            table.add_column(column, justify="right" if number else "left", overflow="fold")
        for row in self.rows:
            table.add_row(*row)
        console.print(table)
        for line in (*self.notes, *(str(aim) for aim in self.aims)):
            console.print(line)
        console.print()


def times(value: float, other: float) -> str:
    """Write how many times as much one is as the other; a dash where that means nothing."""
    return f"{value / other:.2f}x" if other else "-"


def micros(seconds: float) -> str:
    """Write seconds in millionths."""
    return f"{seconds * 1e6:.1f}"


def millis(seconds: float) -> str:
    """Write seconds in thousandths."""
    return f"{seconds * 1e3:.0f}"
