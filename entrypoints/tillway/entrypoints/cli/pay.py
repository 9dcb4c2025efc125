"""``tillway pay``: buy something and show each step."""

import sys
from contextlib import AbstractContextManager
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from attrs import define
from rich.console import Console
from rich.text import Text

from tillway.entrypoints.cli.failing import CANNOT

if TYPE_CHECKING:
    from tillway.entrypoints.buying.purchase import Order
    from tillway.entrypoints.buying.words import Receipt

PAID: Final = 0
REFUSED: Final = 1


def _amount(_: click.Context, __: click.Parameter, text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise click.BadParameter(f"{text!r} is not a number") from None
    if not amount.is_finite() or amount < 0:
        raise click.BadParameter(f"{text!r} is not an amount")
    return amount


@click.command("pay")
@click.argument("url")
@click.option("--rpc-url", help="The Solana node; by default the one of the sandbox at the URL.")
@click.option(
    "--keypair",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A wallet as the Solana tools keep it; by default a new one that the sandbox funds.",
)
@click.option(
    "--max-amount",
    default="1.00",
    show_default=True,
    callback=_amount,
    help="The most to pay, in whole tokens.",
)
def command(url: str, rpc_url: str | None, keypair: Path | None, max_amount: Decimal) -> None:
    """Buy the resource at URL with x402 version 2.

    Exit code 0: it was given; 1: it was refused; 2: it could not be asked for or paid.
    """
    from tillway.entrypoints.buying.purchase import Order
    from tillway.entrypoints.processes.running import run

    order = Order(url=url, rpc_url=rpc_url, wallet=keypair, most=max_amount)
    sys.exit(run(_pay(order, Console(highlight=False))))


@define
class _Teller:
    """Tells a terminal how a purchase goes."""

    console: Console

    def step(self, text: str) -> None:
        self.mark("✓", "green", text)

    def waiting(self, text: str) -> AbstractContextManager[object]:
        return self.console.status(text)

    def mark(self, sign: str, colour: str, text: str) -> None:
        line = Text.assemble((sign, colour), " ", text)
        self.console.print(line, soft_wrap=True)


async def _pay(order: "Order", console: Console) -> int:
    import aiohttp

    from tillway.entrypoints.buying.buyer import Buyer, session
    from tillway.entrypoints.buying.purchase import Purchase
    from tillway.entrypoints.buying.words import CannotPay, Refused

    teller = _Teller(console)
    async with session() as http:
        try:
            receipt = await Purchase(buyer=Buyer(http), order=order, show=teller).make()
        except Refused as refusal:
            teller.mark("✗", "red", str(refusal))
            return REFUSED
        except CannotPay as reason:
            teller.mark("✗", "red", str(reason))
        except aiohttp.ClientError as error:
            teller.mark("✗", "red", _of_the_network(error))
        except TimeoutError:
            teller.mark("✗", "red", "no answer in time")
        else:
            return _answered(teller, receipt)
    return CANNOT


def _of_the_network(error: Exception) -> str:
    host, port = getattr(error, "host", None), getattr(error, "port", None)
    return f"{host}:{port} cannot be reached" if host else f"no answer: {error}"


def _answered(teller: _Teller, receipt: "Receipt") -> int:
    good = receipt.status == 200
    teller.mark("✓" if good else "✗", "green" if good else "red", str(receipt.status))
    teller.console.print(Text(receipt.body.strip()), soft_wrap=True)
    return PAID if good else REFUSED
