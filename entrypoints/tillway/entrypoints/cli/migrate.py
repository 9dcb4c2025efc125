"""``tillway migrate``: bring the store's schema up to date."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from tillway.entrypoints.cli.options import config_option

if TYPE_CHECKING:
    from tillway.core.ports.upkeep import Migrates

_DONE: Final = "The schema is up to date."


@click.command("migrate")
@config_option
@click.option("--dry-run", is_flag=True, help="Show the steps that would be taken.")
def command(file: Path | None, dry_run: bool) -> None:
    """Bring the store's schema up to date, while gateways run or not.

    Starting a gateway does so too, unless storage.migrate is false.
    """
    from tillway.core.ports.upkeep import Migrates
    from tillway.entrypoints.bootstrap import store_of
    from tillway.entrypoints.configuration import load_config
    from tillway.entrypoints.processes.running import run

    store = store_of(load_config(file))
    if not isinstance(store, Migrates):
        click.echo("This store has no schema: there is nothing to do.")
        return
    run(_show(store) if dry_run else _take(store))


async def _show(store: "Migrates") -> None:
    from tillway.entrypoints.cli import tables

    pending = await store.pending()
    with tables.growing("step", "name") as add:
        for step in pending:
            add(f"{step.version:04}", step.name)
    click.echo("These would be taken; nothing was changed." if pending else _DONE)


async def _take(store: "Migrates") -> None:
    from tillway.entrypoints.cli import tables

    with tables.growing("step", "name") as add:
        await store.migrate(lambda step: add(f"{step.version:04}", step.name))
    click.echo(_DONE)
