"""The command line: ``tillway ...``. Commands are imported when they are called."""

import importlib
import sys
from typing import Final

import click

from tillway.entrypoints.cli.failing import plainly

COMMANDS: Final = {
    "config": "config",
    "doctor": "doctor",
    "pay": "pay",
    "payments": "payments",
    "plugins": "plugins",
    "sandbox": "sandbox",
    "serve": "serve",
    "version": "version",
    "worker": "worker",
}


class _Lazy(click.Group):
    """Commands that cost nothing until they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        found = importlib.import_module(f"tillway.entrypoints.cli.{module}")
        command: click.Command = found.command
        return command


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
def tillway() -> None:
    """A payment gateway: cards, stablecoins and credits behind one API."""


def main() -> None:
    """Run a command. What goes wrong is one clear line and exit code 2, never a traceback."""
    with plainly():
        tillway(standalone_mode=True, args=sys.argv[1:])
