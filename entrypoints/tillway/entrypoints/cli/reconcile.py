"""``tillway reconcile``: compare everything that was written of money, and explain what differs."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import orjson

from tillway.entrypoints.cli.options import config_option

if TYPE_CHECKING:
    from tillway.core.services.reconciling.findings import Finding
    from tillway.core.services.reconciling.report import Report

DIFFERS = 1
"""The exit code where something differs."""


def _moment(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> datetime | None:
    """Read a moment: as ISO 8601, in UTC unless it says otherwise, or how long ago it was."""
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return _ago(value, context.params.get("now") or datetime.now(UTC))
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _ago(value: str, now: datetime) -> datetime:
    from tillway.entrypoints.settings.durations import parse_duration

    try:
        return now - parse_duration(value)
    except ValueError as error:
        text = "a moment is 2026-01-31, 2026-01-31T12:00, or how long ago: 24h"
        raise click.BadParameter(text) from error


@click.command("reconcile")
@config_option
@click.option("--since", callback=_moment, metavar="MOMENT", help="Leave out what came before.")
@click.option("--until", callback=_moment, metavar="MOMENT", help="Leave out what came later.")
@click.option(
    "--now",
    callback=_moment,
    metavar="MOMENT",
    is_eager=True,  # the others may be so long before it
    help="The present, where a sandbox is ahead.",
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a finding.")
@click.option(
    "--books/--no-books",
    default=True,
    help="Verify all seals and balances too, as `tillway ledger verify` does.",
)
def command(
    file: Path | None,
    since: datetime | None,
    until: datetime | None,
    now: datetime | None,
    as_json: bool,
    books: bool,
) -> int:
    """Compare payments, ledger, log, chain, Stripe, carts, refunds and subscriptions.

    Every difference is named, with the ids of both sides. Ends with exit code 1 if there is any.
    Reads only, while gateways run or not.
    """
    from tillway.entrypoints.processes.running import run

    report = run(_reconciled(file, since, until, now, books=books))
    for finding in report.findings.kept:
        _tell(finding, as_json=as_json)
    if not as_json:
        _sum_up(report)
    return 0 if report.agrees else DIFFERS


async def _reconciled(
    file: Path | None,
    since: datetime | None,
    until: datetime | None,
    now: datetime | None,
    *,
    books: bool,
) -> "Report":
    from rich.progress import Progress, SpinnerColumn, TextColumn

    from tillway.entrypoints.cli.tables import console
    from tillway.entrypoints.configuration import load_config
    from tillway.entrypoints.reconciliation import reconcile

    configured, out = load_config(file), console()
    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as progress:
        task = progress.add_task("opening", total=None)
        return await reconcile(
            configured,
            since=since,
            until=until,
            now=now,
            books=books,
            tell=lambda stage, done: progress.update(task, description=f"{done:,} {stage}"),
        )


def _tell(finding: "Finding", *, as_json: bool) -> None:
    if as_json:
        body = {"kind": finding.kind.value, "about": finding.about, "text": finding.text}
        click.echo(orjson.dumps(body))
        return
    kind = click.style(finding.kind.value, fg="red", bold=True)
    click.echo(f"{kind}: {finding.about}: {finding.text}")


def _sum_up(report: "Report") -> None:
    compared = ", ".join(f"{count:,} {what}" for what, count in report.compared.items())
    click.echo(f"compared {compared or 'nothing'}")
    for what, count in report.unsure.items():
        click.secho(f"not compared: {count:,} {what}", fg="yellow", err=True)
    findings = report.findings
    for kind, count in sorted(findings.counts.items()):
        click.echo(f"{count:,} {kind.value}")
    more = findings.total - len(findings.kept)
    if more:
        click.echo(f"{more:,} of them are not shown: reconcile a shorter time")
    if report.agrees:
        click.secho("everything agrees", fg="green")
