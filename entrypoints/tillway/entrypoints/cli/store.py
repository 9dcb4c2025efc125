"""``tillway store``: look after the place where everything is kept."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from tillway.entrypoints.cli.options import config_option
from tillway.entrypoints.processes.failures import CannotStart

INSTEAD: Final[Mapping[str, str]] = {
    "memory": "it forgets everything when its process ends",
    "postgres": "use pg_dump, or your provider's backups",
    "mongodb": "use mongodump, or your provider's backups",
}
"""What to do about a store that makes no copies of itself."""


@click.group("store")
def command() -> None:
    """Look after the store."""


@command.command("backup")
@config_option
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path))
def backup(file: Path | None, target: Path) -> None:
    """Copy the store into FILE, which must not be there yet, while gateways run or not."""
    from tillway.core.ports.upkeep import BacksUp
    from tillway.entrypoints.bootstrap import store_of
    from tillway.entrypoints.configuration import load_config
    from tillway.entrypoints.processes.running import run
    from tillway.plugins.settings.storage import StorageSettings

    configured = load_config(file)
    backend = configured.settings.section(StorageSettings).backend
    store = store_of(configured)
    if not isinstance(store, BacksUp):
        instead = INSTEAD.get(backend, "use what its database brings")
        raise CannotStart(f"the store {backend!r} makes no copies of itself: {instead}")
    with _progress() as progress:
        run(store.back_up(target, progress))
    click.echo(f"{target} holds a whole copy, checked: {target.stat().st_size:,} bytes.")


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Show how far it is, on a terminal only."""
    from rich.progress import Progress

    from tillway.entrypoints.cli.tables import console

    out = console()
    with Progress(console=out, disable=not out.is_terminal) as shown:
        task = shown.add_task("copying", total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)
