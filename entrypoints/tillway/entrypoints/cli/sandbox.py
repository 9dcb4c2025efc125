"""``tillway sandbox``: the whole world in one process, offline."""

import asyncio
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tillway.entrypoints.sandbox.stage import Plan
    from tillway.entrypoints.sandbox.world import World


@click.command("sandbox")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535))
@click.option("--rpc-port", default=8899, show_default=True, type=click.IntRange(0, 65534))
@click.option("--stripe-port", default=12111, show_default=True, type=click.IntRange(0, 65535))
@click.option(
    "--data-dir", type=click.Path(path_type=Path), help="Keep everything there between runs."
)
def command(port: int, rpc_port: int, stripe_port: int, data_dir: Path | None) -> None:
    """Run a chain, a Stripe account, a shop and a gateway, without any network.

    With port 0 the system chooses. It leaves when the process that started it is gone.
    """
    from tillway.entrypoints.processes.running import run
    from tillway.entrypoints.sandbox.stage import Plan

    parent = os.getppid()
    plan = Plan(port=port, rpc_port=rpc_port, stripe_port=stripe_port, data_dir=data_dir)
    run(_serve(plan, parent))


async def _serve(plan: "Plan", parent: int) -> None:
    from attrs import evolve

    from tillway.entrypoints.cli.serve import prepare_log
    from tillway.entrypoints.processes.answering import Answering, answer_until_told
    from tillway.entrypoints.processes.listening import bind, port_of
    from tillway.entrypoints.processes.signals import Told
    from tillway.entrypoints.sandbox.world import world

    told = Told()
    told.listen()
    following = asyncio.create_task(told.follow(parent), name="follow")
    sockets = bind(plan.host, plan.port)
    async with world(evolve(plan, port=port_of(sockets))) as made:
        prepare_log(made.gateway.settings)
        answering = Answering(gateway=made.gateway, sockets=sockets)
        await answer_until_told(answering, told, lambda: _greet(made))
    following.cancel()


def _greet(made: "World") -> None:
    from tillway.entrypoints.sandbox.api import lines_to_try

    stage = made.stage
    address = f"http://{stage.plan.host}:{stage.plan.port}"
    click.secho(f"Tillway sandbox at {address}, Solana at {stage.node.rpc_url}", bold=True)
    click.echo(f"Stripe at {stage.stripe.url}")
    click.echo("Try:")
    for line in lines_to_try(address, _program()):
        click.echo(f"  {line}")


def _program() -> str:
    """Say how to call this very program from another terminal in the same folder."""
    here = Path(sys.argv[0]).absolute()
    if here.is_relative_to(Path.cwd()):
        return shlex.quote(str(here.relative_to(Path.cwd())))
    return here.name if shutil.which(here.name) == str(here) else shlex.quote(str(here))
