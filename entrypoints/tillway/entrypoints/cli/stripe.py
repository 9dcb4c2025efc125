"""``tillway stripe``: what Stripe tells, and what has become of it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tillway.entrypoints.cli import stripe_events
from tillway.entrypoints.cli.options import config_option
from tillway.entrypoints.processes.failures import CannotStart

if TYPE_CHECKING:
    from tillway.core.ports.hosting import HearsWebhooks
    from tillway.entrypoints.listening_in import Heard

_MOST_PORT = 65_535


@click.group("stripe")
def command() -> None:
    """Look on at what Stripe tells, and at what of it is not applied."""


command.add_command(stripe_events.events)
command.add_command(stripe_events.retry)


@command.command("listen")
@config_option
@click.option(
    "--port",
    default=4242,
    show_default=True,
    type=click.IntRange(0, _MOST_PORT),
    help="Where to listen on this machine, at any path; 0 chooses a free port.",
)
@click.option("--forward", metavar="URL", help="Hand each event on to a gateway's webhook.")
@click.option("--json", "as_json", is_flag=True, help="Write the events themselves, one a line.")
def listen(file: Path | None, port: int, forward: str | None, as_json: bool) -> None:
    """Print events as they arrive, if they are signed with `stripe.webhook_secret`.

    What is not authentic is answered 400, and told on the error output. Nothing is stored: with
    --forward a gateway takes the same bytes with the same signature.
    """
    from tillway.entrypoints.listening_in import Listener
    from tillway.entrypoints.listening_in import listen as listen_in
    from tillway.entrypoints.processes.running import run

    listener = Listener(
        hears=_hearing(file),
        tell=lambda heard: _tell(heard, as_json=as_json),
        refused=lambda why: click.secho(f"refused: {why}", fg="red", err=True),
        forward=forward,
    )
    run(listen_in(listener, port, _begun))


def _hearing(file: Path | None) -> "HearsWebhooks":
    from tillway.entrypoints.bootstrap import create_app
    from tillway.entrypoints.configuration import load_config

    gateway = create_app(load_config(file), background=False)
    hears = gateway.rails.hearing.get("stripe")
    if hears is None:
        raise CannotStart("stripe.secret_key and stripe.webhook_secret are not set")
    return hears


def _begun(port: int) -> None:
    click.echo(f"listens on http://127.0.0.1:{port}/webhook/stripe", err=True)


def _tell(heard: "Heard", *, as_json: bool) -> None:
    if as_json:
        click.echo(b" ".join(heard.body.splitlines()))
        return
    parts = [f"{heard.at:%Y-%m-%d %H:%M:%S}", heard.type, heard.id]
    if heard.meaning:
        parts.append(heard.meaning)
    if heard.forwarded is not None:
        parts.append(f"-> {heard.forwarded}")
    click.echo("  ".join(parts))
