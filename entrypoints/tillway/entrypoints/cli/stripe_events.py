"""``tillway stripe events`` and ``retry``: what Stripe has told, and nobody could apply."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import orjson

from tillway.core.tenancy import DEFAULT
from tillway.entrypoints.cli.options import config_option
from tillway.entrypoints.processes.failures import CannotStart

if TYPE_CHECKING:
    from tillway.core.ports.store import Inbound, InboundState
    from tillway.core.services.hosted.backlog import Backlog

SOURCE: Final = "stripe"
MOST: Final = 10_000
MOST_RETRIED: Final = 1_000

WORDS: Final = {"received": "waiting", "given_up": "given up", "applied": "applied"}


@click.command("events")
@config_option
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, MOST))
@click.option(
    "--given-up", is_flag=True, help="Leave out those that are tried again by themselves."
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a line.")
@click.option("--body", is_flag=True, help="With --json: what was told too, buyers' data included.")
def events(file: Path | None, limit: int, given_up: bool, as_json: bool, body: bool) -> None:
    """List the events that are not applied, the newest first.

    What waits is tried again by a gateway that runs; what was given up, after a day and more,
    only at your word: see `tillway stripe retry`.
    """
    from tillway.core.ports.store import NOT_APPLIED, InboundState
    from tillway.entrypoints.processes.running import run

    if body and not as_json:
        raise click.UsageError("--body goes with --json")
    states = {InboundState.GIVEN_UP} if given_up else NOT_APPLIED
    run(_written(file, limit, states, body=body) if as_json else _told(file, limit, states))


@click.command("retry")
@config_option
@click.option("--all", "every", is_flag=True, help="All that were given up, in place of ids.")
@click.option(
    "--limit",
    default=MOST_RETRIED,
    show_default=True,
    type=click.IntRange(1, MOST_RETRIED),
    help="With --all: so many at most, the newest.",
)
@click.argument("ids", metavar="[ID]...", nargs=-1)
def retry(file: Path | None, every: bool, limit: int, ids: Sequence[str]) -> None:
    """Have events tried again, as if for the first time, by a gateway or worker that runs.

    Nothing is set if one of the ids is unknown, or is of an event that is applied.
    """
    from tillway.entrypoints.processes.running import run

    if every == bool(ids):
        raise click.UsageError("name events, or say --all")
    if len(ids) > MOST_RETRIED:
        raise click.UsageError(f"no more than {MOST_RETRIED} at a time")
    done = run(_retried_all(file, limit) if every else _retried(file, tuple(dict.fromkeys(ids))))
    for event in done:
        click.echo(event)
    click.echo(f"{len(done)} to be tried again")


def described(event: "Inbound", *, body: bool = False) -> dict[str, Any]:
    """Put an event into words that JSON has; what was told only if that is wanted."""
    facts = {
        "id": event.id,
        "type": event.type,
        "state": event.state.value,
        "received_at": event.received_at.isoformat(),
        "attempts": event.attempts,
        "last_error": event.last_error,
    }
    return facts | ({"body": event.body.decode("utf-8", "replace")} if body else {})


async def _told(file: Path | None, limit: int, states: "Collection[InboundState]") -> None:
    from rich.text import Text

    from tillway.entrypoints.cli import tables

    made = tables.table("received", "state", "type", "tries", "id", "last error")
    async with _backlog(file) as backlog:
        async for event in backlog.newest(limit, states):
            received = f"{event.received_at:%Y-%m-%d %H:%M:%S}"
            words = (received, WORDS[event.state.value], event.type, str(event.attempts))
            made.add_row(*map(Text, (*words, event.id, event.last_error or "")))
    tables.show(made)


async def _written(
    file: Path | None, limit: int, states: "Collection[InboundState]", *, body: bool
) -> None:
    async with _backlog(file) as backlog:
        async for event in backlog.newest(limit, states):
            click.echo(orjson.dumps(described(event, body=body)))


async def _retried(file: Path | None, ids: Sequence[str]) -> Sequence[str]:
    """Refuse all that is to be refused before anything is written."""
    async with _backlog(file) as backlog:
        for name in ids:
            found = await backlog.find(name) if name.isascii() else None
            if found is None:
                raise CannotStart(f"Stripe has told no event {name!a}")
            if found.applied_at is not None:
                raise CannotStart(f"event {name} is applied")
        return [name for name in ids if await backlog.retry(name)]


async def _retried_all(file: Path | None, limit: int) -> Sequence[str]:
    from tillway.core.ports.store import InboundState

    async with _backlog(file) as backlog:
        names = [each.id async for each in backlog.newest(limit, {InboundState.GIVEN_UP})]
        return [name for name in names if await backlog.retry(name)]


@asynccontextmanager
async def _backlog(file: Path | None) -> "AsyncIterator[Backlog]":
    from tillway.core.services.hosted.backlog import Backlog
    from tillway.entrypoints.cli.stores import opened
    from tillway.entrypoints.clocks import SystemClock

    async with opened(file) as store:
        yield Backlog(store=store, clock=SystemClock(), tenant=DEFAULT, source=SOURCE)
