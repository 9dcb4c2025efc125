"""``tillway doctor``: what is wrong around a gateway, and what to do about it."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.text import Text

from tillway.core.ports.rails import Finding
from tillway.entrypoints.cli.options import config_option

if TYPE_CHECKING:
    from tillway.entrypoints.settings.checking import Report


@click.command("doctor")
@config_option
def command(file: Path | None) -> None:
    """Examine settings, store, rails and wallets, and say what to do.

    Exit code 0: all is well; 1: it runs, but something needs attention; 2: it cannot run.
    """
    from tillway.entrypoints.configuration import load_config
    from tillway.entrypoints.examination import examine_settings, examine_surroundings
    from tillway.entrypoints.processes.running import run

    console = Console(highlight=False)
    report = examine_settings(file)
    found = settings_findings(report)
    if report.ok:
        with console.status("looking at the store and the rails"):
            found += run(examine_surroundings(load_config(file)))
    for finding in found:
        _show(console, finding)
    sys.exit(verdict(found))


def settings_findings(report: "Report") -> list[Finding]:
    """Put what there is to say of settings as findings."""
    if report.ok:
        found = [Finding(subject="settings", good=True, fact="can be used")]
    else:
        found = [_of_settings(str(fault), "correct it", fatal=True) for fault in report.faults]
    found += [
        _of_settings(warning, "correct it, or leave it if it is meant")
        for warning in report.warnings
    ]
    found += [_of_settings(f"{key} has no effect yet", "remove it") for key in report.not_in_force]
    return found


def _of_settings(fact: str, advice: str, *, fatal: bool = False) -> Finding:
    return Finding(subject="settings", good=False, fact=fact, advice=advice, fatal=fatal)


def verdict(found: Sequence[Finding]) -> int:
    """Give the exit code for what was found."""
    if any(finding.fatal for finding in found):
        return 2
    return 0 if all(finding.good for finding in found) else 1


def _show(console: Console, finding: Finding) -> None:
    sign = ("✓", "green") if finding.good else ("✗", "red") if finding.fatal else ("!", "yellow")
    line = Text.assemble(sign, " ", (finding.subject, "bold"), ": ", finding.fact)
    console.print(line, soft_wrap=True)
    if finding.advice:
        console.print(Text(f"  {finding.advice}"), soft_wrap=True)
