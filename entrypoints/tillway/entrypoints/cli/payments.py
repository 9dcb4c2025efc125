"""``tillway payments``: what the store knows of payments."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click
import orjson

from tillway.core.payments import Payment
from tillway.core.ports.store import View
from tillway.core.tenancy import DEFAULT
from tillway.entrypoints.cli.options import config_option
from tillway.entrypoints.processes.failures import CannotStart

MOST = 10_000


@click.group("payments")
def command() -> None:
    """Look at payments in the store, while a gateway runs or not."""


@command.command("list")
@config_option
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, MOST))
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a line.")
def newest(file: Path | None, limit: int, as_json: bool) -> None:
    """List payments, the newest first."""
    from tillway.entrypoints.processes.running import run

    found = run(_newest(file, limit))
    if as_json:
        for payment in found:
            click.echo(orjson.dumps(described(payment)))
    else:
        _show_table(found)


@command.command("show")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@click.argument("signature")
def show(file: Path | None, as_json: bool, signature: str) -> None:
    """Show the payment with the transaction signature SIGNATURE."""
    from tillway.entrypoints.processes.running import run

    payment = run(_one(file, signature))
    if payment is None:
        raise CannotStart(f"no payment has the signature {signature}")
    described_payment = described(payment)
    if as_json:
        click.echo(orjson.dumps(described_payment, option=orjson.OPT_INDENT_2))
    else:
        _show_one(described_payment)


def described(payment: Payment) -> dict[str, Any]:
    """Put a payment into words that JSON has. Its signed bytes and the grant stay inside."""
    return {
        "signature": payment.signature,
        "state": payment.state.value,
        "resource": payment.purchase.resource,
        "purpose": payment.purchase.purpose.value,
        "amount": str(payment.amount.to_major()),
        "asset": payment.amount.asset.code,
        "method": payment.method,
        "rail": payment.rail,
        "chain": payment.chain,
        "payer": payment.payer,
        "pay_to": payment.pay_to,
        "coupons": list(payment.coupons),
        "tenant": payment.tenant,
        "created_at": payment.created_at.isoformat(),
        "ended_at": payment.ended_at.isoformat() if payment.ended_at else None,
        "slot": payment.slot,
        "code": payment.code.value if payment.code else None,
        "reason": payment.reason,
    }


async def _newest(file: Path | None, limit: int) -> Sequence[Payment]:
    async with _view(file) as view:
        return await view.payments.newest(DEFAULT, limit)


async def _one(file: Path | None, signature: str) -> Payment | None:
    async with _view(file) as view:
        return await view.payments.by_signature(DEFAULT, signature)


@asynccontextmanager
async def _view(file: Path | None) -> AsyncIterator[View]:
    from tillway.entrypoints.cli.stores import opened

    async with opened(file) as store, store.view() as view:
        yield view


def _show_table(found: Sequence[Payment]) -> None:
    from tillway.entrypoints.cli import tables

    made = tables.table("created", "state", "amount", "resource", "payer", "signature")
    for payment in found:
        amount = f"{payment.amount.to_major()} {payment.amount.asset.code}"
        created = f"{payment.created_at:%Y-%m-%d %H:%M:%S}"
        words = (created, payment.state.value, amount, payment.purchase.resource)
        made.add_row(*words, payment.payer, payment.signature)
    tables.show(made)


def _show_one(facts: Mapping[str, Any]) -> None:
    from tillway.entrypoints.cli import tables

    made = tables.table("fact", "value")
    for name, fact in facts.items():
        made.add_row(name.replace("_", " "), "" if fact is None else str(fact))
    tables.show(made)
