"""The command line: ``tillway ...``. Commands are imported when they are called."""

import importlib
import sys
from collections.abc import Sequence
from typing import Final

import click

from tillway.entrypoints.cli.failing import plainly

COMMANDS: Final = {
    "config": "Check settings, and see the values in effect.",
    "coupons": "Look at coupons, and move them between the store and files.",
    "doctor": "Examine settings, store, rails and wallets, and say what to do.",
    "ledger": "Verify the books.",
    "migrate": "Bring the store's schema up to date.",
    "pay": "Buy the resource at a URL, and show each step.",
    "payments": "Look at payments in the store.",
    "plugins": "List installed plugins.",
    "products": "Look at products, and move them between the store and files.",
    "reconcile": "Compare payments, books, log and chain, and explain what differs.",
    "sandbox": "Run a chain, a shop and a gateway, without any network.",
    "serve": "Serve the gateway.",
    "store": "Look after the store.",
    "stripe": "Look on at what Stripe tells.",
    "version": "Say which Tillway this is.",
    "worker": "Do the gateway's background work, without HTTP.",
}
"""Each is a module of this package; the texts are here so that help imports none of them."""


class _Lazy(click.Group):
    """Commands that cost nothing until they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"{__name__}.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
def tillway() -> None:
    """Offer cards, stablecoins and credits behind one payment API."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command. What goes wrong is one clear line and exit code 2, never a traceback."""
    with plainly():
        given = sys.argv[1:] if arguments is None else list(arguments)
        sys.exit(tillway.main(given, prog_name="tillway", standalone_mode=False) or 0)
