"""``tillway worker``: the background work of a gateway, in a process without HTTP."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tillway.entrypoints.cli.options import config_option

if TYPE_CHECKING:
    from tillway.entrypoints.configuration import Configured


@click.command("worker")
@config_option
def command(file: Path | None) -> None:
    """Finish what crashes, time-outs and silent rails left open, until SIGTERM or SIGINT.

    Any number of workers may run beside each other, and beside `tillway serve`.
    """
    from tillway.entrypoints.cli.serve import prepare_log
    from tillway.entrypoints.configuration import load_config
    from tillway.entrypoints.processes.running import run

    configured = load_config(file)
    prepare_log(configured.settings)
    run(_work(configured))


async def _work(configured: "Configured") -> None:
    from tillway.entrypoints.bootstrap import create_app
    from tillway.entrypoints.processes.signals import Told
    from tillway.entrypoints.processes.working import work_until_told
    from tillway.entrypoints.version import version

    told = Told()
    gateway = create_app(configured, background=False)
    told.refresh = gateway.forget
    told.listen()
    await work_until_told(gateway, told, lambda: click.echo(f"Tillway {version()} works"))
