"""``tillway config check``: what is wrong with the settings, and what they come to."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tillway.entrypoints.cli.failing import CANNOT
from tillway.entrypoints.cli.options import config_option

if TYPE_CHECKING:
    from tillway.entrypoints.settings.checking import Report


@click.group("config")
def command() -> None:
    """Check settings, and see the values in effect."""


@command.command("check")
@config_option
@click.option("--show", is_flag=True, help="Show every value in effect; secrets stay hidden.")
def check(file: Path | None, show: bool) -> None:
    """Name every fault of the settings at once. Exit code 0: they can be used; 2: they cannot."""
    from tillway.entrypoints.examination import examine_settings

    report = examine_settings(file)
    if show:
        _show_values(report)
    for line in lines(report):
        click.echo(line)
    sys.exit(0 if report.ok else CANNOT)


def lines(report: "Report") -> list[str]:
    """Say what there is to say of settings, the faults last."""
    said = [f"warning: {warning}" for warning in report.warnings]
    said += [f"not in force yet: {key}" for key in report.not_in_force]
    said += [f"fault: {fault}" for fault in report.faults]
    count = len(report.faults)
    verdict = "ok" if report.ok else f"{count} fault{'s' if count != 1 else ''}"
    return [*said, f"settings: {verdict}"]


def _show_values(report: "Report") -> None:
    from tillway.entrypoints.cli import tables

    made = tables.table("key", "value", "from")
    for value in report.values:
        made.add_row(value.key, value.value, value.origin, style=None if value.in_force else "dim")
    tables.show(made)
