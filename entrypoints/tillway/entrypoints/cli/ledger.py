"""``tillway ledger``: the books, and whether they are sound."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tillway.core.tenancy import DEFAULT, Tenant
from tillway.entrypoints.cli.options import config_option

if TYPE_CHECKING:
    from tillway.core.services.books.audit import Known, Report

_SEAL_DIGITS = 64
UNSOUND = 1
"""The exit code where something is wrong with the books."""


@click.group("ledger")
def command() -> None:
    """Look after the books."""


def _heads(
    context: click.Context, parameter: click.Parameter, values: Sequence[str]
) -> "Sequence[Known]":
    """Read heads that were kept: ``NUMBER:SEAL``, ``TENANT/`` before it for another tenant."""
    return [_head(value) for value in values]


def _head(value: str) -> "Known":
    from tillway.core.services.books.audit import Known

    tenant, _, rest = value.rpartition("/")
    number, colon, seal = rest.partition(":")
    if not colon or not number.isdecimal() or len(seal) != _SEAL_DIGITS:
        raise click.BadParameter("a head is a number, a colon and 64 hexadecimal digits")
    whose = Tenant(tenant) if tenant else DEFAULT
    return Known(tenant=whose, number=int(number), seal=seal.lower())


@command.command("verify")
@config_option
@click.option(
    "--head",
    "heads",
    multiple=True,
    callback=_heads,
    metavar="[TENANT/]NUMBER:SEAL",
    help="A head that was known before, which must be met on the way. Can be repeated.",
)
def verify(file: Path | None, heads: "Sequence[Known]") -> int:
    """Verify every seal, entry and balance, while a gateway runs or not.

    Ends with exit code 1 if anything is wrong. Prints the heads that were reached: keep them
    elsewhere, and give them to the next run.
    """
    from tillway.entrypoints.processes.running import run

    report = run(_verified(file, heads))
    _show(report)
    return 0 if report.is_sound else UNSOUND


async def _verified(file: Path | None, heads: "Sequence[Known]") -> "Report":
    from rich.progress import MofNCompleteColumn, Progress

    from tillway.adapters.heads import HeadSignatures
    from tillway.core.services.books.audit import Audit
    from tillway.entrypoints.cli.stores import opened

    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    async with opened(file) as store:
        with Progress(*columns, transient=True) as progress:
            task = progress.add_task("verifying", total=None)
            audit = Audit(
                store=store,
                signatures=HeadSignatures(),
                known=heads,
                tell=lambda done, of: progress.update(task, completed=done, total=of),
            )
            return await audit.run()


def _show(report: "Report") -> None:
    click.echo(
        f"{report.facts} facts sealed, {report.entries} ledger entries, {report.accounts} accounts"
    )
    if report.unsealed_since is not None:
        since = f"{report.unsealed_since:%Y-%m-%d %H:%M:%S} UTC"
        click.echo(f"{report.unsealed} facts are not sealed yet, the oldest of {since}")
    for tenant, head in sorted(report.heads.items()):
        signed = report.signed.get(tenant)
        told = "no head was published" if signed is None else f"head {signed} is signed"
        click.echo(f"{tenant}/{head.number}:{head.seal} ({told})")
    for fault in report.faults:
        click.secho(fault, fg="red", err=True)
    if report.more:
        click.secho(f"and {report.more} more", fg="red", err=True)
