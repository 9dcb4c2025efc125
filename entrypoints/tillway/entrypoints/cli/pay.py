"""``tillway pay``: buy something and show each step."""

import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from tillway.entrypoints.cli.failing import CANNOT, stop
from tillway.entrypoints.cli.running import run

if TYPE_CHECKING:
    from solders.keypair import Keypair

    from tillway.entrypoints.buyer import Buyer, Challenge, Receipt


@click.command("pay")
@click.argument("url")
@click.option("--rpc-url", help="The Solana node; by default the one of the sandbox at the URL.")
@click.option(
    "--keypair",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A wallet as the Solana tools keep it; by default a new one that the sandbox funds.",
)
@click.option("--max-amount", default="1.00", show_default=True, help="Refuse to pay more.")
def command(url: str, rpc_url: str | None, keypair: Path | None, max_amount: str) -> None:
    """Buy the resource at URL with x402 version 2."""
    try:
        most = Decimal(max_amount)
    except ArithmeticError:
        stop("--max-amount must be a number")
    sys.exit(run(_pay(url, rpc_url, keypair, most)))


async def _pay(url: str, rpc_url: str | None, keypair: Path | None, most: Decimal) -> int:
    import aiohttp

    from tillway.entrypoints.buyer import Buyer, CannotPay

    console = Console(highlight=False)
    timeout = aiohttp.ClientTimeout(total=90)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        try:
            return await _steps(Buyer(http), console, url, rpc_url, keypair, most)
        except (CannotPay, aiohttp.ClientError, TimeoutError) as error:
            console.print(f"[red]✗[/red] {error or 'no answer in time'}")
            return CANNOT


async def _steps(
    buyer: "Buyer",
    console: Console,
    url: str,
    rpc_url: str | None,
    keypair: Path | None,
    most: Decimal,
) -> int:
    from tillway.entrypoints.buyer import Receipt, sign_payment

    asked = await buyer.challenge(url)
    if isinstance(asked, Receipt):
        return _answered(console, asked)
    _step(console, f"GET {url}: 402, payment required")
    node = rpc_url or await _sandbox_node(buyer, url)
    token = await buyer.token(node, asked.offer["asset"])
    price = Decimal(asked.amount).scaleb(-token.decimals)
    _step(console, f"the price is {price} of {asked.offer['asset']}, paid to {asked.offer['payTo']}")
    _refuse_more(price, most)
    payer = await _wallet(buyer, console, asked, keypair)
    signed = sign_payment(asked, token, await buyer.blockhash(node), payer)
    _step(console, f"signed a transaction of {len(signed)} bytes; the seller pays its fee")
    receipt = await buyer.pay(asked, signed)
    transaction = receipt.settlement.get("transaction")
    if receipt.status == 200 and transaction:
        _step(console, f"settled on chain as {transaction}")
    return _answered(console, receipt)


async def _sandbox_node(buyer: "Buyer", url: str) -> str:
    from tillway.entrypoints.buyer import CannotPay

    about = await buyer.sandbox(url)
    if about is None:
        raise CannotPay("this is no sandbox: name a Solana node with --rpc-url")
    return str(about["rpc_url"])


async def _wallet(
    buyer: "Buyer", console: Console, asked: "Challenge", keypair: Path | None
) -> "Keypair":
    from solders.keypair import Keypair

    if keypair is not None:
        payer = Keypair.from_json(keypair.read_text())
        _step(console, f"paying from {payer.pubkey()}")
        return payer
    payer = Keypair()
    await buyer.fund(asked.url, payer.pubkey(), "1000")
    _step(console, f"made the wallet {payer.pubkey()} and had the sandbox give it 1000 USDC")
    return payer


def _refuse_more(price: Decimal, most: Decimal) -> None:
    from tillway.entrypoints.buyer import CannotPay

    if price > most:
        raise CannotPay(f"the price of {price} is more than --max-amount {most}")


def _answered(console: Console, receipt: "Receipt") -> int:
    good = receipt.status == 200
    mark = "[green]✓[/green]" if good else "[red]✗[/red]"
    console.print(f"{mark} {receipt.status}")
    console.print(receipt.body.strip(), markup=False)
    return 0 if good else 1


def _step(console: Console, text: str) -> None:
    console.print(f"[green]✓[/green] {text}", soft_wrap=True)
