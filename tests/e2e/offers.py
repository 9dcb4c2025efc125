"""The 402 of the demo article, as a buyer without an SDK reads it."""

import base64
import json
from typing import Any, Final

from attrs import frozen
from solders.pubkey import Pubkey

from e2e.http_call import call
from e2e.sandbox import Sandbox

ARTICLE: Final = "demo-article"
PRICE: Final = 50_000  # USDC 0.05
DEVNET: Final = "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1"


@frozen(kw_only=True)
class Shop:
    """The sandbox's seller: where buyers ask, and who is paid in which mint."""

    sandbox: Sandbox
    payee: Pubkey
    mint: Pubkey

    def at(self, product: str) -> str:
        """Give the URL of something that he sells."""
        return f"{self.sandbox.url}/paywall/{product}"

    def takings(self) -> int:
        """Ask the chain for the seller's balance."""
        return self.sandbox.tokens(self.payee, self.mint)


def offer(sandbox: Sandbox) -> dict[str, Any]:
    """Read the v2 challenge for the demo article."""
    answer = call(f"{sandbox.url}/paywall/{ARTICLE}")
    assert answer.status == 402, answer.content
    challenge: dict[str, Any] = json.loads(base64.b64decode(answer.headers["PAYMENT-REQUIRED"]))
    return challenge


def shop(sandbox: Sandbox) -> Shop:
    """Find the seller by his offer."""
    (accepted,) = offer(sandbox)["accepts"]
    payee, mint = Pubkey.from_string(accepted["payTo"]), Pubkey.from_string(accepted["asset"])
    return Shop(sandbox=sandbox, payee=payee, mint=mint)
