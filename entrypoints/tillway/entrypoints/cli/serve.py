"""``tillway serve``: the gateway, in one process or in several that share the port."""

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tillway.entrypoints.cli.failing import attempt
from tillway.entrypoints.cli.options import config_option

if TYPE_CHECKING:
    from tillway.entrypoints.settings.loading import Settings

_log = logging.getLogger(__name__)


@click.command("serve")
@config_option
@click.option("--workers", type=click.IntRange(1, 256), help="Processes that share the port.")
@click.option(
    "--no-background", is_flag=True, help="Leave the background work to `tillway worker`."
)
def command(file: Path | None, workers: int | None, no_background: bool) -> None:
    """Serve the gateway until SIGTERM or SIGINT, then finish what is in flight."""
    from tillway.entrypoints.configuration import load_config
    from tillway.entrypoints.processes.serving import Plan, serve

    configured = load_config(file)
    prepare_log(configured.settings)
    plan = Plan.of(configured, workers=workers, background=not no_background)
    sys.exit(serve(configured, plan, say=click.echo, attempt=attempt))


def prepare_log(settings: "Settings") -> None:
    """Configure the log as the settings say, and warn of what they set to no effect."""
    from tillway.entrypoints.processes.logs import configure_logging, secrets_in
    from tillway.entrypoints.settings.sections import LoggingSettings

    configure_logging(settings.section(LoggingSettings), secrets_in(settings.sections))
    for warning in settings.warnings:
        _log.warning("settings: %s", warning)
    for key in settings.not_in_force:
        _log.warning("settings: %s is accepted, and nothing uses it yet", key)
