"""``tillway plugins``: what is installed, through whichever distribution."""

import click
import orjson
from attrs import asdict, evolve, frozen

from tillway.plugins.registry import Installed, PluginError, Registry, installed


@frozen(kw_only=True)
class Row:
    """What is known of one plugin. ``fault`` says why it cannot be used."""

    name: str
    kind: str = ""
    distribution: str
    version: str
    hooks: tuple[str, ...] = ()
    settings: str = ""
    extra: str = ""
    summary: str = ""
    fault: str = ""


@click.command("plugins")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def command(as_json: bool) -> None:
    """List installed plugins. A section of the settings, or `plugins:`, loads them."""
    found = rows()
    if as_json:
        click.echo(orjson.dumps([asdict(row) for row in found]))
    else:
        _show(found)


def rows() -> list[Row]:
    """Describe every plugin that is installed, those that cannot be loaded too."""
    registry = Registry()
    return [_row(plugin, registry) for plugin in installed()]


def _row(plugin: Installed, registry: Registry) -> Row:
    row = Row(name=plugin.name, distribution=plugin.distribution, version=plugin.version)
    try:
        (loaded,) = registry.load([plugin.name])
    except PluginError as error:
        return evolve(row, fault=str(error))
    about = loaded.about
    return evolve(
        row,
        kind=about.kind.value,
        hooks=tuple(loaded.hooks),
        settings=about.section or "",
        extra=about.extra or "",
        summary=about.summary,
    )


def _show(found: list[Row]) -> None:
    from tillway.entrypoints.cli import tables

    made = tables.table("name", "kind", "version", "distribution", "hooks", "settings")
    for row in found:
        hooks = ", ".join(row.hooks) or "none can be used"
        made.add_row(row.name, row.kind, row.version, row.distribution, hooks, row.settings)
    tables.show(made)
    for row in found:
        if row.fault:
            click.secho(row.fault, fg="red")
