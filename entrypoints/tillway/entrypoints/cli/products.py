"""``tillway products``: what is for sale, in the store and in files."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tillway.entrypoints.cli.options import config_option
from tillway.entrypoints.cli.shelves import FORMS, dry_option, prune_option, show_plan

if TYPE_CHECKING:
    from tillway.core.catalog import Product
    from tillway.core.money import Money
    from tillway.entrypoints.configuration import Configured
    from tillway.entrypoints.definition_files import Form
    from tillway.entrypoints.shelving import Planned


@click.group("products")
def command() -> None:
    """Look at products, and move them between the store and files."""


@command.command("list")
@config_option
def listed(file: Path | None) -> None:
    """List what is for sale, wherever it comes from."""
    from tillway.entrypoints.cli import tables

    made = tables.table("id", "active", "by card", "by token", "description")
    for each in _products(file):
        prices = (_price(each.fiat_price) or each.stripe_price_id, _price(each.crypto_price))
        made.add_row(each.id, "yes" if each.active else "no", *prices, each.description)
    tables.show(made)


@command.command("export")
@config_option
@click.option("--format", "form", type=FORMS, default="yaml", show_default=True)
def export(file: Path | None, form: "Form") -> None:
    """Write active products as the settings have them, to the standard output."""
    from tillway.entrypoints.definition_files import write_products

    products = [each for each in _products(file) if each.active]
    click.echo(write_products(products, form), nl=False)


@command.command("import")
@config_option
@dry_option
@prune_option
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
def import_(file: Path | None, dry_run: bool, prune: bool, source: Path) -> None:
    """Put the products of FILE into the store; gateways that run sell them within a second.

    FILE is YAML or JSON in the shape of `paywall.resources`. All faults are named, and then
    nothing is written. A repeat changes nothing.
    """
    from tillway.entrypoints.configuration import load_config
    from tillway.entrypoints.processes.running import run

    show_plan(run(_imported(load_config(file), source, dry_run=dry_run, prune=prune)), dry_run)


def _products(file: Path | None) -> "Sequence[Product]":
    from tillway.entrypoints.configuration import load_config
    from tillway.entrypoints.processes.running import run

    return run(_read(load_config(file)))


async def _read(configured: "Configured") -> "Sequence[Product]":
    from tillway.entrypoints.shelving import products_in, shelf

    async with shelf(configured) as gateway:
        return await products_in(gateway)


async def _imported(
    configured: "Configured", source: Path, *, dry_run: bool, prune: bool
) -> "Sequence[Planned[Product]]":
    from tillway.core.assets import BUILT_IN
    from tillway.entrypoints.definition_files import read_products
    from tillway.entrypoints.shelving import imported, of_products
    from tillway.plugins.settings.x402 import X402Settings

    x402 = configured.settings.find(X402Settings)
    assets, token = (x402.assets, x402.token) if x402 else (BUILT_IN, "USDC")
    read = partial(read_products, source, assets, token)
    return await imported(configured, of_products, read, dry_run=dry_run, prune=prune)


def _price(price: "Money | None") -> str:
    return "" if price is None else str(price)
