"""What commands on products and commands on coupons share."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from tillway.entrypoints.shelving import Planned

F = TypeVar("F", bound=Callable[..., Any])

FORMS: Final = click.Choice(["yaml", "json"])

_DONE: Final = {"add": "added", "change": "changed", "keep": "unchanged", "remove": "removed"}
_SIGNS: Final = {"add": "+", "change": "~", "remove": "-"}


def dry_option(function: F) -> F:
    """Add ``--dry-run``."""
    return click.option("--dry-run", is_flag=True, help="Only say what would be done.")(function)


def prune_option(function: F) -> F:
    """Add ``--prune``."""
    text = "Remove from the store what is not in the file."
    return click.option("--prune", is_flag=True, help=text)(function)


def show_plan(plan: "Sequence[Planned[Any]]", dry_run: bool) -> None:
    """Say what was done with each, and with how many."""
    for each in plan:
        if each.step.value in _SIGNS:
            click.echo(f"{_SIGNS[each.step.value]} {each.name}")
    counts = Counter(_DONE[each.step.value] for each in plan)
    said = ", ".join(f"{counts[word]} {word}" for word in _DONE.values() if counts[word])
    click.echo(f"{said or 'nothing there'}{' (nothing was written)' if dry_run else ''}")
