"""``tillway version``: which Tillway this is."""

import click
from attrs import asdict

from tillway.entrypoints.version import build


@click.command("version")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def command(as_json: bool) -> None:
    """Say which Tillway this is."""
    found = build()
    if as_json:
        import orjson

        click.echo(orjson.dumps(asdict(found)))
        return
    click.echo(f"tillway {found.version}")
    click.echo(f"commit {found.commit}")
    click.echo(f"built {found.built_at}")
