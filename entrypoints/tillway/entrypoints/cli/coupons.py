"""``tillway coupons``: discounts, in the store and in files."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tillway.entrypoints.cli.options import config_option
from tillway.entrypoints.cli.shelves import FORMS, dry_option, prune_option, show_plan
from tillway.entrypoints.processes.failures import CannotStart

if TYPE_CHECKING:
    from datetime import datetime

    from tillway.core.catalog import Coupon
    from tillway.entrypoints.configuration import Configured
    from tillway.entrypoints.definition_files import Form
    from tillway.entrypoints.shelving import Planned


@click.group("coupons")
def command() -> None:
    """Look at coupons, and move them between the store and files."""


@command.command("list")
@config_option
def listed(file: Path | None) -> None:
    """List coupons, wherever they come from, with how often each was used."""
    from tillway.entrypoints.cli import tables

    coupons, uses = _coupons(file)
    made = tables.table("code", "active", "off", "for", "by itself", "used", "until")
    for each in coupons:
        used = f"{uses.get(each.code, 0)}{_of_limit(each)}"
        applies = each.applies_at.value if each.auto_apply and each.applies_at else ""
        active = "yes" if each.active else "no"
        made.add_row(
            each.code, active, _off(each), _for(each), applies, used, _day(each.expires_at)
        )
    tables.show(made)


@command.command("show")
@config_option
@click.argument("code")
def show(file: Path | None, code: str) -> None:
    """Show everything about the coupon CODE."""
    from tillway.entrypoints.cli import tables

    coupons, uses = _coupons(file)
    found = next((each for each in coupons if each.code == code), None)
    if found is None:
        raise CannotStart(f"there is no coupon {code}")
    made = tables.table("fact", "value")
    for name, value in _facts(found, uses.get(found.code, 0)).items():
        made.add_row(name, value)
    tables.show(made)


@command.command("export")
@config_option
@click.option("--format", "form", type=FORMS, default="yaml", show_default=True)
def export(file: Path | None, form: "Form") -> None:
    """Write coupons as the settings have them, to the standard output."""
    from tillway.entrypoints.definition_files import write_coupons

    click.echo(write_coupons(_coupons(file)[0], form), nl=False)


@command.command("import")
@config_option
@dry_option
@prune_option
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
def import_(file: Path | None, dry_run: bool, prune: bool, source: Path) -> None:
    """Put the coupons of FILE into the store; gateways that run take them within a second.

    FILE is YAML or JSON in the shape of `coupons.coupons`. All faults are named, and then
    nothing is written. A repeat changes nothing; what was redeemed stays counted.
    """
    from tillway.entrypoints.configuration import load_config
    from tillway.entrypoints.processes.running import run

    show_plan(run(_imported(load_config(file), source, dry_run=dry_run, prune=prune)), dry_run)


def _coupons(file: Path | None) -> "tuple[Sequence[Coupon], Mapping[str, int]]":
    from tillway.entrypoints.configuration import load_config
    from tillway.entrypoints.processes.running import run

    return run(_read(load_config(file)))


async def _read(configured: "Configured") -> "tuple[Sequence[Coupon], Mapping[str, int]]":
    from tillway.entrypoints.shelving import coupons_in, shelf, uses_of

    async with shelf(configured) as gateway:
        coupons = await coupons_in(gateway)
        return coupons, await uses_of(gateway, coupons)


async def _imported(
    configured: "Configured", source: Path, *, dry_run: bool, prune: bool
) -> "Sequence[Planned[Coupon]]":
    from tillway.entrypoints.definition_files import read_coupons
    from tillway.entrypoints.shelving import imported, of_coupons

    read = partial(read_coupons, source)
    return await imported(configured, of_coupons, read, dry_run=dry_run, prune=prune)


def _off(coupon: "Coupon") -> str:
    percent = coupon.discount_type.value == "percentage"
    return f"{coupon.discount_value} %" if percent else f"$ {coupon.discount_value}"


def _for(coupon: "Coupon") -> str:
    what = ", ".join(coupon.product_ids) if coupon.scope.value == "specific" else "all"
    return f"{what} ({coupon.payment_method})" if coupon.payment_method else what


def _of_limit(coupon: "Coupon") -> str:
    return "" if coupon.usage_limit is None else f" of {coupon.usage_limit}"


def _day(at: "datetime | None") -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M}"


def _facts(coupon: "Coupon", used: int) -> Mapping[str, str]:
    facts = {
        "code": coupon.code,
        "active": "yes" if coupon.active else "no",
        "off": _off(coupon),
        "for": _for(coupon),
        "by itself": coupon.applies_at.value if coupon.auto_apply and coupon.applies_at else "no",
        "used": f"{used}{_of_limit(coupon)}",
        "from": _day(coupon.starts_at),
        "until": _day(coupon.expires_at),
        **dict(coupon.metadata),
    }
    return {name: value for name, value in facts.items() if value}
