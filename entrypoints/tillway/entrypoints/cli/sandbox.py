"""``tillway sandbox``: the whole world in one process, offline."""

from pathlib import Path

import click
from aiohttp import web

from tillway.entrypoints.cli.running import follow_parent, run, until_told
from tillway.entrypoints.http.app import server_options


@click.command("sandbox")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535))
@click.option("--rpc-port", default=8899, show_default=True, type=click.IntRange(0, 65534))
@click.option(
    "--data-dir", type=click.Path(path_type=Path), help="Keep everything there between runs."
)
def command(port: int, rpc_port: int, data_dir: Path | None) -> None:
    """Run a chain, a shop and a gateway, without any network."""
    follow_parent()
    run(_serve(port, rpc_port, data_dir))


async def _serve(port: int, rpc_port: int, data_dir: Path | None) -> None:
    from tillway.entrypoints.sandbox.stage import Plan
    from tillway.entrypoints.sandbox.world import world

    plan = Plan(port=port, rpc_port=rpc_port, data_dir=data_dir)
    async with world(plan) as made:
        runner = web.AppRunner(made.gateway.web, **server_options())
        await runner.setup()
        try:
            site = web.TCPSite(runner, plan.host, plan.port)
            await site.start()
            _greet(runner.addresses[0][1], made.stage.node.rpc_url)
            await until_told()
        finally:
            await runner.cleanup()


def _greet(port: int, rpc_url: str) -> None:
    from tillway.entrypoints.sandbox.api import lines_to_try

    address = f"http://127.0.0.1:{port}"
    click.secho(f"Tillway sandbox at {address}, Solana at {rpc_url}", bold=True)
    click.echo("Try:")
    for line in lines_to_try(address):
        click.echo(f"  {line}")
