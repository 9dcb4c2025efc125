"""A whole purchase, from the price to the receipt, each step told as it is done."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path
from typing import Final, Protocol

from attrs import define, field, frozen
from solders.keypair import Keypair

from tillway.core.assets import BUILT_IN
from tillway.entrypoints.buying.buyer import Buyer
from tillway.entrypoints.buying.signing import Token, read_wallet, sign_payment
from tillway.entrypoints.buying.words import CannotPay, Challenge, Receipt, Refused

PATIENCE: Final = 90.0
"""Seconds for which a payment that is not settled yet is presented again."""

_ALLOWANCE: Final = Decimal(1000)
"""What the sandbox is asked to give a new wallet, unless the price is higher."""


class Shows(Protocol):
    """Somebody who follows a purchase."""

    def step(self, text: str) -> None:
        """Hear what has been done."""
        ...

    def waiting(self, text: str) -> AbstractContextManager[object]:
        """Hear what is being waited for, for as long as the context lasts."""
        ...


@frozen(kw_only=True)
class Order:
    """What to buy, with what. ``most`` is in whole tokens. ``wallet`` None has a new one made."""

    url: str
    most: Decimal
    rpc_url: str | None = None
    wallet: Path | None = None


@define(kw_only=True)
class Purchase:
    """Buy once. Nothing is ever paid twice: only the same signed bytes are presented again."""

    buyer: Buyer
    order: Order
    show: Shows
    monotonic: Callable[[], float] = time.monotonic
    patience: float = PATIENCE
    _wallet: Keypair | None = field(default=None, init=False)

    async def make(self) -> Receipt:
        """Buy, and give the seller's last answer, which need not be a yes.

        Raises Refused if the price is too high, CannotPay if anything else is in the way.
        """
        order = self.order
        if order.wallet is not None:
            self._wallet = read_wallet(order.wallet)
        asked = await self.buyer.challenge(order.url)
        if isinstance(asked, Receipt):
            return asked
        self.show.step(f"GET {order.url}: 402, payment required")
        node = order.rpc_url or await self._sandbox_node()
        token = await self.buyer.token(node, asked.asset)
        price = Decimal(asked.amount).scaleb(-token.decimals).normalize()
        cost = f"{price:f} {_name(asked.asset)}"
        self.show.step(f"the price is {cost}, paid to {asked.offer['payTo']}")
        if price > order.most:
            raise Refused(f"the price of {price:f} is more than --max-amount {order.most}")
        return await self._paid(asked, token, node, price)

    async def _paid(self, asked: Challenge, token: Token, node: str, price: Decimal) -> Receipt:
        payer = self._wallet or await self._new_wallet(asked, price)
        self.show.step(f"paying from {payer.pubkey()}")
        signed = sign_payment(asked, token, await self.buyer.blockhash(node), payer)
        self.show.step(f"signed {len(signed)} bytes; {asked.sponsor} pays the network's fee")
        with self.show.waiting("the seller sends it and waits for the chain"):
            receipt = await self._answered(asked, signed)
        if receipt.status == 200 and receipt.transaction:
            self.show.step(f"settled on chain as {receipt.transaction}")
        return receipt

    async def _answered(self, asked: Challenge, signed: bytes) -> Receipt:
        until = self.monotonic() + self.patience
        while True:
            receipt = await self.buyer.pay(asked, signed)
            if not receipt.pending:
                return receipt
            if self.monotonic() >= until:
                raise CannotPay(
                    f"{receipt.transaction} may still settle: pay nothing else before it has failed"
                )
            await asyncio.sleep(receipt.retry_after)

    async def _sandbox_node(self) -> str:
        about = await self.buyer.sandbox(self.order.url)
        if about is None:
            raise CannotPay("the seller is no sandbox: name a Solana node with --rpc-url")
        return str(about["rpc_url"])

    async def _new_wallet(self, asked: Challenge, price: Decimal) -> Keypair:
        if self.order.rpc_url and await self.buyer.sandbox(self.order.url) is None:
            raise CannotPay("the seller is no sandbox: name a wallet that has money by --keypair")
        made, amount = Keypair(), max(_ALLOWANCE, price)
        await self.buyer.fund(asked.url, made.pubkey(), f"{amount:f}", _name(asked.asset))
        self.show.step(f"the sandbox gave a new wallet {amount:f} {_name(asked.asset)}")
        return made


def _name(mint: str) -> str:
    """Give a token's symbol if we know it on some network, else its mint."""
    symbols: dict[str, str] = {
        str(address): each.code for each in BUILT_IN for address in each.mints.values()
    }
    return symbols.get(mint, mint)
